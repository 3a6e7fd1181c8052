"""What all ways of the same work must agree on, read from what they wrote."""

from __future__ import annotations

from pathlib import Path

import duckdb

from chalicelib.contracts.contract import LINEAGE, Origin
from tests import contracts

ORDERS = contracts.ORDERS.main

COMPARED = [column.name for column in ORDERS.columns if column.source not in (*LINEAGE, Origin.MONTH)]
"""Where the rows come from is everyone's own, and which order is the first of a parallel read is nobody's."""


def totals(folder: Path) -> tuple[str, ...]:
    """Return rows, sums, and a digest of all rows whatever their order: equal for two ways that did the same work."""
    types = {"decimal(18,4)": "DECIMAL(18,4)", "timestamp": "TIMESTAMP_MS", "int": "INTEGER", "bigint": "BIGINT"}
    values = ", ".join(f"{name}::{types.get(ORDERS[name].glue_type, 'VARCHAR')}" for name in COMPARED)
    sql = f"""
        SELECT count(*), sum(line_amount)::DECIMAL(38,4), sum(quantity), sum(record_number),
          min(order_date)::TIMESTAMP_MS, max(order_date)::TIMESTAMP_MS, sum(hash({values})::HUGEINT)
        FROM read_parquet('{folder}/**/*.parquet', hive_partitioning = false)
    """
    (row,) = duckdb.sql(sql).fetchall()
    return tuple(str(each) for each in row)
