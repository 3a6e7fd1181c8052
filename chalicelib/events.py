"""Reads S3's event notifications: every record, keys decoded, what is no drop passed over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

from chalicelib.ledger import Arrival


def arrivals(event: Mapping[str, Any], prefix: str) -> list[Arrival]:
    """Return the objects below `prefix` that an event announces.

    Test events have no records. Folder markers (`orders_json_incoming/new/`, empty) are no drops.
    """
    found = []
    for record in event.get("Records", ()):
        thing = record.get("s3", {}).get("object", {})
        if not str(record.get("eventName", "ObjectCreated")).startswith(("ObjectCreated", "s3:ObjectCreated")):
            continue
        key = unquote_plus(thing.get("key", ""))
        size = thing.get("size")
        if not key.startswith(prefix) or key == prefix or (key.endswith("/") and not size):
            continue
        version_id = thing.get("versionId") or None
        etag = (thing.get("eTag") or "").strip('"') or None
        found.append(
            Arrival(
                bucket=record["s3"]["bucket"]["name"],
                key=key,
                version=(None if version_id == "null" else version_id) or etag or "",
                version_id=version_id,
                etag=etag,
                sequencer=thing.get("sequencer", ""),
                size=size,
            )
        )
    return found
