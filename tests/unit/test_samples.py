"""The samples, their expected rows and their answers belong together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
import pytest

from chalicelib.flatten.command import flatten_file
from local.expected import MADE_FOR, digests
from tests.contracts import ORDERS, ORDERS_FILE
from tests.plain_answers import SAMPLES, answers, expected_rows

FILES = {"orders_etl": "orders_etl.json", "orders_ugly": "orders_ugly.ndjson"}


def plain(row: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if not name.startswith("source_")}
    for name in ("total_amount", "price", "line_amount"):
        kept[name] = None if kept[name] is None else str(kept[name])
    return kept | {"order_date": kept["order_date"].isoformat(timespec="milliseconds")}


@pytest.mark.parametrize("stem", FILES)
def test_a_sample_becomes_its_expected_rows_and_refusals(stem: str, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.ndjson"
    counts = flatten_file(str(SAMPLES / FILES[stem]), tmp_path / "out", rejects, ORDERS)
    result = ds.dataset(tmp_path / "out", format="parquet", partitioning="hive").to_table().to_pylist()
    result.sort(key=lambda row: (row["record_number"], row["line_number"] or 0))
    assert [plain(row) for row in result] == expected_rows(stem)
    rejected = SAMPLES / f"{stem}.rejected.ndjson"
    expected = [json.loads(line) for line in rejected.read_text("utf-8").splitlines()] if rejected.exists() else []
    assert [
        json.loads(line) for line in (rejects.read_text("utf-8").splitlines() if rejects.exists() else [])
    ] == expected
    assert counts["orders_read"] == counts["orders_loaded"] + len(expected)


def test_the_answers_follow_from_the_expected_rows() -> None:
    assert json.loads((SAMPLES / "answers.json").read_text("utf-8")) == answers()


def test_the_samples_know_the_contract_and_the_queries_that_they_are_made_for() -> None:
    assert json.loads((SAMPLES / MADE_FOR).read_text("utf-8")) == digests(ORDERS_FILE.parent)
