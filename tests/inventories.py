"""Inventories as S3 writes them: gzipped CSV or Parquet, and a manifest."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq

HOME = "inventories"
MANIFEST_KEY = "all/2026-11-25T01-00Z/manifest.json"
MANIFEST = f"s3://{HOME}/{MANIFEST_KEY}"
WRITTEN = datetime(2026, 11, 25, 1, tzinfo=UTC)
FIELDS = ("Bucket", "Key", "Size", "LastModifiedDate", "ETag", "StorageClass")
VERSIONED = ("Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker", "Size", "LastModifiedDate", "ETag")
PARQUET = {
    "Bucket": ("bucket", pa.string()),
    "Key": ("key", pa.string()),
    "VersionId": ("version_id", pa.string()),
    "IsLatest": ("is_latest", pa.bool_()),
    "IsDeleteMarker": ("is_delete_marker", pa.bool_()),
    "Size": ("size", pa.int64()),
    "LastModifiedDate": ("last_modified_date", pa.timestamp("ms", tz="UTC")),
    "ETag": ("e_tag", pa.string()),
    "StorageClass": ("storage_class", pa.string()),
}

Rows = list[dict[str, Any]]


def csv_file(rows: Rows, fields: tuple[str, ...]) -> bytes:
    """Return rows as S3 writes them: every value quoted, keys URL-encoded, times with milliseconds and a Z."""

    def text(name: str, value: Any) -> str:
        if name == "Key":
            return quote_plus(value, safe="/")
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
        if isinstance(value, bool):
            return str(value).lower()
        return "" if value is None else str(value)

    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([text(name, each[name]) for name in fields] for each in rows)
    return gzip.compress(stream.getvalue().encode())


def parquet_file(rows: Rows, fields: tuple[str, ...]) -> bytes:
    columns = {PARQUET[name][0]: pa.array([each[name] for each in rows], PARQUET[name][1]) for name in fields}
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def inventory(
    source: str, *parts: Rows, kind: str = "CSV", fields: tuple[str, ...] = FIELDS, **more: Any
) -> dict[str, bytes]:
    """Return the objects of an inventory of these rows by their keys, a file a part; `more` goes into its manifest."""
    objects = {}
    files = []
    for number, rows in enumerate(parts):
        body = csv_file(rows, fields) if kind == "CSV" else parquet_file(rows, fields)
        key = f"all/data/{number}.{'csv.gz' if kind == 'CSV' else 'parquet'}"
        objects[key] = body
        files.append({"key": key, "size": len(body), "MD5checksum": digest(body)})
    lines = "".join(f"  optional binary {PARQUET[name][0]} (UTF8);\n" for name in fields)
    manifest = {
        "sourceBucket": source,
        "destinationBucket": f"arn:aws:s3:::{HOME}",
        "version": "2016-11-30",
        "creationTimestamp": str(int(WRITTEN.timestamp() * 1000)),
        "fileFormat": kind,
        "fileSchema": ", ".join(fields) if kind == "CSV" else f"message s3.inventory {{\n{lines}}}",
        "files": files,
    } | more
    manifest = {name: value for name, value in manifest.items() if value is not None}
    return objects | {MANIFEST_KEY: json.dumps(manifest).encode()}


def digest(body: bytes) -> str:
    """Return what a manifest says of a file's bytes."""
    return hashlib.md5(body).hexdigest()
