"""The dead-letter queue: the events whose load failed to the end, kept for `python -m operate redrive`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalicelib.stage import Stage
from glue_setup import definitions
from glue_setup.errors import Refused
from glue_setup.ownership import OWNER, TAG, owner_of, refuse_other, with_owner
from glue_setup.place import Place
from glue_setup.resource import Plan, Resource, State, as_text
from glue_setup.settling import Settling
from glue_setup.statements import ours, plain, with_ours

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MANAGED, CUSTOM = "SSE-SQS", "a KMS key"
ABSENT = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")
"""What SQS says of a queue that is not there, and for a second of one that it has just made."""


class FailedQueue(Resource):
    """The queue and those of its properties that we set: how long it keeps, that it is encrypted, TLS only.

    Statements of its policy of other origin are kept. Over plain HTTP (`tls` false: an embedded AWS) the TLS-only
    statement is left out, as for the bucket.
    """

    def __init__(
        self,
        client: SQSClient,
        stage: Stage,
        place: Place,
        tls: bool = True,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = stage.failed_queue
        self.name = f"queue {self._queue}"
        self._sqs = client
        self._arn = place.queue(self._queue)
        self._tls = tls
        self._owner = owner_of(stage)
        self._settling = Settling(ABSENT, sleep=sleep, monotonic=monotonic)

    def desired(self, current: State | None) -> State:
        """Return what should be there; an encryption by a KMS key is stronger than SQS's own and stays."""
        state = {
            OWNER: self._owner,
            "keeps": f"{definitions.FAILED_DAYS} days",
            "encryption": CUSTOM if (current or {}).get("encryption") == CUSTOM else MANAGED,
        }
        statement = self._statement()
        return state | ({"policy statement": as_text(plain(statement))} if statement else {})

    def current(self) -> State | None:
        """Read those properties. Raises Refused for a queue of another stage."""
        url = self.url()
        if url is None:
            return None
        try:
            owner, found = self._checked_owner(url), self._attributes(url)
        except self._sqs.exceptions.QueueDoesNotExist:
            # SQS gives the address of a queue that was just deleted, or made, before or after it knows the queue.
            return None
        state = {**with_owner(owner), "keeps": _days(found.get("MessageRetentionPeriod", ""))}
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
        self._settling.wait(lambda: self._set(url, plan), f"{self.name}: SQS did not know the queue that it made")

    def _set(self, url: str, plan: Plan) -> None:
        changed = {change.field for change in plan.changes}
        if OWNER in changed:
            self._sqs.tag_queue(QueueUrl=url, Tags={TAG: self._owner})
        attributes: dict[Any, str] = {}
        if "keeps" in changed:
            attributes["MessageRetentionPeriod"] = str(definitions.FAILED_DAYS * 86_400)
        if "encryption" in changed:
            attributes["SqsManagedSseEnabled"] = "true"
        if "policy statement" in changed:
            policy = with_ours(_policy(self._attributes(url)), definitions.TLS_SID, self._statement())
            # SQS takes an empty text for no policy.
            attributes["Policy"] = json.dumps(policy) if policy else ""
        if attributes:
            self._sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)

    def remove(self, delete_data: bool) -> str:
        """Delete it; with events in it only with `delete_data`."""
        url = self.url()
        if url is None:
            return "absent"
        try:
            self._checked_owner(url)
        except Refused as refused:
            return f"kept: {refused.reasons[0]}"
        waiting = self._waiting(url)
        if waiting and not delete_data:
            return (
                f"kept: about {waiting} failed events are in it (python -m operate redrive, or destroy --delete-data)"
            )
        self._sqs.delete_queue(QueueUrl=url)
        return "removed"

    def check_owner(self) -> None:
        """Raise Refused for a queue of another stage."""
        url = self.url()
        if url is not None:
            self._checked_owner(url)

    def url(self) -> str | None:
        """Return the queue's address, None when there is no queue."""
        try:
            return self._sqs.get_queue_url(QueueName=self._queue)["QueueUrl"]
        except self._sqs.exceptions.QueueDoesNotExist:
            return None

    def _checked_owner(self, url: str) -> str | None:
        owner = self._sqs.list_queue_tags(QueueUrl=url).get("Tags", {}).get(TAG)
        refuse_other(self.name, owner, self._owner, "give this stage another name in .chalice/config.json")
        return owner

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
