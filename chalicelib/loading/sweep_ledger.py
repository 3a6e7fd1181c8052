"""The sweep's look at the ledger: its listing is merged with the index, and what the index does not prove is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from msgspec.structs import replace

from chalicelib.loading.entry import Entry
from chalicelib.loading.index_records import DIGITS, IndexRecord, is_at_rest, record_of
from chalicelib.loading.ledger_index import LedgerIndex, Segment
from chalicelib.loading.models import FINISHED, ObjectSummary, VersionedJson
from chalicelib.loading.store import ObjectStore
from chalicelib.loading.sweep_cursor import Rules, SweepCursor, SweepReport
from chalicelib.loading.sweep_entries import EntryRepairs, ReadEntry, read_entry
from chalicelib.loading.sweep_pages import RESERVE, pages, portions, side_by_side
from chalicelib.loading.sweep_relay import SweepRelay

_NAME = re.compile(r"[0-9a-f]{64}\.json")


class LedgerPhase:
    """Lists the ledger, segment by segment of the index, and brings the index up to date.

    An entry is read when the index does not have it as it is listed, and once more when its grace time is over.
    """

    def __init__(
        self,
        store: ObjectStore,
        rules: Rules,
        report: SweepReport,
        index: LedgerIndex,
        repairs: EntryRepairs,
        relay: SweepRelay,
        at_once: int,
    ) -> None:
        self._store = store
        self._rules = rules
        self._report = report
        self._index = index
        self._repairs = repairs
        self._relay = relay
        self._at_once = at_once

    def step(self, cursor: SweepCursor, time_left: Callable[[], float]) -> tuple[SweepCursor, bool] | None:
        """Look at a segment, or at part of it; return where to go on, and whether all entries were looked at.

        Returns None where another sweep was quicker to write the segment.
        """
        ledger = self._rules.ledger
        after = cursor.after.removeprefix(ledger)
        merge = Merge(self._index.segment(after[:DIGITS]), after)
        is_whole = False
        for page in pages(self._store, ledger, f"{ledger}{after}", time_left):
            cursor = cursor.begun(page.now, self._rules.lookback)
            inside = [each for each in page.objects if merge.segment.covers(self._name(each)[:DIGITS])]
            cursor, is_cut = self._page(cursor, inside, page.now, merge, time_left)
            is_whole = not is_cut and (not page.more or len(inside) < len(page.objects))
            if is_cut or is_whole or self._index.is_full(merge.size):
                break
        lost, records = merge.ended(None if is_whole else cursor.after.removeprefix(ledger))
        if records != list(merge.segment.records) and not self._index.replace(merge.segment, records):
            return None
        cursor = replace(cursor, lost=cursor.lost + lost)
        if is_whole and merge.segment.end is not None:
            return replace(cursor, after=f"{ledger}{merge.segment.end}"), False
        return cursor, is_whole

    def _page(
        self,
        cursor: SweepCursor,
        listed: Sequence[ObjectSummary],
        now: datetime,
        merge: Merge,
        time_left: Callable[[], float],
    ) -> tuple[SweepCursor, bool]:
        """Look at entries of a page; return the cursor behind them, and whether the time was over before."""
        for portion, to_read in portions(listed, partial(self._is_read, cursor, merge, now)):
            entries = side_by_side(partial(self._read, cursor), to_read, self._at_once)
            by_key = {each.key: entry for each, entry in zip(to_read, entries, strict=True)}
            counted, after = 0, cursor.after
            for each in portion:
                name = self._name(each)
                if each.key in by_key:
                    if time_left() <= RESERVE:
                        return replace(cursor, counted=cursor.counted + counted, after=after), True
                    cursor, record = self._look(cursor, each, by_key[each.key])
                else:
                    record = merge.record_of(name, each)
                if self.is_entry(each):
                    counted += 1
                    merge.add(name, record)
                after = each.key
            cursor = replace(cursor, counted=cursor.counted + counted, after=after)
        return cursor, False

    def _name(self, listed: ObjectSummary) -> str:
        return listed.key.removeprefix(self._rules.ledger)

    def is_entry(self, listed: ObjectSummary) -> bool:
        """Tell an entry from what lies in a folder below the ledger: entries set aside, a copy that somebody keeps."""
        return "/" not in self._name(listed) and not listed.is_folder

    def _is_read(self, cursor: SweepCursor, merge: Merge, now: datetime, listed: ObjectSummary) -> bool:
        if not self.is_entry(listed):
            return False
        record = merge.record_of(self._name(listed), listed)
        if record is not None:
            return not record.is_settled and now - listed.modified_at >= self._rules.grace
        is_recent = cursor.is_recent(listed, self._rules.lookback)
        return is_recent or self._rules.deletes or self._relay.may_be_pending(cursor, listed)

    def _read(self, cursor: SweepCursor, listed: ObjectSummary) -> ReadEntry:
        def is_acknowledged(entry: Entry, stored: VersionedJson) -> bool:
            is_due = stored.age >= self._rules.grace and self._relay.may_be_pending(cursor, listed)
            return is_due and self._relay.is_acknowledged(entry)

        return read_entry(self._store, listed.key, is_acknowledged)

    def _look(
        self, cursor: SweepCursor, listed: ObjectSummary, read: ReadEntry
    ) -> tuple[SweepCursor, IndexRecord | None]:
        """Do what is to be done about an entry; return what to remember of it."""
        self._report.looked += 1
        if read.problem:
            self._report.unreadable += 1
            self._report.note(f"a ledger entry that cannot be read: {read.problem}", listed.key)
            # Whose it is only its object tells, which may be an old one: the next round looks at all of them.
            return replace(cursor, full=cursor.full or cursor.last_whole is not None), None
        entry, stored = read.entry, read.stored
        if entry is None or stored is None:
            return cursor, None
        if stored.age < self._rules.grace:
            is_finished = is_at_rest(entry) and entry.state in FINISHED
            return cursor, record_of(entry, stored, is_settled=False) if is_finished else None
        is_recent = cursor.is_recent(listed, self._rules.lookback)
        if not is_at_rest(entry) and (is_recent or self._rules.deletes):
            self._repairs.repair(listed.key, entry, stored, is_recent)
        is_relayed = True
        if self._relay.may_be_pending(cursor, listed) and entry.outbox and not read.is_acknowledged:
            self._relay.relay(entry)
            is_relayed = not self._relay.is_broken
            cursor = replace(cursor, relay_failed=cursor.relay_failed or not is_relayed)
        return cursor, record_of(entry, stored, is_settled=is_relayed) if is_at_rest(entry) else None


class Merge:
    """A segment of the index while the listing of its entries behind `after` goes by."""

    def __init__(self, segment: Segment, after: str) -> None:
        self.segment = segment
        self.records: list[IndexRecord] = []
        self.size = 0
        self._after = after
        self._before = {each.digest: each for each in segment.records}
        self._listed: set[bytes] = set()

    def record_of(self, name: str, listed: ObjectSummary) -> IndexRecord | None:
        """Return the record of an entry, if it is of the entry as it is listed."""
        record = self._before.get(_digest(name)) if _NAME.fullmatch(name) else None
        return record if record is not None and record.is_of(listed) else None

    def add(self, name: str, record: IndexRecord | None) -> None:
        """Have an entry gone by, with what is to be remembered of it."""
        if _NAME.fullmatch(name):
            self._listed.add(_digest(name))
            if record is not None:
                self.records.append(record)
                self.size += record.size

    def ended(self, last: str | None) -> tuple[int, list[IndexRecord]]:
        """Return how many entries are there no more, and all records of the segment, when `last` went by.

        None stands for the segment's end.
        """
        behind = [each for each in self.segment.records if each.digest.hex() > self._after[: 2 * DIGITS]]
        before = self.segment.records[: len(self.segment.records) - len(behind)]
        still = [] if last is None else [each for each in behind if each.digest.hex() > last[: 2 * DIGITS]]
        gone_by = behind[: len(behind) - len(still)]
        lost = sum(each.digest not in self._listed for each in gone_by)
        return lost, [*before, *self.records, *still]


def _digest(name: str) -> bytes:
    return bytes.fromhex(name[: 2 * DIGITS])
