"""Batches that are flattened side by side come out in their order, as one thread would have made them."""

from __future__ import annotations

import io
import json
import os
import random
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks import broken, orders
from chalicelib.cores import cores
from chalicelib.counts import Counts
from chalicelib.documents.decompress import Source
from chalicelib.documents.records import Batch, Records
from chalicelib.documents.rejected import RejectedRecord
from chalicelib.errors import UnreadableFile
from chalicelib.flatten import fast, flattener, parallel
from chalicelib.flatten.flattener import Flattener, Lineage
from chalicelib.writing.convert import Limits, convert
from tests.builders import folder_writer
from tests.contracts import ORDERS

LINEAGE = Lineage("orders.json", "v1", datetime(2025, 1, 1, tzinfo=UTC))
LIMIT = 1 << 30


@pytest.fixture(scope="module")
def dirty() -> bytes:
    """About 6 MB: broken orders, unknown fields, identifiers now numbers, now texts."""
    clean = (json.dumps(order, ensure_ascii=False) for order in orders.orders(10_000))
    wide = [json.dumps(order, ensure_ascii=False) for order in orders.widened(orders.orders(1_000, seed=1))]
    texts = [*broken.broken(clean, 0.02, broken.ELEMENTS.values(), seed=1), *wide]
    half = ", ".join(random.Random(1).sample(texts, len(texts))).encode()
    return b"[" + half + b", " + re.sub(rb'"customer_id": (1\d*)', rb'"customer_id": "00\1"', half) + b"]"


def converted(text: bytes, directory: Path, cores: float) -> tuple[Counts, list[RejectedRecord], dict[str, bytes]]:
    rejected: list[RejectedRecord] = []
    limits = Limits(LIMIT, LIMIT, LIMIT, cores=cores)
    writer = folder_writer(directory, LINEAGE)
    counts, _, _ = convert(io.BytesIO(text), LINEAGE, limits, writer=writer, reject=rejected.append, contract=ORDERS)
    writer.publish()
    return counts, rejected, {file: (directory / file).read_bytes() for file in writer.files}


@pytest.mark.thorough
def test_files_and_rejected_orders_are_the_same_on_any_number_of_cores(dirty: bytes, tmp_path: Path) -> None:
    alone = converted(dirty, tmp_path / "1", 1.0)
    assert alone[0].orders_read == 22_000
    assert alone[0].orders_rejected > 300
    for attempt in range(3):
        assert converted(dirty, tmp_path / f"2-{attempt}", 2.0) == alone


@pytest.mark.thorough
def test_batches_whose_rows_are_many_come_in_parts_here_too(
    dirty: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (fast, flattener):
        monkeypatch.setattr(module, "PART_BYTES", 300_000)
    whole = Flattener.whole
    too_large: list[bool] = []

    def seen(self: Flattener, batch: Batch) -> Any:
        made = whole(self, batch)
        too_large.append(made is None)
        return made

    monkeypatch.setattr(Flattener, "whole", seen)
    counts, rejected, files = converted(dirty, tmp_path / "2", 2.0)
    assert any(too_large)
    assert (counts, rejected, files) == converted(dirty, tmp_path / "1", 1.0)


def batches_of(text: bytes) -> Iterator[Batch]:
    return iter(Records(Source(io.BytesIO(text), LIMIT), max_record_bytes=LIMIT, records=[("orders",)],
                        identity=[[("order_id",)]]))  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize("broken", ["a worker", "the source", "who asks"])
def test_no_thread_is_left_whatever_breaks(dirty: bytes, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    before = threading.active_count()
    if broken == "a worker":
        monkeypatch.setattr(Flattener, "whole", lambda self, batch: 1 / 0)
    text = dirty[:-5_000] if broken == "the source" else dirty
    result = parallel.flattened(batches_of(text), lambda: Flattener(LINEAGE, ORDERS), 2.0)
    if broken == "who asks":
        next(result)
        result.close()
    else:
        with pytest.raises((ZeroDivisionError, UnreadableFile)):
            list(result)
    assert threading.active_count() == before


def test_one_core_needs_no_further_thread(dirty: bytes) -> None:
    before = threading.active_count()
    for _ in parallel.flattened(batches_of(dirty), lambda: Flattener(LINEAGE, ORDERS), 1.0):
        assert threading.active_count() == before


@pytest.mark.parametrize(("memory", "expected"), [("512", 0.29), ("1769", 1.0), ("3538", 2.0), ("10240", 5.79)])
def test_a_lambda_has_cores_by_its_memory_whatever_it_shows(memory: str, expected: float) -> None:
    assert cores({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory}) == pytest.approx(expected, abs=0.01)


def test_elsewhere_the_cores_are_counted_that_this_process_may_use() -> None:
    assert cores({}) == len(os.sched_getaffinity(0))
