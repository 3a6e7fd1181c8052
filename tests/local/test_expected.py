"""Each dataset is checked with samples of its own."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column
from chalicelib.contracts.reading import read
from chalicelib.counts import Counts
from chalicelib.queries import saved
from local.expected import Samples, table_rows
from tests.contracts import contract, lay, with_columns
from tests.local.athena_memory_lake import ORDERS, QUERIES


def test_the_default_contract_has_the_files_of_sample_data_in_the_order_of_their_names() -> None:
    samples = Samples.of(ORDERS, QUERIES.values())
    assert samples is not None
    assert [each.path.name for each in samples.files] == ["orders_etl.json", "orders_ugly.ndjson"]
    assert [each.counts for each in samples.files] == [Counts(12, 12, 0, 23), Counts(16, 7, 9, 9)]


def test_another_contract_has_its_own_sample_with_the_rows_that_it_gives() -> None:
    shop = replace(ORDERS, contract=replace(contract("woocommerce"), name="orders"))
    samples = Samples.of(shop, ())
    assert samples is not None
    (sample,) = samples.files
    assert (sample.path.name, sample.counts.orders_loaded, samples.answers) == ("sample.json", 2, {})
    assert {row[shop.contract.main.partition.name] for row in sample.rows} == {"2017-03"}


def test_a_contract_with_a_further_column_has_its_own_sample_and_asks_its_queries_with_their_examples() -> None:
    further = Column("sent_by", Type.TEXT, ORDERS.contract.main["customer_name"].source)
    changed = with_columns(ORDERS.contract, *ORDERS.contract.main.columns, further)
    samples = Samples.of(replace(ORDERS, contract=changed), QUERIES.values())
    assert samples is not None
    assert [each.path.name for each in samples.files] == ["sample.json"]
    assert samples.answers["order_lines_of"] == {"parameters": {"order_id": "1001"}}
    assert samples.answers["preview"] == {"parameters": {}}


def changed(folder: Path, file: str, old: str, new: str) -> Samples:
    """Return the samples of the orders with one file of their contract changed."""
    copy = lay(folder, "orders") / "orders"
    text = (copy / file).read_text("utf-8")
    assert old in text
    (copy / file).write_text(text.replace(old, new), "utf-8")
    of = replace(ORDERS, contract=read(copy / "contract.toml"))
    samples = Samples.of(of, saved.load((of,)).values())
    assert samples is not None
    return samples


def test_a_contract_whose_columns_come_from_elsewhere_has_its_own_sample(tmp_path: Path) -> None:
    samples = changed(tmp_path, "contract.toml", 'path = "products[].price"', 'path = "products[].quantity"')
    assert [each.path for each in samples.files] == [tmp_path / "orders" / "sample.json"]


def test_of_a_query_that_was_changed_no_rows_are_expected_and_the_others_are_compared(tmp_path: Path) -> None:
    samples = changed(tmp_path, "queries/top_products.sql", "ORDER BY sales_rank", "ORDER BY sales_rank DESC")
    assert [each.path.name for each in samples.files] == ["orders_etl.json", "orders_ugly.ndjson"]
    assert samples.answers["top_products"] == {"parameters": {}}
    assert samples.answers["sales_by_month"]["rows"]
    assert samples.answers["total_per_customer"]["rows"]


def test_a_query_that_is_gone_is_not_asked_and_a_new_one_is(tmp_path: Path) -> None:
    samples = changed(tmp_path, "queries/preview.sql", "SELECT", "SELECT")
    assert not {"preview", "latest_orders"} & samples.answers.keys()
    folder = tmp_path / "orders" / "queries"
    (folder / "preview.sql").rename(folder / "latest_orders.sql")
    (folder / "top_products.sql").unlink()
    of = replace(ORDERS, contract=replace(ORDERS.contract, folder=folder.parent))
    found = Samples.of(of, saved.load((of,)).values())
    assert found is not None
    assert found.answers["latest_orders"] == {"parameters": {}}
    assert "top_products" not in found.answers
    assert found.answers["sales_by_month"] == samples.answers["sales_by_month"]


def test_a_contract_without_a_sample_has_none(tmp_path: Path) -> None:
    bare = replace(ORDERS.contract, name="unheard_of", folder=tmp_path)
    assert Samples.of(replace(ORDERS, contract=bare), ()) is None


def test_a_file_is_a_sample_if_its_rows_stand_beside_it(tmp_path: Path) -> None:
    rows = [{"id": "1", "record_number": 1}, {"id": "1", "record_number": 1}]
    (tmp_path / "a.json").write_text("[]")
    (tmp_path / "a.expected.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "notes.txt").write_text("no sample")
    (tmp_path / "answers.json").write_text("{}")
    samples = Samples.read(tmp_path)
    assert [(each.path.name, each.counts) for each in samples.files] == [("a.json", Counts(1, 1, 0, 2))]
    assert samples.all_rows(["id"]) == ['["a.json", "1"]'] * 2


class GoingFiles:
    """A bucket whose first file goes as soon as it was listed, replaced by another: `times` in a row."""

    class exceptions:  # noqa: N801 - as a client of boto3 has it
        class NoSuchKey(Exception):
            """There is no such object."""

    def __init__(self, times: int) -> None:
        self.listed = 0
        self.times = times

    def get_paginator(self, _: str) -> GoingFiles:
        return self

    def paginate(self, Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        self.listed += 1
        yield {"Contents": [{"Key": f"{Prefix}order_month=2024-07/{self.listed}"}]}

    def get_object(self, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        if self.listed <= self.times:
            raise self.exceptions.NoSuchKey
        file = io.BytesIO()
        pq.write_table(pa.table({"source_key": ["k"], "order_id": [Key.rsplit("/", 1)[1]]}), file)
        return {"Body": io.BytesIO(file.getvalue())}


def test_a_table_whose_files_go_while_it_is_read_is_read_anew() -> None:
    assert table_rows(GoingFiles(times=1), ORDERS, ("order_id",)) == [["k", "2"]]


def test_a_table_whose_files_go_again_and_again_is_given_up() -> None:
    with pytest.raises(GoingFiles.exceptions.NoSuchKey):
        table_rows(GoingFiles(times=1000), ORDERS, ("order_id",))
