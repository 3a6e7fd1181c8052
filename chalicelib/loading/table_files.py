"""The files of the table as the ledger knows them: whose each is, and which are proven to be nobody's."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import Enum

from msgspec.structs import replace

from chalicelib.errors import UnreadableEntry
from chalicelib.file_names import FileName, parse_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.index_view import IndexView
from chalicelib.loading.models import FAILED, LOADING, WITH_ROWS, ObjectSummary, Page, VersionedJson
from chalicelib.loading.store import ObjectStore
from chalicelib.loading.sweep_cursor import Rules, SweepCursor, SweepReport
from chalicelib.loading.sweep_pages import RESERVE

MOST_ORPHANS = 1000
"""How many files that are to be removed a round remembers; more are left to the next one."""


class Ownership(Enum):
    """Whose a file of the table is, by the ledger."""

    KNOWN = "known"
    """Its key's entry knows it, or a load of the key is at work."""
    ORPHAN = "orphan"
    """Nobody's: its name was to be removed before, or its key's rows are all in other files, which are there."""
    UNKNOWN = "unknown"
    """Its key has no entry, or one that does not fit the table: the ledger may be lost, or older than the table."""


class TableFiles:
    """A page of the table's files, and what the ledger says of them: each entry is read once.

    `drop` removes the superseded files of an entry, given its name, itself and what was read. What `view` proves to be
    somebody's is not looked at any further.
    """

    def __init__(
        self,
        store: ObjectStore,
        rules: Rules,
        report: SweepReport,
        drop: Callable[[str, Entry, VersionedJson], None],
        view: IndexView | None = None,
    ) -> None:
        self._store = store
        self._rules = rules
        self._report = report
        self._drop = drop
        self._view = view
        self._entries: dict[str, list[tuple[str, Entry | None, VersionedJson]]] = {}

    def look_at(self, cursor: SweepCursor, page: Page, time_left: Callable[[], float]) -> tuple[SweepCursor, bool]:
        """Look at a page; return the cursor with what is nobody's, and whether the time was over before its end."""
        count, after, orphans, is_cut = 0, cursor.after, list(cursor.orphans), False
        for each in page.objects:
            is_cut = time_left() <= RESERVE
            if is_cut:
                break
            after = each.key
            name = None if each.is_folder else parse_name(each.key)
            if name is None:
                self._foreign(each)
                continue
            if self._view is not None and not self._view.covers(name.key_digest):
                continue
            count += 1
            is_known = self._view is not None and self._view.see_file(each.key, name.key_digest)
            if is_known or not cursor.is_recent(each, self._rules.lookback):
                continue
            if self._is_orphan(each, name, page.now) and len(orphans) < MOST_ORPHANS:
                orphans.append(each.key)
        return replace(cursor, files=cursor.files + count, after=after, orphans=tuple(orphans)), is_cut

    def _foreign(self, listed: ObjectSummary) -> None:
        """Report a file that is somebody's, and not ours to remove; Athena reads it all the same."""
        if not listed.is_folder and (self._view is None or not self._view.begin):
            self._report.foreign += 1
            self._report.note("not a file of ours in the table's prefix", listed.key)

    def _is_orphan(self, listed: ObjectSummary, name: FileName, now: datetime) -> bool:
        if now - listed.modified_at < self._rules.grace:
            return False
        self._report.looked += 1
        ownership = self._ownership(listed.key, name.key_digest)
        if ownership is Ownership.UNKNOWN:
            self._report.left_alone += 1
            self._report.note("no entry of the ledger knows it: it is left alone", listed.key)
        return ownership is Ownership.ORPHAN

    def remove(self, file: str) -> None:
        """Remove a file if it still is nobody's."""
        name = parse_name(file)
        if name is None or self._ownership(file, name.key_digest, refresh=True) is not Ownership.ORPHAN:
            return
        ((entry_name, entry, stored),) = self._entries[name.key_digest]
        if entry is not None:
            self._drop(entry_name, entry.dropping([file]), stored)

    def _ownership(self, file: str, key_digest: str, refresh: bool = False) -> Ownership:
        if refresh or key_digest not in self._entries:
            self._entries[key_digest] = list(self._read(key_digest))
        entries = [entry for _, entry, _ in self._entries[key_digest]]
        if any(entry is not None and entry.knows(file) for entry in entries):
            return Ownership.KNOWN
        # Two keys of one digest would be 2^32 objects away; then neither's entry proves anything.
        entry = entries[0] if len(entries) == 1 else None
        if entry is None:
            return Ownership.UNKNOWN
        if entry.state in (LOADING, FAILED):
            return Ownership.KNOWN
        return Ownership.ORPHAN if entry.has_burned(file) or self._is_whole(entry) else Ownership.UNKNOWN

    def _is_whole(self, entry: Entry) -> bool:
        """Tell whether all rows of an entry's key are where it says: one restored from an old copy fails here."""
        loaded = entry.state in WITH_ROWS and bool(entry.files)
        return loaded and all(self._store.current(file) is not None for file in entry.files)

    def _read(self, key_digest: str) -> Iterable[tuple[str, Entry | None, VersionedJson]]:
        for listed in self._store.list(f"{self._rules.ledger}{key_digest}").objects:
            stored = self._store.read_json(listed.key)
            if stored is not None:
                try:
                    yield listed.key, Entry.from_json(stored.value, listed.key), stored
                except UnreadableEntry:
                    yield listed.key, None, stored
