"""Brings failed events back: each message of the queue becomes the event that it was, and Lambda loads it again."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import EtlError, shown
from chalicelib.stage import read_stage
from glue_setup.clients import connect, find_place
from glue_setup.errors import SetupError, explained
from glue_setup.queue import FailedQueue

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

Say = Callable[[str], None]
Send = Callable[[Mapping[str, Any]], None]

PAGE = 10
"""Messages that SQS gives at once, at most."""
HIDDEN_SECONDS = 900
"""How long a message that was read is kept from other readers: longer than a run takes."""
WAIT_SECONDS = 2
"""How long SQS looks for messages on all of its servers before it says that there are none."""
MAX_MESSAGES = 5000
"""What one run takes at most: so many are sent before the first of them would be shown to others again."""
LONGEST_KEY = 1200
"""A key of S3's and its bucket's name, at most."""
FAILURE, INTERRUPTED = 1, 130


class NoEvent(ValueError):
    """A message that is none of our failed events."""


@dataclass(frozen=True)
class Failed:
    """One failed event: the objects it announced, why its load failed, and itself."""

    event: Mapping[str, Any]
    objects: tuple[str, ...]
    reason: str


@dataclass
class Summary:
    """What one run did, in messages. `left` stay in the queue, `unread` of them are none of our events.

    `stopped` tells why the run ended early, if it did.
    """

    events: int = 0
    objects: int = 0
    left: int = 0
    unread: int = 0
    stopped: str = ""

    @property
    def clean(self) -> bool:
        """Whether everything that was looked at was brought back, or with a dry run would be."""
        return not self.unread and not self.stopped

    def told(self, dry_run: bool) -> str:
        """Return the run in a line."""
        done = "would be sent again" if dry_run else "sent again"
        left = f"{self.left} left in the queue" + (f", {self.unread} of them unread" if self.unread else "")
        stopped = f" Stopped: {self.stopped}" if self.stopped else ""
        return f"{self.events} events with {self.objects} objects {done}, {left}.{stopped}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 1 something failed or was left, 2 wrong usage."""
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except EtlError as error:
        print(f"redrive: {error}", file=sys.stderr)
    except (ClientError, BotoCoreError) as error:
        print(f"redrive: {explained(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nredrive: interrupted; run it again to go on", file=sys.stderr)
        return INTERRUPTED
    return FAILURE


def read(body: str, function: str, bucket: str) -> Failed:
    """Read a message that Lambda wrote for an event of `bucket` that `function` failed on.

    Raises NoEvent, which says what is wrong with it.
    """
    try:
        record = json.loads(body)
    except ValueError:
        raise NoEvent("it is not JSON") from None
    context = record.get("requestContext") if isinstance(record, dict) else None
    if not isinstance(context, dict):
        raise NoEvent("it is no record of a failed invocation")
    # The ARN may end with a version or an alias.
    if str(context.get("functionArn")).split(":")[6:7] != [function]:
        raise NoEvent(f"it is of function {shown(context.get('functionArn'))!r}")
    event = record.get("requestPayload")
    try:
        things = [each["s3"] for each in event["Records"]]
        objects = tuple(f"s3://{s3['bucket']['name']}/{unquote_plus(s3['object']['key'])}" for s3 in things)
    except (AttributeError, KeyError, TypeError):
        raise NoEvent("its event announces no object") from None
    others = {each for each in objects if not each.startswith(f"s3://{bucket}/")}
    if others or not objects:
        raise NoEvent(f"its event is of another bucket: {shown(min(others))}" if others else "its event is empty")
    answer = record.get("responsePayload")
    kind = answer.get("errorType") if isinstance(answer, dict) else None
    return Failed(event, objects, ", ".join(str(each) for each in (context.get("condition"), kind) if each))


def to_function(client: LambdaClient, function: str) -> Send:
    """Return what hands an event to Lambda as S3 does: taken at once, run when there is room."""

    def send(event: Mapping[str, Any]) -> None:
        client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())

    return send


