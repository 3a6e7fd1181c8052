"""The smoke test of a stage: drop a file, wait until it is loaded, ask for it, compare, remove it without a trace.

Its one order is dated 2000-01, so that it stands in a month of its own for the seconds that it is there.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.aws.s3 import Storage
from chalicelib.dataset import Dataset
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry, read_entry
from chalicelib.loading.models import FAILED, FINISHED, GONE, LOADED
from glue_setup.emptying import empty
from glue_setup.errors import SetupError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FILE = "release_smoke_test.json"
"""Always the same, so that a run finds what one before it may have left."""
FIRST_SECONDS, LATER_SECONDS = 360.0, 180.0
"""How long a load may take, a cold start and the delivery of the event included: mostly seconds, seldom a minute.

A new notification configuration takes up to five minutes to work: where nothing has been loaded yet, this is given."""
AGAIN_SECONDS = 45.0
"""What S3 did not announce it never will: the file is put again after so long."""


@dataclass(frozen=True)
class Lost:
    """Why a put will not be loaded, and after how many times `AGAIN_SECONDS` that is sure."""

    reason: str
    pauses: int


LOST = {
    None: Lost("not announced: S3 takes up to five minutes for a new notification", 1),
    GONE: Lost("announced and not there: S3 takes up to 15 minutes for versioning that was just switched on", 1),
    # Lambda tries twice more, after one and two minutes.
    FAILED: Lost("its load failed, the function's log tells why", 4),
}
"""By the state of the ledger's entry, None where there is none."""
COLUMNS = ("order_id", "line_number", "product_id", "quantity", "line_amount", "total_amount", "order_month")

Say = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """What was answered to a question: its rows by column, and the execution, whose result files are removed."""

    execution_id: str
    rows: list[dict[str, Any]]


class Asks(Protocol):
    """Something that answers the saved query `order_lines_of`."""

    how: str
    """In words, for the person who watches."""

    def lines_of(self, order_id: str) -> Answer:
        """Ask for the lines of an order. Raises SetupError."""


def order(order_id: str) -> dict[str, Any]:
    """Return the order that is dropped."""
    return {
        "order_id": order_id,
        "order_date": "2000-01-01",
        "total_amount": 12.50,
        "customer": {"customer_id": "smoke-test", "name": "Smoke test"},
        "products": [
            {"product_id": "A", "name": "First line", "category": "test", "price": 5.0, "quantity": 2},
            {"product_id": "B", "name": "Second line", "category": "test", "price": 2.5, "quantity": 1},
        ],
    }


def expected(order_id: str) -> list[dict[str, Any]]:
    """Return the rows that the order becomes."""
    lines = [(order_id, 1, "A", 2, "10.0000"), (order_id, 2, "B", 1, "2.5000")]
    return [dict(zip(COLUMNS, (*line, "12.5000", "2000-01"), strict=True)) for line in lines]


