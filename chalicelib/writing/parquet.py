"""Writes rows as Parquet files, one or more a month: streamed, rolled at a size, the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow._parquet import ParquetWriter

from chalicelib.contracts.model import Contract, From, Type
from chalicelib.file_names import FileNames
from chalicelib.flatten import columns
from chalicelib.flatten.columns import month_name
from chalicelib.flatten.schema import row_schema
from chalicelib.settings import MIB

ROW_GROUP_BYTES = 12 * MIB
"""Arrow bytes of a month's rows that make a row group: about 60,000 rows. More would be fewer requests for Athena and
as much more memory here, twice over, since one group is gathered while the one before is written."""

PENDING_BYTES = 24 * MIB
"""Arrow bytes of all months' rows that may wait for a row group; beyond, the largest is written as it is."""

SPLIT_BYTES = 6 * MIB
"""Arrow bytes that are split by month at once: splitting costs by the number of months, not of rows."""

TABLE_BYTES = 16 * 1024
"""What a table takes however few rows it has, about: arrays, buffers and their rounding up, for each column."""

OPEN_BYTES = 192 * MIB
"""What all unfinished files may take on disk; beyond, the largest is finished. Lambda has 512 MB."""

OPEN_GROUPS = 800
"""How many row groups all unfinished files may have, each of which its writer remembers in some 30 KB; beyond, the file
of most groups is finished."""


@dataclass(frozen=True)
class MonthFile:
    """A finished Parquet file: where it lies, and its path in the table's folder (`order_month=2024-07/<name>`)."""

    path: Path
    relative_path: str
    rows: int
    size: int


class _Writer:
    """Writes one Parquet file. `pyarrow.parquet` does the same and takes 20 ms of a cold start to be imported."""

    def __init__(self, path: Path, schema: pa.Schema, options: dict[str, Any]) -> None:
        self._file = pa.OSFile(str(path), "wb")
        self._writer = ParquetWriter(self._file, schema, **options)

    def write(self, rows: pa.Table) -> None:
        """Write rows as one row group."""
        self._writer.write_table(rows, row_group_size=rows.num_rows)

    def close(self) -> None:
        """Write the footer, whatever it takes, and close the file."""
        try:
            self._writer.close()
        finally:
            self._file.close()


@dataclass
class _Open:
    """The file of a month that is being written, and the rows that wait for its next row group."""

    part: int = 0
    rows: int = 0
    writer: Any = None
    path: Path = Path()
    size: int = 0
    groups: int = 0
    waiting: list[pa.Table] = field(default_factory=list)
    waiting_bytes: int = 0


