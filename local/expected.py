"""What the sample files of a dataset become, and how an actual result differs from it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from chalicelib.contracts import registry
from chalicelib.contracts.contract import Contract, Table
from chalicelib.contracts.reading import FILE_NAME, SAMPLE_NAME
from chalicelib.counts import Counts
from chalicelib.dataset import Dataset
from chalicelib.flatten.columns import month_name
from chalicelib.queries.saved import SavedQuery
from local.emulator import PROJECT
from local.sample_check import check_sample

MOST_READINGS = 10
"""How often a table is read whose files go meanwhile."""

Row = dict[str, Any]

FOLDER = PROJECT / "sample_data"
MADE_FOR = "made_for.json"
"""The file beside samples that has the digests of the contract and the queries that they were worked out for."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it should be."""

    what: str
    expected: str
    actual: str


@dataclass(frozen=True)
class Sample:
    """A file, the rows that it becomes, and its rejected records."""

    path: Path
    rows: list[Row]
    rejected: list[Row]

    @property
    def counts(self) -> Counts:
        """The counts of its load."""
        loaded, rejected = len({row["record_number"] for row in self.rows}), len(self.rejected)
        return Counts(loaded + rejected, loaded, rejected, len(self.rows))


@dataclass(frozen=True)
class Samples:
    """The sample files of a dataset, in the order of their drop, and the answers to its queries once all are loaded."""

    files: list[Sample]
    answers: dict[str, Any]
    made_for: dict[str, str] = field(default_factory=dict)
    """`digests` of the contract that they were made for; empty where that is not known."""

    @classmethod
    def of(cls, dataset: Dataset, queries: Iterable[SavedQuery]) -> Samples | None:
        """Read the samples of a dataset: `sample_data` for the default contract, else the folder in it that has the
        contract's name. Where there is none, or it was made for another contract of that name, the contract's own
        sample. None where it has none, or one that does not load."""
        folder = FOLDER if dataset.name == registry.DEFAULT else FOLDER / dataset.name
        samples = cls.read(folder) if folder.exists() else None
        asked = [each for each in queries if each.contract == dataset.name]
        files = digests(dataset.contract.folder) if dataset.contract.folder else {}
        if samples is not None and samples._are_of(dataset.contract, files):
            return samples._with_answers_to(asked, files)
        return cls._of_contract(dataset.contract, asked)

    def _are_of(self, contract: Contract, files: Mapping[str, str]) -> bool:
        """Tell whether they were made for this contract: for its text, where that is known, and for its columns."""
        if self.made_for and self.made_for[FILE_NAME] != files.get(FILE_NAME):
            return False
        columns = {column.name for column in contract.main.columns if not column.name.startswith("source_")}
        return all(columns == set(row) for sample in self.files for row in sample.rows)

    def _with_answers_to(self, queries: Iterable[SavedQuery], files: Mapping[str, str]) -> Samples:
        """Return them with the answers to these queries: of one that has another text than the one they were made for,
        only that it answers."""
        if not self.made_for:
            return self
        changed = [each for each in queries if self.made_for.get(_sql(each.name)) != files[_sql(each.name)]]
        kept = {
            name: answer
            for name, answer in self.answers.items()
            if self.made_for.get(_sql(name)) == files.get(_sql(name))
        }
        return replace(self, answers=kept | _any_answers(changed))

    @classmethod
    def _of_contract(cls, contract: Contract, queries: Iterable[SavedQuery]) -> Samples | None:
        """Return the contract's sample with the rows that the strict way makes of it. What its queries answer is not
        known, only that they do."""
        sample = check_sample(contract)
        if sample.faults or contract.folder is None:
            return None
        rows = [
            {
                **{name: _plain(value) for name, value in row.items()},
                contract.main.partition.name: month_name(int(month)),
            }
            for part in sample.flattened
            for row, month in zip(part.tables[0].rows.to_pylist(), part.tables[0].months, strict=True)
        ]
        return cls([Sample(contract.folder / SAMPLE_NAME, rows, [])], _any_answers(queries))

    @classmethod
    def read(cls, folder: Path) -> Samples:
        """Read every file of a folder that has its rows beside it, in `NAME.expected.ndjson`."""
        return cls(
            [
                Sample(path, rows, _lines(path.with_name(f"{path.stem}.rejected.ndjson")))
                for path in sorted(folder.iterdir())
                if (rows := _lines(path.with_name(f"{path.stem}.expected.ndjson")))
            ],
            json.loads((folder / "answers.json").read_text("utf-8")),
            json.loads((folder / MADE_FOR).read_text("utf-8")) if (folder / MADE_FOR).exists() else {},
        )

    def all_rows(self, columns: Sequence[str]) -> list[str]:
        """Return every expected row as JSON text: the file's name, then the columns."""
        return [
            json.dumps([sample.path.name, *(row[column] for column in columns)])
            for sample in self.files
            for row in sample.rows
        ]


def digests(folder: Path) -> dict[str, str]:
    """Return the digest of a contract and of each of its queries, by the file's path in the contract's folder."""
    files = [*folder.glob(FILE_NAME), *sorted((folder / "queries").glob("*.sql"))]
    return {file.relative_to(folder).as_posix(): _digest(file) for file in files}


def _sql(query: str) -> str:
    return f"queries/{query}.sql"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_text("utf-8").encode()).hexdigest()


def _any_answers(queries: Iterable[SavedQuery]) -> dict[str, Any]:
    """Return what is asked of queries whose answers are not known."""
    return {
        each.name: {"parameters": {one.name: one.example for one in each.parameters if one.required}}
        for each in queries
    }


def differences(what: str, expected: Any, actual: Any) -> list[Difference]:
    """Return where two values, or two lists of rows, differ."""
    if expected == actual:
        return []
    if not (isinstance(expected, list) and isinstance(actual, list)):
        return [Difference(what, str(expected), str(actual))]
    if len(expected) != len(actual):
        return [Difference(f"{what}: how many", str(len(expected)), str(len(actual)))]
    pairs = zip(expected, actual, strict=True)
    return [
        Difference(f"{what}, row {i}", str(one), str(other)) for i, (one, other) in enumerate(pairs, 1) if one != other
    ]


def table_rows(s3: Any, dataset: Dataset, columns: Sequence[str], of: Table | None = None) -> list[list[Any]]:
    """Read the files of a table, else of the main one, with pyarrow: the source's key, then the columns.

    Values are as the expected files have them. Where a file goes between the listing and its turn, as superseded ones
    do at any time, all is read anew.
    """
    table = of or dataset.contract.main
    for _ in range(MOST_READINGS - 1):
        with contextlib.suppress(s3.exceptions.NoSuchKey):
            return _rows_now(s3, dataset, columns, table)
    return _rows_now(s3, dataset, columns, table)


def _rows_now(s3: Any, dataset: Dataset, columns: Sequence[str], table: Table) -> list[list[Any]]:
    partition = table.partition.name
    rows = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=dataset.bucket, Prefix=dataset.folders[table]):
        for each in page.get("Contents", ()):
            month = each["Key"].split(f"{partition}=")[1].split("/")[0]
            body = s3.get_object(Bucket=dataset.bucket, Key=each["Key"])["Body"].read()
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
