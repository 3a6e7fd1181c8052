"""The sink for Hive tables: Parquet files, a folder a month, that wait on disk or staged until they are published."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct

from chalicelib.contracts.contract import Table
from chalicelib.file_names import FileNames, in_generation
from chalicelib.settings import MIB
from chalicelib.writing.parquet import OPEN_CHUNKS, MonthFile, MonthFiles, close_all
from chalicelib.writing.thread import WritingThread

KEPT_BYTES = 96 * MIB
"""Finished files of a load that stay on disk until they are published; beyond, files are staged in the store."""

PENDING_BYTES = 32 * MIB
"""Arrow bytes of the rows of all tables and months that may wait for a row group; beyond, the largest are written as
they are. The more wait, the fewer and larger row groups are where rows come in any order."""


class FileStore(Protocol):
    """Where files appear: S3 (aws.s3.Storage) or a folder (writing.folder). `stage` may take the file from disk."""

    def put_file(self, key: str, path: Path) -> None: ...
    def stage(self, key: str, path: Path) -> Any: ...
    def complete(self, upload: Any) -> None: ...
    def abort(self, upload: Any) -> None: ...
    def delete(self, keys: Iterable[str]) -> None: ...


class HiveSink(Struct, frozen=True):
    """A sink whose tables are folders of `store`: `folders` has each table's, ending with a slash unless it is empty.

    A file that reaches `roll_bytes` is finished, and its month goes on in another. `published` is called with the keys
    of a load's files when all of them have appeared. On several `cores` files have a thread of their own.
    """

    store: FileStore
    folders: Mapping[Table, str]
    roll_bytes: int
    published: Callable[[Sequence[str]], None] = lambda keys: None
    cores: float = 1.0

    def writer(self, directory: Path, names: FileNames, generation: int = 0) -> HiveWriter:
        """Return the writer of one load. In another `generation` its files have other names."""
        return HiveWriter(self, directory, names, generation)

    def supersede(self, files: Iterable[str]) -> None:
        """Remove files that were replaced."""
        self.store.delete(files)


class HiveWriter:
    """The Parquet files of one load, by table and month."""

    def __init__(self, sink: HiveSink, directory: Path, names: FileNames, generation: int) -> None:
        self._sink = sink
        self._generation = generation
        self._keys: list[str] = []
        self._kept: list[tuple[str, Path]] = []
        self._kept_bytes = 0
        self._lock = threading.Lock()
        self._staged: list[Any] = []
        self._thread = WritingThread(sink.cores)
        self._tables = {
            table.name: MonthFiles(
                directory / table.name,
                names,
                roll_bytes=sink.roll_bytes,
                closed=partial(self._keep, folder),
                table=table,
                thread=self._thread,
                open_chunks=OPEN_CHUNKS // len(sink.folders),
            )
            for table, folder in sink.folders.items()
        }

    @property
    def files(self) -> tuple[str, ...]:
        """The keys of all files, in their order."""
        return tuple(sorted(self._keys))

    def write(self, table: str, rows: pa.Table, months: npt.NDArray[np.int64]) -> None:
        """Take rows of a table, each of the month (since 1970) that `months` says."""
        self._tables[table].add(rows, months)
        tables = self._tables.values()
        while (excess := sum(each.waiting_bytes for each in tables) - PENDING_BYTES) > 0:
            max(tables, key=lambda each: each.waiting_bytes).write_largest(excess)

    def close(self) -> None:
        """Finish all files."""
        try:
            close_all([*self._tables.values()], self._thread)
        finally:
            self._thread.end()

    def publish(self) -> None:
        """Let all files appear."""
        for upload in self._staged:
            self._sink.store.complete(upload)
        self._staged = []
        for key, path in sorted(self._kept):
            self._sink.store.put_file(key, path)
        self._sink.published(self.files)

    def abort(self) -> None:
        """Drop unfinished and staged files; those on disk go with their directory."""
        for table in self._tables.values():
            table.abort()
        self._thread.end()
        staged, self._staged = self._staged, []
        for upload in staged:
            self._sink.store.abort(upload)

    def _keep(self, folder: str, file: MonthFile) -> None:
        """Have a finished file wait. Called in the writing thread, and at the end by the caller as well."""
        key = f"{folder}{in_generation(file.relative_path, self._generation)}"
        with self._lock:
            self._keys.append(key)
            is_kept = self._kept_bytes + file.size <= KEPT_BYTES
            if is_kept:
                self._kept.append((key, file.path))
                self._kept_bytes += file.size
        if not is_kept:
            self._staged.append(self._sink.store.stage(key, file.path))
