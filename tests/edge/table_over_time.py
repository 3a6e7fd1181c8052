"""A table as tests change it: its contract, its description in Glue, and what a crawler makes of it."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.glue import table_input
from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column
from chalicelib.contracts.paths import parse
from chalicelib.contracts.sources import FromDocument
from tests.contracts import ORDERS, with_columns
from tests.edge.glue_setup_world import World

ADDED = Column("coupon", Type.TEXT, FromDocument((parse("coupon"),)), "A voucher's code.")


def with_column(column: Any, after: Any = "total_amount") -> Any:
    columns = list(ORDERS.main.columns)
    columns.insert([c.name for c in columns].index(after) + 1, column)
    return with_columns(ORDERS, *columns)


def names(stage: World) -> Any:
    return [column["Name"] for column in stage.table()["StorageDescriptor"]["Columns"]]


def declared_table(stage: World) -> dict[str, Any]:
    return {**table_input(stage.target.datasets[0], stage.contracts[0].main, stage.settings.catalog_mode)}


def crawl(stage: World) -> Any:
    """Make the table as a crawler does: its own parameters, no comments, no slash at the location's end."""
    made = declared_table(stage)
    storage = made["StorageDescriptor"]
    columns = [{"Name": c["Name"], "Type": c["Type"]} for c in storage["Columns"]]
    made["StorageDescriptor"] = storage | {"Columns": columns, "Location": storage["Location"].rstrip("/")}
    made["Parameters"] = {"classification": "parquet", "UPDATED_BY_CRAWLER": "orders-crawler", "averageRecordSize": "9"}
    stage.glue.create_table(DatabaseName="etl_pipeline", TableInput=made)
