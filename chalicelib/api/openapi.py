"""The OpenAPI 3.1 document of the REST API, made from the saved queries, the settings and the errors. Pure.

Each saved query is a path of its own, so that a generated client has a method with typed parameters for each.
docs/openapi.json holds it as `python -m docs.generate` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.api.openapi_parts import (
    operation_of,
    option_parameter,
    parameter_schema,
    path_parameter,
    query_parameter,
    response_of,
    source_paths,
    token_parameter,
)
from chalicelib.api.openapi_schemas import SCHEMAS
from chalicelib.api.query_options import DOWNLOAD_FORMATS, QUERY_OPTIONS
from chalicelib.api.requests import KEY
from chalicelib.api.upload_names import ID, MAX_NAME_BYTES
from chalicelib.aws.athena import EXECUTION_ID
from chalicelib.contracts.names import NAME
from chalicelib.queries.saved import SavedQuery
from chalicelib.settings import Settings
from chalicelib.version import VERSION

Json = dict[str, Any]

ERRORS = {
    "400": ("Something in the request is wrong. `Fields` names each field, what is wrong and the remedy.", "Refusal"),
    "403": ("The gateway refuses the caller: no or a wrong signature or key, or no permission.", "GatewayError"),
    "404": ("There is nothing under this name or id.", "Error"),
    "409": ("The execution has not ended, or has not succeeded.", "Conflict"),
    "410": ("The results have expired: ask the query again.", "Error"),
    "413": ("The body is longer than that of any right request.", "Error"),
    "415": ("The content type is not application/json.", "Error"),
    "422": ("A row is too large for an answer, or a result for Excel: download the CSV.", "Error"),
    "429": ("Too many requests. The API's own answer has Retry-After, in seconds.", "AnyError"),
    "500": ("A fault of the API: quote the request id to its operator.", "AnyError"),
    "503": ("A service the API stands on does not answer. Retry-After is in seconds.", "Error"),
    "504": ("The gateway's 29 seconds were over.", "GatewayError"),
}


def document(contracts: Sequence[str], queries: Mapping[str, SavedQuery], settings: Settings, base_url: str) -> Json:
    """Return the document, with the names of contracts. `base_url` is the API's address; empty for one without it."""
    security, schemes = _security(settings.api_auth)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Orders",
            "version": VERSION,
            "description": "Upload files of documents, see what became of them, and ask the saved queries.",
        },
        **({"servers": [{"url": base_url}]} if base_url else {}),
        "security": security,
        "tags": [{"name": name} for name in ("uploads", "sources", "contracts", "queries", "executions", "about")],
        "paths": _paths(contracts, queries),
        "components": {
            "schemas": SCHEMAS,
            "responses": {name: response_of(*response) for name, response in ERRORS.items()},
            "parameters": OPTIONS,
            "securitySchemes": schemes,
        },
    }


def _paths(contracts: Sequence[str], queries: Mapping[str, SavedQuery]) -> Json:
    name = path_parameter("name", {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}, "The saved query's name.")
    execution = path_parameter(
        "execution_id", {"type": "string", "pattern": f"^{EXECUTION_ID.pattern}$"}, "The execution's id."
    )
    contract = path_parameter("name", {"type": "string", "pattern": f"^{NAME.pattern}$"}, "The contract's name.")
    upload = path_parameter("upload_id", {"type": "string", "pattern": f"^{ID.pattern}$"}, "The upload's id.")
    outcomes = {
        "200": ("The query has ended within the wait: its rows.", "Answer"),
        "202": ("The query goes on: ask `status_url`.", "Begun"),
    }
    paths = {
        "/uploads": {
            "post": operation_of(
                "uploads",
                "offer_upload",
                "Get a link to upload one file of documents.",
                {"201": ("A form that takes one file: send its fields, then the file.", "UploadLink")},
                also=("413",),
            )
            | {"requestBody": _body(contracts)},
        },
        "/uploads/{upload_id}": {
            "get": operation_of(
                "uploads",
                "upload",
                "Tell what has become of an upload.",
                {"200": ("How far the upload has come.", "Upload")},
                [upload],
                also=("404",),
            )
        },
        **source_paths(),
        "/contracts": {
            "get": operation_of(
                "contracts",
                "contracts",
                "List what is taken: the contracts, their tables and columns.",
                {"200": ("The contracts.", "Contracts")},
            )
        },
        "/contracts/{name}": {
            "get": operation_of(
                "contracts",
                "contract",
                "Tell what is taken by a contract.",
                {"200": ("The contract.", "Contract")},
                [contract],
                also=("404",),
            )
        },
        "/queries": {
            "get": operation_of(
                "queries",
                "queries",
                "List the saved queries and their parameters.",
                {"200": ("The saved queries.", "Queries")},
            )
        },
        "/queries/{name}": {
            "get": operation_of(
                "queries",
                "ask",
                "Run a saved query by name. Its parameters are those of the path of that name.",
                outcomes,
                [name, *_options()],
                also=("404", "409", "410", "422"),
            )
        },
    }
    for query in queries.values():
        parameters = [
            query_parameter(each.name, parameter_schema(each), each.description, each) for each in query.parameters
        ]
        operation = operation_of(
            "queries",
            f"ask_{query.name}",
            query.title,
            outcomes,
            [*parameters, *_options()],
            also=("409", "410", "422"),
        )
        paths[f"/queries/{query.name}"] = {"get": operation | {"description": query.description}}
    return paths | _executions(execution)