class Smoke:
    """One run against a dataset of one stage, which takes the orders that `order` makes."""

    def __init__(
        self,
        client: S3Client,
        dataset: Dataset,
        log_group: str,
        *,
        within: float | None = None,
        again: float = AGAIN_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._s3 = client
        self._bucket = dataset.bucket
        self._prefixes = dataset.prefixes
        self._store = Storage(client, dataset.bucket)
        self._log_group = log_group
        self._within = within
        self._again = again
        self._monotonic = monotonic
        self._sleep = sleep
        self._key = f"{dataset.incoming}{FILE}"
        self._ledger_key = f"{dataset.prefixes.ledger}{ledger_name(self._key)}"

    def run(self, asks: Asks | None, say: Say) -> None:
        """Run it; without `asks` nothing is asked. Raises SetupError, with the remedy, when anything goes wrong.

        What was dropped is removed in every case, and what an earlier run left is removed first.
        """
        order_id = f"smoke-{uuid.uuid4().hex[:12]}"
        self.clean_up()
        executions: list[str] = []
        try:
            entry = self._loaded(order_id, say)
            say(f"loaded in {entry.seconds} s: {entry.counts.orders_read} order read, {entry.counts.rows} rows")
            if asks is None:
                say("not asked: the crawler has not made the table yet")
            else:
                answer = asks.lines_of(order_id)
                executions.append(answer.execution_id)
                _compare(expected(order_id), [{name: row.get(name) for name in COLUMNS} for row in answer.rows])
                say(f"asked {asks.how}: the rows are as expected")
        finally:
            count = self.clean_up(executions)
        say(f"removed again: {count} object versions")

    def clean_up(self, executions: list[str] | None = None) -> int:
        """Remove every version of what a run leaves: file, rows, ledger entry, results. Returns how many there were."""
        entry = self._entry()
        doomed = [self._key]
        if entry is not None:
            doomed += [*entry.files, *entry.superseded, *([entry.quarantine] if entry.quarantine else [])]
        doomed += [f"{self._prefixes.results}{execution}" for execution in executions or []]
        # The entry last: it is what tells the next run, if this one stops, what there is to remove.
        return sum(empty(self._s3, self._bucket, key) for key in [*doomed, self._ledger_key])

    def _loaded(self, order_id: str, say: Say) -> Entry:
        """Put the file and wait until it is loaded; put it again while nothing tells that S3 has announced it.

        Once one put of this run is being loaded, the events of later ones are under way, and nothing is put any more:
        the last one is waited for, so that no event is still to come when everything is removed.
        """
        within = self._within or (FIRST_SECONDS if self._is_first() else LATER_SECONDS)
        body = json.dumps([order(order_id)]).encode()
        versions = [self._put(body)]
        began = put_at = self._monotonic()
        finished, pause = None, 0.2
        while self._monotonic() < began + within:
            entry = self._entry()
            if entry is not None and not any(entry.version in each for each in versions):
                entry = None
            if entry is not None and entry.state in FINISHED and not entry.superseded:
                finished = self._checked(entry)
                if entry.version in versions[-1]:
                    return finished
            state = entry.state if entry is not None else None
            if state in LOST and self._monotonic() >= put_at + LOST[state].pauses * self._again:
                waited = f"{self._monotonic() - began:.0f} of {within:g} s"
                say(f"{LOST[state].reason}; after {waited} {FILE} is put again")
                versions.append(self._put(body))
                put_at = self._monotonic()
            self._sleep(pause)
            pause = min(pause * 1.5, 3.0)
        if finished is not None:
            return finished
        raise SetupError(
            f"{self._key} was not loaded within {within:g} s: look at what the function logged, "
            f"aws logs tail {self._log_group} --since 10m; with no line there, S3 does not invoke it: deploy again"
        )

    def _put(self, body: bytes) -> tuple[str, ...]:
        """Put the file; return what the ledger may call this version of it."""
        put = self._s3.put_object(Bucket=self._bucket, Key=self._key, Body=body)
        return (put["ETag"].strip('"'), *([put["VersionId"]] if "VersionId" in put else []))

    def _checked(self, entry: Entry) -> Entry:
        if (entry.state, entry.counts.orders_read, entry.counts.rows) != (LOADED, 1, 2):
            raise SetupError(
                f"{FILE} was dropped and came out as {entry.state}, {entry.counts.rows} rows ({entry.reason}): the "
                "deployed app is not the one of this project; deploy it again"
            )
        return entry

    def _is_first(self) -> bool:
        """Tell whether nothing has been loaded here yet, so that the notification may be as new as the bucket."""
        listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=self._prefixes.ledger, MaxKeys=1)
        return not listed.get("KeyCount")

    def _entry(self) -> Entry | None:
        return read_entry(self._store.read_json, self._prefixes.ledger, self._key)


def _compare(loaded: list[dict[str, Any]], actual: list[dict[str, Any]]) -> None:
    if loaded != actual:
        raise SetupError(
            f"the answer is not what was loaded: expected {json.dumps(loaded)}, found {json.dumps(actual)}"
        )
