"""The pure decision of what to do with an event, by what the ledger says of its key."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from chalicelib.loading.entry import TRANSFORM, Entry
from chalicelib.loading.models import DELETED, FINISHED, WITH_ROWS, Arrival, is_before


class Decision(Enum):
    """What to do with an arrival."""

    LOAD = "load"
    REPLACE = "replace"
    HEAL = "heal"
    CATCH_UP = "catch up"
    """Load an older version, since nothing newer could be loaded; the entry stays about the newest."""
    DELETE = "delete"
    FORGET = "forget"
    """Remove the rows of what was there before a deletion; the newest version came after it."""
    SKIP_DUPLICATE = "duplicate"
    SKIP_STALE = "stale"
    SKIP_OVERTAKEN = "overtaken"
    """The sweep announced it, and another process has begun to load it since."""

    @property
    def loads(self) -> bool:
        """Whether the object is to be read."""
        return self in (Decision.LOAD, Decision.REPLACE, Decision.HEAL, Decision.CATCH_UP)


Ask = Callable[[], bool]
"""A question to S3, asked only where the ledger cannot tell."""


def decide(
    entry: Entry | None, arrival: Arrival, *, later: Ask, later_than_loaded: Ask, reload: bool = False
) -> Decision:
    """Decide from what the ledger says: S3 delivers events at least once and in any order.

    `later` asks S3 whether what arrived came after the newest version of the entry, of a deletion whether the key is
    gone; `later_than_loaded` whether it came after the version whose rows are in the table. Either is asked at most
    once.
    `reload` has what is loaded already loaded again, for a replay.

    A deletion that propagates takes the rows of every version before it, whenever its event comes and whether or not
    a later version can be read.
    """
    if arrival.removed:
        return _of_removed(entry, arrival, later)
    if entry is None:
        return Decision.LOAD
    if _is_before_loaded(entry, arrival):
        return Decision.SKIP_STALE
    if entry.version == arrival.version:
        return _of_newest(entry, arrival, reload)
    by_sequencers = _is_later(entry, arrival)
    if later() if by_sequencers is None else by_sequencers:
        return Decision.REPLACE if entry.files else Decision.LOAD
    return _of_older(entry, arrival, later_than_loaded, reload)


def _is_later(entry: Entry, arrival: Arrival) -> bool | None:
    if entry.sequencer and arrival.sequencer:
        return is_before(entry.sequencer, arrival.sequencer)
    return None


def _is_before_loaded(entry: Entry, arrival: Arrival) -> bool:
    """Tell whether the rows in the table are of a later version: a late one may have come in while this one waited."""
    comparable = bool(entry.loaded_sequencer and arrival.sequencer) and entry.loaded_version != arrival.version
    return comparable and is_before(arrival.sequencer, entry.loaded_sequencer)


def _of_removed(entry: Entry | None, arrival: Arrival, later: Ask) -> Decision:
    by_sequencers = None if entry is None else _is_later(entry, arrival)
    if arrival.sequencer and not arrival.version_removed:
        # The key was gone when this happened, whatever S3 has of it now.
        if entry is None or by_sequencers:
            return Decision.DELETE
        if by_sequencers is False:
            return _of_earlier_deletion(entry, arrival)
    # S3 also tells of a version that was deleted behind a newer one, so it is asked whether the key is there.
    if later() and by_sequencers is not False:
        return Decision.DELETE
    if entry is None or not arrival.sequencer or arrival.version_removed:
        return Decision.SKIP_STALE
    return _of_earlier_deletion(entry, arrival)


def _of_earlier_deletion(entry: Entry, arrival: Arrival) -> Decision:
    is_recorded = entry.deleted_sequencer and not is_before(entry.deleted_sequencer, arrival.sequencer)
    return Decision.SKIP_STALE if is_recorded else Decision.FORGET


def _of_newest(entry: Entry, arrival: Arrival, reload: bool) -> Decision:
    if entry.state not in FINISHED:
        return Decision.HEAL
    if reload or entry.transform < TRANSFORM:
        return Decision.REPLACE
    if arrival.version_id in (None, "null") and entry.sequencer and is_before(entry.sequencer, arrival.sequencer):
        # Without versions an ETag stands for one: the same bytes were put again, and are the latest word now.
        return Decision.REPLACE
    return Decision.SKIP_DUPLICATE


def _of_older(entry: Entry, arrival: Arrival, later_than_loaded: Ask, reload: bool) -> Decision:
    if entry.state in (*WITH_ROWS, DELETED):
        return Decision.SKIP_STALE
    if arrival.sequencer and entry.deleted_sequencer and not is_before(entry.deleted_sequencer, arrival.sequencer):
        return Decision.SKIP_STALE
    if entry.loaded_version is None:
        return Decision.CATCH_UP
    if entry.loaded_version == arrival.version:
        return Decision.CATCH_UP if reload or entry.incomplete else Decision.SKIP_DUPLICATE
    if entry.loaded_sequencer and arrival.sequencer:
        is_later = is_before(entry.loaded_sequencer, arrival.sequencer)
    else:
        is_later = later_than_loaded()
    return Decision.CATCH_UP if is_later else Decision.SKIP_STALE
