"""One source object on its way: read to its end, its files and rejected records kept unseen, then all published."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.dataset import Dataset
from chalicelib.documents.decompress import SUFFIXES, ByteStream, is_supported
from chalicelib.documents.prefetch import ReadAhead
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import UnreadableFile
from chalicelib.file_names import FileNames
from chalicelib.flatten.flattener import Lineage
from chalicelib.loading.models import LOADED, PARTLY_LOADED, QUARANTINED, Arrival, Result
from chalicelib.loading.store import ObjectStore, Opened
from chalicelib.settings import MIB
from chalicelib.writing.convert import Limits, convert
from chalicelib.writing.sink import SinkWriter

PART_BYTES = 8 * MIB
"""Compressed bytes of rejected records that wait in memory; beyond, they are staged in S3 in parts of this size.
S3 takes no part below 5 MiB but the last, and no more than 10,000."""

MOST_HINTS = 30
"""How many sentences about a load its ledger entry keeps."""

Watch = Callable[[int], None]
"""Called as the source is read, with how many of its bytes were; what it raises ends the load."""


class Load:
    """One source object: `read` it, then `publish` what `read` returned, or `abort`.

    Its rows go to `writer`, as `dataset` has them. `hints` are what may be a fault in the contract, once read.
    """

    def __init__(
        self, store: ObjectStore, *, dataset: Dataset, arrival: Arrival, source: Opened, writer: SinkWriter
    ) -> None:
        self._store = store
        self._dataset = dataset
        self._arrival = arrival
        self._source = source
        self._writer = writer
        self.hints: tuple[str, ...] = ()
        quarantine = f"{dataset.prefixes.quarantine}{names_of(arrival, source).prefix}"
        self._report_key = f"{quarantine}.report.json"
        self._problem: UnreadableFile | None = None
        self._rejected = _RejectedFile(store, f"{quarantine}.ndjson.gz")

    def read(self, limits: Limits, watch: Watch) -> Result:
        """Read the source to its end, publishing nothing of it.

        Returns what becomes of it once it is published. Raises CountMismatch, and what the store and `watch` raise.
        """
        try:
            self._reject_up_front(limits)
            converted = convert(
                _Watched(ReadAhead(self._source.stream), watch),
                Lineage(self._arrival.key, self._arrival.version, self._source.modified_at),
                limits,
                writer=self._writer,
                reject=self._rejected.add,
                contract=self._dataset.contract,
            )
        except UnreadableFile as problem:
            self.abort()
            return self._quarantined(problem)
        self._rejected.close()
        counts = converted.counts
        self.hints = tuple(converted.observations.hints(self._dataset.contract)[:MOST_HINTS])
        return replace(
            self._result(PARTLY_LOADED if counts.orders_rejected else LOADED),
            files=self._writer.files,
            counts=counts,
            hints=self.hints,
            quarantine=self._rejected.key if counts.orders_rejected else None,
        )

    def publish(self, result: Result) -> None:
        """Let everything appear: what is rejected first, which is never less safe than what is loaded."""
        if self._problem is not None:
            self._store.put(self._report_key, self._report(self._problem))
            return
        if result.quarantine is not None:
            self._rejected.publish()
        self._writer.publish()

    def abort(self) -> None:
        """Drop what was kept unseen."""
        self._rejected.abort()
        self._writer.abort()

    def _reject_up_front(self, limits: Limits) -> None:
        if not self._arrival.key.startswith(self._dataset.incoming):
            raise UnreadableFile(
                f"it lies in no contract's folder: drop documents of contract {self._dataset.name} below "
                f"{self._dataset.incoming}"
            )
        if not is_supported(self._arrival.key):
            raise UnreadableFile(f"unsupported file type: name it {', '.join(SUFFIXES)}, or one of these with .gz")
        if limits.max_source_bytes is not None and self._source.size > limits.max_source_bytes:
            raise UnreadableFile(
                f"{self._source.size} bytes are more than the {limits.max_source_bytes} that one load may take "
                "(ETL_MAX_SOURCE_BYTES): split the file, or load it with python -m operate replay"
            )

    def _quarantined(self, problem: UnreadableFile) -> Result:
        self._problem = problem
        return replace(self._result(QUARANTINED), quarantine=self._report_key, reason=str(problem))

    def _report(self, problem: UnreadableFile) -> bytes:
        report = {
            "source_key": self._arrival.key,
            "source_version": self._arrival.version,
            "source_modified_at": self._source.modified_at.isoformat(),
            "source_bytes": self._source.size,
            "reason": problem.reason,
            "byte_offset": problem.byte_offset,
        }
        return json.dumps(report, ensure_ascii=False, indent=1).encode("utf-8", "replace")

    def _result(self, state: str) -> Result:
        return Result(state, source_bytes=self._source.size, source_modified_at=self._source.modified_at.isoformat())


def names_of(arrival: Arrival, source: Opened) -> FileNames:
    """Return the names of everything that is made of a source object."""
    return FileNames(arrival.key, arrival.version, source.modified_at)


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

    def __init__(self, store: ObjectStore, key: str) -> None:
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
