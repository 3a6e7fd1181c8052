"""The S3 handler's work: every object that an event announces is loaded, and the crawler told of it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3

from chalicelib.catalog import start_crawler
from chalicelib.convert import Limits
from chalicelib.events import arrivals
from chalicelib.ingest import Ingest, Places
from chalicelib.ledger import LOADED, PARTLY_LOADED, Arrival
from chalicelib.observability import log
from chalicelib.settings import Settings
from chalicelib.storage import Storage, file_pieces, s3_client


def load_event(event: Mapping[str, Any], settings: Settings) -> list[str]:
    """Load all objects of one event; return what was done with each.

    One that fails does not keep the others from being loaded; its error is raised when all have been tried, so that
    Lambda delivers the event again, and those that were loaded are then known.
    """
    outcomes, failures = [], []
    for arrival in arrivals(event, settings.incoming_prefix):
        try:
            outcomes.append(_load(arrival, settings))
        except Exception as problem:
            log("load failed", key=arrival.key, version=arrival.version, kind=type(problem).__name__)
            failures.append(problem)
    if settings.crawler and {LOADED, PARTLY_LOADED} & set(outcomes):
        log("crawler", crawler=settings.crawler, outcome=start_crawler(boto3.client("glue"), settings.crawler))
    if failures:
        raise failures[0]
    return outcomes


def _load(arrival: Arrival, settings: Settings) -> str:
    outcome, entry = _ingest(settings).load(arrival)
    facts: dict[str, Any] = {"outcome": outcome, "key": arrival.key, "version": arrival.version}
    if entry is not None:
        facts |= {
            "orders_read": entry.orders_read,
            "orders_loaded": entry.orders_loaded,
            "orders_rejected": entry.orders_rejected,
            "rows": entry.rows,
            "files": len(entry.files),
            "bytes": entry.source_bytes,
            "seconds": entry.seconds,
            "quarantine": entry.quarantine,
        }
    log("source object", **facts)
    return outcome


@functools.cache
def _ingest(settings: Settings) -> Ingest:
    return Ingest(
        Storage(s3_client(), settings.bucket),
        Places(settings.table_prefix, settings.quarantine_prefix, settings.ledger_prefix),
        Limits(settings.max_record_bytes, settings.max_decompressed_bytes, settings.roll_bytes),
        now=lambda: datetime.now(UTC),
        pieces=file_pieces,
    )
