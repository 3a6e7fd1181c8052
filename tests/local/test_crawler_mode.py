"""CATALOG_MODE=crawler: a load starts the crawler, the crawler makes the table, and neither can lose an order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.pipeline import wait_for
from tests.local.product import Product, order, product_with

pytestmark = [pytest.mark.aws, pytest.mark.slow]

CRAWLER = "orders-crawler"


@pytest.fixture(scope="module")
def crawling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    variables = {"CATALOG_MODE": "crawler", "GLUE_CRAWLER": CRAWLER, "GLUE_CRAWLER_SECONDS": "600"}
    with product_with(tmp_path_factory, variables) as product:
        yield product


def remembered(product: Product) -> dict[str, Any]:
    """Return what is remembered of the crawler's last start."""
    key = f"{product.settings.state_prefix}crawler.json"
    state: dict[str, Any] = json.loads(product.s3.get_object(Bucket=product.settings.bucket, Key=key)["Body"].read())
    return state


def test_a_load_starts_the_crawler_and_its_table_answers(crawling: Product) -> None:
    glue = crawling.aws.client("glue")
    assert crawling.finished(crawling.drop("a.json", [order(1), order(2)])).state == "loaded"
    crawl = wait_for(lambda: glue.get_crawler(Name=CRAWLER)["Crawler"].get("LastCrawl"))
    assert crawl["Status"] == "SUCCEEDED"
    wait_for(lambda: glue.get_crawler(Name=CRAWLER)["Crawler"]["State"] == "READY")
    crawling.command("glue_setup", "apply")
    assert crawling.ask("SELECT order_id, line_amount FROM order_lines ORDER BY 1") == [("1", 6), ("2", 6)]


def test_drops_while_the_crawler_runs_are_loaded(crawling: Product) -> None:
    keys = [crawling.drop(f"many/{i}.json", [order(100 + i)]) for i in range(4)]
    assert [crawling.finished(key).state for key in keys] == ["loaded"] * 4
    state = wait_for(lambda: (last := remembered(crawling))["wanted"] and last)
    assert state["started_at"] is None, "none of them started it again so soon"


def test_a_crawler_that_is_gone_never_fails_the_load(crawling: Product) -> None:
    glue = crawling.aws.client("glue")
    wait_for(lambda: glue.get_crawler(Name=CRAWLER)["Crawler"]["State"] == "READY")
    glue.delete_crawler(Name=CRAWLER)
    crawling.s3.delete_object(Bucket=crawling.settings.bucket, Key=f"{crawling.settings.state_prefix}crawler.json")
    assert crawling.finished(crawling.drop("later.json", [order(3)])).state == "loaded"
    wait_for(lambda: '"outcome": "failed' in crawling.aws.log.read_text("utf-8", "replace") or None)
