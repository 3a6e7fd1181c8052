"""The refresh on the embedded AWS: crawler, checks, and a notification where one of them does not hold."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from local.emulator import ACCOUNT, REGION
from local.pipeline import wait_for
from tests.local.product import Product, order, product_with
from tests.local.scenes import CRAWLER

pytestmark = [pytest.mark.aws, pytest.mark.slow]

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:orders-etl-local-refresh"


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product with a refresh, a crawler, a topic, and orders that hold what the checks ask."""
    variables = {"ETL_REFRESH_MINUTES": "60", "ALARM_TOPIC_ARN": TOPIC, "GLUE_CRAWLER": CRAWLER}
    with product_with(tmp_path_factory, variables) as product:
        product.aws.client("sns").create_topic(Name="alarms")
        product.finished(product.drop("right.json", [order(i, total_amount=6) for i in range(20)]))
        yield product


def run(product: Product) -> tuple[str, list[str], Any]:
    """Run the refresh; return its status, the states that it entered, and its error."""
    states = product.aws.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=MACHINE, input="{}")["executionArn"]

    def ended() -> Any:
        execution = states.describe_execution(executionArn=arn)
        return execution if execution["status"] != "RUNNING" else None

    execution = wait_for(ended, 120)
    pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [event for page in pages for event in page["events"]]
    entered = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    return execution["status"], entered, execution.get("error")


def test_the_crawler_runs_and_the_checks_hold(refreshed: Product) -> None:
    """The load that made the orders starts the crawler too: the refresh meets that run, or comes after it."""
    status, entered, _ = run(refreshed)
    assert (status, entered[-1]) == ("SUCCEEDED", "Fresh")
    own = entered[entered.index("WaitForCrawler") - 1 :]
    assert own[:3] == ["StartCrawler", "WaitForCrawler", "SeeCrawler"]
    assert set(entered[: -len(own)]) <= {"StartCrawler", "WaitForOtherRun"}
    crawler = refreshed.aws.client("glue").get_crawler(Name=CRAWLER)["Crawler"]
    assert crawler["LastCrawl"]["Status"] == "SUCCEEDED"


def test_a_check_that_does_not_hold_fails_the_refresh_and_is_told_to_the_topic(refreshed: Product) -> None:
    sqs, sns = refreshed.aws.client("sqs"), refreshed.aws.client("sns")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:told")
    key = refreshed.drop("wrong.json", [order(f"w{i}", total_amount=99) for i in range(5)])
    refreshed.finished(key)
    status, entered, error = run(refreshed)
    assert (status, error, entered[-1]) == ("FAILED", "RefreshFailed", "Failed")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    told = json.loads(json.loads(message["Body"])["Message"])
    assert {each["check"]: each["holds"] for each in told["checks"]} == {
        "orders.freshness": True,
        "orders.total_mismatches": False,
    }


@pytest.mark.slow
def test_no_statement_can_be_taken_from_the_policy_of_the_machines_role(refreshed: Product) -> None:
    """A check that does not hold ends as RefreshFailed once everything was asked and told; nothing else does."""
    refreshed.finished(refreshed.drop("all-wrong.json", [order(f"a{i}", total_amount=99) for i in range(9)]))
    iam, role = refreshed.aws.client("iam"), "orders-etl-local-refresh"
    policy = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
    needless = []
    for sid in (each["Sid"] for each in policy["Statement"]):
        document = json.dumps(policy | {"Statement": [each for each in policy["Statement"] if each["Sid"] != sid]})
        iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=document)
        try:
            status, entered, error = run(refreshed)
        finally:
            iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(policy))
        assert status == "FAILED"
        needless += [sid] if "AnyRows" in entered and error == "RefreshFailed" else []
    assert needless == []
    status, entered, error = run(refreshed)
    assert ("AnyRows" in entered, error) == (True, "RefreshFailed")


def test_the_schedule_starts_the_refresh_under_a_role_that_may_do_just_that(refreshed: Product) -> None:
    events, iam = refreshed.aws.client("events"), refreshed.aws.client("iam")
    rule = events.describe_rule(Name="orders-etl-local-refresh")
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(60 minutes)", "ENABLED")
    (target,) = events.list_targets_by_rule(Rule="orders-etl-local-refresh")["Targets"]
    assert target["Arn"] == MACHINE
    role = target["RoleArn"].rsplit("/", 1)[1]
    (statement,) = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]["Statement"]
    assert (statement["Action"], statement["Resource"]) == (["states:StartExecution"], [MACHINE])


def test_without_its_one_statement_the_schedules_role_starts_nothing(refreshed: Product) -> None:
    """The same target under a rule that an event fires: the schedule's turn comes in an hour."""
    events, iam = refreshed.aws.client("events"), refreshed.aws.client("iam")
    states = refreshed.aws.client("stepfunctions")
    (target,) = events.list_targets_by_rule(Rule="orders-etl-local-refresh")["Targets"]
    events.put_rule(Name="now", EventPattern=json.dumps({"source": ["test"]}))
    events.put_targets(Rule="now", Targets=[target])
    role = target["RoleArn"].rsplit("/", 1)[1]

    def runs() -> int:
        return len(states.list_executions(stateMachineArn=MACHINE)["executions"])

    def fire() -> None:
        events.put_events(Entries=[{"Source": "test", "DetailType": "now", "Detail": "{}"}])

    before = runs()
    policy = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
    iam.delete_role_policy(RoleName=role, PolicyName=role)
    fire()
    time.sleep(1)
    assert runs() == before
    iam.put_role_policy(RoleName=role, PolicyName=role, PolicyDocument=json.dumps(policy))
    fire()
    wait_for(lambda: runs() == before + 1)
    events.remove_targets(Rule="now", Ids=[target["Id"]])


def test_a_second_apply_changes_nothing(refreshed: Product) -> None:
    assert refreshed.command("glue_setup", "apply")[-1] == "Everything was in place: unchanged."
