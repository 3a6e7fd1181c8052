"""The replay: what it takes, what it loads again, what it says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.counts import Counts
from chalicelib.errors import ContractError
from chalicelib.loading.ingest import Ingest
from chalicelib.loading.models import FAILED, LOADED, PARTLY_LOADED, QUARANTINED
from chalicelib.settings import Settings
from operate import replay as command
from operate.selection import UNKNOWN, Selection, chosen
from tests.builders import body, ingest, order, table
from tests.unit.memory_store import MemoryStore

PREFIX = "orders_json_incoming/"
PROJECT = Path(__file__).parents[2]


def dropped() -> MemoryStore:
    """Return a bucket with a loaded, a partly loaded, a quarantined and an unknown object, an hour between them."""
    store = MemoryStore()
    for name, content in (
        ("a/1", body(order(1))),
        ("a/2", body(order(2), {})),
        ("b/3", b"[{"),
        ("b/4", body(order(4))),
    ):
        arrival = store.drop(f"{PREFIX}{name}.json", content)
        if name != "b/4":
            ingest(store).load(arrival)
        store.pass_time(hours=1)
    store.drop(f"{PREFIX}folder/", b"")
    return store


def names(store: MemoryStore, **asked: Any) -> dict[str, str]:
    objects = chosen(store, Selection(**asked), PREFIX, "ledger/")
    return {each.arrival.key.removeprefix(PREFIX).removesuffix(".json"): each.state for each in objects}


def test_every_object_is_reported_with_the_ledgers_word_on_it() -> None:
    assert names(dropped()) == {"a/1": LOADED, "a/2": PARTLY_LOADED, "b/3": QUARANTINED, "b/4": UNKNOWN}


def test_conditions_choose_by_key_prefix_time_and_state_and_must_all_hold() -> None:
    store = dropped()
    begin = store.versions[f"{PREFIX}a/1.json", "v1"][1]
    assert set(names(store, keys=(f"{PREFIX}b/4.json", f"{PREFIX}a/1.json", f"{PREFIX}a/1.js"))) == {"a/1", "b/4"}
    assert set(names(store, prefix=f"{PREFIX}b")) == {"b/3", "b/4"}
    assert set(names(store, since=begin + timedelta(minutes=30), until=begin + timedelta(minutes=150))) == {
        "a/2",
        "b/3",
    }
    assert set(names(store, states=frozenset({QUARANTINED, PARTLY_LOADED}))) == {"a/2", "b/3"}
    assert names(store, prefix=f"{PREFIX}a", states=frozenset({UNKNOWN})) == {}


def test_a_version_that_the_ledger_does_not_know_is_unknown() -> None:
    store = dropped()
    store.drop(f"{PREFIX}a/1.json", body(order(9)))
    assert names(store, prefix=f"{PREFIX}a/1") == {"a/1": UNKNOWN}


def test_a_replay_leaves_the_same_rows_and_sums_up_what_it_did() -> None:
    store = dropped()
    said: list[str] = []
    before = table(store)
    summary = command.replay(chosen(store, Selection(), PREFIX, "ledger/"), lambda _: ingest(store), said.append)
    assert table(store) == [*before, ("v4", "4", "2024-07")]
    assert summary.objects == {LOADED: 2, PARTLY_LOADED: 1, QUARANTINED: 1}
    assert summary.counts == Counts(4, 3, 1, 3)
    assert said[1] == f"{PREFIX}a/2.json: partly_loaded -> partly_loaded (1 of 2 orders, 1 rows)"
    assert said[2].startswith(f"{PREFIX}b/3.json: quarantined -> quarantined: ")


def test_each_object_is_loaded_by_the_contract_of_its_key_and_one_of_no_contract_fails_alone() -> None:
    store = dropped()
    said: list[str] = []
    asked: list[str] = []

    def loader_of(key: str) -> Ingest:
        asked.append(key)
        if key.endswith("a/2.json"):
            raise ContractError([f"{key} lies in no contract's incoming folder"])
        return ingest(store)

    summary = command.replay(chosen(store, Selection(), PREFIX, "ledger/"), loader_of, said.append)
    assert asked == [f"{PREFIX}{name}.json" for name in ("a/1", "a/2", "b/3", "b/4")]
    assert summary.failed == [f"{PREFIX}a/2.json"]
    assert summary.objects == {LOADED: 2, FAILED: 1, QUARANTINED: 1}
    assert "lies in no contract's incoming folder" in said[1]


def test_usage_that_would_load_everything_or_something_else_is_rejected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(PROJECT)
    for arguments, message in [
        ([], "say what to load"),
        (["--key", "orders_parquet_datalake/x"], "is not below orders_json_incoming/"),
        (["--since", "yesterday"], "is no ISO 8601 date"),
        (["--state", "lost"], "invalid choice"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], "nothing lies between them"),
        (["--since", "2026-02-01", "--until", "2026-02-01"], "nothing lies between them"),
    ]:
        with pytest.raises(SystemExit) as ended:
            command.main(["--stage", "local", *arguments])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
    assert command.main(["--stage", "nowhere", "--all"]) == 1
    assert "'nowhere' is not in" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_a_key_that_was_named_and_is_not_there_is_said_and_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: list[str]
) -> None:
    monkeypatch.chdir(PROJECT)
    store = dropped()
    settings = Settings.from_environment({"ETL_BUCKET": "orders-etl-test", "ETL_LEDGER_PREFIX": "ledger/"})
    monkeypatch.setattr(command, "bucket_of", lambda options: (settings, store))
    monkeypatch.setattr(command, "ingest", lambda *_: ingest(store))
    there, missing = f"{PREFIX}a/1.json", f"{PREFIX}a/l.json"
    assert command.main(["--stage", "local", "--key", there, "--key", missing, *more]) == 1
    out = capsys.readouterr().out
    assert f"{missing}: nothing is there" in out
    assert f"{there}: nothing is there" not in out
    assert command.main(["--stage", "local", "--key", there, *more]) == 0
