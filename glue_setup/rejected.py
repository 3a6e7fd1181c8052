"""The table of rejected records: one for a stage, over gzipped lines of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.aws.glue import find_table
from chalicelib.dataset import REJECTED_TABLE
from glue_setup.clients import Clients
from glue_setup.errors import Refused
from glue_setup.resource import Blocks, Plan, Resource, State, as_text
from glue_setup.tables import input_of
from glue_setup.target import Target
from glue_setup.terraform_json import snake

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import TableInputTypeDef, TableTypeDef

COLUMNS = (
    ("source_key", "string", "The S3 key of the file."),
    ("source_version", "string", "Its version id, else its ETag: the newest version that was read."),
    ("source_modified_at", "timestamp", "When that version was dropped, UTC."),
    ("contract", "string", "The contract that it was read by."),
    ("record_number", "bigint", "Position of the record in the file, from 1; NULL where the file was refused whole."),
    ("path", "string", "JSON path of what offends; empty for the record or the file as a whole."),
    ("reason", "string", "Why it was rejected, with the value and the remedy."),
    ("byte_offset", "bigint", "Where a file that was refused whole cannot be read on, in bytes, uncompressed."),
    ("raw", "string", "The record as it was sent; its beginning, where raw_key is not NULL."),
    ("raw_base64", "string", "The record's bytes where they are not UTF-8: from_base64(raw_base64)."),
    ("raw_key", "string", "The object that holds the line of a record which is too long for a row."),
)
"""Name, type and meaning of each column."""


def rejected_table_input(target: Target) -> TableInputTypeDef:
    """Return the table, for Glue.

    It has no partitions: every engine reads it, and a question reads all of it, which is what was rejected of the
    newest version of each source and not more.
    https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html
    """
    return {
        "Name": REJECTED_TABLE,
        "Description": "One row per rejected record, and one per file that was refused whole; the newest version of "
        "each source alone.",
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "classification": "json", "compressionType": "gzip"},
        "StorageDescriptor": {
            "Columns": [{"Name": name, "Type": kind, "Comment": comment} for name, kind, comment in COLUMNS],
            "Location": f"s3://{target.settings.bucket}/{target.rejected[0]}",
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
    }


class RejectedTable(Resource):
    """The table of rejected records. Table parameters other than ours stay."""

    remedy = "give the stage a GLUE_DATABASE of its own"

    def __init__(self, target: Target, clients: Clients) -> None:
        self._database = target.settings.database
        super().__init__(target, clients, f"table {self._database}.{REJECTED_TABLE}")
        self._glue = clients.glue
        self._input: Any = rejected_table_input(target)

    def find(self) -> TableTypeDef | None:
        """Read it. Raises Refused for a table over other files, and for a view."""
        existing = find_table(self._glue, self._database, REJECTED_TABLE)
        location = existing.get("StorageDescriptor", {}).get("Location", "") if existing else ""
        own = self._input["StorageDescriptor"]["Location"]
        if existing and location.rstrip("/") != own.rstrip("/"):
            raise Refused(
                self.name, [f"it exists over {location or 'no location'}, this stage's is {own}: {self.remedy}"]
            )
        return existing

    def state(self, existing: Any) -> State:
        """Return columns, format and our parameters."""
        storage = existing.get("StorageDescriptor", {})
        columns = {
            f"column {each['Name']}": f"{each['Type']}, {each.get('Comment', '')!r}" for each in storage["Columns"]
        }
        ours = self._input["Parameters"]
        parameters = {f"parameter {key}": v for key, v in existing.get("Parameters", {}).items() if key in ours}
        return {
            **columns,
            **parameters,
            "format": as_text([storage.get("InputFormat"), storage.get("OutputFormat")]),
            "serde": as_text(storage.get("SerdeInfo", {}).get("SerializationLibrary")),
            "description": str(existing.get("Description", "")),
        }

    def desired(self, current: State | None) -> State:
        """Return the same fields of the declared table."""
        return self.state(self._input)

    def make(self, plan: Plan) -> None:
        """Create the table, or update it in one call."""
        if plan.creates:
            self._glue.create_table(DatabaseName=self._database, TableInput=self._input)
            return
        table = input_of(plan.existing) | self._input
        table["Parameters"] = plan.existing.get("Parameters", {}) | self._input["Parameters"]
        self._glue.update_table(DatabaseName=self._database, TableInput=table)

    def delete(self, existing: TableTypeDef, delete_data: bool) -> str:
        """Delete the table from the catalog; the files are the bucket's."""
        self._glue.delete_table(DatabaseName=self._database, Name=REJECTED_TABLE)
        return "removed (the files stay)"

    def terraform(self) -> Blocks:
        """Return the table."""
        table: Any = snake(self._input)
        serde = self._input["StorageDescriptor"]["SerdeInfo"]
        storage = table["storage_descriptor"]
        # A map's keys are AWS's own words: they stay as they are.
        storage["ser_de_info"] = storage.pop("serde_info") | {"parameters": serde["Parameters"]}
        table["parameters"] = self._input["Parameters"]
        table["database_name"] = "${aws_glue_catalog_database.etl.name}"
        return {"aws_glue_catalog_table": {REJECTED_TABLE: table}}
