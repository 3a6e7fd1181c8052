"""The sweep: what it announces, what it leaves alone, what it removes, and how it goes on where it left off."""

from __future__ import annotations

import itertools
import json
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.loading.models import LOADING
from chalicelib.loading.notifications import arrivals
from chalicelib.loading.sweep import Sweep
from chalicelib.loading.sweep_cursor import SweepCursor
from chalicelib.loading.sweep_pages import RESERVE
from tests.builders import DATASET, KEY, PREFIX, RULES, body, died, entry, ingest, order, sweep, table
from tests.contracts import with_main
from tests.unit.memory_store import Crash, MemoryStore


def test_an_object_that_no_event_announced_is_announced_once() -> None:
    store = MemoryStore()
    store.drop(KEY, body(order(1)))
    report, announced = sweep(store)
    assert (report.announced, report.whole, [a.key for a in announced]) == (1, True, [KEY])
    assert sweep(store)[1] == [], "whoever was told is left its time"
    assert ingest(store).load(announced[0])[0] == "loaded"
    store.pass_time(hours=3)
    assert sweep(store)[1] == []


def test_the_event_that_comes_after_all_changes_nothing_and_leaves_its_sequencer() -> None:
    store = MemoryStore()
    event = store.drop(KEY, body(order(1)))
    (announced,) = sweep(store)[1]
    ingest(store).load(announced)
    assert ingest(store).load(event)[0] == "duplicate"
    assert entry(store).sequencer == event.sequencer


def test_an_announcement_that_somebody_was_quicker_than_is_left_to_him() -> None:
    store = MemoryStore()
    event = store.drop(KEY, body(order(1)))
    (announced,) = sweep(store)[1]
    died(store, event, calls=4)
    assert ingest(store).load(announced)[0] == "overtaken"
    assert ingest(store).load(event)[0] == "loaded"


def test_a_load_that_died_is_announced_again_after_the_grace_time_and_not_before() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    died(store, arrival)
    store.pass_time(minutes=50)
    assert sweep(store)[1] == []
    store.pass_time(minutes=20)
    report, (announced,) = sweep(store)
    assert report.oldest_waiting[""] >= 3600
    assert ingest(store).load(announced)[0] == "loaded"


def test_a_load_that_says_it_is_at_work_is_not_announced() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    died(store, arrival)
    name = next(key for key in store.objects if key.startswith("ledger/"))
    store.pass_time(minutes=90)
    known = store.read_json(name)
    assert known is not None
    store.write_json(name, {**known.value, "renewals": 1}, known.etag)
    assert sweep(store)[1] == []


def test_two_sweeps_at_once_announce_an_object_once() -> None:
    store, announced = MemoryStore(), []
    store.drop(KEY, body(order(1)))
    write, done = store.write_json, False

    def second(key: str, value: dict[str, Any], etag: str | None) -> str | None:
        nonlocal done
        if key.startswith("ledger/") and not done:
            done = True
            announced.extend(sweep(store)[1])
        return write(key, value, etag)

    store.write_json = second  # type: ignore[method-assign]
    announced.extend(sweep(store)[1])
    assert len(announced) == 1


def test_a_newer_version_than_the_ledger_knows_is_announced() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    store.drop(KEY, body(order(2)))
    (announced,) = sweep(store)[1]
    assert ingest(store).load(announced)[0] == "loaded"
    assert table(store) == [("v2", "2", "2024-07")]


def test_a_file_that_no_entry_knows_is_removed_after_the_grace_time_and_not_before() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    (known,) = [key for key in store.objects if key.startswith("table/")]
    orphan = known.replace("2024-07", "2024-01")
    store.put(orphan, b"PAR1")
    assert sweep(store)[0].removed == 0
    store.pass_time(hours=2)
    assert sweep(store)[0].removed == 1
    assert orphan not in store.objects
    assert known in store.objects


def test_a_file_whose_load_is_about_to_finish_is_known() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    died(store, arrival)
    assert [key for key in store.objects if key.startswith("table/")] == list(entry(store).publishing)
    store.pass_time(hours=2)
    sweep(store)
    assert [key for key in store.objects if key.startswith("table/")] == list(entry(store).publishing)


def test_somebody_elses_file_is_told_and_left_alone() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    store.put("table/notes.txt", b"mine")
    store.pass_time(hours=2)
    report = sweep(store)[0]
    assert report.removed == 0
    assert report.notes == [("not a file of ours in the table's prefix", "table/notes.txt")]
    assert "table/notes.txt" in store.objects


def test_what_a_finished_load_did_not_come_to_remove_is_removed() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1, "2024-05-01"))))
    new = store.drop(KEY, body(order(1, "2024-06-01")))
    store.fault = lambda call: (_ for _ in ()).throw(Crash) if call.startswith("delete") else None
    with pytest.raises(Crash):
        ingest(store).load(new)
    store.fault = None
    assert len(table(store)) == 2
    store.pass_time(hours=2)
    sweep(store)
    assert table(store) == [("v2", "1", "2024-06")]
    assert entry(store).superseded == ()


def test_a_run_whose_time_is_over_goes_on_where_it_was_in_the_next() -> None:
    store = MemoryStore()
    for i in range(10):
        store.drop(f"{PREFIX}{i}.json", body(order(i)))
    announced, runs = [], 0
    while True:
        report, some = sweep(store, left=partial(next, iter([1000.0] * 4), RESERVE))
        announced += some
        runs += 1
        assert runs < 50
        if report.whole:
            break
    assert runs > 3
    assert [a.key for a in announced] == [f"{PREFIX}{i}.json" for i in range(10)]


