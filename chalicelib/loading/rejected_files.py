"""The files of the quarantine that one version of a source leaves: unseen until they are published."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from typing import Any

from chalicelib.dataset import Prefixes
from chalicelib.documents.rejected import RejectedRecord, RejectedSource
from chalicelib.errors import UnreadableFile
from chalicelib.loading.models import Rejection
from chalicelib.loading.outbox import MOST_REASONS
from chalicelib.loading.store import ObjectStore
from chalicelib.settings import MIB

PART_BYTES = 8 * MIB
"""Compressed bytes of rejected records that wait in memory; beyond, they are staged in S3 in parts of this size.
S3 takes no part below 5 MiB but the last, and no more than 10,000."""

LEVEL = 6
"""Of gzip: 9 takes a third longer and gives the same size, since lines of rejected records are much alike."""


class RejectedFiles:
    """What was rejected of one version: a file that the table of rejected records reads, one of its long records.

    Both are called `name`. `first` are the first records that were rejected, not more than MOST_REASONS.
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
        if len(self.first) < MOST_REASONS:
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
            self._gzip = gzip.GzipFile(filename="", fileobj=self, mode="wb", compresslevel=LEVEL, mtime=0)
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
