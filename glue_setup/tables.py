"""The Glue database and the tables in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from chalicelib.aws.glue import find_table, table_input
from chalicelib.contracts import contract
from chalicelib.dataset import REJECTED_TABLE, Dataset
from chalicelib.loading.models import CatalogTable
from glue_setup.clients import Clients
from glue_setup.compatibility import incompatible, remarks
from glue_setup.crawler import crawler_name
from glue_setup.errors import Refused
from glue_setup.partitions import TableMonths
from glue_setup.resource import OWNER, Blocks, Plan, Resource, State, as_text
from glue_setup.target import Target
from glue_setup.terraform_json import literal, snake

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import DatabaseTypeDef, TableInputTypeDef, TableTypeDef

PARAMETER = "orders_etl_stage"
"""What the tag is elsewhere, on a Glue database, which has parameters and no tags."""
STATEMENT = "orders_etl_statement"
"""View parameter that holds the digest of the statement which made it and of the text that Athena made of that."""
MADE_FOR = "orders_etl_bucket"
"""Database parameter that tells which stage made it, by its bucket: only that stage's destroy removes it."""
MONTH = re.compile(r"\d{4}-\d{2}")
DATABASE_INPUT = (
    *("Name", "Description", "LocationUri", "Parameters", "CreateTableDefaultPermissions"),
    *("TargetDatabase", "FederatedDatabase"),
)
"""What GetDatabase answers and UpdateDatabase takes; UpdateDatabase clears what it is not given."""

TABLE_INPUT = (
    *("Name", "Description", "Owner", "LastAccessTime", "LastAnalyzedTime", "Retention", "StorageDescriptor"),
    *("PartitionKeys", "ViewOriginalText", "ViewExpandedText", "TableType", "Parameters", "TargetTable"),
)
"""What GetTable answers and UpdateTable takes; UpdateTable clears what it is not given."""


def input_of(table: TableTypeDef) -> dict[str, Any]:
    """Return the TableInput that would leave the table as it is."""
    fields = cast(dict[str, Any], table)
    # Glue may answer an empty owner and refuses to take one.
    return {key: fields[key] for key in TABLE_INPUT if fields.get(key) not in (None, "")}


class Database(Resource):
    """The Glue database. One that somebody else made is used, and not removed: two stages never share one."""

    remedy = "give this stage a GLUE_DATABASE of its own"

    def __init__(self, target: Target, clients: Clients) -> None:
        self._database = target.settings.database
        super().__init__(target, clients, f"database {self._database}")
        self._glue = clients.glue

    def find(self) -> DatabaseTypeDef | None:
        """Read it. Raises Refused for one of another stage."""
        try:
            database = self._glue.get_database(Name=self._database)["Database"]
        except self._glue.exceptions.EntityNotFoundException:
            return None
        parameters = database.get("Parameters", {})
        owner, made_for = parameters.get(PARAMETER), parameters.get(MADE_FOR)
        if not owner and made_for and made_for != self.settings.bucket:
            # From a version that named no stage.
            owner = f"with bucket {made_for}"
        self.check_owner(owner)
        return database

    def state(self, existing: DatabaseTypeDef) -> State:
        """Return which stage made it and which one uses it."""
        parameters = existing.get("Parameters", {})
        return {**self.check_owner(parameters.get(PARAMETER)), "made for": parameters.get(MADE_FOR) or "others"}

    def desired(self, current: State | None) -> State:
        """Return that it is this stage's, made by it unless somebody else was first."""
        return {OWNER: self.target.owner, "made for": self.settings.bucket if current is None else current["made for"]}

    def make(self, plan: Plan) -> None:
        """Create it, or put this stage's name on it."""
        if plan.creates:
            parameters = {MADE_FOR: self.settings.bucket, PARAMETER: self.target.owner}
            database = {"Name": self._database, "Description": "Orders, loaded from JSON in S3."}
            self._glue.create_database(DatabaseInput=cast(Any, database | {"Parameters": parameters}))
        else:
            parameters = plan.existing.get("Parameters", {})
            self._put_parameters(plan.existing, parameters | {PARAMETER: self.target.owner})

    def delete(self, existing: DatabaseTypeDef, delete_data: bool) -> str | None:
        """Delete it if this stage made it and nothing is left in it: deleting it would delete every table in it."""
        parameters = existing.get("Parameters", {})
        if parameters.get(MADE_FOR) != self.settings.bucket:
            if PARAMETER in parameters:
                others = {key: value for key, value in parameters.items() if key != PARAMETER}
                self._put_parameters(existing, others)
            return "kept: this stage did not make it"
        tables = [table["Name"] for table in self._tables()]
        if tables:
            return f"kept: it also holds {', '.join(tables[:5])}"
        self._glue.delete_database(Name=self._database)
        return None

    def remains(self) -> list[str]:
        """Return the tables over the stage's bucket, and the views that it made, which no contract has any more."""
        contracts = [dataset.contract for dataset in self.target.datasets]
        claimed = {REJECTED_TABLE, *(table.name for contract in contracts for table in contract.tables)}
        claimed |= {view for contract in contracts for view in contract.views}
        lines = []
        for table in self._tables():
            name, location = table["Name"], table.get("StorageDescriptor", {}).get("Location", "")
            is_view = STATEMENT in table.get("Parameters", {})
            if name in claimed or not (is_view or f"{location}/".startswith(f"s3://{self.settings.bucket}/")):
                continue
            what, files = ("view", "") if is_view else ("table", f", and its files stay at {location}")
            lines.append(
                f"{what} {name} is of no contract here any more{files}; where nobody asks it, remove it by "
                f"aws glue delete-table --database-name {self._database} --name {name}"
            )
        return lines

    def _tables(self) -> list[TableTypeDef]:
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self._database)
        return [table for page in pages for table in page["TableList"]]

    def terraform(self) -> Blocks:
        """Return the database."""
        database = {"name": self._database, "parameters": {PARAMETER: self.target.owner}}
        return {"aws_glue_catalog_database": {"etl": database}}

    def _put_parameters(self, existing: DatabaseTypeDef, parameters: dict[str, str]) -> None:
        kept = {key: value for key, value in existing.items() if key in DATABASE_INPUT}
        self._glue.update_database(Name=self._database, DatabaseInput=cast(Any, kept | {"Parameters": parameters}))


