"""Parts that the paths of the OpenAPI document are put together from, and the paths of sources. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.api.openapi_schemas import TEXT, schema_of
from chalicelib.api.query_options import REJECTED_SIZE, SOURCES_SIZE, QueryOption
from chalicelib.api.requests import MAX_PAGE_TOKEN
from chalicelib.queries.parameters import Parameter

Json = dict[str, Any]

ALWAYS = ("400", "403", "415", "429", "500", "503", "504")
"""Statuses that every call may answer with."""


def source_paths() -> Json:
    """Return the paths of what was dropped."""
    key = query_parameter("key", {"type": "string", "minLength": 1}, "The object's key, as `/sources` gives it.") | {
        "required": True
    }
    narrowing = [
        query_parameter("prefix", TEXT, "What keys begin with: below the incoming prefix. Left out: all of them."),
        query_parameter("contains", TEXT, "What keys have in them, in whatever case."),
    ]
    return {
        "/sources": {
            "get": operation_of(
                "sources",
                "sources",
                "List what was dropped and what became of it, newest first.",
                {"200": ("The page.", "Sources")},
                [*narrowing, option_parameter(SOURCES_SIZE), token_parameter()],
            )
        },
        "/source": {
            "get": operation_of(
                "sources",
                "source",
                "Tell what has become of one source object, with its versions.",
                {"200": ("The object.", "Source")},
                [key],
                also=("404",),
            )
        },
        "/rejected": {
            "get": operation_of(
                "sources",
                "rejected",
                "Return a page of a source object's rejected records, as they were sent.",
                {"200": ("The page.", "RejectedPage")},
                [key, option_parameter(REJECTED_SIZE), token_parameter()],
                also=("404",),
            )
        },
    }


def token_parameter() -> Json:
    """Return the parameter that leads from page to page."""
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_PAGE_TOKEN}
    return query_parameter("page_token", schema, "The `next_page_token` of the page before.")


def parameter_schema(parameter: Parameter) -> Json:
    """Return the JSON Schema of what a caller may give for a saved query's parameter."""
    schema = schema_of(parameter.type)
    read = int if parameter.type == "integer" else str
    if parameter.type == "integer":
        for word, limit in (("minimum", parameter.minimum), ("maximum", parameter.maximum)):
            if limit is not None:
                schema[word] = int(limit)
    if parameter.default is not None:
        schema["default"] = read(parameter.default)
    return schema


def operation_of(
    tag: str,
    name: str,
    summary: str,
    good: Mapping[str, tuple[str, str]],
    parameters: list[Json] | None = None,
    also: tuple[str, ...] = (),
) -> Json:
    """Return an operation: `good` are its answers by status, `also` the errors that it has beside ALWAYS."""
    responses: Json = {status: response_of(text, schema) for status, (text, schema) in good.items()}
    responses |= {status: {"$ref": f"#/components/responses/{status}"} for status in sorted({*ALWAYS, *also})}
    operation: Json = {"tags": [tag], "operationId": name, "summary": summary, "responses": responses}
    return operation | ({"parameters": parameters} if parameters else {})


def response_of(text: str, schema: str) -> Json:
    """Return an answer of JSON, by the name of its schema."""
    reference = {"$ref": f"#/components/schemas/{schema}"}
    return {"description": text, "content": {"application/json": {"schema": reference}}}


def path_parameter(name: str, schema: Json, text: str) -> Json:
    """Return a parameter that is a segment of the path."""
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def query_parameter(name: str, schema: Json, text: str, parameter: Parameter | None = None) -> Json:
    """Return a parameter of the query string; `parameter` where it is a saved query's."""
    required = parameter is not None and parameter.required
    query = {"name": name, "in": "query", "required": required, "description": text, "schema": schema}
    if parameter is not None:
        query["example"] = int(parameter.example) if schema["type"] == "integer" else parameter.example
    return query


def option_parameter(option: QueryOption) -> Json:
    """Return the parameter of an option."""
    limits = {"minimum": option.minimum, "maximum": option.maximum, "default": option.default}
    return query_parameter(option.name, {"type": "integer", **limits}, option.description)
