"""The promises, each by its number; bounded work (13), removals (14) and telling (15) have files of their own.

What needs real processes is in tests/local/shared/test_promises.py.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib import assembly
from chalicelib.errors import AwsError
from chalicelib.file_names import ledger_name
from chalicelib.loading import rejected_files
from chalicelib.loading.ingest import Clock, Ingest
from chalicelib.loading.models import Arrival
from chalicelib.loading.months import catalog_tables
from chalicelib.loading.partition_sweep import PartitionSweep
from chalicelib.loading.partitions import Partitions
from chalicelib.settings import Settings
from chalicelib.writing import hive
from tests.builders import (
    DATASET,
    KEY,
    LIMITS,
    body,
    entry,
    ingest,
    order,
    quarantined,
    sink_of,
    sweep_and_load,
    table,
)
from tests.contracts import ORDERS, ORDERS_TEXT
from tests.unit import third_reading
from tests.unit.memory_catalog import MemoryCatalog
from tests.unit.memory_store import BEGINNING, BUCKET, Crash, MemoryStore
from tests.unit.ugly_orders import UglyOrders


def visible(store: MemoryStore) -> dict[str, bytes]:
    """Return every object but the ledger's, the sweep's own, and receipts, which have a promise of their own."""
    others = ("ledger/", "state/", "receipts/")
    return {key: value for key, value in store.objects.items() if not key.startswith(others)}


def test_promise_1_the_same_event_ten_times_in_a_row_and_at_once_changes_nothing() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1, "2024-05-01"), order(2), {"order_id": 3}))
    ingest(store).load(arrival)
    before = visible(store)
    assert [ingest(store).load(arrival)[0] for _ in range(10)] == ["duplicate"] * 10
    assert visible(store) == before
    at_once = MemoryStore()
    same = at_once.drop(KEY, body(order(1, "2024-05-01"), order(2), {"order_id": 3}))
    threads = [threading.Thread(target=lambda: ingest(at_once).load(same)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert visible(at_once) == before
    assert entry(at_once).state == "partly_loaded"


def test_promise_2_events_in_any_order_with_sequencers_of_any_length_end_with_the_newest() -> None:
    for delivered in itertools.permutations(range(3)):
        store = MemoryStore()
        arrivals = [store.drop(KEY, body(order(i, f"2024-0{i + 5}-01"))) for i in range(3)]
        # The longer is the later only where the shorter, filled up with zeros, is the smaller.
        arrivals = [replace(a, sequencer=s) for a, s in zip(arrivals, ("0F", "0F1", "1"), strict=True)]
        for i in delivered:
            ingest(store).load(arrivals[i])
        assert table(store) == [("v3", "2", "2024-07")], delivered


@pytest.mark.parametrize("how", ["killed", "answered with an error, before", "answered with an error, after"])
@pytest.mark.parametrize("kept_bytes", [hive.KEPT_BYTES, 0], ids=["kept on disk", "staged in S3"])
def test_promise_3_a_stop_at_every_call_in_turn_heals(
    monkeypatch: pytest.MonkeyPatch, kept_bytes: int, how: str
) -> None:
    monkeypatch.setattr(hive, "KEPT_BYTES", kept_bytes)
    monkeypatch.setattr(rejected_files, "PART_BYTES", kept_bytes or 100)

    def prepared() -> tuple[MemoryStore, Arrival]:
        store = MemoryStore()
        ingest(store).load(store.drop(KEY, body(order(1, "2024-05-01"), order(2, "2024-06-01"))))
        new = store.drop(KEY, body(order(2, "2024-07-01"), order(3, "2024-08-01"), {"order_id": "no date"}))
        store.calls.clear()
        return store, new

    whole, arrival = prepared()
    ingest(whole).load(arrival)
    assert len(whole.calls) >= 8
    for stopped in range(1, len(whole.calls) + 1):
        store, arrival = prepared()
        store.fault = stops_at(stopped, how)
        try:
            ingest(store).load(arrival)
        except (Crash, TimeoutError):
            # An orphan may be there, but the ledger knows it: a newer version or the sweep would remove it.
            known = entry(store)
            there = {key for key in store.objects if key.startswith("table/")}
            assert there <= {*known.files, *known.publishing, *known.superseded}, stopped
        store.fault = None
        ingest(store).load(arrival)
        assert visible(store) == visible(whole), f"{how} at call {stopped}"
        assert (entry(store).superseded, entry(store).publishing) == ((), ())


def stops_at(number: int, how: str) -> Callable[[str], None]:
    calls = itertools.count(1)
    dead = False

    def fault(call: str) -> None:
        nonlocal dead
        if dead:
            raise Crash
        if call.endswith(" done"):
            if how.endswith("after") and next(after) == number:
                raise TimeoutError(call)
            return
        if next(calls) == number and not how.endswith("after"):
            dead = how == "killed"
            raise Crash if dead else TimeoutError(call)

    after = itertools.count(1)
    return fault


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(st.binary(max_size=60), st.sampled_from([b"null", b"[", b'{"order_id":1}', b"NaN", b'"\\ud800"'])),
        max_size=6,
    )
)
def test_promise_4_poison_never_spreads(poison: list[bytes]) -> None:
    lines = [json.dumps(order(i)).encode() for i in range(len(poison) + 1)]
    mixed = [line for pair in itertools.zip_longest(lines, poison) for line in pair if line is not None]
    content = b"\n".join(mixed)
    store = MemoryStore()
    outcome, known = ingest(store).load(store.drop(KEY.replace(".json", ".ndjson"), content))
    assert known is not None
    assert known.counts.orders_read == known.counts.orders_loaded + known.counts.orders_rejected
    if outcome != "quarantined":
        assert {row[1] for row in table(store)} >= {str(i) for i in range(len(lines))}


def test_promise_4_what_is_rejected_is_kept_byte_for_byte() -> None:
    store = MemoryStore()
    broken = '{"order_id" : 7,"note":"Zoë \\u00e9 \\"x\\"" }'
    ingest(store).load(store.drop(KEY, f"[{json.dumps(order(1))}, {broken}, null]".encode()))
    assert [(each["record_number"], each["path"], each["raw"]) for each in quarantined(store)] == [
        (2, "order_date", broken),
        (3, "", "null"),
    ]


@pytest.mark.parametrize("answer", ["ThrottlingException", "AccessDeniedException", "CrawlerRunningException"])
def test_promise_5_a_catalog_that_answers_with_errors_fails_no_load(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    from botocore.exceptions import ClientError

    class Glue:
        def start_crawler(self, Name: str) -> None:  # noqa: N803 - AWS's name
            raise ClientError({"Error": {"Code": answer, "Message": "no"}}, "StartCrawler")

    store = MemoryStore()
    monkeypatch.setattr(assembly, "storage", lambda bucket: store)
    monkeypatch.setattr(assembly, "make_client", lambda name: Glue())
    stage = Settings.from_environment({"ETL_BUCKET": BUCKET, "ETL_STAGE": "test", "GLUE_CRAWLER": "c"})
    assembly.request_crawl(stage)
    printed = capsys.readouterr().out
    assert ("CrawlerFailures" in printed) == (answer != "CrawlerRunningException")
    assert '"event": "crawler"' in printed
    assert json.loads(store.objects["orders_state/crawler.json"])["wanted"], "the crawl must not be forgotten"


def registering(store: MemoryStore, catalog: MemoryCatalog, failures: list[Any]) -> Ingest:
    """Return what loads in a new process, and registers months in a catalog."""
    partitions = Partitions(
        store,
        catalog,
        state="state/",
        tables=catalog_tables([DATASET]),
        seconds=lambda: (store.now - BEGINNING).total_seconds(),
        failed=lambda months, reason: failures.append(reason),
    )
    sink = replace(sink_of(store), published=partitions.register)
    return Ingest(store, DATASET, LIMITS, sink=sink, clock=Clock(lambda: BEGINNING, lambda: 0.0))


@pytest.mark.parametrize("how", ["killed", "answered with an error, before", "answered with an error, after"])
def test_promise_3_what_the_ledger_says_is_loaded_is_registered_wherever_a_process_stopped(how: str) -> None:
    for stopped in itertools.count(1):
        store, catalog = MemoryStore(), MemoryCatalog()
        arrival = store.drop(KEY, body(order(1, "2024-05-01"), order(2, "2024-06-01")))
        store.fault = stops_at(stopped, how)
        with contextlib.suppress(Crash, TimeoutError):
            registering(store, catalog, []).load(arrival)
        if f"ledger/{ledger_name(KEY)}" in store.objects and entry(store).state == "loaded":
            assert catalog.months == {catalog_tables([DATASET])[0]: {"2024-05", "2024-06"}}
        calls, store.fault = len(store.calls), None
        registering(store, catalog, []).load(arrival)
        assert catalog.months == {catalog_tables([DATASET])[0]: {"2024-05", "2024-06"}}, f"{how} at call {stopped}"
        if calls < stopped:
            return


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "EntityNotFoundException"])
def test_promise_5_a_catalog_that_answers_with_errors_for_minutes_loses_nothing_and_ends_with_every_month(
    code: str,
) -> None:
    store, catalog = MemoryStore(), MemoryCatalog()
    failures: list[Any] = []
    tables, loader = catalog_tables([DATASET]), registering(store, catalog, failures)
    sweep = PartitionSweep(store, catalog, state="state/", tables=tables, failed=lambda table, reason: None)

    def seen() -> list[str]:
        months = catalog.months.get(tables[0], set())
        return sorted(row[1] for row in table(store) if row[2] in months)

    loader.load(store.drop("orders_json_incoming/before.json", body(order("before", "2024-04-01"))))
    assert seen() == ["before"]
    catalog.problem = AwsError(code, "BatchCreatePartition")
    for minute in range(5):
        arrival = store.drop(f"orders_json_incoming/{minute}.json", body(order(minute, f"2024-0{minute + 5}-01")))
        assert loader.load(arrival)[0] == "loaded"
        assert entry(store, arrival.key).state == "loaded"
        store.pass_time(minutes=1)
    assert len(table(store)) == 6
    assert seen() == ["before"]
    assert failures == [f"BatchCreatePartition: {code}"] * 5
    assert sweep.run(lambda: 600.0).failures == 1
    catalog.problem = None
    assert sweep.run(lambda: 600.0).registered == 5
    assert seen() == ["0", "1", "2", "3", "4", "before"]


def test_promise_6_a_hundred_drops_alike_in_name_and_second_all_arrive() -> None:
    store = MemoryStore()
    for i in range(100):
        store.events, store.now = 0, BEGINNING
        ingest(store).load(store.drop(f"orders_json_incoming/{i}/orders.json", body(order(f"{i:03}"))))
    assert [row[1] for row in table(store)] == [f"{i:03}" for i in range(100)]


def test_promise_7_a_gzip_cut_at_any_byte_publishes_nothing_and_is_quarantined() -> None:
    whole = gzip.compress(body(order(1), order(2)), mtime=0)
    for cut in range(len(whole)):
        store = MemoryStore()
        assert ingest(store).load(store.drop(f"{KEY}.gz", whole[:cut]))[0] == "quarantined", cut
        assert table(store) == []
        assert entry(store, f"{KEY}.gz").reason
    store = MemoryStore()
    assert ingest(store).load(store.drop(f"{KEY}.gz", whole))[0] == "loaded"


def test_promise_7_a_gzip_that_expands_beyond_the_limit_publishes_nothing() -> None:
    store = MemoryStore()
    bomb = gzip.compress(b"[" + b" " * (8 << 20) + body(order(1))[1:])
    outcome, known = ingest(store, replace(LIMITS, max_decompressed_bytes=1 << 20)).load(store.drop(f"{KEY}.gz", bomb))
    assert outcome == "quarantined"
    assert known is not None
    assert "expands to more than" in (known.reason or "")
    assert table(store) == []


def test_promise_8_a_record_over_the_limit_is_rejected_alone() -> None:
    store = MemoryStore()
    long = json.dumps({**order(2), "note": "x" * (1 << 20)})
    content = f"[{json.dumps(order(1))}, {long}, {json.dumps(order(3))}]".encode()
    assert ingest(store).load(store.drop(KEY, content))[0] == "partly_loaded"
    assert [row[1] for row in table(store)] == ["1", "3"]
    assert [each["raw"] for each in quarantined(store)] == [long]


def test_promise_8_an_object_too_large_for_one_load_is_rejected_before_it_is_read() -> None:
    store = MemoryStore()
    arrival = store.drop(KEY, body(order(1)))
    outcome, known = ingest(store, replace(LIMITS, max_source_bytes=10)).load(arrival)
    assert outcome == "quarantined"
    assert known is not None
    assert "ETL_MAX_SOURCE_BYTES" in (known.reason or "")


def test_promise_8_a_load_whose_time_runs_out_ends_in_good_time_and_says_so() -> None:
    from chalicelib.errors import OutOfTime

    store = MemoryStore()
    arrival = store.drop(KEY, body(*(order(i) for i in range(50))))
    left = iter([100.0, 100.0, 5.0])
    with pytest.raises(OutOfTime, match="the time ran out after"):
        ingest(store).load(arrival, time_left=lambda: next(left, 5.0))
    assert table(store) == []
    assert entry(store).state == "failed"
    assert ingest(store).load(arrival)[0] == "loaded"


@pytest.mark.parametrize("hours", [-24, 0, 24])
def test_promise_9_clocks_that_are_wrong_by_a_day_give_the_same_names_and_the_same_winner(hours: int) -> None:
    def skewed(store: MemoryStore) -> Ingest:
        clock = Clock(lambda: BEGINNING + timedelta(hours=hours), lambda: 0.0)
        return Ingest(store, DATASET, LIMITS, sink=sink_of(store), clock=clock)

    stores = [MemoryStore(), MemoryStore()]
    for store, how in zip(stores, (ingest, skewed), strict=True):
        old, new = (store.drop(KEY, body(order(1, f"2024-0{i}-01"))) for i in (5, 6))
        how(store).load(new)
        how(store).load(old)
    assert visible(stores[0]) == visible(stores[1])
    assert table(stores[0]) == [("v2", "1", "2024-06")]


def test_promise_10_an_overwritten_object_leaves_only_its_newest_rows() -> None:
    store = MemoryStore()
    ingest(store).load(store.drop(KEY, body(order(1, "2024-05-01"), order(2, "2024-06-01"))))
    ingest(store).load(store.drop(KEY, body(order(2, "2024-07-01"))))
    assert table(store) == [("v2", "2", "2024-07")]
    assert [key.split("/")[1] for key in store.objects if key.startswith("table/")] == ["order_month=2024-07"]
    assert entry(store).superseded == ()


def test_promise_10_what_no_event_announced_is_found_by_the_sweep() -> None:
    store = MemoryStore()
    store.drop(KEY, body(order(1)))
    store.drop("orders_json_incoming/folder/", b"")
    assert sweep_and_load(store).announced == 1
    assert table(store) == [("v1", "1", "2024-07")]
    assert sweep_and_load(store).announced == 0, "what is loaded is not announced again"


@pytest.mark.parametrize("missing", [1, 8, 9, 4000])
def test_promise_7_a_long_file_of_lines_whose_gzip_lacks_its_end_publishes_nothing(missing: int) -> None:
    lines = b"\n".join(json.dumps(order(i)).encode() for i in range(60_000))
    store = MemoryStore()
    key = KEY.replace(".json", ".ndjson.gz")
    assert ingest(store).load(store.drop(key, gzip.compress(lines, 1)[:-missing]))[0] == "quarantined"
    assert "truncated" in (entry(store, key).reason or "")
    assert table(store) == []


def rows_of(store: MemoryStore) -> list[dict[str, Any]]:
    """Return every row of the table with all its cells, in the order of the records and lines."""
    files = [content for key, content in store.objects.items() if key.startswith("table/")]
    rows = [row for content in files for row in pq.ParquetFile(io.BytesIO(content)).read().to_pylist()]
    return sorted(rows, key=lambda row: (row["record_number"], row["line_number"] or 0))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.1, 0.5]))
def test_promise_11_every_cell_of_the_table_is_what_an_independent_reading_gives(seed: int, ugliness: float) -> None:
    records = UglyOrders(seed).batch(ugliness)
    store = MemoryStore()
    arrival = store.drop(KEY, ("[" + ",".join(records) + "]").encode())
    _, modified = store.versions[KEY, arrival.version]
    ingest(store).load(arrival)
    tables, rejected = third_reading.Reading(ORDERS_TEXT, modified).read(records)
    expected = tables[ORDERS.main.name]
    rows = rows_of(store)
    assert [third_reading.cells(row, each) for row, each in zip(rows, expected, strict=True)] == expected
    assert {(row["source_key"], row["source_version"], row["source_modified_at"]) for row in rows} <= {
        (KEY, arrival.version, modified.replace(tzinfo=None))
    }
    assert [each["record_number"] for each in (quarantined(store) if rejected else [])] == rejected


def test_promise_12_all_months_of_a_source_come_and_go_together() -> None:
    def prepared() -> tuple[MemoryStore, Arrival]:
        store = MemoryStore()
        return store, store.drop(KEY, body(*(order(i, f"2024-0{i}-01") for i in range(5, 8))))

    whole, arrival = prepared()
    ingest(whole).load(arrival)
    assert [row[2] for row in table(whole)] == ["2024-05", "2024-06", "2024-07"]
    for stopped in range(1, len(whole.calls) + 1):
        store, arrival = prepared()
        store.crash_after = stopped
        with pytest.raises(Crash):
            ingest(store).load(arrival)
        ingest(store).load(store.remove(KEY))
        assert table(store) == [], f"deleted after a crash at call {stopped}"
        ingest(store).load(arrival)
        assert table(store) == [], f"no month comes back after a crash at call {stopped}"
