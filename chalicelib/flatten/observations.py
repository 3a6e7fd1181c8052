"""What a source's documents had, beside their rows: which columns were filled, and what no column takes.

A column that nothing filled, a list of rows that no document has, a key that is nearly the contract's: none of them
rejects a document, and each may be a fault in the contract. Counts and paths, and no values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from chalicelib.contracts.contract import Column, Contract, FromDocument, FromRecord, Table
from chalicelib.errors import shown

MOST_LISTED = 20
"""How many columns or fields one sentence names."""

MOST_PATHS = 200
"""How many paths of unnamed fields are remembered; a document may have any number."""


@dataclass
class Observations:
    """`filled` counts the values that are not NULL by table and column, `rows` the rows that elements made by table.

    `near_misses` are paths of fields that the contract would name but for case, spaces or underscores, each with the
    path that it names; `unnamed` are paths of fields that no column takes, in the order in which they were first seen.
    """

    documents: int = 0
    filled: Counter[tuple[str, str]] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)
    near_misses: dict[str, str] = field(default_factory=dict)
    unnamed: dict[str, None] = field(default_factory=dict)

    def __iadd__(self, other: Observations) -> Observations:
        """Add what others observed, as of another thread."""
        self.documents += other.documents
        self.filled.update(other.filled)
        self.elements.update(other.elements)
        self.near_misses |= other.near_misses
        self.unnamed |= other.unnamed
        return self

    def hints(self, contract: Contract) -> list[str]:
        """Return what may be a fault in the contract, a sentence each; nothing where no document was loaded."""
        if not self.documents:
            return []
        hints = [
            f"the key {shown(sent)!r} is not read as {meant!r}: keys count as the contract writes them, case, spaces "
            "and underscores too"
            for sent, meant in sorted(self.near_misses.items())
        ]
        without = self.without_elements(contract)
        hints += [
            f"no document has an element in {table.rows}, the list that makes the rows of table {table.name}"
            for table in without
        ]
        empty = [
            f"{table.name}.{column.name} ({', else '.join(map(str, source.paths))})"
            for table, column, source in self.unfilled(contract)
        ]
        if empty:
            hints.append(f"no document filled {_listed(empty)}")
        if (empty or without) and self.unnamed:
            hints.append(f"no column takes {_listed(list(self.unnamed))}: they are in extra_fields")
        return hints

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

    def note_unnamed(self, path: str) -> None:
        """Remember the path of a field that no column takes."""
        if len(self.unnamed) < MOST_PATHS:
            self.unnamed.setdefault(path)


def _listed(names: list[str]) -> str:
    few = ", ".join(shown(name, 200) for name in names[:MOST_LISTED])
    return f"{few} and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else few
