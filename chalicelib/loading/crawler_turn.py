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
NOT_WANTED = "not wanted"

RACES = 3
"""How often a lost race is run again; beyond, others say often enough that a crawl is wanted."""


class CrawlerTurn:
    """Remembers in one small object when the crawler was last started and whether a crawl is wanted since.

    `start` starts it and says how that went: `started`, or why not. Times are S3's.
    """

    def __init__(self, store: ObjectStore, state: str, interval: timedelta, start: Callable[[], str]) -> None:
        self._store = store
        self._name = f"{state}crawler.json"
        self._interval = interval
        self._start = start

    def wanted(self) -> str:
        """Files have landed: start the crawler if it is time, else remember that it is wanted."""
        for _ in range(RACES):
            known = self._store.read_json(self._name)
            if known is None or self._is_time(known):
                return self._begin(known)
            state = _state(known)
            if state.get("wanted") or self._write(state.get("started_at"), True, known.etag):
                return WAITS
        return WAITS

    def catch_up(self) -> str:
        """Start the crawler if it is wanted and it is time."""
        known = self._store.read_json(self._name)
        if known is None or not _state(known).get("wanted"):
            return NOT_WANTED
        return self._begin(known) if self._is_time(known) else WAITS

    def _begin(self, known: VersionedJson | None) -> str:
        # Whoever writes first starts it: what landed before this was written is there when the crawl begins.
        now = known.now.isoformat() if known else None
        etag = self._write(now, False, known.etag if known else None)
        if etag is None:
            return LEFT
        outcome = self._start()
        if outcome != STARTED:
            # One that runs already may have passed our files; one that failed has not seen them.
            self._write(now, True, etag)
        return outcome

    def _write(self, started_at: str | None, wanted: bool, etag: str | None) -> str | None:
        return self._store.write_json(self._name, {"started_at": started_at, "wanted": wanted}, etag)

    def _is_time(self, known: VersionedJson) -> bool:
        return known.now - _started_at(_state(known), known.modified_at) >= self._interval


def _state(known: VersionedJson) -> Mapping[str, Any]:
    """Return what is remembered; what cannot be read is as good as a crawl that is wanted."""
    return known.value if isinstance(known.value, Mapping) else {"wanted": True}


def _started_at(state: Mapping[str, Any], written_at: datetime) -> datetime:
    """Return when it was last started, or when that was written where nothing tells."""
    try:
        started_at = datetime.fromisoformat(state["started_at"])
    except (KeyError, TypeError, ValueError):
        return written_at
    return started_at if started_at.tzinfo else written_at
