"""What the samples are to become, and how what was found differs from it."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from chalicelib.contracts.orders.contract import ORDERS
from chalicelib.settings import Settings

Row = dict[str, Any]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be."""

    what: str
    expected: str
    found: str


@dataclass(frozen=True)
class Samples:
    """The sample files by stem, in the order of their drop: their rows, rejected records, and the queries' answers."""

    files: dict[str, str]
    rows: dict[str, list[Row]]
    rejected: dict[str, list[Row]]
    answers: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Samples:
        """Read `sample_data`."""
        files = {"orders_etl": "orders_etl.json", "orders_ugly": "orders_ugly.ndjson"}
        return cls(
            files,
            {stem: _lines(folder / f"{stem}.expected.ndjson") for stem in files},
            {stem: _lines(folder / f"{stem}.rejected.ndjson") for stem in files},
            json.loads((folder / "answers.json").read_text("utf-8")),
        )

    def all_rows(self, columns: Sequence[str]) -> list[str]:
        """Return every expected row as JSON text: the file's name, then the columns."""
        return [
            json.dumps([self.files[stem], *(row[column] for column in columns)])
            for stem, rows in self.rows.items()
            for row in rows
        ]


def differences(what: str, expected: Any, found: Any) -> list[Difference]:
    """Return where two values, or two lists of rows, differ."""
    if expected == found:
        return []
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = zip(expected, found, strict=True)
        return [
            Difference(f"{what}, row {i}", str(one), str(other))
            for i, (one, other) in enumerate(pairs, 1)
            if one != other
        ]
    if isinstance(expected, list) and isinstance(found, list):
        return [Difference(f"{what}: how many", str(len(expected)), str(len(found)))]
    return [Difference(what, str(expected), str(found))]


def table_rows(s3: Any, settings: Settings, columns: Sequence[str]) -> list[list[Any]]:
    """Read the table's files with pyarrow: the source's key, then the columns, as the expected files have them."""
    partition = ORDERS.partition.name
    rows = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=settings.bucket, Prefix=settings.table_prefix):
        for each in page.get("Contents", ()):
            month = each["Key"].split(f"{partition}=")[1].split("/")[0]
            body = s3.get_object(Bucket=settings.bucket, Key=each["Key"])["Body"].read()
            for row in pq.ParquetFile(io.BytesIO(body)).read().to_pylist():
                row[partition] = month
                rows.append([row["source_key"], *(_plain(row[column]) for column in columns)])
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat(timespec="milliseconds") if isinstance(value, datetime) else value


def _lines(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
