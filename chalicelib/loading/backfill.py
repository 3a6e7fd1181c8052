"""A batch of a backfill: objects as Step Functions lists them, which are loaded already, and what became of each.

Step Functions cuts the listing into batches by the bytes of their names. How many bytes the objects have only shows
here: a batch takes as many objects as its process has time for and hands the others back, to be its next input.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field
from msgspec.structs import asdict, replace

from chalicelib.errors import AwsError, LostRace, NotThereYet, OutOfTime, UnreadableBatch, UnreadableEntry, kind_of
from chalicelib.loading.entry import TRANSFORM, Entry, read_entry
from chalicelib.loading.models import FINISHED, QUARANTINED, Arrival, ObjectSummary
from chalicelib.loading.side_by_side import load_all
from chalicelib.loading.store import ObjectStore
from chalicelib.settings import MIB

RESERVE = 60.0
"""Seconds that a batch keeps for the objects that are being loaded, and to answer."""

FRESH_SHARE, LAST_SHARE = 0.9, 0.3
"""While more than the first share of its time remains, a process takes an object of any size; with less than the last
it takes none, so that turns do not pass for loads that are too slow (the alarm load-slow)."""

BYTES_A_SECOND = 5 * MIB
"""How much of an object is surely loaded in a second: one that would not end in time is handed back untouched."""

GZIP_EXPANSION = 10
"""How many times its size a compressed object is taken to have. One that has more ends out of time, and comes again."""

ERRORS = "Errors"
"""The member of a listed object that counts how often its load failed in this batch."""


class BatchCounts(Struct, frozen=True):
    """Objects by what became of them, and what those that were loaded hold.

    `loaded` and `rejected` (quarantined whole) are those that ended since the run began, by whichever process.
    `skipped` were loaded or rejected before, are gone, or belong to another contract.
    """

    loaded: int = 0
    skipped: int = 0
    rejected: int = 0
    orders_loaded: int = 0
    orders_rejected: int = 0
    rows: int = 0
    source_bytes: int = 0

    @property
    def objects(self) -> int:
        """How many objects there are in all."""
        return self.loaded + self.skipped + self.rejected

    def __add__(self, other: BatchCounts) -> BatchCounts:
        return BatchCounts(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))

    @classmethod
    def of(cls, entry: Entry | None, since: datetime) -> BatchCounts:
        """Count one object whose load has ended, by its ledger entry; None for one that there is nothing to load of."""
        finished = datetime.fromisoformat(entry.finished_at) if entry is not None and entry.finished_at else None
        if entry is None or entry.state not in FINISHED or finished is None or finished < since:
            return cls(skipped=1)
        if entry.state == QUARANTINED:
            return cls(rejected=1)
        counts = entry.counts
        return cls(1, 0, 0, counts.orders_loaded, counts.orders_rejected, counts.rows, entry.source_bytes or 0)

    @classmethod
    def from_json(cls, stored: Any) -> BatchCounts:
        """Read what `asdict` gave. Raises UnreadableBatch."""
        names = cls.__struct_fields__
        if not isinstance(stored, Mapping) or not all(type(stored.get(name)) is int for name in names):
            raise UnreadableBatch("its counts are not those of a batch")
        return cls(**{name: stored[name] for name in names})


class Batch(Struct, frozen=True):
    """What Step Functions hands over: objects of its listing, and what a batch's earlier turns came to.

    `started_at` is when the run began; objects of other contracts than `contract` are skipped, if one is named.
    """

    items: tuple[Mapping[str, Any], ...]
    started_at: datetime
    contract: str = ""
    counts: BatchCounts = field(default_factory=BatchCounts)

    @classmethod
    def from_event(cls, event: Mapping[str, Any]) -> Batch:
        """Read an event for which `is_batch` holds. Raises UnreadableBatch, which says what is wrong with it."""
        items, backfill = event["Items"], event["BatchInput"]["backfill"]
        if not isinstance(items, list) or not isinstance(backfill, Mapping):
            raise UnreadableBatch("its Items are not a list, or its BatchInput has no object under backfill")
        for item in items:
            listed(item)
        counts = BatchCounts.from_json(event["counts"]) if "counts" in event else BatchCounts()
        return cls(tuple(items), _time(backfill.get("started_at")), str(backfill.get("contract") or ""), counts)

    def next_event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the input of the batch's next turn, and its result where no objects remain."""
        return {
            "Items": list(self.items),
            "BatchInput": event["BatchInput"],
            "counts": asdict(self.counts),
            "remaining": len(self.items),
        }


def is_batch(event: object) -> bool:
    """Tell whether an event is a batch of a backfill."""
    if not isinstance(event, Mapping) or "Items" not in event:
        return False
    return isinstance(event.get("BatchInput"), Mapping) and "backfill" in event["BatchInput"]


