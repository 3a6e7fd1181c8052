"""A Lake in memory for tests of the embedded Athena's engine, and orders as Parquet in the contract's schema."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib import assembly
from chalicelib.contracts.model import Type
from chalicelib.queries import saved
from chalicelib.settings import Settings
from local.athena.lake import StoredObject
from local.athena.tables import FileCache

DATASETS = assembly.datasets(Settings(bucket="orders-etl-test"))
(ORDERS,) = DATASETS
QUERIES = saved.load(DATASETS)
DATABASE, TABLE, BUCKET, PREFIX = ORDERS.database, ORDERS.table, ORDERS.bucket, ORDERS.table_prefix
ARROW = {
    Type.IDENTIFIER: pa.string(),
    Type.TEXT: pa.string(),
    Type.JSON_TEXT: pa.string(),
    Type.DECIMAL: pa.decimal128(18, 4),
    Type.INTEGER: pa.int64(),
    Type.POSITION: pa.int32(),
    Type.TIMESTAMP: pa.timestamp("ms"),
}
SCHEMA = pa.schema([(column.name, ARROW[column.type]) for column in ORDERS.contract.file_columns])
PROJECTION = {
    "projection.enabled": "true",
    "projection.order_month.type": "date",
    "projection.order_month.format": "yyyy-MM",
    "projection.order_month.range": "2000-01,NOW+12MONTHS",
    "projection.order_month.interval": "1",
    "projection.order_month.interval.unit": "MONTHS",
    "storage.location.template": f"s3://{BUCKET}/{PREFIX}order_month=${{order_month}}/",
}


class MemoryLake:
    """Tables and objects in dictionaries; everything is allowed."""

    def __init__(self) -> None:
        self.catalog: dict[tuple[str, str], dict[str, Any]] = {}
        self.registered: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.names = [DATABASE]
        self.stored: dict[tuple[str, str], bytes] = {}

    def databases(self) -> list[str]:
        return list(self.names)

    def tables(self, database: str) -> list[dict[str, Any]]:
        return [table for (name, _), table in self.catalog.items() if name == database]

    def table(self, database: str, name: str) -> dict[str, Any] | None:
        return self.catalog.get((database, name))

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        return self.registered.get((database, name), [])

    def save_table(self, database: str, table_input: dict[str, Any]) -> None:
        self.catalog[database, table_input["Name"]] = {**table_input, "DatabaseName": database}

    def drop_table(self, database: str, name: str) -> None:
        del self.catalog[database, name]

    def create_database(self, name: str) -> None:
        self.names.append(name)

    def objects(self, bucket: str, prefix: str) -> list[StoredObject]:
        return [
            StoredObject(bucket, key, len(content), hashlib.md5(content).hexdigest())
            for (in_bucket, key), content in sorted(self.stored.items())
            if in_bucket == bucket and key.startswith(prefix)
        ]

    def read(self, stored: StoredObject) -> bytes:
        return self.stored[stored.bucket, stored.key]


def table_input(parameters: Mapping[str, str] = PROJECTION) -> dict[str, Any]:
    """Return the table of the contract as Glue is told of it."""
    return {
        "Name": TABLE,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", **parameters},
        "PartitionKeys": [{"Name": ORDERS.contract.partition.name, "Type": ORDERS.contract.partition.glue_type}],
        "StorageDescriptor": {
            "Columns": [{"Name": column.name, "Type": column.glue_type} for column in ORDERS.contract.file_columns],
            "Location": f"s3://{BUCKET}/{PREFIX}",
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"},
        },
    }


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
    for key, content in month_files(rows, name).items():
        lake.stored[BUCKET, key] = content
    for _, sql in saved.view_statements(ORDERS):
        create_view(lake, cache, parse(sql, ()), sql, DATABASE)
    return lake
