"""Glue tables as DuckDB relations: Parquet files of the right partitions, columns by name, of the declared types."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
from sqlglot import exp

from local.athena.lake import Lake, QueryError, StoredObject
from local.athena.partitions import Part, parts

MAGIC = b"PAR1"
CACHE_BYTES = 2 * 2**30
"""Copies of objects on disk are thrown away when they exceed this."""

FITS: dict[str, tuple[str, ...]] = {
    "VARCHAR": ("VARCHAR",),
    "BIGINT": ("BIGINT", "INTEGER", "SMALLINT", "TINYINT"),
    "INTEGER": ("INTEGER", "BIGINT", "SMALLINT", "TINYINT"),
    "DOUBLE": ("DOUBLE", "FLOAT"),
    "TIMESTAMP": ("TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE"),
}
"""Which types in a file Athena reads as a declared type; for all others the two must be the same."""
SAME = {"TEXT": "VARCHAR", "INT": "INTEGER"}
"""Names that sqlglot and DuckDB have for one type."""


class FileCache:
    """Copies of objects on disk, where DuckDB reads them in bounded memory. Safe for several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def link(self, lake: Lake, stored: StoredObject, target: Path) -> None:
        """Put the object's bytes at `target`. Raises QueryError when it is not a Parquet file."""
        name = hashlib.sha256(f"{stored.uri} {stored.etag} {stored.size}".encode()).hexdigest()
        copy = self._directory / name
        with self._lock:
            if not copy.exists():
                content = lake.read(stored)
                if len(content) < 12 or content[:4] != MAGIC or content[-4:] != MAGIC:
                    raise QueryError(
                        "HIVE_BAD_DATA", f"Not valid Parquet file: {stored.uri} expected magic number: PAR1"
                    )
                self._make_room(len(content))
                copy.write_bytes(content)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(copy, target)

    def _make_room(self, wanted: int) -> None:
        # What a running query uses is linked elsewhere too, and stays.
        self._directory.mkdir(parents=True, exist_ok=True)
        if wanted + sum(each.stat().st_size for each in self._directory.iterdir()) > CACHE_BYTES:
            shutil.rmtree(self._directory)
            self._directory.mkdir()


