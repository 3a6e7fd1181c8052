"""How many bytes a file takes and the saved queries read, against one file as pandas writes it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib.aws.glue import table_input
from chalicelib.contracts.contract import Contract
from chalicelib.flatten.command import flatten_file
from chalicelib.queries import saved
from chalicelib.queries.views import view_statements
from chalicelib.settings import Settings
from local.athena.engine import SelectResult
from local.athena.memory import MemoryLake
from local.athena.statements import StatementContext, statement
from local.athena.tables import FileCache
from tests.contracts import datasets_of

# No partitions are registered for the lake's files: their months are computed.
SETTINGS = Settings(bucket="bench", catalog_mode="projection")
DATASETS = datasets_of(SETTINGS)
(ORDERS,) = DATASETS
MONTH = {"from": "2024-07-01", "to": "2024-07-31"}
QUESTIONS: dict[str, dict[str, str]] = {
    "sales_by_month": MONTH,
    "sales_by_category": MONTH,
    "top_products": MONTH,
    "sales_per_customer": {},
    "order_lines_of": {"order_id": "10000042"},
}


WHOLE_ROWS = ("order_lines_of",)
"""Questions that read all columns."""


def lake_of(folder: Path, *, partitioned: bool) -> MemoryLake:
    """Return a lake with the Parquet files of a folder as the table's; without partitions, the month is a column."""
    table: Any = table_input(ORDERS, ORDERS.contract.main, SETTINGS.catalog_mode)
    if not partitioned:
        table["StorageDescriptor"]["Columns"] += table.pop("PartitionKeys")
        table["Parameters"] = {"classification": "parquet"}
    lake = MemoryLake()
    lake.save_table(ORDERS.database, table)
    for path in folder.rglob("*.parquet"):
        lake.stored[ORDERS.bucket, f"{ORDERS.folders[ORDERS.contract.main]}{path.relative_to(folder)}"] = (
            path.read_bytes()
        )
    return lake


def pandas_file(ours: Path, out: Path) -> None:
    """Write the rows of our files as one file, the way `DataFrame.to_parquet` does by default."""
    tables = []
    for path in sorted(ours.rglob("*.parquet")):
        month = path.parent.name.split("=")[1]
        rows = pq.ParquetFile(path).read()
        tables.append(rows.append_column(ORDERS.contract.main.partition.name, pa.array([month] * len(rows))))
    out.mkdir(parents=True)
    pa.concat_tables(tables).to_pandas(integer_object_nulls=True).to_parquet(out / "orders.parquet")


def flattened(documents: Iterator[dict[str, Any]], contract: Contract, out: Path) -> None:
    """Write documents, as ours does."""
    source = out.with_suffix(".ndjson")
    with source.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(document) + "\n" for document in documents)
    flatten_file(str(source), out, None, contract)


def size(folder: Path) -> int:
    """Return how many bytes the Parquet files below a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def bytes_read(folder: Path, *, partitioned: bool) -> dict[str, int]:
    """Return how many bytes each question reads."""
    lake = lake_of(folder, partitioned=partitioned)
    scanned = {}
    with tempfile.TemporaryDirectory() as work:
        context = StatementContext(lake, FileCache(Path(work)), ORDERS.database, None, lambda _: None)
        for _, sql in view_statements(ORDERS):
            statement(sql, ()).run(context)
        for name, parameters in QUESTIONS.items():
            bound = saved.load(DATASETS)[name].bind(parameters)
            result = statement(bound.sql, bound.parameters).run(context)
            assert isinstance(result, SelectResult)
            scanned[name] = result.scanned_bytes
            if not scanned[name]:
                raise RuntimeError(f"{name} found no file below {folder}: what it reads would be told as nothing")
    return scanned
