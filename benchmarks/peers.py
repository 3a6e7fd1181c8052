"""What others would write: each turns the same file into the same rows, in a process of its own.

`python -m benchmarks.peers NAME INPUT OUTDIR THREADS` runs one. All write the columns and types of the table's files
with snappy; those that can partition by month do so, as we do.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

OURS = "orders-etl"
MODIFIED = datetime(2024, 12, 31)
LINEAGE: dict[str, Any] = {
    "extra_fields": None,
    "source_key": "orders.json",
    "source_version": "v1",
    "source_modified_at": MODIFIED,
}


def loop_pandas(source: Path, out: Path, threads: int) -> None:
    """Read all with json, append dicts in a loop, write one file: everybody's first version."""
    import pandas as pd

    rows = []
    for record_number, order in enumerate(json.loads(source.read_text("utf-8")), 1):
        customer = order["customer"]
        for line_number, product in enumerate(order["products"], 1):
            rows.append(
                {
                    "order_id": str(order["order_id"]),
                    "order_date": order["order_date"],
                    "total_amount": order["total_amount"],
                    "customer_id": str(customer["customer_id"]),
                    "customer_name": customer["name"],
                    "customer_email": customer["email"],
                    "customer_address": customer["address"],
                    "line_number": line_number,
                    "product_id": product["product_id"],
                    "product_name": product["name"],
                    "product_category": product["category"],
                    "price": product["price"],
                    "quantity": product["quantity"],
                    "line_amount": product["price"] * product["quantity"],
                    "record_number": record_number,
                }
            )
    _write_frame(pd.DataFrame(rows), out)


def json_normalize(source: Path, out: Path, threads: int) -> None:
    """Let pandas take the nesting apart."""
    import pandas as pd

    of_customer = ("customer_id", "name", "email", "address")
    meta: list[Any] = ["order_id", "order_date", "total_amount", *(["customer", key] for key in of_customer)]
    orders = json.loads(source.read_text("utf-8"))
    for record_number, order in enumerate(orders, 1):
        order["record_number"] = record_number
    frame = pd.json_normalize(orders, "products", [*meta, "record_number"])
    frame["line_number"] = frame.groupby("record_number").cumcount() + 1
    frame["line_amount"] = frame["price"] * frame["quantity"]
    names = {"name": "product_name", "category": "product_category"}
    names |= {f"customer.{key}": f"customer_{key.removeprefix('customer_')}" for key in of_customer}
    _write_frame(frame.rename(columns=names), out)


