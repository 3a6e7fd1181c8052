"""Writes rows as Parquet files, one or more a month: streamed, rolled at a size, the same bytes for the same rows."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct, field
from pyarrow._parquet import ParquetWriter

from chalicelib.contracts.contract import Table
from chalicelib.file_names import FileNames
from chalicelib.flatten.columns import month_name
from chalicelib.flatten.schema import row_schema
from chalicelib.settings import MIB
from chalicelib.writing.encodings import writer_options
from chalicelib.writing.month_rows import MonthRows, Part, held_bytes
from chalicelib.writing.thread import WritingThread

ROW_GROUP_BYTES = 12 * MIB
"""Arrow bytes of a month's rows that make a row group: about 60,000 rows. More would be fewer requests for Athena and
as much more memory here, twice over, since one group is gathered while the one before is written."""

PASSED_BYTES, LEAST_PASSED_BYTES = 6 * MIB, 3 * MIB
"""A month is taken for over once so many bytes of other months' rows came since its last, as in a file that was written
day by day. Its rows are then written, if they are the second number of bytes or more, and need not wait for the end,
where nothing else is left to be done meanwhile."""

OPEN_BYTES = 192 * MIB
"""What all unfinished files may take on disk; beyond, the largest is finished. Lambda has 512 MB."""

OPEN_CHUNKS = 16_000
"""How many column chunks the unfinished files of all tables may have, a row group as many as its table has columns.
Of each its writer remembers some 1.6 KB; beyond, a table's file of most row groups is finished."""


BUFFER_BYTES = 16 * 1024
"""What is written to a file at once, at least: each column of a row group is some five pieces, most of them small."""


class MonthFile(Struct, frozen=True):
    """A finished Parquet file: where it lies, and its path in the table's folder, `order_month=2024-07/<name>`."""

    path: Path
    relative_path: str
    rows: int
    size: int


class _Writer:
    """Writes one Parquet file. `pyarrow.parquet` does the same and takes 20 ms of a cold start to be imported."""

    def __init__(self, path: Path, schema: pa.Schema, options: dict[str, Any]) -> None:
        self._file = pa.BufferedOutputStream(pa.OSFile(str(path), "wb"), BUFFER_BYTES)
        self._writer = ParquetWriter(self._file, schema, **options)

    def write(self, rows: pa.Table) -> None:
        """Write rows as one row group."""
        self._writer.write_table(rows, row_group_size=rows.num_rows)

    @property
    def size(self) -> int:
        """How many bytes the file has so far."""
        return int(self._file.tell())

    def close(self) -> None:
        """Write the footer, whatever it takes, and close the file."""
        try:
            self._writer.close()
        finally:
            self._file.close()


class _Waiting(Struct):
    """The rows of a month that wait for its next row group, which are `size` bytes."""

    parts: list[Part] = field(default_factory=list)
    size: int = 0
    last: int = 0
    """How many bytes of all months had come with the last of them."""


class _Open(Struct):
    """The file of a month that is being written, or was: one thread at a time looks at it."""

    part: int = 0
    rows: int = 0
    writer: _Writer | None = None
    path: Path = Path()
    size: int = 0
    groups: int = 0


