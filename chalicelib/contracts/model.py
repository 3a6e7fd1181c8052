"""What a contract says: which columns a table has, where each comes from, its type and its grain.

A contract is the single source of truth: the Arrow schema, the decoders, the Glue columns and docs/contract.md are all
made from it. Those that are deployed lie in folders beside this file; see `registry`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from chalicelib.errors import ContractError

_KEY = r"[^.\[\]\"\s\\\x00-\x1f]+"
PATH = re.compile(rf"{_KEY}(\.{_KEY})*")
"""Keys joined by dots; one that JSON writes with an escape is not looked for."""
NAME = re.compile(r"[a-z][a-z0-9_]*")

DECIMAL_PRECISION = 18
DECIMAL_SCALE = 4
EARLIEST_YEAR = 2000
"""Orders dated before this year are rejected, and partition projection starts here."""
MONTHS_AHEAD = 12
"""How far ahead of its source's last-modified time an order may be dated; partition projection ends here."""


class Type(Enum):
    """What a column holds, and which JSON it takes."""

    IDENTIFIER = "identifier"
    TEXT = "text"
    JSON_TEXT = "JSON text"
    DECIMAL = "decimal"
    INTEGER = "integer"
    POSITION = "position"
    TIMESTAMP = "timestamp"
    MONTH = "month"


GLUE_TYPES: dict[Type, str] = {
    Type.IDENTIFIER: "string",
    Type.TEXT: "string",
    Type.JSON_TEXT: "string",
    Type.DECIMAL: f"decimal({DECIMAL_PRECISION},{DECIMAL_SCALE})",
    Type.INTEGER: "bigint",
    Type.POSITION: "int",
    Type.TIMESTAMP: "timestamp",
    Type.MONTH: "string",
}

TAKES: dict[Type, str] = {
    Type.IDENTIFIER: "text or integer",
    Type.TEXT: "text, or a number as the digits that were sent",
    Type.JSON_TEXT: "text; an object or array is kept as compact JSON",
    Type.DECIMAL: "number or numeric text",
    Type.INTEGER: "integral number or text; `2.0` is 2, `2.5` is rejected",
    Type.POSITION: "",
    Type.TIMESTAMP: "ISO 8601 date or date-time, `Z` or offset converted to UTC, no zone = UTC",
    Type.MONTH: "`YYYY-MM`",
}


class From(Enum):
    """Where a column that is not read from a JSON path comes from."""

    LINE_NUMBER = "position in the list of lines, from 1"
    LINE_AMOUNT = "unit price × quantity, exact"
    EXTRA_FIELDS = "every field that the contract does not name, as one JSON object keyed by JSON path"
    SOURCE_KEY = "the S3 key (the file's name on the command line)"
    SOURCE_VERSION = "version id, else ETag"
    SOURCE_MODIFIED_AT = "the object's last-modified time"
    RECORD_NUMBER = "position of the order in its file, from 1"
    ORDER_MONTH = "month of the order date; the partition, not in the file"


@dataclass(frozen=True)
class Column:
    """One column of the table.

    `source` is a JSON path (`customer.name`, or below the list of lines `products[].price`) or one of `From`.
    A required column rejects the order when its value is missing, null or empty.
    """

    name: str
    type: Type
    source: str | From
    description: str
    required: bool = False

    @property
    def glue_type(self) -> str:
        """The column's type as Glue and Athena write it."""
        return GLUE_TYPES[self.type]


