"""`make bench`: ours and the peers on one file in one run; ratios are what lasts, the machine is not."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from benchmarks import layout, orders, peers, rest_start

OURS = "orders-etl"


def main() -> None:
    """Make the data, run everything, print Markdown tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--orders", type=int, default=200_000, help="how many orders the file has (200000: 124 MB)")
    parser.add_argument("--runs", type=int, default=3, help="how often each is run; the median counts")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orders-bench-") as directory:
        source = Path(directory) / "orders.json"
        orders.write(source, options.orders)
        megabytes = source.stat().st_size / 1e6
        print(
            f"{options.orders:,} orders, {megabytes:.0f} MB, {os.cpu_count()} cores, Python {platform.python_version()}"
        )
        _throughput(source, Path(directory), megabytes, options.runs)
        _layout(Path(directory))
    rest_start.main()


def _throughput(source: Path, directory: Path, megabytes: float, runs: int) -> None:
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in peers.PEERS}
    for run in range(runs):
        for name in peers.PEERS:
            measured[name].append(peers.run(name, source, directory / f"{name}-{run}"))
    totals = {name: _total(directory / f"{name}-0") for name in peers.PEERS}
    assert len(set(totals.values())) == 1, f"not the same work: {totals}"
    ours = statistics.median(each["seconds"] for each in measured[OURS])
    print("\n| whole process | MB/s | peak MB | ours is |\n| --- | --- | --- | --- |")
    for name, found in measured.items():
        seconds = statistics.median(each["seconds"] for each in found)
        peak = max(each["peak_mb"] for each in found)
        print(f"| {name} | {megabytes / seconds:.0f} | {peak:.0f} | {seconds / ours:.1f}× |")


def _total(folder: Path) -> tuple[int, float]:
    """Return what two ways of the same work must agree on: rows, and the sum of the line amounts."""
    rows, total = 0, 0.0
    for path in folder.rglob("*.parquet"):
        amounts = pq.ParquetFile(path).read(["line_amount"])["line_amount"].to_pylist()
        rows += len(amounts)
        total += sum(float(amount) for amount in amounts)
    return rows, round(total)


def _layout(directory: Path) -> None:
    ours, theirs = directory / f"{OURS}-0", directory / "pandas-default"
    layout.pandas_file(ours, theirs)
    sizes = layout.size(ours), layout.size(theirs)
    reads = layout.bytes_read(ours, partitioned=True), layout.bytes_read(theirs, partitioned=False)
    print("\n| bytes | ours | one file by pandas | ratio |\n| --- | --- | --- | --- |")
    print(f"| size | {sizes[0]:,} | {sizes[1]:,} | {sizes[0] / sizes[1]:.2f} |")
    for name, parameters in layout.QUESTIONS.items():
        asked = f"{name} {' '.join(parameters.values())}".strip()
        print(f"| {asked} | {reads[0][name]:,} | {reads[1][name]:,} | {reads[0][name] / reads[1][name]:.2f} |")


if __name__ == "__main__":
    main()
