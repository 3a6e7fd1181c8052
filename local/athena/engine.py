"""The embedded Athena's engine: one statement in, a result out, on DuckDB over the objects of a Lake.

What it shares with Athena: tables and views of the Glue catalog, partitions, declared types, execution parameters,
integer division, the bytes that a query scans, the limit on them, and errors in Athena's words.

What stays different: decimal division gives a double; an alias may be used in WHERE and GROUP BY;
double division by zero is an error, where Athena gives Infinity; the sum of bigints does not overflow. The bytes
scanned do not stop at LIMIT, nor leave out row groups.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb
from sqlglot import exp

from local.athena.lake import Lake, QueryCancelled, QueryError
from local.athena.sql import parse, qualify_tables, to_duckdb
from local.athena.tables import FileCache, Relation, make_relation, quoted
from local.athena.types import check_comparisons
from local.athena.values import ResultColumn, ResultFile
from local.athena.views import check_fresh, is_view, view_query

MEMORY = "512MB"
BATCH = 1000
"""Rows that are held as Python values at a time."""


class Interruptible(Protocol):
    """A connection whose query another thread may stop."""

    def interrupt(self) -> None:
        """Stop the query; it ends in QueryCancelled."""


@dataclass(frozen=True)
class SelectResult:
    """What a SELECT gave: its result file, header row included, and the bytes it scanned."""

    file: ResultFile
    scanned_bytes: int


class Session:
    """A DuckDB connection for one statement, with the tables and views that it names."""

    def __init__(self, lake: Lake, cache: FileCache, work: Path) -> None:
        self._lake = lake
        self._cache = cache
        self._work = work
        self._relations: list[Relation] = []
        self._made: set[tuple[str, str]] = set()
        # Nothing is fetched from the network, whatever a query names.
        config = {"threads": 1, "memory_limit": MEMORY, "autoinstall_known_extensions": False}
        self.connection = duckdb.connect(":memory:", config=config)
        self.connection.execute(f"SET temp_directory = '{work / 'spill'}'")
        self.connection.execute("SET TimeZone = 'UTC'")
        # 7/2 is 3, and division by zero an error, as in Trino.
        self.connection.execute("SET integer_division = true")
        self.connection.execute("SET default_null_order = 'NULLS_LAST'")

    def prepare(self, tree: exp.Expression, database: str) -> str:
        """Make what the query names, and return the query in DuckDB's dialect. Raises QueryError."""
        names = sorted(qualify_tables(tree, database))
        for name in names:
            self._make(*name)
        check_comparisons(tree, self._schema(names))
        return to_duckdb(tree)

    def _schema(self, names: Sequence[tuple[str, str]]) -> dict[str, dict[str, dict[str, str]]]:
        schema: dict[str, dict[str, dict[str, str]]] = {}
        for database, name in names:
            columns = self.columns(f"FROM {quoted(database)}.{quoted(name)}")
            schema.setdefault(database, {})[name] = {column.name: column.declared for column in columns}
        return schema

    def seal(self) -> None:
        """Keep the query from reading anything but the tables' files."""
        self.connection.execute(f"SET allowed_directories = ['{self._work}']")
        self.connection.execute("SET enable_external_access = false")
        self.connection.execute("SET lock_configuration = true")

    def _make(self, database: str, name: str) -> None:
        if (database, name) in self._made:
            return
        self._made.add((database, name))
        table = self._lake.table(database, name)
        if table is None:
            if database not in self._lake.databases():
                raise QueryError("SCHEMA_NOT_FOUND", f"line 1:15: Schema '{database}' does not exist")
            raise QueryError("TABLE_NOT_FOUND", f"line 1:15: Table 'awsdatacatalog.{database}.{name}' does not exist")
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(database)}")
        if is_view(table):
            sql, schema = view_query(table)
            inner = self.prepare(parse(sql, ()), schema)
            self.connection.execute(f"CREATE VIEW {quoted(database)}.{quoted(name)} AS {inner}")
            check_fresh(table, self.columns(inner))
        else:
            self._relations.append(make_relation(self.connection, self._lake, table, self._cache, self._work))

    def columns(self, sql: str) -> list[ResultColumn]:
        """Return the columns that a query in DuckDB's dialect gives, without running it."""
        described = self.connection.execute(f"DESCRIBE {sql}").fetchall()
        return [ResultColumn.of(row[0], row[1]) for row in described]

    def scanned(self, sql: str) -> int:
        """Return the bytes of the column chunks that the query reads, by DuckDB's own plan.

        Its optimizer leaves out columns and partitions as Trino's does. Raises QueryError when it reads a column whose
        type in a file does not fit the declared one.
        """
        plan = json.loads(self.connection.execute(f"EXPLAIN (FORMAT JSON) {sql}").fetchall()[0][1])
        lines = sum(each.whole_bytes or 0 for each in self._relations)
        return lines + sum(
            self._scanned(node["extra_info"]) for node in _nodes(plan) if "PARQUET" in node["name"].upper()
        )

    def _scanned(self, scan: dict[str, Any]) -> int:
        """Return the bytes that one scan of the plan reads.

        The plan does not name the scan's table; of those that have its columns, the one with the most bytes counts.
        """
        projections = scan.get("Projections") or []
        names = [projections] if isinstance(projections, str) else projections
        columns = list(dict.fromkeys(name.lower() for name in names))
        relations = [each for each in self._relations if each.whole_bytes is None and each.has_columns(columns)]
        for relation in relations:
            for column in columns:
                if column in relation.mismatches:
                    raise QueryError("HIVE_BAD_DATA", relation.mismatches[column])
        return max((each.scanned(self.connection, columns, scan.get("File Filters")) for each in relations), default=0)


