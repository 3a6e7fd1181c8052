"""The use case: bring one source object into the lake, once, however often and in whatever order it is announced."""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Protocol

from chalicelib.convert import Counts, Limits, convert
from chalicelib.errors import UnreadableFile
from chalicelib.flatten import Lineage
from chalicelib.ledger import (
    GONE,
    LOADED,
    LOADING,
    PARTLY_LOADED,
    QUARANTINED,
    Arrival,
    Decision,
    Entry,
    decide,
    ledger_name,
)
from chalicelib.parquet import FileNames, MonthFile
from chalicelib.refused import Refused
from chalicelib.sources import SUFFIXES, ByteStream, is_supported

MIB = 1024 * 1024

KEPT_BYTES = 96 * MIB
"""Finished files that stay on disk until all are published; what is more waits in S3, unseen."""

RACES = 20
"""How often a lost race for the ledger is run again."""


class Opened(Protocol):
    """A source object that is being read."""

    @property
    def size(self) -> int: ...
    @property
    def modified_at(self) -> datetime: ...
    @property
    def stream(self) -> ByteStream: ...


class Store(Protocol):
    """What ingestion needs of S3; see storage.Storage."""

    def open(self, arrival: Arrival) -> Opened | None: ...
    def put_file(self, key: str, path: Path) -> None: ...
    def put(self, key: str, body: bytes) -> None: ...
    def stage(self, key: str, pieces: Iterable[bytes]) -> Any: ...
    def complete(self, upload: Any) -> None: ...
    def abort(self, upload: Any) -> None: ...
    def delete(self, keys: Iterable[str]) -> None: ...
    def read_json(self, key: str) -> tuple[dict[str, Any], str] | None: ...
    def write_json(self, key: str, value: dict[str, Any], etag: str | None) -> str | None: ...


@dataclass(frozen=True)
class Places:
    """The prefixes of the bucket, each ending with a slash."""

    table: str
    quarantine: str
    ledger: str


class LostRace(Exception):
    """The ledger entry of one key changed too often while it was being loaded: the event has to come again."""


class Ingest:
    """Brings source objects into the lake.

    `store` is S3, `now` tells the time for the ledger only, `pieces` cuts a file into parts of an upload. Anything
    that may pass (throttling, timeouts) is raised as the store raises it; what will not is recorded.
    """

    def __init__(
        self,
        store: Store,
        places: Places,
        limits: Limits,
        *,
        now: Callable[[], datetime],
        pieces: Callable[[Path], Iterable[bytes]],
    ) -> None:
        self._store = store
        self._places = places
        self._limits = limits
        self._now = now
        self._pieces = pieces

    def load(self, arrival: Arrival) -> tuple[str, Entry | None]:
        """Load what arrived, if it is news.

        Returns what was done (`loaded`, `partly_loaded`, `quarantined`, `gone`, or `duplicate`, `stale`) and the
        ledger's entry.
        """
        begun = self._now()
        decision, entry, etag = self._begin(arrival)
        if decision is not Decision.LOAD:
            if entry is not None and entry.superseded and decision is Decision.SKIP_DUPLICATE:
                self._remove_superseded(entry, etag)
            return decision.value, entry
        source = self._store.open(arrival)
        if source is None:
            gone = replace(entry, state=GONE, reason="the object was deleted or replaced before it could be read")
            # Where another was quicker its word stands: it knows of a later version.
            self._store.write_json(self._name(arrival), gone.as_json(), etag)
            return GONE, gone
        before = entry.files
        with tempfile.TemporaryDirectory(prefix="orders-") as directory:
            load = _Load(self._store, self._places, arrival, source, Path(directory), self._pieces)
            try:
                done = load.run(entry, self._limits)
            except BaseException:
                load.abort()
                raise
        seconds = round((self._now() - begun).total_seconds(), 3)
        done = replace(done, finished_at=self._now().isoformat(), seconds=seconds)
        if done.state != QUARANTINED:
            superseded = tuple(sorted({*entry.superseded, *before} - set(done.files)))
            done = replace(done, superseded=superseded)
        return self._finish(arrival, done, etag)

    def _begin(self, arrival: Arrival) -> tuple[Decision, Entry, str]:
        """Decide by the ledger, and say there that loading has begun."""
        for _ in range(RACES):
            stored = self._store.read_json(self._name(arrival))
            entry = Entry.from_json(stored[0]) if stored else None
            decision = decide(entry, arrival)
            if entry is not None and stored is not None and decision is not Decision.LOAD:
                return decision, entry, stored[1]
            if entry is None:
                begun = Entry(arrival.key, arrival.version, arrival.sequencer, LOADING)
            else:
                begun = entry.beginning(arrival)
            etag = self._store.write_json(self._name(arrival), begun.as_json(), stored[1] if stored else None)
            if etag is not None:
                return Decision.LOAD, begun, etag
        raise LostRace(f"the ledger entry of {arrival.key!r} keeps changing: the event has to come again")

    def _finish(self, arrival: Arrival, done: Entry, etag: str) -> tuple[str, Entry]:
        """Write what was done; where another was quicker, decide again."""
        for _ in range(RACES):
            written = self._store.write_json(self._name(arrival), done.as_json(), etag)
            if written is not None:
                return done.state, self._remove_superseded(done, written)
            stored = self._store.read_json(self._name(arrival))
            if stored is None:
                raise LostRace(f"the ledger entry of {arrival.key!r} vanished: the event has to come again")
            other, etag = Entry.from_json(stored[0]), stored[1]
            decision = decide(other, arrival)
            if decision is Decision.SKIP_STALE:
                self._store.delete(sorted(set(done.files) - set(other.files)))
                return decision.value, other
            if decision is Decision.SKIP_DUPLICATE:
                return decision.value, other
            kept = {*other.files, *other.superseded, *done.superseded} - set(done.files)
            done = replace(done, superseded=tuple(sorted(kept)), attempts=other.attempts)
        raise LostRace(f"the ledger entry of {arrival.key!r} keeps changing: the event has to come again")

    def _remove_superseded(self, entry: Entry, etag: str) -> Entry:
        """Remove what the entry replaced. A crash in between leaves the list for the next delivery."""
        if not entry.superseded:
            return entry
        self._store.delete(entry.superseded)
        clean = replace(entry, superseded=())
        self._store.write_json(f"{self._places.ledger}{ledger_name(entry.key)}", clean.as_json(), etag)
        return clean

    def _name(self, arrival: Arrival) -> str:
        return f"{self._places.ledger}{ledger_name(arrival.key)}"


