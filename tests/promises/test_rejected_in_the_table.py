"""What is in the ledger's counts is in the table of rejected records: of the newest version of each source alone."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.documents import rejected as rejected_module
from chalicelib.loading.models import Arrival
from tests.builders import (
    KEY,
    PREFIX,
    PREFIXES,
    UNREADABLE,
    body,
    entry,
    ingest,
    order,
    sweep,
    sweep_and_load,
    table,
)
from tests.promises.workers import stopped_before
from tests.unit.memory_store import Crash, MemoryStore

BAD: dict[str, Any] = {"order_id": "no date"}


def rejected_table(store: MemoryStore) -> list[dict[str, Any]]:
    """Return every row that the table of rejected records has."""
    files = [content for key, content in sorted(store.objects.items()) if key.startswith(PREFIXES.rejected)]
    return [json.loads(line) for content in files for line in gzip.decompress(content).splitlines()]


def agree(store: MemoryStore, *keys: str) -> None:
    """Hold the table against the ledger's word on each key."""
    rows = rejected_table(store)
    of_records = Counter(row["source_key"] for row in rows if row["record_number"] is not None)
    refused = {row["source_key"] for row in rows if row["record_number"] is None}
    for key in keys:
        known = entry(store, key)
        assert of_records[key] == known.counts.orders_rejected, key
        assert (key in refused) == (known.state == "quarantined"), key
        assert {row["source_version"] for row in rows if row["source_key"] == key} <= {known.version}
    assert {row["source_key"] for row in rows} <= set(keys)


def test_each_row_says_whose_it_is_and_why() -> None:
    store = MemoryStore()
    broken = '{"order_id" : 7,"note":"Zoë \\u00e9 \\"x\\"" }'
    ingest(store).load(store.drop(KEY, f"[{json.dumps(order(1))}, {broken}]".encode()))
    (row,) = rejected_table(store)
    assert row["reason"].startswith("missing")
    assert row == {
        "source_key": KEY,
        "source_version": "v1",
        "record_number": 2,
        "path": "order_date",
        "reason": row["reason"],
        "contract": "orders",
        "source_modified_at": "2024-08-01 12:00:01.000",
        "raw": broken,
    }


def test_a_file_that_is_refused_whole_is_one_row_without_a_record() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))[:-1]))
    (row,) = rejected_table(store)
    assert (row["source_key"], row["record_number"], row["raw"]) == (KEY, None, None)
    assert row["reason"] == entry(store).reason
    assert row["byte_offset"] == len(body(order(1))) - 1


def test_a_record_that_is_not_utf8_is_a_row_with_its_bytes() -> None:
    store = MemoryStore()
    key = f"{PREFIX}a.ndjson"
    line = b'{"order_id": "M\xfcller"}'
    ingest(store).load(store.drop(key, json.dumps(order(1)).encode() + b"\n" + line))
    (row,) = rejected_table(store)
    assert base64.b64decode(row["raw_base64"]) == line
    assert row["raw"] == line.decode("utf-8", "replace")


def test_overwriting_with_fewer_more_none_and_an_unreadable_file_leaves_the_newest_word_alone() -> None:
    store = MemoryStore()
    for content in (
        body(order(1), BAD, BAD),
        body(order(1), BAD),
        body(order(1)),
        UNREADABLE,
        body(BAD),
        UNREADABLE + b" ",
        body(order(2), BAD, BAD, BAD),
    ):
        ingest(store).load(store.drop(KEY, content))
        agree(store, KEY)
    assert [key for key in store.objects if key.startswith(PREFIXES.quarantine)] == list(entry(store).quarantine_files)


def test_events_in_any_order_leave_the_newest_versions_rejected_records() -> None:
    for versions in ((body(order(1), BAD), UNREADABLE), (UNREADABLE, body(order(1), BAD, BAD)), (body(BAD), body(BAD))):
        in_order, late = MemoryStore(), MemoryStore()
        for store, turn in ((in_order, 1), (late, -1)):
            for arrival in [store.drop(KEY, content) for content in versions][::turn]:
                ingest(store).load(arrival)
            agree(store, KEY)
        assert rejected_table(in_order) == rejected_table(late)
        assert table(in_order) == table(late)


def test_a_replay_after_the_contract_took_what_was_rejected_leaves_no_row() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1), {**order(2), "order_date": "2025-09-01"}))
    _, modified = store.versions[KEY, arrival.version]
    ingest(store).load(arrival)
    agree(store, KEY)
    assert len(rejected_table(store)) == 1, "it is more than a year after the file"
    store.versions[KEY, arrival.version] = body(order(1), order(2)), modified
    assert ingest(store).load(arrival, reload=True)[0] == "loaded"
    agree(store, KEY)
    assert rejected_table(store) == []
    store.versions[KEY, arrival.version] = body(order(1), BAD), modified
    ingest(store).load(arrival, reload=True)
    agree(store, KEY)
    assert len(rejected_table(store)) == 1


@pytest.mark.parametrize("content", [body(order(1), BAD), UNREADABLE], ids=["records", "a whole file"])
def test_a_deletion_that_propagates_takes_what_was_rejected_along(content: bytes) -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, content))
    assert rejected_table(store)
    ingest(store).load(store.remove(KEY))
    assert rejected_table(store) == []
    assert entry(store).counts.orders_rejected == 0


