"""What the worst input costs: CPU seconds a MB of every kind that the tests of bounded work have."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from benchmarks import measure
from tests.unit.hostile import HOSTILE, LARGE

SIZE = 1_000_000


def measured(folder: Path) -> Iterator[tuple[str, float]]:
    """Yield each kind of input, with seconds for each of its MB, uncompressed; the command's start is among them."""
    kinds = {kind: lambda make=make: make(SIZE) for kind, make in HOSTILE.items()} | LARGE
    for kind, make in kinds.items():
        data = make()
        source, out = folder / "hostile.ndjson", folder / "out"
        source.write_bytes(data)
        megabytes = max(len(data), len(gzip.decompress(data)) if data.startswith(b"\x1f\x8b") else 0) / 10**6
        command = measure.python("-m", "chalicelib.flatten", str(source), "-o", str(out), "--rejects", f"{out}.ndjson")
        run = measure.run(command, cores=1, statuses=(0, 1))
        yield kind, run.cpu_seconds / max(megabytes, 1)
