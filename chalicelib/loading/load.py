"""One source object on its way: read to its end, its files and rejected records kept unseen, then all published."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from chalicelib.dataset import Dataset
from chalicelib.documents.decompress import SUFFIXES, ByteStream, is_supported
from chalicelib.documents.prefetch import ReadAhead
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import UnreadableFile
from chalicelib.file_names import FileNames, in_generation
from chalicelib.flatten.flattener import Lineage
from chalicelib.loading.models import LOADED, PARTLY_LOADED, QUARANTINED, Arrival, Result
from chalicelib.writing.convert import Counts, Limits, convert
from chalicelib.writing.parquet import MonthFile

MIB = 1024 * 1024

KEPT_BYTES = 96 * MIB
"""Finished files that stay on disk until all are published; what is more waits in S3, unseen."""

PART_BYTES = 8 * MIB
"""Compressed bytes of rejected records that wait in memory; beyond, they are sent to S3 as parts of this size, unseen.
S3 takes no part below 5 MiB but the last, and no more than 10,000."""

Watch = Callable[[int], None]
"""Called as the source is read, with how many of its bytes were; what it raises ends the load."""


class Opened(Protocol):
    """A source object that is being read. `size` is in bytes, as stored."""

    @property
    def size(self) -> int: ...
    @property
    def modified_at(self) -> datetime: ...
    @property
    def stream(self) -> ByteStream: ...


class Publishes(Protocol):
    """What publishing needs of S3; see aws.s3.Storage."""

    def put_file(self, key: str, path: Path) -> None: ...
    def put(self, key: str, body: bytes) -> None: ...
    def begin(self, key: str) -> Any: ...
    def add(self, upload: Any, piece: bytes) -> None: ...
    def stage(self, key: str, pieces: Iterable[bytes]) -> Any: ...
    def complete(self, upload: Any) -> None: ...
    def abort(self, upload: Any) -> None: ...


class Load:
    """One source object: `read` it, then `publish` what `read` returned, or `abort`.

    It becomes rows of `dataset`; finished files wait in `directory`, cut by `pieces` where they are too
    large to wait there. `generation` is that of the files' names, `near_misses` are those of the counts, once read.
    """

    def __init__(
        self,
        store: Publishes,
        *,
        dataset: Dataset,
        arrival: Arrival,
        source: Opened,
        directory: Path,
        pieces: Callable[[Path], Iterable[bytes]],
        generation: int = 0,
    ) -> None:
        self._store = store
        self._dataset = dataset
        self._arrival = arrival
        self._source = source
        self._directory = directory
        self._pieces = pieces
        self._generation = generation
        self._kept: list[tuple[str, Path]] = []
        self._kept_bytes = 0
        self._staged: list[Any] = []
        self._files: list[str] = []
        self.near_misses: dict[str, str] = {}
        self._quarantine = (
            f"{dataset.prefixes.quarantine}{FileNames(arrival.key, arrival.version, source.modified_at).prefix}"
        )
        self._rejected = _RejectedFile(store, f"{self._quarantine}.ndjson.gz")

    def read(self, limits: Limits, watch: Watch) -> Result:
        """Read the source to its end, publishing nothing of it; a source quarantined whole is quarantined here.

        Returns what becomes of it once it is published. Raises CountMismatch, and what the store and `watch` raise.
        """
        try:
            self._reject_up_front(limits)
            counts = convert(
                _Watched(ReadAhead(self._source.stream), watch),
                Lineage(self._arrival.key, self._arrival.version, self._source.modified_at),
                self._directory / "files",
                limits,
                contract=self._dataset.contract,
                closed=self._keep,
                reject=self._rejected.add,
            )
        except UnreadableFile as problem:
            self.abort()
            return self._quarantined(problem)
        self._rejected.close()
        self.near_misses = counts.near_misses
        return self._loaded(counts)

    def publish(self, result: Result) -> None:
        """Let everything appear: what is rejected first, which is never less safe than what is loaded."""
        if result.quarantine is not None:
            self._rejected.publish()
        for upload in self._staged:
            self._store.complete(upload)
        self._staged = []
        for key, path in self._kept:
            self._store.put_file(key, path)

    def abort(self) -> None:
        """Drop what was staged."""
        self._rejected.abort()
        staged, self._staged = self._staged, []
        for upload in staged:
            self._store.abort(upload)

    def _reject_up_front(self, limits: Limits) -> None:
        if not is_supported(self._arrival.key):
            raise UnreadableFile(f"unsupported file type: name it {', '.join(SUFFIXES)}, or one of these with .gz")
        if limits.max_source_bytes is not None and self._source.size > limits.max_source_bytes:
            raise UnreadableFile(
                f"{self._source.size} bytes are more than the {limits.max_source_bytes} that one load may take "
                "(ETL_MAX_SOURCE_BYTES): split the file, or load it with python -m operate replay"
            )

    def _keep(self, file: MonthFile) -> None:
        key = f"{self._dataset.table_prefix}{in_generation(file.place, self._generation)}"
        self._files.append(key)
        if self._kept_bytes + file.size <= KEPT_BYTES:
            self._kept.append((key, file.path))
            self._kept_bytes += file.size
        else:
            self._staged.append(self._store.stage(key, self._pieces(file.path)))
            file.path.unlink()

    def _loaded(self, counts: Counts) -> Result:
        return Result(
            state=PARTLY_LOADED if counts.orders_rejected else LOADED,
            files=tuple(sorted(self._files)),
            orders_read=counts.orders_read,
            orders_loaded=counts.orders_loaded,
            orders_rejected=counts.orders_rejected,
            rows=counts.rows,
            quarantine=self._rejected.key if counts.orders_rejected else None,
            source_bytes=self._source.size,
            source_modified_at=self._source.modified_at.isoformat(),
        )

    def _quarantined(self, problem: UnreadableFile) -> Result:
        report = {
            "source_key": self._arrival.key,
            "source_version": self._arrival.version,
            "source_modified_at": self._source.modified_at.isoformat(),
            "source_bytes": self._source.size,
            "reason": problem.reason,
            "byte_offset": problem.byte_offset,
        }
        quarantine = f"{self._quarantine}.report.json"
        self._store.put(quarantine, json.dumps(report, ensure_ascii=False, indent=1).encode("utf-8", "replace"))
        return Result(
            state=QUARANTINED,
            quarantine=quarantine,
            reason=str(problem),
            source_bytes=self._source.size,
            source_modified_at=self._source.modified_at.isoformat(),
        )


@dataclass
class _Watched:
    """The source's bytes, each piece of which is reported to `watch`."""

    stream: ByteStream
    watch: Watch
    position: int = 0

    def read(self, size: int, /) -> bytes:
        data = self.stream.read(size)
        self.position += len(data)
        self.watch(self.position)
        return data