def stop(store: MemoryStore, arrival: Arrival, calls: int) -> None:
    store.crash_after = calls
    with contextlib.suppress(Crash):
        ingest(store).load(arrival)
    store.crash_after = None


@pytest.mark.parametrize("heal", ["the event again", "the sweep", "a newer version"])
def test_after_a_stop_at_every_call_in_turn_table_and_ledger_agree(heal: str) -> None:
    def prepared() -> tuple[MemoryStore, Arrival]:
        store = MemoryStore()
        ingest(store).load(store.drop(KEY, body(order(1), BAD, BAD)))
        arrival = store.drop(KEY, body(order(2), BAD))
        store.calls.clear()
        return store, arrival

    whole, arrival = prepared()
    ingest(whole).load(arrival)
    for stopped in range(1, len(whole.calls) + 1):
        store, arrival = prepared()
        stop(store, arrival, stopped)
        if heal == "the event again":
            ingest(store).load(arrival)
        elif heal == "a newer version":
            ingest(store).load(store.drop(KEY, UNREADABLE))
        for _ in range(3):
            store.pass_time(hours=2)
            sweep_and_load(store)
        agree(store, KEY)
        there = {key for key in store.objects if key.startswith(PREFIXES.quarantine)}
        assert there == set(entry(store).quarantine_files), stopped


def test_what_a_load_publishes_that_the_sweep_had_given_up_is_removed_again() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1), BAD))
    late = stopped_before("put quarantine/", lambda: ingest(store).load(arrival), store)
    ingest(store).load(store.drop(KEY, body(order(1))))
    late.step()
    late.kill()
    assert len(rejected_table(store)) == 1, "it was written too late"
    for _ in range(3):
        store.pass_time(hours=2)
        sweep_and_load(store)
    agree(store, KEY)
    assert rejected_table(store) == []


def test_a_file_of_somebody_else_in_the_table_is_told_and_left_alone() -> None:
    store = MemoryStore()
    store.put(f"{PREFIXES.rejected}notes.txt", b"hello")
    report, _ = sweep(store)
    assert report.foreign == 1


@pytest.mark.parametrize("raw", ["x" * 4000, "\x01" * 4000, "é" * 4000])
def test_a_record_whose_line_athena_would_fail_over_is_cut_in_the_table_and_whole_beside_it(
    monkeypatch: pytest.MonkeyPatch, raw: str
) -> None:
    monkeypatch.setattr(rejected_module, "MOST_LINE_BYTES", 3000)
    monkeypatch.setattr(rejected_module, "_NEVER_TOO_LONG", 300)
    monkeypatch.setattr(rejected_module, "_SHOWN_BYTES", 100)
    store = MemoryStore()
    key = f"{PREFIX}a.ndjson"
    line = json.dumps({"order_id": raw}, ensure_ascii=False).replace("\\u0001", "\x01")
    ingest(store).load(store.drop(key, f"{json.dumps(order(1))}\n{line}\n{json.dumps(BAD)}".encode()))
    agree(store, key)
    long, short = rejected_table(store)
    assert "raw_key" not in short
    assert line.startswith(long["raw"])
    (whole,) = [json.loads(each) for each in gzip.decompress(store.objects[long["raw_key"]]).splitlines()]
    assert whole["raw"] == line
    assert {name: whole[name] for name in whole if name != "raw"} == {
        name: long[name] for name in long if name not in ("raw", "raw_key")
    }
    ingest(store).load(store.drop(key, json.dumps(order(1)).encode()))
    assert not [key for key in store.objects if key.startswith(PREFIXES.quarantine)]


@pytest.mark.parametrize("deletes", [False, True])
def test_what_version_0_2_kept_goes_with_the_next_version(deletes: bool) -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1), BAD))
    ingest(store).load(arrival)
    made_old(store)
    if deletes:
        ingest(store).load(store.remove(KEY))
    else:
        ingest(store).load(store.drop(KEY, body(order(1))))
    assert not [key for key in store.objects if key.startswith(PREFIXES.quarantine)]


def made_old(store: MemoryStore, key: str = KEY) -> str:
    """Turn a key's file of rejected records, and its entry, into what version 0.2 would have left; return the file."""
    known = entry(store, key)
    name = next(
        each for each in store.objects if each.startswith("ledger/") and known.key.encode() in store.objects[each]
    )
    old = known.quarantine or ""
    lines = [json.loads(line) for line in gzip.decompress(store.objects.pop(old)).splitlines()]
    whole = lines[0]["record_number"] is None
    stem = old.removeprefix(PREFIXES.rejected).removesuffix(".ndjson.gz")[:-4]
    new = f"{PREFIXES.quarantine}{stem}{'.report.json' if whole else '.ndjson.gz'}"
    names = ("record_number", "path", "reason", "raw", "raw_base64")
    if whole:
        report = {
            "source_key": key,
            "source_version": known.version,
            "source_modified_at": known.source_modified_at,
            "source_bytes": 1,
            "reason": "it is cut",
            "byte_offset": 7,
        }
        store.put(new, json.dumps(report, indent=1).encode())
    else:
        kept = ({name: line[name] for name in names if name in line} for line in lines)
        store.put(new, gzip.compress("".join(f"{json.dumps(line)}\n" for line in kept).encode(), mtime=0))
    stored = replace(known, quarantine=new).as_json()
    del stored["quarantine_files"], stored["outbox"]
    store.objects[name] = json.dumps(stored).encode()
    return new
