"""The strict way to decode one document: every rule checked, every unnamed field kept, every rejection explained.

It reads what the fast way could not prove sound, and is the measure that the fast way is tested against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from chalicelib.contracts.contract import (
    MONTHS_AHEAD,
    Column,
    Contract,
    CurrencyAt,
    DivisorAt,
    FixedDigits,
    FromDocument,
    FromRecord,
    MinorUnits,
    Origin,
    Product,
    RowList,
    RowNumber,
    Table,
    Type,
)
from chalicelib.contracts.currencies import MINOR_UNIT_DIGITS
from chalicelib.errors import shown
from chalicelib.flatten import values
from chalicelib.flatten.diagnosis import absence, no_document
from chalicelib.flatten.follow import follow, holds
from chalicelib.flatten.json_text import RejectedDocument, compact, parsed, with_own
from chalicelib.flatten.unnamed import UnnamedFields
from chalicelib.flatten.values import InvalidValue, NumberText, kind


@dataclass(frozen=True, slots=True)
class DecodedDocument:
    """One document as rows of each table, in the order of the contract's tables; `size` is about what they take.

    A row holds the values of the table's `read_columns` in their order: decimals as integers of their smallest unit,
    timestamps as milliseconds, dates as days. `date_ms` is the date whose month is the partition, None where the
    contract has none.
    """

    tables: tuple[list[list[Any]], ...]
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

    def __init__(self, contract: Contract, latest_ms: int) -> None:
        self._contract = contract
        self.unnamed = UnnamedFields(contract)
        self._tables = [_TableReader(contract, table, self.unnamed, latest_ms) for table in contract.tables]
        self._date = None if contract.date_column.source is Origin.SOURCE_MODIFIED_AT else contract.date_column
        self._date_is_date = contract.date_column.type is Type.DATE

    def decode(self, raw: bytes) -> DecodedDocument:
        """Decode one record. Raises RejectedDocument for the first thing that breaks the contract."""
        record = parsed(raw)
        document = document_in(record, self._contract)
        if not isinstance(document, dict):
            raise RejectedDocument(str(self._contract.at or ""), f"expected a JSON object, found {kind(document)}")
        tables, size = [], 0
        for table in self._tables:
            rows, bytes_of_rows = table.read(document, record)
            tables.append(rows)
            size += bytes_of_rows
        return DecodedDocument(tuple(tables), self._date_of(tables[0][0]), size)

    def _date_of(self, row: list[Any]) -> int | None:
        if self._date is None:
            return None
        value: int = row[self._tables[0].positions[self._date.name]]
        return value * values.MILLISECONDS_A_DAY if self._date_is_date else value


def document_in(record: Any, contract: Contract) -> Any:
    """Return the document of a record: at `contract.at`, where a text on the way is JSON. Raises RejectedDocument."""
    if contract.at is None:
        return record
    document, path = record, ""
    for step in contract.at.relative:
        document, path = follow(document, (step,), path)
        if isinstance(document, str) and not isinstance(document, NumberText):
            try:
                document = parsed(document.encode())
            except RejectedDocument as problem:
                raise RejectedDocument(path, f"the text is to be JSON: {problem.reason}") from None
        path += "."
    if document is None:
        raise RejectedDocument(str(contract.at), no_document(record, contract))
    return document


@dataclass(frozen=True, slots=True)
class _Element:
    """The document, or an element of a list of rows: its value, its path (empty, or ending with a dot), its numbers."""

    value: Any
    path: str
    indexes: tuple[int, ...]


class _TableReader:
    """Reads the rows of one table from a document."""

    def __init__(self, contract: Contract, table: Table, unnamed: UnnamedFields, latest_ms: int) -> None:
        self._table = table
        self._unnamed = unnamed
        columns = read_columns(table)
        self.positions = {column.name: i for i, column in enumerate(columns)}
        self._readers: list[list[_ColumnReader]] = [[] for _ in range(table.depth + 1)]
        for i, column in enumerate(columns):
            if isinstance(column.source, FromDocument | FromRecord):
                self._readers[table.level(column)].append(_ColumnReader(contract, column, i, latest_ms))
        self._numbers = [
            (i, c.source.of.level, _counted(contract, table, c.source))
            for i, c in enumerate(columns)
            if isinstance(c.source, RowNumber)
        ]
        self._products = [_ProductReader(table, column, self.positions) for column in table.products]
        self._extra = self.positions[table.of(Origin.EXTRA_FIELDS).name]
        self._keeps = [keeps_unnamed(contract, table, level) for level in range(table.depth + 1)]

    def read(self, document: dict[str, Any], record: Any) -> tuple[list[list[Any]], int]:
        """Return the rows that a document makes, at least one, and about how many bytes they take."""
        root = _Element(document, "", ())
        first: list[Any] = [None] * len(self.positions)
        self._fill(first, [root], record, None)
        numbers = [(i, level, _numbering(document, lists)) for i, level, lists in self._numbers]
        rows, size = [], 0
        for element, row in self._rows([root], first, record) if self._table.depth else [(root, first)]:
            size += self._finish(row, element, numbers)
            if size > values.MAX_ROWS_BYTES and self._table.depth:
                raise RejectedDocument(
                    str(self._table.rows),
                    f"its elements make rows of more than {values.MAX_ROWS_BYTES} bytes, since each repeats the "
                    "document's texts: split the document",
                )
            rows.append(row)
        if not rows:
            size = self._finish(first, root, numbers)
            rows.append(first)
        return rows, size

    def _rows(self, elements: list[_Element], row: list[Any], record: Any) -> Iterator[tuple[_Element, list[Any]]]:
        """Yield the row of each element below the last of `elements`, whose values so far are in `row`."""
        if len(elements) > self._table.depth:
            yield elements[-1], row
            return
        for element in self._elements(elements[-1], self._table.lists[len(elements) - 1]):
            inner = list(row)
            self._fill(inner, [*elements, element], record, row[self._extra])
            yield from self._rows([*elements, element], inner, record)

    def _elements(self, element: _Element, rows: RowList) -> Iterator[_Element]:
        found, path = follow(element.value, rows.steps, element.path)
        if isinstance(found, dict) and self._table.one_or_many:
            found = [found]
        if found is None or found == "":
            return
        if not isinstance(found, list):
            raise RejectedDocument(path, f"expected an array, found {kind(found)}")
        for i, each in enumerate(found):
            if rows.where is None or holds(each, rows.where):
                yield _Element(each, f"{path}[{i}].", (*element.indexes, i))

    def _fill(self, row: list[Any], elements: list[_Element], record: Any, fields: str | None) -> None:
        """Put the values of one level into a row, and the unnamed fields, after those of the levels above."""
        level = len(elements) - 1
        for reader in self._readers[level]:
            row[reader.position] = reader.read(elements, record)
        if self._keeps[level]:
            rows = self._table.lists[level - 1].path if level else None
            own = self._unnamed.of(elements[-1].value, rows, elements[-1].path)
            row[self._extra] = with_own(fields, own)

    def _finish(self, row: list[Any], element: _Element, numbers: list[tuple[int, int, _Numbers]]) -> int:
        for i, level, numbering in numbers:
            row[i] = numbering.get(element.indexes[:level]) if len(element.indexes) >= level else None
        for product in self._products:
            product.multiply(row, element.path)
        return values.ROW_BYTES + sum(len(each.encode()) for each in row if isinstance(each, str))


_Numbers = dict[tuple[int, ...], int]


def _counted(contract: Contract, table: Table, number: RowNumber) -> tuple[RowList, ...]:
    """Return the lists whose elements a row number counts: those of the table that has these rows, else all."""
    counting = contract.counts(number)
    if counting is not None:
        return counting.lists
    return tuple(replace(rows, where=None) for rows in table.lists[: number.of.level])


def _numbering(document: Any, lists: tuple[RowList, ...]) -> _Numbers:
    """Return the number of each element that counts, from 1, by its indexes in the lists on the way to it."""
    found: list[tuple[tuple[int, ...], Any]] = [((), document)]
    for rows in lists:
        found = [
            ((*indexes, i), each)
            for indexes, element in found
            for i, each in enumerate(_listed(follow(element, rows.steps, "", strictly=False)[0]))
            if rows.where is None or holds(each, rows.where)
        ]
    return {indexes: number for number, (indexes, _) in enumerate(found, 1)}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []


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


class _ColumnReader:
    """Reads the value of one column from the elements that it may be read from."""

    def __init__(self, contract: Contract, column: Column, position: int, latest_ms: int) -> None:
        assert isinstance(column.source, FromDocument | FromRecord)
        self.position = position
        self._column = column
        self._contract = contract
        self._latest_ms = latest_ms
        self._paths = column.source.paths
        self._of_record = isinstance(column.source, FromRecord)
        self._is_date = column == contract.date_column
        self._read = values.reader(column) if column.type is not Type.JSON else None

    def read(self, elements: list[_Element], record: Any) -> Any:
        """Return the value, None for NULL. Raises RejectedDocument."""
        value, path = None, ""
        for each in self._paths:
            element = _Element(record, "", ()) if self._of_record else elements[each.level]
            value, path = follow(element.value, each.relative, element.path, strictly=len(self._paths) == 1)
            if not values.is_null(value, self._column.nulls):
                break
        else:
            value = None
        if value is None or value == "":
            if self._column.required:
                self._reject_absence(elements)
            if value is None:
                return None
        try:
            return self._converted(value, elements)
        except InvalidValue as problem:
            raise RejectedDocument(path.removesuffix("."), str(problem)) from None

    def _converted(self, value: Any, elements: list[_Element]) -> Any:
        if self._read is None:
            return compact(value) if isinstance(value, dict | list) else values.text(value)
        if self._column.minor_units is not None:
            digits = self._digits(self._column.minor_units, elements)
            return values.decimal_units(value, self._column.scale or 0, digits)
        found: Any = self._read(value)
        if self._is_date:
            self._check_date(found if self._column.type is Type.TIMESTAMP else found * values.MILLISECONDS_A_DAY, value)
        return found

    def _check_date(self, ms: int, value: Any) -> None:
        earliest = self._contract.earliest
        if ms >= values.ms_of(earliest) and ms <= self._latest_ms:
            return
        raise InvalidValue(
            f"{shown(value)!r} is out of range: send a date from {earliest} to "
            f"{values.datetime_of(self._latest_ms):%Y-%m-%d}, {MONTHS_AHEAD} months after the file"
        )

    def _digits(self, units: MinorUnits, elements: list[_Element]) -> int:
        """Return how many digits of an integer of minor units are decimals."""
        if isinstance(units, FixedDigits):
            return units.digits
        element = elements[units.path.level]
        value, path = follow(element.value, units.path.relative, element.path)
        if isinstance(units, CurrencyAt):
            digits = MINOR_UNIT_DIGITS.get(value.upper()) if isinstance(value, str) else None
            if digits is None:
                raise InvalidValue(f"its currency at {path} is {kind(value)}: send an ISO 4217 code, such as EUR")
            return digits
        number = values.integer(value) if isinstance(value, str) else -1
        if isinstance(units, DivisorAt):
            number = len(str(number)) - 1 if str(number).strip("0") == "1" else -1
        if not 0 <= number <= values.MAX_DIGITS:
            what = "a power of ten" if isinstance(units, DivisorAt) else "a number of digits"
            raise InvalidValue(f"{path}, which says how many decimals it has, is {kind(value)}: send {what}")
        return number

    def _reject_absence(self, elements: list[_Element]) -> NoReturn:
        """Raise RejectedDocument for a required value that is missing, null or empty."""
        path = self._paths[0]
        element = elements[path.level]
        raise RejectedDocument(
            str(path) if path.level == 0 else element.path.removesuffix("."),
            absence(element.value, self._column, self._contract, path),
        )


class _ProductReader:
    """Multiplies two columns of a row."""

    def __init__(self, table: Table, column: Column, positions: Mapping[str, int]) -> None:
        assert isinstance(column.source, Product)
        one, other = column.source.factors
        self.position = positions[column.name]
        self._factors = positions[one], positions[other]
        self._column = column
        self._names = f"{one} × {other}"
        self._excess = sum(table[name].scale or 0 for name in (one, other)) - (column.scale or 0)

    def multiply(self, row: list[Any], path: str) -> None:
        """Put the product into a row; NULL where a factor is. Raises RejectedDocument for one that does not fit."""
        one, other = (row[i] for i in self._factors)
        if one is None or other is None:
            return
        units = one * other
        if self._excess > 0:
            units, lost = divmod(units, 10**self._excess)
            if lost:
                reason = f"{self._names} has more than {self._column.scale} decimals: give the column a larger scale"
                raise RejectedDocument(path.removesuffix("."), reason)
        else:
            units *= 10**-self._excess
        if abs(units) > values.MAX_UNITS:
            reason = f"{self._names} is too large for {self._column.glue_type}"
            raise RejectedDocument(path.removesuffix("."), reason)
        row[self.position] = units
