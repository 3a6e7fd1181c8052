"""A contract as data: what a kind of document looks like, and the tables that are made of it.

`reading.read` makes one from contract.toml and checks it. Everything that follows from a contract is made from these
classes: the decoders, Arrow schemas, Glue columns, views and docs.

**Rows.** A table has one row for each element of the list at `rows`, or one for each document where `rows` is None. A
document without such elements keeps one row, whose columns from the list are NULL, in every table: a later version
without elements must have a row that replaces the earlier version's.

**Levels.** A path's level is how many `[]` it has: 0 is the document, `Table.depth` the element that makes the row, and
what lies between are the elements that enclose it. A column may be read from any level of its table, so that its paths
begin like `Table.rows`.

**Columns that need no declaration.** Every table has `extra_fields`, the lineage columns (`source_key`,
`source_version`, `source_modified_at`, `record_number`) and the partition; a table other than the main one also has the
columns of the identity and of the version, with the main table's names, and a table with the view `documents` has
`row_number`. `implied.complete` adds what a table does not declare, identity and version before its own columns and the
others after them, under these names (the partition under the name that it has in the main table, or `month`), so that
`Table.columns` always has all of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import cached_property
from pathlib import Path

from chalicelib.contracts.paths import Each, Index, JsonPath, Key, Where

DECIMAL_PRECISION = 18
DECIMAL_SCALE = 4
"""The scale of a decimal column that declares none."""
MAX_SCALE = 9
MONTHS_AHEAD = 12
"""How far ahead of its source's last-modified time a document may be dated; partition projection ends here."""
EARLIEST = datetime.date(2000, 1, 1)
"""Documents dated before it are rejected, where a contract says nothing else."""


class Type(Enum):
    """What a column holds. All but ROW_NUMBER and MONTH may be declared."""

    IDENTIFIER = "identifier"
    TEXT = "text"
    JSON = "json"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    ROW_NUMBER = "row number"
    MONTH = "month"


DECLARABLE = tuple(each for each in Type if each not in (Type.ROW_NUMBER, Type.MONTH))
NUMERIC = (Type.DECIMAL, Type.INTEGER)
"""The types that are exact numbers: those of a product's factors."""
DATED = (Type.DATE, Type.TIMESTAMP)

TAKES: dict[Type, str] = {
    Type.IDENTIFIER: "text or integer",
    Type.TEXT: "text; a number or boolean as it was sent",
    Type.JSON: "anything, as compact JSON; text as it is",
    Type.DECIMAL: "number or numeric text",
    Type.INTEGER: "integral number or text; `2.0` is 2, `2.5` is rejected",
    Type.DOUBLE: "number or numeric text",
    Type.BOOLEAN: '`true`, `false`, `"true"`, `"false"`, 0 and 1',
    Type.DATE: "ISO 8601 date or date-time",
    Type.TIMESTAMP: "ISO 8601 date or date-time, `Z` or offset converted to UTC",
    Type.ROW_NUMBER: "",
    Type.MONTH: "`YYYY-MM`",
}
"""The JSON that each type takes, in words; for dates where no `formats` are declared."""

_GLUE: dict[Type, str] = {
    Type.IDENTIFIER: "string",
    Type.TEXT: "string",
    Type.JSON: "string",
    Type.INTEGER: "bigint",
    Type.DOUBLE: "double",
    Type.BOOLEAN: "boolean",
    Type.DATE: "date",
    Type.TIMESTAMP: "timestamp",
    Type.ROW_NUMBER: "int",
    Type.MONTH: "string",
}
_ARROW: dict[Type, str] = {
    Type.IDENTIFIER: "string",
    Type.TEXT: "string",
    Type.JSON: "string",
    Type.INTEGER: "int64",
    Type.DOUBLE: "double",
    Type.BOOLEAN: "bool",
    Type.DATE: "date32[day]",
    Type.TIMESTAMP: "timestamp[ms]",
    Type.ROW_NUMBER: "int32",
    Type.MONTH: "string",
}


class Dates(Enum):
    """A way to write a date. `epoch_…` are numbers or numeric text, counted from 1970-01-01 UTC."""

    ISO = "iso"
    EPOCH_SECONDS = "epoch_seconds"
    EPOCH_MILLISECONDS = "epoch_milliseconds"
    EPOCH_MICROSECONDS = "epoch_microseconds"
    EPOCH_NANOSECONDS = "epoch_nanoseconds"
    EPOCH_DAYS = "epoch_days"
    DOTNET = "dotnet"
    RFC2822 = "rfc2822"
    YYYYMMDD = "yyyymmdd"


