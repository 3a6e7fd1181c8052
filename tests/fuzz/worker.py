"""Runs hostile files, one after the other, in a process of its own: `python -m tests.fuzz.worker START COUNT`.

Each seed is printed before its file is tried, so that the last line names a crash or a hang; what is wrong is
printed behind it.
"""

from __future__ import annotations

import faulthandler
import io
import random
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from chalicelib.documents.decompress import Source
from chalicelib.documents.records import CHUNK_BYTES, Batch, Records
from chalicelib.errors import UnreadableFile
from chalicelib.flatten.flattener import Flattener, Lineage
from tests.contracts import ORDERS
from tests.fuzz.mutants import Mutant, mutant
from tests.unit.reading import raw_of

LINEAGE = Lineage("orders.json", "v1", datetime(2024, 11, 23, 15, tzinfo=UTC))
CHUNKS = (64, 300, 1000, 5000, CHUNK_BYTES)


def batches_of(data: bytes, chunk_bytes: int, max_record_bytes: int = 1 << 20) -> list[Batch]:
    """Read a file as ingestion does, in chunks of this size."""
    source = Source(io.BytesIO(data), 1 << 26)
    return list(
        Records(
            source,
            max_record_bytes=max_record_bytes,
            records=[("orders",)],
            identity=[[("order_id",)]],
            chunk_bytes=chunk_bytes,
        )
    )


def complaints(case: Mutant, chunk_bytes: int) -> list[str]:
    """Return what is wrong with how a file is loaded."""
    try:
        batches = batches_of(case.data, chunk_bytes)
    except UnreadableFile:
        return []
    wrong = []
    rows, rejected = flattened(batches, True)
    if (rows, rejected) != flattened(batches, False):
        wrong.append("fast and strict differ")
    numbers = sorted(row["record_number"] for row in rows if row["line_number"] in (None, 1))
    numbers = sorted(numbers + [each[0] for each in rejected])
    read = sum(batch.read for batch in batches)
    if numbers != list(range(1, read + 1)):
        wrong.append(f"read {read} records, and these are loaded or rejected: {numbers}")
    for _, _, reason, raw in rejected:
        if case.plain is not None and raw not in case.plain:
            wrong.append(f"the bytes of a rejected record are not in the file: {reason}")
    raws = Counter(bytes(raw) for batch in batches for raw in batch.raws)
    if Counter(case.neighbours) - raws:
        wrong.append("untouched neighbours disappeared")
    return wrong


def flattened(batches: list[Batch], fast: bool) -> tuple[list[dict[str, Any]], list[tuple[int, str, str, bytes]]]:
    """Return the rows of all batches and what was rejected: number, path, reason and bytes."""
    flattener = Flattener(LINEAGE, ORDERS, fast=fast)
    parts = [part for batch in batches for part in flattener.flatten(batch)]
    for part in parts:
        part.tables[0].rows.validate(full=True)
    rows = pa.concat_tables([part.tables[0].rows for part in parts]).to_pylist() if parts else []
    rejected = [each for part in parts for each in part.rejected]
    return rows, [(each.record_number, each.path, each.reason, raw_of(each)) for each in rejected]


def chunk_of(seed: int) -> int:
    """Return the chunk size that a seed's file is read with."""
    return random.Random(seed).choice(CHUNKS)


def main() -> None:
    faulthandler.enable()
    start, count = int(sys.argv[1]), int(sys.argv[2])
    for seed in range(start, start + count):
        print(seed, flush=True)
        for wrong in complaints(mutant(seed), chunk_of(seed)):
            print("WRONG", seed, wrong, flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    main()
