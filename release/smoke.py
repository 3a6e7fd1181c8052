"""The smoke test of a stage: drop a file, wait until it is loaded, ask for it, compare, remove it without a trace.

Its one document is made of the sample of a contract: see `smoke_document`.
"""

from __future__ import annotations

import gzip
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError, ParamValidationError

from chalicelib.aws.glue import find_table
from chalicelib.aws.s3 import Storage
from chalicelib.contracts.reading import SAMPLE_NAME
from chalicelib.dataset import Dataset
from chalicelib.file_names import ledger_name, receipt_name
from chalicelib.loading.entry import Entry, read_entry
from chalicelib.loading.models import FAILED, FINISHED, GONE, LOADED
from glue_setup.emptying import empty
from glue_setup.errors import SetupError
from release.smoke_document import Row, SmokeDocument, smoke_document

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
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
Say = Callable[[str], None]


@dataclass(frozen=True)
class Answer:
    """What was answered to a question: its rows by column, and the execution, whose result files are removed."""

    execution_id: str
    rows: list[Row]


class Asks(Protocol):
    """Something that asks for the rows of a document in the main table, or in a view on it."""

    how: str
    """In words, for the person who watches."""

    def rows_of(self, document: SmokeDocument) -> Answer:
        """Ask for them, or for some columns of them. Raises SetupError."""


