"""Versions that overtake each other while one crashes or cannot be read: the rows end as if nothing had happened."""

from __future__ import annotations

import contextlib
import itertools
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import load as load_module
from chalicelib.errors import LostRace
from tests.unit.memory_store import Crash, MemoryStore
from tests.unit.test_ingest import KEY, body, entry, ingest, order, table


@pytest.mark.parametrize("kept_bytes", [load_module.KEPT_BYTES, 0], ids=["kept on disk", "staged in S3"])
def test_a_load_that_crashed_leaves_no_rows_once_a_newer_version_is_there(
    monkeypatch: pytest.MonkeyPatch, kept_bytes: int
) -> None:
    monkeypatch.setattr(load_module, "KEPT_BYTES", kept_bytes)
    left = {}
    for crash_after in range(1, 9):
        store = MemoryStore()
        old = store.drop(KEY, body(order(1, "2024-05-01"), order(2, "2024-06-01")))
        new = store.drop(KEY, body(order(1, "2024-07-01")))
        store.crash_after = crash_after
        with contextlib.suppress(Crash):
            ingest(store).load(old)
        store.crash_after = None
        ingest(store).load(new)
        ingest(store).load(old)
        if table(store) != [("v2", "1", "2024-07")]:
            left[crash_after] = table(store)
    assert left == {}


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
