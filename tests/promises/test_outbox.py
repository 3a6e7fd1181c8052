"""Promise 15: how each version ended is told at least once, can be recognised, and fails no load."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.errors import Throttled
from chalicelib.loading.ingest import Clock
from chalicelib.loading.models import Arrival
from chalicelib.loading.outbox import MOST_REASONS
from tests.builders import (
    KEY,
    PREFIX,
    RULES,
    UNREADABLE,
    body,
    entry,
    ingest,
    order,
    receipt,
    sweep,
    sweep_and_load,
)
from tests.promises.workers import stopped_before
from tests.unit.memory_store import BEGINNING, Crash, MemoryStore

BAD: dict[str, Any] = {"order_id": "no date"}


def sent(store: MemoryStore) -> set[tuple[str, str]]:
    """Return version and status of every event that was sent."""
    return {(event.detail["source_version"], event.detail["status"]) for event in store.sent}


def later(store: MemoryStore, rounds: int = 2) -> None:
    for _ in range(rounds):
        store.pass_time(hours=2)
        sweep_and_load(store)


def test_the_receipt_says_in_the_senders_words_what_became_of_the_file() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1, products=2), BAD, *[{"order_id": 1}] * 120)))
    read = receipt(store)
    listed = read.pop("rejected")
    assert len(listed) == MOST_REASONS
    assert listed[0] == {"record_number": 2, "path": "order_date", "reason": listed[0]["reason"]}
    assert "Correct the records" in read.pop("what_to_do")
    assert read.pop("event_ids") == [store.sent[0].detail["id"]]
    assert read == {
        "source_key": KEY,
        "source_version": "v1",
        "status": "partly_loaded",
        "finished_at": entry(store).finished_at,
        "contract": "orders",
        "orders_read": 122,
        "orders_loaded": 1,
        "orders_rejected": 121,
        "rows": 2,
        "files": 1,
        "reason": None,
        "rejected_more": 21,
        "dollars": None,
    }


def test_a_file_that_is_refused_whole_has_its_reason_in_the_receipt_and_not_in_the_event() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, UNREADABLE))
    read = receipt(store)
    assert (read["status"], read["rejected"], read["rejected_more"]) == ("quarantined", [], 0)
    assert read["reason"] == entry(store).reason
    ((kind, detail),) = store.sent
    assert kind == "Source Quarantined"
    assert set(detail) == {
        *("id", "stage", "bucket", "contract", "source_key", "source_version", "status", "finished_at", "receipt"),
        *("orders_read", "orders_loaded", "orders_rejected", "rows", "files"),
    }
    assert f"{detail['receipt']}" in store.objects


def test_every_delivery_of_a_version_has_the_same_id_and_another_version_and_status_another() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1), BAD))
    ingest(store).load(arrival)
    assert ingest(store).load(arrival)[0] == "duplicate"
    assert len(store.sent) == 1, "what was told is not told again"
    clock = Clock(lambda: BEGINNING + timedelta(hours=1), lambda: 0.0)
    ingest(store, clock=clock).load(arrival, reload=True)
    assert receipt(store)["finished_at"] == "2024-08-01T13:00:00+00:00"
    ingest(store).load(store.drop(KEY, body(order(1), BAD)))
    ids = [event.detail["id"] for event in store.sent]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 2
    assert all(len(each) == 32 for each in ids)


@pytest.mark.parametrize("heal", ["the event again", "the sweep", "a newer version"])
@pytest.mark.parametrize("content", [body(order(2), BAD), UNREADABLE, b"[]"], ids=["orders", "unreadable", "empty"])
@pytest.mark.parametrize("is_new", [True, False], ids=["a new key", "a known key"])
def test_promise_15_a_stop_at_every_call_in_turn_loses_no_word(heal: str, content: bytes, is_new: bool) -> None:
    def prepared() -> tuple[MemoryStore, Arrival]:
        store = MemoryStore()
        if not is_new:
            ingest(store).load(store.drop(KEY, body(order(1), BAD)))
        arrival = store.drop(KEY, content)
        store.calls.clear()
        return store, arrival

    whole, arrival = prepared()
    ingest(whole).load(arrival)
    assert "send" in whole.calls
    for stopped in range(1, len(whole.calls) + 1):
        store, arrival = prepared()
        store.crash_after = stopped
        with contextlib.suppress(Crash):
            ingest(store).load(arrival)
        store.crash_after = None
        pending = entry(store).outbox if any(key.startswith("ledger/") for key in store.objects) else ()
        if heal == "the event again":
            ingest(store).load(arrival)
        if heal == "a newer version":
            ingest(store).load(store.drop(KEY, body(order(3))))
        later(store)
        assert {(each.version, each.status) for each in (*pending, *entry(store).outbox)} <= sent(store), stopped
        read = receipt(store)
        assert (read["source_version"], read["status"]) == (entry(store).version, entry(store).state), stopped
        if heal != "a newer version":
            assert sent(store) == sent(whole), stopped
            assert {**read, "event_ids": 0} == {**receipt(whole), "event_ids": 0}, stopped
        count = len(store.sent)
        later(store)
        assert len(store.sent) == count, "what was told is not told for ever"


def failing(store: MemoryStore, begins: tuple[str, ...]) -> Callable[[str], None]:
    def fault(call: str) -> None:
        if call.startswith(begins):
            raise Throttled("SlowDown", call)

    return fault


@pytest.mark.parametrize(
    "begins", [("send",), ("write receipts/",), ("read receipts/",), ("send", "write receipts/", "read receipts/")]
)
def test_neither_receipt_nor_event_can_fail_a_load_and_the_sweep_makes_it_good(begins: tuple[str, ...]) -> None:
    store = MemoryStore()
    store.fault = failing(store, begins)
    assert ingest(store).load(store.drop(KEY, body(order(1), BAD)))[0] == "partly_loaded"
    assert ingest(store).load(store.drop(KEY, body(order(1))))[0] == "loaded"
    # Whatever is answered for days: it is tried in every round.
    for _ in range(5):
        store.pass_time(hours=30)
        sweep_and_load(store)
    store.fault = None
    later(store, 1)
    assert sent(store) == {("v1", "partly_loaded"), ("v2", "loaded")}
    assert (receipt(store)["source_version"], receipt(store)["status"]) == ("v2", "loaded")
    assert not [key for key, _ in store.not_relayed if key != KEY]


def test_an_event_that_cannot_be_sent_keeps_no_receipt_waiting() -> None:
    store = MemoryStore()
    store.fault = failing(store, ("send",))
    ingest(store).load(store.drop(KEY, body(order(1))))
    assert (receipt(store)["status"], receipt(store)["event_ids"]) == ("loaded", [])


def test_a_run_of_the_sweep_does_not_try_each_of_many_once_one_could_not_be_told() -> None:
    store = MemoryStore()
    store.fault = failing(store, ("send",))
    for i in range(5):
        ingest(store).load(store.drop(f"{PREFIX}{i}.json", body(order(i))))
    store.calls.clear()
    store.pass_time(hours=2)
    sweep(store)
    assert store.calls.count("send") == 1
    store.fault = None
    later(store, 1)
    assert len(store.sent) == 5


def test_the_receipt_of_a_newer_version_is_never_overwritten_by_that_of_an_older_one() -> None:
    for call in ("read receipts/", "send", "write receipts/"):
        store = MemoryStore()
        ingest(store).load(store.drop(KEY, body(order(0))))
        old = store.drop(KEY, body(order(1)))
        late = stopped_before(call, functools.partial(ingest(store).load, old), store)
        ingest(store).load(store.drop(KEY, UNREADABLE))
        assert receipt(store)["source_version"] == "v3"
        late.finish()
        assert (receipt(store)["source_version"], receipt(store)["status"]) == ("v3", "quarantined"), call
        later(store)
        assert sent(store) >= {("v1", "loaded"), ("v3", "quarantined")}


@pytest.mark.parametrize("call", ["read receipts/", "read ledger/", "send", "write receipts/"])
def test_a_sweep_that_tells_of_an_older_version_overwrites_no_newer_receipt(call: str) -> None:
    store = MemoryStore()
    store.fault = failing(store, ("send", "write receipts/"))
    ingest(store).load(store.drop(KEY, body(order(1))))
    store.fault = None
    store.pass_time(hours=2)
    late = stopped_before(call, lambda: sweep(store), store)
    store.fault = None
    ingest(store).load(store.drop(KEY, UNREADABLE))
    assert receipt(store)["source_version"] == "v2"
    late.finish()
    assert receipt(store)["source_version"] == "v2"
    later(store)
    assert sent(store) == {("v1", "loaded"), ("v2", "quarantined")}


def test_a_late_version_behind_one_that_cannot_be_read_is_told_and_the_receipt_stays_the_newests() -> None:
    store = MemoryStore()
    first, second = store.drop(KEY, body(order(1), BAD)), store.drop(KEY, UNREADABLE)
    ingest(store).load(second)
    assert ingest(store).load(first)[0] == "partly_loaded"
    assert sent(store) == {("v2", "quarantined"), ("v1", "partly_loaded")}
    assert receipt(store)["source_version"] == "v2"


def test_what_fails_on_every_try_is_told_as_failed_by_the_sweep_once_and_then_as_loaded() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    store.fault = failing(store, ("put table/",))
    for _ in range(3):
        with pytest.raises(Throttled):
            ingest(store).load(arrival)
    store.pass_time(hours=2)
    _, announced = sweep(store)
    assert sent(store) == {("v1", "failed")}
    assert (receipt(store)["status"], receipt(store)["orders_read"]) == ("failed", 0)
    assert receipt(store)["reason"]
    for again in announced:
        with pytest.raises(Throttled):
            ingest(store).load(again)
    store.pass_time(hours=2)
    sweep(store)
    assert len(store.sent) == 1, "it is told once"
    store.fault = None
    later(store)
    assert sent(store) == {("v1", "failed"), ("v1", "loaded")}
    assert len({event.detail["id"] for event in store.sent}) == 2
    assert receipt(store)["status"] == "loaded"


def test_a_load_that_ends_its_process_each_time_is_told_as_failed() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    for _ in range(3):
        stopped = stopped_before("put table/", lambda: ingest(store).load(arrival), store)
        stopped.kill()
        store.fault = None
    store.pass_time(hours=2)
    sweep(store)
    assert sent(store) == {("v1", "failed")}


def test_what_is_given_up_is_told_as_failed() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    store.fault = failing(store, ("put table/",))
    for _ in range(10):
        with pytest.raises(Throttled):
            ingest(store).load(arrival)
    store.pass_time(hours=2)
    report, _ = sweep(store)
    assert report.given_up
    assert sent(store) == {("v1", "failed")}


def test_a_deletion_that_propagates_is_told_and_leaves_no_reason_in_the_receipt() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1), BAD)))
    gone = store.remove(KEY)
    for stopped in (3, None):
        store.crash_after = stopped
        with contextlib.suppress(Crash):
            ingest(store).load(gone)
    store.crash_after = None
    rules = replace(RULES, deletes=True)
    for _ in range(2):
        store.pass_time(hours=2)
        sweep_and_load(store, rules)
    assert sent(store) == {("v1", "partly_loaded"), ("v1", "deleted")}
    read = receipt(store)
    assert (read["status"], read["rejected"], read["orders_read"]) == ("deleted", [], 0)


def test_a_receipt_that_a_lost_ledger_left_is_replaced() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    for key in [key for key in store.objects if key.startswith("ledger/")]:
        del store.objects[key]
    ingest(store).load(store.drop(KEY, body(order(2), BAD)))
    assert (receipt(store)["source_version"], receipt(store)["status"]) == ("v2", "partly_loaded")


@pytest.mark.parametrize("content", [b"null", b"[]", b"{", b'{"event_ids": 1}', b'{"event_ids": [1, {}]}'])
def test_a_receipt_that_somebody_damaged_is_replaced(content: bytes) -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    store.put(f"receipts/{KEY}.json", content)
    ingest(store).load(store.drop(KEY, body(order(2))))
    assert receipt(store)["source_version"] == "v2"


def test_a_key_as_long_as_s3_allows_has_its_receipt_under_its_digest() -> None:
    store = MemoryStore()
    key = f"{PREFIX}{'é' * 480}{'a' * (1024 - 960 - len(PREFIX) - 5)}.json"
    assert len(key.encode()) == 1024
    ingest(store).load(store.drop(key, body(order(1))))
    (name,) = [each for each in store.objects if each.startswith("receipts/")]
    assert name == store.sent[0].detail["receipt"]
    assert json.loads(store.objects[name])["source_key"] == key


def test_entries_of_before_there_were_events_are_not_told() -> None:
    store = MemoryStore()
    ingest(store, relay=None).load(store.drop(KEY, body(order(1))))
    (name,) = [each for each in store.objects if each.startswith("ledger/")]
    stored = json.loads(store.objects[name])
    del stored["outbox"]
    store.objects[name] = json.dumps(stored).encode()
    later(store)
    assert store.sent == []
