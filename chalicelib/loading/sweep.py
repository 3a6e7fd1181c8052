"""The sweep: finds what no event announced, what died half-way and what was replaced but not removed.

A round looks at three prefixes one after the other, page by page, and goes on in the next run where the time of this
one ended: dropped objects against their ledger entries, ledger entries that say of unfinished work or of files that
are missing, and the table's files against the entries that should know them. It loads nothing itself: it announces, as
S3 would have, so that each object has a process and a time of its own.

It removes only files that the ledger proves to be nobody's (see table_files). A ledger that is empty where it was not
ends the run before anything is written; one that lacks many of its entries, or orphans that are many at once, leave all
files where they are. Both are reported, for an alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.errors import UnreadableEntry
from chalicelib.file_names import ledger_name, unreadable_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import (
    DELETED,
    FAILED,
    FINISHED,
    GONE,
    LOADING,
    Arrival,
    ObjectSummary,
    VersionedJson,
    version_of,
)
from chalicelib.loading.notifications import announcement
from chalicelib.loading.outbox_relay import OutboxRelay
from chalicelib.loading.store import ObjectStore
from chalicelib.loading.sweep_cursor import (
    EARLIEST,
    INCOMING,
    LEDGER,
    ORPHANS,
    PHASES,
    TABLE,
    Rules,
    SweepCursor,
    SweepReport,
)
from chalicelib.loading.sweep_relay import SweepRelay, with_failure
from chalicelib.loading.table_files import TableFiles

RESERVE = 20.0
"""Seconds that a run keeps to remember where it is."""

MOST_ATTEMPTS = 10
"""How often loading one version may have begun before the sweep gives it up: what ends its process each time is not for
ever tried again. Announcements do not count: they may wait for hours in Lambda's queue."""