def _executions(execution: Json) -> Json:
    paging = [
        {"$ref": "#/components/parameters/page_size"},
        token_parameter(),
    ]
    formats = {"enum": list(DOWNLOAD_FORMATS), "default": DOWNLOAD_FORMATS[0]}
    format_ = query_parameter(
        "format", formats, "`csv` is Athena's; `excel` has a byte order mark and runs no text as a formula."
    )
    link = {"303": ("The link to the CSV, also in the header Location. It works without a signature.", "Link")}
    return {
        "/executions/{execution_id}": {
            "get": operation_of(
                "executions",
                "execution",
                "Tell how far an execution has come.",
                {"200": ("The execution.", "Execution")},
                [execution],
                also=("404",),
            ),
            "delete": operation_of(
                "executions",
                "cancel",
                "Cancel an execution. One that has ended stays as it is.",
                {"202": ("It is being cancelled.", "Cancelled")},
                [execution],
                also=("404",),
            ),
        },
        "/executions/{execution_id}/results": {
            "get": operation_of(
                "executions",
                "results",
                "Return a page of an execution's rows.",
                {"200": ("The page.", "Page")},
                [execution, *paging],
                also=("404", "409", "410", "422"),
            )
        },
        "/executions/{execution_id}/download": {
            "get": operation_of(
                "executions",
                "download",
                "Lead to an execution's rows as CSV.",
                link,
                [execution, format_],
                also=("404", "409", "410", "422"),
            )
        },
        "/openapi.json": {
            "get": operation_of("about", "openapi", "Return this document.", {"200": ("The document.", "Document")})
        },
    }


def _options() -> list[Json]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in OPTIONS]


def _body(contracts: Sequence[str]) -> Json:
    schema = {
        "type": "object",
        "required": ["filename"],
        "additionalProperties": False,
        "properties": {
            "filename": {
                "type": "string",
                "description": f"A label, not a path: at most {MAX_NAME_BYTES} bytes of UTF-8. "
                "It ends with .json, .ndjson or .jsonl, and may have .gz after that. It has no /, \\, ; or $, and no "
                "character that cannot be seen.",
                "examples": ["orders.json"],
            },
            "contract": {
                "enum": [*contracts, None],
                "description": "What the file's documents are. Left out: the one contract there is, else orders.",
            },
        },
    }
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _security(auth: str) -> tuple[list[Json], Json]:
    if auth == "none":
        return [], {}
    if auth == "api_key":
        return [{"api_key": []}], {"api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"}}
    signed = {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "AWS Signature Version 4 for the service execute-api.",
        "x-amazon-apigateway-authtype": "awsSigv4",
    }
    return [{"sigv4": []}], {"sigv4": signed}


OPTIONS: dict[str, Json] = {
    **{option.name: option_parameter(option) for option in QUERY_OPTIONS},
    "idempotency_key": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key with the same question runs it once, however often it is sent.",
        "schema": {"type": "string", "pattern": f"^{KEY.pattern}$"},
    },
}
"""What every saved query takes besides its own parameters."""
