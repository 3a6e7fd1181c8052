"""A contract as data: what a kind of document looks like, and the tables that are made of it.

`reading.read` makes one from contract.toml and checks it. Everything that follows from a contract is made from these
classes: the decoders, Arrow schemas, Glue columns, views and docs. What a column holds, where that comes from and how
it is written there is in `column_types`, `sources` and `values`.

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
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from chalicelib.contracts.column_types import ARROW, DECIMAL_PRECISION, GLUE, Type
from chalicelib.contracts.paths import Each, Index, JsonPath, Key, Where
from chalicelib.contracts.sources import FromDocument, Origin, Product, RowNumber, Source
from chalicelib.contracts.values import NO_NULLS, DateFormat, FixedDigits, MinorUnits, Nulls

MONTHS_AHEAD = 12
"""How far ahead of its source's last-modified time a document may be dated; partition projection ends here."""
EARLIEST = datetime.date(2000, 1, 1)
"""Documents dated before it are rejected, where a contract says nothing else."""


class Column(Struct, frozen=True):
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
    nulls: Nulls = NO_NULLS
    minor_units: MinorUnits | None = None
    formats: tuple[DateFormat, ...] = ()
    zone: str | None = None

    @property
    def glue_type(self) -> str:
        """The column's type as Glue and Athena write it."""
        return f"decimal({DECIMAL_PRECISION},{self.scale})" if self.type is Type.DECIMAL else GLUE[self.type]

    @property
    def arrow_type(self) -> str:
        """The column's type as Arrow writes it (`str` of it); in the files, without the partition."""
        return f"decimal64({DECIMAL_PRECISION}, {self.scale})" if self.type is Type.DECIMAL else ARROW[self.type]

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


class RowList(Struct, frozen=True):
    """A list on the way to a table's rows, seen from the element that encloses it, or from the document.

    `path` is the plain path of its elements, ending with `[]`; `steps` lead from the enclosing element to the list.
    Only elements that hold `where` make rows or are stepped into; all, where it is None.
    """

    path: JsonPath
    steps: tuple[Key | Index | Where, ...]
    where: Where | None


class Table(Struct, frozen=True, dict=True):
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
        return self.by_level[level]

    @cached_property
    def by_level(self) -> tuple[tuple[Column, ...], ...]:
        """The columns of each level, from the document's to the row's."""
        levels = range(self.depth + 1)
        return tuple(tuple(column for column in self.columns if self.level(column) == level) for level in levels)


class Contract(Struct, frozen=True, dict=True):
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
    folder: Path | None = None

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
