"""The strict way to decode one document: every rule checked, every unnamed field kept, every rejection explained.

It reads what the fast way could not prove sound, and is the measure that the fast way is tested against.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column, Contract, RowList, Table
from chalicelib.contracts.sources import FromDocument, FromRecord, Origin, Product, RowNumber
from chalicelib.flatten import date_values, values
from chalicelib.flatten.around import AroundDocument
from chalicelib.flatten.follow import follow, holds, listed
from chalicelib.flatten.json_text import RejectedDocument, parsed, with_own
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.readers import ColumnReader, Element, ProductReader
from chalicelib.flatten.scalars import kind
from chalicelib.flatten.unnamed import UnnamedFields
from chalicelib.flatten.unread import unread

_MANY_ELEMENTS = 1000
"""From so many on, the rows that elements make are reckoned before any of them is read."""


class DecodedDocument(Struct, frozen=True):
    """One document as rows of each table, in the order of the contract's tables; `size` is about what they take.

    A row holds the values of the table's `read_columns` in their order: decimals as integers of their smallest unit,
    timestamps as milliseconds, dates as days. `elements` counts the rows that elements made. `date_ms` is the date
    whose month is the partition, None where the contract has none.
    """

    tables: tuple[list[list[Any]], ...]
    elements: tuple[int, ...]
    date_ms: int | None
    size: int


def read_columns(table: Table) -> tuple[Column, ...]:
    """Return the columns of a table that a document gives: all but lineage and partition."""
    given = (FromDocument, FromRecord, RowNumber, Product)
    return tuple(c for c in table.columns if isinstance(c.source, given) or c.source is Origin.EXTRA_FIELDS)


class StrictDecoder:
    """Decodes documents of `contract` one at a time; those dated after `latest_ms` are rejected.

    `unnamed` collects the fields that the contract does not name.
    """

    def __init__(self, contract: Contract, latest_ms: int, observations: Observations | None = None) -> None:
        self._contract = contract
        observations = observations or Observations()
        self.unnamed = UnnamedFields(contract, observations)
        self._around = AroundDocument(contract, observations)
        self._tables = [_TableReader(contract, table, self.unnamed, latest_ms) for table in contract.tables]
        self._date = None if contract.date_column.source is Origin.SOURCE_MODIFIED_AT else contract.date_column
        self._date_is_date = contract.date_column.type is Type.DATE

    def decode(self, raw: bytes, *, is_sound: bool = False, certain: int = 0) -> DecodedDocument:
        """Decode one record. Raises RejectedDocument for the first thing that breaks the contract.

        Where it `is_sound`, it is JSON in whose objects no key is repeated: what is not asked for is not parsed. So
        many columns of the main table, from the first, are `certain` not to reject it: the next one is asked first.
        """
        record = unread(raw) if is_sound else parsed(raw)
        document = self._around.document_in(record)
        if not isinstance(document, dict):
            raise RejectedDocument(str(self._contract.at or ""), f"expected a JSON object, found {kind(document)}")
        if certain:
            self._tables[0].probe(certain, document, record)
        tables, elements, size = [], [], 0
        for table in self._tables:
            rows, count, bytes_of_rows = table.read(document, record)
            tables.append(rows)
            elements.append(count)
            size += bytes_of_rows
        return DecodedDocument(tuple(tables), tuple(elements), self._date_of(tables[0][0]), size)

    def _date_of(self, row: list[Any]) -> int | None:
        if self._date is None:
            return None
        value: int = row[self._tables[0].positions[self._date.name]]
        return value * date_values.MILLISECONDS_A_DAY if self._date_is_date else value


class _TableReader:
    """Reads the rows of one table from a document."""

    def __init__(self, contract: Contract, table: Table, unnamed: UnnamedFields, latest_ms: int) -> None:
        self._table = table
        columns = read_columns(table)
        self.positions = {column.name: i for i, column in enumerate(columns)}
        self._readers: list[list[ColumnReader]] = [[] for _ in range(table.depth + 1)]
        for i, column in enumerate(columns):
            if isinstance(column.source, FromDocument | FromRecord):
                self._readers[table.level(column)].append(ColumnReader(contract, column, i, latest_ms))
        numbers = {column.name: number for number, column in enumerate(table.columns)}
        self._of_document = {numbers[columns[each.position].name]: each for each in self._readers[0]}
        self._numbers = [
            (i, c.source.of.level, _counted(contract, table, c.source))
            for i, c in enumerate(columns)
            if isinstance(c.source, RowNumber)
        ]
        # An element is no object only where its table reads nothing of it but itself.
        self._takes_scalars = [
            level == table.depth and any(not path.relative for reader in readers for path in reader.paths)
            for level, readers in enumerate(self._readers[1:], 1)
        ]
        self._products = [ProductReader(table, column, self.positions) for column in table.products]
        self._texts = [i for i, column in enumerate(columns) if column.glue_type == "string"]
        self._extra = self.positions[table.of(Origin.EXTRA_FIELDS).name]
        self._unnamed = [
            unnamed.reader(table.lists[level - 1].path if level else None)
            if keeps_unnamed(contract, table, level)
            else None
            for level in range(table.depth + 1)
        ]

    def probe(self, number: int, document: dict[str, Any], record: Any) -> None:
        """Read a column alone, by its number in the table, if the document itself gives it. Raises RejectedDocument."""
        reader = self._of_document.get(number)
        if reader is not None:
            reader.read([Element(document, "", ())], record)

    def read(self, document: dict[str, Any], record: Any) -> tuple[list[list[Any]], int, int]:
        """Return a document's rows, at least one, how many elements made, and about how many bytes they take."""
        root = Element(document, "", ())
        first: list[Any] = [None] * len(self.positions)
        self._fill(first, [root], record, None)
        numbers: list[tuple[int, int, _Numbers]] | None = None
        rows, size = [], 0
        for element, row in self._rows([root], first, record) if self._table.depth else [(root, first)]:
            # Not before an element is sound: a million that are none would be numbered for nothing.
            numbers = self._numberings(document) if numbers is None else numbers
            size += self._finish(row, element, numbers)
            if self._table.depth:
                self._check_size(size)
            rows.append(row)
        if not rows:
            return [first], 0, self._finish(first, root, self._numberings(document))
        return rows, len(rows), size

    def _numberings(self, document: dict[str, Any]) -> list[tuple[int, int, _Numbers]]:
        return [(i, level, _numbering(document, lists)) for i, level, lists in self._numbers]

    def _rows(self, elements: list[Element], row: list[Any], record: Any) -> Iterator[tuple[Element, list[Any]]]:
        """Yield the row of each element below the last of `elements`, whose values so far are in `row`."""
        if len(elements) > self._table.depth:
            yield elements[-1], row
            return
        for element in self._elements(elements[-1], self._table.lists[len(elements) - 1], row):
            inner = list(row)
            self._fill(inner, [*elements, element], record, row[self._extra])
            yield from self._rows([*elements, element], inner, record)

    def _elements(self, element: Element, rows: RowList, row: list[Any]) -> Iterator[Element]:
        """Yield the elements of a list that count; `row` has what their rows repeat."""
        value, path = follow(element.value, rows.steps, element.path)
        if isinstance(value, dict) and self._table.one_or_many:
            value = [value]
        if value is None or value is False or value == "":
            return
        if not isinstance(value, list):
            raise RejectedDocument(path, f"expected an array, found {kind(value)}")
        if not self._takes_scalars[len(element.indexes)]:
            # Before rows are made: a million of them would be for nothing where the last element is no object.
            for i, each in enumerate(value):
                if not isinstance(each, dict) and (rows.where is None or holds(each, rows.where)):
                    raise RejectedDocument(f"{path}[{i}]", f"expected an object, found {kind(each)}")
        if len(value) >= _MANY_ELEMENTS and rows.where is None and rows is self._table.lists[-1]:
            self._check_size(self._size(row) * len(value))
        for i, each in enumerate(value):
            if rows.where is None or holds(each, rows.where):
                yield Element(each, f"{path}[{i}].", (*element.indexes, i))

    def _fill(self, row: list[Any], elements: list[Element], record: Any, fields: str | None) -> None:
        """Put the values of one level into a row, and the unnamed fields, after those of the levels above."""
        level = len(elements) - 1
        for reader in self._readers[level]:
            row[reader.position] = reader.read(elements, record)
        unnamed = self._unnamed[level]
        if unnamed is not None:
            row[self._extra] = with_own(fields, unnamed(elements[-1].value, elements[-1].path))

    def _finish(self, row: list[Any], element: Element, numbers: list[tuple[int, int, _Numbers]]) -> int:
        for i, level, numbering in numbers:
            row[i] = numbering.get(element.indexes[:level]) if len(element.indexes) >= level else None
        for product in self._products:
            product.multiply(row, element.path)
        return self._size(row)

    def _check_size(self, size: int) -> None:
        if size > values.MAX_ROWS_BYTES:
            raise RejectedDocument(
                str(self._table.rows),
                f"its elements make rows of more than {values.MAX_ROWS_BYTES} bytes, since each repeats the document's "
                "texts: split the document",
            )

    def _size(self, row: list[Any]) -> int:
        """Return about how many bytes a row takes, of which some values may be missing yet."""
        size = values.ROW_BYTES
        for i in self._texts:
            text = row[i]
            if text is not None:
                size += len(text) if text.isascii() else len(text.encode())
        return size


