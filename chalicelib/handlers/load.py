"""The loader's work: every object that an event or a batch names is loaded, and the crawler notified."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from msgspec.structs import asdict

from chalicelib.assembly import datasets, outbox_relay, partitions, request_crawl, storage
from chalicelib.cores import cores, memory_mb
from chalicelib.dataset import Dataset, loaded_by
from chalicelib.errors import ObjectsDelayed, ObjectsFailed, kind_of, redacted_message
from chalicelib.loading.backfill import Batch, BatchLoad, is_batch
from chalicelib.loading.entry import Entry
from chalicelib.loading.ingest import Clock, Ingest
from chalicelib.loading.models import DELETED, FINISHED, QUARANTINED, WITH_ROWS, Arrival, Outcome
from chalicelib.loading.notifications import arrivals, other_shapes
from chalicelib.loading.side_by_side import AT_ONCE, load_all
from chalicelib.prices import load_dollars
from chalicelib.settings import Settings
from chalicelib.telemetry.logs import log, measure, memory_peak_megabytes
from chalicelib.writing.convert import Limits
from chalicelib.writing.hive import HiveSink

NOT_UNDERSTOOD = (
    "only S3's own event is read: have the bucket notify this function directly, as chalice deploy sets it up; what "
    "the event announces is loaded when the sweep finds it"
)


def handle(event: object, settings: Settings, time_left: Callable[[], float]) -> list[str] | dict[str, Any]:
    """Load what an event of S3 announces, or a batch of a backfill."""
    if isinstance(event, Mapping) and is_batch(event):
        return load_batch(event, settings, time_left)
    return load_event(event, settings, time_left)


def load_event(event: object, settings: Settings, time_left: Callable[[], float] | None = None) -> list[str]:
    """Load all objects of one event; return what was done with each.

    `time_left` returns the seconds until Lambda stops the process. Small objects are loaded side by side. One that
    fails does not keep the others from being loaded; its error is raised when all have been tried, so that Lambda
    delivers the event again, and those that were loaded are then duplicates. An event that S3 did not send is not
    raised for, since it would come again just the same: it is a warning and a metric.
    """
    for shape in other_shapes(event):
        log("event not understood", level="WARNING", kind=shape, reason=NOT_UNDERSTOOD)
        measure({"EventsNotUnderstood": 1}, stage=settings.stage)
    announced = arrivals(event, settings.incoming_prefix, settings.delete_propagates)
    # With less than a core there is less memory as well.
    at_once = AT_ONCE if cores(os.environ) >= 1 else 1
    ends = load_all(announced, lambda arrival: _load_and_log_failure(arrival, settings, time_left)[0], at_once)
    outcomes: list[str] = [end for end in ends if isinstance(end, str)]
    failures = [end for end in ends if isinstance(end, Exception)]
    if {*WITH_ROWS, DELETED} & set(outcomes):
        request_crawl(settings)
    if failures:
        raise failures[0]
    return outcomes


def load_batch(event: Mapping[str, Any], settings: Settings, time_left: Callable[[], float]) -> dict[str, Any]:
    """Load a batch of a backfill as far as time allows; return its counts, and the objects that remain.

    Raises ObjectsDelayed and ObjectsFailed for those that could not be loaded, once all were tried: Step Functions
    hands the batch over again, now or later, and what was loaded of it is skipped then.
    """
    batch = Batch.from_event(event)
    work = BatchLoad(
        storage(settings.bucket),
        settings.ledger_prefix,
        settings.bucket,
        # What lay in the bucket for years is not late.
        lambda arrival: _load_and_log_failure(arrival, settings, time_left, measures_age=False)[1],
        lambda key: loaded_by(key, datasets(settings)).name,
        time_left,
    )
    report = work.run(batch, AT_ONCE if cores(os.environ) >= 1 else 1)
    if report.batch.counts.loaded > batch.counts.loaded:
        request_crawl(settings)
    log("batch", objects=len(batch.items), failed=report.kinds, **report.batch.next_event(event)["counts"])
    if report.errors and not report.hands_back:
        failure = ObjectsDelayed if report.is_temporary else ObjectsFailed
        raise failure(report.kinds, len(batch.items))
    return report.batch.next_event(event)


def load_one(
    arrival: Arrival, settings: Settings, time_left: Callable[[], float] | None = None, measures_age: bool = True
) -> tuple[Outcome, Entry | None]:
    """Load one object; return what was done with it, which is logged and measured, and its ledger entry.

    `measures_age` is false where the object waited for a backfill and not for its event.
    """
    dataset = loaded_by(arrival.key, datasets(settings))
    outcome, entry = ingest(settings, dataset).load(arrival, time_left=time_left)
    log("source object", outcome=outcome, key=arrival.key, version=arrival.version, **_facts(entry))
    if entry is not None and outcome == entry.state and outcome in FINISHED:
        measure(_measured(entry, measures_age), stage=settings.stage, contract=dataset.name)
        measure({"MemoryPeakMegabytes": memory_peak_megabytes()}, stage=settings.stage)
    return outcome, entry


def _load_and_log_failure(
    arrival: Arrival, settings: Settings, time_left: Callable[[], float] | None, measures_age: bool = True
) -> tuple[Outcome, Entry | None]:
    try:
        return load_one(arrival, settings, time_left, measures_age)
    except Exception as error:
        what = {"key": arrival.key, "version": arrival.version, "reason": redacted_message(error)}
        log("load failed", level="ERROR", kind=kind_of(error), **what)
        measure({"LoadFailures": 1}, stage=settings.stage, kind=kind_of(error))
        raise


def ingest(settings: Settings, dataset: Dataset, limits: Limits | None = None) -> Ingest:
    """Return what loads a dataset, over the bucket of the settings and within their limits."""
    store = storage(settings.bucket)
    return Ingest(
        store,
        dataset,
        limits or limits_of(settings),
        sink=HiveSink(store, dataset.folders, settings.roll_bytes, partitions(settings), cores(os.environ)),
        clock=Clock(lambda: datetime.now(UTC), time.monotonic),
        renewed_after=settings.sweep_grace_seconds / 4,
        on_hints=log_hints,
        set_aside=lambda key, reason: _set_aside(key, reason, settings),
        relay=outbox_relay(settings),
        dollars_of=partial(load_dollars, settings.prices, memory_mb=memory_mb(os.environ), sends_event=settings.events),
    )


def _set_aside(key: str, reason: str, settings: Settings) -> None:
    log("ledger entry set aside", level="WARNING", key=key, reason=reason)
    measure({"LedgerEntriesUnreadable": 1}, stage=settings.stage)


def log_hints(arrival: Arrival, hints: Sequence[str]) -> None:
    """Log what of an object may be a fault in its contract: names of columns and keys, and no values."""
    log("hints", level="WARNING", key=arrival.key, version=arrival.version, hints=list(hints))


def limits_of(settings: Settings) -> Limits:
    """Return the limits in force in a Lambda."""
    return Limits(
        settings.max_record_bytes,
        settings.max_decompressed_bytes,
        settings.roll_bytes,
        settings.max_source_bytes,
        cores(os.environ),
        settings.max_rejected_percent,
        settings.judged_from_orders,
    )


def _measured(entry: Entry, measures_age: bool) -> dict[str, float]:
    modified, finished = entry.source_modified_at, entry.finished_at
    values: dict[str, float] = {
        "OrdersLoaded": entry.counts.orders_loaded,
        "OrdersRejected": entry.counts.orders_rejected,
        "RowsLoaded": entry.counts.rows,
        "ObjectsLoaded": entry.state in WITH_ROWS,
        "ObjectsQuarantined": entry.state == QUARANTINED,
        "SourceBytes": entry.source_bytes or 0,
        "LoadSeconds": entry.seconds or 0.0,
        "LoadDollars": entry.dollars or 0.0,
    }
    if modified and finished and measures_age:
        age = datetime.fromisoformat(finished) - datetime.fromisoformat(modified)
        values["FreshnessSeconds"] = max(0.0, age.total_seconds())
    return values


def _facts(entry: Entry | None) -> dict[str, Any]:
    if entry is None:
        return {}
    return asdict(entry.counts) | {
        "files": len(entry.files),
        "bytes": entry.source_bytes,
        "seconds": entry.seconds,
        "dollars": entry.dollars,
        "attempts": entry.attempts,
        "quarantine": entry.quarantine,
    }
