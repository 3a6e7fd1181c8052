"""Brings failed events back: each message of the queue becomes the event that it was, and Lambda loads it again."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import shown
from chalicelib.help_text import examples
from chalicelib.stage import read_stage
from glue_setup import command_line
from glue_setup.clients import connect
from glue_setup.command_line import FAILED, say
from glue_setup.errors import SetupError, explained
from glue_setup.queue import FailedQueue
from glue_setup.target import target_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

Send = Callable[[Mapping[str, Any]], object]

PAGE = 10
"""Messages that SQS gives at once, at most."""
HIDDEN_SECONDS = 900
"""How long a message that was read is kept from other readers: longer than a run takes."""
WAIT_SECONDS = 2
"""How long SQS looks for messages on all of its servers before it says that there are none."""
MAX_MESSAGES = 5000
"""What one run reads at most: so many are sent before the first of them would be shown to others again."""
MAX_KEY = 1200
"""A key of S3's and its bucket's name, at most."""


class NotAnEvent(ValueError):
    """A message that is none of our failed events."""


@dataclass(frozen=True)
class FailedEvent:
    """One failed event: the objects it announced, why its load failed, and itself."""

    event: Mapping[str, Any]
    objects: tuple[str, ...]
    reason: str


@dataclass
class Summary:
    """What one run did, in messages. `remaining` stay in the queue, `unread` of them are none of our events.

    `stopped` tells why the run ended early, if it did.
    """

    events: int = 0
    objects: int = 0
    remaining: int = 0
    unread: int = 0
    stopped: str = ""

    @property
    def clean(self) -> bool:
        """Whether everything that was looked at was brought back, or with a dry run would be."""
        return not self.unread and not self.stopped

    def line(self, dry_run: bool) -> str:
        """Return the run in a line."""
        done = "would be sent again" if dry_run else "sent again"
        rest = f"{self.remaining} left in the queue" + (f", {self.unread} of them unread" if self.unread else "")
        stopped = f" Stopped: {self.stopped}" if self.stopped else ""
        return f"{self.events} events with {self.objects} objects {done}, {rest}.{stopped}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 1 something failed or was left, 2 wrong usage."""
    options = parser().parse_args(arguments)
    return command_line.run("redrive", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    stage = read_stage(options.project, options.stage)
    session = boto3.Session()
    target, clients = target_of(session, stage), connect(session, stage.name)
    say(f"Stage {stage.name} in account {target.account}, {target.region}:")
    queue = FailedQueue(target, clients)
    attributes = queue.find()
    if attributes is None:
        raise SetupError(f"{queue.name}: it is not there: run `python -m glue_setup apply --stage {stage.name}`")
    function = stage.function("load")

    def send(event: Mapping[str, Any]) -> None:
        # As S3 does: Lambda accepts the event at once, and runs it when there is room.
        clients.functions.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())

    redrive = Redrive(clients.sqs, attributes["QueueUrl"], function, stage.settings.bucket, send, say, options.dry_run)
    summary = redrive.run(options.limit)
    say(summary.line(options.dry_run))
    return 0 if summary.clean else FAILED


