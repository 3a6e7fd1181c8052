"""Edge: the Glue catalog. A pure builder of the table's declaration beside thin calls, and a table's partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.aws.errors import edge
from chalicelib.aws.session import make_client
from chalicelib.contracts.contract import MONTHS_AHEAD, Column, Table
from chalicelib.dataset import Dataset
from chalicelib.errors import AwsError
from chalicelib.loading.models import MONTH, CatalogTable, Registered

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import ColumnUnionTypeDef, TableInputTypeDef, TableTypeDef

MAX_COMMENT = 255
"""Glue refuses a longer column comment."""

STARTED = "started"
ALREADY_RUNNING = "already running"

MOST_PARTITIONS = 100
"""How many partitions Glue makes or updates by one call."""
MOST_DELETED = 25
"""How many it deletes."""


def glue_client() -> GlueClient:
    """Return a client that retries what may pass, and is done within half a minute: a load is not to wait for it."""
    config = Config(retries={"mode": "standard", "total_max_attempts": 4}, connect_timeout=2, read_timeout=5)
    made: GlueClient = make_client("glue", config=config)
    return made


def table_input(dataset: Dataset, table: Table, catalog_mode: str) -> TableInputTypeDef:
    """Return the TableInput that declares a table of a dataset over its location.

    With CATALOG_MODE=projection Athena computes the partitions. Otherwise projection is left out, since it would hide
    the partitions that loads or a crawler register.
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


@edge
class GlueCatalog:
    """The partitions of tables, each a month; a partition of any other value is left alone.

    `client` returns the client, when it is needed.
    """

    def __init__(self, client: Callable[[], GlueClient]) -> None:
        self._client = client

    def registered(self, table: CatalogTable, declared: Any = None) -> Registered:
        """Return the months of a table that are registered; without the table, none.

        Those are outdated that are not described as the table is, or as its TableInput `declared`.
        """
        existing = find_table(self._client(), table.database, table.name)
        if existing is None:
            return Registered(frozenset())
        described = declared or existing
        pages = (
            self._client().get_paginator("get_partitions").paginate(DatabaseName=table.database, TableName=table.name)
        )
        found = {
            each["Values"][0]: each["StorageDescriptor"]
            for page in pages
            for each in page["Partitions"]
            if MONTH.fullmatch(each["Values"][0])
        }
        outdated = {
            month
            for month, storage in found.items()
            if _essence(storage) != _essence(_storage(described, table, month))
        }
        return Registered(frozenset(found), frozenset(outdated))

    def register(self, table: CatalogTable, months: Iterable[str]) -> None:
        """Register months of a table, described as the table is now; one that is registered stays as it is."""
        for inputs in _in_lots(self._inputs(table, months), MOST_PARTITIONS):
            answer = self._client().batch_create_partition(
                DatabaseName=table.database, TableName=table.name, PartitionInputList=inputs
            )
            _check(answer.get("Errors", ()), "AlreadyExistsException", "BatchCreatePartition")

    def update(self, table: CatalogTable, months: Iterable[str]) -> None:
        """Describe registered months of a table as the table is; one that is not registered is left so."""
        for inputs in _in_lots(self._inputs(table, months), MOST_PARTITIONS):
            answer = self._client().batch_update_partition(
                DatabaseName=table.database,
                TableName=table.name,
                Entries=[{"PartitionValueList": each["Values"], "PartitionInput": each} for each in inputs],
            )
            _check(answer.get("Errors", ()), "EntityNotFoundException", "BatchUpdatePartition")

    def unregister(self, table: CatalogTable, months: Iterable[str]) -> None:
        """Unregister months of a table; their files stay."""
        for lot in _in_lots(months, MOST_DELETED):
            answer = self._client().batch_delete_partition(
                DatabaseName=table.database,
                TableName=table.name,
                PartitionsToDelete=[{"Values": [month]} for month in lot],
            )
            _check(answer.get("Errors", ()), "EntityNotFoundException", "BatchDeletePartition")

    def _inputs(self, table: CatalogTable, months: Iterable[str]) -> list[Any]:
        described = self._client().get_table(DatabaseName=table.database, Name=table.name)["Table"]
        return [{"Values": [month], "StorageDescriptor": _storage(described, table, month)} for month in months]


def _storage(described: Any, table: CatalogTable, month: str) -> dict[str, Any]:
    """Return what describes a month of a table: the table's own description, at the month's folder."""
    storage = described["StorageDescriptor"]
    folder = table.month_folder(month).removeprefix(table.folder)
    return {**storage, "Location": f"{storage['Location'].rstrip('/')}/{folder}"}


def _essence(storage: Any) -> Any:
    """Return what of a description tells how files are read, in one spelling."""
    return (
        [(column["Name"], column["Type"]) for column in storage.get("Columns", ())],
        storage.get("Location", "").rstrip("/"),
        storage.get("InputFormat"),
        storage.get("SerdeInfo", {}).get("SerializationLibrary"),
    )


def _in_lots(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    every = list(items)
    return (every[first : first + size] for first in range(0, len(every), size))


def _check(errors: Sequence[Any], expected: str, call: str) -> None:
    """Raise AwsError for the first partition that could not be dealt with for any other reason than the expected."""
    for error in errors:
        code = error.get("ErrorDetail", {}).get("ErrorCode", "unknown")
        if code != expected:
            raise AwsError(code, call)


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
