"""Attempts to load a version: how they are counted, and what becomes of one that is given up."""

from __future__ import annotations

import pytest

from chalicelib.loading.models import LOADED, Arrival
from chalicelib.loading.sweep_announcer import MOST_ATTEMPTS
from chalicelib.loading.sweep_cursor import SweepReport
from tests.builders import (
    KEY,
    body,
    died,
    died_in_mid_publish,
    entry,
    ingest,
    order,
    sweep,
    sweep_and_load,
    table,
)
from tests.unit.memory_store import Crash, MemoryStore


def test_what_fails_every_time_is_given_up_until_a_new_version_comes() -> None:
    store = MemoryStore()
    store.drop(KEY, body(order(1)))
    for _ in range(MOST_ATTEMPTS):
        (announced,) = sweep(store)[1]
        died(store, announced)
        store.pass_time(hours=2)
    report, nothing = sweep(store)
    assert nothing == []
    assert report.given_up > 0
    assert report.notes[0] == (f"given up after {MOST_ATTEMPTS} attempts", KEY)
    store.drop(KEY, body(order(2)))
    assert len(sweep(store)[1]) == 1


def test_announcements_that_wait_in_a_queue_for_hours_are_not_taken_for_attempts() -> None:
    store = MemoryStore()
    store.drop(KEY, body(order(1)))
    for _ in range(3 * MOST_ATTEMPTS):
        (announced,) = sweep(store)[1]
        store.pass_time(hours=2)
    assert ingest(store).load(announced)[0] == "loaded"


def test_attempts_are_counted_from_the_last_load_that_ended_well() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    for _ in range(MOST_ATTEMPTS + 1):
        assert ingest(store).load(arrival, reload=True)[0] == "loaded"
    store.crash_after = 3
    with pytest.raises(Crash):
        ingest(store).load(arrival, reload=True)
    store.pass_time(hours=2)
    report = sweep_and_load(store)
    assert (report.given_up, report.announced) == (0, 1)
    assert entry(store).state == LOADED


def given_up(store: MemoryStore, arrival: Arrival) -> SweepReport:
    """Have a load die in mid-publish until the sweep gives it up; return that sweep's report."""
    for _ in range(MOST_ATTEMPTS):
        died_in_mid_publish(store, arrival)
        store.pass_time(hours=2)
    return sweep_and_load(store)


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
    assert sweep_and_load(store).given_up == 1, "it is reported until somebody sees to it"
    assert ingest(store).load(second)[0] == "loaded"
    assert table(store) == [("v2", "1", "2024-06")]
