"""Versions that overtake each other while one crashes or cannot be read: the rows end as if nothing had happened."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import LostRace
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import Arrival
from chalicelib.writing import hive
from tests.builders import KEY, body, entry, ingest, order, table
from tests.unit.memory_store import Crash, MemoryStore


@pytest.mark.parametrize("kept_bytes", [hive.KEPT_BYTES, 0], ids=["kept on disk", "staged in S3"])
def test_a_load_that_crashed_leaves_no_rows_once_a_newer_version_is_there(
    monkeypatch: pytest.MonkeyPatch, kept_bytes: int
) -> None:
    monkeypatch.setattr(hive, "KEPT_BYTES", kept_bytes)

    def prepared() -> tuple[MemoryStore, Arrival, Arrival]:
        store = MemoryStore()
        old = store.drop(KEY, body(order(1, "2024-05-01"), order(2, "2024-06-01")))
        return store, old, store.drop(KEY, body(order(1, "2024-07-01")))

    whole, old, _ = prepared()
    ingest(whole).load(old)
    for crash_after in range(1, len(whole.calls) + 1):
        store, old, new = prepared()
        store.crash_after = crash_after
        with pytest.raises(Crash):
            ingest(store).load(old)
        ingest(store).load(new)
        ingest(store).load(old)
        assert table(store) == [("v2", "1", "2024-07")], f"crashed after call {crash_after}"


def test_a_version_that_cannot_be_read_leaves_the_same_rows_whichever_event_comes_first() -> None:
    for delivered in itertools.permutations(range(3)):
        store = MemoryStore()
        arrivals = [store.drop(KEY, body(order(0))), store.drop(KEY, body(order(1))), store.drop(KEY, b"[{")]
        for i in delivered:
            ingest(store).load(arrivals[i])
        assert table(store) == [("v2", "1", "2024-07")], delivered


def test_a_load_that_was_taken_for_dead_is_run_again_and_does_not_tell_of_files_that_are_gone() -> None:
    """The sweep's removal runs between a load's files and its last word."""
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    write, done = store.write_json, False

    def removed_meanwhile(key: str, value: dict[str, Any], etag: str | None) -> str | None:
        nonlocal done
        if value["state"] == "loaded" and not done:
            done = True
            given_up = entry(store).abandoned()
            store.delete(given_up.superseded)
            write(key, replace(given_up, superseded=(), state="gone").as_json(), etag)
        return write(key, value, etag)

    store.write_json = removed_meanwhile  # type: ignore[method-assign]
    with pytest.raises(LostRace):
        ingest(store).load(arrival)
    assert ingest(store).load(arrival)[0] == "loaded"
    assert table(store) == [("v1", "1", "2024-07")]


def found_by_the_sweep(arrival: Arrival) -> Arrival:
    """The same version as the sweep announces it, or a replay: S3's listing has no sequencers."""
    return replace(arrival, sequencer="")


def test_a_late_event_does_not_bring_back_what_a_later_version_replaced_meanwhile() -> None:
    store = MemoryStore()
    first = store.drop(KEY, body(order(1)))
    awaited = Entry.first(found_by_the_sweep(first)).awaited(found_by_the_sweep(first))
    store.write_json(f"ledger/{ledger_name(KEY)}", awaited.as_json(), None)
    second = store.drop(KEY, body(order(2)))
    store.drop(KEY, b"[{")
    assert [ingest(store).load(each)[0] for each in (second, first)] == ["loaded", "stale"]
    assert table(store) == [("v2", "2", "2024-07")]


def test_what_came_between_a_version_without_sequencer_and_one_that_cannot_be_read_is_loaded() -> None:
    for delivered in itertools.permutations(range(3)):
        store = MemoryStore()
        first = store.drop(KEY, body(order(1)))
        ingest(store).load(found_by_the_sweep(first), reload=True)
        arrivals = [first, store.drop(KEY, body(order(2))), store.drop(KEY, b"[{")]
        for i in delivered:
            ingest(store).load(arrivals[i])
        assert table(store) == [("v2", "2", "2024-07")], delivered


def test_what_came_before_an_unannounced_version_that_cannot_be_read_is_loaded() -> None:
    store = MemoryStore()
    first = store.drop(KEY, body(order(1)))
    ingest(store).load(found_by_the_sweep(first))
    second = store.drop(KEY, body(order(2)))
    unannounced = store.drop(KEY, b"[{")
    assert ingest(store).load(second)[0] == "loaded"
    assert ingest(store).load(found_by_the_sweep(unannounced))[0] == "quarantined"
    assert ingest(store).load(first)[0] == "stale"
    assert table(store) == [("v2", "2", "2024-07")]


def test_a_duplicate_tells_the_sequencer_of_the_version_that_is_loaded_and_of_no_other() -> None:
    store = MemoryStore()
    first = store.drop(KEY, body(order(1)))
    ingest(store).load(found_by_the_sweep(first))
    broken = store.drop(KEY, b"[{")
    ingest(store).load(found_by_the_sweep(broken))
    ingest(store).load(broken)
    known = entry(store)
    assert (known.sequencer, known.loaded_sequencer) == (broken.sequencer, "")
    ingest(store).load(first)
    known = entry(store)
    assert (known.sequencer, known.loaded_sequencer) == (broken.sequencer, first.sequencer)


def test_a_load_without_a_sequencer_that_a_deletion_overtakes_brings_nothing_back() -> None:
    store = MemoryStore()
    announced = found_by_the_sweep(store.drop(KEY, body(order(1))))
    load, announce = ingest(store), Entry.announcing

    def overtaken(self: Entry, files: Any) -> Entry:
        patch.undo()
        assert ingest(store).load(store.remove(KEY))[0] == "deleted"
        return announce(self, files)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Entry, "announcing", overtaken)
        assert load.load(announced)[0] == "stale"
    assert table(store) == []
    assert entry(store).state == "deleted"
