"""The largest file that docs/limits.md tells follows from what was measured, and never promises more."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.settings import ALL_SETTINGS
from docs.limits_pages import gigabytes, largest, megabytes_a_second

SIZE = {"megabytes": 60.0}


def results(cpu_seconds: float = 1.0, peak: float = 200.0) -> dict[str, Any]:
    kinds = ("days", "months 72", "wide", "wide NDJSON.gz", "store", "all: identity renamed")
    run = {"cpu_seconds": cpu_seconds, "seconds": 9.0}
    ours = [{"file": kind, "peer": "orders-etl", "cores": 1, "runs": [run] * 3} for kind in kinds]
    peers = [{"file": kind, "peer": "DuckDB", "cores": 1, "runs": [{"cpu_seconds": 0.1}]} for kind in kinds]
    peaks = [
        {"file": "wide at 2 GB", "peer": "orders-etl", "cores": cores, "peak_mb": peak + cores} for cores in (1, 2)
    ]
    return {"files": dict.fromkeys(kinds, SIZE), "runs": [*peers, *ours], "peak_mb": peaks}


def test_the_speed_is_ours_on_one_core_by_cpu_time() -> None:
    assert megabytes_a_second(results(cpu_seconds=2.0), "wide") == 30.0


def test_half_a_core_takes_half_the_file_and_a_second_core_no_larger_one() -> None:
    assert gigabytes(20.0, 1769) == pytest.approx(20 / 2 * 870 / 1000)
    assert gigabytes(20.0, 1769 // 2) == pytest.approx(gigabytes(20.0, 1769) / 2, rel=0.01)
    assert gigabytes(20.0, 3008) == gigabytes(20.0, 1769)


def test_no_file_is_told_that_would_be_refused_by_its_size() -> None:
    assert gigabytes(1000.0, 1769) * 10**9 == ALL_SETTINGS["max_source_bytes"].default


def test_the_table_has_a_row_a_kind_with_the_greater_of_its_peaks() -> None:
    (wide,) = [line for line in largest(results()).splitlines() if line.startswith("| wide orders")]
    assert [cell.strip() for cell in wide.split("|")][2:4] == ["60", "202 MB"]
