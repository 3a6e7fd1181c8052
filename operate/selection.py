"""Which dropped objects a replay takes: by key, by prefix, by time, by what the ledger says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.errors import UnreadableEntry
from chalicelib.loading.entry import read_entry
from chalicelib.loading.models import Arrival, ObjectSummary
from chalicelib.loading.store import ObjectStore

UNKNOWN = "unknown"
"""What the ledger says of an object that it has no entry of, or of another version only."""


@dataclass(frozen=True)
class Selection:
    """What is asked for; every condition that is given must hold. Times are of the object's last modification, UTC."""

    keys: tuple[str, ...] = ()
    prefix: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    states: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was asked for, which would be everything."""
        return self == Selection()


@dataclass(frozen=True)
class Chosen:
    """An object that was chosen. `state` is the ledger's word on this very version, or `unknown`."""

    arrival: Arrival
    state: str
    modified_at: datetime


def chosen(store: ObjectStore, selection: Selection, incoming: str, ledger: str) -> Iterator[Chosen]:
    """Yield the newest version of each object below `incoming` that is asked for, in the order of the keys."""
    for listed in _listed(store, selection, incoming):
        if _in_time(listed, selection):
            arrival = store.current(listed.key)
            if arrival is not None:
                state = _state(store, ledger, arrival)
                if not selection.states or state in selection.states:
                    yield Chosen(arrival, state, listed.modified_at)


def _listed(store: ObjectStore, selection: Selection, incoming: str) -> Iterator[ObjectSummary]:
    start = selection.prefix or incoming
    if selection.keys:
        for key in sorted(selection.keys):
            # A key is the first of those that begin with it.
            first = store.list(key, limit=1).objects
            yield from (listed for listed in first if listed.key == key and key.startswith(start))
        return
    yield from listing(store, start)


def listing(store: ObjectStore, prefix: str) -> Iterator[ObjectSummary]:
    """Yield what lies below a prefix, but for folders."""
    after, more = "", True
    while more:
        page = store.list(prefix, after)
        for each in page.objects:
            after = each.key
            if not each.is_folder:
                yield each
        more = page.more


def _in_time(listed: ObjectSummary, selection: Selection) -> bool:
    since, until = selection.since, selection.until
    return (since is None or listed.modified_at >= since) and (until is None or listed.modified_at < until)


def _state(store: ObjectStore, ledger: str, arrival: Arrival) -> str:
    try:
        entry = read_entry(store.read_json, ledger, arrival.key)
    except UnreadableEntry:
        return UNKNOWN
    return entry.state if entry is not None and entry.version == arrival.version else UNKNOWN
