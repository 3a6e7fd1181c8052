"""The sweep's look at dropped objects: which of them does no ledger entry tell of?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from chalicelib.file_names import ledger_name, unreadable_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.index_view import IndexView, Proof
from chalicelib.loading.models import FAILED, FINISHED, LOADING, ObjectSummary, VersionedJson
from chalicelib.loading.store import ObjectStore
from chalicelib.loading.sweep_announcer import Announcer
from chalicelib.loading.sweep_cursor import Rules, SweepCursor, SweepReport
from chalicelib.loading.sweep_entries import ReadEntry, read_entry
from chalicelib.loading.sweep_pages import RESERVE, pages, portions, side_by_side


class IncomingPhase:
    """Lists dropped objects. What the index proves to be loaded is not looked at any further.

    What lies below the prefixes `backfilled` is left to the backfills that are at work there: it is not announced.
    """

    def __init__(
        self,
        store: ObjectStore,
        rules: Rules,
        report: SweepReport,
        announcer: Announcer,
        backfilled: tuple[str, ...],
        at_once: int,
    ) -> None:
        self._store = store
        self._rules = rules
        self._report = report
        self._announcer = announcer
        self._backfilled = backfilled
        self._at_once = at_once

    def step(self, cursor: SweepCursor, view: IndexView, time_left: Callable[[], float]) -> tuple[SweepCursor, bool]:
        """Look at some pages; return where to go on, and whether all objects were looked at."""
        for page in pages(self._store, self._rules.incoming, cursor.after, time_left):
            waiting = {each for each in page.objects if self._perhaps_waits(each, cursor, view)}
            if any(self._is_backfilled(each, cursor) for each in page.objects):
                # It is the backfill's. What that leaves, however old, is looked at by the next round.
                cursor = replace(cursor, full=True)
            for portion, read in portions(page.objects, waiting.__contains__):
                entries = side_by_side(self._read, read, self._at_once)
                by_key = {each.key: entry for each, entry in zip(read, entries, strict=True)}
                after = cursor.after
                for each in portion:
                    if each.key in by_key:
                        if time_left() <= RESERVE:
                            return replace(cursor, after=after), False
                        self._look(cursor, each, by_key[each.key], page.now)
                    after = each.key
                cursor = replace(cursor, after=after)
            if not page.more:
                return cursor, True
        return cursor, False

    def _perhaps_waits(self, listed: ObjectSummary, cursor: SweepCursor, view: IndexView) -> bool:
        """Tell whether the entry of an object has to be read, which is there in any case."""
        if listed.is_folder:
            return False
        proof = view.see_object(listed)
        if self._is_backfilled(listed, cursor):
            return False
        return proof is Proof.CAME_BACK or (proof is Proof.NONE and cursor.is_recent(listed, self._rules.lookback))

    def _is_backfilled(self, listed: ObjectSummary, cursor: SweepCursor) -> bool:
        return listed.key.startswith(self._backfilled) and cursor.is_recent(listed, self._rules.lookback)

    def _read(self, listed: ObjectSummary) -> ReadEntry:
        return read_entry(self._store, f"{self._rules.ledger}{ledger_name(listed.key)}")

    def _look(self, cursor: SweepCursor, listed: ObjectSummary, read: ReadEntry, now: datetime) -> None:
        self._report.looked += 1
        entry, stored = read.entry, read.stored
        if read.problem and stored is not None:
            # One from before the round has been counted, when the ledger was looked at.
            self._report.unreadable += cursor.began_at is None or stored.modified_at >= cursor.began_at
            self._report.note(f"its ledger entry could not be read and was set aside: {read.problem}", listed.key)
            name = f"{self._rules.ledger}{ledger_name(listed.key)}"
            self._store.copy(name, unreadable_name(self._rules.ledger, listed.key))
        if entry is not None and entry.state in FINISHED and entry.tells_of(listed):
            return
        arrival = self._store.current(listed.key)
        if arrival is None or (entry is not None and entry.state in FINISHED and entry.version == arrival.version):
            return
        if entry is not None and stored is not None and entry.version == arrival.version and self._alive(entry, stored):
            return
        self._announcer.wait_for(listed.key, now - listed.modified_at)
        self._announcer.claim(arrival, entry, stored)

    def _alive(self, entry: Entry, stored: VersionedJson) -> bool:
        """Tell whether somebody is at work on it, or will be: Lambda tries what failed three times."""
        return entry.state in (LOADING, FAILED) and stored.age < self._rules.grace
