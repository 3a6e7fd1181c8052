"""Executions of the backfill's state machine: started, followed, redriven, and what became of their objects."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection
from msgspec.structs import asdict

from chalicelib.aws.errors import error_code
from chalicelib.errors import shown
from chalicelib.loading.backfill import BatchCounts, listed, looked_up
from chalicelib.loading.models import ObjectSummary
from chalicelib.loading.store import ObjectStore
from chalicelib.settings import GIB
from glue_setup.backfill import GIVEN_MAP
from glue_setup.errors import SetupError

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
PAUSE_SECONDS = 5.0
READERS = 16
"""How many ledger entries are read at the same time, of the objects of batches that failed."""
MOST_GIVEN_BYTES = 10 * GIB
"""Step Functions reads no longer file of items: some fifty million objects."""
MOST_SHOWN = 20
"""How many keys of objects that failed are shown."""
FEW_RUNS = 3
"""How many runs are named where another is asked for."""


def run_name(now: datetime) -> str:
    """Return the name of the run that is started at a time."""
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


@dataclass
class Summary:
    """What became of a run's objects. Always: listed = loaded + skipped + rejected + failed.

    `failed` are those that the ledger knows no end of, though their batch was given up or never begun; `keys` has the
    first of them. `batches` failed to the end.
    """

    listed: int = 0
    counts: BatchCounts = field(default_factory=BatchCounts)
    failed: int = 0
    batches: int = 0
    keys: list[str] = field(default_factory=list)

    @property
    def accounted(self) -> int:
        """How many objects the run's results tell of."""
        return self.counts.objects + self.failed

    @property
    def adds_up(self) -> bool:
        """Whether every listed object is accounted for."""
        return self.listed == self.accounted

    def line(self) -> str:
        """Return the summary in a sentence."""
        counts = self.counts
        return (
            f"{self.listed} listed = {counts.loaded} loaded + {counts.skipped} skipped + {counts.rejected} rejected + "
            f"{self.failed} failed; {counts.orders_loaded} orders loaded as {counts.rows} rows, "
            f"{counts.orders_rejected} orders rejected"
        )

    def as_json(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {"listed": self.listed, **asdict(self.counts), "failed": self.failed, "batches_failed": self.batches}


class Backfills:
    """The executions of one stage's state machine, at the ARN `machine`.

    `states` and `s3` are boto3 clients, `store` and `ledger` where the ledger is. `results` is the prefix of what Step
    Functions writes about the batches, `contract_of` names the contract that a key is loaded by.
    """

    def __init__(
        self,
        states: Any,
        s3: Any,
        machine: str,
        store: ObjectStore,
        *,
        bucket: str,
        ledger: str,
        results: str,
        contract_of: Callable[[str], str] = lambda key: "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._states = states
        self._s3 = s3
        self._machine = machine
        self._store = store
        self._bucket = bucket
        self._ledger = ledger
        self._results = results
        self._contract_of = contract_of
        self._sleep = sleep

    def start(
        self, prefix: str, contract: str, now: datetime, given: tuple[str, Iterable[ObjectSummary]] | None = None
    ) -> str:
        """Start a run over what lies below a prefix, or over the objects that it is `given`, which are put under a key.

        Returns its ARN. Raises SetupError while another is at work, or where it is given nothing or too much.
        """
        running = self._states.list_executions(stateMachineArn=self._machine, statusFilter=RUNNING, maxResults=1)
        for each in running["executions"]:
            raise SetupError(
                f"{each['name']} is at work: follow it with --watch {each['name']}, or end it with "
                f"`aws stepfunctions stop-execution --execution-arn {each['executionArn']}`"
            )
        request = {"prefix": prefix, "contract": contract}
        if given is not None:
            key, objects = given
            self._check_machine()
            self._put_objects(key, objects, prefix)
            request["items"] = key
        started = self._states.start_execution(
            stateMachineArn=self._machine, name=run_name(now), input=json.dumps(request)
        )
        return str(started["executionArn"])

    def _check_machine(self) -> None:
        """Raise SetupError where the state machine is of a version that would list the bucket all the same."""
        definition = self._states.describe_state_machine(stateMachineArn=self._machine)["definition"]
        if GIVEN_MAP not in json.loads(definition)["States"]:
            raise SetupError("the state machine is of a version that knows no inventory: run make deploy first")

    def _put_objects(self, key: str, objects: Iterable[ObjectSummary], prefix: str) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="backfill-", encoding="utf-8") as lines:
            for each in objects:
                item = {
                    "Key": each.key,
                    "Etag": f'"{each.etag}"',
                    "Size": each.size,
                    "LastModified": each.modified_at.timestamp(),
                }
                lines.write(json.dumps(item) + "\n")
            lines.flush()
            size = Path(lines.name).stat().st_size
            if not size:
                raise SetupError(f"nothing that is given lies below {prefix}: nothing was started")
            if size > MOST_GIVEN_BYTES:
                raise SetupError(
                    f"what lies below {prefix} makes a list of {size} bytes, and Step Functions reads no more than "
                    f"{MOST_GIVEN_BYTES}: give a longer --prefix"
                )
            self._s3.upload_file(lines.name, self._bucket, key)

    def redrive(self, execution: str) -> str:
        """Have a run that ended early go on with the batches that failed or never began; return its ARN.

        Raises SetupError where it cannot go on.
        """
        arn = self.arn(execution)
        try:
            self._states.redrive_execution(executionArn=arn)
        except ClientError as error:
            if error_code(error) not in ("ExecutionNotRedrivable", "ExecutionDoesNotExist"):
                raise
            message = error.response.get("Error", {}).get("Message", "")
            raise SetupError(
                f"{execution} cannot be redriven ({shown(message, 200)}): only a run that failed or was stopped within "
                "14 days can; start a new one instead, which skips what is loaded"
            ) from None
        return arn

    def arn(self, execution: str) -> str:
        """Return the ARN of an execution that is given by its ARN or its name."""
        prefix = self._machine.replace(":stateMachine:", ":execution:")
        return execution if execution.startswith("arn:") else f"{prefix}:{execution}"

    def started(self, execution: str) -> str:
        """Return the ARN of a run that was started, given by its ARN or its name. Raises SetupError for any other."""
        arn = self.arn(execution)
        try:
            self._states.describe_execution(executionArn=arn)
        except ClientError as error:
            if error_code(error) not in ("ExecutionDoesNotExist", "InvalidArn"):
                raise
            runs = self._states.list_executions(stateMachineArn=self._machine, maxResults=FEW_RUNS)["executions"]
            last = ", ".join(each["name"] for each in runs)
            which = f"name one that there is, the last are {last}" if last else "none was started in the last 90 days"
            raise SetupError(f"there is no run {shown(execution, 200)}: {which}") from None
        return arn

    def follow(self, arn: str, say: Callable[[str], None], pause: float = PAUSE_SECONDS) -> str:
        """Say how far a run is whenever that has changed, until it ends; return its last status."""
        last, status = "", RUNNING
        while True:
            try:
                status = str(self._states.describe_execution(executionArn=arn)["status"])
                run = self._map_run(arn)
                line = _progress(run) if run is not None else ""
            except (HTTPClientError, NoConnection) as error:
                # A run may take days, and a laptop's network does not.
                status, line = RUNNING, f"no answer ({type(error).__name__}): asked again"
            if line not in ("", last):
                say(line)
                last = line
            if status != RUNNING:
                return status
            self._sleep(pause)

    def summary(self, arn: str) -> Summary:
        """Return what became of the objects of a run that has ended, by its results and, of failed batches, the ledger.

        Raises SetupError where the run wrote none.
        """
        run, execution = self._map_run(arn), self._states.describe_execution(executionArn=arn)
        if run is None:
            cause = execution.get("cause") or execution.get("error") or execution["status"]
            raise SetupError(f"{execution['name']} listed nothing: {shown(cause, 300)}")
        summary = Summary(listed=run["itemCounts"]["total"])
        folder = f"{self._results}/{run['mapRunArn'].rsplit(':', 1)[1]}"
        manifest = self._manifest(folder, execution["name"])
        files = manifest["ResultFiles"]
        for line in self._lines(files.get("SUCCEEDED", ())):
            summary.counts += BatchCounts.from_json(line)
        started_at = execution["startDate"]
        for status in ("FAILED", "PENDING"):
            for line in self._lines(files.get(status, ())):
                summary.batches += status == "FAILED"
                given = line["Input"]
                self._ask_ledger(json.loads(given) if isinstance(given, str) else given, started_at, summary)
        return summary

    def _ask_ledger(self, batch: Mapping[str, Any], since: datetime, summary: Summary) -> None:
        """Count the objects of a batch that did not end well, each by what the ledger says of it."""
        objects, contract = [listed(item) for item in batch["Items"]], batch["BatchInput"]["backfill"]["contract"]
        with ThreadPoolExecutor(READERS) as readers:
            ends = list(readers.map(lambda each: looked_up(self._store, self._ledger, each, since)[0], objects))
        for each, end in zip(objects, ends, strict=True):
            if each.is_folder or (contract and self._contract_of(each.key) != contract):
                summary.counts += BatchCounts(skipped=1)
            elif end is None:
                summary.failed += 1
                summary.keys += [each.key] if len(summary.keys) < MOST_SHOWN else []
            else:
                summary.counts += end

    def _map_run(self, arn: str) -> dict[str, Any] | None:
        runs = self._states.list_map_runs(executionArn=arn)["mapRuns"]
        return self._states.describe_map_run(mapRunArn=runs[0]["mapRunArn"]) if runs else None

    def _manifest(self, folder: str, name: str) -> dict[str, Any]:
        stored = self._store.read_json(f"{folder}/manifest.json")
        if stored is None or not isinstance(stored.value, dict):
            raise SetupError(
                f"{name}: s3://{self._bucket}/{folder}/manifest.json is not there yet: ask again with --watch {name}"
            )
        return stored.value

    def _lines(self, files: Any) -> Iterator[Any]:
        """Yield the JSON values of result files, line by line: ten million objects make hundreds of megabytes."""
        for file in files:
            body = self._s3.get_object(Bucket=self._bucket, Key=file["Key"])["Body"]
            for line in filter(None, map(bytes.strip, body.iter_lines())):
                value = json.loads(line)
                yield from value if isinstance(value, list) else [value]


def _progress(run: Mapping[str, Any]) -> str:
    counts = run["itemCounts"]
    done = counts["succeeded"] + counts["failed"] + counts["timedOut"] + counts["aborted"]
    share = f" ({done / counts['total']:.0%})" if counts["total"] else ""
    failed = f", {counts['failed'] + counts['timedOut']} in batches that failed" if done > counts["succeeded"] else ""
    return f"{done} of {counts['total']} objects done{share}, {counts['running']} at work{failed}"


def explained_keys(summary: Summary) -> Iterator[str]:
    """Yield the first keys that failed, and how many more there are."""
    for key in summary.keys:
        yield f"  failed: {shown(key, 400)}"
    if summary.failed > len(summary.keys):
        yield f"  and {summary.failed - len(summary.keys)} more"
