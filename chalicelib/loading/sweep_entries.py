"""What the sweep does about a ledger entry that nobody has written for the grace time."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.errors import UnreadableEntry
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import DELETED, FAILED, GONE, LOADING, Arrival, VersionedJson
from chalicelib.loading.store import ObjectStore
from chalicelib.loading.sweep_announcer import Announcer, is_given_up
from chalicelib.loading.sweep_cursor import Rules, SweepReport
from chalicelib.loading.sweep_relay import SweepRelay, with_failure


class ReadEntry(Struct, frozen=True):
    """A ledger entry as it was read: `stored` is None where there is none, `problem` says why it cannot be read.

    `is_acknowledged` says that its receipt has all that is in its outbox, and was looked at.
    """

    stored: VersionedJson | None = None
    entry: Entry | None = None
    problem: str = ""
    is_acknowledged: bool = False


def read_entry(
    store: ObjectStore, name: str, is_acknowledged: Callable[[Entry, VersionedJson], bool] = lambda entry, stored: False
) -> ReadEntry:
    """Read an entry by its name; changes nothing, so that many may be read side by side."""
    stored = store.read_json(name)
    if stored is None:
        return ReadEntry()
    try:
        entry = Entry.from_json(stored.value, name)
    except UnreadableEntry as problem:
        return ReadEntry(stored, problem=str(problem))
    return ReadEntry(stored, entry, is_acknowledged=is_acknowledged(entry, stored))


class EntryRepairs:
    """Finishes what a load left, announces what is to be loaded again, removes what is nobody's any more."""

    def __init__(
        self, store: ObjectStore, rules: Rules, announcer: Announcer, relay: SweepRelay, report: SweepReport
    ) -> None:
        self._store = store
        self._rules = rules
        self._announcer = announcer
        self._relay = relay
        self._report = report

    def repair(self, name: str, entry: Entry, stored: VersionedJson, is_recent: bool) -> None:
        """Look at an entry that nobody has written for the grace time, at the files of a recent one too."""
        if entry.state in (LOADING, FAILED):
            self._unfinished(name, entry, stored)
        elif entry.state in (GONE, DELETED) and (current := self._store.current(entry.key)) is not None:
            # What was announced is gone, and what there is now may have come a long time ago.
            self._announcer.wait_for(entry.key, stored.age)
            self._announcer.claim(current, entry, stored)
        elif entry.publishing or entry.superseded:
            self._clean_up(name, entry, stored)
        elif self._rules.deletes and entry.loaded_version is not None and self._store.current(entry.key) is None:
            self._announcer.announce_removal(entry)
        elif is_recent:
            self._perhaps_incomplete(entry, stored)

    def remove(self, name: str, marked: Entry, stored: VersionedJson) -> None:
        """Remove the superseded files of an entry once the ledger says so: their names are never written again."""
        etag = self._store.write_json(name, marked.as_json(), stored.etag)
        if etag is None:
            return
        self._store.delete(marked.removable)
        self._report.removed += len(marked.removable)
        self._store.write_json(name, replace(marked, superseded=()).as_json(), etag)

    def _unfinished(self, name: str, entry: Entry, stored: VersionedJson) -> None:
        arrival = self._store.current(entry.key)
        if arrival is None and self._rules.deletes:
            self._announcer.announce_removal(entry)
            return
        self._announcer.wait_for(entry.key, stored.age)
        # Where the key was deleted meanwhile, S3 may still have the version that was being loaded.
        arrival = arrival or _version(entry, entry.version, self._rules.bucket)
        if is_given_up(entry, arrival):
            self._give_up(name, entry, stored)
        else:
            self._announcer.claim(arrival, entry, stored)

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
        self.remove(name, entry.abandoned(), stored)

    def _perhaps_incomplete(self, entry: Entry, stored: VersionedJson) -> None:
        """Have a version loaded again of which files are missing from the table."""
        missing = [file for file in entry.files if self._store.current(file) is None]
        if not missing or entry.loaded_version is None:
            return
        current = self._store.current(entry.key)
        if current is not None and current.version != entry.version:
            # The entry is older than the object, as after a restore.
            self._announcer.claim(current, entry, stored)
            return
        arrival = replace(_version(entry, entry.loaded_version, self._rules.bucket), sequencer=entry.loaded_sequencer)
        if self._store.modified_at(arrival) is None:
            self._report.note(f"{len(missing)} of its files are missing, and its object is gone", entry.key)
            return
        self._report.note(f"{len(missing)} of its files are missing: it is loaded again", entry.key)
        is_newest = entry.loaded_version == entry.version
        self._announcer.announce_when_written(
            arrival, entry.awaited(arrival) if is_newest else entry.repairing(), stored
        )


def _version(entry: Entry, version: str, bucket: str) -> Arrival:
    """Return a version of an entry's key as it was announced. Of an older one only an id names what S3 still has."""
    etag = entry.etag if version == entry.version else None
    return Arrival(bucket, entry.key, version, None if version == etag else version, etag)
