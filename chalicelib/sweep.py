"""The sweep: finds what no event announced, what died half-way and what was replaced but not removed.

A round looks at three prefixes one after the other, page by page, and goes on in the next run where the time of this
one ended: dropped objects against their ledger entries, ledger entries that say of unfinished work, and the table's
files against the entries that should know them. It loads nothing itself: it announces, as S3 would have, so that each
object has a process and a time of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from chalicelib.events import announcement
from chalicelib.file_names import ledger_start
from chalicelib.ledger import DELETED, FAILED, FINISHED, LOADING, Arrival, Entry, ledger_name, version_of
from chalicelib.objects import Known, Listed, Page

RESERVE = 20.0
"""Seconds that a run keeps to remember where it is."""

MOST_ATTEMPTS = 10
"""How often loading one version may have begun before the sweep gives it up: what ends its process each time is not for
ever tried again. Announcements do not count: they may wait for hours in Lambda's queue."""

MOST_NOTES = 20

INCOMING, LEDGER, TABLE = "incoming", "ledger", "table"
PHASES = (INCOMING, LEDGER, TABLE)


class Store(Protocol):
    """What the sweep needs of S3; see storage.Storage."""

    def list(self, prefix: str, after: str = "", limit: int = 1000) -> Page: ...
    def look(self, key: str) -> Known | None: ...
    def current(self, key: str) -> Arrival | None: ...
    def delete(self, keys: Iterable[str]) -> None: ...
    def write_json(self, key: str, value: dict[str, Any], etag: str | None) -> str | None: ...


@dataclass(frozen=True)
class Rules:
    """Where the sweep looks and what it leaves alone.

    `grace` is how long a load that says nothing, or a file that nobody knows, is left alone. `lookback` is how far
    before the last whole round an object is looked at again. With `deletes` a dropped object that is gone takes its
    rows along.
    """

    bucket: str
    incoming: str
    table: str
    ledger: str
    state: str
    grace: timedelta
    lookback: timedelta
    deletes: bool = False


@dataclass
class Found:
    """What one run did, in numbers. `oldest_waiting` is in seconds: since when the oldest unfinished object waits."""

    looked: int = 0
    announced: int = 0
    given_up: int = 0
    removed: int = 0
    oldest_waiting: float = 0.0
    whole: bool = False
    notes: list[tuple[str, str]] = field(default_factory=list)

    def note(self, what: str, key: str) -> None:
        """Keep a key that somebody has to look at, a few of them."""
        if len(self.notes) < MOST_NOTES:
            self.notes.append((what, key))


