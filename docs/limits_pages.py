"""The figures of docs/limits.md that the benchmarks measured: how fast, in how much memory, and the largest file."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.cost import MEMORY_SIZES
from chalicelib.cores import MB_A_CORE
from chalicelib.settings import ALL_SETTINGS
from docs.contract_pages import table

RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "results.json"

SLOWER = 2.0
"""How much longer a core of Lambda is taken to need than one of the machine that measured, reading from S3 included: an
assumption, and a careful one, until it is measured there."""

MOST_SECONDS = 870.0
"""Lambda's 900, without those that a load keeps for publishing."""

KINDS = {
    "days": "orders of 670 bytes, of a few days",
    "months 72": "the same, of 72 months",
    "wide": "wide orders: 1.9 KB, many fields that no column has",
    "wide NDJSON.gz": "the same, lines in gzip, by expanded bytes",
    "store": "a shop API's orders: 5 KB, deeply nested",
    "all: identity renamed": "all rejected, since a field was renamed",
}
LARGE = {"days": "days at 2 GB", "months 72": "months 72 at 2 GB", "wide": "wide at 2 GB", "store": "store at 2 GB"}
OURS = "orders-etl"


def limits_document(prose: str) -> str:
    """Return docs/limits.md: the prose of docs/parts/limits.md with what was measured."""
    results = json.loads(RESULTS.read_text("utf-8"))
    figures = {
        "largest": largest(results),
        "slower": f"{SLOWER:g}",
        "measured": f"{results['date']}, {results['machine']['processor']}, Python {results['machine']['python']}",
    }
    for name, value in figures.items():
        prose = prose.replace(f"{{{{{name}}}}}", value)
    return prose


def largest(results: dict[str, Any]) -> str:
    """Return the table of the largest file that one load takes, by kind of document and memory of the function."""
    rows = []
    for kind, words in KINDS.items():
        speed, peak = megabytes_a_second(results, kind), _peak(results, LARGE.get(kind))
        sizes = [gigabytes(speed, memory) for memory in MEMORY_SIZES]
        rows.append([words, f"{speed:.0f}", f"{peak:.0f} MB" if peak else "-", *(f"{size:.1f} GB" for size in sizes)])
    heads = ["what it holds", "MB a CPU second", "peak of a file of 2 GB", *(f"{each} MB" for each in MEMORY_SIZES)]
    return table(heads, rows)


def gigabytes(speed: float, memory_mb: int) -> float:
    """Return how many GB, of 10^9 bytes, one load takes in its time; a second core is not counted on."""
    in_time = speed / SLOWER * min(memory_mb / MB_A_CORE, 1.0) * MOST_SECONDS / 1000
    return min(in_time, float(ALL_SETTINGS["max_source_bytes"].default) / 10**9)


def megabytes_a_second(results: dict[str, Any], kind: str) -> float:
    """Return the speed on one core by CPU time, the median of the runs."""
    (runs,) = [
        each["runs"] for each in results["runs"] if (each["file"], each["peer"], each["cores"]) == (kind, OURS, 1)
    ]
    return float(results["files"][kind]["megabytes"] / median(each["cpu_seconds"] for each in runs))


def _peak(results: dict[str, Any], file: str | None) -> float | None:
    """Return the most memory that a large file took, whatever the cores."""
    peaks = [each["peak_mb"] for each in results["peak_mb"] if (each["file"], each["peer"]) == (file, OURS)]
    return max(peaks, default=None)