@dataclass(frozen=True)
class Relation:
    """A Glue table as a DuckDB view.

    `chunks` are the compressed bytes of each column (lower case) of each file, `values` the partition values of each
    file, `unfit` what is wrong with a column whose type in some file does not fit, told when a query reads it.
    """

    chunks: Mapping[str, Mapping[str, int]]
    values: Mapping[str, tuple[str, ...]]
    keys: tuple[str, ...]
    unfit: Mapping[str, str]

    def scanned(self, connection: duckdb.DuckDBPyConnection, columns: Sequence[str], file_filter: str | None) -> int:
        """Return the bytes that a scan of these columns reads from the files that the filter on partitions leaves."""
        files = self.values.keys() if file_filter is None else self._left(connection, file_filter)
        wanted = {column.lower() for column in columns}
        return sum(size for file in files for name, size in self.chunks[file].items() if name in wanted)

    def _left(self, connection: duckdb.DuckDBPyConnection, file_filter: str) -> Iterator[str]:
        names = ", ".join(['"file name"', *(quoted(key) for key in self.keys)])
        rows = ", ".join("(" + ", ".join(map(literal, [file, *values])) + ")" for file, values in self.values.items())
        sql = f'SELECT "file name" FROM (VALUES {rows}) AS p({names}) WHERE {file_filter}'  # noqa: S608 (DuckDB's filter)
        found = connection.execute(sql)
        return (row[0] for row in found.fetchall())


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
    """Make the DuckDB view `database.table` over the table's files below `work`, and return what is known of them."""
    columns = {each["Name"].lower(): each["Type"] for each in table["StorageDescriptor"]["Columns"]}
    keys = {each["Name"].lower(): each["Type"] for each in table.get("PartitionKeys") or []}
    name = f"{table['DatabaseName']}.{table['Name']}"
    if doubled := sorted(columns.keys() & keys.keys()):
        problem = f"Hive metadata for table {table['Name']} is invalid: Table descriptor contains duplicate columns"
        raise QueryError("HIVE_INVALID_METADATA", f"{problem} ({', '.join(doubled)})")
    if "parquet" not in json.dumps(table["StorageDescriptor"]).lower():
        raise QueryError("NOT_SUPPORTED", f"{name} is not Parquet, and this embedded Athena reads Parquet only")
    files = dict(_linked(lake, parts(lake, table), tuple(keys), cache, work / name))
    target = f"{quoted(table['DatabaseName'])}.{quoted(table['Name'])}"
    if not files:
        nothing = ", ".join(f"CAST(NULL AS {duckdb_type(t)}) AS {quoted(c)}" for c, t in (columns | keys).items())
        connection.execute(f"CREATE VIEW {target} AS SELECT {nothing} WHERE FALSE")
        return Relation({}, {}, tuple(keys), {})
    listed = "[" + ", ".join(map(literal, files)) + "]"
    present, unfit = _checked(connection, listed, columns, {file: part.stored for file, part in files.items()})
    shown = [
        f"{'TRY_CAST' if column in unfit else 'CAST'}({quoted(column) if column in present else 'NULL'}"
        f" AS {duckdb_type(type_)}) AS {quoted(column)}"
        for column, type_ in columns.items()
    ]
    hive = ", ".join(f"{literal(key)}: {duckdb_type(type_)}" for key, type_ in keys.items())
    options = f"hive_partitioning = true, hive_types = {{{hive}}}" if keys else "hive_partitioning = false"
    source = f"read_parquet({listed}, union_by_name = true, {options})"
    connection.execute(f"CREATE VIEW {target} AS SELECT {', '.join([*shown, *map(quoted, keys)])} FROM {source}")  # noqa: S608
    chunks: dict[str, dict[str, int]] = defaultdict(dict)
    sizes = f"SELECT file_name, path_in_schema, total_compressed_size FROM parquet_metadata({listed})"  # noqa: S608
    for file, path, size in connection.execute(sizes).fetchall():
        column = re.split(r", |\.", path)[0].lower()
        chunks[file][column] = chunks[file].get(column, 0) + size
    return Relation(
        {file: chunks[file] for file in files}, {file: part.values for file, part in files.items()}, tuple(keys), unfit
    )


def _linked(
    lake: Lake, found: Sequence[Part], keys: tuple[str, ...], cache: FileCache, folder: Path
) -> Iterator[tuple[str, Part]]:
    for number, part in enumerate(found):
        path = folder
        for key, value in zip(keys, part.values, strict=True):
            path = path / f"{key}={quote(value, safe='')}"
        target = path / f"{number}.parquet"
        cache.link(lake, part.stored, target)
        yield str(target), part


def _checked(
    connection: duckdb.DuckDBPyConnection, listed: str, columns: Mapping[str, str], stored: Mapping[str, StoredObject]
) -> tuple[set[str], dict[str, str]]:
    """Return the columns that some file has, and for each whose type does not fit what is wrong."""
    present: set[str] = set()
    unfit: dict[str, str] = {}
    types = f"SELECT file_name, lower(name), duckdb_type FROM parquet_schema({listed}) WHERE duckdb_type IS NOT NULL"  # noqa: S608
    for file, column, found in connection.execute(types).fetchall():
        present.add(column)
        if column not in columns:
            continue
        if not _fits(duckdb_type(columns[column]), found):
            unfit[column] = (
                f"Field {column}'s type {found} in parquet file {stored[file].uri} is incompatible with "
                f"type {columns[column]} defined in table schema"
            )
    return present, unfit


def _fits(declared: str, found: str) -> bool:
    """Tell whether Athena reads a file's type as the declared one. Digits of decimals and fields of rows may differ."""
    wanted = SAME.get(declared.split("(")[0], declared.split("(")[0])
    return found.split("(")[0] in FITS.get(wanted, (wanted,)) or (found.endswith("[]") and wanted.endswith("[]"))