@dataclass(frozen=True)
class Place:
    """Where a round is: in which phase, after which key, when it began and when the last whole one did."""

    phase: str = INCOMING
    after: str = ""
    began_at: datetime | None = None
    last_whole: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the place as it is stored."""
        return {
            "phase": self.phase,
            "after": self.after,
            "began_at": self.began_at.isoformat() if self.began_at else None,
            "last_whole": self.last_whole.isoformat() if self.last_whole else None,
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Place:
        """Read a place; what cannot be read begins a round anew."""
        times = [datetime.fromisoformat(stored[n]) if stored.get(n) else None for n in ("began_at", "last_whole")]
        phase = stored.get("phase")
        return cls(phase, str(stored.get("after", "")), *times) if phase in PHASES else cls()


class Sweep:
    """One stage's sweep. `announce` hands an event to the S3 handler and returns when it is accepted."""

    def __init__(self, store: Store, rules: Rules, announce: Callable[[dict[str, Any]], None]) -> None:
        self._store = store
        self._rules = rules
        self._announce = announce
        self._found = Found()
        self._name = f"{rules.state}sweep.json"

    def run(self, time_left: Callable[[], float]) -> Found:
        """Go on with the round until it is whole or the time is nearly over. Raises what the store raises."""
        self._found = Found()
        known = self._store.look(self._name)
        place, etag = (Place.from_json(known.value), known.etag) if known else (Place(), None)
        while time_left() > RESERVE:
            page, place = self._next(place)
            place = self._look_at(page, place, time_left)
            etag = self._store.write_json(self._name, place.as_json(), etag)
            # Another run is at work where this one stood: one of them is enough.
            if etag is None or self._found.whole:
                break
        return self._found

    def _next(self, place: Place) -> tuple[Page, Place]:
        rules = self._rules
        prefix = {INCOMING: rules.incoming, LEDGER: rules.ledger, TABLE: rules.table}[place.phase]
        page = self._store.list(prefix, place.after)
        return page, place if place.began_at else replace(place, began_at=page.now)

    def _look_at(self, page: Page, place: Place, time_left: Callable[[], float]) -> Place:
        """Look at a page of objects; return where to go on."""
        look = {INCOMING: self._dropped, LEDGER: self._entry, TABLE: self._table_files(page)}[place.phase]
        horizon = place.last_whole - self._rules.lookback if place.last_whole else None
        for each in page.objects:
            if time_left() <= RESERVE:
                return place
            if horizon is None or each.modified_at >= horizon or (self._rules.deletes and place.phase == LEDGER):
                self._found.looked += 1
                self._guarded(look, each, page.now)
            place = replace(place, after=each.key)
        if page.more:
            return place
        following = PHASES[PHASES.index(place.phase) + 1 :]
        if following:
            return replace(place, phase=following[0], after="")
        self._found.whole = True
        return Place(last_whole=place.began_at)

    def _guarded(self, look: Callable[[Listed, datetime], None], listed: Listed, now: datetime) -> None:
        """One entry that nobody can read does not keep the sweep from all that lie behind it."""
        try:
            look(listed, now)
        except (ValueError, TypeError, KeyError):
            self._found.note("its ledger entry cannot be read", listed.key)

    # Dropped objects ----------------------------------------------------------------------------------------------

    def _dropped(self, listed: Listed, now: datetime) -> None:
        if listed.key.endswith("/") and not listed.size:
            return
        known = self._store.look(f"{self._rules.ledger}{ledger_name(listed.key)}")
        entry = Entry.from_json(known.value) if known else None
        if entry is not None and entry.state in FINISHED and _tells_of(entry, listed):
            return
        arrival = self._store.current(listed.key)
        if arrival is None or (entry is not None and entry.state in FINISHED and entry.version == arrival.version):
            return
        if entry is not None and known is not None and entry.version == arrival.version and self._alive(entry, known):
            return
        self._wait_for(now - listed.modified_at)
        self._claim(arrival, entry, known)

    def _alive(self, entry: Entry, known: Known) -> bool:
        """Tell whether somebody is at work on it, or will be: Lambda tries what failed three times."""
        return entry.state in (LOADING, FAILED) and known.age < self._rules.grace

    def _claim(self, arrival: Arrival, entry: Entry | None, known: Known | None) -> None:
        """Announce it if the ledger's entry is still the one that was seen: two sweeps never announce one object."""
        same = entry is not None and entry.version == arrival.version
        if entry is not None and same and entry.attempts >= MOST_ATTEMPTS:
            self._found.given_up += 1
            self._found.note(f"given up after {entry.attempts} attempts", arrival.key)
            return
        awaited = (entry or replace(Entry.first(arrival), attempts=0)).awaited(arrival)
        name = f"{self._rules.ledger}{ledger_name(arrival.key)}"
        etag = self._store.write_json(name, awaited.as_json(), known.etag if known else None)
        if etag is not None:
            self._announce(announcement(replace(arrival, ledger_etag=etag)))
            self._found.announced += 1

    def _wait_for(self, age: timedelta) -> None:
        self._found.oldest_waiting = max(self._found.oldest_waiting, age.total_seconds())

    # Ledger entries -----------------------------------------------------------------------------------------------

    def _entry(self, listed: Listed, now: datetime) -> None:
        known = self._store.look(listed.key)
        if known is None or known.age < self._rules.grace:
            return
        entry = Entry.from_json(known.value)
        if entry.state in (LOADING, FAILED):
            self._unfinished(entry, known)
        elif entry.publishing or entry.superseded:
            self._clean_up(listed.key, entry, known)
        elif self._rules.deletes and entry.state != DELETED and entry.loaded_version is not None:
            self._perhaps_deleted(entry)

    def _unfinished(self, entry: Entry, known: Known) -> None:
        arrival = self._store.current(entry.key)
        if arrival is None and self._rules.deletes:
            self._announce_removal(entry)
            return
        self._wait_for(known.age)
        # Where the key was deleted meanwhile, S3 may still have the version that was being loaded.
        self._claim(arrival or _own_version(entry, self._rules.bucket), entry, known)

    def _clean_up(self, name: str, entry: Entry, known: Known) -> None:
        """Remove what the entry has replaced, and what was about to appear when its process ended."""
        marked = entry.abandoned()
        etag = self._store.write_json(name, marked.as_json(), known.etag)
        if etag is None:
            return
        self._store.delete(marked.superseded)
        self._found.removed += len(marked.superseded)
        self._store.write_json(name, replace(marked, superseded=()).as_json(), etag)

    def _perhaps_deleted(self, entry: Entry) -> None:
        if self._store.current(entry.key) is None:
            self._announce_removal(entry)

    def _announce_removal(self, entry: Entry) -> None:
        gone = Arrival(self._rules.bucket, entry.key, version_of(None, None), removed=True)
        self._announce(announcement(gone))
        self._found.announced += 1

    # Files of the table -------------------------------------------------------------------------------------------

    def _table_files(self, page: Page) -> Callable[[Listed, datetime], None]:
        # An empty ledger says that the ledger is lost or elsewhere, not that all rows are nobody's.
        if page.objects and not self._store.list(self._rules.ledger, limit=1).objects:
            self._found.note("no entry in the ledger: the table's files are left alone", self._rules.ledger)
            return lambda listed, now: None
        return partial(self._table_file, entries={})

    def _table_file(self, listed: Listed, now: datetime, entries: dict[str, set[str]]) -> None:
        """Remove a file that no entry knows, once it has been there for the grace time."""
        if listed.key.endswith("/") and not listed.size:
            return
        start = ledger_start(listed.key)
        if start is None:
            # Somebody's, and not ours to remove; Athena reads it all the same.
            self._found.note("not a file of ours in the table's prefix", listed.key)
            return
        if now - listed.modified_at < self._rules.grace:
            return
        if start not in entries:
            entries[start] = self._known_files(start)
        # Looked at again right before it is removed: a load may have told of it since.
        if listed.key not in entries[start] and listed.key not in self._known_files(start):
            self._store.delete([listed.key])
            self._found.removed += 1

    def _known_files(self, start: str) -> set[str]:
        found: set[str] = set()
        for listed in self._store.list(f"{self._rules.ledger}{start}").objects:
            known = self._store.look(listed.key)
            if known is not None:
                entry = Entry.from_json(known.value)
                found |= {*entry.files, *entry.publishing, *entry.superseded}
        return found


def _own_version(entry: Entry, bucket: str) -> Arrival:
    """Return the version that an entry tells of, as it was announced."""
    version_id = None if entry.version == entry.etag else entry.version
    return Arrival(bucket, entry.key, entry.version, version_id, entry.etag)


def _tells_of(entry: Entry, listed: Listed) -> bool:
    """Tell whether an entry is about the object as it is listed, without asking S3 for its version."""
    modified = datetime.fromisoformat(entry.source_modified_at) if entry.source_modified_at else None
    # Listings and objects show the time with different fractions of a second.
    same_time = modified is not None and int(modified.timestamp()) == int(listed.modified_at.timestamp())
    return same_time and entry.etag == listed.etag
