"""Bringing source objects into the lake: duplicates, disorder, crashes and what cannot be read."""

from __future__ import annotations

import gc
import gzip
import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chalicelib.counts import Counts
from chalicelib.loading import load as load_module
from chalicelib.loading import rejected_files
from chalicelib.loading.load import names_of
from chalicelib.loading.models import Arrival
from tests.builders import DATASET, KEY, LIMITS, PREFIX, body, entry, ingest, order, quarantined, sink_of, table
from tests.unit.memory_store import MemoryStore


def test_an_object_becomes_month_files_and_a_ledger_entry() -> None:
    store = MemoryStore()
    outcome, _ = ingest(store).load(store.drop(KEY, body(order(1, "2024-05-01", 2), order(2, "2024-07-01"))))
    assert outcome == "loaded"
    assert table(store) == [("v1", "1", "2024-05"), ("v1", "1", "2024-05"), ("v1", "2", "2024-07")]
    known = entry(store)
    assert known.counts == Counts(2, 2, 0, 3)
    assert sorted(known.files) == sorted(key for key in store.objects if key.startswith("table/"))
    assert known.quarantine is None


def test_keys_that_are_nearly_the_contracts_are_noticed_and_their_values_are_not() -> None:
    noticed: list[tuple[Arrival, Sequence[str]]] = []
    store = MemoryStore()
    loader = ingest(store, on_hints=lambda arrival, hints: noticed.append((arrival, hints)))
    sound, other = store.drop(KEY, body(order(1))), store.drop(KEY, body(order(2) | {"Customer": {"name": "Ann"}}))
    for arrival in (sound, other):
        loader.load(arrival)
    (first, _), (second, hints) = noticed
    assert (first, second) == (sound, other)
    assert hints[0].startswith("the key 'Customer' is not read as 'customer': keys count as the contract writes them")
    assert "Ann" not in str(noticed)


def test_objects_of_an_unversioned_bucket_are_told_apart_by_their_etag() -> None:
    store = MemoryStore()
    first = store.drop(KEY, body(order(1)), versioned=False)
    ingest(store).load(first)
    assert ingest(store).load(first)[0] == "duplicate"
    ingest(store).load(store.drop(KEY, body(order(2)), versioned=False))
    assert [row[1] for row in table(store)] == ["2"]


def test_a_file_that_is_cut_is_reported_with_where_it_ends() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1))[:-1])
    assert ingest(store).load(arrival)[0] == "quarantined"
    assert table(store) == []
    assert store.staged == {}
    (report,) = quarantined(store)
    assert (report["source_key"], report["record_number"], report["raw"]) == (KEY, None, None)
    assert report["byte_offset"] == len(body(order(1))) - 1
    assert "truncated" in report["reason"]


def test_an_unreadable_new_version_leaves_the_rows_of_the_old_one() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1))))
    before = table(store)
    assert ingest(store).load(store.drop(KEY, b"[{"))[0] == "quarantined"
    assert table(store) == before
    assert ingest(store).load(store.drop(KEY, body(order(2))))[0] == "loaded"
    assert [row[1] for row in table(store)] == ["2"]


def test_rejected_records_are_kept_before_the_ledger_says_so() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1), {"order_id": 7})))
    calls = [call.split()[1] for call in store.calls if call.startswith(("put", "write"))]
    assert calls.index(entry(store).quarantine or "") < max(i for i, key in enumerate(calls) if "ledger/" in key)


def test_quarantine_and_table_files_are_the_same_bytes_for_the_same_object() -> None:
    stores = []
    for _ in range(2):
        store = MemoryStore()
        ingest(store).load(store.drop(KEY, body(order(1), {"order_id": 2})))
        stores.append({key: value for key, value in store.objects.items() if not key.startswith("ledger/")})
    assert stores[0] == stores[1]


@pytest.mark.parametrize(
    "key", ["orders_json_incoming/orders.csv", "orders_json_incoming/orders", "orders_json_incoming/orders.json.zip"]
)
def test_an_unsupported_name_is_rejected_with_the_names_that_are_taken(key: str) -> None:
    store, key = MemoryStore(), f"{PREFIX}{key}"
    assert ingest(store).load(store.drop(key, body(order(1))))[0] == "quarantined"
    assert ".ndjson" in (entry(store, key).reason or "")
    assert table(store) == []


def test_an_object_that_is_gone_is_told_and_may_come_again() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    kept = store.versions[KEY, arrival.version]
    store.forget(arrival)
    assert ingest(store).load(arrival)[0] == "gone"
    assert entry(store).state == "gone"
    store.versions[KEY, arrival.version] = kept
    assert ingest(store).load(arrival)[0] == "loaded"


