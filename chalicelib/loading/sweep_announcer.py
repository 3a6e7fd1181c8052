"""How the sweep has an object loaded: it says so in the ledger, then announces the object as S3 would have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import Arrival, VersionedJson, version_of
from chalicelib.loading.notifications import announcement
from chalicelib.loading.store import ObjectStore
from chalicelib.loading.sweep_cursor import Rules, SweepReport
from chalicelib.loading.sweep_relay import SweepRelay, with_failure

MOST_ATTEMPTS = 10
"""How often loading one version may have begun before the sweep gives it up: what ends its process each time is not for
ever tried again. Announcements do not count: they may wait for hours in Lambda's queue."""


class Announcer:
    """Announces objects and deletions; `announce` hands an event to the S3 handler and returns when it is accepted."""

    def __init__(
        self,
        store: ObjectStore,
        rules: Rules,
        announce: Callable[[dict[str, Any]], None],
        relay: SweepRelay,
        report: SweepReport,
    ) -> None:
        self._store = store
        self._rules = rules
        self._announce = announce
        self._relay = relay
        self._report = report

    def claim(self, arrival: Arrival, entry: Entry | None, stored: VersionedJson | None) -> None:
        """Announce it if the ledger's entry is still the one that was seen: two sweeps never announce one object."""
        if entry is not None and is_given_up(entry, arrival):
            return
        first = replace(Entry.first(arrival), attempts=0)
        marked = with_failure(entry, stored)
        self.announce_when_written(arrival, (marked or first).awaited(arrival), stored)
        if marked is not entry:
            self._relay.relay(marked)

    def announce_when_written(self, arrival: Arrival, entry: Entry, stored: VersionedJson | None) -> None:
        """Announce an object once the ledger has the entry that awaits it."""
        name = f"{self._rules.ledger}{ledger_name(arrival.key)}"
        etag = self._store.write_json(name, entry.as_json(), stored.etag if stored else None)
        if etag is not None:
            self._announce(announcement(replace(arrival, ledger_etag=etag)))
            self._report.announced += 1

    def announce_removal(self, entry: Entry) -> None:
        """Announce that an entry's object is gone."""
        gone = Arrival(self._rules.bucket, entry.key, version_of(None, None), removed=True)
        self._announce(announcement(gone))
        self._report.announced += 1

    def wait_for(self, key: str, age: timedelta) -> None:
        """Report since when an object waits to be loaded."""
        contract, seconds = self._rules.contract_of(key), age.total_seconds()
        self._report.oldest_waiting[contract] = max(self._report.oldest_waiting.get(contract, 0.0), seconds)


def is_given_up(entry: Entry, arrival: Arrival) -> bool:
    """Tell whether loading what arrived was begun as often as it is tried."""
    return entry.version == arrival.version and entry.attempts >= MOST_ATTEMPTS
