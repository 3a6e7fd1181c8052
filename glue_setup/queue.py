"""The dead-letter queue: the events whose load failed to the end, kept for `python -m operate redrive`."""

from __future__ import annotations

import json
from typing import Any

from glue_setup.clients import Clients
from glue_setup.resource import OWNER, TAG, Blocks, Plan, Resource, State, as_text
from glue_setup.statements import Document, normalized, ours, policy_of, tls_only, with_ours
from glue_setup.target import Target

FAILED_DAYS = 14
"""How long the queue keeps an event whose load failed; SQS keeps none longer."""
DAY = 86_400
MANAGED, CUSTOM = "SSE-SQS", "a KMS key"
ABSENT = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
"""What SQS says of a queue that is not there, and for a second of one that it has just made."""


def queue_statement(target: Target) -> Document:
    """Return the statement of the queue's policy that denies every request without TLS."""
    return tls_only("sqs:*", target.failed_queue)


class FailedQueue(Resource):
    """The queue and those of its properties that we set: how long it keeps, that it is encrypted, TLS only.

    Statements of its policy of other origin are kept. Over plain HTTP (an embedded AWS) the TLS-only statement is left
    out, as for the bucket.
    """

    def __init__(self, target: Target, clients: Clients) -> None:
        self._queue = target.stage.failed_queue
        super().__init__(target, clients, f"queue {self._queue}")
        self._sqs = clients.sqs
        self._statement = queue_statement(target) if clients.tls else None

    def find(self) -> dict[str, str] | None:
        """Return its attributes, and under `QueueUrl` its address. Raises Refused for a queue of another stage."""
        try:
            url = self._sqs.get_queue_url(QueueName=self._queue)["QueueUrl"]
            owner = self._sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).get(TAG)
            return {"QueueUrl": url, **self.check_owner(owner), **self._attributes(url)}
        except self._sqs.exceptions.QueueDoesNotExist:
            # SQS gives the address of a queue that was just deleted, or made, before or after it knows the queue.
            return None

    def state(self, existing: dict[str, str]) -> State:
        """Return those properties."""
        seconds = existing.get("MessageRetentionPeriod", "")
        days, rest = divmod(int(seconds or 0), DAY)
        state = {"keeps": f"{seconds} seconds" if rest else f"{days} days"}
        if OWNER in existing:
            state[OWNER] = existing[OWNER]
        if existing.get("KmsMasterKeyId"):
            state["encryption"] = CUSTOM
        elif existing.get("SqsManagedSseEnabled") == "true":
            state["encryption"] = MANAGED
        statement = ours(_policy(existing))
        return state | ({"policy statement": as_text(statement)} if statement else {})

    def desired(self, current: State | None) -> State:
        """Return what should be there; an encryption by a KMS key is stronger than SQS's own and stays."""
        state = {
            OWNER: self.target.owner,
            "keeps": f"{FAILED_DAYS} days",
            "encryption": CUSTOM if (current or {}).get("encryption") == CUSTOM else MANAGED,
        }
        return state | ({"policy statement": as_text(normalized(self._statement))} if self._statement else {})

    def make(self, plan: Plan) -> None:
        """Create it if need be, then set what differs in one call."""
        # Created bare: with attributes, SQS refuses a name that exists with others.
        url = self._sqs.create_queue(QueueName=self._queue)["QueueUrl"]
        failure = f"{self.name}: SQS did not know the queue that it made"
        self.clients.settled(lambda: self._set(url, plan.fields), ABSENT, [""], failure)

    def _set(self, url: str, fields: set[str]) -> None:
        if OWNER in fields:
            self._sqs.tag_queue(QueueUrl=url, Tags=self.tags)
        attributes: dict[Any, str] = {}
        if "keeps" in fields:
            attributes["MessageRetentionPeriod"] = str(FAILED_DAYS * DAY)
        if "encryption" in fields:
            attributes["SqsManagedSseEnabled"] = "true"
        if "policy statement" in fields:
            policy = with_ours(_policy(self._attributes(url)), self._statement)
            # SQS takes an empty text for no policy.
            attributes["Policy"] = json.dumps(policy) if policy else ""
        if attributes:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)

    def delete(self, existing: dict[str, str], delete_data: bool) -> str | None:
        """Delete it; with events in it only with `delete_data`."""
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        events = sum(int(existing.get(name, 0)) for name in names)
        if events and not delete_data:
            return f"kept: about {events} failed events are in it (python -m operate redrive, or destroy --delete-data)"
        self._sqs.delete_queue(QueueUrl=existing["QueueUrl"])
        return None

    def terraform(self) -> Blocks:
        """Return the queue and its policy."""
        queue = {
            "name": self._queue,
            "tags": self.tags,
            "message_retention_seconds": FAILED_DAYS * DAY,
            "sqs_managed_sse_enabled": True,
        }
        policy = json.dumps(policy_of(queue_statement(self.target)))
        return {
            "aws_sqs_queue": {"failed": queue},
            "aws_sqs_queue_policy": {"failed": {"queue_url": "${aws_sqs_queue.failed.id}", "policy": policy}},
        }

    def _attributes(self, url: str) -> dict[str, str]:
        answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        return {str(name): value for name, value in answer.get("Attributes", {}).items()}


def _policy(attributes: dict[str, str]) -> Document:
    return dict(json.loads(attributes.get("Policy") or "{}"))
