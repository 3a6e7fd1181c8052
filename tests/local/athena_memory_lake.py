"""The contract's table, its views and orders in a MemoryLake, for tests of the embedded Athena's engine."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib.aws import glue
from chalicelib.flatten.schema import file_schema
from chalicelib.queries import saved
from chalicelib.queries.views import view_statements
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup.rejected import rejected_table_input
from local.athena.memory import MemoryLake
from local.athena.tables import FileCache
from tests.contracts import datasets_of
from tests.edge.glue_setup_world import target_with

DATASETS = datasets_of(Settings(bucket="orders-etl-test"))
(ORDERS,) = DATASETS
MAIN = ORDERS.contract.main
QUERIES = saved.load(DATASETS)
DATABASE, TABLE, BUCKET, PREFIX = ORDERS.database, MAIN.name, ORDERS.bucket, ORDERS.folders[MAIN]
SCHEMA = file_schema(MAIN)
PROJECTION = glue.projection(ORDERS, MAIN)


def table_input(parameters: Mapping[str, str] = PROJECTION) -> dict[str, Any]:
    """Return the table of the contract with these parameters, as Glue takes it."""
    return {**glue.table_input(ORDERS, MAIN, "projection"), "Parameters": {"classification": "parquet", **parameters}}


Line = tuple[str, str, str | None, str, str | int | None]
"""product_id, name, category, price, quantity"""


def order(
    order_id: str,
    date: str,
    total: str | None,
    customer: tuple[str, str] | None,
    lines: Sequence[tuple[Any, ...]],
    *,
    source: str = "orders_json_incoming/a.json",
    modified: str = "2024-08-01T00:00:00",
    record: int = 1,
) -> list[dict[str, Any]]:
    """Return the rows of one order. A line is (product_id, name, category, price, quantity); a price may be None."""
    shared = {
        "order_id": order_id,
        "order_date": datetime.fromisoformat(date),
        "total_amount": None if total is None else Decimal(total),
        "customer_id": customer[0] if customer else None,
        "customer_name": customer[1] if customer else None,
        "source_key": source,
        "source_version": "v1",
        "source_modified_at": datetime.fromisoformat(modified),
        "record_number": record,
    }
    if not lines:
        return [shared]
    rows = []
    for number, (product_id, name, category, price, quantity) in enumerate(lines, 1):
        amount = None if price is None or quantity is None else Decimal(price) * quantity
        rows.append(
            {
                **shared,
                "line_number": number,
                "product_id": product_id,
                "product_name": name,
                "product_category": category,
                "price": None if price is None else Decimal(price),
                "quantity": quantity,
                "line_amount": amount,
            }
        )
    return rows


def parquet(rows: Sequence[Mapping[str, Any]], schema: pa.Schema = SCHEMA) -> bytes:
    """Return the rows as a Parquet file; what a row lacks is NULL."""
    columns = [pa.array([row.get(field.name) for row in rows], field.type) for field in schema]
    sink = io.BytesIO()
    pq.write_table(pa.table(columns, schema=schema), sink)
    return sink.getvalue()


def month_files(rows: Sequence[Mapping[str, Any]], name: str = "part") -> dict[str, bytes]:
    """Return the Parquet files of the rows by their keys, one a month."""
    months: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        months.setdefault(f"{row['order_date']:%Y-%m}", []).append(row)
    return {f"{PREFIX}order_month={month}/{name}.parquet": parquet(group) for month, group in months.items()}


def lake_with(rows: Sequence[Mapping[str, Any]], cache: FileCache, name: str = "part") -> MemoryLake:
    """Return a lake with the contract's table, its views, and these rows."""
    from local.athena.ddl import create_view
    from local.athena.sql import parse

    lake = MemoryLake()
    lake.save_table(DATABASE, table_input())
    lake.save_table(DATABASE, dict(rejected_table_input(target_with(Stage("test", "app", Settings(bucket=BUCKET))))))
    for key, content in month_files(rows, name).items():
        lake.stored[BUCKET, key] = content
    for _, sql in view_statements(ORDERS):
        create_view(lake, cache, parse(sql, ()), sql, DATABASE)
    return lake
