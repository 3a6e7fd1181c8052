"""The promises that need real Lambda processes: a burst, a killed worker, what nobody announced, poisoned gzip."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import string
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.loading.models import LOADING, QUARANTINED
from local.expected import table_rows
from local.pipeline import wait_for
from tests.local.product import Product, order, sweep, without_events, without_schedule, workers

pytestmark = pytest.mark.aws


def test_promise_6_a_hundred_drops_within_a_second_all_arrive(product: Product) -> None:
    with ThreadPoolExecutor(16) as pool:
        keys = list(pool.map(lambda i: product.drop(f"burst/{i % 50}/{i // 50}.json", [order(f"b{i:03}")]), range(100)))
    assert {product.finished(key).state for key in keys} == {"loaded"}
    sql = "SELECT COUNT(*), COUNT(DISTINCT order_id) FROM orders_parquet_datalake WHERE order_id LIKE 'b___'"
    assert product.ask(sql) == [(100, 100)]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds Lambda's processes in /proc")
def test_promise_3_a_worker_that_is_killed_in_mid_load_is_made_good_by_the_next_try(product: Product) -> None:
    draw = random.Random(1)
    notes = ["".join(draw.choices(string.ascii_letters, k=200)) for _ in range(1_000)]
    body = [order(f"k{i}", note=draw.choice(notes)) for i in range(200_000)]
    key = product.drop("killed.json", body)
    wait_for(lambda: (entry := product.entry(key)) and entry.state == LOADING)
    for worker in workers(product):
        os.kill(worker, signal.SIGKILL)
    done = wait_for(lambda: product.finished_entry(key), seconds=90)
    assert done.attempts == 2, "it was not killed in mid-load"
    assert (done.counts.orders_read, done.counts.orders_loaded, done.counts.rows) == (200_000, 200_000, 200_000)
    assert len(product.rows(key, "order_id")) == 200_000
    rows = {row[1] for row in table_rows(product.s3, product.orders, ("order_id",)) if row[0] == key}
    assert len(rows) == 200_000


def test_promise_10_the_sweep_loads_what_no_event_announced(product: Product) -> None:
    with without_schedule(product):
        with without_events(product):
            key = product.drop("nobody told/a+b é.json", [order("s-1")])
        assert product.entry(key) is None
        assert sweep(product)["announced"] >= 1
    assert product.finished(key).counts.orders_loaded == 1
    with without_events(product):
        product.drop("nobody told/a+b é.json", [order("s-2", "2024-09-01")])
    sweep(product)
    # A file that is listed here may be removed before it is read, until the one that replaces it is alone.
    wait_for(lambda: not product.finished(key).superseded)
    assert product.rows(key, "order_id", "order_month") == [["s-2", "2024-09"]]


def test_promise_7_a_gzip_cut_at_any_byte_publishes_nothing(product: Product) -> None:
    whole = gzip.compress(json.dumps([order("cut")]).encode(), mtime=0)
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda cut: product.drop(f"cut/{cut}.json.gz", whole[:cut]), range(len(whole))))
    assert {product.finished(key).state for key in keys} == {QUARANTINED}
    assert product.ask("SELECT COUNT(*) FROM orders_parquet_datalake WHERE order_id = 'cut'") == [(0,)]
    assert all(product.rejected(product.finished(key))[0]["reason"] for key in keys[:5])


def test_promise_7_a_gzip_bomb_publishes_nothing(product: Product) -> None:
    bomb = gzip.compress(json.dumps([order("bomb")]).encode()[:-1] + b', "' + b"x" * (300 << 20) + b'"]', 6)
    key = product.drop("bomb.json.gz", bomb)
    done = product.finished(key)
    assert (done.state, done.files) == (QUARANTINED, ())


def test_promise_10_a_replay_loads_again_what_was_rejected(product: Product) -> None:
    key = product.drop("replay/some.ndjson", json.dumps(order("r-1")) + "\nnot JSON\n")
    assert product.finished(key).state == "partly_loaded"
    before = product.rows(key, "order_id")
    dry = product.command(
        "operate", "replay", "--prefix", f"{product.orders.incoming}replay/", "--quarantine", "--dry-run"
    )
    assert dry[0].startswith(f"{key}: partly_loaded, ")
    assert dry[-1].startswith("1 objects of ")
    assert product.finished(key).attempts == 1, "a dry run touches nothing"
    lines = product.command("operate", "replay", "--key", key)
    assert lines[0] == f"{key}: partly_loaded -> partly_loaded (1 of 2 orders, 1 rows)"
    assert json.loads(lines[1])["objects"] == {"partly_loaded": 1}
    assert product.rows(key, "order_id") == before
