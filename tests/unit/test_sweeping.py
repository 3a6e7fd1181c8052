"""What a sweep and a load report of a ledger that is damaged, for the alarms."""

from __future__ import annotations

import json

import pytest

from chalicelib.aws import functions
from chalicelib.file_names import ledger_name
from chalicelib.handlers import load, sweep
from chalicelib.settings import Settings
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
    assert load.load_one(arrival, SETTINGS) == "loaded"
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
