"""What a sweep and a load report of a ledger that is damaged, for the alarms."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

from chalicelib.aws import functions
from chalicelib.errors import AwsError, ObjectsDelayed, ObjectsFailed, Throttled
from chalicelib.file_names import ledger_name
from chalicelib.handlers import load, sweep
from chalicelib.settings import Settings
from glue_setup import backfill
from tests.builders import KEY, body, order
from tests.contracts import datasets_of
from tests.unit.memory_store import BUCKET, MemoryStore

SETTINGS = Settings.from_environment({"ETL_BUCKET": BUCKET, "ETL_STAGE": "test"})
(DATASET,) = datasets_of(SETTINGS)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    made = MemoryStore()
    monkeypatch.setattr(load, "storage", lambda bucket: made)
    monkeypatch.setattr(sweep, "storage", lambda bucket: made)
    monkeypatch.setattr(sweep, "hand_over", lambda *_: None)
    monkeypatch.setattr(functions, "make_client", lambda name: None)
    return made


def metrics(printed: str) -> dict[str, float]:
    """Return the metrics that were written, each by its name."""
    lines = [json.loads(line) for line in printed.splitlines()]
    return {name: value[0] for line in lines if "_aws" in line for name, value in line.items() if type(value) is list}


def test_a_load_reports_a_ledger_entry_that_it_set_aside(
    store: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    arrival = store.drop(KEY, body(order(1)))
    store.put(f"{SETTINGS.ledger_prefix}{ledger_name(KEY)}", b"null")
    assert load.load_one(arrival, SETTINGS)[0] == "loaded"
    printed = capsys.readouterr().out
    assert metrics(printed)["LedgerEntriesUnreadable"] == 1
    assert '"event": "ledger entry set aside"' in printed
    assert f'"key": "{KEY}"' in printed


def test_a_sweep_reports_what_it_left_alone_what_is_foreign_and_what_cannot_be_read(
    store: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    load.load_one(store.drop(KEY, body(order(1))), SETTINGS)
    name = f"{SETTINGS.ledger_prefix}{ledger_name(KEY)}"
    del store.objects[name]
    store.remove(KEY)
    store.put(f"{SETTINGS.ledger_prefix}{'0' * 64}.json", b"[]")
    store.put(f"{DATASET.folders[DATASET.contract.main]}_SUCCESS.txt", b"")
    store.pass_time(hours=2)
    capsys.readouterr()
    sweep.sweep_bucket(SETTINGS, "orders-etl-test-sweep", lambda: 1000.0)
    measured = metrics(capsys.readouterr().out)
    assert {
        name: measured[name] for name in ("SweepRefusedToRemove", "ForeignFilesInTable", "LedgerEntriesUnreadable")
    } == {
        "SweepRefusedToRemove": 1,
        "ForeignFilesInTable": 1,
        "LedgerEntriesUnreadable": 1,
    }


class States:
    """Step Functions as the sweep asks it; `error` is what it answers instead."""

    def __init__(self, *inputs: str, error: str = "") -> None:
        self.inputs, self.error = inputs, error
        self.machines: list[str] = []

    def list_executions(self, stateMachineArn: str, **_: object) -> dict[str, object]:  # noqa: N803
        self.machines.append(stateMachineArn)
        if self.error:
            raise ClientError({"Error": {"Code": self.error}}, "ListExecutions")
        return {"executions": [{"executionArn": str(number)} for number in range(len(self.inputs))]}

    def describe_execution(self, executionArn: str) -> dict[str, str]:  # noqa: N803
        return {"input": self.inputs[int(executionArn)]}


SWEEP_ARN = "arn:aws-cn:lambda:cn-north-1:123456789012:function:orders-etl-test-sweep"


def asked(states: States, monkeypatch: pytest.MonkeyPatch, settings: Settings = SETTINGS) -> tuple[str, ...]:
    monkeypatch.setattr(sweep, "states_client", lambda: states)
    return sweep.backfilled(settings, SWEEP_ARN)


def test_the_sweep_asks_the_state_machine_of_its_stage_which_prefixes_it_is_at(monkeypatch: pytest.MonkeyPatch) -> None:
    states = States('{"prefix": "in/a/"}', '{"prefix": "in/b/"}', "{}", "no JSON", '{"prefix": ""}')
    assert asked(states, monkeypatch) == ("in/a/", "in/b/")
    assert states.machines == ["arn:aws-cn:states:cn-north-1:123456789012:stateMachine:orders-etl-test-backfill"]


def test_where_it_cannot_be_known_the_sweep_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(States(error="StateMachineDoesNotExist"), monkeypatch) == ()
    assert capsys.readouterr().out == ""
    assert asked(States(error="AccessDeniedException"), monkeypatch) == ()
    assert '"event": "backfill unknown"' in capsys.readouterr().out


def test_a_stage_without_backfills_is_not_asked_for_any(monkeypatch: pytest.MonkeyPatch) -> None:
    states = States('{"prefix": "in/a/"}')
    assert asked(states, monkeypatch, replace(SETTINGS, backfill_concurrency=0)) == ()
    assert states.machines == []


def batch_of(store: MemoryStore, key: str) -> dict[str, object]:
    (listed,) = store.list(key).objects
    modified = listed.modified_at.timestamp()
    item = {"Key": key, "Etag": listed.etag, "Size": listed.size, "LastModified": modified}
    return {"Items": [item], "BatchInput": {"backfill": {"started_at": "2024-01-01T00:00:00Z", "contract": ""}}}


def test_what_a_backfill_loads_is_measured_but_for_its_age_which_would_ring_as_late(
    store: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.drop(KEY, body(order(1)))
    answer = load.handle(batch_of(store, KEY), SETTINGS, lambda: 900.0)
    assert isinstance(answer, dict)
    assert (answer["remaining"], answer["counts"]["loaded"]) == (0, 1)
    measured = metrics(capsys.readouterr().out)
    assert measured["OrdersLoaded"] == 1
    assert "FreshnessSeconds" not in measured


@pytest.mark.parametrize(("code", "raised"), [("SlowDown", ObjectsDelayed), ("AccessDenied", ObjectsFailed)])
def test_a_batch_that_is_throttled_ends_with_another_error_than_one_that_fails(
    store: MemoryStore, code: str, raised: type[Exception]
) -> None:
    store.drop(KEY, body(order(1)))
    batch = batch_of(store, KEY)

    def fault(call: str) -> None:
        if call.startswith("open"):
            raise Throttled(code) if code == "SlowDown" else AwsError(code)

    store.fault = fault
    with pytest.raises(raised, match=f"1 of 1 objects could not be loaded \\({code} 1\\): the log has their keys"):
        load.handle(batch, SETTINGS, lambda: 900.0)
    assert raised.__name__ in json.dumps(backfill.retries())
