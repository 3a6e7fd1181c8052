"""The Lake of a running MiniStack: its Glue tables and S3 objects, with the rights of whoever calls Athena."""

from __future__ import annotations

import contextvars
import json
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import glue, s3

from local.athena.lake import QueryError, StoredObject

access_key: contextvars.ContextVar[str | None] = contextvars.ContextVar("athena_access_key", default=None)
"""Who calls Athena in this context; None when permissions are not enforced."""


def require(action: str, resource: str, context: dict[str, Any] | None = None) -> None:
    """Raise QueryError unless the caller itself may do `action`. On AWS, Athena acts with its caller's rights."""
    key = access_key.get()
    if key is None:
        return
    service = action.split(":", 1)[0]
    denied = iam_evaluator.enforce(key, action, service, get_region(), resource_arn=resource, service_context=context)
    if denied:
        raise QueryError(
            "PERMISSION_DENIED",
            f"Insufficient permissions to execute the query. {iam_evaluator.caller_arn()} is not authorized to "
            f"perform: {action} on resource: {resource}",
        )


def require_glue(action: str, database: str, table: str | None = None) -> None:
    """Raise QueryError unless the caller may do a Glue action on the catalog, the database and the table."""
    arn = f"arn:aws:glue:{get_region()}:{get_account_id()}:"
    names = ["catalog", f"database/{database}"] + ([f"table/{database}/{table}"] if table else [])
    for name in names:
        require(f"glue:{action}", arn + name)


class MiniStackLake:
    """Reads MiniStack's stores of the current account and region, and writes through its own handlers."""

    def databases(self) -> list[str]:
        return list(glue._databases)

    def tables(self, database: str) -> list[dict[str, Any]]:
        require_glue("GetTables", database, "*")
        return [table for key, table in list(glue._tables.items()) if key.startswith(f"{database}/")]

    def table(self, database: str, name: str) -> dict[str, Any] | None:
        # Athena looks the default database up before any other.
        # https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
        require_glue("GetDatabase", "default")
        require_glue("GetTable", database, name)
        table: dict[str, Any] | None = glue._tables.get(f"{database}/{name}")
        return table

    def partitions(self, database: str, name: str) -> list[dict[str, Any]]:
        require_glue("GetPartitions", database, name)
        return list(glue._partitions.get(f"{database}/{name}", []))

    def save_table(self, database: str, table_input: dict[str, Any]) -> None:
        exists = f"{database}/{table_input['Name']}" in glue._tables
        require_glue("UpdateTable" if exists else "CreateTable", database, table_input["Name"])
        save = glue._update_table if exists else glue._create_table
        _checked(save({"DatabaseName": database, "TableInput": table_input}))

    def drop_table(self, database: str, name: str) -> None:
        require_glue("DeleteTable", database, name)
        _checked(glue._delete_table({"DatabaseName": database, "Name": name}))

    def create_database(self, name: str) -> None:
        require_glue("CreateDatabase", name)
        _checked(glue._create_database({"DatabaseInput": {"Name": name}}))

    def objects(self, bucket: str, prefix: str) -> list[StoredObject]:
        require("s3:ListBucket", f"arn:aws:s3:::{bucket}", {"s3:prefix": prefix})
        stored = s3._buckets.get(bucket)
        if stored is None:
            raise QueryError("HIVE_CURSOR_ERROR", f"Failed to list s3://{bucket}/{prefix}: The bucket does not exist")
        listed = sorted((key, each) for key, each in list(stored["objects"].items()) if key.startswith(prefix))
        if listed:
            # One for all: policies name prefixes, and a check for every file would take longer than the query.
            require("s3:GetObject", f"arn:aws:s3:::{bucket}/{listed[0][0]}")
        return [StoredObject(bucket, key, int(each["size"]), str(each["etag"])) for key, each in listed]

    def read(self, stored: StoredObject) -> bytes:
        content: bytes | None = s3._get_object_data(stored.bucket, stored.key)
        if content is None:
            raise QueryError("HIVE_CANNOT_OPEN_SPLIT", f"Error opening Hive split {stored.uri}: it is gone")
        return content


def read_result(bucket: str, key: str) -> bytes | None:
    """Return the bytes of a result file, or None when it is gone. Raises QueryError when the caller may not."""
    require("s3:GetObject", f"arn:aws:s3:::{bucket}/{key}")
    content: bytes | None = s3._get_object_data(bucket, key)
    return content


def write_result(bucket: str, key: str, content: bytes, content_type: str) -> None:
    """Put a result file into S3, as the caller. Raises QueryError."""
    require("s3:GetBucketLocation", f"arn:aws:s3:::{bucket}")
    require("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
    answer = s3._put_object(bucket, key, content, {"content-type": content_type, "content-length": str(len(content))})
    if answer[0] >= 300:
        raise QueryError("GENERIC_USER_ERROR", f"Unable to verify/create output bucket {bucket}")


def _checked(answer: tuple[int, Any, bytes]) -> None:
    if answer[0] >= 300:
        raise QueryError("HIVE_METASTORE_ERROR", json.loads(answer[2]).get("message", "the catalog refused"))
