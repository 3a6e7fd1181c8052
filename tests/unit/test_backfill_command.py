"""What a backfill's command plans, counts and refuses."""

from __future__ import annotations

import io
import json
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from msgspec.structs import asdict

from chalicelib.file_names import ledger_name
from chalicelib.loading import backfill as listing
from chalicelib.loading.backfill import BatchCounts
from chalicelib.loading.models import ObjectSummary
from glue_setup.errors import SetupError
from operate import backfill
from operate.backfill import main, planned
from operate.backfills import Backfills, Summary, explained_keys
from operate.unloaded import without_entry
from tests.builders import PREFIX, body, ingest, order
from tests.unit.memory_store import BEGINNING, BUCKET, MemoryStore

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders-etl-test-backfill"
EXECUTION = "arn:aws:states:eu-west-1:123456789012:execution:orders-etl-test-backfill:run"


def listed(key: str, hours: int = 0) -> ObjectSummary:
    return ObjectSummary(key, "etag", 10, BEGINNING + timedelta(hours=hours))


def test_by_listings_what_has_no_entry_or_an_older_one_is_not_loaded() -> None:
    objects = [listed("a"), listed("b"), listed("c", hours=2)]
    entries = [listed(f"ledger/{ledger_name('a')}", 1), listed(f"ledger/{ledger_name('c')}", 1), listed("ledger/x/y")]
    assert [each.key for each in without_entry(objects, entries)] == ["b", "c"]
    assert list(without_entry(objects, [])) == objects
    assert list(without_entry([], entries)) == []


@pytest.mark.parametrize("read_each", [0, 100])
def test_the_plan_is_the_same_whether_entries_are_read_or_listed(
    read_each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "READ_EACH", read_each)
    store = MemoryStore()
    for i in range(3):
        store.drop(f"{PREFIX}{i}.json", body(order(i)))
    ingest(store).load(store.newest[f"{PREFIX}1.json"])
    plan = planned(store, store.list(PREFIX).objects, "ledger/")
    assert (plan.met.objects, plan.to_load.objects) == (3, 2)
    assert plan.to_load.bytes < plan.met.bytes


def test_the_plan_of_many_objects_keeps_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "READ_EACH", 10)
    store = MemoryStore()
    tracemalloc.start()
    plan = planned(store, (listed(f"{PREFIX}{i}.json") for i in range(20_000)), "ledger/")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (plan.met.objects, plan.to_load.objects, plan.to_load.bytes) == (20_000, 20_000, 200_000)
    assert peak < 500_000


def test_compressed_objects_are_planned_with_the_bytes_that_they_may_have() -> None:
    store = MemoryStore()
    store.drop(f"{PREFIX}a.json.gz", b"12345")
    assert planned(store, store.list(PREFIX).objects, "ledger/").met.bytes == 50


class States:
    """Step Functions with one run that has ended, of whose batches one failed and one never began."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.running: list[dict[str, str]] = []
        self.started: list[dict[str, str]] = []
        self.definition: dict[str, Any] = {"States": {"Load": {}, "LoadGiven": {}}}

    def list_map_runs(self, **_: Any) -> Any:
        return {"mapRuns": [{"mapRunArn": "arn:aws:states:r:a:mapRun:m/Load:uuid"}]}

    def describe_map_run(self, **_: Any) -> Any:
        counts = {"total": self.total, "succeeded": 2, "failed": 1, "running": 0, "timedOut": 0, "aborted": 0}
        return {"mapRunArn": "arn:aws:states:r:a:mapRun:m/Load:uuid", "itemCounts": counts}

    def describe_execution(self, **_: Any) -> Any:
        return {"name": "run", "status": "FAILED", "startDate": BEGINNING - timedelta(hours=1)}

    def list_executions(self, **_: Any) -> Any:
        return {"executions": self.running}

    def describe_state_machine(self, **_: Any) -> Any:
        return {"definition": json.dumps(self.definition)}

    def start_execution(self, **request: Any) -> Any:
        self.started.append(request)
        return {"executionArn": f"{EXECUTION}-2"}


class Files:
    """S3 as results are read from it and listings put into it."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store

    def get_object(self, Bucket: str, Key: str) -> Any:  # noqa: N803
        stream = io.BytesIO(self.store.objects[Key])
        return {"Body": type("Body", (), {"iter_lines": lambda self: stream.read().splitlines()})()}

    def upload_file(self, path: str, bucket: str, key: str) -> None:
        assert bucket == BUCKET
        self.store.put(key, Path(path).read_bytes())


