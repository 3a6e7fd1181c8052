"""JSON Schemas of the REST API's answers, and of the types of saved queries' parameters."""

from __future__ import annotations

from typing import Any

from chalicelib.api.uploads import WAITING
from chalicelib.aws.athena_results import FINISHED
from chalicelib.loading.models import DELETED, FAILED, LOADING
from chalicelib.loading.models import FINISHED as ENDINGS
from chalicelib.queries import parameters as types

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
COUNT: Json = {"type": "integer", "minimum": 0}
LINK: Json = {"type": "string", "format": "uri-reference"}
MOMENT: Json = {"type": "string", "format": "date-time"}

PARAMETERS: dict[str, Json] = {
    "text": {"type": "string", "minLength": 1, "maxLength": types.MAX_EXPRESSION - 2},
    "integer": {"type": "integer"},
    "decimal": {"type": "string", "pattern": f"^{types.DECIMAL.pattern}$"},
    "date": {"type": "string", "format": "date"},
    "month": {"type": "string", "pattern": f"^{types.MONTH.pattern}$"},
}


def schema_of(type_: str) -> Json:
    """Return the schema of a type that a saved query's parameter may have."""
    return dict(PARAMETERS[type_])


def _or_null(schema: Json) -> Json:
    return {**schema, "type": [schema["type"], "null"]}


