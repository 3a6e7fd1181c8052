"""Relays outboxes: how each version of a source ended, as a receipt for its sender and as an event. At least once.

A message is in the outbox of the ledger entry with the last word on its version. It is not taken out by a write of its
own: the receipt, which has to be written anyway, comes after the event and has the ids of what was sent, which
acknowledges them. So a new key takes two requests more, and whoever looks later (the event that comes again, the sweep,
the next version of the key) compares outbox and receipt.

A receipt is written on condition that the one before is still there, and that one was read before the ledger last said
which version is the newest: the receipt of a newer version is never overwritten by that of an older one.

Nothing here fails a load.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct, field

from chalicelib.documents.rejected import first_rejected
from chalicelib.errors import UnreadableEntry
from chalicelib.file_names import receipt_name
from chalicelib.loading.entry import Entry, read_entry
from chalicelib.loading.models import (
    DELETED,
    FAILED,
    LOADED,
    PARTLY_LOADED,
    QUARANTINED,
    Rejection,
    VersionedJson,
)
from chalicelib.loading.outbox import MOST_REASONS, Message, latest_message
from chalicelib.loading.store import ObjectStore
from chalicelib.settings import MIB

RACES = 3
"""How often a receipt is tried again that another wrote at the same time."""

MOST_CHARACTERS = 1000
"""How much of a path or of a reason is in a receipt."""

WHAT_TO_DO = {
    LOADED: "Nothing: all that was sent is loaded.",
    PARTLY_LOADED: "Correct the records that are listed here. Send them alone in a file of another name, or send the "
    "whole file again under the same name: it then replaces this one.",
    QUARANTINED: "Nothing of this file was loaded. Correct what the reason names and send the whole file again under "
    "the same name.",
    FAILED: "The file could not be loaded, through no fault that was found in it. It is tried again; if this does not "
    "change within a day, ask whoever runs the pipeline.",
    DELETED: "Nothing, if the file was meant to be deleted: what it had loaded is gone with it. Else send it again.",
}
"""What the sender is to do, by status."""

EVENT_TYPES = {
    LOADED: "Source Loaded",
    PARTLY_LOADED: "Source Partly Loaded",
    QUARANTINED: "Source Quarantined",
    FAILED: "Source Failed",
    DELETED: "Source Deleted",
}
"""The type of the event, by status."""


class Event(NamedTuple):
    """One event: its type, and what it says as JSON values."""

    type: str
    detail: Mapping[str, Any]


class Address(Struct, frozen=True):
    """Where the receipts and the ledger are, and what every event says of where it comes from."""

    bucket: str
    receipts: str
    ledger: str
    stage: str
    contract_of: Callable[[str], str]


class OutboxRelay(Struct):
    """Relays outboxes. `send` sends events or raises; `failed` is called with a key and what went wrong.

    `broken` says that something went wrong since this was made.
    """

    store: ObjectStore
    address: Address
    send: Callable[[Sequence[Event]], None]
    failed: Callable[[str, Exception], None] = field(default=lambda key, error: None)
    broken: bool = False

    def read(self, key: str) -> VersionedJson | None:
        """Return the receipt of a key as it is now, None where there is none or it cannot be read."""
        try:
            return self.store.read_json(receipt_name(self.address.receipts, key))
        except Exception as error:
            self._fail(key, error)
            return None

    def relay(self, entry: Entry, before: VersionedJson | None, rejected: Sequence[Rejection] | None = None) -> None:
        """Relay an entry's outbox. `before` is the receipt from before the ledger said that entry.

        `rejected` are the first records that were, where they are known; else they are read from the quarantine.
        """
        try:
            if not self._relay(entry, before, rejected):
                self._relay_afresh(entry.key)
        except Exception as error:
            self._fail(entry.key, error)

    def relay_pending(self, entry: Entry) -> None:
        """Relay an entry's outbox, if the receipt does not acknowledge it."""
        try:
            before = self.store.read_json(receipt_name(self.address.receipts, entry.key))
            if not is_acknowledged(entry, before):
                self._relay_afresh(entry.key)
        except Exception as error:
            self._fail(entry.key, error)

    def _relay_afresh(self, key: str) -> None:
        for _ in range(RACES):
            before = self.store.read_json(receipt_name(self.address.receipts, key))
            # The ledger after the receipt: the entry is no older than that receipt.
            try:
                entry = read_entry(self.store.read_json, self.address.ledger, key)
            except UnreadableEntry:
                return
            if entry is None or is_acknowledged(entry, before) or self._relay(entry, before, None):
                return

    def _relay(self, entry: Entry, before: VersionedJson | None, rejected: Sequence[Rejection] | None) -> bool:
        """Send what is not acknowledged and write the receipt; return False where another wrote it meanwhile."""
        message = latest_message(entry.outbox, entry.version)
        if message is None:
            return True
        acknowledged, is_current = acknowledged_ids(before), _is_about(before, message)
        pending = [
            each
            for each in entry.outbox
            if each.id_for(entry.key) not in acknowledged or (each == message and not is_current)
        ]
        problem: Exception | None = None
        try:
            if pending:
                self.send([self._event(entry.key, each) for each in pending])
        except Exception as error:
            # The receipt is for somebody else: it does not wait for the events.
            problem = error
        ids = [each.id_for(entry.key) for each in entry.outbox]
        receipt = self._receipt(entry, message, rejected) | {
            "event_ids": [each for each in ids if problem is None or each in acknowledged]
        }
        name = receipt_name(self.address.receipts, entry.key)
        is_written = self.store.write_json(name, receipt, before.etag if before else None) is not None
        if problem is not None:
            self._fail(entry.key, problem)
            return True
        return is_written

    def _event(self, key: str, message: Message) -> Event:
        detail = {
            "id": message.id_for(key),
            "stage": self.address.stage,
            "bucket": self.address.bucket,
            "contract": self.address.contract_of(key),
            "source_key": key,
            "source_version": message.version,
            "status": message.status,
            "finished_at": message.finished_at,
            **_counts(message),
            "receipt": receipt_name(self.address.receipts, key),
        }
        return Event(EVENT_TYPES[message.status], detail)

    def _receipt(self, entry: Entry, message: Message, rejected: Sequence[Rejection] | None) -> dict[str, Any]:
        is_newest = message.version == entry.version and message.status == entry.state
        if message.status != PARTLY_LOADED:
            listed: list[dict[str, Any]] = []
        elif rejected is not None:
            listed = [each._asdict() for each in rejected]
        else:
            listed = self._read_rejected(entry) if is_newest else []
        shown = [{**each, "path": _cut(each["path"]), "reason": _cut(each["reason"])} for each in listed[:MOST_REASONS]]
        return {
            "source_key": entry.key,
            "source_version": message.version,
            "status": message.status,
            "finished_at": message.finished_at,
            "contract": self.address.contract_of(entry.key),
            **_counts(message),
            "reason": entry.reason
            if message.status in (QUARANTINED, FAILED) and message.version == entry.version
            else None,
            "rejected": shown,
            "rejected_more": message.orders_rejected - len(shown),
            "dollars": entry.dollars if is_newest else None,
            "what_to_do": WHAT_TO_DO[message.status],
        }

    def _read_rejected(self, entry: Entry) -> list[dict[str, Any]]:
        if not entry.quarantine:
            return []
        return first_rejected(self.store.read_start(entry.quarantine, MIB), MOST_REASONS)

    def _fail(self, key: str, error: Exception) -> None:
        self.broken = True
        self.failed(key, error)


def acknowledged_ids(receipt: VersionedJson | None) -> Collection[str]:
    """Return the ids of the events that a receipt says were sent."""
    value = receipt.value if receipt is not None else None
    ids = value.get("event_ids") if isinstance(value, Mapping) else None
    return {each for each in ids if isinstance(each, str)} if isinstance(ids, list) else set()


def is_acknowledged(entry: Entry, receipt: VersionedJson | None) -> bool:
    """Tell whether a receipt is the one that an entry's outbox makes, and all its events were sent."""
    message = latest_message(entry.outbox, entry.version)
    if message is None:
        return True
    ids: Iterable[str] = (each.id_for(entry.key) for each in entry.outbox)
    return _is_about(receipt, message) and set(ids) <= set(acknowledged_ids(receipt))


def _is_about(receipt: VersionedJson | None, message: Message) -> bool:
    value = receipt.value if receipt is not None else None
    if not isinstance(value, Mapping):
        return False
    said = (value.get("source_version"), value.get("status"), value.get("finished_at"))
    return said == (message.version, message.status, message.finished_at)


def _counts(message: Message) -> dict[str, int]:
    names = ("orders_read", "orders_loaded", "orders_rejected", "rows", "files")
    return {name: getattr(message, name) for name in names}


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"
