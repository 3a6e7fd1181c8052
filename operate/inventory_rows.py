"""Rows of an inventory's files, CSV or Parquet, in one form. Files are read row by row, or some thousand at a time."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.parquet as pq

from chalicelib.errors import shown
from chalicelib.loading.models import ObjectSummary

REQUIRED = ("Bucket", "Key", "Size", "LastModifiedDate", "ETag")
"""What says which object it is, without asking S3."""
VERSIONED = ("IsLatest", "IsDeleteMarker")

PARQUET_NAMES = {
    "Bucket": "bucket",
    "Key": "key",
    "VersionId": "version_id",
    "IsLatest": "is_latest",
    "IsDeleteMarker": "is_delete_marker",
    "Size": "size",
    "LastModifiedDate": "last_modified_date",
    "ETag": "e_tag",
}
"""What the fields are called in Parquet: https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html"""

ROWS_AT_ONCE = 10_000


class UnreadableRow(Exception):
    """A row that does not say what its fields should, or a file that ends before its end."""


@dataclass(frozen=True)
class Row:
    """One version of one object; `size` and `modified_at` are as the file has them, None for a delete marker's size."""

    bucket: str
    key: str
    size: Any
    modified_at: Any
    etag: str
    is_latest: bool = True
    is_delete_marker: bool = False

    def summary(self) -> ObjectSummary:
        """Return the object as a listing shows it. Raises UnreadableRow."""
        try:
            return ObjectSummary(self.key, self.etag.strip('"'), int(self.size), _time(self.modified_at))
        except (TypeError, ValueError):
            what = f"{shown(self.size)!r} is no size, or {shown(self.modified_at)!r} no time"
            raise UnreadableRow(f"of {shown(self.key, 400)!r} {what}") from None


def csv_fields(schema: str) -> tuple[str, ...]:
    """Return the fields of a CSV inventory, in the order of its columns."""
    return tuple(each.strip() for each in schema.split(","))


def parquet_fields(schema: str) -> tuple[str, ...]:
    """Return the fields of a Parquet inventory by the names that they have in CSV; others are left out."""
    return tuple(field for field, name in PARQUET_NAMES.items() if re.search(rf"\b{name}\b", schema))


def csv_rows(path: Path, fields: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a gzipped CSV file. Its keys are URL-encoded, with a plus for a space. Raises UnreadableRow."""
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for number, values in enumerate(csv.reader(lines), 1):
                if len(values) != len(fields):
                    raise UnreadableRow(f"row {number} has {len(values)} columns, and the manifest {len(fields)}")
                row = dict(zip(fields, values, strict=True))
                yield _row(row | {"Key": _decoded(row["Key"])})
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as problem:
        raise UnreadableRow(f"after row {number} it cannot be read: {shown(problem, 200)}") from None


def _decoded(key: str) -> str:
    try:
        return unquote_plus(key, errors="strict")
    except UnicodeDecodeError:
        raise UnreadableRow(f"the key {shown(key, 400)!r} is no URL-encoded UTF-8") from None


def parquet_rows(path: Path, fields: tuple[str, ...]) -> Iterator[Row]:
    """Yield the rows of a Parquet file. Its keys are as they are. Raises UnreadableRow."""
    names = [PARQUET_NAMES[field] for field in fields]
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=names):
                columns = [batch.column(name).to_pylist() for name in names]
                for values in zip(*columns, strict=True):
                    yield _row(dict(zip(fields, values, strict=True)))
    except (pa.ArrowException, OSError, KeyError) as problem:
        raise UnreadableRow(f"it cannot be read: {shown(problem, 200)}") from None


FORMATS: dict[str, Callable[[Path, tuple[str, ...]], Iterator[Row]]] = {"CSV": csv_rows, "Parquet": parquet_rows}
"""What reads a file, by what the manifest calls its format."""


def _row(row: Mapping[str, Any]) -> Row:
    latest, marker = (_switch(row, name) for name in VERSIONED)
    return Row(
        row["Bucket"],
        row["Key"],
        row["Size"],
        row["LastModifiedDate"],
        row["ETag"] or "",
        latest is not False,
        marker is True,
    )


def _switch(row: Mapping[str, Any], name: str) -> bool | None:
    """Return true, false, or None where there is nothing: without versions each object is the latest and there."""
    value = row.get(name)
    if value in (None, ""):
        return None
    if value in ("true", "false", True, False):
        return value in ("true", True)
    raise UnreadableRow(f"of {shown(row['Key'], 400)!r} {name} is {shown(value)!r}: true or false was due")


def _time(value: Any) -> datetime:
    """Return a time that is one, ISO 8601, or milliseconds since 1970. Raises ValueError or TypeError."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC)
    time = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
