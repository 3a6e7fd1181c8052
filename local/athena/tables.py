"""Glue tables as DuckDB relations: Parquet files of the right partitions, columns by name, of the declared types."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
from sqlglot import exp

from local.athena.json_tables import as_parquet, check_types, is_json
from local.athena.lake import Lake, QueryError, StoredObject
from local.athena.partitions import TableObject, table_objects

MAGIC = b"PAR1"
CACHE_BYTES = 2 * 2**30
"""Copies of objects on disk are thrown away when they exceed this."""

READABLE: dict[str, tuple[str, ...]] = {
    "VARCHAR": ("VARCHAR",),
    "BIGINT": ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"),
    "INTEGER": ("INTEGER", "BIGINT", "SMALLINT", "TINYINT"),
    "DOUBLE": ("DOUBLE", "FLOAT"),
    "TIMESTAMP": ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE"),
}
"""Which types in a file Athena reads as a declared type; for all others the two must be the same."""
ALIASES = {"TEXT": "VARCHAR", "INT": "INTEGER"}
"""DuckDB's names of types that sqlglot names otherwise."""


class FileCache:
    """Copies of objects on disk, where DuckDB reads them in bounded memory. Safe for several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def link(self, lake: Lake, stored: StoredObject, target: Path, json_columns: Mapping[str, str] | None) -> None:
        """Put the object's bytes at `target`, as a Parquet file where they are lines of JSON with these columns.

        Raises QueryError when it is neither.
        """
        name = hashlib.sha256(f"{stored.uri} {stored.etag} {stored.size} {json_columns}".encode()).hexdigest()
        copy = self._directory / name
        with self._lock:
            if not copy.exists():
                content = lake.read(stored)
                if json_columns is not None:
                    content = as_parquet(stored, content, json_columns)
                if len(content) < 12 or content[:4] != MAGIC or content[-4:] != MAGIC:
                    raise QueryError(
                        "HIVE_BAD_DATA", f"Not valid Parquet file: {stored.uri} expected magic number: PAR1"
                    )
                self._make_room(len(content))
                copy.write_bytes(content)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(copy, target)

    def _make_room(self, size: int) -> None:
        # What a running query uses is linked elsewhere too, and stays.
        self._directory.mkdir(parents=True, exist_ok=True)
        if size + sum(each.stat().st_size for each in self._directory.iterdir()) > CACHE_BYTES:
            shutil.rmtree(self._directory)
            self._directory.mkdir()


@dataclass(frozen=True)
class Relation:
    """A Glue table as a DuckDB view.

    `chunks` are the compressed bytes of each column (lower case) of each file, `values` the partition values of each
    file, `mismatches` the error of each column whose type in some file cannot be read as declared; it is raised when a
    query reads the column. `whole_bytes` are those of all files where a query reads them whole, whatever it asks.
    """

    chunks: Mapping[str, Mapping[str, int]]
    values: Mapping[str, tuple[str, ...]]
    keys: tuple[str, ...]
    mismatches: Mapping[str, str]
    whole_bytes: int | None = None

    def has_columns(self, columns: Iterable[str]) -> bool:
        """Tell whether the table has all of these columns (lower case), in a file or as partition keys."""
        return {name for chunks in self.chunks.values() for name in chunks}.union(self.keys).issuperset(columns)

    def scanned(self, connection: duckdb.DuckDBPyConnection, columns: Sequence[str], file_filter: str | None) -> int:
        """Return the bytes that a scan of these columns (lower case) reads from the files that a filter leaves."""
        files = self.values if file_filter is None else self._filter_files(connection, file_filter)
        return sum(self.chunks[file].get(column, 0) for file in files for column in columns)

    def _filter_files(self, connection: duckdb.DuckDBPyConnection, file_filter: str) -> list[str]:
        """Return the files whose partition values DuckDB's filter, of its query plan, lets through."""
        names = ", ".join(['"file name"', *(quoted(key) for key in self.keys)])
        rows = ", ".join("(" + ", ".join(map(literal, [file, *values])) + ")" for file, values in self.values.items())
        sql = f'SELECT "file name" FROM (VALUES {rows}) AS p({names}) WHERE {file_filter}'  # noqa: S608 (DuckDB's filter)
        return [file for (file,) in connection.execute(sql).fetchall()]


@dataclass(frozen=True)
class Declaration:
    """What Glue declares of a table: the Glue types of its columns and partition keys by their lower-case names."""

    database: str
    name: str
    columns: Mapping[str, str]
    keys: Mapping[str, str]
    is_json: bool = False

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Declaration:
        """Read a table as GetTable returns it. Raises QueryError for one that cannot be queried."""
        database, name, storage = table["DatabaseName"], table["Name"], table["StorageDescriptor"]
        columns = {each["Name"].lower(): each["Type"] for each in storage["Columns"]}
        keys = {each["Name"].lower(): each["Type"] for each in table.get("PartitionKeys") or []}
        if duplicates := sorted(columns.keys() & keys.keys()):
            problem = f"Hive metadata for table {name} is invalid: Table descriptor contains duplicate columns"
            raise QueryError("HIVE_INVALID_METADATA", f"{problem} ({', '.join(duplicates)})")
        of_lines = is_json(table)
        if of_lines:
            check_types(f"{database}.{name}", columns)
        elif "parquet" not in json.dumps(storage).lower():
            problem = f"{database}.{name} is neither Parquet nor JSON, and this embedded Athena reads no other"
            raise QueryError("NOT_SUPPORTED", problem)
        return cls(database, name, columns, keys, of_lines)


