"""DuckDB's SQL that makes the tables of a contract, made from the contract: a peer that does the same work.

What SQL of this kind cannot say is `UnsupportedContract`, and the file is measured without this peer.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.paths import Index, JsonPath, Key, Where
from chalicelib.contracts.sources import FromDocument, Origin, Product, RowNumber
from chalicelib.contracts.values import Dates

TYPES = {
    Type.IDENTIFIER: "VARCHAR",
    Type.TEXT: "VARCHAR",
    Type.JSON: "VARCHAR",
    Type.INTEGER: "BIGINT",
    Type.DOUBLE: "DOUBLE",
    Type.BOOLEAN: "BOOLEAN",
    Type.DATE: "DATE",
    Type.TIMESTAMP: "TIMESTAMPTZ",
}
MODIFIED = "2024-12-31"
LINEAGE: dict[object, str] = {
    Origin.SOURCE_KEY: "'orders.json'",
    Origin.SOURCE_VERSION: "'v1'",
    Origin.SOURCE_MODIFIED_AT: f"TIMESTAMP_MS '{MODIFIED}'",
    Origin.RECORD_NUMBER: 'd."record number"',
}
Structure = dict[str, Any] | list[Any] | str | None


class UnsupportedContract(Exception):
    """A contract asks for what the SQL that is made here does not do; the message says what."""


def statements(contract: Contract, source: Path, out: Path, threads: int, *, keeps_json: bool = False) -> str:
    """Return the statements that read a file and write a contract's tables by month below `out`.

    Where there is one table its files are in `out`, else each has a folder in it. With `keeps_json` each row of the
    main table has its document's JSON in `extra_fields`; otherwise what the contract does not name is dropped.
    """
    if contract.at is not None:
        raise UnsupportedContract("documents within records (at)")
    structure: Structure = {}
    for _, column in contract.columns():
        for path in column.paths:
            structure = _merged(structure, path.steps, _type(column), path)
    documents = _documents(source, structure, keeps_json)
    head = [f"SET threads = {threads}", "SET TimeZone = 'UTC'"]
    if len(contract.tables) > 1:
        # Read once, in memory.
        head.append(f"CREATE OR REPLACE TEMP TABLE documents AS {documents}")
        documents = "documents"
    else:
        documents = f"({documents})"
    for table in contract.tables:
        folder = out / table.name if len(contract.tables) > 1 else out
        head.append(
            f"COPY ({_rows(contract, table, documents, keeps_json)}) TO {_text(str(folder))} "
            f"(FORMAT parquet, PARTITION_BY ({_name(table.partition.name)}), COMPRESSION snappy)"
        )
    return ";\n".join(head)


def _documents(source: Path, structure: Structure, keeps_json: bool) -> str:
    """Return what reads the documents, with their numbers."""
    options = _text(str(source))
    if keeps_json:
        shape = _text(json.dumps(structure, ensure_ascii=False))
        objects = f"SELECT json, from_json(json, {shape}) AS read FROM read_json_objects({options}, format = 'auto')"
        return f'SELECT row_number() OVER () AS "record number", json AS "its json", read.* FROM ({objects})'
    assert isinstance(structure, dict)
    columns = ", ".join(f"{_name(name)}: {_text(_typed(child))}" for name, child in structure.items())
    return f'SELECT row_number() OVER () AS "record number", * FROM read_json({options}, columns = {{{columns}}})'


def _rows(contract: Contract, table: Table, documents: str, keeps_json: bool) -> str:
    """Return the query for the rows of one table."""
    columns = {column.name: _value(contract, table, column, keeps_json) for column in table.file_columns}
    date = next(column for column in contract.main.columns if column.name == contract.date)
    partition = f"strftime({_at_path(date, date.paths[0], 'd')}, '%Y-%m')"
    chosen = ", ".join(
        f"{value} AS {_name(name)}" for name, value in (columns | {table.partition.name: partition}).items()
    )
    if not table.depth:
        return f"SELECT {chosen} FROM {documents} d"
    # A document without elements keeps one row; the numbers, of which there are none then, are filled up with NULL.
    lists = f"SELECT *, {_elements(contract, table)} AS elements FROM {documents} d"
    each = "unnest(CASE WHEN len(elements) > 0 THEN elements ELSE [NULL] END) AS e"
    return f"SELECT {chosen} FROM (SELECT *, {each}, generate_subscripts(elements, 1) AS n FROM ({lists}) d) d"


def _elements(contract: Contract, table: Table) -> str:
    """Return the list that makes the rows: as it is, or the lists of enclosing elements as one of structs."""
    assert table.rows is not None
    if table.one_or_many or table.rows != table.rows.plain:
        raise UnsupportedContract(f"{table.name}: rows that are filtered, or one or many")
    if table.depth == 1:
        return _fields("d", table.lists[0].steps)
    within = [column for column in table.file_columns if column.paths and table.level(column)]
    parts = ", ".join(f"{_name(c.name)}: {_at_path(c, p, f'e{p.level}')}" for c in within for p in c.paths)
    made = f"{{'n1': n1, {parts}}}"
    for level in range(table.depth, 0, -1):
        items = _fields(f"e{level - 1}" if level > 1 else "d", table.lists[level - 1].steps)
        made = f"list_transform({items}, lambda e{level}, n{level}: {made})"
        made = made if level == table.depth else f"flatten({made})"
    return made


def _value(contract: Contract, table: Table, column: Column, keeps_json: bool) -> str:
    """Return the expression of a column."""
    source = column.source
    if isinstance(source, FromDocument):
        if len(source.paths) > 1:
            raise UnsupportedContract(f"{column.name}: several paths")
        level = source.paths[0].level
        if level and table.depth > 1:
            return f"d.e.{_name(column.name)}"
        return _at_path(column, source.paths[0], "d.e" if level else "d")
    if isinstance(source, Product):
        first, second = (_value(contract, table, table[name], keeps_json) for name in source.factors)
        whole = column.scale is None
        return f"({first} * {second})::{'BIGINT' if whole else f'DECIMAL(18,{column.scale})'}"
    if isinstance(source, RowNumber):
        assert table.rows is not None
        if source.of != table.rows and source.of.level > 1:
            raise UnsupportedContract(f"{column.name}: the number of an element within another")
        return f"{'d.n' if source.of == table.rows else 'd.e.n1'}::INTEGER"
    if source is Origin.EXTRA_FIELDS:
        return 'd."its json"::VARCHAR' if keeps_json and table is contract.main else "NULL::VARCHAR"
    if source not in LINEAGE:
        raise UnsupportedContract(f"{column.name}: {type(source).__name__}")
    return LINEAGE[source]


def _at_path(column: Column, path: JsonPath, start: str) -> str:
    steps = path.relative if path.level else path.steps
    field = _fields(start, steps)
    return f"({field} AT TIME ZONE 'UTC')::TIMESTAMP_MS" if column.type is Type.TIMESTAMP else field


def _fields(start: str, steps: tuple[Any, ...]) -> str:
    for step in steps:
        if isinstance(step, Where):
            holds = f"{_fields('x', tuple(map(Key, step.keys)))} = {_text(step.text)}"
            start = f"list_filter({start}, lambda x: {holds})[1]"
        else:
            start += f"[{step.position + 1}]" if isinstance(step, Index) else f".{_name(step.name)}"
    return start


def _type(column: Column) -> str:
    unusual: dict[str, Callable[[Column], bool]] = {
        "values that mean NULL": lambda c: bool(c.nulls),
        "minor units": lambda c: c.minor_units is not None,
        "dates that are not ISO": lambda c: c.formats not in ((), (Dates.ISO,)),
        "dates of a zone": lambda c: c.zone not in (None, "UTC"),
    }
    for what, has in unusual.items():
        if has(column):
            raise UnsupportedContract(f"{column.name}: {what}")
    return f"DECIMAL(18,{column.scale})" if column.type is Type.DECIMAL else TYPES[column.type]


def _merged(structure: Structure, steps: tuple[Any, ...], leaf: str, path: JsonPath) -> Structure:
    """Return what is read of a document, with the value at `steps` as well: dicts, lists of one, names of types."""
    if not steps:
        if structure not in (None, leaf):
            raise UnsupportedContract(f"{path}: read as two types")
        return leaf
    if isinstance(steps[0], Key) and isinstance(structure, dict | None):
        structure = {} if structure is None else structure
        name = steps[0].name
        return structure | {name: _merged(structure.get(name), steps[1:], leaf, path)}
    if not isinstance(steps[0], Key) and isinstance(structure, list | None):
        element = structure[0] if structure else None
        if isinstance(steps[0], Where):
            if steps[0].number is not None or steps[0].boolean is not None:
                raise UnsupportedContract(f"{path}: a filter by a number or boolean")
            element = _merged(element, tuple(map(Key, steps[0].keys)), "VARCHAR", path)
        return [_merged(element, steps[1:], leaf, path)]
    raise UnsupportedContract(f"{path}: a value beside parts of it")


def _typed(structure: Structure) -> str:
    """Return the SQL type of what is read."""
    if isinstance(structure, dict):
        return f"STRUCT({', '.join(f'{_name(name)} {_typed(child)}' for name, child in structure.items())})"
    return f"{_typed(structure[0])}[]" if isinstance(structure, list) else str(structure)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
