"""Statements that read or change the catalog: views, SHOW, DESCRIBE, DROP. None of them scans data."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from local.athena.engine import session
from local.athena.lake import Lake, QueryError
from local.athena.sql import parse
from local.athena.tables import FileCache
from local.athena.values import ResultColumn
from local.athena.views import is_view, view_input, view_query

NAME = r"(?:[\"`]?(?P<database>[\w$]+)[\"`]?\.)?[\"`]?(?P<name>[\w$]+)[\"`]?"
IN_DATABASE = r"(?:\s+(?:IN|FROM)\s+[\"`]?(?P<database>\w+)[\"`]?)?"
VIEW_BODY = re.compile(r"\bAS\b(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class TextResult:
    """The result of a statement over the catalog: lines of text, with the names of their columns, by tabs."""

    header: str
    lines: list[str]

    def columns(self) -> list[ResultColumn]:
        """Return the columns, all of text."""
        return [ResultColumn(name, "string") for name in self.header.split("\t")]


def create_view(lake: Lake, cache: FileCache, tree: exp.Create, sql: str, database: str) -> TextResult:
    """Run CREATE [OR REPLACE] VIEW: check the query, and keep it with its columns. Raises QueryError."""
    target, name = (tree.this.db or database).lower(), tree.this.name.lower()
    existing = lake.table(target, name)
    if existing is not None and not (tree.args.get("replace") and is_view(existing)):
        raise QueryError("TABLE_ALREADY_EXISTS", f"line 1:1: Table '{target}.{name}' already exists")
    body = VIEW_BODY.search(sql, sql.lower().index("view"))
    assert body is not None, "the syntax tree has a query, so the text has AS"
    text = body[1].strip().rstrip(";").strip()
    with session(lake, cache) as opened:
        columns = opened.columns(opened.prepare(parse(text, ()), database))
    names = [column.name.lower() for column in columns]
    for each in names:
        if names.count(each) > 1 or each.startswith("_col"):
            raise QueryError("DUPLICATE_COLUMN_NAME", f"line 1:1: Column name '{each}' is not given, or given twice")
    lake.save_table(target, view_input(name, text, database, columns))
    return TextResult("result", [])


def catalog_statement(sql: str) -> Callable[[Lake, str], TextResult] | None:
    """Return what runs a SHOW, DESCRIBE, DROP or CREATE DATABASE statement, or None when the text is none of these.

    It is called with the lake and the database that a name without one is of.
    """
    text = re.sub(r"--[^\n]*(\n|$)", " ", sql).strip().rstrip(";").strip()
    for pattern, run in STATEMENTS:
        if match := re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL):
            parts = match.groupdict()
            named = parts.pop("database", None)
            return lambda lake, database: run(lake, named or database, **parts)
    return None


def _existing(lake: Lake, database: str, name: str) -> dict[str, object]:
    table = lake.table(database.lower(), name.lower())
    if table is None:
        raise QueryError("ENTITY_NOT_FOUND", f"Table not found: {database}.{name}")
    return table


def _databases(lake: Lake, database: str) -> TextResult:
    return TextResult("database_name", sorted(lake.databases()))


def _tables(lake: Lake, database: str, pattern: str | None) -> TextResult:
    expression = (pattern or "*").replace("*", ".*")
    names = sorted(table["Name"] for table in lake.tables(database))
    return TextResult("tab_name", [name for name in names if re.fullmatch(expression, name)])


def _views(lake: Lake, database: str) -> TextResult:
    return TextResult("views", sorted(table["Name"] for table in lake.tables(database) if is_view(table)))


def _describe(lake: Lake, database: str, name: str) -> TextResult:
    columns, keys = _columns(_existing(lake, database, name))
    lines = [f"{column:<20}\t{type_:<20}\t{'':<20}" for column, type_ in [*columns, *keys]]
    if keys:
        lines += [" \t \t ", "# Partition Information\t \t ", "# col_name\tdata_type\tcomment", " \t \t "]
        lines += lines[len(columns) : len(columns) + len(keys)]
    return TextResult("col_name\tdata_type\tcomment", lines)


def _show_columns(lake: Lake, database: str, name: str) -> TextResult:
    columns, keys = _columns(_existing(lake, database, name))
    return TextResult("field", [f"{column:<20}" for column, _ in [*columns, *keys]])


def _partitions(lake: Lake, database: str, name: str) -> TextResult:
    keys = [key for key, _ in _columns(_existing(lake, database, name))[1]]
    values = [partition["Values"] for partition in lake.partitions(database, name)]
    return TextResult("partition", sorted("/".join(map("=".join, zip(keys, each, strict=True))) for each in values))


def _show_view(lake: Lake, database: str, name: str) -> TextResult:
    table = _existing(lake, database, name)
    if not is_view(table):
        raise QueryError("NOT_SUPPORTED", f"line 1:1: Relation '{database}.{name}' is not a view")
    return TextResult("Create View", [f"CREATE VIEW {database}.{name} AS", *view_query(table)[0].splitlines()])


def _drop(lake: Lake, database: str, kind: str, exists: str | None, name: str) -> TextResult:
    table = lake.table(database.lower(), name.lower())
    if table is not None and is_view(table) is (kind.lower() == "view"):
        lake.drop_table(database.lower(), name.lower())
    elif table is not None or not exists:
        raise QueryError("ENTITY_NOT_FOUND", f"line 1:1: {kind.capitalize()} '{database}.{name}' does not exist")
    return TextResult("result", [])


def _create_database(lake: Lake, database: str, exists: str | None, name: str) -> TextResult:
    if name.lower() not in lake.databases():
        lake.create_database(name.lower())
    elif not exists:
        raise QueryError("ALREADY_EXISTS", f"Database {name} already exists")
    return TextResult("result", [])


def _columns(table: dict[str, object]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    storage = table["StorageDescriptor"]
    keys = table.get("PartitionKeys") or []
    assert isinstance(storage, dict)
    assert isinstance(keys, list)
    return [(c["Name"], c["Type"]) for c in storage["Columns"]], [(k["Name"], k["Type"]) for k in keys]


STATEMENTS: list[tuple[str, Callable[..., TextResult]]] = [
    (r"SHOW\s+(?:DATABASES|SCHEMAS)", _databases),
    (rf"SHOW\s+TABLES{IN_DATABASE}(?:\s+'(?P<pattern>[^']*)')?", _tables),
    (rf"SHOW\s+VIEWS{IN_DATABASE}", _views),
    (rf"(?:DESCRIBE|DESC)(?:\s+FORMATTED|\s+EXTENDED)?\s+{NAME}", _describe),
    (rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{NAME}", _show_columns),
    (rf"SHOW\s+PARTITIONS\s+{NAME}", _partitions),
    (rf"SHOW\s+CREATE\s+VIEW\s+{NAME}", _show_view),
    (rf"DROP\s+(?P<kind>VIEW|TABLE)(?:\s+(?P<exists>IF\s+EXISTS))?\s+{NAME}", _drop),
    (
        r"CREATE\s+(?:DATABASE|SCHEMA)(?:\s+(?P<exists>IF\s+NOT\s+EXISTS))?\s+[\"`]?(?P<name>\w+)[\"`]?",
        _create_database,
    ),
]
"""Each statement's form, and what runs it with the database and the groups of the form."""
