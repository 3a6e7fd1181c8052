"""A sweep with its index asks for less and finds no less: what is lost, gone, back or replaced."""

from __future__ import annotations

import copy
import functools
import json
from collections import Counter
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.file_names import ledger_name
from chalicelib.loading.ledger_index import FOLDER
from chalicelib.loading.models import GONE, LOADED
from chalicelib.loading.notifications import arrivals
from chalicelib.loading.sweep import SEGMENT_SECONDS, Sweep
from chalicelib.loading.sweep_cursor import FORMAT, Rules, SweepCursor, SweepReport
from chalicelib.loading.sweep_pages import RESERVE
from tests.builders import (
    KEY,
    PREFIX,
    RULES,
    body,
    died,
    entry,
    ingest,
    lose,
    order,
    relay,
    sweep,
    sweep_and_load,
    table,
)
from tests.promises.workers import stopped_before
from tests.unit.memory_store import MemoryStore

INDEX = f"{RULES.state}{FOLDER}"
DELETES = replace(RULES, deletes=True)
COUNT = 40
KEYS = [f"{PREFIX}{number:02d}.json" for number in range(COUNT)]


@functools.cache
def swept() -> MemoryStore:
    store = MemoryStore()
    for number, key in enumerate(KEYS):
        ingest(store).load(store.drop(key, body(order(number))))
    store.pass_time(hours=2)
    assert sweep(store)[0].whole
    return store


@pytest.fixture
def store() -> MemoryStore:
    """A bucket in which forty objects are loaded, and swept: their entries are settled."""
    return copy.deepcopy(swept())


def asked(store: MemoryStore, rules: Rules = RULES, **more: Any) -> Counter[str]:
    """Return how often a whole round asks for what, by the first folder of the key."""
    store.calls.clear()
    events: list[Any] = []
    assert Sweep(store, rules, events.append, relay(store), **more).run(lambda: 1000.0).whole
    assert events == []
    return Counter(call.partition("/")[0] for call in store.calls)


@pytest.mark.parametrize("rules", [RULES, DELETES], ids=["", "with deletions"])
@pytest.mark.parametrize("hours", [0, 2, 30, 60])
def test_a_round_in_which_nothing_has_changed_asks_for_no_single_object(
    store: MemoryStore, rules: Rules, hours: int
) -> None:
    store.pass_time(hours=hours)
    # The state is the sweep's own: where it is, and the index.
    own = {"read state", "write state", "list state"}
    lists = {"list ledger", f"list {PREFIX[:-1]}", "list table", "list quarantine"}
    assert asked(store, rules).keys() <= own | lists
    assert sum(asked(store, rules).values()) < 15


def test_only_what_has_changed_is_read_and_once_more_when_its_grace_time_is_over(store: MemoryStore) -> None:
    store.pass_time(hours=2)
    ingest(store).load(store.drop(KEYS[7], body(order(99))))
    assert asked(store)["read ledger"] == 1
    assert asked(store)["read ledger"] == 0
    store.pass_time(hours=2)
    calls = asked(store)
    assert (calls["read ledger"], calls["read receipts"]) == (1, 1)
    assert asked(store)["read ledger"] == 0


def test_the_first_round_reads_each_entry_and_receipt_once_and_asks_for_no_file() -> None:
    store = MemoryStore()
    for number, key in enumerate(KEYS):
        ingest(store).load(store.drop(key, body(order(number))))
    store.pass_time(hours=2)
    calls = asked(store)
    assert (calls["read ledger"], calls["read receipts"]) == (COUNT, COUNT)
    assert not [call for call in calls if call.startswith("current")]


def test_reading_side_by_side_finds_the_same() -> None:
    found = []
    for at_once in (1, 8):
        store = MemoryStore()
        for number, key in enumerate(KEYS):
            arrival = store.drop(key, body(order(number)))
            if number % 3:
                ingest(store).load(arrival)
        store.pass_time(hours=2)
        events: list[dict[str, Any]] = []
        report = Sweep(store, RULES, events.append, relay(store), at_once=at_once).run(lambda: 1000.0)
        found.append((report, events))
    assert found[0] == found[1]
    assert found[0][0].announced == len(KEYS[::3])


def test_an_error_in_reading_side_by_side_ends_the_run_as_any_other(store: MemoryStore) -> None:
    lose(store, "state/")

    def fault(call: str) -> None:
        if call == f"read ledger/{ledger_name(KEYS[5])}":
            raise TimeoutError

    store.fault = fault
    with pytest.raises(TimeoutError):
        Sweep(store, RULES, lambda event: None, at_once=8).run(lambda: 1000.0)
    store.fault = None
    assert sweep(store)[0].whole


@pytest.mark.parametrize("content", [b"null", b"{", b"[]", b'{"format": 1}', None])
def test_an_index_that_is_damaged_or_removed_is_made_anew_and_nothing_is_announced(
    store: MemoryStore, content: bytes | None
) -> None:
    for name in lose(store, INDEX):
        if content is not None:
            store.put(name, content)
    assert asked(store)["read ledger"] == COUNT
    assert asked(store)["read ledger"] == 0


