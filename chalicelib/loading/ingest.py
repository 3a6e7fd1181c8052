"""The use case: bring one source object into the lake, once, however often and in whatever order it is announced."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.dataset import Dataset
from chalicelib.errors import OutOfTime, redacted_message
from chalicelib.loading import scratch
from chalicelib.loading.entry import Entry
from chalicelib.loading.ledger_session import LedgerSession
from chalicelib.loading.load import Load, names_of
from chalicelib.loading.models import FINISHED, GONE, Arrival, Outcome, Result
from chalicelib.loading.outbox_relay import OutboxRelay, acknowledged_ids
from chalicelib.loading.store import ObjectStore, Opened
from chalicelib.prices import Usage
from chalicelib.settings import MIB
from chalicelib.writing.convert import Limits
from chalicelib.writing.sink import Sink

SMALL_BYTES = MIB
"""Up to this size, as stored, an object is read before the ledger is asked whether it is news."""


class Clock(Struct, frozen=True):
    """The time: `now` for the ledger to record, `elapsed` in seconds from any beginning. Neither decides anything."""

    now: Callable[[], datetime]
    elapsed: Callable[[], float]


class Ingest:
    """Brings source objects of a dataset into the lake.

    `store` is S3, `sink` is where rows go. A load writes every `renewed_after` seconds into the ledger that it is still
    at work, so that the sweep leaves it alone. `on_hints` is called with what of an arrival may be a fault in the
    contract, if anything (see flatten.observations). `set_aside` is called with the source key and the reason where its
    ledger entry cannot be read: a copy of the entry is kept, and the object is loaded as if it were new. `relay` sends
    how each version ended to who is to know; without one, nobody hears of it. `dollars_of` tells what a load cost by
    what it took.
    """

    def __init__(
        self,
        store: ObjectStore,
        dataset: Dataset,
        limits: Limits,
        *,
        sink: Sink,
        clock: Clock,
        renewed_after: float = 300.0,
        on_hints: Callable[[Arrival, Sequence[str]], None] = lambda arrival, hints: None,
        set_aside: Callable[[str, str], None] = lambda key, reason: None,
        relay: OutboxRelay | None = None,
        dollars_of: Callable[[Usage], float | None] = lambda usage: None,
    ) -> None:
        self._store = store
        self._dataset = dataset
        self._limits = limits
        self._sink = sink
        self._clock = clock
        self._renewed_after = renewed_after
        self._on_hints = on_hints
        self._set_aside = set_aside
        self._relay = relay
        self._dollars_of = dollars_of

    def load(
        self, arrival: Arrival, *, time_left: Callable[[], float] | None = None, reload: bool = False
    ) -> tuple[Outcome, Entry | None]:
        """Load what arrived, if it is news; with `reload` also what is loaded already.

        `time_left` returns the seconds after which the process is stopped from outside: a load that would not end
        before is ended in good time. Returns what was done and the ledger's entry.

        Raises OutOfTime, LostRace, CountMismatch, and what the store raises: the event has to come again. What will
        not pass by itself is recorded and not raised.
        """
        began = self._clock.elapsed()
        session = self._session(arrival, reload)
        if _is_likely_new(arrival) and not reload:
            session.assume_new()
        elif not session.begin().loads:
            return self._end(session)
        try:
            result = self._read(session, time_left)
            if result is None and session.decision.loads:
                result = self._read(session, time_left)
        except Exception as error:
            if session.fail(redacted_message(error)):
                raise
            return self._end(session)
        if result is None:
            return self._end(session)
        seconds = round(self._clock.elapsed() - began, 3)
        dollars = self._dollars_of(self._usage(session, result, seconds))
        finished_at = self._clock.now().isoformat()
        return self._conclude(
            session, replace(result, finished_at=finished_at, seconds=seconds, dollars=dollars), arrival.key
        )

    def _usage(self, session: LedgerSession, result: Result, seconds: float) -> Usage:
        """Return what a load took: it has read and published, and the ledger and the receipt are yet to be written."""
        receipts = int(self._relay is not None)
        # What is replaced is removed once the ledger says so, and taken out of it after that.
        last_words = 2 if session.entry is not None and session.entry.kept else 1
        files = len(result.files) + len(result.quarantine_files)
        puts = files + session.writes + last_words + receipts
        gets = session.reads + 1 + (0 if session.is_new else receipts)
        return Usage(seconds, puts, gets)

    def _conclude(self, session: LedgerSession, result: Result, key: str) -> tuple[Outcome, Entry | None]:
        """Say in the ledger how it ended, then relay that."""
        if self._relay is None:
            return session.conclude(result)
        receipt = None if session.is_new else self._relay.read(key)
        outcome, entry = session.conclude(result, acknowledged_ids(receipt))
        if entry is not None and outcome in FINISHED:
            self._relay.relay(entry, receipt, result.first_rejected)
        return outcome, entry

    def _end(self, session: LedgerSession) -> tuple[Outcome, Entry | None]:
        """Return why nothing is loaded. What a process that ended before left in the outbox is relayed."""
        outcome, entry = session.end()
        if self._relay is not None and entry is not None and outcome in (Outcome.DUPLICATE, Outcome.DELETED):
            self._relay.relay_pending(entry)
        return outcome, entry

    def _session(self, arrival: Arrival, reload: bool) -> LedgerSession:
        return LedgerSession(
            self._store,
            self._dataset.prefixes.ledger,
            arrival,
            reload=reload,
            supersede=self._sink.supersede,
            set_aside=self._set_aside,
            now=self._clock.now,
        )

    def _read(self, session: LedgerSession, time_left: Callable[[], float] | None) -> Result | None:
        """Read and publish; return None where the session decided anew: it is superfluous, or to be read once more."""
        source = self._store.open(session.arrival)
        if source is None:
            if not session.has_begun and not session.begin().loads:
                return None
            return Result(GONE, reason="the object was deleted or replaced before it could be read")
        with scratch.directory() as directory:
            watch = _Watch(session, source, self._clock, time_left, self._renewed_after)
            load = Load(
                self._store,
                dataset=self._dataset,
                arrival=session.arrival,
                source=source,
                writer=self._sink.writer(directory, names_of(session.arrival, source), session.generation),
                generation=session.generation,
            )
            try:
                result = load.read(self._limits, watch)
                # Before anything appears the ledger says so.
                appears = session.announce(result)
                if appears is None:
                    load.abort()
                    return None
                load.publish(appears)
                if load.hints:
                    self._on_hints(session.arrival, load.hints)
                return appears
            except BaseException:
                load.abort()
                raise


def _is_likely_new(arrival: Arrival) -> bool:
    """Tell whether to read an object before the ledger is asked: most drops are small, and their keys are new.

    It spares a new key two requests of six. Where the key is known after all, a small object was read in vain. What the
    sweep announces is in the ledger, which counts how often a load began that ended its process.
    """
    is_small = arrival.size is not None and arrival.size <= SMALL_BYTES
    return is_small and not arrival.removed and arrival.ledger_etag is None


class _Watch:
    """Called as the source is read: ends a load that would not finish in time, and renews its entry in the ledger."""

    RESERVE = 30.0
    """Seconds that are kept for publishing, or a tenth of the time there is if that is less."""

    def __init__(
        self,
        session: LedgerSession,
        source: Opened,
        clock: Clock,
        time_left: Callable[[], float] | None,
        renewed_after: float,
    ) -> None:
        self._session = session
        self._source = source
        self._clock = clock
        self._time_left = time_left or (lambda: math.inf)
        self._reserve = min(self.RESERVE, self._time_left() / 10)
        self._renewed_after = renewed_after
        self._renewed = clock.elapsed()

    def __call__(self, position: int) -> None:
        """`position` is how many bytes of the object were read."""
        if self._time_left() < self._reserve:
            raise OutOfTime(self._session.arrival.key, position, self._source.size)
        now = self._clock.elapsed()
        if now - self._renewed > self._renewed_after:
            self._renewed = now
            self._session.renew()
