"""The Glue database and the table in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from chalicelib.assembly import datasets
from chalicelib.aws.glue import find_table, table_input
from chalicelib.contracts.model import Contract
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup.compatibility import incompatible
from glue_setup.definitions import crawler_name
from glue_setup.errors import Refused
from glue_setup.ownership import OWNER, PARAMETER, owner_of, refuse_other, with_owner
from glue_setup.resource import Plan, Resource, State, as_text

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import DatabaseTypeDef, TableInputTypeDef, TableTypeDef

MADE_FOR = "orders_etl_bucket"
"""Database parameter that tells which stage made it, by its bucket: only that stage's destroy removes it."""
DATABASE_INPUT = (
    *("Name", "Description", "LocationUri", "Parameters", "CreateTableDefaultPermissions"),
    *("TargetDatabase", "FederatedDatabase"),
)
"""What GetDatabase answers and UpdateDatabase takes; UpdateDatabase clears what it is not given."""

TABLE_INPUT = (
    "Name",
    "Description",
    "Owner",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
    "TargetTable",
)
"""What GetTable answers and UpdateTable takes; UpdateTable clears what it is not given."""


def input_of(table: TableTypeDef) -> dict[str, Any]:
    """Return the TableInput that would leave the table as it is."""
    found = cast(dict[str, Any], table)
    # Glue may answer an empty owner and refuses to take one.
    return {key: found[key] for key in TABLE_INPUT if found.get(key) not in (None, "")}


class Database(Resource):
    """The Glue database. One that somebody else made is used, and not removed: two stages never share one."""

    def __init__(self, client: GlueClient, stage: Stage) -> None:
        self._settings = stage.settings
        self.name = f"database {self._settings.database}"
        self._glue = client
        self._owner = owner_of(stage)

    def desired(self, current: State | None) -> State:
        """Return that it is this stage's, made by it unless somebody else was first."""
        return {OWNER: self._owner, "made for": self._settings.bucket if current is None else current["made for"]}

    def current(self) -> State | None:
        """Read which stage made it and which one uses it. Raises Refused for one of another stage."""
        found = self._found()
        if found is None:
            return None
        parameters = found.get("Parameters", {})
        owner, made_for = parameters.get(PARAMETER), parameters.get(MADE_FOR)
        if not owner and made_for and made_for != self._settings.bucket:
            # From a version that named no stage.
            owner = f"with bucket {made_for}"
        refuse_other(self.name, owner, self._owner, "give this stage a GLUE_DATABASE of its own")
        return {**with_owner(owner), "made for": made_for or "others"}

    def make(self, plan: Plan) -> None:
        """Create it, or put this stage's name on it."""
        found = self._found()
        if found is None:
            made = {
                "Name": self._settings.database,
                "Description": "Orders, loaded from JSON in S3.",
                "Parameters": {MADE_FOR: self._settings.bucket, PARAMETER: self._owner},
            }
            self._glue.create_database(DatabaseInput=cast(Any, made))
        else:
            self._put_parameters(found, found.get("Parameters", {}) | {PARAMETER: self._owner})

    def remove(self, delete_data: bool) -> str:
        """Delete it if this stage made it and nothing is left in it: deleting it would delete every table in it."""
        try:
            current, found = self.current(), self._found()
        except Refused as refused:
            return f"kept: {refused.reasons[0]}"
        if current is None or found is None:
            return "absent"
        if current["made for"] != self._settings.bucket:
            if OWNER in current:
                left = {key: value for key, value in found["Parameters"].items() if key != PARAMETER}
                self._put_parameters(found, left)
            return "kept: this stage did not make it"
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self._settings.database)
        others = [table["Name"] for page in pages for table in page["TableList"]]
        if others:
            return f"kept: it also holds {', '.join(others[:5])}"
        self._glue.delete_database(Name=self._settings.database)
        return "removed"

    def _put_parameters(self, found: DatabaseTypeDef, parameters: dict[str, str]) -> None:
        kept = {key: value for key, value in found.items() if key in DATABASE_INPUT}
        database = kept | {"Parameters": parameters}
        self._glue.update_database(Name=self._settings.database, DatabaseInput=cast(Any, database))

    def _found(self) -> DatabaseTypeDef | None:
        try:
            return self._glue.get_database(Name=self._settings.database)["Database"]
        except self._glue.exceptions.EntityNotFoundException:
            return None


