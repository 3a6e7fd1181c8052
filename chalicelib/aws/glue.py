"""Edge: the Glue catalog. A pure builder of the table's declaration beside thin calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.contracts.model import EARLIEST_YEAR, MONTHS_AHEAD, Column
from chalicelib.dataset import Dataset

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import ColumnUnionTypeDef, TableInputTypeDef, TableTypeDef

DESCRIPTION = "One row per order and product; an order without products keeps one row. Loaded from JSON orders."
MAX_COMMENT = 255
"""Glue refuses a longer column comment."""

STARTED = "started"
ALREADY_RUNNING = "already running"


def table_input(dataset: Dataset, catalog_mode: str) -> TableInputTypeDef:
    """Return the TableInput that declares the dataset's table over its location.

    With CATALOG_MODE=projection Athena computes the partitions, so a file can be queried the moment it lands. With
    CATALOG_MODE=crawler the projection is left out, since it would hide the partitions that the crawler registers.
    """
    contract = dataset.contract
    parameters = {"EXTERNAL": "TRUE", "classification": "parquet"}
    if catalog_mode == "projection":
        parameters |= projection(dataset)
    return {
        "Name": dataset.table,
        "Description": DESCRIPTION,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": [_declared(contract.partition)],
        "StorageDescriptor": {
            "Columns": [_declared(column) for column in contract.file_columns],
            "Location": dataset.table_location,
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
    }


def projection(dataset: Dataset) -> dict[str, str]:
    """Return the table parameters of partition projection.

    The range takes every month that an order may have: a row outside it is invisible without a word. Glue accepts
    any value here and Athena fails at query time, so nothing else may write these.
    https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
    """
    key = dataset.contract.partition.name
    return {
        "projection.enabled": "true",
        f"projection.{key}.type": "date",
        f"projection.{key}.format": "yyyy-MM",
        f"projection.{key}.range": f"{EARLIEST_YEAR}-01,NOW+{MONTHS_AHEAD}MONTHS",
        f"projection.{key}.interval": "1",
        f"projection.{key}.interval.unit": "MONTHS",
        "storage.location.template": f"{dataset.table_location}{key}=${{{key}}}/",
    }


def _declared(column: Column) -> ColumnUnionTypeDef:
    return {"Name": column.name, "Type": column.glue_type, "Comment": column.description[:MAX_COMMENT]}


def find_table(client: GlueClient, database: str, name: str) -> TableTypeDef | None:
    """Return what the catalog says of a table or view, or None where there is none."""
    try:
        return client.get_table(DatabaseName=database, Name=name)["Table"]
    except client.exceptions.EntityNotFoundException:
        return None


def start_crawler(client: GlueClient, name: str) -> str:
    """Start the crawler; return `started`, `already running` or `failed: <reason>` for the log. Never raises.

    The data are loaded before a crawler is thought of, so that nothing which goes wrong with one may fail the load
    and have it repeated. A crawler that runs already picks the new files up now or at the next start.
    """
    try:
        client.start_crawler(Name=name)
    except ClientError as error:
        details = error.response.get("Error", {})
        if details.get("Code") == "CrawlerRunningException":
            return ALREADY_RUNNING
        return f"failed: {details.get('Code', 'unknown')}: {details.get('Message', '')}".rstrip(": ")
    except BotoCoreError as error:
        return f"failed: {type(error).__name__}: {error}"
    return STARTED
