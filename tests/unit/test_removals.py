"""What is removed from the table, what never is, and what becomes of names that were to be removed."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from chalicelib.errors import LostRace
from chalicelib.file_names import ledger_name
from chalicelib.loading.sweep import Sweep
from tests.builders import (
    KEY,
    PREFIX,
    RULES,
    UNREADABLE,
    body,
    died_in_mid_publish,
    entry,
    ingest,
    lose,
    order,
    sweep_and_load,
    table,
)
from tests.promises.workers import stopped_before
from tests.unit.memory_store import MemoryStore


def test_a_load_whose_names_were_burned_while_it_read_publishes_nothing_and_comes_again() -> None:
    store = MemoryStore()
    first = store.drop(KEY, body(order(1)))
    slow = stopped_before("write ledger/", lambda: ingest(store).load(first), store)
    slow.step(2)
    died_in_mid_publish(store, first)
    store.drop(KEY, UNREADABLE)
    ingest(store).load(store.newest[KEY])
    store.pass_time(hours=2)
    Sweep(store, RULES, lambda event: None).run(lambda: 1000.0)
    assert table(store) == []
    slow.finish()
    assert isinstance(slow.problem, LostRace)
    assert table(store) == []
    assert ingest(store).load(first)[0] == "loaded"
    assert len(table(store)) == 1


@pytest.mark.thorough
def test_a_key_that_is_overwritten_again_and_again_keeps_a_small_entry() -> None:
    store = MemoryStore()
    for i in range(150):
        ingest(store).load(store.drop(KEY, body(order(i)), versioned=bool(i % 2)))
    assert [row[1] for row in table(store)] == ["149"]
    assert len(store.objects[f"ledger/{ledger_name(KEY)}"]) < 4096


def test_orphans_that_are_many_at_once_are_left_alone_and_reported() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    (known,) = [key for key in store.objects if key.startswith("table/")]
    for month in range(1, 13):
        store.put(known.replace("2024-07", f"2023-{month:02}"), b"PAR1")
    store.pass_time(hours=2)
    few = replace(RULES, most_removals=11, most_percent=50)
    report = sweep_and_load(store, few)
    assert (report.removed, report.left_alone) == (0, 12)
    assert "12 of 13 files are nobody's" in report.notes[-1][0]
    store.pass_time(hours=2)
    assert sweep_and_load(store, replace(few, most_removals=12)).removed == 12


def test_the_entry_of_another_key_is_none_and_takes_no_file_of_that_key_along() -> None:
    store = MemoryStore()
    keys = [f"{PREFIX}{name}.json" for name in "ab"]
    for i, key in enumerate(keys):
        ingest(store).load(store.drop(key, body(order(i))))
    first, second = (f"ledger/{ledger_name(key)}" for key in keys)
    store.put(first, store.objects[second])
    ingest(store).load(store.drop(keys[0], body(order(2))))
    assert not [call for call in store.calls if call.startswith("delete ")]
    assert entry(store, keys[0]).key == keys[0]
    store.put(first, store.objects[second])
    for _ in range(3):
        store.pass_time(hours=2)
        report = sweep_and_load(store)
    assert (report.announced, report.removed) == (0, 0), "it comes to rest"
    assert sorted(row[1] for row in table(store)) == ["1", "2"]


@pytest.mark.parametrize("field", ["files", "publishing", "superseded"])
def test_an_entry_that_names_what_no_load_wrote_removes_nothing(field: str) -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    name = f"ledger/{ledger_name(KEY)}"
    store.put("somebody/else.parquet", b"mine")
    store.put(name, json.dumps(json.loads(store.objects[name]) | {field: ["somebody/else.parquet"]}).encode())
    ingest(store).load(store.drop(KEY, body(order(2))))
    store.pass_time(hours=2)
    sweep_and_load(store)
    assert store.objects["somebody/else.parquet"] == b"mine"
    assert table(store) == [("v2", "2", "2024-07")]


def test_a_ledger_restored_from_an_old_copy_removes_nothing_and_ends_with_the_newest_rows() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1, "2024-05-01"))))
    gone = f"{PREFIX}gone.json"
    ingest(store).load(store.drop(gone, body(order(2, "2024-05-01"))))
    copy = lose(store, "ledger/")
    store.objects.update(copy)
    ingest(store).load(store.drop(KEY, body(order(1, "2024-06-01"))))
    ingest(store).load(store.drop(gone, body(order(2, "2024-06-01"))))
    store.forget(store.newest[gone])
    store.pass_time(hours=30)
    sweep_and_load(store)
    store.objects.update(copy)
    store.written.update(dict.fromkeys(copy, store.now))
    for _ in range(4):
        store.pass_time(hours=2)
        sweep_and_load(store)
    rows = table(store)
    assert [row for row in rows if row[1] == "1"] == [("v3", "1", "2024-06")]
    assert ("v4", "2", "2024-06") in rows, "the rows of an object that is gone come never back"