class Table(Resource):
    """A table over a dataset's Parquet files.

    It is declared, and where loads register its months, those that are in the bucket are. In crawler mode the crawler
    makes it, and we only add what a crawler that logs changes does not: the columns that the contract gained. Table
    parameters other than ours stay.
    """

    remedy = "give the stage a GLUE_DATABASE of its own"

    def __init__(self, target: Target, clients: Clients, dataset: Dataset, table: contract.Table) -> None:
        super().__init__(target, clients, f"table {dataset.database}.{table.name}")
        self._glue = clients.glue
        self._database = dataset.database
        self._table = table
        self._location = dataset.location(table)
        mode = self.settings.catalog_mode
        self._declared = mode != "crawler"
        self._input: Any = table_input(dataset, table, mode)
        partitioned = CatalogTable(dataset.database, table.name, dataset.folders[table], table.partition.name)
        months = TableMonths(clients, dataset.bucket, partitioned, self._input)
        self._months = months if mode == "partitions" else None

    def waits(self) -> str | None:
        """In crawler mode there is nothing to do before the crawler's first run."""
        if self._declared or self.find():
            return None
        crawler = crawler_name(self.settings)
        return (
            f"the crawler makes it: load a file, run `aws glue start-crawler --name {crawler}`, and when that has "
            "finished run apply again"
        )

    def find(self) -> TableTypeDef | None:
        """Read it. Raises Refused for a table over other files."""
        existing = find_table(self._glue, self._database, self._table.name)
        location = existing.get("StorageDescriptor", {}).get("Location", "") if existing else ""
        if existing and location.rstrip("/") != self._location.rstrip("/"):
            over, own = location or "no location", self._location
            raise Refused(self.name, [f"it exists over {over}, this stage's files are at {own}: {self.remedy}"])
        return existing

    def state(self, existing: Any) -> State:
        """Return the table and what of its months is not right; in crawler mode the contract's columns alone, and what
        projection would hide the partitions by.

        Raises Refused when the files that are there could not be read after the change.
        """
        reasons = [*incompatible(*_catalog(existing), self._table), *self._vanishing(existing)]
        if reasons:
            raise Refused(self.name, reasons)
        return {**self._state(existing), **(self._months.state() if self._months else {})}

    def _vanishing(self, existing: Any) -> Iterator[str]:
        """Yield why months that can be queried could not be any more."""
        key = f"projection.{self._table.partition.name}.range"
        first, new = (
            str(each.get("Parameters", {}).get(key, "")).partition(",")[0] for each in (existing, self._input)
        )
        if MONTH.fullmatch(first) and new and first < new:
            yield (
                f"earliest would move from {first} to {new}: the months before it would vanish from queries, since the "
                "projection begins there; keep the date"
            )

    def remarks(self, existing: Any) -> list[str]:
        """Return what readers see of the rows that are there after the change."""
        return remarks(*_catalog(existing), self._table)

    def desired(self, current: State | None) -> State:
        """Return the same fields of the declared table."""
        return self._state(self._input)

    def make(self, plan: Plan) -> None:
        """Create the table, or update it in one call; then put its months right."""
        if plan.creates:
            self._glue.create_table(DatabaseName=self._database, TableInput=self._input)
        else:
            self._glue.update_table(DatabaseName=self._database, TableInput=self._updated(plan.existing))
        if self._months:
            self._months.put_right()

    def delete(self, existing: TableTypeDef, delete_data: bool) -> str:
        """Delete the table from the catalog; the files are the bucket's."""
        self._glue.delete_table(DatabaseName=self._database, Name=self._table.name)
        return "removed (the files stay)"

    def terraform(self) -> Blocks:
        """Return the table, under its name, where it is declared."""
        if not self._declared:
            return {}
        table: Any = snake(self._input)
        storage = table["storage_descriptor"]
        # A map's keys are AWS's own words: they stay as they are.
        serde = self._input["StorageDescriptor"]["SerdeInfo"]
        storage["ser_de_info"] = storage.pop("serde_info") | {"parameters": serde["Parameters"]}
        table["parameters"] = {key: literal(value) for key, value in self._input["Parameters"].items()}
        table["database_name"] = "${aws_glue_catalog_database.etl.name}"
        return {"aws_glue_catalog_table": {self._table.name: table}}

    def _state(self, table: Any) -> State:
        columns = {column["Name"]: column for column in _columns(table)}
        state = {f"parameter {key}": value for key, value in table.get("Parameters", {}).items() if self._managed(key)}
        names = [column.name for column in self._table.file_columns]
        if not self._declared:
            return state | {f"column {name}": columns[name]["Type"] for name in names if name in columns}
        for kind, declared in (("column", columns.values()), ("partition", table.get("PartitionKeys", []))):
            for column in declared:
                state[f"{kind} {column['Name']}"] = f"{column['Type']}, {column.get('Comment', '')!r}"
        in_order = list(columns) == [name for name in names if name in columns]
        storage = table.get("StorageDescriptor", {})
        return state | {
            "column order": "the contract's" if in_order else "another",
            "format": as_text([storage.get("InputFormat"), storage.get("OutputFormat")]),
            "serde": as_text(storage.get("SerdeInfo", {}).get("SerializationLibrary")),
            "type": str(table.get("TableType")),
            "description": str(table.get("Description", "")),
        }

    def _managed(self, key: str) -> bool:
        projected = key.startswith("projection.") or key == "storage.location.template"
        return projected or (self._declared and key in {"EXTERNAL", "classification"})

    def _updated(self, existing: TableTypeDef) -> TableInputTypeDef:
        table = input_of(existing)
        kept = {key: value for key, value in table.get("Parameters", {}).items() if not self._managed(key)}
        ours = {key: value for key, value in self._input["Parameters"].items() if self._managed(key)}
        storage = dict(table["StorageDescriptor"])
        if self._declared:
            storage |= self._input["StorageDescriptor"]
            table |= self._input
        else:
            names = {column["Name"] for column in _columns(existing)}
            added = [column for column in _columns(self._input) if column["Name"] not in names]
            storage["Columns"] = [*_columns(existing), *added]
        return cast("TableInputTypeDef", table | {"StorageDescriptor": storage, "Parameters": kept | ours})


def _columns(table: Any) -> list[Any]:
    return list(table.get("StorageDescriptor", {}).get("Columns", []))


def _catalog(table: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Return the types of a table's columns and of its partition, by name."""
    return _types(_columns(table)), _types(table.get("PartitionKeys", []))


def _types(columns: Any) -> dict[str, str]:
    return {column["Name"]: column.get("Type", "") for column in columns}