class _Load:
    """One source object on its way: its finished files, and the refused records, until all are published."""

    def __init__(
        self,
        store: Store,
        places: Places,
        arrival: Arrival,
        source: Opened,
        directory: Path,
        pieces: Callable[[Path], Iterable[bytes]],
    ) -> None:
        self._store = store
        self._places = places
        self._arrival = arrival
        self._source = source
        self._directory = directory
        self._pieces = pieces
        self._kept: list[tuple[str, Path]] = []
        self._kept_bytes = 0
        self._staged: list[Any] = []
        self._files: list[str] = []
        self._quarantine = f"{places.quarantine}{FileNames(arrival.key, arrival.version, source.modified_at).prefix}"

    def run(self, entry: Entry, limits: Limits) -> Entry:
        """Read the source to its end, then publish everything; return the entry to be written."""
        refused = _RefusedFile(self._directory / "refused.ndjson.gz")
        try:
            if not is_supported(self._arrival.key):
                raise UnreadableFile(f"unsupported file type: name it {', '.join(SUFFIXES)}, or one of these with .gz")
            counts = convert(
                self._source.stream,
                Lineage(self._arrival.key, self._arrival.version, self._source.modified_at),
                self._directory / "files",
                limits,
                closed=self._keep,
                refuse=refused.write,
            )
        except UnreadableFile as problem:
            self.abort()
            return self._quarantined(entry, problem)
        finally:
            refused.close()
        return self._published(entry, counts, refused)

    def abort(self) -> None:
        """Drop what was staged."""
        for upload in self._staged:
            self._store.abort(upload)
        self._staged = []

    def _keep(self, file: MonthFile) -> None:
        key = f"{self._places.table}{file.place}"
        self._files.append(key)
        if self._kept_bytes + file.size <= KEPT_BYTES:
            self._kept.append((key, file.path))
            self._kept_bytes += file.size
        else:
            self._staged.append(self._store.stage(key, self._pieces(file.path)))
            file.path.unlink()

    def _published(self, entry: Entry, counts: Counts, refused: _RefusedFile) -> Entry:
        quarantine = None
        if counts.orders_rejected:
            # Before the rows and the ledger: what is refused is never less safe than what is loaded.
            quarantine = f"{self._quarantine}.ndjson.gz"
            self._store.put_file(quarantine, refused.path)
        for upload in self._staged:
            self._store.complete(upload)
        self._staged = []
        for key, path in self._kept:
            self._store.put_file(key, path)
        return replace(
            self._entry(entry),
            state=PARTLY_LOADED if counts.orders_rejected else LOADED,
            files=tuple(sorted(self._files)),
            orders_read=counts.orders_read,
            orders_loaded=counts.orders_loaded,
            orders_rejected=counts.orders_rejected,
            rows=counts.rows,
            quarantine=quarantine,
        )

    def _quarantined(self, entry: Entry, problem: UnreadableFile) -> Entry:
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
        return replace(self._entry(entry), state=QUARANTINED, quarantine=quarantine, reason=str(problem))

    def _entry(self, entry: Entry) -> Entry:
        return replace(
            entry,
            orders_read=0,
            orders_loaded=0,
            orders_rejected=0,
            rows=0,
            reason=None,
            source_bytes=self._source.size,
            source_modified_at=self._source.modified_at.isoformat(),
        )


class _RefusedFile:
    """Refused records as gzipped newline-delimited JSON, the same bytes for the same records."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._plain: IO[bytes] | None = None
        self._gzip: gzip.GzipFile | None = None

    def write(self, refused: Refused) -> None:
        """Add one record."""
        if self._gzip is None:
            self._plain = self.path.open("wb")
            self._gzip = gzip.GzipFile(filename="", fileobj=self._plain, mode="wb", mtime=0)
        for piece in refused.json_line():
            self._gzip.write(piece)

    def close(self) -> None:
        """Finish the file, if there is one."""
        if self._gzip is not None and self._plain is not None:
            self._gzip.close()
            self._plain.close()
