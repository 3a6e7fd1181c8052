"""What a Glue crawler does with Parquet files, for the embedded AWS: schema, table, partitions."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq

from local.emulator import HOST, REGION

Json = dict[str, Any]

FOOTER_TAIL = 8
"""The last bytes of a Parquet file: the footer's length (4 bytes, little-endian) and the magic number."""
PARTITIONS_A_CALL = 100

SCALARS = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "string",
    pa.large_string(): "string",
    pa.binary(): "binary",
    pa.date32(): "date",
}


def crawl(crawler: Json, credentials: Json) -> None:
    """Make or complete the tables of the crawler's S3 targets, with `credentials` (keyword arguments of boto3).

    Raises whatever S3 or Glue answers.
    """
    endpoint = f"http://{HOST}:{os.environ['GATEWAY_PORT']}"
    clients = [
        boto3.client(service, endpoint_url=endpoint, region_name=REGION, **credentials) for service in ("s3", "glue")
    ]
    for target in crawler["Targets"].get("S3Targets", []):
        _crawl_target(crawler, target["Path"], *clients)


def _crawl_target(crawler: Json, path: str, s3: Any, glue: Any) -> None:
    bucket, _, prefix = path.removeprefix("s3://").partition("/")
    prefix = prefix.rstrip("/") + "/"
    keys = sorted(key for key in _keys(s3, bucket, prefix) if not key.rsplit("/", 1)[-1].startswith(("_", ".")))
    if not keys:
        return
    schema = next(_schemas(s3, bucket, keys), None)
    if schema is None:
        return
    partitions = {tuple(_partition(key.removeprefix(prefix)).items()) for key in keys}
    table = _table_input(crawler, f"s3://{bucket}/{prefix}", schema, list(_partition(keys[0].removeprefix(prefix))))
    _put_table(crawler, table, glue)
    _put_partitions(crawler, table, sorted(p for p in partitions if p), glue)


def _keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [each["Key"] for page in pages for each in page.get("Contents", []) if each["Size"]]


def _partition(relative_key: str) -> dict[str, str]:
    folders = relative_key.split("/")[:-1]
    return dict(folder.split("=", 1) for folder in folders if "=" in folder)


def _schemas(s3: Any, bucket: str, keys: Iterable[str]) -> Iterator[pa.Schema]:
    """Yield the schema of each file that is still there."""
    for key in keys:
        with contextlib.suppress(s3.exceptions.NoSuchKey):
            yield _read_schema(s3, bucket, key)


def _read_schema(s3: Any, bucket: str, key: str) -> pa.Schema:
    def last(length: int) -> bytes:
        body: bytes = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes=-{length}")["Body"].read()
        return body

    length = int.from_bytes(last(FOOTER_TAIL)[:4], "little") + FOOTER_TAIL
    return pq.read_schema(BytesIO(last(length)))


def _table_input(crawler: Json, location: str, schema: pa.Schema, partition_keys: list[str]) -> Json:
    folder = location.rstrip("/").rsplit("/", 1)[-1]
    return {
        "Name": crawler.get("TablePrefix", "") + re.sub(r"[^a-z0-9_]", "_", folder.lower()),
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet", "EXTERNAL": "TRUE", "UPDATED_BY_CRAWLER": crawler["Name"]},
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in partition_keys],
        "StorageDescriptor": {
            "Location": location,
            "Columns": [{"Name": field.name.lower(), "Type": glue_type(field.type)} for field in schema],
            "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            "SerdeInfo": {
                "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
                "Parameters": {"serialization.format": "1"},
            },
        },
    }


def glue_type(arrow: pa.DataType) -> str:
    """Return the Glue type of an Arrow type. Raises ValueError for one that crawlers do not know either."""
    if pa.types.is_dictionary(arrow):
        return glue_type(arrow.value_type)
    if pa.types.is_timestamp(arrow):
        return "timestamp"
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    if pa.types.is_list(arrow):
        return f"array<{glue_type(arrow.value_type)}>"
    if pa.types.is_struct(arrow):
        return "struct<" + ",".join(f"{field.name.lower()}:{glue_type(field.type)}" for field in arrow) + ">"
    if arrow not in SCALARS:
        raise ValueError(f"no Glue type for {arrow}")
    return SCALARS[arrow]


def _put_table(crawler: Json, table: Json, glue: Any) -> None:
    database = crawler["DatabaseName"]
    try:
        glue.create_table(DatabaseName=database, TableInput=table)
    except glue.exceptions.AlreadyExistsException:
        # AWS's default replaces the table, and with it whatever the crawler does not know, such as projection.
        if crawler["SchemaChangePolicy"].get("UpdateBehavior", "UPDATE_IN_DATABASE") != "LOG":
            glue.update_table(DatabaseName=database, TableInput=table)


def _put_partitions(crawler: Json, table: Json, partitions: list[tuple[tuple[str, str], ...]], glue: Any) -> None:
    inputs = [
        {
            "Values": [dict(partition)[key["Name"]] for key in table["PartitionKeys"]],
            "StorageDescriptor": table["StorageDescriptor"]
            | {"Location": table["StorageDescriptor"]["Location"] + "/".join("=".join(p) for p in partition) + "/"},
        }
        for partition in partitions
    ]
    for first in range(0, len(inputs), PARTITIONS_A_CALL):
        glue.batch_create_partition(  # one that exists is reported, and left as it is
            DatabaseName=crawler["DatabaseName"],
            TableName=table["Name"],
            PartitionInputList=inputs[first : first + PARTITIONS_A_CALL],
        )
