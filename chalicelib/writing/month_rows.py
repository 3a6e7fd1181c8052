"""Splits rows by month, and holds those of a month in no more than their bytes until they make a row group."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib import native_library
from chalicelib.flatten import columns
from chalicelib.flatten.columns import Int64s
from chalicelib.flatten.schema import CONSTANT
from chalicelib.native_library import SOURCE, CutStruct, PiecesStruct

TABLE_BYTES = 16 * 1024
"""What a table takes however few rows it has, about: arrays, buffers and their rounding up, for each column."""

PIECE_BYTES = 256
"""What a piece takes beside its bytes, about."""

Piece: TypeAlias = npt.NDArray[np.uint8]
"""Rows that were cut from others, as compiled code lays them out."""

Part: TypeAlias = pa.Table | Piece
"""Rows of a month on their way to a row group: as they came, or a piece."""


class MonthRows:
    """Rows of one source and table, by month.

    Cut rows are copied, since a slice would keep all of them alive until the rarest month is written; and into one
    piece of memory, since a table of a few rows takes many times as much. What is the same in all rows of a source is
    not in it.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._held = pa.schema([field for field in schema if field.type != CONSTANT])
        self._widths = [columns.width(field.type) for field in self._held]
        # A piece begins with the number of its rows, and of each column how many bytes it has and how many nulls.
        self._head_words = 1 + 2 * len(self._held)
        self._schema = schema
        self._constant = [field.name for field in schema if field.type == CONSTANT]
        self._texts: dict[str, str] = {}
        self._library = native_library.library()

    def split(self, rows: pa.Table, months: Int64s) -> Iterator[tuple[int, Part]]:
        """Return months and rows of theirs, in their order; `months` says which month since 1970 each row is of."""
        if not self._texts:
            self._texts = {name: rows[name][0].as_py() for name in self._constant}
        begin = 0
        for chunk in rows.to_batches():
            if len(chunk):
                yield from self._split(chunk, months[begin : begin + len(chunk)])
            begin += len(chunk)

    def _split(self, rows: pa.RecordBatch, months: Int64s) -> Iterator[tuple[int, Part]]:
        first = int(months.min())
        counts = np.bincount(months - first)
        occurring = (np.flatnonzero(counts) + first).tolist()
        numbers = (np.cumsum(counts > 0) - 1).astype(np.int32)[months - first]
        if self._library is None:
            for number, month in enumerate(occurring):
                of_month = columns.take(rows, np.flatnonzero(numbers == number))
                yield month, pa.Table.from_batches([of_month])
        else:
            pieces = self._cut(self._library, rows.select(self._held.names), numbers, len(occurring))
            yield from zip(occurring, pieces, strict=True)

    def table(self, parts: Sequence[Part]) -> pa.Table:
        """Return rows as one table."""
        if all(isinstance(part, pa.Table) for part in parts):
            return pa.concat_tables(parts)
        batches: list[pa.RecordBatch] = []
        for _, some in groupby(parts, lambda part: isinstance(part, pa.Table)):
            pieces: list[Piece] = []
            for part in some:
                if isinstance(part, pa.Table):
                    batches += part.to_batches()
                else:
                    pieces.append(part)
            batches += self._joined(pieces) if pieces else []
        return pa.Table.from_batches(batches)

    def _cut(
        self, library: ctypes.CDLL, rows: pa.RecordBatch, months: npt.NDArray[np.int32], count: int
    ) -> list[Piece]:
        """Return the rows of each of `count` months; `months` says which each row is of."""
        sources = columns.sources(rows.columns)
        order, ends = np.empty(len(rows), dtype=np.int32), np.empty(count, dtype=np.int64)
        heads = np.empty((count, self._head_words), dtype=np.int64)
        rooms, addresses = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.uint64)
        cut = CutStruct(rows=len(rows), columns_count=len(sources), months_count=count)
        columns.point(cut, sources=sources, months=months, order=order, ends=ends)
        columns.point(cut, heads=heads, rooms=rooms, pieces=addresses)
        library.measure_cut(ctypes.byref(cut))
        pieces = [np.empty(room, dtype=np.uint8) for room in rooms.tolist()]
        addresses[:] = [columns.address(piece) for piece in pieces]
        library.cut_rows(ctypes.byref(cut))
        return pieces

    def _joined(self, pieces: Sequence[Piece]) -> list[pa.RecordBatch]:
        """Return the rows of pieces, as few batches as can be."""
        assert self._library is not None
        made = np.zeros(len(self._held), dtype=SOURCE)
        made["width"] = self._widths
        addresses = np.array([columns.address(piece) for piece in pieces], dtype=np.uint64)
        starts = np.empty(len(pieces), dtype=np.int64)
        struct = PiecesStruct(pieces_count=len(pieces), columns_count=len(made))
        columns.point(struct, columns=made, pieces=addresses, starts=starts)
        room = self._library.measure_pieces(ctypes.byref(struct))
        if room < 0:
            return [batch for piece in pieces for batch in self._joined([piece])]
        out = np.empty(room, dtype=np.uint8)
        columns.point(struct, out=out)
        self._library.join_pieces(ctypes.byref(struct))
        held = iter(columns.written_arrays(self._held.types, struct.rows, out, made))
        arrays = [
            columns.constant(self._texts[field.name], struct.rows) if field.type == CONSTANT else next(held)
            for field in self._schema
        ]
        return [pa.RecordBatch.from_arrays(arrays, schema=self._schema)]


def held_bytes(part: Part) -> int:
    """Return about how much memory rows take while they wait."""
    return part.get_total_buffer_size() + TABLE_BYTES if isinstance(part, pa.Table) else part.nbytes + PIECE_BYTES
