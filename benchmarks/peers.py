"""What others would write: each turns the same file into the same rows, in a process of its own.

`python -m benchmarks.peers NAME INPUT OUTDIR` runs one and prints its peak memory in kB.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path


def loop_pandas(source: Path, out: Path) -> None:
    """Read all with json, append dicts in a loop, write one file with pandas' defaults: everybody's first version."""
    import pandas as pd

    rows = []
    for order in json.loads(source.read_text("utf-8")):
        customer = order["customer"]
        for number, product in enumerate(order["products"], 1):
            rows.append(
                {
                    "order_id": str(order["order_id"]),
                    "order_date": order["order_date"],
                    "total_amount": order["total_amount"],
                    "customer_id": str(customer["customer_id"]),
                    "customer_name": customer["name"],
                    "customer_email": customer["email"],
                    "customer_address": customer["address"],
                    "line_number": number,
                    "product_id": product["product_id"],
                    "product_name": product["name"],
                    "product_category": product["category"],
                    "price": product["price"],
                    "quantity": product["quantity"],
                    "line_amount": product["price"] * product["quantity"],
                }
            )
    frame = pd.DataFrame(rows)
    frame["order_date"] = pd.to_datetime(frame["order_date"])
    out.mkdir(parents=True)
    frame.to_parquet(out / "orders.parquet")


def duckdb_sql(source: Path, out: Path, threads: int = 1) -> None:
    """Read and unnest in DuckDB, write Parquet partitioned by month: the same columns, types and codec as ours."""
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
            (product.price * product.quantity)::DECIMAL(18,4) AS line_amount,
            strftime(order_date, '%Y-%m') AS order_month
          FROM (
            SELECT *, unnest(products) AS product, generate_subscripts(products, 1) AS line_number
            FROM read_json('{source}', maximum_object_size = 67108864, columns = {{
              order_id: 'VARCHAR', order_date: 'TIMESTAMP_MS', total_amount: 'DECIMAL(18,4)',
              customer: '{customer}', products: '{line}[]' }})
          )
        ) TO '{out}' (FORMAT parquet, PARTITION_BY (order_month), COMPRESSION snappy)
        """
    )


def ours(source: Path, out: Path) -> None:
    """Run this product's command."""
    from chalicelib.flatten_command import flatten_file

    flatten_file(str(source), out, None)


PEERS = {"loop + pandas": loop_pandas, "DuckDB, 1 thread": duckdb_sql, "orders-etl": ours}


def run(name: str, source: Path, out: Path) -> dict[str, float]:
    """Run one peer in a process; return seconds of the whole process and its peak memory in MB."""
    import time

    began = time.monotonic()
    command = [sys.executable, "-m", "benchmarks.peers", name, str(source), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    seconds = time.monotonic() - began
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")
    return {"seconds": seconds, "peak_mb": int(done.stdout.split()[-1]) / 1024}


if __name__ == "__main__":
    PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
