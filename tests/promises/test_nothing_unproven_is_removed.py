"""Promise 14: nothing is removed that cannot be proven to be nobody's, nor what came after a removal was decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from chalicelib.loading.sweep import Sweep
from tests.builders import (
    KEY,
    RULES,
    UNREADABLE,
    body,
    died_in_mid_publish,
    entry,
    ingest,
    loaded_and_gone,
    lose,
    order,
    sweep_and_load,
    table,
)
from tests.promises.workers import stopped_before
from tests.unit.memory_store import MemoryStore


def emptied(store: MemoryStore) -> None:
    for name in lose(store, "ledger/"):
        store.put(name, b"")


def damaged(store: MemoryStore) -> None:
    for name in lose(store, "ledger/"):
        store.put(name, b"null")


def moved(store: MemoryStore) -> None:
    for name, content in lose(store, "ledger/").items():
        store.put(name.replace("ledger/", "ledger/moved/"), content)


def mixed_up(store: MemoryStore) -> None:
    entries = lose(store, "ledger/")
    names = list(entries)
    for name, content in zip([*names[1:], names[0]], entries.values(), strict=True):
        store.put(name, content)


def lost(store: MemoryStore) -> None:
    lose(store, "ledger/")


@pytest.mark.parametrize("state_too", [False, True], ids=["the ledger", "the ledger and the sweep's state"])
@pytest.mark.parametrize("hours", [2, 30])
@pytest.mark.parametrize("happens", [lost, emptied, damaged, moved, mixed_up], ids=lambda happens: happens.__name__)
def test_promise_14_whatever_happens_to_the_ledger_no_row_is_removed_and_the_sweep_says_so(
    happens: Callable[[MemoryStore], None], hours: int, state_too: bool
) -> None:
    store = MemoryStore()
    loaded_and_gone(store)
    store.pass_time(hours=hours)
    sweep_and_load(store)
    happens(store)
    if state_too:
        lose(store, "state/")
    reports = []
    for _ in range(5):
        store.pass_time(hours=hours)
        reports.append(sweep_and_load(store))
        assert [row[1] for row in table(store)] == ["0", "1", "2"]
    assert sum(report.removed for report in reports) == 0
    assert any(report.left_alone or report.unreadable for report in reports), "there are alarms on both"


def test_promise_14_a_sweep_that_pauses_before_it_removes_takes_nothing_that_a_load_published_meanwhile() -> None:
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


def test_promise_14_a_deletion_that_pauses_before_it_removes_takes_nothing_of_the_object_that_came_back() -> None:
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


def test_promise_14_bytes_that_come_back_within_a_second_keep_their_rows_though_a_removal_comes_late() -> None:
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


@pytest.mark.parametrize("copy", ["ledger/backup/", "ledger/copy-of-"])
def test_promise_14_a_copy_of_the_ledger_beside_it_proves_nothing(copy: str) -> None:
    store = MemoryStore()
    first, second = store.drop(KEY, body(order(1))), store.drop(KEY, UNREADABLE)
    ingest(store).load(second)
    publishing = stopped_before("put table/", lambda: ingest(store).load(first), store)
    for name, content in list(store.objects.items()):
        if name.startswith("ledger/"):
            store.put(name.replace("ledger/", copy), content)
    publishing.finish()
    rows = table(store)
    assert rows == [("v1", "1", "2024-07")]
    for _ in range(3):
        store.pass_time(hours=2)
        assert sweep_and_load(store).removed == 0
        assert table(store) == rows
