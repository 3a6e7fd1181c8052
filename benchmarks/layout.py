"""How many bytes a file takes and the saved queries read, against one file as pandas writes it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib import assembly
from chalicelib.aws.glue import table_input
from chalicelib.contracts import registry
from chalicelib.queries import saved
from chalicelib.settings import Settings
from local.athena.engine import SelectResult
from local.athena.lake import StoredObject
from local.athena.statements import StatementContext, statement
from local.athena.tables import FileCache

SETTINGS = Settings(bucket="bench")
DATASETS = assembly.datasets(SETTINGS)
ORDERS = next(each for each in DATASETS if each.name == registry.DEFAULT)
MONTH = {"from": "2024-07-01", "to": "2024-07-31"}
QUESTIONS: dict[str, dict[str, str]] = {
    "sales_by_month": MONTH,
    "sales_by_category": MONTH,
    "top_products": MONTH,
    "sales_per_customer": {},
    "order_lines_of": {"order_id": "10000042"},
}


class FolderLake:
    """The files of a folder as the table's objects."""

    def __init__(self, folder: Path, *, partitioned: bool) -> None:
        self._folder = folder
        described: Any = table_input(ORDERS, SETTINGS.catalog_mode)
        if not partitioned:
            # The month is an ordinary column of the one file.
            described["StorageDescriptor"]["Columns"] += described.pop("PartitionKeys")
            described["Parameters"] = {"classification": "parquet"}
        self._tables = {ORDERS.table: {**described, "DatabaseName": ORDERS.database}}

    def databases(self) -> list[str]:
        return [ORDERS.database]

    def tables(self, database: str) -> list[dict[str, Any]]:
        return list(self._tables.values())

    def table(self, database: str, name: str) -> dict[str, Any] | None:
        return self._tables.get(name)

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        return []

    def save_table(self, database: str, table_input: dict[str, Any]) -> None:
        self._tables[table_input["Name"]] = {**table_input, "DatabaseName": database}

    def drop_table(self, database: str, name: str) -> None:
        del self._tables[name]

    def create_database(self, name: str) -> None:
        raise NotImplementedError

    def objects(self, bucket: str, prefix: str) -> list[StoredObject]:
        below = prefix.removeprefix(ORDERS.table_prefix)
        return [
            StoredObject(
                bucket, f"{ORDERS.table_prefix}{path.relative_to(self._folder)}", path.stat().st_size, str(path)
            )
            for path in sorted(self._folder.rglob("*.parquet"))
            if str(path.relative_to(self._folder)).startswith(below)
        ]

    def read(self, stored: StoredObject) -> bytes:
        return Path(stored.etag).read_bytes()


def pandas_file(ours: Path, out: Path) -> None:
    """Write the rows of our files as one file, the way `DataFrame.to_parquet` does by default."""
    tables = []
    for path in sorted(ours.rglob("*.parquet")):
        month = path.parent.name.split("=")[1]
        rows = pq.ParquetFile(path).read()
        tables.append(rows.append_column(ORDERS.contract.partition.name, pa.array([month] * len(rows))))
    out.mkdir(parents=True)
    pa.concat_tables(tables).to_pandas().to_parquet(out / "orders.parquet")


def size(folder: Path) -> int:
    """Return how many bytes the Parquet files below a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def bytes_read(folder: Path, *, partitioned: bool) -> dict[str, int]:
    """Return how many bytes each question reads."""
    lake = FolderLake(folder, partitioned=partitioned)
    scanned = {}
    with tempfile.TemporaryDirectory() as work:
        context = StatementContext(lake, FileCache(Path(work)), ORDERS.database, None, lambda _: None)
        for _, sql in saved.view_statements(ORDERS):
            statement(sql, ()).run(context)
        for name, parameters in QUESTIONS.items():
            bound = saved.load(DATASETS)[name].bind(parameters)
            result = statement(bound.sql, bound.parameters).run(context)
            assert isinstance(result, SelectResult)
            scanned[name] = result.scanned_bytes
    return scanned
