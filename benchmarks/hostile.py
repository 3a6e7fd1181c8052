"""What the worst input costs: CPU seconds a MB of every kind that the tests of bounded work have."""

from __future__ import annotations

import gzip
import heapq
import statistics
from pathlib import Path

from benchmarks import measure
from tests.unit.hostile import HOSTILE, LARGE

SIZE = 1_000_000
DEAREST = 12
"""How many kinds are measured again, since of many single runs the slowest is slow by chance."""
RUNS = 5
"""How often these are run: the median counts."""


def measured(folder: Path) -> dict[str, float]:
    """Return for each kind of input the seconds for each of its MB, uncompressed; the command's start is among them."""
    kinds = {kind: lambda make=make: make(SIZE) for kind, make in HOSTILE.items()} | LARGE
    seconds = {kind: _seconds(make(), folder) for kind, make in kinds.items()}
    for kind in heapq.nlargest(DEAREST, seconds, key=lambda kind: seconds[kind]):
        data = kinds[kind]()
        seconds[kind] = statistics.median([seconds[kind], *(_seconds(data, folder) for _ in range(RUNS - 1))])
    return seconds


def _seconds(data: bytes, folder: Path) -> float:
    source, out = folder / "hostile.ndjson", folder / "out"
    source.write_bytes(data)
    megabytes = max(len(data), len(gzip.decompress(data)) if data.startswith(b"\x1f\x8b") else 0) / 10**6
    command = measure.python("-m", "chalicelib.flatten", str(source), "-o", str(out), "--rejects", f"{out}.ndjson")
    run = measure.run(command, cores=1, statuses=(0, 1))
    return run.cpu_seconds / max(megabytes, 1)
