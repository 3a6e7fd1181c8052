"""What is removed from the table, and what never is: late removals, lost ledgers, files that are missing."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.errors import LostRace
from chalicelib.file_names import ledger_name
from chalicelib.loading.models import FAILED, LOADED, Arrival
from chalicelib.loading.notifications import arrivals
from chalicelib.loading.sweep import MOST_ATTEMPTS, Sweep
from chalicelib.loading.sweep_cursor import Rules
from tests.builders import KEY, RULES, body, entry, ingest, order, table
from tests.promises.workers import Worker, taking_turns
from tests.unit.memory_store import Crash, MemoryStore

PREFIX = "orders_json_incoming/"
UNREADABLE = b"[{"


def sweep(store: MemoryStore, rules: Rules = RULES) -> Any:
    """Run the sweep and load what it announces; return its report."""
    events: list[dict[str, Any]] = []
    report = Sweep(store, rules, events.append).run(lambda: 1000.0)
    for event in events:
        for arrival in arrivals(json.loads(json.dumps(event)), PREFIX, rules.deletes):
            ingest(store).load(arrival)
    return report


def stopped_before(call: str, work: Callable[[], Any], store: MemoryStore) -> Worker:
    """Return a process that stands before a call that begins so."""
    store.fault = taking_turns
    worker = Worker(work)
    for _ in range(200):
        if worker.ended or store.calls[-1].startswith(call):
            break
        worker.step()
    assert not worker.ended, f"it never came to {call!r}"
    return worker


def died_in_mid_publish(store: MemoryStore, arrival: Arrival) -> None:
    worker = stopped_before("put table/", lambda: ingest(store).load(arrival), store)
    worker.step()
    worker.kill()


def lose(store: MemoryStore, prefix: str) -> dict[str, bytes]:
    """Remove all objects below a prefix; return them."""
    lost = {key: value for key, value in store.objects.items() if key.startswith(prefix)}
    for key in lost:
        del store.objects[key]
    return lost


# A removal that was decided earlier takes nothing that came later ---------------------------------------------------


def test_a_sweep_that_pauses_before_it_removes_takes_nothing_that_a_redriven_load_published_meanwhile() -> None:
    store = MemoryStore()
    second = store.drop(KEY, body(order(2)))
    died_in_mid_publish(store, second)
    third = store.drop(KEY, UNREADABLE)
    assert ingest(store).load(third)[0] == "quarantined"
    store.pass_time(hours=2)
    paused = stopped_before("delete table/", lambda: Sweep(store, RULES, lambda event: None).run(lambda: 9e9), store)
    assert ingest(store).load(second)[0] == "loaded"
    paused.finish()
    assert paused.problem is None
    assert table(store) == [("v1", "2", "2024-07")]
    assert sorted(key for key in store.objects if key.startswith("table/")) == list(entry(store).files)


def test_a_deletion_that_pauses_before_it_removes_takes_nothing_of_the_object_that_came_back() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1)), versioned=False))
    written = store.now
    removal = store.remove(KEY, versioned=False)
    paused = stopped_before("delete table/", lambda: ingest(store).load(removal), store)
    store.now = written - timedelta(seconds=1)
    back = store.drop(KEY, body(order(1)), versioned=False)
    assert ingest(store).load(back)[0] == "loaded"
    paused.finish()
    assert [row[1] for row in table(store)] == ["1"]


def test_bytes_that_come_back_within_a_second_keep_their_rows_though_a_removal_of_the_first_comes_late() -> None:
    store = MemoryStore()
    start = store.now
    ingest(store).load(store.drop(KEY, body(order(1)), versioned=False))
    store.now = start
    other = store.drop(KEY, body(order(2)), versioned=False)
    paused = stopped_before("delete table/", lambda: ingest(store).load(other), store)
    store.now = start
    again = store.drop(KEY, body(order(1)), versioned=False)
    assert ingest(store).load(again)[0] == "loaded"
    paused.finish()
    assert [row[1] for row in table(store)] == ["1"]


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


def test_a_key_that_is_overwritten_again_and_again_keeps_a_small_entry() -> None:
    store = MemoryStore()
    for i in range(150):
        ingest(store).load(store.drop(KEY, body(order(i)), versioned=bool(i % 2)))
    assert [row[1] for row in table(store)] == ["149"]
    assert len(store.objects[f"ledger/{ledger_name(KEY)}"]) < 4096


# A ledger that is lost, emptied, older or damaged -------------------------------------------------------------------


def loaded_and_gone(store: MemoryStore, count: int = 3) -> None:
    """Load some objects, the first of which is then deleted; its rows stay."""
    for i in range(count):
        ingest(store).load(store.drop(f"{PREFIX}{i}.json", body(order(i))))
    store.remove(f"{PREFIX}0.json")


@pytest.mark.parametrize("state_too", [False, True], ids=["the ledger", "the ledger and the sweep's state"])
@pytest.mark.parametrize("hours", [2, 30])
def test_a_lost_ledger_takes_no_rows_along_however_often_the_sweep_runs(state_too: bool, hours: int) -> None:
    store = MemoryStore()
    loaded_and_gone(store)
    store.pass_time(hours=hours)
    sweep(store)
    lose(store, "ledger/")
    if state_too:
        lose(store, "state/")
    reports = []
    for _ in range(5):
        store.pass_time(hours=hours)
        reports.append(sweep(store))
    assert [row[1] for row in table(store)] == ["0", "1", "2"]
    assert sum(report.removed for report in reports) == 0
    assert any(report.left_alone for report in reports), "it is reported, for an alarm"


def test_an_emptied_ledger_stops_the_sweep_before_it_writes_anything() -> None:
    store = MemoryStore()
    loaded_and_gone(store)
    sweep(store)
    lose(store, "ledger/")
    before = dict(store.objects)
    store.pass_time(hours=2)
    report = sweep(store)
    assert store.objects == before
    assert report.left_alone == 3
    assert "the ledger is empty and had 3 entries" in report.notes[0][0]


def test_a_ledger_that_lost_some_of_its_entries_is_reported_and_nothing_is_removed() -> None:
    store = MemoryStore()
    loaded_and_gone(store)
    store.pass_time(hours=2)
    sweep(store)
    del store.objects[f"ledger/{ledger_name(f'{PREFIX}0.json')}"]
    store.pass_time(hours=30)
    report = sweep(store)
    assert report.removed == 0
    assert report.notes[0] == ("the ledger had 1 entries more before: no file is removed", "ledger/")
    assert len(table(store)) == 3


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
    sweep(store)
    store.objects.update(copy)
    store.written.update(dict.fromkeys(copy, store.now))
    for _ in range(4):
        store.pass_time(hours=2)
        sweep(store)
    rows = table(store)
    assert [row for row in rows if row[1] == "1"] == [("v3", "1", "2024-06")]
    assert ("v4", "2", "2024-06") in rows, "the rows of an object that is gone come never back"


def test_orphans_that_are_many_at_once_are_left_alone_and_reported() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    (known,) = [key for key in store.objects if key.startswith("table/")]
    for month in range(1, 13):
        store.put(known.replace("2024-07", f"2023-{month:02}"), b"PAR1")
    store.pass_time(hours=2)
    few = replace(RULES, most_removals=11, most_percent=50)
    report = sweep(store, few)
    assert (report.removed, report.left_alone) == (0, 12)
    assert "12 of 13 files are nobody's" in report.notes[-1][0]
    store.pass_time(hours=2)
    assert sweep(store, replace(few, most_removals=12)).removed == 12


@pytest.mark.parametrize("content", [b"null", b"[]", b'"x"', b"{", b"1e999", b'{"version": 1}', b"\xff", b"{}"])
def test_an_entry_that_cannot_be_read_is_kept_aside_and_its_object_loaded_anew(content: bytes) -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    ingest(store).load(arrival)
    name = ledger_name(KEY)
    for load in (lambda: ingest(store).load(arrival), lambda: sweep(store)):
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
        report = sweep(store)
    assert (report.announced, report.removed) == (0, 0), "it comes to rest"
    assert sorted(row[1] for row in table(store)) == ["1", "2"]


@pytest.mark.parametrize("is_overwritten", [False, True])
def test_an_entry_of_an_old_object_that_is_lost_is_made_good_by_the_next_round(is_overwritten: bool) -> None:
    store = MemoryStore()
    keys = [f"{PREFIX}{i}.json" for i in range(20)]
    for i, key in enumerate(keys):
        ingest(store).load(store.drop(key, body(order(i))))
    store.pass_time(hours=60)
    sweep(store)
    del store.objects[f"ledger/{ledger_name(keys[3])}"]
    store.pass_time(hours=2)
    sweep(store)
    if is_overwritten:
        ingest(store).load(store.drop(keys[3], body(order(99))))
    for _ in range(3):
        store.pass_time(hours=2)
        report = sweep(store)
    assert entry(store, keys[3]).state == LOADED
    assert len(table(store)) == len(keys), "no row of an earlier version stays beside"
    assert (report.announced, report.looked) == (0, 3 if is_overwritten else 2), "only what is recent"


@pytest.mark.parametrize("field", ["files", "publishing", "superseded"])
def test_an_entry_that_names_what_no_load_wrote_removes_nothing(field: str) -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    name = f"ledger/{ledger_name(KEY)}"
    store.put("somebody/else.parquet", b"mine")
    store.put(name, json.dumps(json.loads(store.objects[name]) | {field: ["somebody/else.parquet"]}).encode())
    ingest(store).load(store.drop(KEY, body(order(2))))
    store.pass_time(hours=2)
    sweep(store)
    assert store.objects["somebody/else.parquet"] == b"mine"
    assert table(store) == [("v2", "2", "2024-07")]


def test_an_unreadable_entry_of_an_old_object_keeps_nobody_waiting_and_is_made_good_by_the_next_round() -> None:
    store = MemoryStore()
    loaded_and_gone(store)
    store.pass_time(hours=60)
    sweep(store)
    store.put(f"ledger/{ledger_name(f'{PREFIX}1.json')}", b"null")
    store.pass_time(hours=2)
    report = sweep(store)
    assert (report.whole, report.unreadable) == (True, 1)
    store.pass_time(hours=2)
    sweep(store)
    assert entry(store, f"{PREFIX}1.json").state == LOADED
    assert len(table(store)) == 3


@pytest.mark.parametrize("content", [b"null", b"[]", b'{"phase": "table", "after": 7}', b'{"began_at": "x"}', b"7"])
def test_a_cursor_that_cannot_be_read_begins_a_round_that_looks_at_everything(content: bytes) -> None:
    store = MemoryStore()
    store.put("state/sweep.json", content)
    store.drop(KEY, body(order(1)))
    report = sweep(store)
    assert (report.whole, report.announced) == (True, 1)


# Files that are missing ---------------------------------------------------------------------------------------------


def test_a_version_of_which_a_file_is_missing_is_loaded_again() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1, "2024-05-01"), order(2, "2024-06-01"))))
    before = dict(store.objects)
    del store.objects[entry(store).files[0]]
    store.pass_time(hours=2)
    sweep(store)
    assert {k: v for k, v in store.objects.items() if k.startswith("table/")} == {
        k: v for k, v in before.items() if k.startswith("table/")
    }
    store.pass_time(hours=2)
    assert sweep(store).announced == 0


def test_an_older_version_of_which_a_file_is_missing_is_loaded_again_behind_one_that_cannot_be_read() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    ingest(store).load(store.drop(KEY, UNREADABLE))
    del store.objects[entry(store).files[0]]
    store.pass_time(hours=2)
    sweep(store)
    assert table(store) == [("v1", "1", "2024-07")]
    known = entry(store)
    assert (known.state, known.loaded_sequencer) == ("quarantined", "0001")
    store.pass_time(hours=2)
    assert sweep(store).announced == 0


def test_files_that_are_missing_and_whose_object_is_gone_are_reported() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    ingest(store).load(arrival)
    store.forget(arrival)
    del store.objects[entry(store).files[0]]
    store.pass_time(hours=2)
    report = sweep(store)
    assert report.announced == 0
    assert report.notes == [("1 of its files are missing, and its object is gone", KEY)]


# Attempts, and what is given up -------------------------------------------------------------------------------------


def test_attempts_are_counted_from_the_last_load_that_ended_well() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    for _ in range(MOST_ATTEMPTS + 1):
        assert ingest(store).load(arrival, reload=True)[0] == "loaded"
    store.crash_after = 3
    with pytest.raises(Crash):
        ingest(store).load(arrival, reload=True)
    store.pass_time(hours=2)
    report = sweep(store)
    assert (report.given_up, report.announced) == (0, 1)
    assert entry(store).state == LOADED


def given_up(store: MemoryStore, arrival: Arrival) -> Any:
    """Have a load die in mid-publish until the sweep gives it up; return that sweep's report."""
    for _ in range(MOST_ATTEMPTS):
        died_in_mid_publish(store, arrival)
        store.pass_time(hours=2)
    return sweep(store)


