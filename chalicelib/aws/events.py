"""EventBridge: events about source objects go to one bus, under one source by which rules and policies know them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.aws.errors import edge
from chalicelib.aws.session import make_client

SOURCE = "orders-etl"
"""The `source` of every event."""

MOST_ENTRIES = 10
"""How many events EventBridge takes by one request."""


def events_client() -> Any:
    """Return a client that gives up within seconds: what cannot be sent now is sent by the sweep."""
    config = Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=2, read_timeout=5)
    return make_client("events", config=config)


@edge
class EventBus:
    """A bus of EventBridge, by its name. The client is made when there is something to send."""

    def __init__(self, client: Callable[[], Any], bus: str) -> None:
        self._client = client
        self._bus = bus

    def send(self, events: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Send events, each with its type and its detail. Raises AwsError where one was not taken."""
        for first in range(0, len(events), MOST_ENTRIES):
            entries = [
                {
                    "Source": SOURCE,
                    "DetailType": kind,
                    "Detail": json.dumps(detail, ensure_ascii=False),
                    "EventBusName": self._bus,
                }
                for kind, detail in events[first : first + MOST_ENTRIES]
            ]
            for entry in self._client().put_events(Entries=entries).get("Entries", ()):
                if "ErrorCode" in entry:
                    # The answer as a whole is a good one, whatever became of each.
                    raise ClientError({"Error": {"Code": entry["ErrorCode"]}}, "PutEvents")
