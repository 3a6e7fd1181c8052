"""How far a source object has come: by the object, its ledger entry, and the time."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec.structs import asdict

from chalicelib.aws.presigned import LinkBucket
from chalicelib.counts import Counts
from chalicelib.errors import UnreadableEntry
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import DELETED, FAILED, FINISHED, LOADING, QUARANTINED

State = tuple[str, str | None]
"""The status of a source object as the API gives it, and the reason for it where there is one."""

ATTEMPTS = 3
"""How often Lambda delivers an event to a function that fails: once, and twice again."""
ATTEMPT = timedelta(seconds=900)
"""The longest that one attempt can take: the function's timeout."""
PAUSES = timedelta(minutes=3)
"""How long Lambda waits before the second attempt and before the third, together."""
MARGIN = timedelta(minutes=1)

NOTHING_YET: dict[str, Any] = {
    **asdict(Counts()),
    "files": 0,
    "hints": [],
    "source_bytes": None,
    "finished_at": None,
    "seconds": None,
    "dollars": None,
}
"""What `ending` tells, of an object whose load has not ended."""


class LedgerRecord(NamedTuple):
    """A ledger entry and when it was written."""

    entry: Entry
    written_at: datetime


def read_record(bucket: LinkBucket, ledger: str, key: str) -> LedgerRecord | None:
    """Return the ledger entry of a source key, None where there is none that can be read; `ledger` is its prefix."""
    name = f"{ledger}{ledger_name(key)}"
    stored = bucket.read(name)
    if stored is None:
        return None
    body, written_at = stored
    try:
        return LedgerRecord(Entry.from_json(json.loads(body), name), written_at)
    except (UnreadableEntry, ValueError, RecursionError):
        # The next load of the object sets it aside and is news of the object.
        return None


def ending(entry: Entry) -> dict[str, Any]:
    """Return what came of a load that has ended, as JSON values: counts, hints, how long it took."""
    return {
        **asdict(entry.counts),
        # A file that is quarantined whole leaves what an earlier one of its key had loaded.
        "files": 0 if entry.state == QUARANTINED else len(entry.files),
        "hints": list(entry.hints),
        "source_bytes": entry.source_bytes,
        "finished_at": entry.finished_at,
        "seconds": entry.seconds,
        "dollars": entry.dollars,
    }


def state_of(record: LedgerRecord, is_stored: bool, now: datetime) -> State:
    """Return the state of a file that has a ledger entry. `is_stored`: the file is there still."""
    entry = record.entry
    if entry.state in FINISHED:
        return entry.state, entry.reason
    if entry.state == DELETED:
        return FAILED, "the file was deleted, and its rows with it: send it again"
    if not is_stored:
        return FAILED, "the file was removed before it was loaded: send it again"
    is_last_attempt = entry.attempts >= ATTEMPTS
    if entry.state == FAILED and is_last_attempt:
        return FAILED, f"loading failed {entry.attempts} times, the last time for: {entry.reason}"
    if now - record.written_at > ATTEMPT + MARGIN + (timedelta() if is_last_attempt else PAUSES):
        return FAILED, f"loading was begun {entry.attempts} times and never ended: send the file again"
    return LOADING, None


def state_without_entry(modified_at: datetime, now: datetime) -> State:
    """Return the state of a file that the ledger does not know, by when it was stored."""
    if now - modified_at > ATTEMPTS * ATTEMPT + PAUSES + MARGIN:
        return FAILED, "the file is there, but loading it was never begun: send it again"
    return LOADING, None
