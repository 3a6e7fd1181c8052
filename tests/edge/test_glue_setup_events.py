"""The stage's events passed on to a topic: what is made, changed, kept and removed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.errors import SettingError
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup.errors import SetupError
from glue_setup.events import pattern, topic_policy
from tests.edge.glue_setup_world import ACCOUNT, BUCKET, REGION, World, target_with, world
from tests.goldens.golden import assert_golden

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:shop-files"
RULE = "orders-etl-test-sources"


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def stage() -> Iterator[World]:
    with world() as made:
        made.set(events_topic="shop-files")
        yield made


def test_the_rule_lets_this_stages_events_through_and_the_topic_takes_them_from_it_alone() -> None:
    target = target_with(Stage("test", "orders-etl", Settings(bucket=BUCKET, events_topic="shop-files")))
    assert_golden("events_topic", {"rule": pattern(target), "topic": topic_policy(target)})


def test_a_rule_on_a_bus_of_its_own_is_named_with_it() -> None:
    settings = Settings(bucket=BUCKET, events_topic="shop-files", event_bus="shop")
    target = target_with(Stage("test", "orders-etl", settings))
    assert target.event_rule == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/shop/{RULE}"


def test_topic_and_rule_are_made_once_and_removed_by_destroy(stage: World) -> None:
    assert [line for line in stage.plan() if line.startswith(("topic", "rule"))] == [
        "topic shop-files: create",
        f"rule {RULE}: create",
    ]
    stage.apply()
    (target,) = stage.events.list_targets_by_rule(Rule=RULE)["Targets"]
    assert target["Arn"] == TOPIC
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    lines = stage.destroy()
    assert {"topic shop-files: removed", f"rule {RULE}: removed"} <= set(lines)
    assert stage.sns.list_topics()["Topics"] == []
    assert stage.events.list_rules()["Rules"] == []


def test_what_somebody_changed_is_set_back(stage: World) -> None:
    stage.apply()
    stage.events.put_rule(Name=RULE, EventPattern=json.dumps({"source": ["aws.s3"]}), State="DISABLED")
    stage.sns.set_topic_attributes(
        TopicArn=TOPIC, AttributeName="Policy", AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": []})
    )
    stage.apply()
    rule: Any = stage.events.describe_rule(Name=RULE)
    assert json.loads(rule["EventPattern"]) == {"source": ["orders-etl"], "detail": {"bucket": [BUCKET]}}
    assert rule["State"] == "ENABLED"
    policy = json.loads(stage.sns.get_topic_attributes(TopicArn=TOPIC)["Attributes"]["Policy"])
    assert policy == topic_policy(stage.target)
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_a_rule_that_somebody_gave_a_target_stays_for_it(stage: World) -> None:
    stage.apply()
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:theirs"
    stage.events.put_targets(Rule=RULE, Targets=[{"Id": "theirs", "Arn": queue}])
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    assert f"rule {RULE}: kept: somebody gave it the targets theirs" in stage.destroy()
    assert [each["Id"] for each in stage.events.list_targets_by_rule(Rule=RULE)["Targets"]] == ["theirs"]


def test_a_rule_of_before_the_stage_changed_its_mind_is_removed(stage: World) -> None:
    stage.apply()
    stage.set(events_topic="")
    assert f"rule {RULE}: removed" in stage.destroy()


def test_a_topic_of_another_stage_is_neither_changed_nor_removed(stage: World) -> None:
    stage.sns.create_topic(Name="shop-files", Tags=[{"Key": "orders-etl:stage", "Value": "orders-etl/prod/theirs"}])
    with pytest.raises(SetupError, match="it belongs to stage orders-etl/prod/theirs"):
        stage.apply()
    assert any(line.startswith("topic shop-files: kept") for line in stage.destroy())


def test_a_bus_that_is_not_there_is_named_with_the_remedy(stage: World) -> None:
    stage.set(event_bus="nowhere")
    with pytest.raises(SetupError, match="there is no event bus 'nowhere': make it, or set ETL_EVENT_BUS=default"):
        stage.apply()


def test_a_topic_without_events_is_refused() -> None:
    with pytest.raises(SettingError, match="ETL_EVENTS_TOPIC is 'a': leave it out, or set ETL_EVENTS=true"):
        Settings.from_environment({"ETL_BUCKET": "any", "ETL_EVENTS_TOPIC": "a", "ETL_EVENTS": "false"})