def test_what_was_looked_at_in_the_last_whole_round_is_not_looked_at_for_ever() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    assert sweep(store)[0].looked == 1
    store.pass_time(hours=30)
    sweep(store)
    store.pass_time(hours=30)
    assert sweep(store)[0].looked == 0


def test_an_entry_that_cannot_be_read_is_told_and_keeps_nobody_else_waiting() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(f"{PREFIX}a.json", body(order(1))))
    (name,) = [key for key in store.objects if key.startswith("ledger/")]
    store.put(name, b'{"version": 1}')
    store.drop(f"{PREFIX}b.json", body(order(2)))
    store.pass_time(hours=2)
    report, announced = sweep(store)
    assert (report.unreadable, report.notes[-1][1]) == (1, f"{PREFIX}a.json")
    assert [a.key for a in announced] == [f"{PREFIX}a.json", f"{PREFIX}b.json"]
    assert len(table(store)) == 1, "nor are its files taken for nobody's"


def test_a_run_that_crashes_anywhere_is_made_good_by_the_next() -> None:
    for crash_after in itertools.count(1):
        store = MemoryStore()
        events: list[dict[str, Any]] = []
        store.drop(KEY, body(order(1)))
        store.crash_after = crash_after
        try:
            Sweep(store, RULES, events.append).run(lambda: 1000.0)
        except Crash:
            store.pass_time(hours=2)
            Sweep(store, RULES, events.append).run(lambda: 1000.0)
        else:
            assert crash_after > 5
            break
        for event in events:
            ingest(store).load(*arrivals(event, PREFIX))
        assert table(store) == [("v1", "1", "2024-07")], crash_after
        assert entry(store).state != LOADING


TWO_TABLES = replace(RULES, tables=("table/", "other/"))


def loaded_in_two_tables(store: MemoryStore) -> list[str]:
    """Load an object of each of two datasets, and leave a file that is nobody's beside each; return these."""
    datasets = (DATASET, replace(DATASET, contract=with_main(DATASET.contract, name="other")))
    orphans = []
    for number, dataset in enumerate(datasets):
        ingest(store, dataset=dataset).load(store.drop(f"{PREFIX}{number}.json", body(order(number))))
        (file,) = [key for key in store.objects if key.startswith(dataset.folders[dataset.contract.main])]
        orphans.append(file.replace("2024-07", "2024-01"))
        store.put(orphans[-1], b"PAR1")
    return orphans


def test_orphans_of_every_table_are_removed_and_its_own_files_stay() -> None:
    store = MemoryStore()
    orphans = loaded_in_two_tables(store)
    own = {key for key in store.objects if key.startswith(TWO_TABLES.tables)} - set(orphans)
    store.pass_time(hours=2)
    assert sweep(store, TWO_TABLES)[0].removed == 2
    assert {key for key in store.objects if key.startswith(TWO_TABLES.tables)} == own
    store.pass_time(hours=2)
    assert sweep(store, TWO_TABLES)[0].left_alone == 0


def test_a_round_over_two_tables_goes_on_in_the_table_where_it_was() -> None:
    store = MemoryStore()
    orphans = loaded_in_two_tables(store)
    store.pass_time(hours=2)
    positions = []
    for _ in range(50):
        report, _ = sweep(store, TWO_TABLES, left=partial(next, iter([1000.0] * 4), RESERVE))
        cursor = SweepCursor.from_json(json.loads(store.objects["state/sweep.json"]))
        positions.append((cursor.phase, cursor.table))
        if report.whole:
            break
    assert report.whole
    assert ("table", 1) in positions, "a run ended before the second table"
    assert not set(orphans) & set(store.objects)


def test_a_cursor_is_read_as_it_was_written() -> None:
    cursor = SweepCursor("table", "x", 1, MemoryStore().now, None, orphans=("a", "b"))
    assert SweepCursor.from_json(json.loads(json.dumps(cursor.as_json()))) == cursor


def test_how_long_the_oldest_object_waits_is_told_by_contract() -> None:
    store = MemoryStore()
    for hours, key in ((1, f"{PREFIX}shop/old.json"), (1, f"{PREFIX}new.json")):
        died(store, store.drop(key, body(order(1))))
        store.pass_time(minutes=60 * hours)
    rules = replace(RULES, contract_of=lambda key: "shop" if "/shop/" in key else "orders")
    store.pass_time(minutes=10)
    report, _ = sweep(store, rules)
    assert {name: seconds // 3600 for name, seconds in report.oldest_waiting.items()} == {"shop": 2, "orders": 1}


def test_what_a_backfill_is_at_is_left_alone_and_looked_at_in_the_round_after_however_old() -> None:
    store = MemoryStore()
    store.drop(f"{PREFIX}history/1.json", body(order(1)))
    store.drop(f"{PREFIX}other.json", body(order(2)))
    events: list[dict[str, Any]] = []

    def run(*backfilled: str) -> Any:
        events.clear()
        report = Sweep(store, RULES, events.append, backfilled=backfilled).run(lambda: 1000.0)
        return [each.key for event in events for each in arrivals(event, RULES.incoming)], report

    announced, report = run(f"{PREFIX}history/")
    assert announced == [f"{PREFIX}other.json"]
    assert list(report.oldest_waiting.values()) == [pytest.approx(1, abs=2)]
    store.pass_time(hours=1000)
    assert f"{PREFIX}history/1.json" not in run(f"{PREFIX}history/")[0]
    assert f"{PREFIX}history/1.json" in run()[0]