@contextmanager
def session(lake: Lake, cache: FileCache) -> Iterator[Session]:
    """Open a session whose files are gone afterwards. DuckDB's errors become QueryError or QueryCancelled."""
    with tempfile.TemporaryDirectory(prefix="athena-") as work:
        opened = Session(lake, cache, Path(work))
        try:
            yield opened
        except duckdb.Error as error:
            raise _translated(error, work) from None
        finally:
            opened.connection.close()


def select(
    lake: Lake,
    cache: FileCache,
    tree: exp.Expression,
    database: str,
    *,
    cutoff: int | None = None,
    started: Callable[[Interruptible], None] = lambda connection: None,
) -> SelectResult:
    """Run a SELECT. Raises QueryError, or QueryCancelled when it would scan more than `cutoff` bytes.

    `started` is called with the connection, so that another thread may interrupt it.
    """
    with session(lake, cache) as opened:
        started(opened.connection)
        sql = opened.prepare(tree, database)
        opened.seal()
        scanned = opened.scanned(sql)
        if cutoff is not None and scanned > cutoff:
            raise QueryCancelled("Query cancelled! : Bytes scanned limit was exceeded")
        result = opened.connection.execute(sql)
        columns = [ResultColumn.of(each[0], str(each[1])) for each in result.description or []]
        file = ResultFile(columns)
        file.append([column.name for column in columns])
        while rows := result.fetchmany(BATCH):
            for row in rows:
                file.append(row)
        return SelectResult(file, scanned)


def _nodes(plan: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for node in plan:
        yield node
        yield from _nodes(node["children"])


NO_COLUMN = "line 1:8: Column '{0}' cannot be resolved"
MESSAGES = (
    (r"Division by zero", "DIVISION_BY_ZERO", "Division by zero"),
    (r'Referenced column "([^"]+)" (?:was )?not found', "COLUMN_NOT_FOUND", NO_COLUMN),
    (r'does not have a column named "([^"]+)"', "COLUMN_NOT_FOUND", NO_COLUMN),
    (
        r"Function with name \"?([^\"\s]+)\"? does not exist",
        "FUNCTION_NOT_FOUND",
        "line 1:8: Function '{0}' not registered",
    ),
    (
        r"must appear in the GROUP BY clause",
        "EXPRESSION_NOT_AGGREGATE",
        "line 1:8: must be an aggregate expression or appear in GROUP BY clause",
    ),
)
"""Patterns of DuckDB's messages, and Athena's error for each."""
KINDS = (
    (duckdb.ConversionException, "INVALID_CAST_ARGUMENT"),
    (duckdb.OutOfRangeException, "NUMERIC_VALUE_OUT_OF_RANGE"),
    (duckdb.OutOfMemoryException, "EXCEEDED_LOCAL_MEMORY_LIMIT"),
    (duckdb.Error, "GENERIC_USER_ERROR"),
)
"""The kind of every other error: that of the first class it is of."""


def _translated(error: duckdb.Error, work: str) -> Exception:
    """Return DuckDB's error as Athena's, without the path of the directory `work`."""
    if isinstance(error, duckdb.InterruptException):
        return QueryCancelled("Query was cancelled by user")
    for pattern, kind, message in MESSAGES:
        if match := re.search(pattern, str(error)):
            return QueryError(kind, message.format(*match.groups()))
    kind = next(kind for class_, kind in KINDS if isinstance(error, class_))
    return QueryError(kind, str(error).splitlines()[0].replace(work, "").split(": ", 1)[-1])