def test_without_a_cursor_everything_is_read_whatever_the_index_says(store: MemoryStore) -> None:
    del store.objects["state/sweep.json"]
    lose(store, f"receipts/{KEYS[3]}")
    assert sweep(store)[0].looked == COUNT
    assert f"receipts/{KEYS[3]}.json" in store.objects, "what was not relayed is"


def test_an_old_copy_of_the_index_is_believed_in_nothing_that_the_ledger_does_not_show(store: MemoryStore) -> None:
    old = {name: content for name, content in store.objects.items() if name.startswith(INDEX)}
    store.pass_time(hours=2)
    ingest(store).load(store.drop(KEYS[7], body(order(99))))
    died(store, store.drop(KEYS[8], body(order(98))))
    store.pass_time(hours=2)
    sweep(store)
    for name, content in old.items():
        store.put(name, content)
    store.pass_time(hours=2)
    report, announced = sweep(store)
    assert [each.key for each in announced] == [KEYS[8]]
    assert report.removed == 0


def test_an_entry_that_is_lost_is_missed_though_others_came_meanwhile(store: MemoryStore) -> None:
    store.pass_time(hours=60)
    sweep(store)
    del store.objects[f"ledger/{ledger_name(KEYS[3])}"]
    for number in range(5):
        ingest(store).load(store.drop(f"{PREFIX}new{number}.json", body(order(100 + number))))
    for _ in range(3):
        store.pass_time(hours=2)
        sweep_and_load(store)
    assert entry(store, KEYS[3]).state == LOADED


def test_a_file_that_is_lost_is_missed_and_its_object_loaded_again(store: MemoryStore) -> None:
    (file,) = entry(store, KEYS[3]).files
    del store.objects[file]
    assert sweep_and_load(store).announced == 1
    assert file in store.objects
    assert len(table(store)) == COUNT


@pytest.mark.parametrize("is_recent", [True, False])
def test_an_object_that_is_gone_takes_its_rows_along_where_deletions_propagate(
    store: MemoryStore, is_recent: bool
) -> None:
    if not is_recent:
        store.pass_time(hours=60)
        sweep(store, DELETES)
        store.pass_time(hours=60)
    sweep(store, DELETES)
    store.remove(KEYS[3])
    (announced,) = sweep(store, DELETES)[1]
    assert (announced.key, announced.removed) == (KEYS[3], True)
    assert ingest(store).load(announced)[0] == "deleted"
    store.pass_time(hours=2)
    assert sweep(store, DELETES)[1] == []


def test_an_old_version_that_is_there_again_behind_one_that_was_gone_is_loaded(store: MemoryStore) -> None:
    first = store.drop(KEY, body(order(1)))
    store.pass_time(hours=60)
    second = store.drop(KEY, body(order(2)))
    store.forget(second)
    assert ingest(store).load(second)[0] == GONE
    for _ in range(3):
        store.pass_time(hours=2)
        sweep(store)
    store.newest[KEY] = first
    (announced,) = sweep(store)[1]
    assert (announced.key, announced.version) == (KEY, first.version)


def test_an_event_is_looked_for_again_after_the_object_was_overwritten_within_the_second(store: MemoryStore) -> None:
    now = store.now
    ingest(store).load(store.drop(KEY, body(order(1))))
    sweep(store)
    store.now = now
    store.drop(KEY, body(order(2)))
    (announced,) = sweep(store)[1]
    assert announced.key == KEY


def runs(store: MemoryStore, rules: Rules = RULES, looks: int = 3, **more: Any) -> tuple[list[str], int]:
    """Run the sweep until its round is whole, each run short; return what it announced and how many runs it took."""
    announced: list[str] = []
    for number in range(1, 500):
        events: list[dict[str, Any]] = []
        made = Sweep(store, rules, events.append, relay(store), **more)
        report = made.run(partial(next, iter([1000.0] * looks), RESERVE))
        read = [a for event in events for a in arrivals(json.loads(json.dumps(event)), rules.incoming, rules.deletes)]
        announced += [each.key for each in read]
        if report.whole:
            return announced, number
    raise AssertionError("it never ends")


@pytest.mark.parametrize("most", [7, 1000])
@pytest.mark.parametrize("full", [1, 7, 1000])
def test_a_round_in_many_runs_finds_what_one_in_a_single_run_does(store: MemoryStore, full: int, most: int) -> None:
    store.pass_time(hours=2)
    lose(store, "state/")
    del store.objects[entry(store, KEYS[5]).files[0]]
    store.remove(KEYS[6])
    store.drop(KEYS[7], body(order(99)))
    store.drop(KEY, body(order(98)))
    died(store, store.drop(KEYS[8], body(order(97))))
    store.pass_time(hours=2)
    expected = sorted([KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEY])
    announced, count = runs(store, DELETES, full=full, most=most)
    assert sorted(announced) == expected
    assert count > 10