@dataclass(frozen=True)
class Strptime:
    """A way to write a date that Python's `datetime.strptime` reads with `pattern`."""

    pattern: str


DateFormat = Dates | Strptime


@dataclass(frozen=True)
class FromDocument:
    """The value at the first of `paths`, each from the document's root, that holds one.

    Null, and a value in the column's `nulls`, count as none. Where there are several paths, one that meets something
    else than the object or list it steps through holds none; where there is one, that rejects the document. What
    another of the paths holds as well is an unnamed field.
    """

    paths: tuple[JsonPath, ...]


@dataclass(frozen=True)
class FromRecord:
    """As `FromDocument`, from the root of the record that has the document at `Contract.at`. It has no `[]`."""

    paths: tuple[JsonPath, ...]


@dataclass(frozen=True)
class RowNumber:
    """The position among the elements that make rows of the table whose `rows` are `of`, within one document, from 1.

    `of` is this table's own list of rows (None in contract.toml) or one that encloses it, without filters. Where the
    table of an enclosing list filters its elements, one that it leaves out has no number (NULL); where no table has
    that list, all its elements count. NULL in the row of a document without elements.

    With the identity it is the key of its table: it goes on from one enclosing element to the next.
    """

    of: JsonPath


@dataclass(frozen=True)
class Product:
    """The exact product of two columns of the same table, by their names; NULL where one of them is."""

    factors: tuple[str, str]


class Origin(Enum):
    """What is not read at a path."""

    EXTRA_FIELDS = "extra_fields"
    """The fields that no column takes, as one JSON object keyed by JSON path: in the main table those of the document
    and of its rows, and the lists that no table takes; in another those of its own rows."""
    SOURCE_KEY = "source_key"
    SOURCE_VERSION = "source_version"
    SOURCE_MODIFIED_AT = "source_modified_at"
    RECORD_NUMBER = "record_number"
    MONTH = "month"


Source = FromDocument | FromRecord | RowNumber | Product | Origin

LINEAGE = (Origin.SOURCE_KEY, Origin.SOURCE_VERSION, Origin.SOURCE_MODIFIED_AT, Origin.RECORD_NUMBER)

ORIGIN_TYPES: dict[Origin, Type] = {
    Origin.EXTRA_FIELDS: Type.JSON,
    Origin.SOURCE_KEY: Type.TEXT,
    Origin.SOURCE_VERSION: Type.TEXT,
    Origin.SOURCE_MODIFIED_AT: Type.TIMESTAMP,
    Origin.RECORD_NUMBER: Type.INTEGER,
    Origin.MONTH: Type.MONTH,
}

DESCRIPTIONS: dict[Origin | type[RowNumber], str] = {
    Origin.EXTRA_FIELDS: "The fields that no column has, as one JSON object keyed by JSON path; NULL if none.",
    Origin.SOURCE_KEY: "Which object the row came from.",
    Origin.SOURCE_VERSION: "Which version of that object: its version id, else its ETag.",
    Origin.SOURCE_MODIFIED_AT: "The object's last-modified time.",
    Origin.RECORD_NUMBER: "The position of the document in its file, from 1.",
    Origin.MONTH: "The partition key.",
    RowNumber: "The number of the row within its document, from 1; NULL for a document without rows.",
}
"""The descriptions of columns that declare none."""


@dataclass(frozen=True)
class FixedDigits:
    """The amount is the JSON number divided by 10 to the power of `digits`."""

    digits: int


@dataclass(frozen=True)
class DivisorAt:
    """The amount is the JSON number divided by the power of ten at `path`."""

    path: JsonPath


@dataclass(frozen=True)
class DigitsAt:
    """The amount is the JSON number divided by 10 to the power of the number at `path`."""

    path: JsonPath


@dataclass(frozen=True)
class CurrencyAt:
    """The amount is in minor units of the currency whose ISO 4217 code, in any case, is at `path`.

    `currencies.MINOR_UNIT_DIGITS` has how many digits they are; a document with an unknown code is rejected.
    """

    path: JsonPath


MinorUnits = FixedDigits | DivisorAt | DigitsAt | CurrencyAt


@dataclass(frozen=True)
class Nulls:
    """JSON values that mean NULL. A text equals a text, a number an equal number (0 and 0.00), a boolean itself."""

    texts: frozenset[str] = frozenset()
    numbers: frozenset[Decimal] = frozenset()
    booleans: frozenset[bool] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.texts or self.numbers or self.booleans)


