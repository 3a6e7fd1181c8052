"""Flattens batches of raw documents into Arrow tables, one row a line, and sets aside documents that are rejected.

`python -m chalicelib.flatten` does it to a local file; `flatten_orders` to a few orders in a notebook.
"""

from __future__ import annotations

import calendar
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from chalicelib.contracts.model import MONTHS_AHEAD, Contract, From, Type
from chalicelib.documents.decompress import ByteStream, Source
from chalicelib.documents.records import Batch, Raw, Records
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.flatten import columns
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.decoded import EXTRA, DecodedBatch
from chalicelib.flatten.fast import FastDecoder
from chalicelib.flatten.schema import row_schema
from chalicelib.flatten.strict import Document, StrictDecoder
from chalicelib.flatten.values import RejectedDocument

MIB = 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


PART_BYTES = 16 * MIB
"""What the rows of more than one document may take together, about, before a batch is flattened in parts."""


class _TooLarge(Exception):
    """The rows of a batch would take more than PART_BYTES."""


@dataclass(frozen=True)
class Lineage:
    """Which version of which source object rows come from.

    `identity` tells sources apart in the names of files, and is `key` unless given. `modified_at` is in UTC.
    Documents may be dated up to a year after `latest_document_after`, which is `modified_at` unless given: bound to the
    object and not to the clock, the same object always gives the same rows.
    """

    key: str
    version: str
    modified_at: datetime
    latest_document_after: datetime | None = None
    identity: str | None = None

    @property
    def modified_ms(self) -> int:
        """The last-modified time in milliseconds since 1970 UTC."""
        return (self.modified_at - _EPOCH) // timedelta(milliseconds=1)

    @property
    def latest_document_ms(self) -> int:
        """The latest date that a document may have, in milliseconds since 1970 UTC."""
        start = self.latest_document_after or self.modified_at
        year, month = divmod(start.month - 1 + MONTHS_AHEAD, 12)
        year, month = start.year + year, month + 1
        latest = start.replace(year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1]))
        return (latest - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Flattened:
    """The rows of a batch, or of a part of it.

    `rows` are in the row schema (see schema.py); `months` is the month of each, counted from January 1970; `loaded` is
    how many documents they stand for.
    """

    rows: pa.Table
    months: Int64s
    loaded: int
    rejected: list[RejectedRecord]


class Flattener:
    """Turns batches of one source object into rows.

    Each record takes the fast way when it can be proven sound there, else the strict one; the rows are the same.
    `source` makes of a text what the parser reads: a path, or a binary file.
    """

    def __init__(
        self,
        lineage: Lineage,
        contract: Contract,
        *,
        fast: bool = True,
        source: Callable[[bytes], Any] = io.BytesIO,
    ) -> None:
        self._lineage = lineage
        self._contract = contract
        self._schema = row_schema(contract)
        self._strict = StrictDecoder(contract, lineage.latest_document_ms)
        self._fast = FastDecoder(contract, lineage.latest_document_ms, source, self._strict) if fast else None

    @property
    def near_misses(self) -> dict[str, str]:
        """Paths of fields that the contract would name but for case or spaces, each with the path that it names."""
        return self._strict.near_misses

    def flatten(self, batch: Batch) -> Iterator[Flattened]:
        """Flatten one batch, in parts where its rows are many. No record is lost: each is in the rows or rejected."""
        whole = self.whole(batch)
        if whole is not None:
            yield whole
            return
        for half in _halves(batch):
            yield from self.flatten(half)

    def whole(self, batch: Batch) -> Flattened | None:
        """Flatten one batch at once, or return None where its rows are so many that they have to come in parts."""
        try:
            return self._flattened(batch)
        except _TooLarge:
            return None

    def _flattened(self, batch: Batch) -> Flattened:
        numbers = np.array(batch.numbers, dtype=np.int64)
        rejected = list(batch.rejected)
        parts = []
        fast = self._decode_fast(batch)
        remaining: Iterable[int] = range(len(batch.raws))
        if fast is not None:
            if fast.size > PART_BYTES and len(batch.raws) > 1:
                raise _TooLarge
            parts.append(self._rows(fast, numbers))
            is_remaining = np.ones(len(batch.raws), dtype=np.bool_)
            is_remaining[fast.positions] = False
            remaining = np.flatnonzero(is_remaining).tolist()
        strict = self._decode_strictly(batch.raws, remaining, numbers, rejected)
        if strict is not None:
            parts.append(self._rows(strict, numbers))
        loaded = sum(len(part.positions) for part in (fast, strict) if part is not None)
        rejected.sort(key=lambda each: each.record_number)
        return Flattened(*self._merged(parts), loaded, rejected)

    def _decode_fast(self, batch: Batch) -> DecodedBatch | None:
        if self._fast is None:
            return None
        if not batch.unchecked:
            return self._fast.decode(batch.raws) if batch.raws else None
        checked = [i for i in range(len(batch.raws)) if i not in batch.unchecked]
        decoded = self._fast.decode([batch.raws[i] for i in checked]) if checked else None
        if decoded is not None:
            decoded.positions = np.array(checked, dtype=np.int64)[decoded.positions]
        return decoded

    def _decode_strictly(
        self, raws: list[Raw], which: Iterable[int], numbers: Int64s, rejected: list[RejectedRecord]
    ) -> DecodedBatch | None:
        """Decode the records at the positions `which`, and add to `rejected` those that break the contract."""
        positions, documents, size = [], [], 0
        for i in which:
            raw = bytes(raws[i])
            try:
                document = self._strict.decode(raw)
            except RejectedDocument as problem:
                rejected.append(RejectedRecord(int(numbers[i]), problem.path, problem.reason, raw))
                continue
            size += document.size
            if size > PART_BYTES and len(raws) > 1:
                raise _TooLarge
            documents.append(document)
            positions.append(i)
        return self._columns_of(documents, positions) if documents else None

    def _columns_of(self, documents: list[Document], positions: list[int]) -> DecodedBatch:
        contract = self._contract
        date = [c.name for c in contract.order_columns].index(contract.order_date)
        dates = np.fromiter((document.values[date] for document in documents), np.int64, len(documents))
        counts = np.fromiter((len(document.lines) for document in documents), np.int64, len(documents))
        result = DecodedBatch(np.array(positions, dtype=np.int64), counts, dates)
        for i, column in enumerate(contract.order_columns):
            cells = [document.values[i] for document in documents]
            result.documents[column.name] = columns.column_of(column.type, cells)
        result.documents[EXTRA] = pa.array([document.extra_fields for document in documents], pa.string())
        lines = [line for document in documents for line in document.lines]
        for i, column in enumerate(contract.line_columns):
            result.lines[column.name] = columns.column_of(column.type, [line.values[i] for line in lines])
        amount = contract.of(From.LINE_AMOUNT)
        if amount:
            result.lines[amount.name] = columns.column_of(amount.type, [line.amount for line in lines])
        result.lines[EXTRA] = pa.array([line.extra_fields for line in lines], pa.string())
        return result

    def _rows(self, decoded: DecodedBatch, numbers: Int64s) -> tuple[pa.Table, Int64s]:
        """Return a row a line, and one for each document without lines, with the months that the rows belong to."""
        counts = columns.row_counts(decoded.line_counts)
        parents = np.repeat(np.arange(len(counts)), counts)
        without = np.repeat(decoded.line_counts == 0, counts)
        position = np.arange(len(parents)) - np.repeat(np.cumsum(counts) - counts, counts) + 1
        generated = {
            From.LINE_NUMBER: lambda: columns.column(Type.POSITION, position, ~without if without.any() else None),
            From.SOURCE_KEY: lambda: columns.constant(self._lineage.key, len(parents)),
            From.SOURCE_VERSION: lambda: columns.constant(self._lineage.version, len(parents)),
            From.SOURCE_MODIFIED_AT: lambda: columns.column(
                Type.TIMESTAMP, np.full(len(parents), self._lineage.modified_ms, dtype=np.int64)
            ),
            From.RECORD_NUMBER: lambda: columns.column(Type.INTEGER, numbers[decoded.positions][parents]),
        }
        documents = {name: columns.take(array, parents) for name, array in decoded.documents.items()}
        lines = decoded.lines
        if without.any():
            which = np.maximum(np.cumsum(~without) - 1, 0)
            lines = {name: columns.take(array, which, ~without) for name, array in lines.items()}
        arrays = []
        for column in self._contract.file_columns:
            if column.source is From.EXTRA_FIELDS:
                arrays.append(_extra(documents, lines, without))
            elif isinstance(column.source, From) and column.source is not From.LINE_AMOUNT:
                arrays.append(generated[column.source]())
            else:
                arrays.append(documents[column.name] if column.name in documents else lines[column.name])
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        return table, columns.months_since_1970(decoded.dates)[parents]

    def _merged(self, parts: list[tuple[pa.Table, Int64s]]) -> tuple[pa.Table, Int64s]:
        """Put rows of both ways back into the sequence of their records."""
        if not parts:
            return self._schema.empty_table(), np.empty(0, dtype=np.int64)
        if len(parts) == 1:
            return parts[0]
        table = pa.concat_tables([table for table, _ in parts]).combine_chunks()
        number = self._contract.of(From.RECORD_NUMBER)
        assert number is not None
        order = np.argsort(columns.numbers(table[number.name].chunk(0)), kind="stable")
        return columns.take(table, order), np.concatenate([months for _, months in parts])[order]


def _halves(batch: Batch) -> Iterator[Batch]:
    middle = len(batch.raws) // 2
    second = batch.numbers[middle]
    for part, rejected in (
        (slice(None, middle), [each for each in batch.rejected if each.record_number < second]),
        (slice(middle, None), [each for each in batch.rejected if each.record_number >= second]),
    ):
        start = part.start or 0
        unchecked = {i - start for i in batch.unchecked if i in range(len(batch.raws))[part]}
        yield Batch(batch.numbers[part], batch.raws[part], unchecked, rejected)


def _extra(documents: Mapping[str, pa.Array], lines: Mapping[str, pa.Array], without: Bools) -> pa.Array:
    if EXTRA not in lines:
        return pa.nulls(len(without), pa.string())
    return columns.choose(without, documents[EXTRA], lines[EXTRA])


def records_of(stream: ByteStream, max_record_bytes: int, max_decompressed_bytes: int, contract: Contract) -> Records:
    """Return the records of a byte stream in any of the input forms, documents of `contract`."""
    return Records(
        Source(stream, max_decompressed_bytes),
        max_record_bytes=max_record_bytes,
        envelope=contract.envelope,
        identity_key=contract.steps(contract[contract.order_id])[0],
    )
