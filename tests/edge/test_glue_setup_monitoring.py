"""Queue, alarms and dashboard of a stage on moto: made, kept as declared, removed, and what others did there left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.edge.glue_setup_world import ACCOUNT, World, world

QUEUE = "orders-etl-test-load-failed"
TOPIC = f"arn:aws:sns:eu-west-1:{ACCOUNT}:on-call"


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with world() as made:
        made.apply()
        yield made


def url(stage: World) -> Any:
    return stage.sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]


def attributes(stage: World) -> Any:
    return stage.sqs.get_queue_attributes(QueueUrl=url(stage), AttributeNames=["All"])["Attributes"]


def alarm(stage: World, name: str) -> Any:
    (existing,) = stage.cloudwatch.describe_alarms(AlarmNames=[f"orders-etl-test-{name}"])["MetricAlarms"]
    return existing


def unchanged(stage: World) -> Any:
    return stage.apply()[-1] == "Everything was in place: unchanged." and stage.writes == []


def test_the_queue_keeps_two_weeks_is_encrypted_and_takes_tls_only(stage: World) -> None:
    existing = attributes(stage)
    assert existing["MessageRetentionPeriod"] == str(14 * 86_400)
    assert existing["SqsManagedSseEnabled"] == "true"
    (statement,) = json.loads(existing["Policy"])["Statement"]
    assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Deny", "sqs:*", existing["QueueArn"])
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_queue_that_somebody_changed_is_told_and_set_back(stage: World) -> None:
    stage.sqs.set_queue_attributes(
        QueueUrl=url(stage), Attributes={"MessageRetentionPeriod": "60", "SqsManagedSseEnabled": "false", "Policy": ""}
    )
    lines = stage.plan()
    assert "  ~ keeps: 60 seconds -> 14 days" in lines
    assert "  ~ encryption: absent -> SSE-SQS" in lines
    assert f"queue {QUEUE}: changed (keeps, encryption, policy statement)" in stage.apply()
    assert unchanged(stage)


def test_statements_of_others_and_a_key_of_the_account_stay(stage: World) -> None:
    theirs = {"Sid": "Theirs", "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sqs:ReceiveMessage"}
    theirs["Resource"] = attributes(stage)["QueueArn"]
    policy = {"Version": "2012-10-17", "Id": "theirs", "Statement": [theirs]}
    stage.sqs.set_queue_attributes(
        QueueUrl=url(stage), Attributes={"Policy": json.dumps(policy), "KmsMasterKeyId": "alias/theirs"}
    )
    assert f"queue {QUEUE}: changed (policy statement)" in stage.apply()
    merged = json.loads(attributes(stage)["Policy"])
    assert merged["Id"] == "theirs"
    assert [statement["Sid"] for statement in merged["Statement"]] == ["Theirs", "OrdersEtlTlsOnly"]
    assert attributes(stage)["KmsMasterKeyId"] == "alias/theirs"
    assert unchanged(stage)


def test_destroy_keeps_a_queue_with_failed_events_in_it_unless_told_otherwise(stage: World) -> None:
    stage.tls = False  # moto denies whatever a statement denies, conditions or not
    stage.apply()
    stage.sqs.send_message(QueueUrl=url(stage), MessageBody="an event")
    assert any(line.startswith(f"queue {QUEUE}: kept: about 1 failed events") for line in stage.destroy())
    assert f"queue {QUEUE}: removed" in stage.destroy(delete_data=True)
    assert f"queue {QUEUE}: absent" in stage.destroy()


def test_an_alarm_that_somebody_changed_is_set_back_and_stays_muted(stage: World) -> None:
    changed = {key: alarm(stage, "load-failed")[key] for key in ("AlarmName", "MetricName", "Namespace", "Statistic")}
    stage.cloudwatch.put_metric_alarm(
        **changed, Period=60, EvaluationPeriods=1, Threshold=100, ComparisonOperator="GreaterThanThreshold"
    )
    stage.cloudwatch.disable_alarm_actions(AlarmNames=["orders-etl-test-load-failed"])
    assert "  ~ rings: GreaterThanThreshold 100, 1 of 1 periods -> GreaterThanThreshold 0, 1 of 1 periods" in (
        stage.plan()
    )
    stage.apply()
    existing = alarm(stage, "load-failed")
    assert (existing["Threshold"], existing["ActionsEnabled"]) == (0.0, False)
    assert unchanged(stage)


def test_a_topic_is_told_of_every_alarm_once_it_is_set(stage: World) -> None:
    stage.set(alarm_topic=TOPIC)
    assert f"alarm {stage.alarms[0]}: changed (tells, tells when it is over)" in stage.apply()
    existing = stage.cloudwatch.describe_alarms()["MetricAlarms"]
    assert len(existing) == len(stage.alarms)
    assert all(each["AlarmActions"] == each["OKActions"] == [TOPIC] for each in existing)


def test_an_alarm_over_an_expression_and_one_over_a_percentile_are_as_they_were_meant(stage: World) -> None:
    assert alarm(stage, "orders-rejected")["Metrics"][0]["Expression"].startswith("IF(loaded + rejected > 0")
    assert alarm(stage, "load-slow")["ExtendedStatistic"] == "p99"
    assert alarm(stage, "load-slow")["Threshold"] == 720_000


def test_what_somebody_drew_into_the_dashboard_is_taken_out_again(stage: World) -> None:
    body = json.loads(stage.cloudwatch.get_dashboard(DashboardName="orders-etl-test")["DashboardBody"])
    body["widgets"].append({"type": "text", "properties": {"title": "Mine", "markdown": "x"}})
    stage.cloudwatch.put_dashboard(DashboardName="orders-etl-test", DashboardBody=json.dumps(body))
    assert "dashboard orders-etl-test: changed (widget Mine)" in stage.apply()
    assert unchanged(stage)