class MonthFiles:
    """Parquet files of a source object and table, month by month, in `directory`: `add` rows, then `close` or `abort`.

    Rows are written in a thread of their own, since encoding them leaves the interpreter free to parse. `closed` is
    called there with each finished file.
    """

    def __init__(
        self,
        directory: Path,
        name: FileNames,
        *,
        roll_bytes: int,
        closed: Callable[[MonthFile], None],
        contract: Contract,
        row_group_bytes: int = ROW_GROUP_BYTES,
        open_bytes: int = OPEN_BYTES,
    ) -> None:
        self._directory = directory
        self._name = name
        self._roll_bytes = roll_bytes
        self._closed = closed
        self._partition = contract.partition.name
        self._schema = row_schema(contract)
        self._options = _writer_options(contract)
        self._row_group_bytes = row_group_bytes
        self._open_bytes = open_bytes
        self._months: dict[int, _Open] = {}
        self._unsplit: list[tuple[pa.Table, npt.NDArray[np.int64]]] = []
        self._unsplit_bytes = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="parquet")
        self._job: Future[None] | None = None

    def add(self, rows: pa.Table, months: npt.NDArray[np.int64]) -> None:
        """Take rows, each of the month (since 1970) that `months` says."""
        if len(months) == 0:
            return
        if (months == months[0]).all():
            # As in a file that was written day by day: nothing to split, nothing to copy.
            self._split()
            self._wait_for_group(int(months[0]), rows)
            self._keep_within_bounds()
            return
        self._unsplit.append((rows, months))
        self._unsplit_bytes += held_bytes(rows)
        if self._unsplit_bytes >= SPLIT_BYTES:
            self._split()

    def close(self) -> None:
        """Finish all files and end the thread."""
        try:
            self._split()
            for month in sorted(self._months):
                self._flush(month)
                self._submit(partial(self._close, month))
            self._wait()
        finally:
            self.abort()

    def abort(self) -> None:
        """Drop unfinished files and end the thread; what is finished stays."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        for each in self._months.values():
            if each.writer is not None:
                writer, each.writer = each.writer, None
                writer.close()

    def _split(self) -> None:
        """Let the rows added so far wait by month."""
        if not self._unsplit:
            return
        rows = pa.concat_tables([rows for rows, _ in self._unsplit])
        months = np.concatenate([months for _, months in self._unsplit])
        self._unsplit, self._unsplit_bytes = [], 0
        if (months == months[0]).all():
            self._wait_for_group(int(months[0]), rows)
        else:
            # One chunk, since taking from many is slow and takes memory for each.
            rows = rows.combine_chunks()
            for month in columns.distinct(months):
                # A copy, not a slice, which would keep the whole batch alive until the rarest month is written.
                self._wait_for_group(month, columns.take(rows, np.flatnonzero(months == month)))
        self._keep_within_bounds()

    def _keep_within_bounds(self) -> None:
        while sum(each.waiting_bytes for each in self._months.values()) > PENDING_BYTES:
            self._flush(max(self._months, key=lambda month: (self._months[month].waiting_bytes, month)))

    def _wait_for_group(self, month: int, rows: pa.Table) -> None:
        open_ = self._months.setdefault(month, _Open())
        open_.waiting.append(rows)
        open_.waiting_bytes += held_bytes(rows)
        if open_.waiting_bytes >= self._row_group_bytes:
            self._flush(month)

    def _flush(self, month: int) -> None:
        open_ = self._months[month]
        if not open_.waiting:
            return
        rows = pa.concat_tables(open_.waiting)
        open_.waiting, open_.waiting_bytes = [], 0
        self._submit(partial(self._write, month, rows))

    def _submit(self, job: Callable[[], None]) -> None:
        """Run `job` in the writing thread once the one before is done: at most one row group is in flight."""
        self._wait()
        self._job = self._thread.submit(job)

    def _wait(self) -> None:
        if self._job is not None:
            job, self._job = self._job, None
            job.result()

    def _write(self, month: int, rows: pa.Table) -> None:
        open_ = self._months[month]
        if open_.writer is None:
            open_.part += 1
            open_.rows = 0
            open_.path = self._directory / f"{self._partition}={month_name(month)}" / self._name.of(open_.part)
            open_.path.parent.mkdir(parents=True, exist_ok=True)
            open_.writer = _Writer(open_.path, self._schema, self._options)
        open_.writer.write(rows)
        open_.rows += rows.num_rows
        open_.groups += 1
        open_.size = open_.path.stat().st_size
        if open_.size >= self._roll_bytes:
            self._close(month)
        while sum(each.size for each in self._months.values()) > self._open_bytes:
            self._close(max(self._months, key=lambda each: (self._months[each].size, each)))
        if sum(each.groups for each in self._months.values()) > OPEN_GROUPS:
            self._close(max(self._months, key=lambda each: (self._months[each].groups, each)))

    def _close(self, month: int) -> None:
        open_ = self._months[month]
        if open_.writer is None:
            return
        open_.writer.close()
        open_.writer = None
        open_.size = open_.groups = 0
        relative_path = open_.path.relative_to(self._directory).as_posix()
        self._closed(MonthFile(open_.path, relative_path, open_.rows, open_.path.stat().st_size))


def held_bytes(rows: pa.Table) -> int:
    """Return about how much memory rows take while they wait."""
    return int(rows.nbytes) + TABLE_BYTES


def _writer_options(contract: Contract) -> dict[str, Any]:
    texts = (Type.IDENTIFIER, Type.TEXT, Type.JSON_TEXT)
    return {
        # The only good codec that the Lambda layer's pyarrow has.
        "compression": "snappy",
        "version": "2.6",
        "writer_engine_version": "V2",
        # Eight bytes and integer encodings instead of sixteen fixed ones; every reader knows decimals on INT64.
        "store_decimal_as_integer": True,
        # The types stand in the Parquet schema; Arrow's own copy only makes the footer longer.
        "store_schema": False,
        # Lets Athena skip pages within a row group.
        "write_page_index": True,
        # Least and greatest of texts that come in no order would only cost time: they span everything in each file.
        "write_statistics": [
            c.name for c in contract.file_columns if c.type not in texts or c.name == contract.order_id
        ],
        **_encodings(contract),
    }


def _encodings(contract: Contract) -> dict[str, Any]:
    """Return the encoding of each column: the difference to the row before where rows of one order stand together.

    An order's identity, date and number repeat on its lines and mostly grow from order to order: differences take a
    quarter of a dictionary's bytes, and every question reads the identity of all months to find the latest versions.
    """
    differences = {contract.order_id: "DELTA_BYTE_ARRAY", contract.order_date: "DELTA_BINARY_PACKED"}
    if number := contract.of(From.RECORD_NUMBER):
        differences[number.name] = "DELTA_BINARY_PACKED"
    # Of money that an order has once, nearly each order's is another: a dictionary would only be on top of it.
    plain = {c.name for c in contract.order_columns if c.type is Type.DECIMAL}
    return {
        "use_dictionary": [c.name for c in contract.file_columns if c.name not in differences.keys() | plain],
        "column_encoding": differences,
    }
