"""ETL_DELETE_PROPAGATES: a deleted object takes its rows along, whether or not the event of its deletion comes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.loading.models import DELETED
from local.pipeline import wait_for
from tests.local.product import Product, order, product_with, sweep, without_events

pytestmark = pytest.mark.aws


@pytest.fixture(scope="module")
def deleting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product_with(tmp_path_factory, {"ETL_DELETE_PROPAGATES": "true"}) as product:
        yield product


def remove(product: Product, key: str) -> None:
    product.s3.delete_object(Bucket=product.settings.bucket, Key=key)


def rows_are_gone(product: Product, key: str) -> bool:
    entry = product.entry(key)
    return entry is not None and entry.state == DELETED and not product.rows(key, "order_id")


def test_a_deleted_object_takes_its_rows_along_and_comes_back_when_it_is_put_again(deleting: Product) -> None:
    key = deleting.drop("deleted/a+b é.json", [order("d-1"), order("d-2", "2024-08-01")])
    deleting.finished(key)
    remove(deleting, key)
    wait_for(lambda: rows_are_gone(deleting, key))
    assert deleting.finished(deleting.drop("deleted/a+b é.json", [order("d-3")])).state == "loaded"
    assert deleting.rows(key, "order_id") == [["d-3"]]


def test_a_deleted_object_takes_what_was_rejected_of_it_along_and_its_receipt_says_so(deleting: Product) -> None:
    key = deleting.drop("deleted/rejected.json", [order("d-9"), {"order_id": "no date"}])
    deleting.finished(key)
    asked = f"SELECT COUNT(*) FROM orders_rejected WHERE source_key = '{key}'"
    assert deleting.ask(asked) == [(1,)]
    remove(deleting, key)
    wait_for(lambda: rows_are_gone(deleting, key))
    assert deleting.ask(asked) == [(0,)]
    name = f"{deleting.settings.receipts_prefix}{key}.json"

    def receipt() -> dict[str, Any] | None:
        read = json.loads(deleting.s3.get_object(Bucket=deleting.settings.bucket, Key=name)["Body"].read())
        return read if read["status"] == DELETED else None

    assert wait_for(receipt)["rejected"] == []


@pytest.mark.slow
def test_the_sweep_notices_a_deletion_that_no_event_announced(deleting: Product) -> None:
    key = deleting.drop("deleted/silently.json", [order("d-4")])
    deleting.finished(key)
    with without_events(deleting):
        remove(deleting, key)
    assert deleting.rows(key, "order_id") == [["d-4"]]

    def swept() -> bool:
        # An entry is left alone for the grace time, a minute in this stage.
        sweep(deleting)
        return rows_are_gone(deleting, key)

    wait_for(swept, seconds=100)
