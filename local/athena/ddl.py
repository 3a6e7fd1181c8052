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

NAME = r"(?:[\"`]?([\w$]+)[\"`]?\.)?[\"`]?([\w$]+)[\"`]?"
VIEW_BODY = re.compile(r"\bAS\b(.*)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Told:
    """What a statement over the catalog answers: one column of text lines."""

    column: str
    lines: list[str]

    def columns(self) -> list[ResultColumn]:
        """Return the columns as GetQueryResults tells them: text."""
        return [ResultColumn(name, "string") for name in self.column.split("\t")]


def create_view(lake: Lake, cache: FileCache, tree: exp.Create, sql: str, database: str) -> Told:
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
    return Told("result", [])


def catalog_statement(sql: str) -> Callable[[Lake, str], Told] | None:
    """Return what runs a SHOW, DESCRIBE, DROP or CREATE DATABASE statement, or None when the text is none of these."""
    text = re.sub(r"--[^\n]*(\n|$)", " ", sql).strip().rstrip(";").strip()
    for pattern, run in STATEMENTS:
        if match := re.fullmatch(pattern, text, re.IGNORECASE | re.DOTALL):
            groups = match.groups()
            return lambda lake, database: run(lake, database, *groups)
    return None


def _known(lake: Lake, database: str, name: str) -> dict[str, object]:
    table = lake.table(database.lower(), name.lower())
    if table is None:
        raise QueryError("ENTITY_NOT_FOUND", f"Table not found: {database}.{name}")
    return table


def _databases(lake: Lake, database: str) -> Told:
    return Told("database_name", sorted(lake.databases()))


def _tables(lake: Lake, database: str, given: str | None, pattern: str | None) -> Told:
    expression = (pattern or "*").replace("*", ".*")
    names = sorted(table["Name"] for table in lake.tables(given or database))
    return Told("tab_name", [name for name in names if re.fullmatch(expression, name)])


def _views(lake: Lake, database: str, given: str | None) -> Told:
    return Told("views", sorted(table["Name"] for table in lake.tables(given or database) if is_view(table)))


def _describe(lake: Lake, database: str, given: str | None, name: str) -> Told:
    table: dict[str, object] = _known(lake, given or database, name)
    columns, keys = _columns(table)
    lines = [f"{column:<20}\t{type_:<20}\t{'':<20}" for column, type_ in [*columns, *keys]]
    if keys:
        lines += [" \t \t ", "# Partition Information\t \t ", "# col_name\tdata_type\tcomment", " \t \t "]
        lines += [f"{column:<20}\t{type_:<20}\t{'':<20}" for column, type_ in keys]
    return Told("col_name\tdata_type\tcomment", lines)


def _show_columns(lake: Lake, database: str, given: str | None, name: str) -> Told:
    columns, keys = _columns(_known(lake, given or database, name))
    return Told("field", [f"{column:<20}" for column, _ in [*columns, *keys]])


def _partitions(lake: Lake, database: str, given: str | None, name: str) -> Told:
    table = _known(lake, given or database, name)
    keys = [key for key, _ in _columns(table)[1]]
    found = lake.partitions(given or database, name)
    lines = ["/".join(f"{k}={v}" for k, v in zip(keys, each["Values"], strict=True)) for each in found]
    return Told("partition", sorted(lines))


def _show_view(lake: Lake, database: str, given: str | None, name: str) -> Told:
    table = _known(lake, given or database, name)
    if not is_view(table):
        raise QueryError("NOT_SUPPORTED", f"line 1:1: Relation '{given or database}.{name}' is not a view")
    return Told("Create View", [f"CREATE VIEW {given or database}.{name} AS", *view_query(table)[0].splitlines()])


def _drop(lake: Lake, database: str, kind: str, exists: str | None, given: str | None, name: str) -> Told:
    table = lake.table((given or database).lower(), name.lower())
    if table is not None and is_view(table) is (kind.lower() == "view"):
        lake.drop_table((given or database).lower(), name.lower())
    elif table is not None or not exists:
        raise QueryError(
            "ENTITY_NOT_FOUND", f"line 1:1: {kind.capitalize()} '{given or database}.{name}' does not exist"
        )
    return Told("result", [])


def _create_database(lake: Lake, database: str, exists: str | None, name: str) -> Told:
    if name.lower() not in lake.databases():
        lake.create_database(name.lower())
    elif not exists:
        raise QueryError("ALREADY_EXISTS", f"Database {name} already exists")
    return Told("result", [])


def _columns(table: dict[str, object]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    storage = table["StorageDescriptor"]
    keys = table.get("PartitionKeys") or []
    assert isinstance(storage, dict)
    assert isinstance(keys, list)
    return [(c["Name"], c["Type"]) for c in storage["Columns"]], [(k["Name"], k["Type"]) for k in keys]


STATEMENTS: list[tuple[str, Callable[..., Told]]] = [
    (r"SHOW\s+(?:DATABASES|SCHEMAS)", _databases),
    (r"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+[\"`]?(\w+)[\"`]?)?(?:\s+'([^']*)')?", _tables),
    (r"SHOW\s+VIEWS(?:\s+(?:IN|FROM)\s+[\"`]?(\w+)[\"`]?)?", _views),
    (rf"(?:DESCRIBE|DESC)(?:\s+FORMATTED|\s+EXTENDED)?\s+{NAME}", _describe),
    (rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{NAME}", _show_columns),
    (rf"SHOW\s+PARTITIONS\s+{NAME}", _partitions),
    (rf"SHOW\s+CREATE\s+VIEW\s+{NAME}", _show_view),
    (rf"DROP\s+(VIEW|TABLE)(?:\s+(IF\s+EXISTS))?\s+{NAME}", _drop),
    (r"CREATE\s+(?:DATABASE|SCHEMA)(?:\s+(IF\s+NOT\s+EXISTS))?\s+[\"`]?(\w+)[\"`]?", _create_database),
]
"""Each statement's form, and what runs it with the parts that the form captures."""
