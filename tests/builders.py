"""What many tests are made of: orders, files of them, a loader and a sweep over a store in memory."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chalicelib.contracts.contract import Contract
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.file_names import FileNames, ledger_name
from chalicelib.flatten.flattener import Flattener, Lineage, records_of
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.schema import row_schema
from chalicelib.loading.entry import Entry
from chalicelib.loading.ingest import Clock, Ingest
from chalicelib.loading.models import Arrival
from chalicelib.loading.notifications import arrivals
from chalicelib.loading.outbox_relay import Address, OutboxRelay
from chalicelib.loading.sweep import Sweep
from chalicelib.loading.sweep_cursor import Rules, SweepReport
from chalicelib.writing.convert import Limits
from chalicelib.writing.folder import Folder
from chalicelib.writing.hive import HiveSink, HiveWriter
from tests.contracts import ORDERS, with_main
from tests.promises.workers import stopped_before
from tests.unit.memory_store import BEGINNING, BUCKET, Crash, MemoryStore

PREFIXES = Prefixes("orders_json_incoming/", "quarantine/", "ledger/", "results/", "state/", "receipts/")
DATASET = Dataset(with_main(ORDERS, name="table"), BUCKET, "etl_pipeline", PREFIXES)
"""The orders of a stage whose prefixes and table have short names."""

LIMITS = Limits(1 << 20, 1 << 30, 1 << 27)
PREFIX = PREFIXES.incoming
KEY = f"{PREFIX}orders.json"
UNREADABLE = b"[{"
"""A file that cannot be read to its end."""

LINEAGE = Lineage("orders.json", "v1", datetime(2024, 11, 23, 15, tzinfo=UTC))

Rows = tuple[list[dict[str, Any]], list[int]]
Flattened = tuple[list[dict[str, Any]], list[int], list[RejectedRecord], int]
FlattenedTables = tuple[dict[str, Rows], list[RejectedRecord], int, Observations]
RULES = Rules(
    bucket=BUCKET,
    incoming=PREFIXES.incoming,
    tables=(*DATASET.folders.values(), PREFIXES.rejected, PREFIXES.long_rejected),
    ledger=PREFIXES.ledger,
    state=PREFIXES.state,
    grace=timedelta(hours=1),
    lookback=timedelta(hours=24),
)


def order(order_id: object, date: str = "2024-07-05", products: int = 1) -> dict[str, Any]:
    lines = [{"product_id": i, "price": 1.5, "quantity": 2} for i in range(products)]
    return {"order_id": order_id, "order_date": date, "products": lines}


def body(*orders: Any) -> bytes:
    return json.dumps(list(orders)).encode()


def sink_of(store: MemoryStore, dataset: Dataset = DATASET, limits: Limits = LIMITS) -> HiveSink:
    return HiveSink(store, dataset.folders, limits.roll_bytes)


def folder_writer(directory: Path, lineage: Lineage, contract: Contract = ORDERS) -> HiveWriter:
    """Return a writer whose files are unseen in `directory` until they are published there."""
    names = FileNames(lineage.key, lineage.version, lineage.modified_at)
    return HiveSink(Folder(directory), {contract.main: ""}, 1 << 30).writer(directory / "unseen", names)


def relay(store: MemoryStore) -> OutboxRelay:
    """Return a relay whose events are in `store.sent`."""
    address = Address(BUCKET, PREFIXES.receipts, PREFIXES.ledger, "test", lambda key: DATASET.name)
    return OutboxRelay(store, address, store.send, lambda key, error: store.not_relayed.append((key, error)))


def receipt(store: MemoryStore, key: str = KEY) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(store.objects[f"{PREFIXES.receipts}{key}.json"])
    return read


def ingest(store: MemoryStore, limits: Limits = LIMITS, dataset: Dataset = DATASET, **more: Any) -> Ingest:
    return Ingest(
        store,
        dataset,
        limits,
        sink=sink_of(store, dataset, limits),
        **{"clock": Clock(lambda: BEGINNING, lambda: 0.0), "relay": relay(store), **more},
    )


def table(store: MemoryStore) -> list[tuple[str, str, str]]:
    """Return (source version, order id, month) of every row that Athena would see."""
    rows = []
    for key, content in store.objects.items():
        if key.startswith("table/"):
            month = key.split("order_month=")[1].split("/")[0]
            for row in pq.ParquetFile(io.BytesIO(content)).read().to_pylist():
                rows.append((row["source_version"], row["order_id"], month))
    return sorted(rows)


def entry(store: MemoryStore, key: str = KEY) -> Entry:
    return Entry.from_json(json.loads(store.objects[f"ledger/{ledger_name(key)}"]))


def quarantined(store: MemoryStore) -> list[dict[str, Any]]:
    key = entry(store).quarantine
    assert key is not None
    return [json.loads(line) for line in gzip.decompress(store.objects[key]).splitlines()]


def sweep(
    store: MemoryStore, rules: Rules = RULES, left: Callable[[], float] = lambda: 1000.0
) -> tuple[SweepReport, Any]:
    """Run the sweep; return what it found and what it announced, as the S3 handler would read it."""
    events: list[dict[str, Any]] = []
    report = Sweep(store, rules, events.append, relay(store)).run(left)
    read = [a for event in events for a in arrivals(json.loads(json.dumps(event)), rules.incoming, rules.deletes)]
    return report, read


def sweep_and_load(store: MemoryStore, rules: Rules = RULES) -> SweepReport:
    """Run the sweep and load what it announces; return its report."""
    report, announced = sweep(store, rules)
    for arrival in announced:
        ingest(store).load(arrival)
    return report


def died(store: MemoryStore, arrival: Arrival, calls: int = 3) -> None:
    """Have a load end with its process after so many calls."""
    store.crash_after = calls
    with pytest.raises(Crash):
        ingest(store).load(arrival)


def loaded_and_gone(store: MemoryStore) -> None:
    """Load three objects, the first of which is then deleted; its rows stay."""
    for i in range(3):
        ingest(store).load(store.drop(f"{PREFIX}{i}.json", body(order(i))))
    store.remove(f"{PREFIX}0.json")


def died_in_mid_publish(store: MemoryStore, arrival: Arrival) -> None:
    """Have a load end with its process when one of its files has appeared."""
    worker = stopped_before("put table/", lambda: ingest(store).load(arrival), store)
    worker.step()
    worker.kill()


def lose(store: MemoryStore, prefix: str) -> dict[str, bytes]:
    """Remove all objects below a prefix; return them."""
    lost = {key: value for key, value in store.objects.items() if key.startswith(prefix)}
    for key in lost:
        del store.objects[key]
    return lost


def flattened(text: bytes, fast: bool, contract: Contract = ORDERS) -> Flattened:
    """Return rows of the main table, their months, rejected records and how many orders were loaded, by one way."""
    tables, rejected, loaded, _ = flattened_tables(text, fast, contract)
    rows, months = tables[contract.main.name]
    return rows, months, rejected, loaded


def flattened_tables(text: bytes, fast: bool, contract: Contract) -> FlattenedTables:
    """Return rows and months of each table, rejected records, how many documents were loaded, and what they had."""
    flattener = Flattener(LINEAGE, contract, fast=fast)
    batches = records_of(io.BytesIO(text), 1 << 20, 1 << 30, contract)
    parts = [part for batch in batches for part in flattener.flatten(batch)]
    tables: dict[str, Rows] = {}
    for i, table in enumerate(contract.tables):
        given = [part.tables[i] for part in parts]
        for each in given:
            each.rows.validate(full=True)
            assert each.rows.schema.equals(row_schema(table))
        rows = pa.concat_tables([each.rows for each in given]).to_pylist() if given else []
        tables[table.name] = rows, [int(month) for each in given for month in each.months]
    rejected = [each for part in parts for each in part.rejected]
    return tables, rejected, sum(part.loaded for part in parts), flattener.observations
