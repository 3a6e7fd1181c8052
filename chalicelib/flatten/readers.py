"""Reads the value of one column from a document and the elements of its lists, strictly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from msgspec import Struct

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import MONTHS_AHEAD, Column, Contract, Table
from chalicelib.contracts.currencies import MINOR_UNIT_DIGITS
from chalicelib.contracts.paths import Key
from chalicelib.contracts.sources import FromDocument, FromRecord, Product
from chalicelib.contracts.values import CurrencyAt, DigitsAt, DivisorAt, FixedDigits, MinorUnits
from chalicelib.errors import shown
from chalicelib.flatten import date_values, values
from chalicelib.flatten.diagnosis import absence
from chalicelib.flatten.follow import follow
from chalicelib.flatten.json_text import RejectedDocument, below, compact
from chalicelib.flatten.scalars import InvalidValue, kind


class Element(Struct):
    """The document, or an element of a list of rows: its value, its path (empty, or ending with a dot), its numbers."""

    value: Any
    path: str
    indexes: tuple[int, ...]


class ColumnReader:
    """Reads the value of one column from the elements that it may be read from."""

    def __init__(self, contract: Contract, column: Column, position: int, latest_ms: int) -> None:
        assert isinstance(column.source, FromDocument | FromRecord)
        self.position = position
        self._column = column
        self._contract = contract
        self._latest_ms = latest_ms
        self.paths = column.source.paths
        self._of_record = isinstance(column.source, FromRecord)
        self._is_date = column == contract.date_column
        self._read = values.reader(column) if column.type is not Type.JSON else None
        self._plain = None if column.minor_units is not None or self._is_date else self._read
        self._has_nulls = bool(column.nulls)
        self._required = column.required
        self._level = self.paths[0].level
        steps = self.paths[0].relative
        keys = tuple(step.name for step in steps if isinstance(step, Key))
        self._keys = keys if len(self.paths) == 1 and len(keys) == len(steps) else None
        """The keys of the only path; None where there are others, or where it goes to an element of a list."""

    def read(self, elements: list[Element], record: Any) -> Any:
        """Return the value, None for NULL. Raises RejectedDocument."""
        if self._keys is None:
            return self._read_first(elements, record)
        value = record if self._of_record else elements[self._level].value
        for key in self._keys:
            if not isinstance(value, dict):
                return self._read_first(elements, record)
            value = value.get(key)
        if self._has_nulls and value is not None:
            return self._read_first(elements, record)
        if value is None or value == "":
            if self._required:
                self._reject_absence(elements)
            return None if value is None else self._read_first(elements, record)
        try:
            return self._converted(value, elements) if self._plain is None else self._plain(value)
        except InvalidValue as problem:
            raise RejectedDocument(self._path(elements), str(problem)) from None

    def _path(self, elements: list[Element]) -> str:
        """Return where the value is that the keys of the only path lead to."""
        path = "" if self._of_record else elements[self._level].path
        for key in self._keys or ():
            path = f"{below(path, key)}."
        return path.removesuffix(".")

    def _read_first(self, elements: list[Element], record: Any) -> Any:
        """Return the value of the first path that has one, whatever lies on the way."""
        value, path = None, ""
        for each in self.paths:
            element = Element(record, "", ()) if self._of_record else elements[each.level]
            value, path = follow(element.value, each.relative, element.path, strictly=len(self.paths) == 1)
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

    def _converted(self, value: Any, elements: list[Element]) -> Any:
        if self._read is None:
            return compact(value) if isinstance(value, dict | list) else values.text(value)
        if self._column.minor_units is not None:
            digits = self._digits(self._column.minor_units, elements)
            return values.decimal_units(value, self._column.scale or 0, digits)
        converted: Any = self._read(value)
        if self._is_date:
            self._check_date(
                converted if self._column.type is Type.TIMESTAMP else converted * date_values.MILLISECONDS_A_DAY, value
            )
        return converted

    def _check_date(self, ms: int, value: Any) -> None:
        earliest = self._contract.earliest
        if ms >= date_values.ms_of(earliest) and ms <= self._latest_ms:
            return
        raise InvalidValue(
            f"{shown(value)!r} is out of range: send a date from {earliest} to "
            f"{date_values.datetime_of(self._latest_ms):%Y-%m-%d}, {MONTHS_AHEAD} months after the file"
        )

    def _digits(self, units: MinorUnits, elements: list[Element]) -> int:
        """Return how many digits of an integer of minor units are decimals."""
        if isinstance(units, FixedDigits):
            return units.digits
        element = elements[units.path.level]
        value, path = follow(element.value, units.path.relative, element.path)
        return digits_at(units, value, path)

    def _reject_absence(self, elements: list[Element]) -> NoReturn:
        """Raise RejectedDocument for a required value that is missing, null or empty."""
        path = self.paths[0]
        element = elements[path.level]
        raise RejectedDocument(
            str(path) if path.level == 0 else element.path.removesuffix("."),
            absence(element.value, self._column, self._contract, path),
        )


def digits_at(units: CurrencyAt | DigitsAt | DivisorAt, value: Any, path: str) -> int:
    """Return how many decimals a value at `path` says that an amount has. Raises InvalidValue."""
    if isinstance(units, CurrencyAt):
        digits = MINOR_UNIT_DIGITS.get(value.upper()) if isinstance(value, str) else None
        if digits is None:
            raise InvalidValue(f"its currency at {path} is {kind(value)}: send an ISO 4217 code, such as EUR")
        return digits
    try:
        number = values.integer(value) if isinstance(value, str) else -1
    except InvalidValue:
        number = -1
    if isinstance(units, DivisorAt):
        number = len(str(number)) - 1 if str(number).strip("0") == "1" else -1
    if not 0 <= number <= values.MAX_DIGITS:
        what = "a power of ten" if isinstance(units, DivisorAt) else "a number of digits"
        raise InvalidValue(f"{path}, which says how many decimals it has, is {kind(value)}: send {what}")
    return number


class ProductReader:
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
