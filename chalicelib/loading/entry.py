"""The ledger's entry of one source key, and how each step of a load changes it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct, ValidationError, convert, to_builtins
from msgspec.structs import asdict, replace

from chalicelib.counts import NO_ORDERS, Counts
from chalicelib.errors import UnreadableEntry
from chalicelib.file_names import ledger_name, parse_name, version_digest
from chalicelib.loading.entry_files import EntryFiles, as_stored
from chalicelib.loading.models import (
    DELETED,
    FAILED,
    FINISHED,
    GONE,
    LOADING,
    WITH_ROWS,
    Arrival,
    ObjectSummary,
    Result,
    VersionedJson,
    is_before,
)
from chalicelib.loading.outbox import Message, with_message

TRANSFORM = 1
"""Raised when the same bytes come to give other rows: what an older transform loaded is then loaded again."""


class Entry(EntryFiles, frozen=True):
    """What became of the newest version of a key that was seen, and which files hold the key's rows.

    `version` to `transform` tell of the newest version. `files` (see EntryFiles) belong to `loaded_version`, which is
    an older one while the newest is being loaded, or when it could not be read; `incomplete` says that some of them
    are missing from the table. `attempts` counts how often loading the newest version was begun since it last ended
    well, `announced` how often the sweep asked for it. `renewals` counts writes that change nothing else, so that the
    entry's ETag changes: a load is still at work. `deleted_sequencer` is that of the last deletion that took rows
    along: what was there before it never comes back.

    `outbox` holds messages about versions that ended; the receipt says which of them were sent (see outbox_relay).
    """

    key: str
    version: str
    sequencer: str
    state: str
    etag: str | None = None
    loaded_version: str | None = None
    loaded_sequencer: str = ""
    counts: Counts = NO_ORDERS
    quarantine: str | None = None
    reason: str | None = None
    hints: tuple[str, ...] = ()
    source_bytes: int | None = None
    source_modified_at: str | None = None
    finished_at: str | None = None
    seconds: float | None = None
    dollars: float | None = None
    attempts: int = 1
    announced: int = 0
    renewals: int = 0
    deleted_sequencer: str = ""
    transform: int = TRANSFORM
    incomplete: bool = False
    outbox: tuple[Message, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the entry as it is stored: its counts stand beside the other fields."""
        stored: dict[str, Any] = to_builtins(self)
        counts: dict[str, int] = stored.pop("counts")
        return stored | counts

    @classmethod
    def from_json(cls, stored: Any, name: str | None = None) -> Entry:
        """Read an entry from what JSON holds; fields that are not known are passed over.

        Raises UnreadableEntry for anything that no version of this product has written, and for the entry of another
        key than the one whose entry is stored under `name`: its files are not this key's to remove.
        """
        if not isinstance(stored, Mapping):
            raise UnreadableEntry("it is no JSON object")
        fields = {name: value for name, value in stored.items() if name != "counts"}
        entry = replace(_converted(fields, cls), counts=_converted(fields, Counts))
        _check_times(entry)
        if name is not None and name.rpartition("/")[2] != ledger_name(entry.key):
            raise UnreadableEntry("it is the entry of another key")
        if "quarantine_files" not in stored and entry.quarantine is not None:
            # Version 0.2 kept one file in the quarantine, and never removed it.
            entry = replace(entry, quarantine_files=(entry.quarantine,))
        # What an entry of version 0.1 was about to remove has burned its names as well.
        return entry if "burned" in stored else replace(entry, **entry._burning(entry.superseded))

    @classmethod
    def first(cls, arrival: Arrival) -> Entry:
        """Return the entry of a new key while it is being loaded."""
        return cls(arrival.key, arrival.version, arrival.sequencer, LOADING, arrival.etag)

    def beginning(self, arrival: Arrival) -> Entry:
        """Return the entry while a newer version, or the newest again, is being loaded."""
        is_same = self.version == arrival.version
        return replace(
            self if is_same else replace(self, **_NOTHING_YET),
            version=arrival.version,
            # A newer version without a sequencer must not pass for as old as the one before it.
            sequencer=self.sequencer_of(arrival) or (self.sequencer if is_same else ""),
            state=LOADING,
            etag=arrival.etag or (self.etag if is_same else None),
            attempts=self.attempts + 1 if is_same and self.state not in FINISHED else 1,
            announced=self.announced if is_same and self.state not in FINISHED else 0,
            reason=None,
            transform=TRANSFORM,
        )

    def awaited(self, arrival: Arrival) -> Entry:
        """Return the entry while the load that the sweep asked for has not begun."""
        unfinished = self.version == arrival.version and self.state not in FINISHED
        entry = self if unfinished else replace(self.beginning(arrival), attempts=0)
        return replace(entry, state=LOADING, announced=entry.announced + 1)

    def repairing(self) -> Entry:
        """Return the entry while files of the loaded version, which is not the newest, are to be written again."""
        return replace(self, incomplete=True, renewals=self.renewals + 1)

    def renewed(self) -> Entry:
        """Return the entry with nothing changed but that somebody is at work."""
        return replace(self, renewals=self.renewals + 1)

    def sequencer_of(self, arrival: Arrival) -> str:
        """Return the sequencer of what arrived; none where its event is from before a deletion that took it along.

        The same bytes came back since, and without version ids an event of the first names them as well.
        """
        before = self.deleted_sequencer and not is_before(self.deleted_sequencer, arrival.sequencer)
        return "" if before else arrival.sequencer

    def tells_of(self, listed: ObjectSummary) -> bool:
        """Tell whether the newest version is the object as it is listed, without asking S3 for its version."""
        modified = datetime.fromisoformat(self.source_modified_at) if self.source_modified_at else None
        # Listings and objects show the time with different fractions of a second.
        same_time = modified is not None and int(modified.timestamp()) == int(listed.modified_at.timestamp())
        return same_time and self.etag == listed.etag

    def concluding(self, arrival: Arrival, result: Result, acknowledged: Collection[str] = ()) -> Entry:
        """Return the entry after the version that arrived was read, be it the newest or one that came late.

        How it ended is in the outbox, from which the messages of the `acknowledged` ids go.

        What the newest version has replaced is superseded, files that were about to appear included: their versions
        are older for good. A late version leaves those alone, since a newer one may be about to publish them.
        """
        concluded = self._concluded(arrival, result)
        if result.state not in FINISHED:
            return concluded
        finished_at = result.finished_at or ""
        message = Message.of(arrival.version, result.state, finished_at, result.counts, len(result.files))
        return concluded.with_message(message, acknowledged)

    def with_message(self, message: Message, acknowledged: Collection[str] = ()) -> Entry:
        """Return the entry with a message more in its outbox, and without those of the `acknowledged` ids."""
        outbox = with_message(self.outbox, message, key=self.key, newest=self.version, acknowledged=acknowledged)
        return replace(self, outbox=outbox)

    def _concluded(self, arrival: Arrival, result: Result) -> Entry:
        newest = self.version == arrival.version
        if not newest:
            return self._with_rows_of_older(arrival, result)
        entry = replace(self, **{name: value for name, value in asdict(result).items() if name not in _NOT_COPIED})
        if result.state == GONE:
            return entry
        rejected = as_stored(result.quarantine_files)
        if result.state not in WITH_ROWS:
            return entry.dropping(
                entry.quarantine_files,
                quarantine_files=rejected,
                publishing=as_stored(set(entry.publishing) - set(rejected)),
            )
        return entry.dropping(
            {*entry.kept, *entry.publishing},
            files=as_stored(result.files),
            quarantine_files=rejected,
            loaded_version=arrival.version,
            loaded_sequencer=entry.sequencer_of(arrival) or entry.sequencer,
            publishing=(),
            incomplete=False,
        )

    def _with_rows_of_older(self, arrival: Arrival, result: Result) -> Entry:
        """Return the entry after a late version was read: what was rejected of it goes, the newest one's stays."""
        if result.state not in WITH_ROWS:
            return self.dropping(result.quarantine_files)
        return self.dropping(
            {*self.files, *result.quarantine_files},
            files=as_stored(result.files),
            loaded_version=arrival.version,
            loaded_sequencer=self.sequencer_of(arrival),
            publishing=as_stored(set(self.publishing) - set(result.files)),
            incomplete=False,
        )

    def failing(self, reason: str) -> Entry:
        """Return the entry after an attempt to load the newest version ended early."""
        return replace(self, state=FAILED, reason=reason)

    def deleting(self, arrival: Arrival, now: datetime) -> Entry:
        """Return the entry after the source object was deleted, where its rows are to go with it."""
        known = bool(self.outbox) or self.state in FINISHED
        message = Message.of(self.version, DELETED, now.isoformat())
        return (self.with_message(message) if known else self).dropping(
            {*self.kept, *self.publishing},
            version=arrival.version,
            sequencer=arrival.sequencer or self.sequencer,
            state=DELETED,
            etag=None,
            files=(),
            quarantine_files=(),
            quarantine=None,
            counts=NO_ORDERS,
            hints=(),
            loaded_version=None,
            loaded_sequencer="",
            deleted_sequencer=arrival.sequencer or self.sequencer,
            publishing=(),
            reason=None,
            incomplete=False,
        )

    def forgetting(self, arrival: Arrival) -> Entry:
        """Return the entry after a deletion of the key that came before the newest version: older rows go with it."""
        going = {file for file in self.publishing if not _is_of(file, self.version)}
        changes: dict[str, Any] = {"deleted_sequencer": arrival.sequencer}
        if self.loaded_sequencer and is_before(self.loaded_sequencer, arrival.sequencer):
            going |= {*self.files}
            changes |= {"files": (), "loaded_version": None, "loaded_sequencer": "", "incomplete": False}
        return self.dropping(going, **changes)