@dataclass(frozen=True)
class Column:
    """One column of a table.

    A `required` column rejects the document when its value is missing, null or empty. `scale` is the number of decimals
    of a decimal, None of other types. `minor_units` says how a decimal is made of an integer of minor units. `formats`
    are tried in their order and `zone`, an IANA name, is where a date without offset was written; both have a value for
    dates and timestamps that are read at a path, and are () and None otherwise. A path in `minor_units` starts where
    the column's own paths start.
    """

    name: str
    type: Type
    source: Source
    description: str = ""
    required: bool = False
    scale: int | None = None
    nulls: Nulls = Nulls()
    minor_units: MinorUnits | None = None
    formats: tuple[DateFormat, ...] = ()
    zone: str | None = None

    @property
    def glue_type(self) -> str:
        """The column's type as Glue and Athena write it."""
        return f"decimal({DECIMAL_PRECISION},{self.scale})" if self.type is Type.DECIMAL else _GLUE[self.type]

    @property
    def arrow_type(self) -> str:
        """The column's type as Arrow writes it (`str` of it); in the files, without the partition."""
        return f"decimal64({DECIMAL_PRECISION}, {self.scale})" if self.type is Type.DECIMAL else _ARROW[self.type]

    @property
    def paths(self) -> tuple[JsonPath, ...]:
        """The paths that the column is read from, in the document; none where it comes from elsewhere."""
        return self.source.paths if isinstance(self.source, FromDocument) else ()

    @property
    def referred(self) -> tuple[JsonPath, ...]:
        """The paths that the column's values depend on, beside those that they are read from."""
        return () if self.minor_units is None or isinstance(self.minor_units, FixedDigits) else (self.minor_units.path,)