def written(store: MemoryStore, **files: list[Any]) -> None:
    """Put the results of a run as Step Functions writes them."""
    made = {}
    for status, lines in files.items():
        key = f"state/backfill/uuid/{status}_0.jsonl"
        store.put(key, "\n".join(map(json.dumps, lines)).encode())
        made[status] = [{"Key": key}]
    store.put("state/backfill/uuid/manifest.json", json.dumps({"ResultFiles": made}).encode())


def batch(store: MemoryStore, *keys: str) -> dict[str, Any]:
    """Return a child execution that ended without an output."""
    summaries = {each.key: each for each in store.list(PREFIX).objects}
    items = [
        {"Key": key, "Etag": summaries[key].etag, "Size": 1, "LastModified": summaries[key].modified_at.timestamp()}
        for key in keys
    ]
    given = {"Items": items, "BatchInput": {"backfill": {"started_at": BEGINNING.isoformat(), "contract": ""}}}
    return {"Status": "FAILED", "Input": json.dumps(given)}


def backfills(store: MemoryStore, states: States) -> Backfills:
    return Backfills(
        states, Files(store), MACHINE, store, bucket=BUCKET, ledger="ledger/", results="state/backfill", sleep=print
    )


def test_objects_of_batches_that_failed_or_never_began_are_counted_by_what_the_ledger_says_of_them() -> None:
    store = MemoryStore()
    keys = [f"{PREFIX}{i}.json" for i in range(4)]
    for key in keys:
        store.drop(key, body(order(key)))
    ingest(store).load(store.newest[keys[0]])
    ok = dict.fromkeys(asdict(BatchCounts()), 0) | {"loaded": 2, "rows": 5, "orders_loaded": 2}
    written(store, SUCCEEDED=[ok], FAILED=[batch(store, *keys[:2])], PENDING=[batch(store, *keys[2:])])
    summary = backfills(store, States(total=6)).summary(EXECUTION)
    assert summary.adds_up
    assert (summary.counts.loaded, summary.counts.rows, summary.failed, summary.batches) == (3, 6, 3, 1)
    assert list(explained_keys(summary)) == [f"  failed: {key}" for key in keys[1:]]
    assert not backfills(store, States(total=7)).summary(EXECUTION).adds_up


def test_a_summary_before_the_results_are_written_says_what_to_do() -> None:
    with pytest.raises(SetupError, match=r"manifest\.json is not there yet: ask again with --watch run"):
        backfills(MemoryStore(), States(total=1)).summary(EXECUTION)


def test_a_run_is_followed_over_a_network_that_goes_and_comes() -> None:
    states = States(total=3)
    answers: list[Any] = [ConnectTimeoutError(endpoint_url="x"), {"status": "RUNNING"}, {"status": "SUCCEEDED"}]

    def describe_execution(**_: Any) -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    states.describe_execution = describe_execution  # type: ignore[method-assign]
    said: list[str] = []
    assert backfills(MemoryStore(), states).follow(EXECUTION, said.append, 0) == "SUCCEEDED"
    assert said == [
        "no answer (ConnectTimeoutError): asked again",
        "3 of 3 objects done (100%), 0 at work, 1 in batches that failed",
    ]


