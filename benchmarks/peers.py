"""What others would write: each turns the same file into the same rows, in a process of its own.

`python -m benchmarks.peers NAME INPUT OUTDIR THREADS CONTRACT` runs one; INPUT of DuckDB is a file of its statements,
made by `duckdb_sql`. All write the columns and types of the table's files with snappy; those that can partition by
month do so, as we do. An order without products keeps one row.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

OURS, LOOP, POLARS, CHDB = "orders-etl", "loop + pandas", "polars", "chdb"
DUCKDB, DUCKDB_JSON = "DuckDB", "DuckDB, JSON kept"
MODULES = {OURS: "pyarrow", LOOP: "pandas", POLARS: "polars", CHDB: "chdb", DUCKDB: "duckdb", DUCKDB_JSON: "duckdb"}
"""What has to be installed for each."""
MODIFIED = datetime(2024, 12, 31)
LINEAGE: dict[str, Any] = {
    "extra_fields": None,
    "source_key": "orders.json",
    "source_version": "v1",
    "source_modified_at": MODIFIED,
}


def loop_pandas(source: Path, out: Path, threads: int, contract: str) -> None:
    """Read all with json, append dicts in a loop, write one file: everybody's first version."""
    import pandas as pd

    rows = []
    for record_number, order in enumerate(json.loads(source.read_text("utf-8")), 1):
        customer = order.get("customer") or {}
        buyer = customer.get("customer_id")
        for line_number, product in enumerate(order["products"] or [{}], 1):
            price, quantity = product.get("price"), product.get("quantity")
            rows.append(
                {
                    "order_id": str(order["order_id"]),
                    "order_date": order["order_date"],
                    "total_amount": order["total_amount"],
                    "customer_id": None if buyer is None else str(buyer),
                    "customer_name": customer.get("name"),
                    "customer_email": customer.get("email"),
                    "customer_address": customer.get("address"),
                    "line_number": line_number if product else None,
                    "product_id": product.get("product_id"),
                    "product_name": product.get("name"),
                    "product_category": product.get("category"),
                    "price": price,
                    "quantity": quantity,
                    "line_amount": price * quantity if product else None,
                    "record_number": record_number,
                }
            )
    _write_frame(pd.DataFrame(rows), out)


