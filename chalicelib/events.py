"""Reads S3's event notifications: every record, keys decoded, what is no drop passed over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from chalicelib.ledger import Arrival, version_of

CREATED, REMOVED = "ObjectCreated", "ObjectRemoved"


def arrivals(event: Mapping[str, Any], prefix: str, removals: bool = False) -> list[Arrival]:
    """Return the objects below `prefix` that an event announces; with `removals` those that were deleted, too.

    Test events have no records. Folder markers (`orders_json_incoming/new/`, empty) are no drops.
    """
    kinds = (CREATED, REMOVED) if removals else (CREATED,)
    found = []
    for record in event.get("Records", ()):
        kind = str(record.get("eventName", CREATED)).removeprefix("s3:").partition(":")[0]
        thing = record.get("s3", {}).get("object", {})
        key = unquote_plus(thing.get("key", ""))
        folder = key.endswith("/") and not thing.get("size")
        if kind in kinds and key.startswith(prefix) and key != prefix and not folder:
            found.append(_arrival(record, key, kind))
    return found


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
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo else None
