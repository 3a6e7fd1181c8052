"""Views as Athena keeps them in the Glue catalog: VIRTUAL_VIEW tables whose text is an encoded Presto view."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from local.athena.lake import QueryError
from local.athena.values import ResultColumn

ENCODED = re.compile(r"/\* Presto View: ([A-Za-z0-9+/=]+) \*/")


def is_view(table: Mapping[str, Any]) -> bool:
    """Tell whether a Glue table is a view."""
    return table.get("TableType") == "VIRTUAL_VIEW"


def view_input(name: str, sql: str, database: str, columns: Sequence[ResultColumn]) -> dict[str, Any]:
    """Return Glue's TableInput of a view: `sql` in Athena's dialect, read in `database`."""
    text = {
        "originalSql": sql,
        "catalog": "awsdatacatalog",
        "schema": database,
        "columns": [{"name": column.name, "type": column.type} for column in columns],
    }
    encoded = base64.b64encode(json.dumps(text).encode()).decode()
    return {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": column.name.lower(), "Type": column.glue_type} for column in columns],
            "Location": "",
            "SerdeInfo": {},
        },
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
    }


def view_query(table: Mapping[str, Any]) -> tuple[str, str]:
    """Return (SQL in Athena's dialect, database it is read in) of a view. Raises QueryError when it is not one."""
    match = ENCODED.fullmatch((table.get("ViewOriginalText") or "").strip())
    if match is None:
        raise QueryError("INVALID_VIEW", f"View '{table['DatabaseName']}.{table['Name']}' cannot be read")
    text = json.loads(base64.b64decode(match[1]))
    return text["originalSql"], text["schema"]


def check_fresh(table: Mapping[str, Any], columns: Sequence[ResultColumn]) -> None:
    """Raise QueryError when the columns are not those that the view was made with: what it stands on has changed."""
    declared = [(each["Name"], each["Type"]) for each in table["StorageDescriptor"]["Columns"]]
    if declared != [(column.name.lower(), column.glue_type) for column in columns]:
        name = f"awsdatacatalog.{table['DatabaseName']}.{table['Name']}"
        raise QueryError(
            "VIEW_IS_STALE", f"line 1:15: View '{name}' is stale or in invalid state: it must be re-created"
        )
