"""A refresh that follows loads on the embedded AWS: one for all loads of a time, and none is left out."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest

from local.emulator import ACCOUNT, REGION
from local.pipeline import wait_for
from tests.local.product import Product, order, product_with
from tests.local.scenes import CRAWLER

pytestmark = [pytest.mark.aws, pytest.mark.slow]

SECONDS = 10
REFRESH, AFTER_LOADS = "orders-etl-local-refresh", "orders-etl-local-refresh-after-loads"
MACHINES = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine"


@pytest.fixture(scope="module")
def following(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with a refresh that follows loads, on no schedule, and a crawler that a refresh takes seconds for."""
    variables = {"ETL_REFRESH_AFTER_LOADS_SECONDS": str(SECONDS), "GLUE_CRAWLER": CRAWLER}
    with product_with(tmp_path_factory, variables) as product:
        yield product


def executions(product: Product, machine: str = REFRESH) -> list[dict[str, Any]]:
    """Return the executions of a state machine, the first begun first."""
    states = product.aws.client("stepfunctions")
    listed = states.list_executions(stateMachineArn=f"{MACHINES}:{machine}")["executions"]
    return sorted(listed, key=lambda each: each["startDate"])


def entered(product: Product, execution: dict[str, Any]) -> dict[str, datetime]:
    """Return when an execution entered each state, for the first time."""
    states = product.aws.client("stepfunctions")
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution["executionArn"])
    times: dict[str, datetime] = {}
    for event in (event for page in pages for event in page["events"]):
        if "stateEnteredEventDetails" in event:
            times.setdefault(event["stateEnteredEventDetails"]["name"], event["timestamp"])
    return times


def ended(product: Product) -> list[dict[str, Any]]:
    """Wait until no refresh runs and nothing is about to start one; return all of them."""
    time.sleep(2)  # the last load's event is on its way
    machines = REFRESH, AFTER_LOADS
    wait_for(lambda: all(each["status"] != "RUNNING" for name in machines for each in executions(product, name)), 120)
    return executions(product)


def finished_at(product: Product, key: str) -> datetime:
    """Wait for the load of a key; return when it ended."""
    finished = product.finished(key).finished_at
    assert finished
    return datetime.fromisoformat(finished)


def test_a_burst_of_loads_is_followed_by_a_refresh_for_each_time_they_fall_in_and_no_more(following: Product) -> None:
    before = len(executions(following))
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda i: following.drop(f"burst/{i}.json", [order(f"b{i}")]), range(60)))
    loads = sorted(finished_at(following, key) for key in keys)
    runs = ended(following)[before:]
    assert {run["status"] for run in runs} == {"SUCCEEDED"}
    lasted = (loads[-1] - loads[0]).total_seconds()
    assert 1 <= len(runs) <= lasted // SECONDS + 2
    passed = executions(following, AFTER_LOADS)
    assert len(passed) >= len(keys)
    assert {each["status"] for each in passed} == {"SUCCEEDED"}
    looked = [entered(following, run)["StartCrawler"] for run in runs]
    assert all(any(load < begun for begun in looked) for load in loads)


def test_a_load_while_a_refresh_runs_is_followed_by_another(following: Product) -> None:
    before = len(executions(following))
    following.drop("first.json", [order("first")])

    def runs() -> bool:
        latest = executions(following)[before:]
        return bool(latest) and "StartCrawler" in entered(following, latest[0])

    wait_for(runs, 60)
    load = finished_at(following, following.drop("second.json", [order("second")]))
    first, *more = ended(following)[before:]
    assert entered(following, first)["StartCrawler"] < load
    assert entered(following, more[-1])["StartCrawler"] > load
    assert {each["status"] for each in (first, *more)} == {"SUCCEEDED"}


def test_a_refresh_that_finds_the_crawler_at_work_has_it_run_again(following: Product) -> None:
    glue, states = following.aws.client("glue"), following.aws.client("stepfunctions")
    wait_for(lambda: glue.get_crawler(Name=CRAWLER)["Crawler"]["State"] == "READY", 60)
    with contextlib.suppress(glue.exceptions.CrawlerRunningException):  # a load was quicker
        glue.start_crawler(Name=CRAWLER)
    arn = states.start_execution(stateMachineArn=f"{MACHINES}:{REFRESH}", input="{}")["executionArn"]
    wait_for(lambda: states.describe_execution(executionArn=arn)["status"] != "RUNNING", 120)
    times = entered(following, {"executionArn": arn})
    assert "WaitForMoreLoads" not in times
    assert times["WaitForOtherRun"] < times["WaitForCrawler"]
    assert states.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"


@pytest.mark.parametrize("role", [AFTER_LOADS, f"{AFTER_LOADS}-rule"])
def test_without_the_one_statement_of_its_role_nothing_is_started(following: Product, role: str) -> None:
    iam = following.aws.client("iam")
    ended(following)
    policy = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
    assert [each["Action"] for each in policy["Statement"]] == [["states:StartExecution"]]
    before = len(executions(following))
    iam.delete_role_policy(RoleName=role, PolicyName=role)
    finished_at(following, following.drop(f"denied/{role}.json", [order(role)]))
    time.sleep(2)
    assert len(executions(following)) == before
    iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(policy))


def test_another_stages_loads_start_nothing(following: Product) -> None:
    ended(following)
    before = len(executions(following))
    detail = json.dumps({"bucket": "another-stages", "id": "x"})
    entry = {"Source": "orders-etl", "DetailType": "Source Loaded", "Detail": detail}
    following.aws.client("events").put_events(Entries=[entry])
    time.sleep(1)
    assert len(executions(following)) == before


def test_a_second_apply_changes_nothing(following: Product) -> None:
    assert following.command("glue_setup", "apply")[-1] == "Everything was in place: unchanged."
