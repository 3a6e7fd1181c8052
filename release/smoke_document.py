"""The document that a smoke test drops: one of the contract's sample, under an identity that nobody else has."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from typing import Any

from chalicelib.aws.athena_results import json_value
from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column
from chalicelib.contracts.paths import Key, Where
from chalicelib.contracts.reading import SAMPLE_NAME
from chalicelib.contracts.sources import FromDocument, FromRecord, Origin
from chalicelib.contracts.values import DateFormat, Dates, Strptime
from chalicelib.dataset import Dataset
from chalicelib.errors import UnreadableFile
from chalicelib.flatten.columns import month_name
from chalicelib.flatten.flattener import Flattener, Lineage, TableRows, records_of
from chalicelib.flatten.follow import Steps, follow
from chalicelib.flatten.json_text import RejectedDocument, compact, parsed
from chalicelib.flatten.scalars import NumberText
from chalicelib.settings import MIB
from glue_setup.errors import SetupError

Row = dict[str, Any]

FROM_THE_OBJECT = (Origin.SOURCE_VERSION, Origin.SOURCE_MODIFIED_AT)
"""What is known of a row only once its object is in S3."""


@dataclass(frozen=True)
class SmokeDocument:
    """A file with one document, and what it becomes. `identity` has the columns of the identity that were set.

    `rows` are those of each table, by their columns without those that are only known once the object is in S3; values
    are as the REST API gives them.
    """

    body: bytes
    identity: dict[str, str | int]
    rows: dict[str, list[Row]]


def smoke_document(dataset: Dataset, key: str, number: int, now: datetime) -> SmokeDocument:
    """Return the first document of the sample that loads under another identity, made of `number`.

    It is dated right after the contract's first day, so that it stands in a month of its own for the seconds that it is
    there; where that cannot be written, it keeps the date that it has. Raises SetupError where none loads.
    """
    contract = dataset.contract
    assert contract.folder is not None, contract.name
    file = contract.folder / SAMPLE_NAME
    remedy = f"run python -m local check-contracts {contract.name}"
    try:
        data = file.read_bytes()
        raws = [
            bytes(raw) for batch in records_of(io.BytesIO(data), 256 * MIB, sys.maxsize, contract) for raw in batch.raws
        ]
    except (OSError, UnreadableFile) as error:
        raise SetupError(f"{file} cannot be read: {error}; {remedy}") from None
    reasons = []
    for raw in raws:
        for dated in (True, False):
            try:
                return _document(dataset, key, _Change(dataset, number, dated), raw, now)
            except RejectedDocument as error:
                reasons.append(str(error))
    reason = f"the first is rejected: {reasons[-1]}" if reasons else "there is none"
    raise SetupError(f"{file} has no document to drop, {reason}; {remedy}")


def _document(dataset: Dataset, key: str, change: _Change, raw: bytes, now: datetime) -> SmokeDocument:
    body = b"[" + compact(change.record(parsed(raw))).encode() + b"]"
    flattener = Flattener(Lineage(key, "", now), dataset.contract, fast=False)
    batches = records_of(io.BytesIO(body), 256 * MIB, sys.maxsize, dataset.contract)
    parts = [part for batch in batches for part in flattener.flatten(batch)]
    for rejected in (each for part in parts for each in part.rejected):
        raise RejectedDocument(rejected.path, rejected.reason)
    rows: dict[str, list[Row]] = {table.name: [] for table in dataset.tables}
    for each in (each for part in parts for each in part.tables):
        rows[each.table.name] += _rows(each, dataset.contract.date_column.source is not Origin.SOURCE_MODIFIED_AT)
    return SmokeDocument(body, change.identity, rows)


def _rows(given: TableRows, with_month: bool) -> Iterator[Row]:
    hidden = {given.table.of(origin).name for origin in FROM_THE_OBJECT}
    for row, month in zip(given.rows.to_pylist(), given.months, strict=True):
        values = {name: json_value(value) for name, value in row.items() if name not in hidden}
        if with_month:
            values[given.table.partition.name] = month_name(int(month))
        yield values


_NAMING = (Type.IDENTIFIER, Type.TEXT, Type.INTEGER)
"""Types of columns of the identity that any value can be made up for; one that is a date keeps its own."""


class _Change:
    """What is changed in a record: the identity of its document, and the date if that is to be."""

    def __init__(self, dataset: Dataset, number: int, dated: bool) -> None:
        contract = dataset.contract
        self._at: Steps = contract.at.relative if contract.at else ()
        self._identity = [contract.main[name] for name in contract.identity]
        self._number = number
        self._date = contract.date_column if dated else None
        self._day = contract.earliest + timedelta(days=1)
        self.identity: dict[str, str | int] = {}

    def record(self, record: Any) -> Any:
        for column in self._identity:
            if not isinstance(column.source, FromDocument | FromRecord) or column.type not in _NAMING:
                continue
            value: str | int = self._number if column.type is Type.INTEGER else f"smoke-{self._number}"
            record = self._with(record, column, NumberText(value) if isinstance(value, int) else value)
            self.identity[column.name] = value
        if self._date is not None and isinstance(self._date.source, FromDocument | FromRecord):
            record = self._with(record, self._date, date_text(self._day, self._date.formats[0]))
        return record

    def _with(self, record: Any, column: Column, value: Any) -> Any:
        match column.source:
            case FromDocument(paths):
                return _inside(record, self._at, lambda document: _put(document, [p.relative for p in paths], value))
            case FromRecord(paths):
                _put(record, [path.relative for path in paths], value)
        return record


def _inside(value: Any, at: Steps, change: Callable[[Any], None]) -> Any:
    """Return a record with its document changed; texts on the way are JSON, and written anew."""
    if isinstance(value, str) and not isinstance(value, NumberText):
        return compact(_inside(parsed(value.encode()), at, change))
    if not at:
        change(value)
        return value
    _, key = _container(value, at[:1])
    value[key] = _inside(value[key], at[1:], change)
    return value


def _put(value: Any, ways: list[Steps], new: Any) -> None:
    """Put a value where the first of the ways leads that leads to one, or else where the first does."""
    steps = next((way for way in ways if follow(value, way, "", strictly=False)[0] is not None), ways[0])
    container, key = _container(value, steps)
    container[key] = new


def _container(value: Any, steps: Steps) -> tuple[Any, Any]:
    """Return the object or list that the last step is taken from, and its key or position there."""
    container, path = follow(value, steps[:-1], "")
    last = steps[-1]
    if isinstance(last, Key) and isinstance(container, dict):
        return container, last.name
    if not isinstance(last, Key | Where) and isinstance(container, list) and last.position < len(container):
        return container, last.position
    raise RejectedDocument(path, "nothing can be put there")


def date_text(day: date, form: DateFormat) -> str:
    """Return noon UTC of a day as JSON that a date column of this format takes: text, or a number."""
    moment = datetime.combine(day, time(12), UTC)
    seconds = int(moment.timestamp())
    match form:
        case Dates.ISO:
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        case Dates.DOTNET:
            return f"/Date({seconds * 1000})/"
        case Dates.RFC2822:
            return format_datetime(moment)
        case Dates.YYYYMMDD:
            return moment.strftime("%Y%m%d")
        case Strptime(pattern):
            return moment.strftime(pattern)
        case Dates.EPOCH_DAYS:
            return NumberText(seconds // 86400)
        case _:
            powers = (Dates.EPOCH_SECONDS, Dates.EPOCH_MILLISECONDS, Dates.EPOCH_MICROSECONDS, Dates.EPOCH_NANOSECONDS)
            return NumberText(seconds * 1000 ** powers.index(form))
