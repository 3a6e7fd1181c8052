"""Values and types as Athena writes them: DuckDB's types under Athena's names, rows as text, result files."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any

TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "varchar",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "INTERVAL": "interval day to second",
    "JSON": "json",
    "UUID": "uuid",
    '"NULL"': "unknown",
}
PRECISIONS = {
    "tinyint": 3,
    "smallint": 5,
    "integer": 10,
    "bigint": 19,
    "float": 17,
    "double": 17,
    "varchar": 2147483647,
    "date": 0,
    "timestamp": 3,
}
GLUE_TYPES = {"varchar": "string", "integer": "int", "varbinary": "binary", "unknown": "string"}

FIELD = re.compile(rb'("(?:[^"]|"")*"|[^,\n"]*)([,\n])')


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result. `type` is Athena's name of it; precision and scale are those of a decimal."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0

    @classmethod
    def of(cls, name: str, duckdb_type: str) -> ResultColumn:
        """Build the column that Athena would report for a DuckDB type."""
        if match := re.fullmatch(r"DECIMAL\((\d+),\s?(\d+)\)", duckdb_type):
            return cls(name, "decimal", int(match[1]), int(match[2]))
        if duckdb_type.endswith("]"):
            return cls(name, "array")
        head = duckdb_type.split("(")[0]
        type_ = {"STRUCT": "row", "TUPLE": "row", "MAP": "map"}.get(head) or TYPES.get(head, "varchar")
        return cls(name, type_, PRECISIONS.get(type_, 0))

    @property
    def declared(self) -> str:
        """The column's type as a query writes it."""
        return f"decimal({self.precision},{self.scale})" if self.type == "decimal" else self.type

    @property
    def glue_type(self) -> str:
        """The column's type as Glue writes it, for a view's columns."""
        return GLUE_TYPES.get(self.type, self.declared)

    def info(self) -> dict[str, Any]:
        """Return the column as GetQueryResults describes it."""
        return {
            "CatalogName": "hive",
            "SchemaName": "",
            "TableName": "",
            "Name": self.name,
            "Label": self.name,
            "Type": self.type,
            "Precision": self.precision,
            "Scale": self.scale,
            "Nullable": "UNKNOWN",
            "CaseSensitive": self.type == "varchar",
        }


def text(value: Any) -> str | None:
    """Return a value from DuckDB as Athena writes it; None is NULL."""
    if value is None or isinstance(value, str):
        return value
    write = next((write for type_, write in WRITERS if isinstance(value, type_)), _nested)
    return write(value)


def _nested(value: Any) -> str:
    def inner(each: Any) -> str:
        return "null" if each is None else str(text(each))

    if isinstance(value, list):
        return "[" + ", ".join(map(inner, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inner(key)}={inner(each)}" for key, each in value.items()) + "}"
    if isinstance(value, tuple):
        return "{" + ", ".join(f"field{position}={inner(each)}" for position, each in enumerate(value)) + "}"
    return str(value)


def _double(value: float) -> str:
    """Write a double as Java does: plain from 0.001 up to 10,000,000, else with an exponent."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = f"{Decimal(repr(value)):f}"
        return plain if "." in plain else plain + ".0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    first, *rest = (str(digit) for digit in digits)
    return f"{'-' * sign}{first}.{''.join(rest) or '0'}E{exponent + len(digits) - 1}"


def _timestamp(value: datetime) -> str:
    moment = value.astimezone(UTC) if value.tzinfo else value
    return f"{moment:%Y-%m-%d} {_time(moment)}{' UTC' if value.tzinfo else ''}"


def _time(value: datetime | time) -> str:
    return f"{value:%H:%M:%S}.{value.microsecond // 1000:03d}"


def _interval(value: timedelta) -> str:
    clock = datetime.min + timedelta(seconds=value.seconds, microseconds=value.microseconds)
    return f"{value.days} {_time(clock)}"


WRITERS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (Decimal, "{:f}".format),
    (float, _double),
    (datetime, _timestamp),
    (time, _time),
    (timedelta, _interval),
    (bytes, lambda value: value.hex(" ")),
)
"""How Athena writes the values of a type; those of any other are written as lists, rows or as they are."""


@dataclass
class ResultFile:
    """A SELECT's result as the CSV file that Athena puts into S3, and where in it each row begins.

    Every value is quoted, NULL is an empty field without quotes. The first row is the header.
    """

    columns: list[ResultColumn]
    content: bytearray = field(default_factory=bytearray)
    starts: array[int] = field(default_factory=lambda: array("Q"))

    def append(self, row: Sequence[Any]) -> None:
        """Write one row of values from DuckDB."""
        self.starts.append(len(self.content))
        fields = (text(value) for value in row)
        line = ",".join("" if each is None else '"' + each.replace('"', '""') + '"' for each in fields)
        self.content += line.encode() + b"\n"

    def metadata(self) -> bytes:
        """Return the columns for the .metadata file; Athena's own is binary and undocumented."""
        return json.dumps([column.info() for column in self.columns]).encode()


def read_rows(content: bytes, columns: int) -> list[list[str | None]]:
    """Read back rows of a result file; None is NULL."""
    rows: list[list[str | None]] = []
    row: list[str | None] = []
    for match in FIELD.finditer(content):
        raw = match[1].decode()
        row.append(raw[1:-1].replace('""', '"') if raw else None)
        if len(row) == columns:
            rows.append(row)
            row = []
    return rows
