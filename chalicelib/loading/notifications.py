"""Reads S3's event notifications: every record, keys decoded, what is no drop passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from chalicelib.errors import shown
from chalicelib.loading.models import Arrival, version_of

CREATED, REMOVED = "ObjectCreated", "ObjectRemoved"
TEST_EVENT = "s3:TestEvent"
"""What S3 sends when a bucket's notifications are set up. It has no records."""

UNKNOWN = "unknown"
SERVICES = {"aws:sqs": "SQS", "aws:sns": "SNS"}
"""Services whose messages may hold S3's event as text, by the `eventSource` of their records."""


def arrivals(event: object, prefix: str, removals: bool = False) -> list[Arrival]:
    """Return the objects below `prefix` that an event announces; with `removals` those that were deleted, too.

    Folder markers (`orders_json_incoming/new/`, empty) are no drops. What S3 did not send is passed over; see
    `other_shapes`.
    """
    kinds = (CREATED, REMOVED) if removals else (CREATED,)
    announced = []
    for record in _records(event):
        if not _is_from_s3(record):
            continue
        kind = str(record.get("eventName", CREATED)).removeprefix("s3:").partition(":")[0]
        thing = record["s3"]["object"]
        key = unquote_plus(thing["key"])
        folder = key.endswith("/") and not thing.get("size")
        if kind in kinds and key.startswith(prefix) and key != prefix and not folder:
            announced.append(_arrival(record, key, kind))
    return announced


def other_shapes(event: object) -> list[str]:
    """Return what an event is of that S3 did not send: `SQS`, `SNS`, `EventBridge`, another source, or `unknown`.

    An object that only such an event announces is not loaded before the sweep finds it.
    """
    if isinstance(event, Mapping) and event.get("Event") == TEST_EVENT:
        return []
    if isinstance(event, Mapping) and isinstance(event.get("Records"), list):
        return sorted({_shape(record) for record in _records(event) if not _is_from_s3(record)})
    return ["EventBridge" if isinstance(event, Mapping) and "detail" in event else UNKNOWN]


def announcement(arrival: Arrival) -> dict[str, Any]:
    """Return an event as S3 would have sent it, from the sweep: `arrivals` gives the arrival back."""
    thing = {
        "key": quote_plus(arrival.key, safe="/"),
        "size": arrival.size,
        "eTag": arrival.etag,
        "versionId": arrival.version_id,
        "sequencer": arrival.sequencer,
    }
    return {
        "Records": [
            {
                "eventSource": "orders-etl:sweep",
                "eventName": f"{REMOVED if arrival.removed else CREATED}:Announced",
                "ledgerEtag": arrival.ledger_etag,
                "s3": {"bucket": {"name": arrival.bucket}, "object": thing},
            }
        ]
    }


def _records(event: object) -> Iterator[Any]:
    records = event.get("Records") if isinstance(event, Mapping) else None
    yield from records if isinstance(records, list) else ()


def _is_from_s3(record: object) -> bool:
    match record:
        case {"s3": {"bucket": {"name": str()}, "object": {"key": str()} as thing}}:
            return all(isinstance(thing.get(name), str | None) for name in ("eTag", "versionId", "sequencer"))
    return False


def _shape(record: object) -> str:
    # SNS alone writes its members with a capital.
    source = record.get("eventSource", record.get("EventSource")) if isinstance(record, Mapping) else None
    return SERVICES.get(source, shown(source)) if isinstance(source, str) and source else UNKNOWN


def _arrival(record: Mapping[str, Any], key: str, kind: str) -> Arrival:
    thing = record["s3"]["object"]
    version_id = thing.get("versionId") or None
    etag = (thing.get("eTag") or "").strip('"') or None
    name = str(record.get("eventName", CREATED))
    return Arrival(
        bucket=record["s3"]["bucket"]["name"],
        key=key,
        version=version_of(version_id, etag),
        version_id=version_id,
        etag=etag,
        sequencer=thing.get("sequencer") or "",
        size=thing.get("size"),
        removed=kind == REMOVED,
        # S3 writes DeleteMarkerCreated for the key of a bucket that keeps versions, Delete with a version for one.
        version_removed=kind == REMOVED and name.endswith(":Delete") and version_id is not None,
        event_time=_time(record.get("eventTime")),
        ledger_etag=record.get("ledgerEtag"),
    )


def _time(text: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else None
