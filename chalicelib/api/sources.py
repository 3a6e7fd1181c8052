"""Source objects: what was dropped and what became of it, newest first; one of them with its versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import nsmallest
from typing import Any

from msgspec import Struct

from chalicelib.api import rejected
from chalicelib.api.requests import inner_token, page_token
from chalicelib.api.source_states import (
    NOTHING_YET,
    LedgerRecord,
    ending,
    read_record,
    state_of,
    state_without_entry,
)
from chalicelib.aws.presigned import KeyVersion, LinkBucket
from chalicelib.dataset import Dataset, dataset_of
from chalicelib.errors import RequestError, UnknownSource, shown
from chalicelib.file_names import MAX_KEY_BYTES, receipt_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import DELETED, FINISHED, PARTLY_LOADED, ObjectSummary
from chalicelib.settings import Settings

MOST_LISTED = 10_000
"""How many objects one call looks through: S3 lists by key, a thousand by request, and not by time."""
MICROSECONDS = 1_000_000

Position = tuple[int, str]
"""Where an object stands in the order of the list: microseconds before 1970, so that the newest is first, and key."""


class Listing(Struct, frozen=True):
    """Objects in S3's order, and whether these are all there are."""

    objects: list[ObjectSummary]
    complete: bool


class Sources:
    """The objects below the incoming prefix of a bucket. `now` returns the time in UTC."""

    def __init__(
        self, bucket: LinkBucket, settings: Settings, datasets: Sequence[Dataset], now: Callable[[], datetime]
    ) -> None:
        self._bucket = bucket
        self._settings = settings
        self._datasets = datasets
        self._now = now

    def page(self, prefix: str | None, contains: str | None, size: int, token: str | None) -> dict[str, Any]:
        """Return the newest objects below `prefix` whose keys have `contains` in them, whatever its case.

        `token` is that of the page before. Raises RequestError for a prefix that is not below the incoming one.
        """
        prefix = self._settings.incoming_prefix if prefix is None else prefix
        self._check_below("prefix", prefix)
        after = None if token is None else _position_of(token)
        listing = self._listed(prefix)
        wanted = (contains or "").casefold()
        matching = (
            each
            for each in listing.objects
            if wanted in each.key.casefold() and not each.is_folder and (after is None or _position(each) > after)
        )
        page = nsmallest(size + 1, matching, key=_position)
        last = page[size - 1] if len(page) > size else None
        return {
            "sources": [self._listed_source(each) for each in page[:size]],
            "looked_through": len(listing.objects),
            "complete": listing.complete,
            "next_page_token": None if last is None else page_token("\n".join(map(str, _position(last)))),
        }

    def source(self, key: str) -> dict[str, Any]:
        """Return one object with its versions. Raises RequestError for another key, UnknownSource for no object."""
        record = self._record(key)
        versions = self._bucket.versions(key)
        newest = versions[0] if versions and not versions[0].deletion else None
        if record is None and not versions:
            raise UnknownSource(key)
        entry = None if record is None else record.entry
        is_news = newest is not None and (entry is None or entry.version != newest.version)
        source = self._described(
            key,
            None if newest is None else newest.modified_at,
            None if newest is None else newest.size,
            None if is_news else record,
        )
        is_ended = record is not None and not is_news and source["status"] in FINISHED
        return source | {
            "versions": [self._version(each, record) for each in versions],
            "quarantine_url": self._quarantine_link(key, record.entry) if is_ended and record else None,
            "receipt": self._receipt(key),
        }

    def rejected(self, key: str, size: int, token: str | None) -> dict[str, Any]:
        """Return rejected records of the newest version of an object, as `rejected.page` does; none while it loads.

        Raises RequestError for another key or token, UnknownSource where the ledger knows nothing of the key.
        """
        record = self._record(key)
        if record is None:
            raise UnknownSource(key)
        entry = record.entry
        records: list[dict[str, Any]] = []
        next_token = None
        if entry.state == PARTLY_LOADED and entry.quarantine:
            stream = self._bucket.stream(entry.quarantine)
            if stream is not None:
                records, next_token = rejected.page(stream, entry.quarantine, size, token)
        return {
            "key": key,
            "status": entry.state,
            "reason": entry.reason,
            "orders_rejected": entry.counts.orders_rejected,
            "records": records,
            "next_page_token": next_token,
            "quarantine_url": self._quarantine_link(key, entry) if entry.state in FINISHED else None,
        }

    def _receipt(self, key: str) -> dict[str, Any] | None:
        """Return the receipt of a key, None where there is none that can be read."""
        stored = self._bucket.read(receipt_name(self._settings.receipts_prefix, key))
        try:
            receipt = None if stored is None else json.loads(stored[0])
        except (ValueError, RecursionError):
            return None
        return receipt if isinstance(receipt, dict) else None

    def _record(self, key: str) -> LedgerRecord | None:
        """Return the ledger entry of a key, None where there is none. Raises RequestError for a key of elsewhere."""
        self._check_below("key", key)
        return read_record(self._bucket, self._settings.ledger_prefix, key)

    def _quarantine_link(self, key: str, entry: Entry) -> str | None:
        """Return a link to all that was rejected of an object, None where nothing was."""
        if not entry.quarantine:
            return None
        what = "report.json" if entry.quarantine.endswith(".report.json") else "rejected.ndjson.gz"
        name = f"{key.rpartition('/')[2]}.{what}"
        return self._bucket.download_link(entry.quarantine, name, self._settings.download_seconds)

    def _listed(self, prefix: str) -> Listing:
        objects: list[ObjectSummary] = []
        more = True
        while more and len(objects) < MOST_LISTED:
            some, more = self._bucket.list_below(prefix, objects[-1].key if objects else "")
            objects += some
        return Listing(objects, not more)

    def _listed_source(self, summary: ObjectSummary) -> dict[str, Any]:
        record = read_record(self._bucket, self._settings.ledger_prefix, summary.key)
        # A list has no version ids: an entry is taken to be of this object if it was of the same bytes.
        is_of_it = record is not None and summary.etag in (record.entry.etag, record.entry.version)
        return self._described(summary.key, summary.modified_at, summary.size, record if is_of_it else None)

    def _described(
        self, key: str, modified_at: datetime | None, size: int | None, record: LedgerRecord | None
    ) -> dict[str, Any]:
        """Return an object as the API gives it; `record` is its entry if that is of this version."""
        now = self._now()
        if record is not None and record.entry.state == DELETED:
            state, reason = DELETED, None
        elif record is not None:
            state, reason = state_of(record, modified_at is not None, now)
        elif modified_at is None:
            state, reason = DELETED, None
        else:
            state, reason = state_without_entry(modified_at, now)
        dataset = dataset_of(key, self._datasets)
        ended = ending(record.entry) if record is not None and state in FINISHED else NOTHING_YET
        return {
            "key": key,
            "contract": None if dataset is None else dataset.name,
            "status": state,
            "reason": reason,
            "received_at": None if modified_at is None else modified_at.isoformat(),
            **ended,
            "source_bytes": size if size is not None else ended["source_bytes"],
        }

    def _version(self, version: KeyVersion, record: LedgerRecord | None) -> dict[str, Any]:
        entry = None if record is None else record.entry
        return {
            "version": version.version,
            "received_at": version.modified_at.isoformat(),
            "source_bytes": version.size,
            "deletion": version.deletion,
            "newest": entry is not None and entry.version == version.version,
            "in_tables": entry is not None and bool(entry.files) and entry.loaded_version == version.version,
        }

    def _check_below(self, name: str, key: str) -> None:
        incoming = self._settings.incoming_prefix
        if not key.startswith(incoming):
            raise RequestError({name: f"{shown(key)!r} is not below {incoming}: give one that begins so"})
        if len(key.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
            raise RequestError({name: f"{shown(key)!r} is longer than a key may be: give one of GET /sources"})


def _position(summary: ObjectSummary) -> Position:
    return -int(summary.modified_at.timestamp() * MICROSECONDS), summary.key


def _position_of(token: str) -> Position:
    moment, separator, key = inner_token(token).partition("\n")
    try:
        if separator:
            return int(moment), key
    except ValueError:
        pass
    problem = f"{shown(token)!r} is not a token of these sources: begin again without one"
    raise RequestError({"page_token": problem})
