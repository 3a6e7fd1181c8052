"""The dead-letter queue: the events whose load failed to the end, kept for `python -m glue_setup redrive`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from chalicelib.stage import Stage
from glue_setup import definitions
from glue_setup.place import Place
from glue_setup.resource import Plan, Resource, State, as_text
from glue_setup.statements import ours, plain, with_ours

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MANAGED, CUSTOM = "SSE-SQS", "a KMS key"


class FailedQueue(Resource):
    """The queue and those of its properties that we set: how long it keeps, that it is encrypted, TLS only.

    Statements of its policy of other origin are kept. Over plain HTTP (`tls` false: an embedded AWS) the TLS-only
    statement is left out, as for the bucket.
    """

    def __init__(self, client: SQSClient, stage: Stage, place: Place, tls: bool = True) -> None:
        self._queue = stage.failed_queue
        self.name = f"queue {self._queue}"
        self._sqs = client
        self._arn = place.queue(self._queue)
        self._tls = tls

    def desired(self, current: State | None) -> State:
        """Return what should be there; an encryption by a KMS key is stronger than SQS's own and stays."""
        state = {
            "keeps": f"{definitions.FAILED_DAYS} days",
            "encryption": CUSTOM if (current or {}).get("encryption") == CUSTOM else MANAGED,
        }
        statement = self._statement()
        return state | ({"policy statement": as_text(plain(statement))} if statement else {})

    def current(self) -> State | None:
        """Read those properties."""
        url = self.url()
        if url is None:
            return None
        found = self._attributes(url)
        state = {"keeps": _days(found.get("MessageRetentionPeriod", ""))}
        if found.get("KmsMasterKeyId"):
            state["encryption"] = CUSTOM
        elif found.get("SqsManagedSseEnabled") == "true":
            state["encryption"] = MANAGED
        statement = ours(_policy(found), definitions.TLS_SID)
        return state | ({"policy statement": as_text(statement)} if statement else {})

    def make(self, plan: Plan) -> None:
        """Create it if need be, then set what differs in one call."""
        # Created bare: with attributes, SQS refuses a name that exists with others.
        url = self._sqs.create_queue(QueueName=self._queue)["QueueUrl"]
        changed = {change.field for change in plan.changes}
        attributes: dict[Any, str] = {}
        if "keeps" in changed:
            attributes["MessageRetentionPeriod"] = str(definitions.FAILED_DAYS * 86_400)
        if "encryption" in changed:
            attributes["SqsManagedSseEnabled"] = "true"
        if "policy statement" in changed:
            policy = with_ours(_policy(self._attributes(url)), definitions.TLS_SID, self._statement())
            # SQS takes an empty text for no policy.
            attributes["Policy"] = json.dumps(policy) if policy else ""
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)

    def remove(self, delete_data: bool) -> str:
        """Delete it; with events in it only with `delete_data`."""
        url = self.url()
        if url is None:
            return "absent"
        waiting = self._waiting(url)
        if waiting and not delete_data:
            return f"kept: about {waiting} failed events are in it (redrive, or destroy --delete-data)"
        self._sqs.delete_queue(QueueUrl=url)
        return "removed"

    def url(self) -> str | None:
        """Return the queue's address, None when there is no queue."""
        try:
            return self._sqs.get_queue_url(QueueName=self._queue)["QueueUrl"]
        except self._sqs.exceptions.QueueDoesNotExist:
            return None

    def _attributes(self, url: str) -> dict[str, str]:
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return {str(name): value for name, value in found.get("Attributes", {}).items()}

    def _waiting(self, url: str) -> int:
        found = self._attributes(url)
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(found.get(name, 0)) for name in names)

    def _statement(self) -> dict[str, Any] | None:
        return definitions.tls_only_queue(self._arn) if self._tls else None


def _policy(attributes: dict[str, str]) -> dict[str, Any]:
    return dict(json.loads(attributes.get("Policy") or "{}"))


def _days(seconds: str) -> str:
    whole, rest = divmod(int(seconds or 0), 86_400)
    return f"{seconds} seconds" if rest else f"{whole} days"
