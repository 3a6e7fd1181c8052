"""Edge: the Glue catalog. A pure builder of the table's declaration beside thin calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.contracts.contract import MONTHS_AHEAD, Column, Table
from chalicelib.dataset import Dataset

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import ColumnUnionTypeDef, TableInputTypeDef, TableTypeDef

MAX_COMMENT = 255
"""Glue refuses a longer column comment."""

STARTED = "started"
ALREADY_RUNNING = "already running"


def table_input(dataset: Dataset, table: Table, catalog_mode: str) -> TableInputTypeDef:
    """Return the TableInput that declares a table of a dataset over its location.

    With CATALOG_MODE=projection Athena computes the partitions, so a file can be queried the moment it lands. With
    CATALOG_MODE=crawler the projection is left out, since it would hide the partitions that the crawler registers.
    """
    parameters = {"EXTERNAL": "TRUE", "classification": "parquet"}
    if catalog_mode == "projection":
        parameters |= projection(dataset, table)
    return {
        "Name": table.name,
        "Description": table.description or f"Loaded from JSON by the contract {dataset.name}.",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": [_declared(table.partition)],
        "StorageDescriptor": {
            "Columns": [_declared(column) for column in table.file_columns],
            "Location": dataset.location(table),
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
    }


def projection(dataset: Dataset, table: Table) -> dict[str, str]:
    """Return the table parameters of partition projection.

    The range takes every month that a document may have: a row outside it is invisible without a word. Glue accepts
    any value here and Athena fails at query time, so nothing else may write these.
    https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
    """
    key = table.partition.name
    return {
        "projection.enabled": "true",
        f"projection.{key}.type": "date",
        f"projection.{key}.format": "yyyy-MM",
        f"projection.{key}.range": f"{dataset.contract.earliest:%Y-%m},NOW+{MONTHS_AHEAD}MONTHS",
        f"projection.{key}.interval": "1",
        f"projection.{key}.interval.unit": "MONTHS",
        "storage.location.template": f"{dataset.location(table)}{key}=${{{key}}}/",
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
