"""When the crawler is started: at most once in an interval, however many files land, the last of them not forgotten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.loading.models import VersionedJson
from chalicelib.loading.store import ObjectStore

STARTED = "started"
WAITS = "waits: it was started a short time ago"
LEFT = "left to another load that starts it now"
NOT_REQUESTED = "not wanted"

RACES = 3
"""How often a lost race is run again; beyond, others request a crawl often enough."""


class CrawlerTurn:
    """Keeps in one small object when the crawler was last started and whether a crawl was requested since.

    `start` starts it and says how that went: `started`, or why not. Times are S3's.
    """

    def __init__(self, store: ObjectStore, state: str, interval: timedelta, start: Callable[[], str]) -> None:
        self._store = store
        self._name = f"{state}crawler.json"
        self._interval = interval
        self._start = start

    def request(self) -> str:
        """Files have landed: start the crawler if it is time, else keep the request."""
        for _ in range(RACES):
            stored = self._store.read_json(self._name)
            if stored is None or self._is_time(stored):
                return self._begin(stored)
            state = _state(stored)
            if state.get("wanted") or self._write(state.get("started_at"), True, stored.etag):
                return WAITS
        return WAITS

    def catch_up(self) -> str:
        """Start the crawler if a crawl was requested and it is time."""
        stored = self._store.read_json(self._name)
        if stored is None or not _state(stored).get("wanted"):
            return NOT_REQUESTED
        return self._begin(stored) if self._is_time(stored) else WAITS

    def _begin(self, stored: VersionedJson | None) -> str:
        # Whoever writes first starts it: what landed before this was written is there when the crawl begins.
        now = stored.now.isoformat() if stored else None
        etag = self._write(now, False, stored.etag if stored else None)
        if etag is None:
            return LEFT
        outcome = self._start()
        if outcome != STARTED:
            # One that runs already may have passed our files; one that failed has not seen them.
            self._write(now, True, etag)
        return outcome

    def _write(self, started_at: str | None, requested: bool, etag: str | None) -> str | None:
        return self._store.write_json(self._name, {"started_at": started_at, "wanted": requested}, etag)

    def _is_time(self, stored: VersionedJson) -> bool:
        return stored.now - _started_at(_state(stored), stored.modified_at) >= self._interval


def _state(stored: VersionedJson) -> Mapping[str, Any]:
    """Return what was stored; what cannot be read counts as a request."""
    return stored.value if isinstance(stored.value, Mapping) else {"wanted": True}


def _started_at(state: Mapping[str, Any], written_at: datetime) -> datetime:
    """Return when it was last started, or when the state was written where it does not say."""
    try:
        started_at = datetime.fromisoformat(state["started_at"])
    except (KeyError, TypeError, ValueError):
        return written_at
    return started_at if started_at.tzinfo else written_at