class MonthFiles:
    """Parquet files of a source object and table, month by month, in `directory`: `add` rows, then `close` or `abort`.

    They are written by `thread`, which is for the caller to end; the last ones by who closes them as well, who has
    nothing to parse any more. `closed` is called with each finished file, by either. How many rows may wait is up to
    the caller, by `write_largest`.
    """

    def __init__(
        self,
        directory: Path,
        name: FileNames,
        *,
        roll_bytes: int,
        closed: Callable[[MonthFile], None],
        table: Table,
        thread: WritingThread | None = None,
        row_group_bytes: int = ROW_GROUP_BYTES,
        open_bytes: int = OPEN_BYTES,
        open_chunks: int = OPEN_CHUNKS,
    ) -> None:
        self._directory = directory
        self._name = name
        self._roll_bytes = roll_bytes
        self._closed = closed
        self._partition = table.partition.name
        self._table = table
        self._schema = row_schema(table)
        self._options: dict[str, Any] = {}
        self._row_group_bytes = row_group_bytes
        self._open_bytes = open_bytes
        self._open_groups = open_chunks // len(self._schema)
        self._rows = MonthRows(self._schema)
        self._open: dict[int, _Open] = {}
        self._waiting: dict[int, _Waiting] = {}
        """By month, those that came last at the end."""
        self._came_bytes = 0
        self._thread = thread or WritingThread()
        self._last: Iterator[tuple[int, list[Part]]] | None = None

    def add(self, rows: pa.Table, months: npt.NDArray[np.int64]) -> None:
        """Take rows, each of the month (since 1970) that `months` says."""
        if len(months) == 0:
            return
        if (months == months[0]).all():
            # As in a file that was written day by day: nothing to split, nothing to copy.
            self._wait_for_group(int(months[0]), rows)
        else:
            for month, part in self._rows.split(rows, months):
                self._wait_for_group(month, part)
        self._write_passed()

    @property
    def waiting_bytes(self) -> int:
        """What the rows take that wait for their row groups."""
        return sum(each.size for each in self._waiting.values())

    def write_largest(self, excess: int) -> None:
        """Write the largest row groups, of `excess` bytes or more: few large ones cost less than many small ones."""
        self._thread.run(partial(self._write_all, self._take(excess)))

    def close(self) -> None:
        """Finish all files; no rows may come any more."""
        close_all([self], self._thread)

    def abort(self) -> None:
        """Drop unfinished files; what is finished stays."""
        deque(self._last or (), maxlen=0)  # files that no thread has taken are not begun any more
        self._thread.settle()
        for each in self._open.values():
            if each.writer is not None:
                writer, each.writer = each.writer, None
                # What is dropped need not be whole, and the others are to be closed as well.
                with suppress(OSError):
                    writer.close()

    def _wait_for_group(self, month: int, part: Part) -> None:
        waiting = self._waiting[month] = self._waiting.pop(month, _Waiting())
        size = held_bytes(part)
        waiting.parts.append(part)
        waiting.size += size
        self._came_bytes += size
        waiting.last = self._came_bytes
        if waiting.size >= self._row_group_bytes:
            self._thread.run(partial(self._write, month, self._waiting.pop(month).parts))

    def _write_passed(self) -> None:
        """Write the rows of months that seem to be over."""
        passed = []
        for month, waiting in self._waiting.items():
            if self._came_bytes - waiting.last < PASSED_BYTES:
                break
            if waiting.size >= LEAST_PASSED_BYTES:
                passed.append(month)
        for month in passed:
            self._thread.run(partial(self._write, month, self._waiting.pop(month).parts))

    def _take(self, least: float = math.inf) -> list[tuple[int, list[Part]]]:
        """Return the largest row groups that wait, until they are `least` bytes; they wait no more."""
        groups = []
        for month, waiting in sorted(self._waiting.items(), key=lambda each: (-each[1].size, each[0])):
            if least <= 0:
                break
            least -= waiting.size
            groups.append((month, self._waiting.pop(month).parts))
        return groups

    def begin_last(self) -> None:
        """Lay out what is left to be written and finished; no rows may come any more."""
        self._thread.wait()
        last = self._take()
        if last and not self._options:
            self._options = writer_options(self._table, self._rows.table(last[0][1]))
        ended: list[tuple[int, list[Part]]] = [
            (month, []) for month in self._open.keys() - {month for month, _ in last}
        ]
        self._last = iter([*last, *ended])

    def finish_some(self) -> None:
        """Finish the files that no other thread has taken, one after the other, those of most rows first."""
        assert self._last is not None
        for month, parts in self._last:
            if parts:
                self._append(month, parts)
            self._close(month)

    def _write_all(self, groups: list[tuple[int, list[Part]]]) -> None:
        for month, parts in groups:
            self._write(month, parts)

    def _write(self, month: int, parts: list[Part]) -> None:
        self._append(month, parts)
        while sum(each.size for each in self._open.values()) > self._open_bytes:
            self._close(max(self._open, key=lambda each: (self._open[each].size, each)))
        if sum(each.groups for each in self._open.values()) > self._open_groups:
            self._close(max(self._open, key=lambda each: (self._open[each].groups, each)))

    def _append(self, month: int, parts: list[Part]) -> None:
        """Write a row group of a month."""
        rows = self._rows.table(parts)
        open_ = self._open.setdefault(month, _Open())
        if open_.writer is None:
            open_.part += 1
            open_.rows = 0
            # In no folder of its month, which would be made and removed for nothing.
            self._directory.mkdir(parents=True, exist_ok=True)
            open_.path = self._directory / f"{month_name(month)}_{self._name.of(open_.part)}"
            # The first group, of the month of most rows, speaks for all: to look at each would cost as much as a file.
            self._options = self._options or writer_options(self._table, rows)
            open_.writer = _Writer(open_.path, self._schema, self._options)
        open_.writer.write(rows)
        open_.rows += rows.num_rows
        open_.groups += 1
        open_.size = open_.writer.size
        if open_.size >= self._roll_bytes:
            self._close(month)

    def _close(self, month: int) -> None:
        open_ = self._open[month]
        if open_.writer is None:
            return
        open_.writer.close()
        open_.writer = None
        open_.size = open_.groups = 0
        relative_path = f"{self._partition}={month_name(month)}/{self._name.of(open_.part)}"
        self._closed(MonthFile(open_.path, relative_path, open_.rows, open_.path.stat().st_size))


def close_all(tables: Sequence[MonthFiles], thread: WritingThread) -> None:
    """Finish all files of tables that one thread writes, by it and by the caller, each beginning at another end."""

    def finish() -> None:
        for each in tables:
            each.finish_some()

    try:
        for each in tables:
            each.begin_last()
        thread.run(finish)
        for each in reversed(tables):
            each.finish_some()
        thread.wait()
    finally:
        for each in tables:
            each.abort()
