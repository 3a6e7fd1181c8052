"""What CloudWatch sees of a load by a real Lambda process: a line of facts, one of metrics, nothing of orders."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.pipeline import wait_for
from tests.local.product import Product

pytestmark = pytest.mark.aws

GOOD = {"order_id": "o-1", "order_date": "2024-07-05", "customer": {"name": "Zerlina Quux", "email": "zq@example.com"}}
BAD = GOOD | {"order_date": "Zerlina's birthday"}


def lines(product: Product) -> list[dict[str, Any]]:
    """Return the lines of JSON in the log of the loading function."""
    group = f"/aws/lambda/{product.deployment.functions['load']}"
    pages = product.aws.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    texts = [text for page in pages for event in page["events"] for text in event["message"].splitlines()]
    return [json.loads(text) for text in texts if text.startswith("{")]


def test_a_load_is_one_line_of_facts_and_two_of_metrics_and_none_holds_anything_of_an_order(
    product: Product,
) -> None:
    key = product.drop("observed/orders.json", [GOOD, BAD])
    entry = product.finished(key)

    def poll() -> list[dict[str, Any]] | None:
        facts = {"event": "source object", "key": key}.items()
        since = list(itertools.dropwhile(lambda line: not facts <= line.items(), lines(product)))
        return since if sum("_aws" in line for line in since) > 1 else None

    facts, *others = wait_for(poll)
    assert (facts["level"], facts["version"], facts["orders_loaded"]) == ("INFO", entry.version, 1)
    data, process = [line for line in others if "_aws" in line][:2]
    for measured, dimensions in ((data, ["stage", "contract"]), (process, ["stage"])):
        (directive,) = measured["_aws"]["CloudWatchMetrics"]
        assert (directive["Namespace"], directive["Dimensions"]) == ("OrdersEtl", [dimensions])
    assert (data["stage"], data["contract"]) == ("local", "orders")
    assert (data["OrdersLoaded"], data["OrdersRejected"]) == ([1.0], [1.0])
    assert process["MemoryPeakMegabytes"][0] > 10
    metric = {
        "Namespace": "OrdersEtl",
        "MetricName": "OrdersRejected",
        "Dimensions": [{"Name": "stage", "Value": "local"}, {"Name": "contract", "Value": "orders"}],
    }
    query = {"Id": "m", "MetricStat": {"Metric": metric, "Period": 3600, "Stat": "Sum"}}
    end = datetime.now(UTC) + timedelta(minutes=1)
    cloudwatch = product.aws.client("cloudwatch")
    answer = cloudwatch.get_metric_data(MetricDataQueries=[query], StartTime=end - timedelta(hours=2), EndTime=end)
    assert sum(answer["MetricDataResults"][0]["Values"]) >= 1
    assert "Zerlina" not in str([facts, *others])
    assert "zq@" not in str([facts, *others])
