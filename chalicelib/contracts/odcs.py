"""A contract as Open Data Contract Standard, version 3, for catalogs and tools that read it.

https://bitol-io.github.io/open-data-contract-standard/latest/

Each table, and each view of the latest versions, is a schema object: the views have a primary key, the tables have
none, since they keep earlier versions of a document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from chalicelib.contracts.column_types import TAKES, Type
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.sources import FromDocument, FromRecord, Origin, Product, RowNumber

API_VERSION = "v3.1.0"
VERSION = "1.0.0"
"""The version of an exported contract: contract.toml has none, its history is the repository's."""

_LOGICAL: dict[Type, str] = {
    Type.DECIMAL: "number",
    Type.DOUBLE: "number",
    Type.INTEGER: "integer",
    Type.ROW_NUMBER: "integer",
    Type.BOOLEAN: "boolean",
    Type.DATE: "date",
    Type.TIMESTAMP: "timestamp",
}
"""The standard's type of each of ours that is no text."""

_NO_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def odcs(contract: Contract) -> dict[str, Any]:
    """Return a contract as the standard has it."""
    objects = []
    for table in contract.tables:
        objects.append(_object(table, table.name, "table", ()))
        if table.latest:
            number = table.row_number
            key = (*table.identity, *([number.name] if number else ()))
            # A table of filtered or nested rows without a number has no key that the contract names.
            objects.append(_object(table, table.latest, "view", key if number or not table.rows else ()))
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DataContract",
        "id": contract.name,
        "name": contract.name,
        "version": VERSION,
        "status": "active",
        "schema": objects,
    }
    if contract.description:
        document["description"] = {"purpose": contract.description}
    return document


def yaml(value: Any, indent: str = "") -> str:
    """Return JSON values as YAML: block style, every text in double quotes."""
    return "\n".join(_lines(value, indent)) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, dict | list) and inner:
                yield f"{indent}{key}:"
                yield from _lines(inner, f"{indent}  ")
            else:
                yield f"{indent}{key}: {_scalar(inner)}"
        return
    for inner in value:
        if isinstance(inner, dict | list) and inner:
            first, *rest = _lines(inner, f"{indent}  ")
            yield f"{indent}- {first[len(indent) + 2 :]}"
            yield from rest
        else:
            yield f"{indent}- {_scalar(inner)}"


def _scalar(value: Any) -> str:
    return _NO_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))


def _object(table: Table, name: str, kind: str, key: tuple[str, ...]) -> dict[str, Any]:
    grain = f"One row for each element of {table.rows}" if table.rows else "One row for each document"
    versions = "the latest version of each document" if kind == "view" else "every version of a document"
    described = {"description": table.description} if table.description else {}
    return {
        "name": name,
        "physicalName": name,
        "physicalType": kind,
        "logicalType": "object",
        **described,
        "dataGranularityDescription": f"{grain}, of {versions}.",
        "properties": [_property(column, kind, key) for column in table.columns],
    }


def _property(column: Column, kind: str, key: tuple[str, ...]) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": column.name,
        "logicalType": _LOGICAL.get(column.type, "string"),
        "physicalType": column.glue_type,
    }
    if column.description:
        said["description"] = column.description
    # A document without rows keeps one, whose columns from the list are NULL.
    said["required"] = column.required and not any(path.level for path in column.paths)
    if column.name in key:
        said |= {"primaryKey": True, "primaryKeyPosition": key.index(column.name) + 1}
    if column.source is Origin.MONTH and kind == "table":
        said |= {"partitioned": True, "partitionKeyPosition": 1}
    match column.source:
        case FromDocument(paths) | FromRecord(paths):
            said["transformSourceObjects"] = [str(path) for path in (*paths, *column.referred)]
            said["transformDescription"] = f"Takes {TAKES[column.type]}."
        case Product(factors):
            said["transformSourceObjects"] = list(factors)
            said["transformLogic"] = " * ".join(factors)
        case RowNumber(of):
            said["transformDescription"] = f"The number of the element of {of}."
    return said