_Numbers = dict[tuple[int, ...], int]


def _counted(contract: Contract, table: Table, number: RowNumber) -> tuple[RowList, ...]:
    """Return the lists whose elements a row number counts: those of the table that has these rows, else all."""
    counting = contract.counts(number)
    if counting is not None:
        return counting.lists
    return tuple(replace(rows, where=None) for rows in table.lists[: number.of.level])


def _numbering(document: Any, lists: tuple[RowList, ...]) -> _Numbers:
    """Return the number of each element that counts, from 1, by its indexes in the lists on the way to it."""
    value: list[tuple[tuple[int, ...], Any]] = [((), document)]
    for rows in lists:
        value = [
            ((*indexes, i), each)
            for indexes, element in value
            for i, each in enumerate(listed(follow(element, rows.steps, "", strictly=False)[0]))
            if rows.where is None or holds(each, rows.where)
        ]
    return {indexes: number for number, (indexes, _) in enumerate(value, 1)}


def keeps_unnamed(contract: Contract, table: Table, level: int) -> bool:
    """Tell whether a table's rows have the unnamed fields of a level.

    Those of the document are in the main table, those of an element in the tables whose rows it makes, and those of an
    element that only encloses rows in the first table that passes through its list.
    """
    if level == 0:
        return table is contract.main
    rows = table.lists[level - 1]
    above = contract.tables[: contract.tables.index(table)]
    return level == table.depth or not any(rows.path == other.path for each in above for other in each.lists)