class Smoke:
    """One run against a dataset of one stage.

    `differences` says, where something came out otherwise, what of the stage is not as the contract has it.
    """

    def __init__(
        self,
        client: S3Client,
        dataset: Dataset,
        log_group: str,
        *,
        differences: Callable[[], list[str]] = list,
        within: float | None = None,
        again: float = AGAIN_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._s3 = client
        self._dataset = dataset
        self._differences = differences
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
        made = smoke_document(self._dataset, self._key, uuid.uuid4().int % 10**15, datetime.now(UTC))
        self.clean_up()
        executions: list[str] = []
        try:
            entry = self._loaded(made, say)
            say(f"loaded in {entry.seconds} s: {entry.counts.orders_read} document read, {entry.counts.rows} rows")
            if asks is None:
                say("not asked: the crawler has not made the table yet")
            else:
                answer = asks.rows_of(made)
                executions.append(answer.execution_id)
                self._compare(made.rows[self._dataset.contract.main.name], answer.rows)
                say(f"asked {asks.how}: the rows are as expected")
        finally:
            count = self.clean_up(executions)
        say(f"removed again: {count} object versions")

    def clean_up(self, executions: list[str] | None = None) -> int:
        """Remove every version of what a run leaves: file, rows, ledger entry, results. Returns how many there were."""
        entry = self._entry()
        doomed = [self._key]
        if entry is not None:
            doomed += [*entry.kept, *entry.superseded, receipt_name(self._prefixes.receipts, self._key)]
        doomed += [f"{self._prefixes.results}{execution}" for execution in executions or []]
        # The entry last: it is what tells the next run, if this one stops, what there is to remove.
        return sum(empty(self._s3, self._bucket, key) for key in [*doomed, self._ledger_key])

    def _loaded(self, made: SmokeDocument, say: Say) -> Entry:
        """Put the file and wait until it is loaded; put it again while nothing tells that S3 has announced it.

        Once one put of this run is being loaded, the events of later ones are under way, and nothing is put any more:
        the last one is waited for, so that no event is still to come when everything is removed.
        """
        within = self._within or (FIRST_SECONDS if self._is_first() else LATER_SECONDS)
        versions = [self._put(made.body)]
        began = put_at = self._monotonic()
        finished, pause = None, 0.2
        while self._monotonic() < began + within:
            entry = self._entry()
            if entry is not None and not any(entry.version in each for each in versions):
                entry = None
            if entry is not None and entry.state in FINISHED and not entry.superseded:
                finished = self._checked(entry, made)
                if entry.version in versions[-1]:
                    return finished
            state = entry.state if entry is not None else None
            if state in LOST and self._monotonic() >= put_at + LOST[state].pauses * self._again:
                waited = f"{self._monotonic() - began:.0f} of {within:g} s"
                say(f"{LOST[state].reason}; after {waited} {FILE} is put again")
                versions.append(self._put(made.body))
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

    def _checked(self, entry: Entry, made: SmokeDocument) -> Entry:
        expected = len(made.rows[self._dataset.contract.main.name])
        if (entry.state, entry.counts.orders_read, entry.counts.rows) != (LOADED, 1, expected):
            reason = self._reason(entry)
            raise self._differs(
                f"{FILE}, a document of {SAMPLE_NAME}, was dropped and came out as {entry.state}, {entry.counts.rows} "
                f"rows and not {expected}{f' ({reason})' if reason else ''}"
            )
        return entry

    def _reason(self, entry: Entry) -> str:
        """Return why the document was rejected, in the words of the quarantine where there are some."""
        try:
            stored = self._s3.get_object(Bucket=self._bucket, Key=entry.quarantine or "")["Body"].read()
            rejected = json.loads(gzip.decompress(stored).splitlines()[0])
            # A file that was refused whole has no path.
            return ": ".join(filter(None, (rejected["path"], rejected["reason"])))
        except (ClientError, ParamValidationError, OSError, ValueError, LookupError):
            return entry.reason or ""

    def _compare(self, expected: list[Row], actual: list[Row]) -> None:
        """Raise SetupError where the rows of an answer differ in a column that the expected ones have too.

        A query may answer in another grain: rows that are the same in all these columns count once.
        """
        compared = sorted(set(expected[0]).intersection(*actual))
        loaded, answered = (_distinct(rows, compared) for rows in (expected, actual))
        if not compared or not actual or loaded != answered:
            raise self._differs(f"the answer is not what was loaded: {_difference(loaded, answered, compared)}")

    def _differs(self, problem: str) -> SetupError:
        """Return what says that stage and project differ, and in what."""
        contract = f"chalicelib/contracts/{self._dataset.name}"
        differences = self._differences() or [f"its tables are those of {contract}, so that its functions are not"]
        return SetupError(
            f"{problem}. The stage is not the one of {contract}: {'; '.join(differences)}. Deploy it, or run the smoke "
            "test of the version that is deployed"
        )

    def _is_first(self) -> bool:
        """Tell whether nothing has been loaded here yet, so that the notification may be as new as the bucket."""
        listed = self._s3.list_objects_v2(Bucket=self._bucket, Prefix=self._prefixes.ledger, MaxKeys=1)
        return not listed.get("KeyCount")

    def _entry(self) -> Entry | None:
        return read_entry(self._store.read_json, self._prefixes.ledger, self._key)


def _distinct(rows: list[Row], columns: list[str]) -> list[str]:
    return sorted({json.dumps([row[name] for name in columns]) for row in rows})


def _difference(loaded: list[str], answered: list[str], columns: list[str]) -> str:
    """Return the first rows that differ, by the columns in which they do."""
    if len(loaded) != len(answered) or not columns:
        return f"expected {len(loaded)} rows, found {len(answered)}, by the columns {', '.join(columns) or '(none)'}"
    one, other = next(pair for pair in zip(loaded, answered, strict=True) if pair[0] != pair[1])
    pairs = zip(columns, json.loads(one), json.loads(other), strict=True)
    return ", ".join(f"{name}: expected {a!r}, found {b!r}" for name, a, b in pairs if a != b)


def differences(glue: GlueClient, dataset: Dataset) -> list[str]:
    """Return how a stage's tables in the catalog differ from those of a contract."""
    listed = []
    for table in dataset.tables:
        there = find_table(glue, dataset.database, table.name)
        if there is None:
            listed.append(f"table {table.name} is not there")
            continue
        columns = [*there["StorageDescriptor"]["Columns"], *there.get("PartitionKeys", ())]
        types = {column["Name"]: column.get("Type", "").replace(" ", "") for column in columns}
        declared = {column.name: column.glue_type for column in table.columns}
        for name in sorted(types.keys() | declared.keys()):
            if types.get(name) != declared.get(name):
                is_, due = types.get(name, "missing"), declared.get(name, "missing")
                listed.append(f"column {table.name}.{name} is {is_}, and {due} in the contract")
    return listed
