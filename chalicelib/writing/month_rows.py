"""Splits rows by month, and holds those of a month in no more than their bytes until they make a row group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from chalicelib.flatten import columns
from chalicelib.flatten.columns import Int64s
from chalicelib.flatten.schema import CONSTANT

TABLE_BYTES = 16 * 1024
"""What a table takes however few rows it has, about: arrays, buffers and their rounding up, for each column."""

MANY_ROWS = 1000
"""From so many rows a part on parts are written as they are."""

BUFFER_BYTES = 512
"""What rows as bytes take beside them, about."""

Part: TypeAlias = pa.Table | pa.Buffer
"""Rows of a month on their way to a row group: as they came, or as bytes of Arrow's IPC format."""


class MonthRows:
    """Rows of one source and table, by month.

    They are sorted by month once and then cut, since taking each month's rows would cost by the number of months. Cut
    rows are copied, since a slice would keep all of them alive until the rarest month is written; and copied as bytes,
    since a table of a few rows takes many times as much. What is the same in all rows of a source is not among them.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._held = pa.schema([field for field in schema if field.type != CONSTANT])
        self._constant = [(i, field) for i, field in enumerate(schema) if field.type == CONSTANT]
        self._texts: dict[str, str] = {}

    def split(self, rows: pa.Table, months: Int64s) -> Iterator[tuple[int, Part]]:
        """Return each month and its rows, which keep their order; `months` says which month since 1970 each is of."""
        if not self._texts:
            self._texts = {field.name: rows[field.name][0].as_py() for _, field in self._constant}
        rows = rows.select(self._held.names)
        first = int(months.min())
        if (months[1:] < months[:-1]).any():
            # One chunk, since taking from many is slow. Months from the year 1 on fit 16 bits, which sort by digits.
            order = np.argsort((months - first).astype(np.uint16), kind="stable")
            rows = columns.take(rows.combine_chunks(), order)
        (batch,) = rows.combine_chunks().to_batches()
        start = 0
        for month, count in enumerate(np.bincount(months - first).tolist(), first):
            if count:
                yield month, batch.slice(start, count).serialize()
                start += count

    def table(self, parts: Sequence[Part]) -> pa.Table:
        """Return rows as one table."""
        if all(isinstance(part, pa.Table) for part in parts):
            return pa.concat_tables(parts)
        batches: list[pa.RecordBatch] = []
        for part in parts:
            if isinstance(part, pa.Table):
                batches += part.select(self._held.names).to_batches()
            else:
                batches.append(pa.ipc.read_record_batch(part, self._held))
        rows = pa.Table.from_batches(batches)
        if len(rows) < MANY_ROWS * len(batches):
            # Each column is written by its pieces, of which small ones take longer than to put them together.
            rows = rows.combine_chunks()
        for i, field in self._constant:
            rows = rows.add_column(i, field, columns.constant(self._texts[field.name], len(rows)))
        return rows


def held_bytes(part: Part) -> int:
    """Return about how much memory rows take while they wait."""
    return int(part.size) + BUFFER_BYTES if isinstance(part, pa.Buffer) else part.get_total_buffer_size() + TABLE_BYTES
