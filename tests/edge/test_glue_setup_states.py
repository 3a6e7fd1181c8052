"""State machines, rules and schedules of a stage, as its settings want them."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from botocore.model import OperationModel

from glue_setup.errors import SetupError
from glue_setup.resource import TAG
from tests.edge.glue_setup_world import World


def test_a_stage_that_wants_a_refresh_gets_it_and_one_that_wants_no_backfill_has_none(stage: World) -> None:
    stage.set(refresh_minutes=30, backfill_concurrency=0)
    assert not [line for line in stage.apply() if "backfill" in line]
    rule = stage.events.describe_rule(Name="orders-etl-test-refresh")
    assert rule["ScheduleExpression"] == "rate(30 minutes)"
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    stage.set(refresh_minutes=45)
    assert "schedule orders-etl-test-refresh: changed (every)" in stage.apply()
    lines = stage.destroy()
    for name in ("schedule", "state machine", "role"):
        assert f"{name} orders-etl-test-refresh: removed" in lines
    assert "role orders-etl-test-refresh-schedule: removed" in lines


def test_loads_start_a_refresh_by_a_rule_on_their_bus_with_or_without_a_schedule(stage: World) -> None:
    stage.events.create_event_bus(Name="shop")
    stage.set(refresh_after_loads=300, event_bus="shop")
    lines = stage.apply()
    assert "state machine orders-etl-test-refresh: created" in lines
    assert not [line for line in lines if line.startswith("schedule")]
    rule = stage.events.describe_rule(Name="orders-etl-test-refresh-after-loads", EventBusName="shop")
    assert json.loads(rule["EventPattern"])["detail-type"] == ["Source Loaded", "Source Partly Loaded"]
    machine = stage.states.describe_state_machine(stateMachineArn=stage.target.machine("refresh-after-loads"))
    assert (machine["type"], json.loads(machine["definition"])["QueryLanguage"]) == ("EXPRESS", "JSONata")
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    stage.set(refresh_after_loads=600)
    assert "state machine orders-etl-test-refresh-after-loads: changed (definition)" in stage.apply()
    stage.set(refresh_minutes=60, refresh_after_loads=0)
    lines = stage.apply()
    assert "rule orders-etl-test-refresh-after-loads: removed: the settings do not want it any more" in lines
    assert "state machine orders-etl-test-refresh: changed (definition)" in lines
    assert stage.events.list_rules(EventBusName="shop")["Rules"] == []
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_what_a_setting_made_is_removed_once_that_is_off_again_and_nothing_of_others_is(stage: World) -> None:
    stage.set(refresh_minutes=30, refresh_after_loads=300, events_topic="told")
    stage.apply()
    theirs = {"Name": "orders-etl-test-refresh-of-others", "ScheduleExpression": "rate(1 day)"}
    stage.events.put_rule(**theirs)
    stage.set(refresh_minutes=0, refresh_after_loads=0, backfill_concurrency=0, events_topic="")
    gone = [
        "rule orders-etl-test-sources",
        "rule orders-etl-test-refresh-after-loads",
        "role orders-etl-test-refresh-after-loads-rule",
        "state machine orders-etl-test-refresh-after-loads",
        "role orders-etl-test-refresh-after-loads",
        "schedule orders-etl-test-refresh",
        "role orders-etl-test-refresh-schedule",
        "state machine orders-etl-test-refresh",
        "role orders-etl-test-refresh",
        "state machine orders-etl-test-backfill",
        "role orders-etl-test-backfill",
    ]
    lines = stage.plan()
    assert [line for line in lines if line.endswith(": remove")] == [f"{name}: remove" for name in gone]
    assert "11 remove" in lines[-1]
    assert stage.writes == []
    assert [line for line in stage.apply() if ": removed" in line] == [
        f"{name}: removed: the settings do not want it any more" for name in gone
    ]
    assert [rule["Name"] for rule in stage.events.list_rules()["Rules"]] == [theirs["Name"]]
    assert stage.states.list_state_machines()["stateMachines"] == []
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    assert stage.writes == []


def test_who_may_not_look_for_what_his_settings_do_not_want_is_told_in_one_line(stage: World) -> None:
    def denied(model: OperationModel, **_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, model.name)

    stage.states.meta.events.register("before-call", denied)
    stage.budgets.meta.events.register("before-call", denied)
    stage.set(backfill_concurrency=0)
    for lines in (stage.apply(), stage.plan(), stage.destroy()):
        (line,) = [line for line in lines if line.startswith("Not looked for")]
        for name in ("backfill", "refresh", "refresh-after-loads"):
            assert f"state machine orders-etl-test-{name}, " in line or f"state machine orders-etl-test-{name}." in line
        assert "budget orders-etl-test, " in line
    stage.set(backfill_concurrency=5)
    with pytest.raises(SetupError, match="state machine orders-etl-test-backfill: DescribeStateMachine was denied"):
        stage.apply()


def test_a_state_machine_that_somebody_changed_is_set_back_and_its_limits_follow_the_settings(stage: World) -> None:
    stage.apply()
    machine = stage.target.machine("backfill")
    stage.states.update_state_machine(stateMachineArn=machine, definition='{"StartAt": "A", "States": {}}')
    assert "state machine orders-etl-test-backfill: change" in stage.plan()
    stage.apply()
    stage.set(backfill_concurrency=40)
    assert "state machine orders-etl-test-backfill: changed (definition)" in stage.apply()
    definition = json.loads(stage.states.describe_state_machine(stateMachineArn=machine)["definition"])
    assert definition["States"]["Load"]["MaxConcurrency"] == 40


@pytest.mark.parametrize("kind", ["state machine", "schedule", "role"])
def test_what_is_another_stages_is_neither_changed_nor_removed(stage: World, kind: str) -> None:
    stage.set(refresh_minutes=30)
    stage.apply()
    other = {"Key": TAG, "Value": "orders-etl/other/bucket"}
    name = "orders-etl-test-refresh"
    if kind == "state machine":
        tags = [{"key": other["Key"], "value": other["Value"]}]
        stage.states.tag_resource(resourceArn=stage.target.machine("refresh"), tags=tags)
    elif kind == "schedule":
        stage.events.tag_resource(ResourceARN=stage.target.rule("refresh"), Tags=[other])
    else:
        stage.iam.tag_role(RoleName=name, Tags=[other])
    with pytest.raises(SetupError, match="it belongs to stage orders-etl/other/bucket"):
        stage.apply()
    assert any(line.startswith(f"{kind} {name}: kept: it belongs to stage") for line in stage.destroy())