def read_entry(read_json: Callable[[str], VersionedJson | None], ledger: str, key: str) -> Entry | None:
    """Return the ledger's entry of a source key, None where there is none; `read_json` is a store's, `ledger` a prefix.

    Raises UnreadableEntry.
    """
    name = f"{ledger}{ledger_name(key)}"
    stored = read_json(name)
    return None if stored is None else Entry.from_json(stored.value, name)


_NOT_COPIED = ("files", "quarantine_files", "first_rejected")
"""What an entry does not take over from a result as it is."""

_NOTHING_YET: dict[str, Any] = {
    name: value for name, value in asdict(Result(LOADING)).items() if name not in ("state", *_NOT_COPIED)
}

StoredT = TypeVar("StoredT", bound=Struct)


def _converted(stored: Mapping[str, Any], to: type[StoredT]) -> StoredT:
    """Return what is stored as a struct, by its types. Raises UnreadableEntry, which names the place and no value."""
    try:
        return convert(stored, to)
    except ValidationError as problem:
        raise UnreadableEntry(str(problem)) from None
    except UnicodeEncodeError:
        # msgspec looks at a text where it wants a number, and this one has half of a surrogate pair.
        raise UnreadableEntry("it has a text where there is to be a number or a list") from None


def _check_times(entry: Entry) -> None:
    """Raise UnreadableEntry for a time that is none, or that tells no zone."""
    for name in ("source_modified_at", "finished_at"):
        time = getattr(entry, name)
        try:
            sound = time is None or datetime.fromisoformat(time).tzinfo is not None
        except ValueError:
            sound = False
        if not sound:
            raise UnreadableEntry(f"{name} is no time with its zone")


def _is_of(file: str, version: str) -> bool:
    name = parse_name(file)
    return name is not None and name.version_digest == version_digest(version)