def _object(required: Json, optional: Json | None = None) -> Json:
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def _items(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def _one(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


PAGE: Json = {
    "columns": _items(_object({"name": TEXT, "type": {**TEXT, "description": "Athena's type."}})),
    "rows": {
        **_items(_items({"type": ["string", "number", "integer", "boolean", "null"]})),
        "description": "One list of values a row. Decimals are text, so that no digit is lost; timestamps are "
        "ISO 8601; NULL is null.",
    },
    "next_page_token": {**_or_null(TEXT), "description": "For the next page of `results_url`; null on the last."},
}
EXECUTION: Json = {
    "execution_id": {"type": "string", "format": "uuid"},
    "query": TEXT,
    "state": {"enum": ["QUEUED", "RUNNING", *sorted(FINISHED)]},
    "reason": {**_or_null(TEXT), "description": "Why it failed."},
    "submitted_at": _or_null(MOMENT),
    "completed_at": _or_null(MOMENT),
    "scanned_bytes": COUNT,
    "cost_usd": {"type": ["number", "null"], "minimum": 0, "description": "An estimate at list price, in dollars."},
    "reused": {"type": "boolean", "description": "Whether an earlier result was reused, at no cost."},
    "status_url": LINK,
    "results_url": {**_or_null(LINK), "description": "null until the execution has succeeded."},
}
ERROR: Json = {
    "Code": {**TEXT, "description": "The kind of error."},
    "Message": {**TEXT, "description": "What is wrong, and the remedy."},
    "RequestId": {**TEXT, "description": "To quote to the API's operator."},
}
COLUMN: Json = {
    "name": TEXT,
    "type": {**TEXT, "description": "Athena's type."},
    "from": {**TEXT, "description": "The path in the document, or what else the value is made of."},
    "takes": {**_or_null(TEXT), "description": "The JSON that is taken at the path."},
    "required": {"type": "boolean", "description": "Whether a document without a value is rejected."},
    "rules": {**_items(TEXT), "description": "How the value is made of what is sent."},
    "description": TEXT,
}
TABLE: Json = {
    "name": TEXT,
    "description": TEXT,
    "rows": {**_or_null(TEXT), "description": "The list whose elements make the rows; null: a document makes one."},
    "latest": {**_or_null(TEXT), "description": "The view with the latest version of each document."},
    "documents": {**_or_null(TEXT), "description": "The view with one row a document."},
    "columns": _items(_object(COLUMN)),
}
CONTRACT: Json = {
    "name": TEXT,
    "description": TEXT,
    "incoming": {**TEXT, "description": "The prefix of the bucket that its files are dropped below."},
    "document": _object(
        {
            "records": {**_items(TEXT), "description": "Paths to the array that a file may hold its documents in."},
            "at": {**_or_null(TEXT), "description": "The path from each record to the document."},
            "identity": {**_items(TEXT), "description": "Columns: a document that comes again replaces the earlier."},
            "date": {**TEXT, "description": "Column: its month is the partition."},
            "version": {**_or_null(TEXT), "description": "Column: the latest version has the greatest."},
            "earliest": {"type": "string", "format": "date", "description": "Older documents are rejected."},
        }
    ),
    "tables": _items(_one("Table")),
    "url": LINK,
}
ENDING: Json = {
    "orders_read": COUNT,
    "orders_loaded": COUNT,
    "orders_rejected": COUNT,
    "rows": {**COUNT, "description": "Order lines in the table."},
    "files": {**COUNT, "description": "Parquet files that hold them."},
    "hints": {**_items(TEXT), "description": "What may be a fault in the contract, a sentence each."},
    "source_bytes": {**_or_null(COUNT), "description": "Size of the file, as it was stored."},
    "finished_at": {**_or_null(MOMENT), "description": "When it was loaded, or quarantined."},
    "seconds": {"type": ["number", "null"], "minimum": 0, "description": "How long the load took."},
    "dollars": {"type": ["number", "null"], "minimum": 0, "description": "What the load cost, by list price."},
    "reason": {**_or_null(TEXT), "description": "Why the file as a whole was not loaded."},
    "received_at": _or_null(MOMENT),
}
QUARANTINE: Json = {
    "quarantine_url": {**_or_null(LINK), "description": "A link to all that was rejected, for minutes."}
}
SOURCE: Json = {
    "key": TEXT,
    "contract": {**_or_null(TEXT), "description": "null for a key that lies in no contract's folder."},
    "status": {"enum": [LOADING, *ENDINGS, FAILED, DELETED]},
    **ENDING,
}
VERSION: Json = {
    "version": {**TEXT, "description": "S3's version id; the ETag where the bucket keeps no versions."},
    "received_at": MOMENT,
    "source_bytes": _or_null(COUNT),
    "deletion": {"type": "boolean", "description": "Whether it is no file but says that the key was deleted."},
    "newest": {"type": "boolean", "description": "Whether status and counts are of this version."},
    "in_tables": {"type": "boolean", "description": "Whether the rows in the tables are of this version."},
}
RECEIPT: Json = {
    **_or_null({"type": "object"}),
    "description": "The receipt, as it lies in the bucket for whoever sent the file; null where there is none.",
}
NEXT: Json = {"next_page_token": {**_or_null(TEXT), "description": "For the next page; null on the last."}}
REJECTED: Json = {"record_number": {"type": "integer", "minimum": 1}, "path": TEXT, "reason": TEXT}
REJECTED_RECORD: Json = {
    **REJECTED,
    "record_number": {"type": ["integer", "null"], "minimum": 1},
    "raw": {**TEXT, "description": "The record as it was sent: its first 262144 characters."},
    "exact": {"type": "boolean", "description": "Whether `raw` is all of it; the quarantine's link has the bytes."},
}

SCHEMAS: dict[str, Json] = {
    "UploadLink": _object(
        {
            "upload_id": TEXT,
            "contract": TEXT,
            "key": TEXT,
            "url": LINK,
            "fields": {"type": "object", "additionalProperties": TEXT, "description": "To be sent as they are."},
            "expires_at": MOMENT,
            "max_bytes": COUNT,
            "status_url": LINK,
        }
    ),
    "Upload": _object(
        {
            "upload_id": TEXT,
            "contract": {**_or_null(TEXT), "description": "null for an upload from before there were several."},
            "key": TEXT,
            "status": {"enum": [WAITING, LOADING, *ENDINGS, FAILED]},
            **ENDING,
            "rejected": {**_items(_object(REJECTED)), "description": "The first of the rejected orders."},
            **QUARANTINE,
            "receipt": {**_or_null(TEXT), "description": "The key of the receipt in the bucket, once there is one."},
        }
    ),
    "Sources": _object(
        {
            "sources": _items(_one("ListedSource")),
            "looked_through": {**COUNT, "description": "How many objects below the prefix the call has seen."},
            "complete": {
                "type": "boolean",
                "description": "Whether these were all: else there may be newer ones, which a longer prefix leads to.",
            },
            **NEXT,
        }
    ),
    "ListedSource": _object(SOURCE),
    "Source": _object(SOURCE | {"versions": _items(_object(VERSION)), **QUARANTINE, "receipt": RECEIPT}),
    "RejectedPage": _object(
        {
            "key": TEXT,
            "status": {"enum": [LOADING, *ENDINGS, FAILED, DELETED]},
            "reason": ENDING["reason"],
            "orders_rejected": COUNT,
            "records": {
                **_items(_object(REJECTED_RECORD)),
                "description": "In the file's order. None for a file that was quarantined whole.",
            },
            **NEXT,
            **QUARANTINE,
        }
    ),
    "Contract": _object(CONTRACT | {"json_schema": {"type": "object", "description": "What a record has to be like."}}),
    "Contracts": _object({"contracts": _items(_object(CONTRACT))}),
    "Table": _object(TABLE),
    "Parameter": _object(
        {
            "name": TEXT,
            "type": {"enum": list(PARAMETERS)},
            "description": TEXT,
            "required": {"type": "boolean"},
            "default": _or_null(TEXT),
            "minimum": _or_null(TEXT),
            "maximum": _or_null(TEXT),
            "example": TEXT,
        }
    ),
    "Query": _object(
        {
            "name": TEXT,
            "contract": {**TEXT, "description": "The contract whose tables it reads."},
            "title": TEXT,
            "description": TEXT,
            "parameters": _items(_one("Parameter")),
            "chart": {
                "anyOf": [_one("Chart"), {"type": "null"}],
                "description": "How to draw the answer; null: a table.",
            },
            "url": LINK,
        }
    ),
    "Chart": _object(
        {
            "type": {"enum": ["bar", "line"]},
            "x": {**TEXT, "description": "The answer's column along the axis."},
            "y": {**TEXT, "description": "The answer's column of the values."},
        }
    ),
    "Queries": _object({"queries": _items(_one("Query"))}),
    "Execution": _object(EXECUTION),
    "Page": _object(PAGE),
    "Answer": _object(EXECUTION | PAGE),
    "Begun": _object({"execution_id": EXECUTION["execution_id"], "query": TEXT, "status_url": LINK}),
    "Cancelled": _object({"execution_id": EXECUTION["execution_id"], "status_url": LINK}),
    "Link": _object({"url": LINK}),
    "Document": _object({"openapi": TEXT, "info": {"type": "object"}, "paths": {"type": "object"}}),
    "Error": _object(ERROR),
    "Refusal": _object(ERROR | {"Fields": {"type": "object", "additionalProperties": TEXT}}),
    "Conflict": _object(ERROR, {"ExecutionId": TEXT, "State": TEXT}),
    "GatewayError": {
        **_object({"message": _or_null(TEXT)}),
        "description": "What the gateway answers before it calls the API.",
    },
    "AnyError": {"anyOf": [_one("Error"), _one("GatewayError")]},
}