def test_a_loader_that_is_overtaken_takes_its_files_back() -> None:
    """Version 2 is loaded whole while version 1 stands before its last word to the ledger."""
    store = MemoryStore()
    old = store.drop(KEY, body(order(1, "2024-05-01")))
    new = store.drop(KEY, body(order(1, "2024-06-01")))
    write, done = store.write_json, False

    def overtaken(key: str, value: dict[str, Any], etag: str | None) -> str | None:
        nonlocal done
        if value["state"] == "loaded" and value["version"] == old.version and not done:
            done = True
            assert ingest(store).load(new)[0] == "loaded"
        return write(key, value, etag)

    store.write_json = overtaken  # type: ignore[method-assign]
    assert ingest(store).load(old)[0] == "stale"
    assert table(store) == [("v2", "1", "2024-06")]
    assert entry(store).version == new.version


def test_two_deliveries_at_once_end_as_one() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1), order(2)))
    write, done = store.write_json, False

    def twice(key: str, value: dict[str, Any], etag: str | None) -> str | None:
        nonlocal done
        if value["state"] == "loaded" and not done:
            done = True
            assert ingest(store).load(arrival)[0] == "loaded"
        return write(key, value, etag)

    store.write_json = twice  # type: ignore[method-assign]
    assert ingest(store).load(arrival)[0] == "duplicate"
    assert [row[1] for row in table(store)] == ["1", "2"]


def test_a_passing_failure_is_raised_and_leaves_no_rows() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))

    def throttled(key: str, path: Path) -> None:
        raise TimeoutError("SlowDown")

    put_file, store.put_file = store.put_file, throttled  # type: ignore[method-assign]
    with pytest.raises(TimeoutError):
        ingest(store).load(arrival)
    assert table(store) == []
    assert (entry(store).state, entry(store).reason) == ("failed", "TimeoutError")
    store.put_file = put_file  # type: ignore[method-assign]
    assert ingest(store).load(arrival)[0] == "loaded"
    assert entry(store).attempts == 2


def rejected(count: int, bytes_each: int = 400) -> list[dict[str, str]]:
    """Return orders without a date, whose names do not compress."""
    noise = random.Random(7)
    return [{"order_id": str(i), "name": noise.randbytes(bytes_each // 2).hex()} for i in range(count)]


def test_rejected_records_beyond_a_part_wait_in_s3_and_not_on_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(rejected_files, "PART_BYTES", 20_000)
    store = MemoryStore()
    arrival = store.drop(KEY, body(*rejected(2000), order(1)))
    source = store.open(arrival)
    assert source is not None
    load = load_module.Load(
        store,
        dataset=DATASET,
        arrival=arrival,
        source=source,
        writer=sink_of(store).writer(tmp_path, names_of(arrival, source)),
    )
    result = load.read(LIMITS, lambda position: None)
    on_disk = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.suffix != ".parquet" and path.is_file())
    assert on_disk == 0
    ((key, staged),) = store.staged.values()
    assert (key, store.objects.get(key)) == (result.quarantine, None)
    load.publish(result)
    assert store.objects[key] == staged
    assert len(gzip.decompress(staged).splitlines()) == result.counts.orders_rejected == 2000


def test_rejected_records_are_the_same_bytes_staged_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    contents = []
    for part in (1 << 23, 5_000):
        monkeypatch.setattr(rejected_files, "PART_BYTES", part)
        store = MemoryStore()
        ingest(store).load(store.drop(KEY, body(*rejected(500), order(1))))
        contents.append(store.objects[entry(store).quarantine or ""])
        assert store.staged == {}
    assert contents[0] == contents[1]


@pytest.mark.thorough
def test_what_was_staged_of_rejected_records_is_dropped_with_a_file_that_ends_in_the_middle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rejected_files, "PART_BYTES", 5_000)
    store = MemoryStore()
    assert ingest(store).load(store.drop(KEY, body(*rejected(5000), order(1))[:-1]))[0] == "quarantined"
    gc.collect()
    assert "abort" in store.calls
    assert store.staged == {}
    assert [each["record_number"] for each in quarantined(store)] == [None], "only that the file as a whole was refused"


def test_a_load_that_fails_while_it_stages_rejected_records_leaves_nothing_staged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rejected_files, "PART_BYTES", 5_000)
    store = MemoryStore()
    arrival = store.drop(KEY, body(*rejected(500), order(1)))
    adds = itertools.count()

    def third(call: str) -> None:
        if call == "add" and next(adds) == 2:
            raise TimeoutError("no answer")

    store.fault = third
    with pytest.raises(TimeoutError):
        ingest(store).load(arrival)
    gc.collect()
    assert store.staged == {}
    store.fault = None
    assert ingest(store).load(arrival)[0] == "partly_loaded"
