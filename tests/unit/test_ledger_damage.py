"""A ledger that is lost, older or damaged, and files that are missing: what is reported, what is loaded anew."""

from __future__ import annotations

import json

import pytest

from chalicelib.file_names import ledger_name
from chalicelib.loading.models import LOADED
from tests.builders import (
    KEY,
    PREFIX,
    UNREADABLE,
    body,
    entry,
    ingest,
    loaded_and_gone,
    lose,
    order,
    sweep_and_load,
    table,
)
from tests.unit.memory_store import MemoryStore


def test_an_emptied_ledger_stops_the_sweep_before_it_writes_anything() -> None:
    store = MemoryStore()
    loaded_and_gone(store)
    sweep_and_load(store)
    lose(store, "ledger/")
    before = dict(store.objects)
    store.pass_time(hours=2)
    report = sweep_and_load(store)
    assert store.objects == before
    assert report.left_alone == 3
    assert "the ledger is empty and had 3 entries" in report.notes[0][0]


def test_a_ledger_that_lost_some_of_its_entries_is_reported_and_nothing_is_removed() -> None:
    store = MemoryStore()
    loaded_and_gone(store)
    store.pass_time(hours=2)
    sweep_and_load(store)
    del store.objects[f"ledger/{ledger_name(f'{PREFIX}0.json')}"]
    store.pass_time(hours=30)
    report = sweep_and_load(store)
    assert report.removed == 0
    assert report.notes[0] == ("the ledger had 1 entries more before: no file is removed", "ledger/")
    assert len(table(store)) == 3


@pytest.mark.parametrize("content", [b"null", b"[]", b'"x"', b"{", b"1e999", b'{"version": 1}', b"\xff", b"{}"])
def test_an_entry_that_cannot_be_read_is_kept_aside_and_its_object_loaded_anew(content: bytes) -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    ingest(store).load(arrival)
    name = ledger_name(KEY)
    for load in (lambda: ingest(store).load(arrival), lambda: sweep_and_load(store)):
        store.put(f"ledger/{name}", content)
        store.pass_time(hours=2)
        load()
        assert store.objects[f"ledger/unreadable/{name}"] == content
        assert entry(store).state == LOADED
        assert len(table(store)) == 1


@pytest.mark.parametrize("field", ["files", "attempts", "state", "burned", "source_modified_at", "seconds", "key"])
def test_an_entry_with_a_field_of_another_type_is_none(field: str) -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    ingest(store).load(arrival)
    name = f"ledger/{ledger_name(KEY)}"
    store.put(name, json.dumps(json.loads(store.objects[name]) | {field: [7]}).encode())
    assert ingest(store).load(arrival)[0] == "loaded"


def test_a_time_without_a_zone_makes_an_entry_unreadable() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    ingest(store).load(arrival)
    name = f"ledger/{ledger_name(KEY)}"
    changed = json.loads(store.objects[name]) | {"source_modified_at": "2024-08-01T12:00:00"}
    store.put(name, json.dumps(changed).encode())
    assert ingest(store).load(arrival)[0] == "loaded"
    assert entry(store).source_modified_at == "2024-08-01T12:00:01+00:00"


@pytest.mark.parametrize("is_overwritten", [False, True])
def test_an_entry_of_an_old_object_that_is_lost_is_made_good_by_the_next_round(is_overwritten: bool) -> None:
    store = MemoryStore()
    keys = [f"{PREFIX}{i}.json" for i in range(20)]
    for i, key in enumerate(keys):
        ingest(store).load(store.drop(key, body(order(i))))
    store.pass_time(hours=60)
    sweep_and_load(store)
    del store.objects[f"ledger/{ledger_name(keys[3])}"]
    store.pass_time(hours=2)
    sweep_and_load(store)
    if is_overwritten:
        ingest(store).load(store.drop(keys[3], body(order(99))))
    for _ in range(3):
        store.pass_time(hours=2)
        report = sweep_and_load(store)
    assert entry(store, keys[3]).state == LOADED
    assert len(table(store)) == len(keys), "no row of an earlier version stays beside"
    assert (report.announced, report.looked) == (0, 0), "what was read is not read again"


def test_an_unreadable_entry_of_an_old_object_keeps_nobody_waiting_and_is_made_good_by_the_next_round() -> None:
    store = MemoryStore()
    loaded_and_gone(store)
    store.pass_time(hours=60)
    sweep_and_load(store)
    store.put(f"ledger/{ledger_name(f'{PREFIX}1.json')}", b"null")
    store.pass_time(hours=2)
    report = sweep_and_load(store)
    assert (report.whole, report.unreadable) == (True, 1)
    store.pass_time(hours=2)
    sweep_and_load(store)
    assert entry(store, f"{PREFIX}1.json").state == LOADED
    assert len(table(store)) == 3


TIMES = ("2024-07-01T00:00:00", "0001-01-01T00:00:00+00:00", "soon")
CURSORS = [
    *(b"null", b"[]", b"7", b'{"phase": "table", "after": 7}', b'{"phase": "elsewhere"}'),
    *(json.dumps({name: time}).encode() for name in ("began_at", "last_whole") for time in TIMES),
]


@pytest.mark.parametrize("content", CURSORS)
def test_a_cursor_that_cannot_be_read_begins_a_round_that_looks_at_everything(content: bytes) -> None:
    store = MemoryStore()
    store.put("state/sweep.json", content)
    store.drop(KEY, body(order(1)))
    report = sweep_and_load(store)
    assert (report.whole, report.announced) == (True, 1)


def test_a_version_of_which_a_file_is_missing_is_loaded_again() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1, "2024-05-01"), order(2, "2024-06-01"))))
    before = dict(store.objects)
    del store.objects[entry(store).files[0]]
    store.pass_time(hours=2)
    sweep_and_load(store)
    assert {k: v for k, v in store.objects.items() if k.startswith("table/")} == {
        k: v for k, v in before.items() if k.startswith("table/")
    }
    store.pass_time(hours=2)
    assert sweep_and_load(store).announced == 0


def test_an_older_version_of_which_a_file_is_missing_is_loaded_again_behind_one_that_cannot_be_read() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    ingest(store).load(store.drop(KEY, UNREADABLE))
    del store.objects[entry(store).files[0]]
    store.pass_time(hours=2)
    sweep_and_load(store)
    assert table(store) == [("v1", "1", "2024-07")]
    known = entry(store)
    assert (known.state, known.loaded_sequencer) == ("quarantined", "0001")
    store.pass_time(hours=2)
    assert sweep_and_load(store).announced == 0


def test_files_that_are_missing_and_whose_object_is_gone_are_reported() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    ingest(store).load(arrival)
    store.forget(arrival)
    del store.objects[entry(store).files[0]]
    store.pass_time(hours=2)
    report = sweep_and_load(store)
    assert report.announced == 0
    assert report.notes == [("1 of its files are missing, and its object is gone", KEY)]