class Redrive:
    """One run over the queue at `url`, for events of `bucket` that `function` failed on.

    `send` takes an event; a message is deleted only after its event was taken. What is no event of ours is left, and
    told to `say`. With `dry_run` nothing is sent.
    """

    def __init__(
        self, queue: SQSClient, url: str, function: str, bucket: str, send: Send, say: Say, dry_run: bool = False
    ) -> None:
        self._queue = queue
        self._url = url
        self._function = function
        self._bucket = bucket
        self._send = send
        self._say = say
        self._dry_run = dry_run
        self._held: dict[str, str] = {}

    def run(self, limit: int) -> Summary:
        """Bring back up to `limit` events; all other messages that were read are given back.

        The first event that is not taken ends the run: the next would not be either.
        """
        summary = Summary()
        try:
            for message in self._messages(limit):
                self._bring_back(message, summary)
        except (ClientError, BotoCoreError) as error:
            summary.stopped = explained(error)
        finally:
            summary.left = len(self._held)
            self._give_back()
        return summary

    def _bring_back(self, message: MessageTypeDef, summary: Summary) -> None:
        try:
            failed = read(message.get("Body", ""), self._function, self._bucket)
        except NoEvent as problem:
            summary.unread += 1
            self._say(f"message {message['MessageId']}: left: {problem}")
            return
        if not self._dry_run:
            self._send(failed.event)
        summary.events += 1
        summary.objects += len(failed.objects)
        for each in failed.objects:
            self._say(f"{shown(each, LONGEST_KEY)}: {'failed' if self._dry_run else 'sent again'} ({failed.reason})")
        if not self._dry_run:
            self._queue.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            del self._held[message["MessageId"]]

    def _messages(self, limit: int) -> Iterator[MessageTypeDef]:
        """Yield up to `limit` messages, each once: what was read stays hidden until the run ends."""
        given = 0
        while given < limit:
            found = self._queue.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(PAGE, limit - given),
                VisibilityTimeout=HIDDEN_SECONDS,
                WaitTimeSeconds=WAIT_SECONDS,
            ).get("Messages", [])
            if not found:
                return
            self._held |= {message["MessageId"]: message["ReceiptHandle"] for message in found}
            given += len(found)
            yield from found

    def _give_back(self) -> None:
        """Show messages again that were read and stay; where that fails, they show themselves in a while."""
        receipts = list(self._held.values())
        for i in range(0, len(receipts), PAGE):
            page = receipts[i : i + PAGE]
            try:
                self._queue.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(j), "ReceiptHandle": each, "VisibilityTimeout": 0} for j, each in enumerate(page)
                    ],
                )
            except (ClientError, BotoCoreError):
                return


def _run(given: argparse.Namespace) -> int:
    stage = read_stage(given.project, given.stage)
    session = boto3.Session()
    place = find_place(session, stage.name)
    clients = connect(session, stage.name)
    _say(f"Stage {stage.name} in account {place.account}, {place.region}:")
    queue = FailedQueue(clients.sqs, stage, place)
    url = queue.url()
    if url is None:
        raise SetupError(f"{queue.name}: it is not there: run `python -m glue_setup apply --stage {stage.name}`")
    queue.check_owner()
    function = stage.function("load_orders")
    send = to_function(clients.functions, function)
    summary = Redrive(clients.sqs, url, function, stage.settings.bucket, send, _say, given.dry_run).run(given.limit)
    _say(summary.told(given.dry_run))
    return 0 if summary.clean else FAILURE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m operate redrive",
        description="Send the events in the queue to the deployed function again, once the cause is gone.",
    )
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
    parser.add_argument("--project", type=Path, default=Path(), metavar="DIR", help="the project (default: here)")
    parser.add_argument("--dry-run", action="store_true", help="show them, send nothing")
    parser.add_argument("--limit", type=_limit, default=1000, help=f"messages, 1 to {MAX_MESSAGES} (1000)")
    return parser


def _limit(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MAX_MESSAGES:
        raise argparse.ArgumentTypeError(f"{text!r} is no limit: give a number from 1 to {MAX_MESSAGES}")
    return int(text)


def _say(line: str) -> None:
    print(line, flush=True)
