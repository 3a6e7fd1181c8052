"""A batch of a backfill: loaded once, skipped when loaded, handed back when time is short, raised for when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import CountMismatch, EtlError, OutOfTime, Throttled, UnreadableBatch
from chalicelib.loading.backfill import (
    ERRORS,
    Batch,
    BatchCounts,
    BatchLoad,
    BatchReport,
    is_batch,
    listed,
    needed_seconds,
)
from chalicelib.loading.models import Arrival
from tests.builders import PREFIX, UNREADABLE, body, entry, ingest, order, table
from tests.unit.memory_store import BEGINNING, BUCKET, MemoryStore

EARLIER, LATER = BEGINNING - timedelta(hours=1), BEGINNING + timedelta(hours=1)
"""Before and after everything that these tests load."""


def keys(count: int) -> list[str]:
    return [f"{PREFIX}{i}.json" for i in range(count)]


def item(store: MemoryStore, key: str) -> dict[str, Any]:
    """Return an object as Step Functions lists it."""
    (summary,) = (each for each in store.list(PREFIX).objects if each.key == key)
    modified = summary.modified_at.timestamp()
    return {"Key": key, "Etag": f'"{summary.etag}"', "Size": summary.size, "LastModified": modified}


def event(store: MemoryStore, *names: str, started_at: Any = EARLIER, contract: str = "") -> dict[str, Any]:
    backfill = {"started_at": started_at.isoformat(), "contract": contract}
    return {"Items": [item(store, name) for name in names], "BatchInput": {"backfill": backfill}}


def run(
    store: MemoryStore,
    given: dict[str, Any],
    load: Callable[[Arrival], Any] | None = None,
    time_left: Callable[[], float] = lambda: 900.0,
) -> BatchReport:
    load = load or (lambda arrival: ingest(store).load(arrival)[1])
    return BatchLoad(store, "ledger/", BUCKET, load, lambda key: "orders", time_left).run(Batch.from_event(given), 1)


def dropped(count: int) -> MemoryStore:
    store = MemoryStore()
    for key in keys(count):
        store.drop(key, body(order(key)))
    return store


def test_what_is_not_loaded_is_loaded_and_counted_with_its_orders() -> None:
    store = dropped(2)
    store.drop(f"{PREFIX}bad.json", UNREADABLE)
    report = run(store, event(store, *keys(2), f"{PREFIX}bad.json"))
    counts = report.batch.counts
    assert (counts.loaded, counts.rejected, counts.skipped, counts.orders_loaded, counts.rows) == (2, 1, 0, 2, 2)
    assert (report.batch.items, report.errors, len(table(store))) == ((), (), 2)


def test_what_is_loaded_costs_one_read_of_the_ledger() -> None:
    store = dropped(1)
    ingest(store).load(store.newest[keys(1)[0]])
    given = event(store, *keys(1), started_at=LATER)
    store.calls.clear()
    assert run(store, given).batch.counts == BatchCounts(skipped=1)
    assert [call.split()[0] for call in store.calls] == ["read"]


def test_what_a_turn_loaded_before_its_process_ended_counts_as_loaded_in_the_next() -> None:
    store = dropped(2)
    ingest(store).load(store.newest[keys(2)[0]])
    assert run(store, event(store, *keys(2))).batch.counts.loaded == 2
    assert run(store, event(store, *keys(2), started_at=LATER)).batch.counts.skipped == 2


def test_an_older_version_or_an_unfinished_load_is_not_what_is_loaded() -> None:
    store = dropped(1)
    (key,) = keys(1)
    ingest(store).load(store.newest[key])
    store.drop(key, body(order(1), order(2)))
    assert run(store, event(store, key)).batch.counts.rows == 2
    assert len(table(store)) == 2


def test_a_folder_an_object_that_is_gone_and_one_of_another_contract_are_skipped() -> None:
    store = dropped(2)
    given = event(store, *keys(2))
    given["Items"].append({"Key": f"{PREFIX}sub/", "Etag": "x", "Size": 0, "LastModified": 0})
    store.remove(keys(2)[0])
    counts = run(store, given).batch.counts
    assert (counts.loaded, counts.skipped) == (1, 2)
    other = event(store, keys(2)[1], contract="returns")
    assert run(store, other).batch.counts == BatchCounts(skipped=1)


def test_what_time_does_not_allow_is_handed_back_untouched_and_the_next_turn_goes_on() -> None:
    store = dropped(3)
    times = iter([900.0, 900.0])
    given = event(store, *keys(3))
    report = run(store, given, time_left=lambda: next(times, 30.0))
    assert report.hands_back
    again = report.batch.next_event(given)
    assert (again["counts"]["loaded"], again["remaining"]) == (1, 2)
    assert [each["Key"] for each in again["Items"]] == keys(3)[1:]
    last = run(store, json.loads(json.dumps(again)))
    assert (last.batch.counts.loaded, last.batch.items) == (3, ())


def test_no_object_is_begun_in_the_last_third_of_the_time_so_that_no_turn_passes_for_a_slow_load() -> None:
    store = dropped(2)
    times = iter([900.0, 900.0])
    report = run(store, event(store, *keys(2)), time_left=lambda: next(times, 260.0))
    assert (report.batch.counts.loaded, len(report.batch.items)) == (1, 1)


def test_an_object_that_runs_out_of_time_is_handed_back_unless_it_had_the_whole_time() -> None:
    store = dropped(1)

    def slow(arrival: Arrival) -> None:
        raise OutOfTime(arrival.key, 1, 2)

    times = iter([900.0])
    report = run(store, event(store, *keys(1)), slow, lambda: next(times, 500.0))
    assert (report.errors, len(report.batch.items)) == ((), 1)
    report = run(store, event(store, *keys(1)), slow)
    assert [type(error) for error in report.errors] == [OutOfTime]


def test_an_object_that_fails_keeps_no_other_from_being_loaded_and_comes_last() -> None:
    store = dropped(3)
    first, second, third = keys(3)

    def load(arrival: Arrival) -> Any:
        if arrival.key == first:
            raise CountMismatch(1, 2, 3)
        return ingest(store).load(arrival)[1]

    times = iter([900.0, 900.0, 900.0])
    report = run(store, event(store, *keys(3)), load, lambda: next(times, 30.0))
    assert [(each["Key"], each.get(ERRORS)) for each in report.batch.items] == [(third, None), (first, 1)]
    assert report.hands_back
    assert entry(store, second).state == "loaded"
    assert (report.kinds, report.is_temporary) == ({"CountMismatch": 1}, False)


def test_a_batch_whose_objects_all_failed_before_is_not_handed_back_again() -> None:
    """Two objects that need the whole time each would take turns for ever."""
    store = dropped(2)
    given = event(store, *keys(2))
    for each in given["Items"]:
        each[ERRORS] = 1

    def load(arrival: Arrival) -> Any:
        raise OutOfTime(arrival.key, 1, 2)

    times = iter([900.0, 900.0])
    report = run(store, given, load, lambda: next(times, 30.0))
    assert len(report.batch.items) == 2
    assert not report.hands_back


@pytest.mark.parametrize(("error", "passes"), [(Throttled("SlowDown"), True), (CountMismatch(1, 2, 3), False)])
def test_what_may_pass_is_told_from_what_will_not(error: EtlError, passes: bool) -> None:
    store = dropped(1)

    def load(arrival: Arrival) -> Any:
        raise error

    assert run(store, event(store, *keys(1)), load).is_temporary is passes


def test_a_larger_object_needs_more_time_and_a_compressed_one_more_yet() -> None:
    store = dropped(1)
    small = listed(item(store, keys(1)[0]))
    large = replace(small, size=1 << 30)
    assert needed_seconds(small) < needed_seconds(large) < needed_seconds(replace(large, key="a.json.gz"))


@pytest.mark.parametrize(
    "spoilt",
    [
        {"Items": [{"Key": "a"}]},
        {"Items": {}},
        {"Items": [{"Key": "a", "Etag": "e", "Size": 1, "LastModified": "noon"}]},
        {"BatchInput": {"backfill": {"started_at": None}}},
        {"BatchInput": {"backfill": []}},
        {"counts": {"loaded": "1"}},
    ],
)
def test_a_batch_that_step_functions_did_not_make_is_an_error(spoilt: dict[str, Any]) -> None:
    store = dropped(1)
    with pytest.raises(UnreadableBatch):
        Batch.from_event(event(store, *keys(1)) | spoilt)


@pytest.mark.parametrize("other", [None, [], {"Records": []}, {"Items": []}, {"Items": [], "BatchInput": {}}])
def test_what_is_no_batch_is_left_to_the_event_handler(other: Any) -> None:
    assert not is_batch(other)
    store = dropped(1)
    assert is_batch(event(store, *keys(1)))