class Table(Resource):
    """The table over the Parquet files.

    In projection mode it is declared. In crawler mode the crawler makes it, and we only add what a crawler that logs
    changes does not: the columns that the contract gained. Table parameters other than ours stay in both.
    """

    def __init__(self, client: GlueClient, settings: Settings, contract: Contract) -> None:
        self.name = f"table {settings.database}.{datasets(settings)[0].table}"
        self._glue = client
        self._settings = settings
        self._contract = contract
        self._declared = settings.catalog_mode == "projection"
        self._input: Any = table_input(datasets(settings)[0], settings.catalog_mode)

    def waits(self) -> str | None:
        """In crawler mode there is nothing to do before the crawler's first run."""
        if self._declared or self._found():
            return None
        crawler = crawler_name(self._settings)
        return (
            f"the crawler makes it: load a file, run `aws glue start-crawler --name {crawler}`, and when that has "
            "finished run apply again"
        )

    def desired(self, current: State | None) -> State:
        """Return the declared table; in crawler mode the columns, and no projection to hide the partitions."""
        return self._state(self._input)

    def current(self) -> State | None:
        """Read it. Raises Refused when the files that are there could not be read after the change."""
        found = self._found()
        return None if found is None else self._state(found)

    def make(self, plan: Plan) -> None:
        """Create the table, or update it in one call."""
        found = self._found()
        database = self._settings.database
        if found is None:
            self._glue.create_table(DatabaseName=database, TableInput=self._input)
        else:
            self._glue.update_table(DatabaseName=database, TableInput=self._updated(found))

    def remove(self, delete_data: bool) -> str:
        """Delete the table from the catalog; the files are the bucket's."""
        found = find_table(self._glue, self._settings.database, datasets(self._settings)[0].table)
        if found is None:
            return "absent"
        if not self._ours(found):
            return f"kept: it is at {_location(found)}, not this stage's"
        self._glue.delete_table(DatabaseName=self._settings.database, Name=datasets(self._settings)[0].table)
        return "removed (the files stay)"

    def _found(self) -> TableTypeDef | None:
        found = find_table(self._glue, self._settings.database, datasets(self._settings)[0].table)
        if found is None:
            return None
        if not self._ours(found):
            raise Refused(
                self.name,
                [
                    f"it exists over {_location(found) or 'no location'}, this stage's files are at "
                    f"{datasets(self._settings)[0].table_location}: give the stage a GLUE_DATABASE of its own"
                ],
            )
        reasons = incompatible(_types(_columns(found)), _types(found.get("PartitionKeys", [])), self._contract)
        if reasons:
            raise Refused(self.name, reasons)
        return found

    def _ours(self, found: TableTypeDef) -> bool:
        return _location(found).rstrip("/") == datasets(self._settings)[0].table_location.rstrip("/")

    def _state(self, table: Any) -> State:
        columns = {column["Name"]: column for column in _columns(table)}
        state = {f"parameter {key}": value for key, value in table.get("Parameters", {}).items() if self._managed(key)}
        wanted = [column.name for column in self._contract.file_columns]
        if not self._declared:
            return state | {f"column {name}": columns[name]["Type"] for name in wanted if name in columns}
        for name, column in columns.items():
            state[f"column {name}"] = f"{column['Type']}, {column.get('Comment', '')!r}"
        for column in table.get("PartitionKeys", []):
            state[f"partition {column['Name']}"] = f"{column['Type']}, {column.get('Comment', '')!r}"
        in_order = list(columns) == [name for name in wanted if name in columns]
        state["column order"] = "the contract's" if in_order else "another"
        storage = table.get("StorageDescriptor", {})
        state["format"] = as_text([storage.get("InputFormat"), storage.get("OutputFormat")])
        state["serde"] = as_text(storage.get("SerdeInfo", {}).get("SerializationLibrary"))
        state["type"] = str(table.get("TableType"))
        state["description"] = str(table.get("Description", ""))
        return state

    def _managed(self, key: str) -> bool:
        projected = key.startswith("projection.") or key == "storage.location.template"
        return projected or (self._declared and key in {"EXTERNAL", "classification"})

    def _updated(self, found: TableTypeDef) -> TableInputTypeDef:
        table = input_of(found)
        kept = {key: value for key, value in table.get("Parameters", {}).items() if not self._managed(key)}
        ours = {key: value for key, value in self._input["Parameters"].items() if self._managed(key)}
        storage = dict(table["StorageDescriptor"])
        if self._declared:
            storage |= self._input["StorageDescriptor"]
            table |= {key: value for key, value in self._input.items() if key != "StorageDescriptor"}
        else:
            there = {column["Name"] for column in _columns(found)}
            added = [column for column in _columns(self._input) if column["Name"] not in there]
            storage["Columns"] = [*_columns(found), *added]
        table |= {"StorageDescriptor": storage, "Parameters": kept | ours}
        return cast("TableInputTypeDef", table)


def _columns(table: Any) -> list[Any]:
    return list(table.get("StorageDescriptor", {}).get("Columns", []))


def _types(columns: Any) -> dict[str, str]:
    return {column["Name"]: column.get("Type", "") for column in columns}


def _location(table: TableTypeDef) -> str:
    return table.get("StorageDescriptor", {}).get("Location", "")
