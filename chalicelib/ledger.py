"""What is known of one source object, and the pure decision of what to do with the next event about it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import Enum
from typing import Any

TRANSFORM = 1
"""Raised when the same bytes come to give other rows: what an older transform loaded is then loaded again."""

LOADING, LOADED, PARTLY_LOADED, QUARANTINED, GONE = "loading", "loaded", "partly_loaded", "quarantined", "gone"
FINISHED = (LOADED, PARTLY_LOADED, QUARANTINED)
"""States in which another delivery of the same version changes nothing."""


@dataclass(frozen=True)
class Arrival:
    """One S3 event: which version of which key there is now. `version` is the version id, else the ETag."""

    bucket: str
    key: str
    version: str
    version_id: str | None = None
    etag: str | None = None
    sequencer: str = ""
    size: int | None = None


@dataclass(frozen=True)
class Entry:
    """What became of the newest version of a key that was seen.

    `files` are the keys of the table's files that hold its rows. A version that was refused whole leaves the rows of
    the version before it where they are. `superseded` are files that are to be removed and perhaps not yet were.
    """

    key: str
    version: str
    sequencer: str
    state: str
    files: tuple[str, ...] = ()
    superseded: tuple[str, ...] = ()
    orders_read: int = 0
    orders_loaded: int = 0
    orders_rejected: int = 0
    rows: int = 0
    quarantine: str | None = None
    reason: str | None = None
    source_bytes: int | None = None
    source_modified_at: str | None = None
    finished_at: str | None = None
    seconds: float | None = None
    attempts: int = 1
    transform: int = TRANSFORM

    def as_json(self) -> dict[str, Any]:
        """Return the entry as it is stored."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Entry:
        """Read an entry; fields of later versions are passed over."""
        known = {each.name for each in fields(cls)}
        values = {name: value for name, value in stored.items() if name in known}
        for name in ("files", "superseded"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)

    def beginning(self, arrival: Arrival) -> Entry:
        """Return the entry while a later version, or this one again, is being loaded."""
        again = self.version == arrival.version
        return replace(
            self,
            version=arrival.version,
            sequencer=arrival.sequencer or self.sequencer,
            state=LOADING,
            attempts=self.attempts + 1 if again else 1,
            transform=TRANSFORM,
        )


class Decision(Enum):
    """What to do with an arrival."""

    LOAD = "load"
    SKIP_DUPLICATE = "duplicate"
    SKIP_STALE = "stale"


def decide(entry: Entry | None, arrival: Arrival) -> Decision:
    """Decide from what the ledger says: S3 delivers events at least once and in any order."""
    if entry is None:
        return Decision.LOAD
    if entry.version == arrival.version:
        done = entry.state in FINISHED and entry.transform >= TRANSFORM
        return Decision.SKIP_DUPLICATE if done else Decision.LOAD
    if arrival.sequencer and entry.sequencer and is_before(arrival.sequencer, entry.sequencer):
        return Decision.SKIP_STALE
    return Decision.LOAD


def is_before(one: str, other: str) -> bool:
    """Compare sequencers of one key: hexadecimal texts, the shorter filled up with zeros at its end."""
    width = max(len(one), len(other))
    return one.upper().ljust(width, "0") < other.upper().ljust(width, "0")


def ledger_name(key: str) -> str:
    """Return the name of a key's entry: a digest, since keys may be as long as S3 allows."""
    return f"{hashlib.sha256(key.encode('utf-8', 'surrogatepass')).hexdigest()}.json"