def _write_frame(frame: Any, out: Path) -> None:
    """Write a frame with floats and texts as one file of the table's types."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chalicelib.flatten.schema import file_schema
    from tests.contracts import ORDERS

    frame["order_date"] = pd.to_datetime(frame["order_date"]).dt.tz_localize(None).astype("datetime64[ms]")
    for name in ("total_amount", "price", "line_amount"):
        frame[name] = frame[name].astype(float).round(4)
    for name in ("line_number", "quantity"):
        frame[name] = frame[name].astype("Int64")
    for name, value in LINEAGE.items():
        frame[name] = value
    schema = file_schema(ORDERS.main)
    table = pa.Table.from_pandas(frame[schema.names], preserve_index=False).cast(schema)
    out.mkdir(parents=True)
    pq.write_table(table, out / "orders.parquet", compression="snappy")


def polars(source: Path, out: Path, threads: int, contract: str) -> None:
    """Read, explode and write with polars, one file: its threads are set by the environment."""
    import polars as pl

    line = {"product_id": pl.String, "name": pl.String, "category": pl.String}
    line |= {"price": pl.Float64, "quantity": pl.Int64}
    customer = {"customer_id": pl.Int64, "name": pl.String, "email": pl.String, "address": pl.String}
    schema = {"order_id": pl.Int64, "order_date": pl.String, "total_amount": pl.Float64}
    schema |= {"customer": pl.Struct(customer), "products": pl.List(pl.Struct(line))}
    read = pl.read_json if source.suffix == ".json" else pl.read_ndjson
    money = pl.Decimal(18, 4)
    frame = (
        read(source, schema=schema)
        .lazy()
        .with_columns(record_number=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
        .with_columns(line_number=pl.int_ranges(1, pl.col("products").list.len() + 1, dtype=pl.Int32))
        .explode("products", "line_number", empty_as_null=True)
        .select(
            pl.col("order_id").cast(pl.String),
            pl.col("order_date").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="ms"),
            pl.col("total_amount").cast(money),
            pl.col("customer").struct.field("customer_id").cast(pl.String),
            pl.col("customer").struct.field("name").alias("customer_name"),
            pl.col("customer").struct.field("email").alias("customer_email"),
            pl.col("customer").struct.field("address").alias("customer_address"),
            "line_number",
            pl.col("products").struct.field("product_id"),
            pl.col("products").struct.field("name").alias("product_name"),
            pl.col("products").struct.field("category").alias("product_category"),
            pl.col("products").struct.field("price").cast(money),
            pl.col("products").struct.field("quantity"),
            (pl.col("products").struct.field("price") * pl.col("products").struct.field("quantity"))
            .cast(money)
            .alias("line_amount"),
            pl.lit(None, pl.String).alias("extra_fields"),
            pl.lit(LINEAGE["source_key"]).alias("source_key"),
            pl.lit(LINEAGE["source_version"]).alias("source_version"),
            pl.lit(MODIFIED).cast(pl.Datetime("ms")).alias("source_modified_at"),
            "record_number",
        )
        .collect()
    )
    out.mkdir(parents=True)
    frame.write_parquet(out / "orders.parquet", compression="snappy")


def chdb(source: Path, out: Path, threads: int, contract: str) -> None:
    """Read, join the arrays and write Parquet by month with ClickHouse in the process."""
    import chdb as engine

    text, amount = "Nullable(String)", "Nullable(Decimal(18,4))"
    line = f"Tuple(product_id {text}, name {text}, category {text}, price {amount}, quantity Nullable(Int64))"
    customer = f"Tuple(customer_id {text}, name {text}, email {text}, address {text})"
    structure = (
        f"order_id String, order_date DateTime64(3), total_amount {amount}, customer {customer}, products Array({line})"
    )
    out.mkdir(parents=True)
    for month in range(1, 13):
        (out / f"order_month=2024-{month:02d}").mkdir()
    engine.query(
        f"""
        INSERT INTO FUNCTION file('{out}/order_month={{_partition_id}}/orders.parquet', 'Parquet')
        PARTITION BY formatDateTime(order_date, '%Y-%m')
        SELECT order_id, order_date, total_amount, customer.customer_id AS customer_id,
          customer.name AS customer_name, customer.email AS customer_email, customer.address AS customer_address,
          nullIf(toInt32(line_number), 0) AS line_number,
          product.product_id AS product_id, product.name AS product_name,
          product.category AS product_category, product.price AS price, product.quantity AS quantity,
          CAST(product.price * product.quantity, 'Nullable(Decimal(18,4))') AS line_amount,
          CAST(NULL, 'Nullable(String)') AS extra_fields, '{LINEAGE["source_key"]}' AS source_key,
          '{LINEAGE["source_version"]}' AS source_version, toDateTime64('{MODIFIED}', 3, 'UTC') AS source_modified_at,
          toInt64(record_number) AS record_number
        FROM (
          SELECT *, rowNumberInAllBlocks() + 1 AS record_number
          FROM file('{source}', 'JSONEachRow', '{structure}')
        )
        LEFT ARRAY JOIN products AS product, arrayEnumerate(products) AS line_number
        SETTINGS max_threads = {threads}, output_format_parquet_compression_method = 'snappy',
          session_timezone = 'UTC', date_time_input_format = 'best_effort', max_block_size = 65536,
          output_format_parquet_string_as_string = 1
        """
    )


def duckdb_sql(source: Path, out: Path, threads: int, contract: str) -> None:
    """Run statements in DuckDB."""
    import duckdb

    duckdb.sql(source.read_text("utf-8"))


PEERS: dict[str, Callable[[Path, Path, int, str], None]] = {
    LOOP: loop_pandas,
    POLARS: polars,
    CHDB: chdb,
    DUCKDB: duckdb_sql,
    DUCKDB_JSON: duckdb_sql,
}


if __name__ == "__main__":
    PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
