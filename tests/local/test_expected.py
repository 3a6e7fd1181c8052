"""Each dataset is checked with samples of its own."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from chalicelib.counts import Counts
from local.expected import Samples
from tests.local.athena_memory_lake import ORDERS


def test_the_default_contract_has_the_files_of_sample_data_in_the_order_of_their_names() -> None:
    samples = Samples.of(ORDERS)
    assert samples is not None
    assert [each.path.name for each in samples.files] == ["orders_etl.json", "orders_ugly.ndjson"]
    assert [each.counts for each in samples.files] == [Counts(12, 12, 0, 23), Counts(16, 7, 9, 9)]


def test_a_dataset_without_a_folder_of_samples_has_none() -> None:
    contract = dataclasses.replace(ORDERS.contract, name="unheard_of")
    assert Samples.of(dataclasses.replace(ORDERS, contract=contract)) is None


def test_a_file_is_a_sample_if_its_rows_stand_beside_it(tmp_path: Path) -> None:
    rows = [{"id": "1", "record_number": 1}, {"id": "1", "record_number": 1}]
    (tmp_path / "a.json").write_text("[]")
    (tmp_path / "a.expected.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "notes.txt").write_text("no sample")
    (tmp_path / "answers.json").write_text("{}")
    samples = Samples.read(tmp_path)
    assert [(each.path.name, each.counts) for each in samples.files] == [("a.json", Counts(1, 1, 0, 2))]
    assert samples.all_rows(["id"]) == ['["a.json", "1"]'] * 2
