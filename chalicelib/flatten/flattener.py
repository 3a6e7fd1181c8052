"""Flattens batches of raw documents into Arrow tables, one for each table of the contract."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct

from chalicelib.contracts.contract import MONTHS_AHEAD, Contract, Table
from chalicelib.contracts.paths import JsonPath
from chalicelib.contracts.sources import Origin
from chalicelib.documents.decompress import ByteStream, Source
from chalicelib.documents.records import CHUNK_BYTES, LEAST_CHUNK_BYTES, Batch, Raw, Records
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.flatten import columns
from chalicelib.flatten.decoded import Decoded, Proven
from chalicelib.flatten.fast import FastDecoder, Unsupported
from chalicelib.flatten.json_text import RejectedDocument
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.schema import arrow_type, row_schema
from chalicelib.flatten.strict import DecodedDocument, StrictDecoder, read_columns
from chalicelib.flatten.table_rows import PART_BYTES, TableColumns, TooLarge

Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Lineage(Struct, frozen=True):
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
        years, month = divmod(start.month + MONTHS_AHEAD, 12)
        last = start.replace(year=start.year + years, month=month + 1, day=1) - timedelta(days=1)
        latest = start.replace(year=last.year, month=last.month, day=min(start.day, last.day))
        return (latest - _EPOCH) // timedelta(milliseconds=1)


class TableRows(Struct, frozen=True):
    """Rows of one table, in its row schema; `months` says which month since 1970 each belongs to."""

    table: Table
    rows: pa.Table
    months: Int64s


class Flattened(Struct, frozen=True):
    """What a batch, or a part of it, became: rows of each table, how many documents were loaded, and the others."""

    tables: tuple[TableRows, ...]
    loaded: int
    rejected: list[RejectedRecord]


class Flattener:
    """Turns batches of one source object into rows.

    Records that the fast way can prove sound are decoded by it, all others by the strict one, which judges; with `fast`
    false all are. The rows are the same. `observations` is what the documents had.
    """

    def __init__(self, lineage: Lineage, contract: Contract, *, fast: bool = True) -> None:
        self._lineage = lineage
        self._contract = contract
        self.observations = Observations()
        self._modified_ms = lineage.modified_ms
        self._strict = StrictDecoder(contract, lineage.latest_document_ms, self.observations)
        self._fast: FastDecoder | None = None
        if fast:
            with contextlib.suppress(Unsupported):
                self._fast = FastDecoder(contract, lineage.latest_document_ms, self._strict.unnamed)

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
        except TooLarge:
            return None

    def _flattened(self, batch: Batch) -> Flattened:
        numbers = np.fromiter(batch.numbers, np.int64, len(batch.numbers))
        rejected = list(batch.rejected)
        proven = Proven.nothing(len(batch.raws))
        parts = [] if self._fast is None else _decoded(self._fast, batch, proven)
        remaining: Bools = np.ones(len(batch.raws), dtype=np.bool_)
        for part in parts:
            remaining[part.positions] = False
        parts += self._decoded_strictly(batch.raws, remaining, proven, numbers, rejected)
        rejected.sort(key=lambda each: each.record_number)
        tables = tuple(self._rows(i, table, parts, numbers) for i, table in enumerate(self._contract.tables))
        loaded = sum(len(part.positions) for part in parts)
        self._observe(tables, parts)
        return Flattened(tables, loaded, rejected)

    def _observe(self, tables: tuple[TableRows, ...], parts: list[Decoded]) -> None:
        seen = self.observations
        seen.documents += sum(len(part.positions) for part in parts)
        for i, each in enumerate(tables):
            seen.elements[each.table.name] += sum(int(part.tables[i].elements.sum()) for part in parts)
            for column, array in zip(each.table.file_columns, each.rows.itercolumns(), strict=True):
                seen.filled[each.table.name, column.name] += len(array) - array.null_count

    def _decoded_strictly(
        self,
        raws: Sequence[Raw],
        remaining: Bools,
        proven: Proven,
        numbers: Int64s,
        rejected: list[RejectedRecord],
    ) -> list[Decoded]:
        positions, documents, size = [], [], 0
        chosen = np.flatnonzero(remaining)
        each = (chosen, numbers[chosen], proven.sound[chosen], proven.certain[chosen])
        for i, number, is_sound, certain in zip(*(values.tolist() for values in each), strict=True):
            raw = bytes(raws[i])
            try:
                document = self._strict.decode(raw, is_sound=is_sound, certain=certain)
            except RejectedDocument as problem:
                rejected.append(RejectedRecord(number, problem.path, problem.reason, raw))
                continue
            size += document.size
            if size > PART_BYTES and len(raws) > 1:
                raise TooLarge
            documents.append(document)
            positions.append(i)
        return [_columns_of(self._contract, documents, np.array(positions, dtype=np.int64))] if documents else []

    def _rows(self, index: int, table: Table, parts: list[Decoded], numbers: Int64s) -> TableRows:
        made = [self._part(index, table, part, numbers) for part in parts]
        if not made:
            return TableRows(table, row_schema(table).empty_table(), np.empty(0, dtype=np.int64))
        if len(made) == 1:
            return TableRows(table, made[0][0], made[0][1])
        # Rows of both ways go back into the order of their records.
        rows = pa.concat_tables([each for each, _, _ in made]).combine_chunks()
        order = np.argsort(np.concatenate([records for _, _, records in made]), kind="stable")
        return TableRows(table, columns.take(rows, order), np.concatenate([months for _, months, _ in made])[order])

    def _part(self, index: int, table: Table, part: Decoded, numbers: Int64s) -> tuple[pa.Table, Int64s, Int64s]:
        """Return the rows of a table that one way made, with the month and the record number of each."""
        given = part.tables[index]
        records = numbers[part.positions][given.documents]
        arrays = []
        for column in table.file_columns:
            if column.name in given.arrays:
                arrays.append(given.arrays[column.name])
            elif column.source is Origin.RECORD_NUMBER:
                arrays.append(columns.column(pa.int64(), records))
            elif column.source is Origin.SOURCE_MODIFIED_AT:
                modified = np.full(len(records), self._modified_ms, dtype=np.int64)
                arrays.append(columns.column(arrow_type(column), modified))
            else:
                is_key = column.source is Origin.SOURCE_KEY
                arrays.append(columns.constant(self._lineage.key if is_key else self._lineage.version, len(records)))
        dates = np.full(len(part.positions), self._modified_ms) if part.dates is None else part.dates
        months = columns.months_since_1970(dates)[given.documents]
        return pa.Table.from_arrays(arrays, schema=row_schema(table)), months, records


def _decoded(fast: FastDecoder, batch: Batch, proven: Proven) -> list[Decoded]:
    """Decode what can be of a batch, but records of unchecked grammar; set what is proven of the records."""
    if not batch.unchecked:
        decoded = fast.decode(batch.raws, proven) if batch.raws else None
    else:
        chosen = np.delete(np.arange(len(batch.raws)), list(batch.unchecked))
        of_chosen = Proven.nothing(len(chosen))
        decoded = fast.decode([batch.raws[i] for i in chosen.tolist()], of_chosen) if len(chosen) else None
        proven.sound[chosen], proven.certain[chosen] = of_chosen.sound, of_chosen.certain
        if decoded is not None:
            decoded.positions = chosen[decoded.positions]
    return [] if decoded is None else [decoded]


def _columns_of(contract: Contract, documents: list[DecodedDocument], positions: Int64s) -> Decoded:
    """Return documents that were decoded strictly as columns."""
    tables = []
    for index, table in enumerate(contract.tables):
        rows = [row for document in documents for row in document.tables[index]]
        counts = np.fromiter((len(document.tables[index]) for document in documents), np.int64, len(documents))
        arrays = {
            column.name: columns.column_of(arrow_type(column), [row[i] for row in rows])
            for i, column in enumerate(read_columns(table))
        }
        parents = np.repeat(np.arange(len(documents)), counts)
        elements = np.fromiter((document.elements[index] for document in documents), np.int64, len(documents))
        tables.append(TableColumns(arrays, parents, elements))
    dates = None
    if documents[0].date_ms is not None:
        dates = np.fromiter((each.date_ms or 0 for each in documents), np.int64, len(documents))
    return Decoded(positions, dates, tables)


def _halves(batch: Batch) -> Iterator[Batch]:
    middle = len(batch.raws) // 2
    turn = batch.numbers[middle]
    for part, rejected in (
        (slice(None, middle), [each for each in batch.rejected if each.record_number < turn]),
        (slice(middle, None), [each for each in batch.rejected if each.record_number >= turn]),
    ):
        start = part.start or 0
        unchecked = {i - start for i in batch.unchecked if i in range(len(batch.raws))[part]}
        yield Batch(batch.numbers[part], batch.raws[part], unchecked, rejected)


def records_of(stream: ByteStream, max_record_bytes: int, max_decompressed_bytes: int, contract: Contract) -> Records:
    """Return the records of a byte stream in any of the input forms, to be laid out as `contract` says.

    Rows of more than two tables would take too much memory: what is read at a time is the smaller the more there are.
    """
    at = contract.at.steps if contract.at else ()
    chunk_bytes = max(LEAST_CHUNK_BYTES, 2 * CHUNK_BYTES // max(2, len(contract.tables)))
    return Records(
        Source(stream, max_decompressed_bytes),
        max_record_bytes=max_record_bytes,
        chunk_bytes=chunk_bytes,
        records=[path.keys for path in contract.records],
        identity=[
            [JsonPath((*at, *path.steps)).first_keys for path in contract.main[name].paths]
            for name in contract.identity
        ],
    )
