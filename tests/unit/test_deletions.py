"""Deleted objects: their rows go with them only where deletions propagate, and come back by no older event."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from chalicelib.loading.models import FAILED, GONE
from tests.builders import (
    KEY,
    RULES,
    UNREADABLE,
    body,
    died,
    entry,
    ingest,
    order,
    sweep,
    table,
)
from tests.unit.memory_store import MemoryStore


def test_a_deleted_object_keeps_its_rows_unless_deletions_are_to_propagate() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    store.remove(KEY)
    store.pass_time(hours=2)
    assert sweep(store)[1] == []
    rules = replace(RULES, deletes=True)
    (announced,) = sweep(store, rules)[1]
    assert announced.removed
    assert ingest(store).load(announced)[0] == "deleted"
    assert table(store) == []
    assert sweep(store, rules)[1] == []


def test_a_load_that_died_is_taken_up_though_its_key_was_deleted_where_s3_keeps_versions() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    died(store, arrival)
    store.remove(KEY)
    store.pass_time(hours=2)
    (announced,) = sweep(store)[1]
    assert ingest(store).load(announced)[0] == "loaded"


def test_without_versions_a_deleted_object_ends_as_gone_and_is_not_announced_for_ever() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)), versioned=False)
    died(store, arrival)
    store.remove(KEY, versioned=False)
    store.pass_time(hours=2)
    (announced,) = sweep(store)[1]
    assert ingest(store).load(announced)[0] == GONE
    store.pass_time(hours=2)
    assert sweep(store)[1] == []


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