class _RejectedFile:
    """Rejected records as gzipped newline-delimited JSON, the same bytes for the same records, however many there are.

    Nothing of it is on disk, and nobody sees it before it is published.
    """

    def __init__(self, store: Publishes, key: str) -> None:
        self.key = key
        self._store = store
        self._gzip: gzip.GzipFile | None = None
        self._waiting = bytearray()
        self._upload: Any = None
        self._aborted = False

    def add(self, rejected: RejectedRecord) -> None:
        """Add one record."""
        if self._gzip is None:
            self._gzip = gzip.GzipFile(filename="", fileobj=self, mode="wb", mtime=0)
        for piece in rejected.json_line():
            self._gzip.write(piece)

    def close(self) -> None:
        """Finish the file, if there is one."""
        if self._gzip is not None:
            self._gzip.close()
        if self._upload is not None and self._waiting:
            self._store.add(self._upload, bytes(self._waiting))

    def publish(self) -> None:
        """Let it appear."""
        if self._upload is None:
            self._store.put(self.key, bytes(self._waiting))
        else:
            self._store.complete(self._upload)
            self._upload = None

    def abort(self) -> None:
        """Drop it."""
        self._aborted = True
        upload, self._upload = self._upload, None
        if upload is not None:
            self._store.abort(upload)

    def write(self, data: bytes) -> None:
        """Take compressed bytes."""
        if self._aborted:
            # A gzip file that was not closed writes its end when it is collected.
            return
        self._waiting += data
        while len(self._waiting) >= PART_BYTES:
            if self._upload is None:
                self._upload = self._store.begin(self.key)
            self._store.add(self._upload, bytes(memoryview(self._waiting)[:PART_BYTES]))
            del self._waiting[:PART_BYTES]

    def flush(self) -> None:
        """Do nothing: a part is sent when it is full."""