def listed(item: Any) -> ObjectSummary:
    """Return an object as Step Functions lists it. Raises UnreadableBatch."""
    match item:
        case {"Key": str(key), "Etag": str(etag), "Size": int(size), "LastModified": modified}:
            return ObjectSummary(key, etag.strip('"'), size, _time(modified))
    raise UnreadableBatch("an item has no Key, Etag, Size and LastModified")


class BatchReport(Struct, frozen=True):
    """What one turn came to: the batch as it is now, and the errors of objects that could not be loaded."""

    batch: Batch
    errors: tuple[Exception, ...] = ()

    @property
    def hands_back(self) -> bool:
        """Whether objects remain that were not tried: they come first, so that no turn is without progress."""
        return any(not item.get(ERRORS) for item in self.batch.items)

    @property
    def is_temporary(self) -> bool:
        """Whether all that failed may succeed later."""
        return all(may_pass(error) for error in self.errors)

    @property
    def kinds(self) -> dict[str, int]:
        """How many objects failed, by kind of error."""
        kinds = [kind_of(error) for error in self.errors]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


class BatchLoad:
    """Loads batches. `load` brings an arrival in and returns its ledger entry; `contract_of` names a key's contract.

    `time_left` returns the seconds until the process is ended from outside.
    """

    def __init__(
        self,
        store: ObjectStore,
        ledger: str,
        bucket: str,
        load: Callable[[Arrival], Entry | None],
        contract_of: Callable[[str], str],
        time_left: Callable[[], float] | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._bucket = bucket
        self._load = load
        self._contract_of = contract_of
        self._time_left = time_left or (lambda: math.inf)
        self._all_time = self._time_left()

    def run(self, batch: Batch, at_once: int) -> BatchReport:
        """Load what time allows of a batch, up to `at_once` small objects side by side."""
        objects = {number: listed(item) for number, item in enumerate(batch.items)}
        # Their number stands for their version, which is not known yet.
        arrivals = [
            Arrival(self._bucket, each.key, str(number), etag=each.etag, size=each.size)
            for number, each in objects.items()
        ]
        ends = load_all(arrivals, lambda arrival: self._one(objects[int(arrival.version)], batch), at_once)
        counts, untried, failed = batch.counts, [], []
        errors = []
        for item, end in zip(batch.items, ends, strict=True):
            if isinstance(end, Exception):
                errors.append(end)
                failed.append({**item, ERRORS: item.get(ERRORS, 0) + 1})
            elif end is None:
                untried.append(item)
            else:
                counts += end
        return BatchReport(replace(batch, items=(*untried, *failed), counts=counts), tuple(errors))

    def _one(self, each: ObjectSummary, batch: Batch) -> BatchCounts | None:
        """Return what became of an object, None where its time has not come."""
        if each.is_folder or (batch.contract and self._contract_of(each.key) != batch.contract):
            return BatchCounts(skipped=1)
        seconds = self._time_left()
        fresh = seconds >= self._all_time * FRESH_SHARE
        if not fresh and seconds < max(needed_seconds(each), self._all_time * LAST_SHARE):
            return None
        ended, arrival = looked_up(self._store, self._ledger, each, batch.started_at)
        if ended is not None or arrival is None:
            return ended
        try:
            return BatchCounts.of(self._load(arrival), batch.started_at)
        except OutOfTime:
            if fresh:
                raise  # It had the whole time of the function.
            return None


def looked_up(
    store: ObjectStore, ledger: str, each: ObjectSummary, since: datetime
) -> tuple[BatchCounts | None, Arrival | None]:
    """Return what the ledger says of an object whose load has ended, or else the version that is to be loaded.

    One read of the ledger tells of an object that is loaded, one HEAD more of any other.
    """
    try:
        entry = read_entry(store.read_json, ledger, each.key)
    except UnreadableEntry:
        entry = None
    is_finished = entry is not None and entry.state in FINISHED and entry.transform >= TRANSFORM
    is_finished = is_finished and entry is not None and not entry.incomplete
    if entry is not None and is_finished and entry.tells_of(each):
        return BatchCounts.of(entry, since), None
    arrival = store.current(each.key)
    if arrival is None:
        return BatchCounts(skipped=1), None
    if entry is not None and is_finished and entry.version == arrival.version:
        return BatchCounts.of(entry, since), None
    return None, arrival


def needed_seconds(each: ObjectSummary) -> float:
    """Return the seconds within which an object is surely loaded."""
    expansion = GZIP_EXPANSION if each.key.lower().endswith(".gz") else 1
    return RESERVE + each.size * expansion / BYTES_A_SECOND


def may_pass(error: Exception) -> bool:
    """Tell whether the same load may succeed later."""
    return isinstance(error, LostRace | NotThereYet) or (isinstance(error, AwsError) and error.is_temporary)


def _time(value: Any) -> datetime:
    """Read a time: seconds since 1970, or ISO 8601. Raises UnreadableBatch."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError, OSError):
        raise UnreadableBatch("a time of it is neither ISO 8601 nor seconds since 1970") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
