"""What a sweep goes by and leaves behind: its rules, what a run reports, and where a round is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from chalicelib.loading.models import ObjectSummary

MOST_NOTES = 20

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No round began before."""

LEDGER, INCOMING, TABLE, MISSING, ORPHANS = "ledger", "incoming", "table", "missing", "orphans"
PHASES = (LEDGER, INCOMING, TABLE, MISSING, ORPHANS)

FORMAT = 2
"""Raised when what a round has come to means something else: it is then begun anew."""


class Rules(Struct, frozen=True):
    """Where the sweep looks and what it leaves alone.

    `tables` are the folders of all tables. `grace` is how long a load that says nothing, or a file that nobody knows,
    is left alone. `lookback` is how far before the last whole round an object is looked at again. With `deletes` a
    dropped object that is gone takes its rows along. Where a round finds more than `most_removals` orphans, and they
    are more than `most_percent` of the table's files, none is removed; a ledger that lost more than `most_percent` of
    its entries has it so as well. `contract_of` names the contract that an object is loaded by.
    """

    bucket: str
    incoming: str
    tables: tuple[str, ...]
    ledger: str
    state: str
    grace: timedelta
    lookback: timedelta
    deletes: bool = False
    most_removals: int = 100
    most_percent: int = 10
    contract_of: Callable[[str], str] = lambda key: ""


class SweepReport(Struct):
    """What one run did, in numbers.

    `foreign` counts files in the table's prefix that no load wrote. `left_alone` counts files that no entry knows and
    that were not removed, since nothing proves that they are nobody's, and entries that the ledger lost: it may be
    lost, or elsewhere. `unreadable` counts entries that could not be read. `oldest_waiting` is in seconds, by
    contract: since when its oldest unfinished object waits.
    """

    looked: int = 0
    announced: int = 0
    given_up: int = 0
    removed: int = 0
    foreign: int = 0
    left_alone: int = 0
    unreadable: int = 0
    oldest_waiting: dict[str, float] = field(default_factory=dict)
    whole: bool = False
    notes: list[tuple[str, str]] = field(default_factory=list)

    def note(self, what: str, key: str) -> None:
        """Keep a key that somebody has to look at, a few of them."""
        if len(self.notes) < MOST_NOTES and (what, key) not in self.notes:
            self.notes.append((what, key))


class SweepCursor(Struct, frozen=True):
    """Where a round is, and what it has counted.

    It stands in `phase` after the key `after`; in the phase of the tables, `table` is the number of the one that it is
    in. `entries` is how many entries the ledger had in the last whole round, `counted` how many this one has come by,
    `lost` how many are gone that the index has. `files` counts the table's files, `orphans` are those to be removed.
    `doubtful` says that nothing is to be removed in this round, `full` that the next one looks at everything.
    `relayed_until` is when the last round began that left no outbox pending, `relay_failed` that this one does.
    `epoch` names the index that was begun with the first round. `marks` are those of what was come by (see index_view),
    in the version `index` of it; `begin` is where the view of it begins that is gone through.
    """

    phase: str = LEDGER
    after: str = ""
    table: int = 0
    began_at: datetime | None = None
    last_whole: datetime | None = None
    entries: int = 0
    counted: int = 0
    lost: int = 0
    files: int = 0
    orphans: tuple[str, ...] = ()
    doubtful: bool = False
    full: bool = False
    relayed_until: datetime | None = None
    relay_failed: bool = False
    epoch: str = ""
    marks: str = ""
    index: str = ""
    begin: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the cursor as it is stored."""
        times = {
            name: time.isoformat() if time else None for name, time in ((name, getattr(self, name)) for name in _TIMES)
        }
        return {"format": FORMAT} | asdict(self) | times

    @classmethod
    def from_json(cls, stored: Any) -> SweepCursor:
        """Read a cursor; what cannot be read begins a round anew that looks at everything."""
        try:
            values = {name: stored[name] for name in cls.__struct_fields__ if name in stored}
            for name in _TIMES:
                values[name] = _time(values[name]) if values.get(name) else None
            cursor = cls(**values | {"orphans": tuple(values.get("orphans", ()))})
            numbers = (cursor.table, cursor.entries, cursor.counted, cursor.lost, cursor.files)
            texts = (cursor.after, cursor.epoch, cursor.marks, cursor.index, cursor.begin, *cursor.orphans)
            sound = all(type(each) is int for each in numbers) and all(type(each) is str for each in texts)
            sound = sound and cursor.phase in PHASES and cursor.table >= 0
            if not sound:
                return cls()
            return cursor if stored.get("format") == FORMAT else cursor.begun_anew()
        except (TypeError, ValueError, AttributeError, KeyError):
            return cls()

    @property
    def is_new_round(self) -> bool:
        """Whether nothing of the round has been looked at."""
        return self.phase == LEDGER and not self.after

    def horizon(self, lookback: timedelta) -> datetime | None:
        """Return since when what was written is looked at in this round, None where that is everything."""
        return self.last_whole - lookback if self.last_whole else None

    def is_recent(self, listed: ObjectSummary, lookback: timedelta) -> bool:
        """Tell whether this round looks at what is listed, whatever became of it before."""
        horizon = self.horizon(lookback)
        return horizon is None or listed.modified_at >= horizon

    def begun(self, now: datetime, lookback: timedelta) -> SweepCursor:
        """Return the cursor with the time at which the round began, if that was just now."""
        if self.began_at is not None:
            return self
        return replace(self, began_at=now, relayed_until=self.relayed_until or self.horizon(lookback) or EARLIEST)

    def begun_anew(self) -> SweepCursor:
        """Return where the same round begins once more: what it goes by has changed."""
        return SweepCursor(
            last_whole=None if self.full else self.last_whole,
            entries=self.entries,
            relayed_until=self.relayed_until,
            epoch=self.epoch,
        )

    def finished(self) -> SweepCursor:
        """Return where the next round begins."""
        return SweepCursor(
            last_whole=None if self.full else self.began_at,
            entries=self.counted,
            relayed_until=self.relayed_until if self.relay_failed else self.began_at,
            epoch=self.epoch,
        )


_TIMES = ("began_at", "last_whole", "relayed_until")


def _time(text: str) -> datetime:
    """Read a time that S3's may be compared with, and that can be looked back from. Raises ValueError."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None or time.year < EARLIEST.year:
        raise ValueError(f"{text!r} is no time of a round")
    return time
