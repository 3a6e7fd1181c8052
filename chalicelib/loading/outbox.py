"""The outbox of a source key: messages about versions that ended, kept in its ledger entry until acknowledged. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable

from msgspec import Struct

from chalicelib.counts import NO_ORDERS, Counts

MOST_PENDING = 50
"""How many messages about one key are kept at most, where none of them can be sent."""

MOST_REASONS = 100
"""Of how many rejected records a receipt has the reasons."""

ID_DIGITS = 32


class Message(Struct, frozen=True):
    """How one version of a source key ended, and what it came to. `finished_at` is ISO 8601, UTC."""

    version: str
    status: str
    finished_at: str
    orders_read: int
    orders_loaded: int
    orders_rejected: int
    rows: int
    files: int

    @classmethod
    def of(cls, version: str, status: str, finished_at: str, counts: Counts = NO_ORDERS, files: int = 0) -> Message:
        """Return the message about a version; one that has no rows has no counts either."""
        return cls(
            version,
            status,
            finished_at,
            counts.orders_read,
            counts.orders_loaded,
            counts.orders_rejected,
            counts.rows,
            files,
        )

    def id_for(self, key: str) -> str:
        """Return the message's id: made of key, version and status, so that it is the same however often it is sent."""
        text = "\0".join((key, self.version, self.status))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:ID_DIGITS]


def with_message(
    outbox: Iterable[Message], message: Message, *, key: str, newest: str, acknowledged: Collection[str]
) -> tuple[Message, ...]:
    """Return an outbox with one message more, and without those whose ids are acknowledged.

    Messages about the `newest` version stay, since the receipt is made of them.
    """
    message_id = message.id_for(key)
    kept = [
        each
        for each in outbox
        if (each_id := each.id_for(key)) != message_id and (each.version == newest or each_id not in acknowledged)
    ]
    return (*kept, message)[-MOST_PENDING:]


def latest_message(outbox: Iterable[Message], newest: str) -> Message | None:
    """Return the message that the receipt is made of: the last about the newest version, else the last of all."""
    messages = list(outbox)
    return next(reversed([each for each in messages if each.version == newest] or messages), None)
