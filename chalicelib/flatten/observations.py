"""What a source's documents had, beside their rows: which columns were filled, and what no column takes.

A column that nothing filled, a list of rows that no document has, a key that is nearly the contract's, what lies beside
or around the documents: none of them rejects a document, and each may be a fault in the contract. Counts and paths, and
no values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain

from msgspec import Struct, field

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.sources import FromDocument, FromRecord
from chalicelib.errors import shown

MOST_LISTED = 20
"""How many columns or fields one sentence names."""

MOST_PATHS = 200
"""How many paths of unnamed fields are remembered; a document may have any number."""

MOST_AROUND, LONGEST_NAME = 40, 100
"""How many names around the documents are remembered, and how long they may be."""

_CURRENCY = re.compile(r"(?i)(^|[^a-z])currency(_?code|_?id)?$")


class Observations(Struct):
    """`filled` counts the values that are not NULL by table and column, `rows` the rows that elements made by table.

    `near_misses` are paths of fields that the contract would name but for case, spaces or underscores, each with the
    path that it names; `unnamed` are paths of fields that no column takes, in the order in which they were first seen.
    `beside` are the paths of what lies beside the documents in the objects around their array, each with the kind of
    JSON there; `around` those of what lies in the records around the documents, and is on no path of the contract.
    """

    documents: int = 0
    filled: Counter[tuple[str, str]] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)
    near_misses: dict[str, str] = field(default_factory=dict)
    unnamed: dict[str, None] = field(default_factory=dict)
    beside: Mapping[str, str] = field(default_factory=dict)
    around: dict[str, None] = field(default_factory=dict)

    def __iadd__(self, other: Observations) -> Observations:
        """Add what others observed, as of another thread."""
        self.documents += other.documents
        self.filled.update(other.filled)
        self.elements.update(other.elements)
        self.near_misses |= other.near_misses
        self.unnamed |= other.unnamed
        self.around |= other.around
        return self

    def hints(self, contract: Contract) -> list[str]:
        """Return what may be a fault in the contract, a sentence each.

        Of columns and keys nothing where no document was loaded.
        """
        loaded = [self._of_keys(), self._of_surroundings(contract), self._of_columns(contract)]
        return list(chain.from_iterable(loaded if self.documents else loaded[1:2]))

    def _of_surroundings(self, contract: Contract) -> Iterator[str]:
        beside = [f"{path} ({kind})" for path, kind in self.beside.items() if kind != "null"]
        if beside:
            yield f"no column takes what lies beside the documents, around their array: {_listed(beside)}"
        if self.around:
            yield (
                f"no column takes what lies around the documents, outside of {contract.at}: "
                f"{_listed(list(self.around))}; outer = ... reads it"
            )

    def _of_keys(self) -> Iterator[str]:
        for sent, meant in sorted(self.near_misses.items()):
            yield (
                f"the key {shown(sent)!r} is not read as {meant!r}: keys count as the contract writes them, case, "
                "spaces and underscores too"
            )

    def _of_columns(self, contract: Contract) -> Iterator[str]:
        without = self.without_elements(contract)
        for table in without:
            yield f"no document has an element in {table.rows}, the list that makes the rows of table {table.name}"
        empty = [
            f"{table.name}.{column.name} ({', else '.join(map(str, source.paths))})"
            for table, column, source in self.unfilled(contract)
        ]
        if empty:
            yield f"no document filled {_listed(empty)}"
        if (empty or without) and self.unnamed:
            yield f"no column takes {_listed(list(self.unnamed))}: they are in extra_fields"
        currencies = [path for path in self.unnamed if _CURRENCY.search(path)]
        if currencies and _has_amounts_without_currency(contract):
            yield (
                f"no column takes {_listed(currencies)}: where it is not the same in all documents, the sum of an "
                "amount mixes currencies"
            )

    def without_elements(self, contract: Contract) -> list[Table]:
        """Return the tables of whose list of rows no document had an element."""
        return [table for table in contract.tables if table.rows and not self.elements[table.name]]

    def unfilled(self, contract: Contract) -> Iterator[tuple[Table, Column, FromDocument | FromRecord]]:
        """Yield the columns that no document filled and where they are read, but for those of rows that never were."""
        without = self.without_elements(contract)
        for table, column in contract.columns():
            source = column.source
            if not isinstance(source, FromDocument | FromRecord) or self.filled[table.name, column.name]:
                continue
            if not (table in without and table.level(column) == table.depth):
                yield table, column, source

    def note_around(self, path: str) -> None:
        """Remember the path of what lies around a document, on no path of the contract."""
        if len(self.around) < MOST_AROUND:
            self.around.setdefault(str(shown(path, LONGEST_NAME)))

    def note_unnamed(self, path: str) -> None:
        """Remember the path of a field that no column takes."""
        if len(self.unnamed) < MOST_PATHS:
            self.unnamed.setdefault(path)


def _has_amounts_without_currency(contract: Contract) -> bool:
    columns = [column for _, column in contract.columns()]
    paths = [str(path) for column in columns for path in (*column.paths, *column.referred)]
    return any(column.type is Type.DECIMAL for column in columns) and not any(map(_CURRENCY.search, paths))


def _listed(names: list[str]) -> str:
    few = ", ".join(shown(name, 200) for name in names[:MOST_LISTED])
    return f"{few} and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else few