@pytest.mark.parametrize("phase", ["ledger", "incoming"])
def test_an_old_segment_that_is_put_back_between_two_runs_of_a_round_is_not_gone_by(
    store: MemoryStore, phase: str
) -> None:
    lose(store, "state/")
    Sweep(store, RULES, lambda event: None, relay(store), full=5).run(lambda: 1000.0)
    old = {name: content for name, content in store.objects.items() if name.startswith(INDEX)}
    lost = min(KEYS, key=ledger_name)
    del store.objects[f"ledger/{ledger_name(lost)}"]
    waiting = store.drop(KEY, body(order(98)))
    announced: list[dict[str, Any]] = []
    for looks in range(1, 100):
        Sweep(store, RULES, announced.append, relay(store), full=5).run(partial(next, iter([1000.0] * 2), RESERVE))
        cursor = SweepCursor.from_json(json.loads(store.objects["state/sweep.json"]))
        if cursor.phase == phase and cursor.index:
            break
        assert looks < 99
    for name, content in old.items():
        store.put(name, content)
    while not Sweep(store, RULES, announced.append, relay(store), full=5).run(lambda: 1000.0).whole:
        pass
    keys = {each.key for event in announced for each in arrivals(event, RULES.incoming)}
    assert keys == {lost, waiting.key}


def test_a_round_that_is_cut_reads_only_what_has_changed_and_misses_no_entry(store: MemoryStore) -> None:
    for number in range(5):
        ingest(store).load(store.drop(KEYS[number], body(order(99 + number))))
    store.calls.clear()
    announced, count = runs(store, looks=2)
    assert announced == []
    assert count > 3
    read = {call for call in store.calls if call.startswith("read ledger/")}
    assert read == {f"read ledger/{ledger_name(key)}" for key in KEYS[:5]}
    cursor = SweepCursor.from_json(json.loads(store.objects["state/sweep.json"]))
    assert (cursor.entries, cursor.last_whole is not None) == (COUNT, True)


def test_a_deletion_is_announced_until_it_is_taken_up_where_the_load_had_died(store: MemoryStore) -> None:
    died(store, store.drop(KEY, body(order(98))))
    store.remove(KEY)
    store.pass_time(hours=2)
    for _ in range(2):
        (announced,) = sweep(store, DELETES)[1]
        assert (announced.key, announced.removed) == (KEY, True)


def test_a_stale_segment_that_is_put_in_between_two_phases_is_not_gone_by(store: MemoryStore) -> None:
    old = {name: content for name, content in store.objects.items() if name.startswith(INDEX)}
    store.pass_time(hours=2)
    (file,) = entry(store, KEYS[3]).files
    died(store, store.drop(KEYS[3], body(order(99))))
    store.newest[KEYS[3]] = replace(store.newest[KEYS[3]])
    paused = stopped_before("list orders_json_incoming", lambda: sweep(store), store)
    for name, content in old.items():
        store.put(name, content)
    paused.finish()
    assert paused.problem is None
    store.fault = None
    store.pass_time(hours=2)
    assert [each.key for each in sweep(store)[1]] == [KEYS[3]]
    assert file in store.objects


def test_a_run_does_not_begin_to_read_an_index_for_which_its_time_is_too_short(store: MemoryStore) -> None:
    lose(store, "state/")
    Sweep(store, RULES, lambda event: None, relay(store), full=1).run(lambda: 1000.0)
    store.calls.clear()
    short = RESERVE + COUNT * SEGMENT_SECONDS
    report = Sweep(store, RULES, lambda event: None, relay(store), full=1).run(lambda: short)
    assert not report.whole
    assert f"list {PREFIX}" not in store.calls
    assert SweepCursor.from_json(json.loads(store.objects["state/sweep.json"])).phase == "incoming"
    assert Sweep(store, RULES, lambda event: None, relay(store), full=1).run(lambda: short + 1).whole


def test_two_sweeps_at_once_write_each_segment_once_and_one_of_them_goes_on(store: MemoryStore) -> None:
    lose(store, "state/")
    first = stopped_before("write state/", lambda: sweep(store)[0], store)
    other = sweep(store)[0]
    first.finish()
    assert other.whole
    assert not first.outcome.whole
    store.fault = None
    assert asked(store)["read ledger"] == 0


def test_a_cursor_of_the_former_format_begins_the_round_anew_and_keeps_what_it_counted(store: MemoryStore) -> None:
    stored = json.loads(store.objects["state/sweep.json"])
    del stored["format"], stored["epoch"]
    store.put("state/sweep.json", json.dumps(stored | {"phase": "table", "after": "x", "counted": 3}).encode())
    cursor = SweepCursor.from_json(json.loads(store.objects["state/sweep.json"]))
    assert (cursor.phase, cursor.after, cursor.entries, cursor.counted) == ("ledger", "", COUNT, 0)
    assert cursor.last_whole is not None
    assert FORMAT > 1
    assert asked(store)["read ledger"] == COUNT


def test_a_sweep_whose_index_cannot_be_written_ends_and_says_why(store: MemoryStore) -> None:
    lose(store, INDEX)

    def fault(call: str) -> None:
        if call.startswith(f"write {INDEX}"):
            raise PermissionError(call)

    store.fault = fault
    with pytest.raises(PermissionError):
        sweep(store)


def test_a_report_is_of_one_run(store: MemoryStore) -> None:
    assert sweep(store)[0] == SweepReport(whole=True)