@dataclass(frozen=True)
class Contract:
    """The columns of a table of order lines, and how an order is laid out in JSON.

    `name` is the contract's, `table` the table's; `latest` and `documents` are the views on it: the latest version of
    each order by line, and by order. Files below the folder `incoming` of the incoming prefix (ending with a slash, or
    empty for the prefix itself) hold such orders. `folder` has the contract's saved queries and views, if any.

    `lines` is the JSON path of the list that makes the rows. `envelope` is the key under which a file may hold its
    array of orders. `order_id`, `order_date`, `unit_price` and `quantity` name columns: an order's identity, the date
    that chooses its partition, and the factors of the line amount.

    A declaration may contradict itself until it is checked, so that a command can say so: see `check`.
    """

    name: str
    table: str
    columns: tuple[Column, ...]
    latest: str = "order_lines"
    documents: str = "orders"
    incoming: str = ""
    folder: Path | None = None
    lines: str = "products"
    envelope: str = "orders"
    order_id: str = "order_id"
    order_date: str = "order_date"
    unit_price: str = "price"
    quantity: str = "quantity"

    def check(self) -> Contract:
        """Return the contract. Raises ContractError, which names every contradiction, where it has any."""
        problems = list(_contradictions(self))
        if problems:
            raise ContractError(problems)
        return self

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def of(self, source: From) -> Column | None:
        """Return the column that comes from `source`, or None where the contract has none."""
        return next((column for column in self.columns if column.source is source), None)

    @property
    def file_columns(self) -> tuple[Column, ...]:
        """The columns inside the Parquet files: all but the partition."""
        return tuple(column for column in self.columns if column.source is not From.ORDER_MONTH)

    @property
    def partition(self) -> Column:
        """The column whose value is in the path and not in the file."""
        return next(column for column in self.columns if column.source is From.ORDER_MONTH)

    @property
    def order_columns(self) -> tuple[Column, ...]:
        """The columns read from the order itself, whose values repeat on each of its rows."""
        return tuple(c for c in self.columns if isinstance(c.source, str) and not self.is_line_path(c.source))

    @property
    def line_columns(self) -> tuple[Column, ...]:
        """The columns read from one element of the list of lines."""
        return tuple(c for c in self.columns if isinstance(c.source, str) and self.is_line_path(c.source))

    def is_line_path(self, path: str) -> bool:
        """Tell whether `path` lies below the list of lines."""
        return path.startswith(f"{self.lines}[].")

    def steps(self, column: Column) -> tuple[str, ...]:
        """Return the keys that lead to the column's value, from the order or, for a line column, from the line."""
        assert isinstance(column.source, str), column.name
        path = column.source.removeprefix(f"{self.lines}[].") if self.is_line_path(column.source) else column.source
        return tuple(path.split("."))


def _contradictions(contract: Contract) -> Iterator[str]:
    yield from _bad_names(contract)
    yield from _bad_paths(contract)
    yield from _bad_roles(contract)


def _bad_names(contract: Contract) -> Iterator[str]:
    names = [column.name for column in contract.columns]
    sources = [column.source for column in contract.columns]
    for name in dict.fromkeys(names):
        if names.count(name) > 1:
            yield f"column {name!r} is declared twice"
        if not NAME.fullmatch(name):
            yield f"column {name!r}: use lower-case letters, digits and underscores, a letter first"
    for source in dict.fromkeys(sources):
        if sources.count(source) > 1:
            yield f"{source!r} feeds more than one column"
    if From.ORDER_MONTH not in sources:
        yield "no column comes from From.ORDER_MONTH, the partition"


def _bad_paths(contract: Contract) -> Iterator[str]:
    if not PATH.fullmatch(contract.lines):
        yield f"lines {contract.lines!r} is not a path of keys joined by dots"
    order_paths = [*(".".join(contract.steps(c)) for c in contract.order_columns), contract.lines]
    line_paths = [".".join(contract.steps(c)) for c in contract.line_columns]
    for paths in (order_paths, line_paths):
        for path in paths:
            if not PATH.fullmatch(path):
                yield f"path {path!r} is not a path of keys joined by dots"
            if paths.count(path) > 1:
                yield f"path {path!r} is both the list of lines and a column"
            if any(other.startswith(path + ".") for other in paths):
                yield f"path {path!r} is both a value and an object with values of its own"


def _bad_roles(contract: Contract) -> Iterator[str]:
    roles = [("order_id", Type.IDENTIFIER), ("order_date", Type.TIMESTAMP)]
    if contract.of(From.LINE_AMOUNT):
        roles += [("unit_price", Type.DECIMAL), ("quantity", Type.INTEGER)]
    for role, wanted in roles:
        name = getattr(contract, role)
        column = next((c for c in contract.columns if c.name == name), None)
        if column is None:
            yield f"{role} names {name!r}, which is not a column"
        elif column.type is not wanted:
            yield f"{role} names {name!r}, which is {column.type.value}, not {wanted.value}"
        elif role.startswith("order_") and not (column.required and column in contract.order_columns):
            yield f"{role} names {name!r}, which must be required and lie outside the list of lines"
        elif not role.startswith("order_") and column not in contract.line_columns:
            yield f"{role} names {name!r}, which must lie inside the list of lines"