def test_an_object_that_is_given_up_counts_once_in_a_round() -> None:
    store = MemoryStore()
    report = given_up(store, store.drop(KEY, body(order(1))))
    assert report.given_up == 1


def test_what_an_object_that_is_given_up_was_about_to_publish_is_removed() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1, "2024-05-01"))))
    second = store.drop(KEY, body(order(1, "2024-06-01")))
    report = given_up(store, second)
    assert table(store) == [("v1", "1", "2024-05")]
    assert report.given_up == 1
    assert entry(store).publishing == ()
    store.pass_time(hours=2)
    assert sweep(store).given_up == 1, "it is reported until somebody sees to it"
    assert ingest(store).load(second)[0] == "loaded"
    assert table(store) == [("v2", "1", "2024-06")]


# Deletions that propagate -------------------------------------------------------------------------------------------


def test_a_deletion_takes_what_was_there_before_it_whenever_its_event_comes() -> None:
    for delivered in itertools.permutations(range(3)):
        store = MemoryStore()
        events = [store.drop(KEY, body(order(1))), store.remove(KEY), store.drop(KEY, UNREADABLE)]
        for i in delivered:
            ingest(store).load(events[i])
        assert table(store) == [], delivered
        assert entry(store).state == "quarantined"
        for i in range(3):
            ingest(store).load(events[i])
        assert table(store) == [], delivered


@pytest.mark.thorough
def test_a_deletion_leaves_what_came_after_it_behind_a_version_that_cannot_be_read() -> None:
    for delivered in itertools.permutations(range(4)):
        store = MemoryStore()
        events = [store.drop(KEY, body(order(1))), store.remove(KEY)]
        events += [store.drop(KEY, body(order(2))), store.drop(KEY, UNREADABLE)]
        for i in delivered:
            ingest(store).load(events[i])
        assert table(store) == [("v3", "2", "2024-07")], delivered
        assert entry(store).superseded == ()


def test_a_version_that_is_deleted_for_good_behind_a_newer_one_takes_nothing_along() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    ingest(store).load(store.drop(KEY, UNREADABLE))
    removal = replace(store.remove("orders_json_incoming/other.json"), key=KEY, version_removed=True)
    assert ingest(store).load(removal)[0] == "stale"
    assert len(table(store)) == 1
    assert entry(store).state != FAILED