def test_one_run_at_a_time() -> None:
    states = States(total=0)
    made = backfills(MemoryStore(), states)
    assert made.start("in/", "orders", BEGINNING).endswith("run-2")
    (started,) = states.started
    assert (started["name"], json.loads(started["input"])) == (
        "20240801T120000Z",
        {"prefix": "in/", "contract": "orders"},
    )
    states.running = [{"name": "first", "executionArn": EXECUTION}]
    with pytest.raises(SetupError, match="first is at work: follow it with --watch first"):
        made.start("in/", "", BEGINNING)


def test_a_run_is_given_objects_as_step_functions_lists_them() -> None:
    store, states = MemoryStore(), States(total=0)
    objects = [ObjectSummary("in/ä b.json", "e1", 5, BEGINNING), ObjectSummary("in/c.json", "e2", 0, BEGINNING)]
    backfills(store, states).start("in/", "orders", BEGINNING, ("state/backfill/given/run.jsonl", iter(objects)))
    (started,) = states.started
    assert json.loads(started["input"])["items"] == "state/backfill/given/run.jsonl"
    lines = store.objects["state/backfill/given/run.jsonl"].splitlines()
    assert [listing.listed(json.loads(line)) for line in lines] == objects


def test_nothing_is_started_where_nothing_is_given_or_the_machine_would_list_the_bucket_all_the_same() -> None:
    store, states = MemoryStore(), States(total=0)
    with pytest.raises(SetupError, match="nothing that is given lies below in/: nothing was started"):
        backfills(store, states).start("in/", "", BEGINNING, ("key", []))
    states.definition = {"States": {"Load": {}}}
    with pytest.raises(SetupError, match="of a version that knows no inventory: run make deploy first"):
        backfills(store, states).start("in/", "", BEGINNING, ("key", [ObjectSummary("in/a", "e", 1, BEGINNING)]))
    assert states.started == []
    assert "key" not in store.objects


def test_a_list_that_step_functions_would_not_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("operate.backfills.MOST_GIVEN_BYTES", 100)
    states = States(total=0)
    objects = [ObjectSummary(f"in/{i}", "e", 1, BEGINNING) for i in range(9)]
    with pytest.raises(SetupError, match=r"reads no more than 100: give a longer --prefix"):
        backfills(MemoryStore(), states).start("in/", "", BEGINNING, ("key", objects))
    assert states.started == []


def test_the_summary_is_a_sentence_that_adds_up() -> None:
    summary = Summary(listed=6, counts=BatchCounts(loaded=3, skipped=1, rejected=1), failed=1)
    assert summary.line().startswith("6 listed = 3 loaded + 1 skipped + 1 rejected + 1 failed;")
    assert summary.adds_up


@pytest.fixture
def project(tmp_path: Path) -> Path:
    config = {
        "app_name": "orders-etl",
        "stages": {"test": {"environment_variables": {"ETL_BUCKET": "orders-etl-test", "ETL_BACKFILL_CONCURRENCY": 0}}},
    }
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--prefix", "elsewhere/"], 2, "is not below orders_json_incoming/"),
        (["--contract", "orderz"], 1, "no contract 'orderz' is deployed: use one of orders"),
        (["--dry-run", "--watch", "run"], 2, "not allowed with argument"),
        (["--pause", "0"], 2, "give seconds from 0.1 to 3600"),
        (["--inventory", "s3://bucket/manifest.json", "--watch", "run"], 2, "says what a new run loads: leave it out"),
        (["--prefix", "orders_json_incoming/", "--watch", "run"], 2, "--prefix says what a new run loads"),
        (["--contract", "orders", "--redrive", "run"], 2, "--contract says what a new run loads"),
        (["--inventory", "inventory.csv"], 2, "give s3://BUCKET/…/manifest.json"),
        ([], 1, "has no state machine for backfills: give ETL_BACKFILL_CONCURRENCY a number above 0"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_remedy(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, says: str
) -> None:
    try:
        ended = main(["--stage", "test", "--project", str(project), *arguments])
    except SystemExit as refused:
        ended = int(str(refused.code))
    assert ended == status
    assert says in capsys.readouterr().err.replace("\n", " ")
