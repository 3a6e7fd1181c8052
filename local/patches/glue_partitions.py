"""Partitions are made of a table that is there, deleted in batches, and asked for by the table's name.

Gap: MiniStack has no BatchDeletePartition; it makes partitions of a table that does not exist; and it asks IAM for
calls about partitions by the database alone, so that a policy for other tables passes. Drop this file when a role that
may only have partitions of one table can delete them in batches, and is refused for another table.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html
"""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_actions
from ministack.services import glue

Json = dict[str, Any]

TOUCHES = {
    "ministack.core.iam_actions.extract_resource_arn": "82f51700695c",
    "ministack.services.glue._batch_create_partition": "a5378f533736",
    "ministack.services.glue._delete_partition": "64266f7ac72d",
    "ministack.services.glue._handle_request_sync": "23d06ad23cad",
}

MOST_DELETED = 25


def apply() -> None:
    """Add the call, check the table, and name it to IAM."""
    _delete_in_batches()
    _name_the_table()
    create = glue._batch_create_partition

    def batch_create_partition(data: Json) -> Any:
        return _missing(data) or create(data)

    glue._batch_create_partition = batch_create_partition


def _delete_in_batches() -> None:
    handle = glue._handle_request_sync

    def handle_request(method: str, path: str, headers: Any, body: Any, query: Any) -> Any:
        if not headers.get("x-amz-target", "").endswith(".BatchDeletePartition"):
            return handle(method, path, headers, body, query)
        return _batch_delete_partition(json.loads(body))

    glue._handle_request_sync = handle_request


def _batch_delete_partition(data: Json) -> Any:
    key, given = f"{data['DatabaseName']}/{data['TableName']}", data["PartitionsToDelete"]
    if len(given) > MOST_DELETED:
        return glue.error_response_json("ValidationException", f"{len(given)} partitions are too many", 400)
    missing = _missing(data)
    if missing:
        return missing
    there = [partition["Values"] for partition in glue._partitions.get(key, [])]
    errors = []
    for each in given:
        if each["Values"] in there:
            glue._delete_partition(data | {"PartitionValues": each["Values"]})
        else:
            detail = {"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Partition not found"}
            errors.append({"PartitionValues": each["Values"], "ErrorDetail": detail})
    return glue.json_response({"Errors": errors})


def _missing(data: Json) -> Any:
    if f"{data.get('DatabaseName')}/{data.get('TableName')}" in glue._tables:
        return None
    return glue.error_response_json("EntityNotFoundException", f"Table {data.get('TableName')} not found.", 400)


def _name_the_table() -> None:
    resource_arn = iam_actions.extract_resource_arn

    def with_table(
        service: str, method: str, path: str, headers: Any, body: Any, query: Any, region: str, account: str
    ) -> Any:
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if service == "glue" and (action == "GetTable" or "Partition" in action) and (name := _table_in(body)):
            return f"arn:aws:glue:{region}:{account}:table/{name}"
        return resource_arn(service, method, path, headers, body, query, region, account)

    iam_actions.extract_resource_arn = with_table


def _table_in(body: bytes | str | None) -> str | None:
    try:
        data = json.loads(body or b"{}")
        return f"{data['DatabaseName']}/{data.get('TableName') or data['Name']}"
    except (ValueError, KeyError, TypeError):
        return None
