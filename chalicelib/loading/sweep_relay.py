"""What the sweep relays: outboxes that a crash left pending, and that a version failed on every try."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.file_names import receipt_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import FAILED, LOADING, ObjectSummary, VersionedJson
from chalicelib.loading.outbox import Message
from chalicelib.loading.outbox_relay import OutboxRelay, is_acknowledged
from chalicelib.loading.sweep_cursor import SweepCursor

TRIES = 3
"""How often Lambda delivers an event to a function that fails: once, and twice again. Then nobody is at work on it, and
its sender hears that it failed; the sweep goes on trying."""


class SweepRelay:
    """What a run of the sweep relays, by `relay`; without one, nothing."""

    def __init__(self, relay: OutboxRelay | None, grace: timedelta) -> None:
        self._relay = relay
        self._grace = grace

    @property
    def is_broken(self) -> bool:
        """Whether something could not be relayed in this run."""
        return self._relay is not None and self._relay.broken

    def may_be_pending(self, cursor: SweepCursor, listed: ObjectSummary) -> bool:
        """Tell whether no earlier round saw that an entry's outbox was acknowledged: it was younger than the grace."""
        since = cursor.relayed_until
        return self._relay is not None and since is not None and listed.modified_at >= since - self._grace

    def is_acknowledged(self, entry: Entry) -> bool:
        """Tell whether the receipt has all that is in an entry's outbox; not, where it cannot be read or need not be.

        Changes nothing, so that many may be asked for side by side.
        """
        if self._relay is None or self._relay.broken or not entry.outbox:
            return False
        name = receipt_name(self._relay.address.receipts, entry.key)
        try:
            return is_acknowledged(entry, self._relay.store.read_json(name))
        except Exception:
            # It is read once more when it is relayed, and reported there.
            return False

    def relay(self, entry: Entry | None) -> None:
        """Relay an entry's outbox, if it is pending.

        Once that went wrong, it would for each of thousands as well: they come in the next run.
        """
        if entry is not None and self._relay is not None and not self._relay.broken:
            self._relay.relay_pending(entry)


def with_failure(entry: Entry | None, stored: VersionedJson | None) -> Entry | None:
    """Return an entry with the message that its newest version failed, where nobody is at work on it any more."""
    if entry is None or stored is None or entry.state not in (LOADING, FAILED) or entry.attempts < TRIES:
        return entry
    if any((each.version, each.status) == (entry.version, FAILED) for each in entry.outbox):
        return entry
    return entry.with_message(Message.of(entry.version, FAILED, stored.now.isoformat()))
