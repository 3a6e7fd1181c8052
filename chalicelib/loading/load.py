"""One source object on its way: read to its end, its files and rejected records kept unseen, then all published."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.dataset import Dataset, Prefixes
from chalicelib.documents.decompress import SUFFIXES, ByteStream, is_supported
from chalicelib.documents.prefetch import ReadAhead
from chalicelib.documents.rejected import RejectedRecord, RejectedSource
from chalicelib.errors import UnreadableFile
from chalicelib.file_names import FileNames, in_generation
from chalicelib.flatten.flattener import Lineage
from chalicelib.loading.models import LOADED, PARTLY_LOADED, QUARANTINED, Arrival, Rejection, Result
from chalicelib.loading.store import ObjectStore, Opened
from chalicelib.settings import MIB
from chalicelib.writing.convert import Limits, convert
from chalicelib.writing.sink import SinkWriter

PART_BYTES = 8 * MIB
"""Compressed bytes of rejected records that wait in memory; beyond, they are staged in S3 in parts of this size.
S3 takes no part below 5 MiB but the last, and no more than 10,000."""

MOST_TOLD = 100
"""Of how many rejected records the sender is told the reasons."""

MOST_HINTS = 30
"""How many sentences about a load its ledger entry keeps."""

Watch = Callable[[int], None]
"""Called as the source is read, with how many of its bytes were; what it raises ends the load."""


class Load:
    """One source object: `read` it, then `publish` what `read` returned, or `abort`.

    Its rows go to `writer`, as `dataset` has them; what is rejected to files of their names in `generation`. `hints`
    are what may be a fault in the contract, once read.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        dataset: Dataset,
        arrival: Arrival,
        source: Opened,
        writer: SinkWriter,
        generation: int = 0,
    ) -> None:
        self._store = store
        self._dataset = dataset
        self._arrival = arrival
        self._source = source
        self._writer = writer
        self.hints: tuple[str, ...] = ()
        name = in_generation(names_of(arrival, source).rejected, generation)
        origin = RejectedSource(arrival.key, arrival.version, source.modified_at, dataset.name)
        self._rejected = _Rejected(store, dataset.prefixes, name, origin)

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
            quarantine_files=self._rejected.keys,
            quarantine=next(iter(self._rejected.keys), None),
            first_rejected=tuple(self._rejected.first),
        )

    def publish(self, result: Result) -> None:
        """Let everything of a result appear: what is rejected first, which is never less safe than what is loaded.

        Where `quarantine_files` was taken from the result, what was rejected does not appear.
        """
        if result.quarantine_files:
            self._rejected.publish()
        else:
            self._rejected.abort()
        if result.files:
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
        self._rejected.refuse(problem)
        return replace(
            self._result(QUARANTINED),
            quarantine_files=self._rejected.keys,
            quarantine=self._rejected.keys[0],
            reason=str(problem),
        )

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


class _Rejected:
    """What was rejected of one version: a file that the table of rejected records reads, another of its long records.

    `first` are the first records that were, of some.
    """

    def __init__(self, store: ObjectStore, prefixes: Prefixes, name: str, source: RejectedSource) -> None:
        self.first: list[Rejection] = []
        self._source = source
        self._table = _RejectedFile(store, f"{prefixes.rejected}{name}")
        self._long = _RejectedFile(store, f"{prefixes.long_rejected}{name}")

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the files there are, the table's first."""
        return tuple(each.key for each in (self._table, self._long) if each.is_begun)

    def add(self, rejected: RejectedRecord) -> None:
        """Add one record."""
        if len(self.first) < MOST_TOLD:
            self.first.append(Rejection(rejected.record_number, rejected.path, rejected.reason))
        if rejected.is_too_long(self._source):
            self._table.add((rejected.cut_line(self._source, self._long.key),))
            self._long.add(rejected.json_line(self._source))
        else:
            self._table.add(rejected.json_line(self._source))

    def refuse(self, problem: UnreadableFile) -> None:
        """Have nothing but that the file as a whole was refused."""
        self.first.clear()
        self._table, self._long = self._table.anew(), self._long.anew()
        self._table.add((self._source.refused(str(problem), problem.byte_offset),))
        self.close()

    def close(self) -> None:
        """Finish the files."""
        self._table.close()
        self._long.close()

    def publish(self) -> None:
        """Let the files appear; the long records first, which the table's file names."""
        for each in (self._long, self._table):
            if each.is_begun:
                each.publish()

    def abort(self) -> None:
        """Drop them."""
        self._table.abort()
        self._long.abort()


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

    def anew(self) -> _RejectedFile:
        """Return an empty file of the same key."""
        return _RejectedFile(self._store, self.key)

    @property
    def is_begun(self) -> bool:
        """Whether there is anything in it."""
        return self._gzip is not None

    def add(self, line: Iterable[bytes]) -> None:
        """Add a line, given in pieces."""
        if self._gzip is None:
            self._gzip = gzip.GzipFile(filename="", fileobj=self, mode="wb", mtime=0)
        for piece in line:
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