class Redrive:
    """One run over the queue at `url`, for events of `bucket` that `function` failed on.

    `send` hands an event to the function; a message is deleted only after that. What is no event of ours is left, and
    `say` is given why. With `dry_run` nothing is sent.
    """

    def __init__(
        self,
        queue: SQSClient,
        url: str,
        function: str,
        bucket: str,
        send: Send,
        say: Callable[[str], None],
        dry_run: bool = False,
    ) -> None:
        self._queue = queue
        self._url = url
        self._function = function
        self._bucket = bucket
        self._send = send
        self._say = say
        self._dry_run = dry_run
        self._receipts: dict[str, str] = {}
        """Of the messages that were read and are still in the queue, by their ids."""

    def run(self, limit: int) -> Summary:
        """Bring back up to `limit` events; all other messages that were read are given back.

        The first event that cannot be sent ends the run: the next could not be either.
        """
        summary = Summary()
        try:
            for message in self._messages(limit):
                self._bring_back(message, summary)
        except (ClientError, BotoCoreError) as error:
            summary.stopped = explained(error)
        finally:
            summary.remaining = len(self._receipts)
            self._give_back()
        return summary

    def _messages(self, limit: int) -> Iterator[MessageTypeDef]:
        """Yield up to `limit` messages, each once: what was read stays hidden until the run ends."""
        count = 0
        while count < limit:
            page = self._queue.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(PAGE, limit - count),
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
            ).get("Messages", [])
            if not page:
                return
            self._receipts |= {message["MessageId"]: message["ReceiptHandle"] for message in page}
            count += len(page)
            yield from page

    def _bring_back(self, message: MessageTypeDef, summary: Summary) -> None:
        try:
            failed = failed_event(message.get("Body", ""), self._function, self._bucket)
        except NotAnEvent as problem:
            summary.unread += 1
            self._say(f"message {message['MessageId']}: left: {problem}")
            return
        if not self._dry_run:
            self._send(failed.event)
        summary.events += 1
        summary.objects += len(failed.objects)
        for each in failed.objects:
            self._say(f"{shown(each, MAX_KEY)}: {'failed' if self._dry_run else 'sent again'} ({failed.reason})")
        if not self._dry_run:
            self._queue.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            del self._receipts[message["MessageId"]]

    def _give_back(self) -> None:
        """Show messages again that were read and stay; where that fails, they show themselves in a while."""
        receipts = list(self._receipts.values())
        for start in range(0, len(receipts), PAGE):
            page = enumerate(receipts[start : start + PAGE])
            entries: Any = [{"Id": str(i), "ReceiptHandle": each, "VisibilityTimeout": 0} for i, each in page]
            try:
                self._queue.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            except (ClientError, BotoCoreError):
                return


def failed_event(body: str, function: str, bucket: str) -> FailedEvent:
    """Read a message that Lambda wrote for an event of `bucket` that `function` failed on.

    Raises NotAnEvent, which says what is wrong with it.
    """
    try:
        record = json.loads(body)
    except (ValueError, RecursionError):
        raise NotAnEvent("it is not JSON") from None
    context = record.get("requestContext") if isinstance(record, dict) else None
    if not isinstance(context, dict):
        raise NotAnEvent("it is no record of a failed invocation")
    # The ARN may end with a version or an alias.
    if str(context.get("functionArn")).split(":")[6:7] != [function]:
        raise NotAnEvent(f"it is of function {shown(context.get('functionArn'))!r}")
    event = record.get("requestPayload")
    objects = _objects(event)
    others = {each for each in objects if not each.startswith(f"s3://{bucket}/")}
    if others or not objects:
        raise NotAnEvent(f"its event is of another bucket: {shown(min(others))}" if others else "its event is empty")
    answer = record.get("responsePayload")
    kind = answer.get("errorType") if isinstance(answer, dict) else None
    return FailedEvent(event, objects, ", ".join(str(each) for each in (context.get("condition"), kind) if each))


def _objects(event: Any) -> tuple[str, ...]:
    try:
        records = [each["s3"] for each in event["Records"]]
        return tuple(f"s3://{s3['bucket']['name']}/{unquote_plus(s3['object']['key'])}" for s3 in records)
    except (AttributeError, KeyError, TypeError):
        raise NotAnEvent("its event announces no object") from None


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m operate redrive",
        **examples("python -m operate redrive --stage dev --dry-run"),
        description="Send the events in the queue to the deployed function again, once the cause is gone.",
    )
    command_line.add_stage(made)
    made.add_argument("--dry-run", action="store_true", help="show them, send nothing")
    made.add_argument("--limit", type=_limit, default=1000, help=f"messages, 1 to {MAX_MESSAGES} (1000)")
    return made


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_MESSAGES:
        raise argparse.ArgumentTypeError(f"{text!r} is no limit: give a number from 1 to {MAX_MESSAGES}")
    return int(text)