def _write_frame(frame: Any, out: Path) -> None:
    """Write a frame with floats and texts as one file of the table's types."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chalicelib.flatten.schema import file_schema
    from tests.contracts import ORDERS

    for name in ("order_id", "customer_id"):
        frame[name] = frame[name].astype(str)
    frame["order_date"] = pd.to_datetime(frame["order_date"]).dt.tz_localize(None).astype("datetime64[ms]")
    frame["record_number"] = frame["record_number"].astype("int64")
    for name in ("total_amount", "price", "line_amount"):
        frame[name] = frame[name].astype(float).round(4)
    for name, value in LINEAGE.items():
        frame[name] = value
    schema = file_schema(ORDERS)
    table = pa.Table.from_pandas(frame[schema.names], preserve_index=False).cast(schema)
    out.mkdir(parents=True)
    pq.write_table(table, out / "orders.parquet", compression="snappy")


def polars(source: Path, out: Path, threads: int) -> None:
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
        .explode("products", "line_number")
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


def duckdb_sql(source: Path, out: Path, threads: int) -> None:
    """Read and unnest in DuckDB, write Parquet partitioned by month."""
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {threads}")
    connection.execute("SET preserve_insertion_order = false")
    line = "STRUCT(product_id VARCHAR, name VARCHAR, category VARCHAR, price DECIMAL(18,4), quantity BIGINT)"
    customer = "STRUCT(customer_id VARCHAR, name VARCHAR, email VARCHAR, address VARCHAR)"
    connection.execute(
        f"""
        COPY (
          SELECT order_id, order_date, total_amount, customer.customer_id AS customer_id,
            customer.name AS customer_name, customer.email AS customer_email, customer.address AS customer_address,
            line_number::INTEGER AS line_number, product.product_id AS product_id, product.name AS product_name,
            product.category AS product_category, product.price AS price, product.quantity AS quantity,
            (product.price * product.quantity)::DECIMAL(18,4) AS line_amount, NULL::VARCHAR AS extra_fields,
            '{LINEAGE["source_key"]}' AS source_key, '{LINEAGE["source_version"]}' AS source_version,
            TIMESTAMP_MS '{MODIFIED}' AS source_modified_at, record_number,
            strftime(order_date, '%Y-%m') AS order_month
          FROM (
            SELECT *, unnest(products) AS product, generate_subscripts(products, 1) AS line_number
            FROM (
              SELECT *, row_number() OVER () AS record_number
              FROM read_json('{source}', maximum_object_size = 67108864, columns = {{
                order_id: 'VARCHAR', order_date: 'TIMESTAMP_MS', total_amount: 'DECIMAL(18,4)',
                customer: '{customer}', products: '{line}[]' }})
            )
          )
        ) TO '{out}' (FORMAT parquet, PARTITION_BY (order_month), COMPRESSION snappy)
        """
    )


def chdb(source: Path, out: Path, threads: int) -> None:
    """Read, join the arrays and write Parquet by month with ClickHouse in the process."""
    import chdb as engine

    line = "Tuple(product_id String, name String, category String, price Decimal(18,4), quantity Int64)"
    customer = "Tuple(customer_id String, name String, email String, address String)"
    structure = (
        "order_id String, order_date DateTime64(3), total_amount Decimal(18,4), "
        f"customer {customer}, products Array({line})"
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
          toInt32(line_number) AS line_number, product.product_id AS product_id, product.name AS product_name,
          product.category AS product_category, product.price AS price, product.quantity AS quantity,
          toDecimal64(product.price * product.quantity, 4) AS line_amount,
          CAST(NULL, 'Nullable(String)') AS extra_fields, '{LINEAGE["source_key"]}' AS source_key,
          '{LINEAGE["source_version"]}' AS source_version, toDateTime64('{MODIFIED}', 3, 'UTC') AS source_modified_at,
          toInt64(record_number) AS record_number
        FROM (
          SELECT *, rowNumberInAllBlocks() + 1 AS record_number
          FROM file('{source}', 'JSONEachRow', '{structure}')
        )
        ARRAY JOIN products AS product, arrayEnumerate(products) AS line_number
        SETTINGS max_threads = {threads}, output_format_parquet_compression_method = 'snappy',
          session_timezone = 'UTC', date_time_input_format = 'best_effort', max_block_size = 65536,
          output_format_parquet_string_as_string = 1
        """
    )


def ours(source: Path, out: Path, threads: int) -> None:
    """Run this product's command."""
    from chalicelib.flatten.__main__ import flatten_file
    from tests.contracts import ORDERS

    flatten_file(str(source), out, None, ORDERS)


@dataclass(frozen=True)
class Peer:
    """A way of doing the work; `module` is what has to be installed for it."""

    work: Callable[[Path, Path, int], None]
    module: str
    partitions: bool = False


PEERS = {
    "loop + pandas": Peer(loop_pandas, "pandas"),
    "json_normalize": Peer(json_normalize, "pandas"),
    "polars": Peer(polars, "polars"),
    "chdb": Peer(chdb, "chdb", partitions=True),
    "DuckDB": Peer(duckdb_sql, "duckdb", partitions=True),
    OURS: Peer(ours, "pyarrow", partitions=True),
}


if __name__ == "__main__":
    PEERS[sys.argv[1]].work(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
