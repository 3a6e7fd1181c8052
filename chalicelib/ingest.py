"""The use case: bring one source object into the lake, once, however often and in whatever order it is announced."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from chalicelib import scratch
from chalicelib.convert import Limits
from chalicelib.errors import LostRace, OutOfTime, UnreadableEntry
from chalicelib.file_names import unreadable_name
from chalicelib.ledger import (
    DELETED,
    FAILED,
    GONE,
    QUARANTINED,
    Arrival,
    Decision,
    Entry,
    Result,
    decide,
    ledger_name,
)
from chalicelib.load import Load, Opened, Publishes

RACES = 20
"""How often a lost race for the ledger is run again."""


class Store(Publishes, Protocol):
    """What ingestion needs of S3; see storage.Storage."""

    def open(self, arrival: Arrival) -> Opened | None: ...
    def current(self, key: str) -> Arrival | None: ...
    def modified_at(self, arrival: Arrival) -> datetime | None: ...
    def delete(self, keys: Iterable[str]) -> None: ...
    def copy(self, key: str, target: str) -> None: ...
    def read_json(self, key: str) -> tuple[Any, str] | None: ...
    def write_json(self, key: str, value: dict[str, Any], etag: str | None) -> str | None: ...


@dataclass(frozen=True)
class Places:
    """The prefixes of the bucket, each ending with a slash."""

    table: str
    quarantine: str
    ledger: str


@dataclass(frozen=True)
class Clock:
    """The time: `now` for what the ledger tells, `elapsed` in seconds from any beginning. Neither decides anything."""

    now: Callable[[], datetime]
    elapsed: Callable[[], float]


class Ingest:
    """Brings source objects into the lake.

    `store` is S3, `pieces` cuts a file into parts of an upload, `told` puts a failure into words for the ledger. A
    load says every `renewed_after` seconds in the ledger that it is still at work, so that the sweep leaves it alone.
    `noticed` is told which fields of an arrival are nearly the contract's, if any; see convert.Counts.
    Anything that may pass (throttling, timeouts) is raised as the store raises it; what will not is recorded.
    `set_aside` is called with the source key and the reason where its ledger entry cannot be read: a copy of the entry
    is kept, and the object is loaded as if it were new.
    """

    def __init__(
        self,
        store: Store,
        places: Places,
        limits: Limits,
        *,
        clock: Clock,
        pieces: Callable[[Path], Iterable[bytes]],
        told: Callable[[Exception], str],
        renewed_after: float = 300.0,
        noticed: Callable[[Arrival, Mapping[str, str]], None] = lambda arrival, near_misses: None,
        set_aside: Callable[[str, str], None] = lambda key, reason: None,
    ) -> None:
        self._store = store
        self._places = places
        self._limits = limits
        self._clock = clock
        self._pieces = pieces
        self._told = told
        self._renewed_after = renewed_after
        self._noticed = noticed
        self._set_aside = set_aside

    def load(
        self, arrival: Arrival, *, time_left: Callable[[], float] | None = None, again: bool = False
    ) -> tuple[str, Entry | None]:
        """Load what arrived, if it is news, or `again`.

        `time_left` tells the seconds after which the process is stopped from outside: a load that would not end
        before is ended in good time. Returns what was done (`loaded`, `partly_loaded`, `quarantined`, `gone`,
        `deleted`, or `duplicate`, `stale`, `overtaken`) and the ledger's entry.

        Raises OutOfTime, LostRace, CountMismatch, and what the store raises: the event has to come again.
        """
        began = self._clock.elapsed()
        taken = _Taken(self._store, self._places.ledger, arrival, again, self._set_aside)
        decision, entry = taken.begin()
        if entry is None:
            return decision.value, None
        if decision in (Decision.DELETE, Decision.FORGET):
            return DELETED, taken.remove_superseded(entry)
        if not decision.loads:
            return decision.value, taken.remove_superseded(entry)
        try:
            result = self._read(taken, time_left)
        except Exception as problem:
            taken.fail(self._told(problem))
            raise
        if result is None:
            return taken.decision.value, taken.entry
        seconds = round(self._clock.elapsed() - began, 3)
        return taken.conclude(replace(result, finished_at=self._clock.now().isoformat(), seconds=seconds))

    def _read(self, taken: _Taken, time_left: Callable[[], float] | None) -> Result | None:
        """Read and publish; return None where, once it was read, nobody wanted it any more."""
        source = self._store.open(taken.arrival)
        if source is None:
            return Result(GONE, reason="the object was deleted or replaced before it could be read")
        with scratch.directory() as directory:
            watch = _Watch(taken, source, self._clock, time_left, self._renewed_after)
            load = Load(
                self._store,
                table=self._places.table,
                quarantine=self._places.quarantine,
                arrival=taken.arrival,
                source=source,
                directory=directory,
                pieces=self._pieces,
                generation=taken.generation,
            )
            try:
                result = load.read(self._limits, watch)
                if result.state == QUARANTINED:
                    return result
                if not taken.announce(result.files):
                    load.abort()
                    return None
                load.publish(result)
                if load.near_misses:
                    self._noticed(taken.arrival, load.near_misses)
                return result
            except BaseException:
                load.abort()
                raise


class _Taken:
    """The ledger's entry of one key, while this process works on what arrived. Every change is conditional."""

    def __init__(
        self, store: Store, ledger: str, arrival: Arrival, again: bool, set_aside: Callable[[str, str], None]
    ) -> None:
        self.arrival = arrival
        self.generation = 0
        self._store = store
        self._ledger = ledger
        self._name = f"{ledger}{ledger_name(arrival.key)}"
        self._again = again
        self._set_aside = set_aside
        self.entry: Entry | None = None
        self.decision = Decision.LOAD
        self._etag: str | None = None

    def begin(self) -> tuple[Decision, Entry | None]:
        """Decide by the ledger, and say there what has begun."""
        for _ in range(RACES):
            self._look()
            decision = self._fenced() or self._decided(self._again)
            if decision is Decision.SKIP_DUPLICATE:
                return decision, self._remember_sequencer()
            if decision in (Decision.DELETE, Decision.FORGET):
                entry = self.entry or Entry.first(self.arrival)
                deletes = decision is Decision.DELETE
                if self._write(entry.deleting(self.arrival) if deletes else entry.forgetting(self.arrival)):
                    return decision, self.entry
            elif not decision.loads:
                return decision, self.entry
            elif self._write(begun := self._begun(decision)):
                self.generation = begun.generation_of(self.arrival.version)
                return decision, self.entry
        raise LostRace(self.arrival.key)

    def announce(self, files: tuple[str, ...]) -> bool:
        """Say in the ledger which files are about to appear; return False where they are not wanted any more.

        Raises LostRace where their names were burned meanwhile: somebody may be about to remove them.
        """
        for _ in range(RACES):
            entry = self.entry or Entry.first(self.arrival)
            if entry.generation_of(self.arrival.version) != self.generation:
                break
            if self._write(entry.announcing(files)):
                return True
            self._look()
            self.decision = self._decided(self._again)
            if not self.decision.loads:
                return False
        raise LostRace(self.arrival.key)

    def renew(self) -> None:
        """Say in the ledger that the load is still at work. Another's word there is left for `announce` to find."""
        if self.entry is not None:
            self._write(self.entry.renewed())

    def fail(self, reason: str) -> None:
        """Keep why this attempt ended. The failure itself is raised, whatever becomes of this."""
        try:
            entry = self.entry
            if entry is not None and entry.version == self.arrival.version:
                self._write(entry.failing(reason))
        except Exception:  # noqa: S110 - it must not hide the failure that it is about
            pass

    def conclude(self, result: Result) -> tuple[str, Entry]:
        """Write what was done; where another was quicker, decide again."""
        for _ in range(RACES):
            if self.entry is None:
                raise LostRace(self.arrival.key)
            if self._write(self.entry.concluding(self.arrival, result)):
                return result.state, self.remove_superseded(self.entry)
            self._look()
            entry = self.entry
            decision = self._decided(again=False)
            ours = set(result.files) - set(entry.files if entry else ())
            if entry is not None and decision in (Decision.SKIP_STALE, Decision.SKIP_DUPLICATE):
                self._drop(ours)
                return decision.value, self.entry or entry
            if entry is None or ours - set(entry.publishing):
                # Taken for dead, our files may have been removed by now: they have to be published again.
                self._drop(ours)
                break
        raise LostRace(self.arrival.key)

    def _drop(self, files: set[str]) -> None:
        """Remove files of ours that are not wanted, unless another load of this version has taken them over."""
        for _ in range(RACES):
            ours = files - set(self.entry.files) if self.entry else set()
            if self.entry is None or not ours:
                return
            if self._write(self.entry.dropping(ours)):
                self.remove_superseded(self.entry)
                return
            self._look()

    def remove_superseded(self, entry: Entry) -> Entry:
        """Remove what the entry replaced. A crash in between leaves the list for the next delivery, or the sweep."""
        if not entry.superseded:
            return entry
        self._store.delete(entry.superseded)
        self._write(replace(entry, superseded=()))
        return self.entry or entry

    def _look(self) -> None:
        stored = self._store.read_json(self._name)
        self.entry, self._etag = None, stored[1] if stored else None
        if stored is None:
            return
        try:
            self.entry = Entry.from_json(stored[0], self._name)
        except UnreadableEntry as problem:
            self._store.copy(self._name, unreadable_name(self._ledger, self.arrival.key))
            self._set_aside(self.arrival.key, str(problem))

    def _write(self, entry: Entry) -> bool:
        etag = self._store.write_json(self._name, entry.as_json(), self._etag)
        if etag is None:
            return False
        self.entry, self._etag = entry, etag
        return True

    def _fenced(self) -> Decision | None:
        """Leave it to others where the sweep's word is no longer the last; after a failure it is taken up again."""
        fence = self.arrival.ledger_etag
        failed = self.entry is not None and self.entry.state == FAILED
        return None if fence is None or fence == self._etag or failed else Decision.SKIP_OVERTAKEN

    def _decided(self, again: bool) -> Decision:
        decision = decide(self.entry, self.arrival, again=again)
        if decision is not Decision.ASK:
            return decision
        later = self._is_later()
        decision = decide(self.entry, self.arrival, later=later, again=again)
        if decision is not Decision.ASK or self.entry is None:
            return decision
        than_loaded = self._was_written_after(self.entry.loaded_version)
        return decide(self.entry, self.arrival, later=later, later_than_loaded=than_loaded, again=again)

    def _is_later(self) -> bool:
        """Ask S3, where sequencers cannot tell, whether what arrived came after what the ledger tells of."""
        entry, current = self.entry, self._store.current(self.arrival.key)
        if self.arrival.removed or entry is None:
            return current is None
        if current is None and entry.state == DELETED:
            # Rows go with their object, and it is gone.
            return False
        if current is None:
            # The key was deleted since. Its versions, where they are kept, still tell which of them came last.
            known, written = entry.source_modified_at, self._store.modified_at(self.arrival)
            return known is None or (written is not None and written > datetime.fromisoformat(known))
        if current.version == self.arrival.version:
            return True
        # Both may have come before the newest, which nobody told of.
        return entry.version != current.version and entry.state != DELETED and self._was_written_after(entry.version)

    def _was_written_after(self, version: str | None) -> bool:
        """Tell whether S3 took what arrived in a later second than another version, or keeps that one no more."""
        if version is None or self.arrival.version_id is None:
            return False
        written = self._store.modified_at(self.arrival)
        other = self._store.modified_at(replace(self.arrival, version=version, version_id=version, etag=None))
        return written is not None and (other is None or written > other)

    def _begun(self, decision: Decision) -> Entry:
        if self.entry is None:
            return Entry.first(self.arrival)
        # A late version does not become what the entry tells of; its writing here takes the ETag all the same.
        return self.entry.renewed() if decision is Decision.CATCH_UP else self.entry.beginning(self.arrival)

    def _remember_sequencer(self) -> Entry | None:
        """Keep the sequencer of a version that came without one: the sweep found it, or it was replayed."""
        known = self.entry
        if known is None or not (sequencer := known.sequencer_of(self.arrival)):
            return known
        if known.version == self.arrival.version and not known.sequencer:
            known = replace(known, sequencer=sequencer)
        if known.loaded_version == self.arrival.version and not known.loaded_sequencer:
            known = replace(known, loaded_sequencer=sequencer)
        if known != self.entry:
            self._write(known)
        return self.entry


class _Watch:
    """Called as the source is read: ends a load that would not finish in time, and renews its word in the ledger."""

    RESERVE = 30.0
    """Seconds that are kept for publishing, or a tenth of the time there is if that is less."""

    def __init__(
        self,
        taken: _Taken,
        source: Opened,
        clock: Clock,
        time_left: Callable[[], float] | None,
        renewed_after: float,
    ) -> None:
        self._taken = taken
        self._source = source
        self._clock = clock
        self._time_left = time_left or (lambda: math.inf)
        self._reserve = min(self.RESERVE, self._time_left() / 10)
        self._renewed_after = renewed_after
        self._renewed = clock.elapsed()

    def __call__(self, position: int) -> None:
        """`position` is how many bytes of the object were read."""
        if self._time_left() < self._reserve:
            raise OutOfTime(self._taken.arrival.key, position, self._source.size)
        now = self._clock.elapsed()
        if now - self._renewed > self._renewed_after:
            self._renewed = now
            self._taken.renew()