def quoted(name: str) -> str:
    """Return a name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Return text as a SQL literal."""
    return "'" + value.replace("'", "''") + "'"


def duckdb_type(glue_type: str) -> str:
    """Return DuckDB's name of a Glue type."""
    return str(exp.DataType.build(glue_type, dialect="hive").sql("duckdb")).replace(", ", ",")


def make_relation(
    connection: duckdb.DuckDBPyConnection, lake: Lake, table: Mapping[str, Any], cache: FileCache, work: Path
) -> Relation:
    """Make the DuckDB view `database.table` over copies of the table's files below `work`. Raises QueryError."""
    declared = Declaration.of(table)
    view = f"{quoted(declared.database)}.{quoted(declared.name)}"
    objects = _link_objects(lake, table, declared, cache, work)
    if not objects:
        nulls = ", ".join(_cast("NULL", *column) for column in (*declared.columns.items(), *declared.keys.items()))
        connection.execute(f"CREATE VIEW {view} AS SELECT {nulls} WHERE FALSE")
        return Relation({}, {}, tuple(declared.keys), {})
    files = "[" + ", ".join(map(literal, objects)) + "]"
    present, mismatches = _compare_types(connection, files, declared, objects)
    columns = [
        _cast(quoted(name) if name in present else "NULL", name, type_, "TRY_CAST" if name in mismatches else "CAST")
        for name, type_ in declared.columns.items()
    ]
    selected = ", ".join([*columns, *map(quoted, declared.keys)])
    types = ", ".join(f"{literal(key)}: {duckdb_type(type_)}" for key, type_ in declared.keys.items())
    partitioning = f"hive_partitioning = true, hive_types = {{{types}}}" if types else "hive_partitioning = false"
    source = f"read_parquet({files}, union_by_name = true, {partitioning})"
    connection.execute(f"CREATE VIEW {view} AS SELECT {selected} FROM {source}")  # noqa: S608
    chunks: dict[str, dict[str, int]] = {file: {} for file in objects}
    for file, column, size in _chunk_sizes(connection, files):
        chunks[file][column] = chunks[file].get(column, 0) + size
    values = {file: each.values for file, each in objects.items()}
    whole = sum(each.stored.size for each in objects.values()) if declared.is_json else None
    return Relation(chunks, values, tuple(declared.keys), mismatches, whole)


def _cast(value: str, name: str, glue_type: str, cast: str = "CAST") -> str:
    return f"{cast}({value} AS {duckdb_type(glue_type)}) AS {quoted(name)}"


def _link_objects(
    lake: Lake, table: Mapping[str, Any], declared: Declaration, cache: FileCache, work: Path
) -> dict[str, TableObject]:
    """Copy the table's objects to files, in folders named after their partition values; return them by their files."""
    objects = {}
    for number, each in enumerate(table_objects(lake, table)):
        pairs = zip(declared.keys, each.values, strict=True)
        folders = [f"{key}={quote(value, safe='')}" for key, value in pairs]
        file = work.joinpath(f"{declared.database}.{declared.name}", *folders, f"{number}.parquet")
        cache.link(lake, each.stored, file, declared.columns if declared.is_json else None)
        objects[str(file)] = each
    return objects


def _compare_types(
    connection: duckdb.DuckDBPyConnection, files: str, declared: Declaration, objects: Mapping[str, TableObject]
) -> tuple[set[str], dict[str, str]]:
    """Return the columns that some file has, and the error of each whose type in some file is not the declared one."""
    present: set[str] = set()
    mismatches: dict[str, str] = {}
    types = f"SELECT file_name, lower(name), duckdb_type FROM parquet_schema({files}) WHERE duckdb_type IS NOT NULL"  # noqa: S608
    for file, column, type_ in connection.execute(types).fetchall():
        present.add(column)
        if column in declared.columns and not _is_readable(type_, duckdb_type(declared.columns[column])):
            mismatches[column] = (
                f"Field {column}'s type {type_} in parquet file {objects[file].stored.uri} is incompatible with "
                f"type {declared.columns[column]} defined in table schema"
            )
    return present, mismatches


def _is_readable(type_: str, declared: str) -> bool:
    """Tell whether Athena reads a file's type as the declared one. Digits of decimals and fields of rows may differ."""
    if type_.endswith("[]") and declared.endswith("[]"):
        return True
    head = declared.split("(")[0]
    head = ALIASES.get(head, head)
    return type_.split("(")[0] in READABLE.get(head, (head,))


def _chunk_sizes(connection: duckdb.DuckDBPyConnection, files: str) -> Iterator[tuple[str, str, int]]:
    """Yield file, column (lower case) and compressed bytes of every column chunk; fields of a row are its column's."""
    sql = f"SELECT file_name, path_in_schema, total_compressed_size FROM parquet_metadata({files})"  # noqa: S608
    for file, path, size in connection.execute(sql).fetchall():
        yield file, re.split(r", |\.", path)[0].lower(), size