class Sweep:
    """One stage's sweep. `announce` hands an event to the S3 handler and returns when it is accepted.

    `relay` relays outboxes that are pending; without one, they stay so. What lies below the prefixes `backfilled` is
    left to the backfills that are at work there: it is not announced.
    """

    def __init__(
        self,
        store: ObjectStore,
        rules: Rules,
        announce: Callable[[dict[str, Any]], None],
        relay: OutboxRelay | None = None,
        backfilled: tuple[str, ...] = (),
    ) -> None:
        self._store = store
        self._rules = rules
        self._announce = announce
        self._relay = SweepRelay(relay, rules.grace)
        self._backfilled = backfilled
        self._report = SweepReport()
        self._name = f"{rules.state}sweep.json"

    def run(self, time_left: Callable[[], float]) -> SweepReport:
        """Go on with the round until it is whole or the time is nearly over. Raises what the store raises."""
        self._report = SweepReport()
        stored = self._store.read_json(self._name)
        cursor, etag = (SweepCursor.from_json(stored.value), stored.etag) if stored else (SweepCursor(), None)
        if cursor.is_new_round and cursor.entries and self._ledger_is_empty():
            self._report.left_alone += cursor.entries
            self._report.note(f"the ledger is empty and had {cursor.entries} entries: nothing is done", self._name)
            return self._report
        while time_left() > RESERVE:
            cursor = (
                self._remove_orphans(cursor, time_left) if cursor.phase == ORPHANS else self._page(cursor, time_left)
            )
            etag = self._store.write_json(self._name, cursor.as_json(), etag)
            # Another run is at work where this one stood: one of them is enough.
            if etag is None or self._report.whole:
                break
        return self._report

    def _ledger_is_empty(self) -> bool:
        return not any(self._is_entry(each) for each in self._store.list(self._rules.ledger).objects)

    def _is_entry(self, listed: ObjectSummary) -> bool:
        """Tell an entry from what lies in a folder below the ledger: entries set aside, a copy that somebody keeps."""
        return "/" not in listed.key.removeprefix(self._rules.ledger) and not listed.is_folder

    def _page(self, cursor: SweepCursor, time_left: Callable[[], float]) -> SweepCursor:
        """Look at a page of objects; return where to go on."""
        rules = self._rules
        prefix = {INCOMING: (rules.incoming,), LEDGER: (rules.ledger,), TABLE: rules.tables}[cursor.phase][cursor.table]
        look = {INCOMING: self._dropped, LEDGER: self._entry, TABLE: self._table_files().look}[cursor.phase]
        page = self._store.list(prefix, cursor.after)
        horizon = cursor.last_whole - rules.lookback if cursor.last_whole else None
        if cursor.began_at is None:
            cursor = replace(cursor, began_at=page.now, relayed_until=cursor.relayed_until or horizon or EARLIEST)
        for each in page.objects:
            if time_left() <= RESERVE:
                return cursor
            is_recent = horizon is None or each.modified_at >= horizon
            cursor = replace(look(cursor, each, page.now, is_recent), after=each.key)
        if page.more:
            return cursor
        if cursor.phase == TABLE and cursor.table + 1 < len(rules.tables):
            return replace(cursor, table=cursor.table + 1, after="")
        return self._next_phase(cursor)

    def _next_phase(self, cursor: SweepCursor) -> SweepCursor:
        lost = cursor.entries - cursor.counted if cursor.phase == LEDGER else 0
        if lost > 0:
            # Whose they were only their objects tell, which may be old ones: the next round looks at all of them.
            cursor = replace(cursor, full=True)
        if lost > cursor.entries * self._rules.most_percent / 100:
            self._report.left_alone += lost
            self._report.note(f"the ledger had {lost} entries more before: no file is removed", self._rules.ledger)
            cursor = replace(cursor, doubtful=True)
        if cursor.phase == TABLE and not self._may_remove(cursor):
            cursor = replace(cursor, orphans=())
        phase = PHASES[PHASES.index(cursor.phase) + 1]
        if phase == ORPHANS and not cursor.orphans:
            self._report.whole = True
            return cursor.finished()
        return replace(cursor, phase=phase, table=0, after="")

    # Dropped objects ----------------------------------------------------------------------------------------------

    def _dropped(self, cursor: SweepCursor, listed: ObjectSummary, now: datetime, is_recent: bool) -> SweepCursor:
        if is_recent and listed.key.startswith(self._backfilled):
            # It is the backfill's. What that leaves, however old, is looked at by the next round.
            return replace(cursor, full=True)
        if is_recent and not listed.is_folder:
            self._report.looked += 1
            self._perhaps_waits(listed, now)
        return cursor

    def _perhaps_waits(self, listed: ObjectSummary, now: datetime) -> None:
        name = f"{self._rules.ledger}{ledger_name(listed.key)}"
        stored = self._store.read_json(name)
        try:
            entry = Entry.from_json(stored.value, name) if stored else None
        except UnreadableEntry as problem:
            self._report.unreadable += 1
            self._report.note(f"its ledger entry could not be read and was set aside: {problem}", listed.key)
            self._store.copy(name, unreadable_name(self._rules.ledger, listed.key))
            entry = None
        if entry is not None and entry.state in FINISHED and entry.tells_of(listed):
            return
        arrival = self._store.current(listed.key)
        if arrival is None or (entry is not None and entry.state in FINISHED and entry.version == arrival.version):
            return
        if entry is not None and stored is not None and entry.version == arrival.version and self._alive(entry, stored):
            return
        self._wait_for(listed.key, now - listed.modified_at)
        self._claim(arrival, entry, stored)

    def _alive(self, entry: Entry, stored: VersionedJson) -> bool:
        """Tell whether somebody is at work on it, or will be: Lambda tries what failed three times."""
        return entry.state in (LOADING, FAILED) and stored.age < self._rules.grace

    def _claim(self, arrival: Arrival, entry: Entry | None, stored: VersionedJson | None) -> None:
        """Announce it if the ledger's entry is still the one that was seen: two sweeps never announce one object."""
        if entry is not None and _is_given_up(entry, arrival):
            return
        first = replace(Entry.first(arrival), attempts=0)
        marked = with_failure(entry, stored)
        self._announce_when_written(arrival, (marked or first).awaited(arrival), stored)
        if marked is not entry:
            self._relay.relay(marked)

    def _announce_when_written(self, arrival: Arrival, entry: Entry, stored: VersionedJson | None) -> None:
        name = f"{self._rules.ledger}{ledger_name(arrival.key)}"
        etag = self._store.write_json(name, entry.as_json(), stored.etag if stored else None)
        if etag is not None:
            self._announce(announcement(replace(arrival, ledger_etag=etag)))
            self._report.announced += 1

    def _wait_for(self, key: str, age: timedelta) -> None:
        contract, seconds = self._rules.contract_of(key), age.total_seconds()
        self._report.oldest_waiting[contract] = max(self._report.oldest_waiting.get(contract, 0.0), seconds)

    # Ledger entries -----------------------------------------------------------------------------------------------

    def _entry(self, cursor: SweepCursor, listed: ObjectSummary, now: datetime, is_recent: bool) -> SweepCursor:
        if not self._is_entry(listed):
            return cursor
        cursor = replace(cursor, counted=cursor.counted + 1)
        may_be_pending = self._relay.may_be_pending(cursor, listed)
        if not is_recent and not self._rules.deletes and not may_be_pending:
            return cursor
        self._report.looked += 1
        stored = self._store.read_json(listed.key)
        if stored is None:
            return cursor
        try:
            entry = Entry.from_json(stored.value, listed.key)
        except UnreadableEntry as problem:
            self._report.unreadable += 1
            self._report.note(f"a ledger entry that cannot be read: {problem}", listed.key)
            # Whose it is only its object tells, which may be an old one: the next round looks at all of them.
            return replace(cursor, full=cursor.full or cursor.last_whole is not None)
        if stored.age >= self._rules.grace:
            if is_recent or self._rules.deletes:
                self._settled(listed.key, entry, stored, is_recent)
            if may_be_pending and entry.outbox:
                self._relay.relay(entry)
                return replace(cursor, relay_failed=cursor.relay_failed or self._relay.is_broken)
        return cursor

    def _settled(self, name: str, entry: Entry, stored: VersionedJson, is_recent: bool) -> None:
        """Look at an entry that nobody has written for the grace time, at the files of a recent one too."""
        if entry.state in (LOADING, FAILED):
            self._unfinished(name, entry, stored)
        elif entry.state in (GONE, DELETED) and (current := self._store.current(entry.key)) is not None:
            # What was announced is gone, and what there is now may have come a long time ago.
            self._wait_for(entry.key, stored.age)
            self._claim(current, entry, stored)
        elif entry.publishing or entry.superseded:
            self._clean_up(name, entry, stored)
        elif self._rules.deletes and entry.loaded_version is not None and self._store.current(entry.key) is None:
            self._announce_removal(entry)
        elif is_recent:
            self._perhaps_incomplete(entry, stored)

    def _unfinished(self, name: str, entry: Entry, stored: VersionedJson) -> None:
        arrival = self._store.current(entry.key)
        if arrival is None and self._rules.deletes:
            self._announce_removal(entry)
            return
        self._wait_for(entry.key, stored.age)
        # Where the key was deleted meanwhile, S3 may still have the version that was being loaded.
        arrival = arrival or _version(entry, entry.version, self._rules.bucket)
        if _is_given_up(entry, arrival):
            self._give_up(name, entry, stored)
        else:
            self._claim(arrival, entry, stored)

    def _give_up(self, name: str, entry: Entry, stored: VersionedJson) -> None:
        """Announce it no more; what it was about to publish beside the rows of an older version is removed."""
        self._report.given_up += 1
        self._report.note(f"given up after {entry.attempts} attempts", entry.key)
        marked = with_failure(entry, stored) or entry
        if marked.publishing or marked.superseded:
            self._clean_up(name, marked, stored)
        elif marked is not entry:
            self._store.write_json(name, marked.as_json(), stored.etag)
        if marked is not entry:
            self._relay.relay(marked)

    def _clean_up(self, name: str, entry: Entry, stored: VersionedJson) -> None:
        """Remove what the entry has replaced, and what was about to appear when its process ended."""
        self._remove(name, entry.abandoned(), stored)

    def _remove(self, name: str, marked: Entry, stored: VersionedJson) -> None:
        """Remove the superseded files of an entry once the ledger says so: their names are never written again."""
        etag = self._store.write_json(name, marked.as_json(), stored.etag)
        if etag is None:
            return
        self._store.delete(marked.removable)
        self._report.removed += len(marked.removable)
        self._store.write_json(name, replace(marked, superseded=()).as_json(), etag)

    def _announce_removal(self, entry: Entry) -> None:
        gone = Arrival(self._rules.bucket, entry.key, version_of(None, None), removed=True)
        self._announce(announcement(gone))
        self._report.announced += 1

    def _perhaps_incomplete(self, entry: Entry, stored: VersionedJson) -> None:
        """Have a version loaded again of which files are missing from the table."""
        missing = [file for file in entry.files if self._store.current(file) is None]
        if not missing or entry.loaded_version is None:
            return
        current = self._store.current(entry.key)
        if current is not None and current.version != entry.version:
            # The entry is older than the object, as after a restore.
            self._claim(current, entry, stored)
            return
        arrival = replace(_version(entry, entry.loaded_version, self._rules.bucket), sequencer=entry.loaded_sequencer)
        if self._store.modified_at(arrival) is None:
            self._report.note(f"{len(missing)} of its files are missing, and its object is gone", entry.key)
            return
        self._report.note(f"{len(missing)} of its files are missing: it is loaded again", entry.key)
        is_newest = entry.loaded_version == entry.version
        self._announce_when_written(arrival, entry.awaited(arrival) if is_newest else entry.repairing(), stored)

    # Files of the table -------------------------------------------------------------------------------------------

    def _table_files(self) -> TableFiles:
        return TableFiles(self._store, self._rules, self._report, self._remove)

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
        files = self._table_files()
        for i, file in enumerate(cursor.orphans):
            if time_left() <= RESERVE:
                return replace(cursor, orphans=cursor.orphans[i:])
            files.remove(file)
        self._report.whole = True
        return cursor.finished()


def _is_given_up(entry: Entry, arrival: Arrival) -> bool:
    return entry.version == arrival.version and entry.attempts >= MOST_ATTEMPTS


def _version(entry: Entry, version: str, bucket: str) -> Arrival:
    """Return a version of an entry's key as it was announced. Of an older one only an id names what S3 still has."""
    etag = entry.etag if version == entry.version else None
    return Arrival(bucket, entry.key, version, None if version == etag else version, etag)
