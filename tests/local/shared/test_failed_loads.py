"""What becomes of an event whose load fails to the end: the queue, the way back, and that a redeployment keeps both."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.settings import LOCAL_STAGE
from local.deploy import chalice
from local.pipeline import wait_for
from tests.local.product import Product, without_schedule

pytestmark = pytest.mark.aws

QUEUE = "orders-etl-local-load-failed"
ORDERS = [{"order_id": "f-1", "order_date": "2024-07-05", "products": []}]


@contextlib.contextmanager
def shut_out(product: Product) -> Iterator[None]:
    """Let every load fail: its function may not use S3."""
    role = product.aws.client("lambda").get_function(FunctionName=product.deployment.functions["load"])
    name = role["Configuration"]["Role"].rsplit("/", 1)[1]
    deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
    iam = product.aws.client("iam")
    iam.put_role_policy(RoleName=name, PolicyName="shut-out", PolicyDocument=json.dumps(deny))
    try:
        # The sweep would announce what is not loaded within its grace time, a minute in this stage.
        with without_schedule(product):
            yield
    finally:
        iam.delete_role_policy(RoleName=name, PolicyName="shut-out")


def waiting(product: Product) -> int:
    """Return how many failed events are in the queue."""
    sqs = product.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def wiring(product: Product) -> Any:
    """Return what Lambda does with the events that loading fails on."""
    functions = product.aws.client("lambda")
    return functions.get_function_event_invoke_config(FunctionName=product.deployment.functions["load"])


@contextlib.contextmanager
def deployed_with(product: Product, **settings: Any) -> Iterator[None]:
    """Deploy with other settings of load in Chalice's configuration; deploy without them at the end."""
    path = product.deployment.workspace / ".chalice" / "config.json"
    before = path.read_text()
    config = json.loads(before)
    config["stages"][LOCAL_STAGE]["lambda_functions"]["load"] |= settings
    try:
        path.write_text(json.dumps(config))
        chalice(product.aws, product.deployment.workspace, "deploy")
        yield
    finally:
        path.write_text(before)
        chalice(product.aws, product.deployment.workspace, "deploy")


@pytest.mark.slow
def test_a_load_that_fails_to_the_end_is_in_the_queue_and_the_redrive_brings_it_back(product: Product) -> None:
    assert waiting(product) == 0
    with shut_out(product):
        keys = [product.drop(f"failing/{i} a+b.json", ORDERS) for i in range(2)]
        wait_for(lambda: waiting(product) == 2, seconds=180)
    assert [product.entry(key) for key in keys] == [None, None]

    shown = product.command("operate", "redrive", "--dry-run")
    addresses = {f"s3://{product.settings.bucket}/{key}" for key in keys}
    assert {line.split(": failed (RetriesExhausted")[0] for line in shown[1:-1]} == addresses
    assert shown[-1] == "2 events with 2 objects would be sent again, 2 left in the queue."
    assert waiting(product) == 2

    assert product.command("operate", "redrive")[-1] == "2 events with 2 objects sent again, 0 left in the queue."
    for key in keys:
        assert product.finished(key).counts.orders_loaded == 1
        assert product.rows(key, "order_id") == [["f-1"]]
    assert waiting(product) == 0


@pytest.mark.slow
def test_a_redrive_before_the_cause_is_gone_ends_in_the_queue_again(product: Product) -> None:
    with shut_out(product):
        key = product.drop("failing/too-early.json", ORDERS)
        wait_for(lambda: waiting(product) == 1, seconds=180)
        product.command("operate", "redrive")
        assert waiting(product) == 0
        wait_for(lambda: waiting(product) == 1, seconds=180)
    product.command("operate", "redrive")
    assert product.finished(key).counts.orders_loaded == 1


def test_a_redeployment_keeps_the_wiring_and_a_second_wire_changes_nothing(product: Product) -> None:
    before = wiring(product)
    assert before["DestinationConfig"]["OnFailure"]["Destination"].endswith(f":{QUEUE}")
    with deployed_with(product, lambda_memory_size=2048):
        assert wiring(product)["DestinationConfig"] == before["DestinationConfig"]
        lines = product.command("glue_setup", "wire")
    assert lines[-1] == "Everything was in place: unchanged."
    assert wiring(product)["LastModified"] == before["LastModified"]


def test_a_stage_with_reserved_concurrency_deploys_and_every_drop_waits_for_its_turn(product: Product) -> None:
    functions, name = product.aws.client("lambda"), product.deployment.functions["load"]
    with deployed_with(product, reserved_concurrency=1):
        assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 1
        with ThreadPoolExecutor(8) as pool:
            keys = list(pool.map(lambda i: product.drop(f"reserved/{i}.json", ORDERS), range(12)))
        for key in keys:
            assert product.finished(key).counts.orders_loaded == 1
        assert waiting(product) == 0
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=name)
