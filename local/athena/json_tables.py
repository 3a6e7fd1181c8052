"""Tables of JSON lines: each object becomes a Parquet file of the declared types, as the OpenX SerDe reads it."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from local.athena.lake import QueryError, StoredObject

SERDES = ("org.openx.data.jsonserde.JsonSerDe", "org.apache.hive.hcatalog.data.JsonSerDe")
MOST_LINE_BYTES = 32 * 2**20
"""The longest line that Athena reads.
https://docs.aws.amazon.com/athena/latest/ug/other-notable-limitations.html
"""
TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("ms"),
}


def is_json(table: Mapping[str, Any]) -> bool:
    """Tell whether a table's files are lines of JSON."""
    return table["StorageDescriptor"].get("SerdeInfo", {}).get("SerializationLibrary") in SERDES


def as_parquet(stored: StoredObject, content: bytes, columns: Mapping[str, str]) -> bytes:
    """Return an object's lines as a Parquet file with these columns, by their Glue types.

    Names of members are compared in lower case; what is missing is NULL. Raises QueryError for what is no JSON object
    and for a value that is not of its column's type.
    """
    if stored.key.endswith(".gz"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError) as problem:
            raise QueryError("HIVE_CURSOR_ERROR", f"Failed to read {stored.uri}: {problem}") from None
    rows = [_row(stored, line) for line in content.split(b"\n") if line.strip()]
    arrays = [
        pa.array([_value(stored, row.get(name), kind) for row in rows], TYPES[kind]) for name, kind in columns.items()
    ]
    file = io.BytesIO()
    pq.write_table(pa.table(arrays, names=list(columns)), file)
    return file.getvalue()


def check_types(name: str, columns: Mapping[str, str]) -> None:
    """Raise QueryError for a column whose type is not read here."""
    if unknown := sorted(set(columns.values()) - TYPES.keys()):
        raise QueryError("NOT_SUPPORTED", f"{name}: this embedded Athena reads no {', '.join(unknown)} from JSON")


def _row(stored: StoredObject, line: bytes) -> dict[str, Any]:
    if len(line) > MOST_LINE_BYTES:
        raise QueryError("HIVE_CURSOR_ERROR", f"Line too long in text file: {stored.uri}")
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise QueryError("HIVE_CURSOR_ERROR", f"Row is not a valid JSON Object - JSONException in {stored.uri}")
    return {key.lower(): value for key, value in row.items()}


def _value(stored: StoredObject, value: Any, kind: str) -> Any:
    if value is None:
        return None
    try:
        match kind:
            case "string":
                return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            case "bigint" | "int":
                return int(value)
            case "double":
                return float(value)
            case "timestamp":
                return datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise QueryError("HIVE_BAD_DATA", f"{str(value)[:80]!r} is no {kind} in {stored.uri}") from None
    return value
