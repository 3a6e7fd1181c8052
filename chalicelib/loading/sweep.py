"""The sweep: finds what no event announced, what died half-way and what was replaced but not removed.

A round looks at three prefixes one after the other, page by page, and goes on in the next run where the time of this
one ended: ledger entries that say of unfinished work, dropped objects of which no entry tells, and the table's files
that no entry knows, or that are not there. It loads nothing itself: it announces, as S3 would have, so that each object
has a process and a time of its own.

What an entry said is in an index (see ledger_index), so that it is read once and not in every round. The index is asked
only about entries that this round's listing of the ledger shows as they were when they were read.

It removes only files that the ledger proves to be nobody's (see table_files). A ledger that is empty where it was not
ends the run before anything is written; one that lacks many of its entries, or orphans that are many at once, leave all
files where they are. Both are reported, for an alarm.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from chalicelib.loading.index_view import MOST, IndexView
from chalicelib.loading.ledger_index import FULL, ChangedIndex, LedgerIndex
from chalicelib.loading.outbox_relay import OutboxRelay
from chalicelib.loading.store import ObjectStore
from chalicelib.loading.sweep_announcer import Announcer
from chalicelib.loading.sweep_cursor import (
    INCOMING,
    LEDGER,
    MISSING,
    ORPHANS,
    PHASES,
    TABLE,
    Rules,
    SweepCursor,
    SweepReport,
)
from chalicelib.loading.sweep_entries import EntryRepairs, read_entry
from chalicelib.loading.sweep_incoming import IncomingPhase
from chalicelib.loading.sweep_ledger import LedgerPhase
from chalicelib.loading.sweep_pages import RESERVE, pages
from chalicelib.loading.sweep_relay import SweepRelay
from chalicelib.loading.table_files import TableFiles

SEGMENT_SECONDS = 0.2
"""How long a segment of the index takes to be read, at 512 MB."""

MOST_MISSING = 1000
"""After how many entries that miss something a run remembers where it is."""


class Sweep:
    """One stage's sweep. `announce` hands an event to the S3 handler and returns when it is accepted.

    `relay` relays outboxes that are pending; without one, they stay so. What lies below the prefixes `backfilled` is
    left to the backfills that are at work there: it is not announced. `at_once` entries are read at the same time.
    A segment of the index has up to `full` records, `most` of them are in memory at the same time.
    """

    def __init__(
        self,
        store: ObjectStore,
        rules: Rules,
        announce: Callable[[dict[str, Any]], None],
        relay: OutboxRelay | None = None,
        backfilled: tuple[str, ...] = (),
        *,
        at_once: int = 1,
        full: int = FULL,
        most: int = MOST,
    ) -> None:
        self._store = store
        self._rules = rules
        self._report = report = SweepReport()
        self._name = f"{rules.state}sweep.json"
        self._index = LedgerIndex(store, rules.state, full)
        self._view: IndexView | None = None
        self._most = most
        relays = SweepRelay(relay, rules.grace)
        announcer = Announcer(store, rules, announce, relays, report)
        self._repairs = EntryRepairs(store, rules, announcer, relays, report)
        self._ledger = LedgerPhase(store, rules, report, self._index, self._repairs, relays, at_once)
        self._incoming = IncomingPhase(store, rules, report, announcer, backfilled, at_once)

    def run(self, time_left: Callable[[], float]) -> SweepReport:
        """Go on with the round until it is whole or the time is nearly over. Raises what the store raises."""
        stored = self._store.read_json(self._name)
        cursor, etag = (SweepCursor.from_json(stored.value), stored.etag) if stored else (SweepCursor(), None)
        if cursor.is_new_round and cursor.entries and self._ledger_is_empty():
            self._report.left_alone += cursor.entries
            self._report.note(f"the ledger is empty and had {cursor.entries} entries: nothing is done", self._name)
            return self._report
        # Without a cursor everything is looked at, whatever an index says that is still there.
        cursor = replace(cursor, epoch=cursor.epoch or uuid.uuid4().hex)
        self._index.epoch = cursor.epoch
        is_saved = True
        while not self._report.whole and time_left() > self._least(cursor):
            step = self._step(cursor, time_left)
            if step is None:
                return self._report
            cursor, is_saved = step
            if is_saved and (etag := self._save(cursor, etag)) is None:
                return self._report
        if not is_saved:
            self._save(cursor, etag)
        return self._report

    def _least(self, cursor: SweepCursor) -> float:
        """Return the seconds without which a step is not begun: the index is read before anything is looked at."""
        is_viewed = self._view is not None or cursor.phase in (LEDGER, ORPHANS)
        return RESERVE if is_viewed else RESERVE + len(self._index) * SEGMENT_SECONDS

    def _save(self, cursor: SweepCursor, etag: str | None) -> str | None:
        """Remember where the round is; return None where another run has: one of them is enough."""
        marks = self._view.marks() if self._view is not None and cursor.phase in (INCOMING, TABLE, MISSING) else ""
        return self._store.write_json(self._name, replace(cursor, marks=marks).as_json(), etag)

    def _ledger_is_empty(self) -> bool:
        return not any(self._ledger.is_entry(each) for each in self._store.list(self._rules.ledger).objects)

    def _step(self, cursor: SweepCursor, time_left: Callable[[], float]) -> tuple[SweepCursor, bool] | None:
        """Go a step; return where to go on, and whether that is to be remembered now.

        The end of a phase is not, since most of them are short. Returns None where another run has been quicker.
        """
        if cursor.phase == LEDGER:
            return self._entries(cursor, time_left)
        if cursor.phase == ORPHANS:
            return self._remove_orphans(cursor, time_left), False
        view = self._view = self._view or self._viewed(cursor)
        if view is None:
            # The rest of the round would go by what its listing of the ledger has not proven.
            return cursor.begun_anew(), False
        look = {INCOMING: self._incoming.step, TABLE: self._files, MISSING: self._missing}[cursor.phase]
        cursor, is_over = look(cursor, view, time_left)
        if is_over and cursor.phase == TABLE and cursor.table + 1 < len(self._rules.tables):
            return replace(cursor, table=cursor.table + 1, after=""), False
        return (self._next_phase(cursor), False) if is_over else (cursor, True)

    def _entries(self, cursor: SweepCursor, time_left: Callable[[], float]) -> tuple[SweepCursor, bool] | None:
        if cursor.index and cursor.index != self._index.version():
            return cursor.begun_anew(), False
        step = self._ledger.step(cursor, time_left)
        if step is None:
            return None
        cursor, is_over = step
        cursor = replace(cursor, index=self._index.version())
        return (self._next_phase(cursor), False) if is_over else (cursor, True)

    def _viewed(self, cursor: SweepCursor) -> IndexView | None:
        """Return the index as the round needs it, None where it is another than the ledger was compared with."""
        if cursor.index != self._index.version():
            return None
        try:
            horizon = cursor.horizon(self._rules.lookback)
            records = self._index.records(cursor.begin)
            view = IndexView(records, horizon, self._rules.deletes, cursor.begin, self._most)
        except ChangedIndex:
            self._index.forget()
            return None
        return view if view.mark(cursor.marks) else None

    def _next_phase(self, cursor: SweepCursor) -> SweepCursor:
        if cursor.phase == LEDGER:
            cursor = self._without_lost(cursor)
        next_view = self._view.end if self._view is not None else None
        if cursor.phase == MISSING and next_view is not None:
            self._view = None
            return replace(cursor, phase=INCOMING, table=0, after="", marks="", begin=next_view)
        if cursor.phase == TABLE and next_view is None and not self._may_remove(cursor):
            cursor = replace(cursor, orphans=())
        phase = PHASES[PHASES.index(cursor.phase) + 1]
        if phase == ORPHANS and not cursor.orphans:
            self._report.whole = True
            return cursor.finished()
        return replace(cursor, phase=phase, table=0, after="")

    def _without_lost(self, cursor: SweepCursor) -> SweepCursor:
        """Return the cursor behind the ledger, which may have lost entries."""
        lost = max(cursor.entries - cursor.counted, cursor.lost)
        if lost > 0:
            # Whose they were only their objects tell, which may be old ones: the next round looks at all of them.
            cursor = replace(cursor, full=True)
        if lost > cursor.entries * self._rules.most_percent / 100:
            self._report.left_alone += lost
            self._report.note(f"the ledger had {lost} entries more before: no file is removed", self._rules.ledger)
            cursor = replace(cursor, doubtful=True)
        return cursor

    # Files of the table -------------------------------------------------------------------------------------------

    def _files(self, cursor: SweepCursor, view: IndexView, time_left: Callable[[], float]) -> tuple[SweepCursor, bool]:
        """Look at pages of a table's files; return where to go on, and whether all of them were looked at."""
        for page in pages(self._store, self._rules.tables[cursor.table], cursor.after, time_left):
            files = TableFiles(self._store, self._rules, self._report, self._repairs.remove, view)
            cursor, is_cut = files.look_at(cursor, page, time_left)
            if is_cut or not page.more:
                return cursor, not is_cut
        return cursor, False

    def _missing(
        self, cursor: SweepCursor, view: IndexView, time_left: Callable[[], float]
    ) -> tuple[SweepCursor, bool]:
        """Look at entries of what was not come by; return where to go on, and whether all of them were looked at."""
        for number, position in enumerate(view.missing(cursor.after)):
            if time_left() <= RESERVE or number == MOST_MISSING:
                return cursor, False
            for listed in self._store.list(f"{self._rules.ledger}{position}").objects:
                self._report.looked += 1
                read = read_entry(self._store, listed.key)
                if read.entry is not None and read.stored is not None and read.stored.age >= self._rules.grace:
                    is_recent = cursor.is_recent(listed, self._rules.lookback)
                    self._repairs.repair(listed.key, read.entry, read.stored, is_recent)
            cursor = replace(cursor, after=position)
        return cursor, True

    def _may_remove(self, cursor: SweepCursor) -> bool:
        """Tell whether the orphans that a round found may be removed: not where they are many at once."""
        count, rules = len(cursor.orphans), self._rules
        if cursor.doubtful or (count > rules.most_removals and count * 100 > cursor.files * rules.most_percent):
            self._report.left_alone += count
            if count and not cursor.doubtful:
                self._report.note(
                    f"{count} of {cursor.files} files are nobody's: too many to be removed", rules.tables[0]
                )
            return False
        return True

    def _remove_orphans(self, cursor: SweepCursor, time_left: Callable[[], float]) -> SweepCursor:
        """Remove the orphans that a round found; each is looked at once more."""
        files = TableFiles(self._store, self._rules, self._report, self._repairs.remove)
        for i, file in enumerate(cursor.orphans):
            if time_left() <= RESERVE:
                return replace(cursor, orphans=cursor.orphans[i:])
            files.remove(file)
        self._report.whole = True
        return cursor.finished()
