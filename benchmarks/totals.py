"""What all ways of the same work must agree on, read from the Parquet that they wrote."""

from __future__ import annotations

from pathlib import Path

import duckdb

from chalicelib.contracts.contract import Contract, Table
from chalicelib.contracts.sources import LINEAGE, Origin

_SQL_TYPES = {"timestamp": "TIMESTAMP_MS", "int": "INTEGER", "string": "VARCHAR"}


def totals(out: Path, contract: Contract, *, unnamed: bool = False) -> tuple[str, ...]:
    """Return, for each table, how many rows there are and a digest of them all, in whatever order.

    Where the rows come from is everyone's own, and which order is the first of a parallel read is nobody's: of the
    lineage only the sum of the record numbers counts. `unnamed` says whether `extra_fields` do, which peers lack.
    """
    return tuple(
        _total(out / table.name if len(contract.tables) > 1 else out, table, unnamed) for table in contract.tables
    )


def rows(total: tuple[str, ...]) -> int:
    """Return the rows of all tables together."""
    return sum(int(each.split()[0]) for each in total)


def _total(folder: Path, table: Table, unnamed: bool) -> str:
    if next(folder.rglob("*.parquet"), None) is None:
        return "0 rows"
    others = (*LINEAGE, *(() if unnamed else (Origin.EXTRA_FIELDS,)))
    columns = [column for column in table.file_columns if column.source not in others]
    values = ", ".join(f'"{c.name}"::{_SQL_TYPES.get(c.glue_type, c.glue_type)}' for c in columns)
    number = table.of(Origin.RECORD_NUMBER).name
    sql = f"""
        SELECT count(*) || ' rows, record numbers ' || sum("{number}") || ', digest ' || sum(hash({values})::HUGEINT)
        FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = false)
    """
    return str(duckdb.sql(sql).fetchall()[0][0])