def in_order(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the products among columns, each after its factors; without those that are made of themselves."""
    products = {column.name: column for column in columns if isinstance(column.source, Product)}
    users: dict[str, list[str]] = {}
    waits_for: dict[str, set[str]] = {}
    for name, column in products.items():
        assert isinstance(column.source, Product)
        waits_for[name] = {factor for factor in column.source.factors if factor in products}
        for factor in waits_for[name]:
            users.setdefault(factor, []).append(name)
    ready = [name for name in products if not waits_for[name]]
    for name in ready:
        for user in users.get(name, ()):
            waits_for[user].remove(name)
            if not waits_for[user]:
                ready.append(user)
    return tuple(products[name] for name in ready)


@dataclass(frozen=True)
class RowList:
    """A list on the way to a table's rows, seen from the element that encloses it, or from the document.

    `path` is the plain path of its elements, ending with `[]`; `steps` lead from the enclosing element to the list.
    Only elements that hold `where` make rows or are stepped into; all, where it is None.
    """

    path: JsonPath
    steps: tuple[Key | Index | Where, ...]
    where: Where | None


@dataclass(frozen=True)
class Table:
    """One table. Its columns are complete: see the module's docstring.

    `identity` and `version` name the table's columns that hold the document's identity and version: those of the
    contract in the main table, and in another the columns that are read as they are. `latest` and `documents` name
    views: the same grain with the latest version of each document alone, and one row a document. With `one_or_many` an
    object where the list of rows is due is a list of one.
    """

    name: str
    columns: tuple[Column, ...]
    identity: tuple[str, ...]
    version: str | None = None
    rows: JsonPath | None = None
    description: str = ""
    latest: str | None = None
    documents: str | None = None
    one_or_many: bool = False

    def __getitem__(self, name: str) -> Column:
        return self.by_name[name]

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names."""
        return {column.name: column for column in self.columns}

    def of(self, origin: Origin) -> Column:
        """Return the column of `origin`: each table has exactly one."""
        return next(column for column in self.columns if column.source is origin)

    @property
    def partition(self) -> Column:
        """The column whose value is in the object's key and not in the file."""
        return self.of(Origin.MONTH)

    @cached_property
    def file_columns(self) -> tuple[Column, ...]:
        """The columns inside the Parquet files: all but the partition."""
        return tuple(column for column in self.columns if column.source is not Origin.MONTH)

    @cached_property
    def products(self) -> tuple[Column, ...]:
        """The columns that are products, each after those of its factors that are products too."""
        return in_order(self.columns)

    @property
    def row_number(self) -> Column | None:
        """The column that numbers the table's own rows, or None."""
        return next((c for c in self.columns if self.rows and c.source == RowNumber(self.rows.plain)), None)

    @cached_property
    def lists(self) -> tuple[RowList, ...]:
        """The lists on the way to the rows, the outermost first; none where a document makes one row."""
        lists: list[RowList] = []
        steps: list[Key | Index | Where] = []
        for position, step in enumerate(self.rows.steps if self.rows else (), 1):
            if not isinstance(step, Each):
                steps.append(step)
                continue
            assert self.rows is not None
            where = steps.pop() if steps and isinstance(steps[-1], Where) else None
            assert where is None or isinstance(where, Where)
            lists.append(RowList(JsonPath(self.rows.steps[:position]).plain, tuple(steps), where))
            steps = []
        return tuple(lists)

    @property
    def depth(self) -> int:
        """How many lists lie on the way to the rows: the level of what makes a row."""
        return len(self.lists)

    def level(self, column: Column) -> int:
        """Return the level that a column's values belong to: 0 for the document, `depth` for the row.

        A column with paths on several levels, and a product, belongs to the deepest; what is not read at a path counts
        as the document's, also `extra_fields`, which differ by row.
        """
        return self._levels[column.name]

    @cached_property
    def _levels(self) -> dict[str, int]:
        levels = {}
        for column in self.columns:
            paths = (column.source.of,) if isinstance(column.source, RowNumber) else column.paths
            levels[column.name] = max((path.level for path in paths), default=0)
        for column in self.products:
            assert isinstance(column.source, Product)
            levels[column.name] = max(levels[factor] for factor in column.source.factors)
        return levels

    def at_level(self, level: int) -> tuple[Column, ...]:
        """Return the columns of one level: their values repeat on all rows of one document, or enclosing element."""
        return tuple(column for column in self.columns if self.level(column) == level)


@dataclass(frozen=True)
class Contract:
    """A kind of document, and its tables, the main one first.

    `records` are the paths, keys alone, to the array that a file may hold its records in. `at` leads from a record to
    the document; None where the record is the document. `identity`, `date` and `version` name columns of the main
    table: what a document is recognised by, the date whose month is the partition (the lineage column
    `source_modified_at` where documents have no date), and what orders its versions before `source_modified_at` does.
    Both `identity` and `date` columns are required. Files below the folder `incoming` of the incoming prefix (ending
    with a slash, or empty for the prefix itself) hold such documents; those dated before `earliest` are rejected. With
    `date_is_fixed` a document keeps its month in all its versions. `folder` has the contract's sample and queries.
    """

    name: str
    tables: tuple[Table, ...]
    identity: tuple[str, ...]
    date: str
    version: str | None = None
    description: str = ""
    records: tuple[JsonPath, ...] = ()
    at: JsonPath | None = None
    incoming: str = ""
    earliest: datetime.date = EARLIEST
    date_is_fixed: bool = False
    folder: Path | None = field(default=None, compare=False)

    @property
    def main(self) -> Table:
        """The first table: `identity`, `date` and `version` name columns of it."""
        return self.tables[0]

    def __getitem__(self, name: str) -> Table:
        return next(table for table in self.tables if table.name == name)

    @property
    def date_column(self) -> Column:
        """The column whose month is the partition."""
        return self.main[self.date]

    @property
    def identity_paths(self) -> tuple[JsonPath, ...]:
        """The paths that the identity is read from: an object that holds a value at one of each is a document."""
        return tuple(path for name in self.identity for path in self.main[name].paths)

    @property
    def views(self) -> tuple[str, ...]:
        """The names of all views, in the order of the tables: of each the latest version, then its documents."""
        return tuple(view for table in self.tables for view in (table.latest, table.documents) if view)

    def counts(self, rows: RowNumber) -> Table | None:
        """Return the table that counts the elements that a row number tells: the first whose rows they make."""
        return next((table for table in self.tables if table.rows and table.rows.plain == rows.of), None)

    @cached_property
    def named_keys(self) -> frozenset[tuple[str, ...]]:
        """What columns' paths in the document begin with, of one key and more, before the first bracket."""
        keys: set[tuple[str, ...]] = set()
        for _, column in self.columns():
            for path in column.paths:
                keys.update(path.first_keys[: i + 1] for i in range(len(path.first_keys)))
        return frozenset(keys)

    def columns(self) -> Iterator[tuple[Table, Column]]:
        """Yield the columns of all tables."""
        for table in self.tables:
            for column in table.columns:
                yield table, column
