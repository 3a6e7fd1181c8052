"""What loading works on: announced versions, what became of them, objects of the bucket as a listing
shows them, and months of the catalog."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from msgspec import Struct

from chalicelib.counts import NO_ORDERS, Counts

MONTH = re.compile(r"\d{4}-\d{2}")
"""A value of the partition's column."""


class ObjectSummary(Struct, frozen=True):
    """An object as a listing shows it; `modified_at` is in UTC, `etag` without quotes, `size` in bytes."""

    key: str
    etag: str
    size: int
    modified_at: datetime

    @property
    def is_folder(self) -> bool:
        """Whether it is an empty object that stands for a folder, which is no drop and no file."""
        return self.key.endswith("/") and not self.size


class Page(Struct, frozen=True):
    """Objects in the order of their keys; `now` is S3's own time, by which their ages are counted."""

    objects: tuple[ObjectSummary, ...]
    more: bool
    now: datetime


class Folders(Struct, frozen=True):
    """Folders of the bucket, each ending with a slash; `now` is S3's own time."""

    names: tuple[str, ...]
    now: datetime


class VersionedJson(Struct, frozen=True):
    """What a JSON object says (None where it is not JSON), its ETag, when it was written and the time by S3's clock."""

    value: Any
    etag: str
    modified_at: datetime
    now: datetime

    @property
    def age(self) -> timedelta:
        """How long ago it was written. No other clock than S3's has a say in it."""
        return self.now - self.modified_at


LOADING, LOADED, PARTLY_LOADED, QUARANTINED = "loading", "loaded", "partly_loaded", "quarantined"
GONE, FAILED, DELETED = "gone", "failed", "deleted"
WITH_ROWS = (LOADED, PARTLY_LOADED)
FINISHED = (*WITH_ROWS, QUARANTINED)
"""States in which another delivery of the same version changes nothing."""


class Outcome(StrEnum):
    """What was done with an event: how its version ended, or why nothing was to be done."""

    LOADED = LOADED
    PARTLY_LOADED = PARTLY_LOADED
    QUARANTINED = QUARANTINED
    GONE = GONE
    DELETED = DELETED
    DUPLICATE = "duplicate"
    STALE = "stale"
    OVERTAKEN = "overtaken"


class Arrival(Struct, frozen=True):
    """One S3 event: which version of which key there is now. `version` is the version id, else the ETag.

    `removed` tells of a deletion: of the key, or with `version_removed` of one of its versions for good, which need
    not be the newest. `event_time` is when S3 saw it happen, where the event tells. `ledger_etag` is set where the
    sweep announces an object: the load goes on only while the ledger's entry is the one that the sweep saw.
    """

    bucket: str
    key: str
    version: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str = ""
    size: int | None = None
    removed: bool = False
    version_removed: bool = False
    event_time: datetime | None = None
    ledger_etag: str | None = None


def version_of(version_id: str | None, etag: str | None) -> str:
    """Return what tells one version of an object from another: the version id, else the ETag without its quotes."""
    return (None if version_id == "null" else version_id) or (etag or "").strip('"')


class Rejection(NamedTuple):
    """Why a record was rejected. What was sent of it is not here."""

    record_number: int
    path: str
    reason: str


class Result(Struct, frozen=True):
    """What became of one version of a source object.

    `files` are keys of the tables' files, `quarantine_files` of those that hold what was rejected: `quarantine` is the
    one that the table of rejected records reads. `first_rejected` has number, path and reason of the first of them.
    `dollars` is what the load cost, as an estimate (see prices).
    """

    state: str
    files: tuple[str, ...] = ()
    quarantine_files: tuple[str, ...] = ()
    first_rejected: tuple[Rejection, ...] = ()
    counts: Counts = NO_ORDERS
    quarantine: str | None = None
    reason: str | None = None
    hints: tuple[str, ...] = ()
    source_bytes: int | None = None
    source_modified_at: str | None = None
    finished_at: str | None = None
    seconds: float | None = None
    dollars: float | None = None


class CatalogTable(Struct, frozen=True):
    """A table of the catalog whose partitions are months.

    `folder` of the bucket has its files and ends with a slash; `key` is the name of the partition's column.
    """

    database: str
    name: str
    folder: str
    key: str

    @property
    def full_name(self) -> str:
        """The table's name behind its database's."""
        return f"{self.database}.{self.name}"

    def month_folder(self, month: str) -> str:
        """Return the folder of a month's files, ending with a slash."""
        return f"{self.folder}{self.key}={month}/"

    def month_of(self, key: str) -> str | None:
        """Return the month that an object or folder of the bucket belongs to, None where it is in none of the table."""
        beginning = f"{self.folder}{self.key}="
        month, slash, _ = key.removeprefix(beginning).partition("/")
        return month if key.startswith(beginning) and slash and MONTH.fullmatch(month) else None


class Registered(Struct, frozen=True):
    """The months of a table that the catalog has, and those of them that it describes otherwise than the table."""

    months: frozenset[str]
    outdated: frozenset[str] = frozenset()


def is_before(one: str, other: str) -> bool:
    """Compare sequencers of one key: hexadecimal texts, the shorter filled up with zeros at its end."""
    width = max(len(one), len(other))
    return one.upper().ljust(width, "0") < other.upper().ljust(width, "0")
