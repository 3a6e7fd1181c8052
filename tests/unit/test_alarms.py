"""What is watched, and that each alarm and each metric is explained to whoever it wakes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from chalicelib.settings import Settings
from chalicelib.stage import Stage
from chalicelib.telemetry.metrics import CONTRACT, METRICS, NAMESPACE
from glue_setup.alarms import Request, alarms, fresh_seconds
from glue_setup.dashboard import dashboard
from glue_setup.queue import queue_statement
from glue_setup.wiring import FAILED_SWEEPS, failed_loads
from tests.contracts import ORDERS, returns_contract
from tests.edge.glue_setup_world import target_with
from tests.goldens.golden import assert_golden

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
SETTINGS = Settings(
    bucket="orders-etl-test", crawler="orders-crawler", stage="test", alarm_topic=TOPIC, refresh_after_loads=300
)
STAGE = Stage("test", "orders-etl", SETTINGS, {"load": 900})
TARGET = target_with(STAGE)
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def made(**settings: Any) -> dict[str, Request]:
    target = target_with(structs.replace(STAGE, settings=structs.replace(SETTINGS, **settings)))
    return {alarm["AlarmName"]: alarm for alarm in alarms(target)}


def watched(alarm: Request) -> list[tuple[str, str, dict[str, str]]]:
    """Return the metrics of an alarm as (namespace, name, dimensions)."""
    metrics = [alarm] if "MetricName" in alarm else [m["MetricStat"]["Metric"] for m in alarm["Metrics"][1:]]
    return [(m["Namespace"], m["MetricName"], {d["Name"]: d["Value"] for d in m["Dimensions"]}) for m in metrics]


def test_the_alarms_are_the_golden_ones() -> None:
    assert_golden("alarms", alarms(TARGET))


def test_the_dashboard_is_the_golden_one() -> None:
    assert_golden("dashboard", dashboard(TARGET, list(made())))


def test_what_lambda_does_with_an_event_that_fails_is_the_golden_one() -> None:
    expected = {
        "queue": queue_statement(TARGET),
        "load": failed_loads(TARGET.failed_queue),
        "sweep": FAILED_SWEEPS,
    }
    assert_golden("failed_events", expected)


def test_every_metric_of_ours_that_is_watched_or_drawn_is_one_that_is_written() -> None:
    for alarm in made().values():
        for namespace, name, dimensions in watched(alarm):
            if namespace == NAMESPACE:
                by_contract = METRICS[name].dimension == CONTRACT
                assert dimensions == {"stage": "test"} | ({"contract": "orders"} if by_contract else {})
    drawn = {
        line[1]
        for widget in dashboard(TARGET, [])["widgets"]
        for line in widget["properties"].get("metrics", [])
        if NAMESPACE in line
    }
    assert drawn | {"LoadFailures"} == set(METRICS)


def test_each_contract_has_alarms_and_lines_on_the_dashboard_over_its_own_metrics(
    tmp_path: Path,
) -> None:
    target = target_with(STAGE, ORDERS, returns_contract())
    both = {alarm["AlarmName"]: alarm for alarm in alarms(target)}
    about_data = {f"orders-etl-test-returns-{what}" for what in ("rejected", "file-quarantined", "late")}
    assert set(both) - set(made()) == about_data
    for name in about_data:
        ours = [dimensions for namespace, _, dimensions in watched(both[name]) if namespace == NAMESPACE]
        assert ours
        assert all(each == {"stage": "test", "contract": "returns"} for each in ours)
    drawn = [line for widget in dashboard(target, [])["widgets"] for line in widget["properties"].get("metrics", [])]
    for contract in ("orders", "returns"):
        assert {line[1] for line in drawn if contract in line} == {
            name for name, metric in METRICS.items() if metric.dimension == CONTRACT
        }


def test_whatever_is_watched_is_of_this_stage_alone() -> None:
    others = structs.replace(STAGE, name="prod", settings=structs.replace(SETTINGS, stage="prod"))
    theirs = {json.dumps(each) for alarm in alarms(target_with(others)) for each in watched(alarm)}
    ours = {json.dumps(each) for alarm in alarms(TARGET) for each in watched(alarm)}
    assert not ours & theirs
    assert not set(made()) & {alarm["AlarmName"] for alarm in alarms(target_with(others))}


def test_the_topic_is_notified_of_an_alarm_and_of_its_end_and_without_one_nobody_is() -> None:
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC] for alarm in made().values())
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [] for alarm in made(alarm_topic="").values())


def test_orders_are_late_only_when_the_sweep_has_had_its_time() -> None:
    assert fresh_seconds(STAGE) == 15 * 60 + 3600 + 900
    often = made(sweep_minutes=5, sweep_grace_seconds=900)
    assert often["orders-etl-test-orders-late"]["Threshold"] == 5 * 60 + 900 + 900
    assert often["orders-etl-test-sweep-silent"]["Period"] == 300


def test_a_load_is_slow_by_the_timeout_that_its_function_has() -> None:
    quick = alarms(target_with(structs.replace(STAGE, timeouts={"load": 100})))
    (slow,) = [alarm for alarm in quick if alarm["AlarmName"].endswith("load-slow")]
    assert slow["Threshold"] == 80_000


def test_only_a_stage_with_a_crawler_has_an_alarm_for_it() -> None:
    assert "orders-etl-test-crawler-failing" in made()
    assert "orders-etl-test-crawler-failing" not in made(crawler="")


def test_a_stage_whose_loads_start_a_refresh_watches_that_it_is_started_on_the_bus_that_it_uses() -> None:
    name = "orders-etl-test-refresh-not-started"
    (_, machine, of_machine), (_, rule, of_rule) = watched(made()[name])
    assert (machine, rule) == ("ExecutionsFailed", "FailedInvocations")
    assert of_machine["StateMachineArn"].endswith(":stateMachine:orders-etl-test-refresh-after-loads")
    assert of_rule == {"RuleName": "orders-etl-test-refresh-after-loads"}
    assert watched(made(event_bus="shop")[name])[1][2] == of_rule | {"EventBusName": "shop"}
    assert name not in made(refresh_after_loads=0)


@pytest.mark.parametrize("minutes", [2, 60, 1440])
def test_periods_are_what_cloudwatch_takes_however_often_the_sweep_runs(minutes: int) -> None:
    for alarm in made(sweep_minutes=minutes).values():
        periods = [m["MetricStat"]["Period"] for m in alarm.get("Metrics", [])[1:]] or [alarm["Period"]]
        assert len(set(periods)) == 1
        assert periods[0] % 60 == 0
        assert periods[0] * alarm["EvaluationPeriods"] <= (86_400 if periods[0] < 3600 else 604_800)


def test_each_alarm_and_each_metric_is_explained() -> None:
    text = OPERATIONS.read_text("utf-8")
    explained = set(re.findall(r"^### ([a-z-]+)$", text, re.M))
    assert explained == {name.removeprefix("orders-etl-test-").removeprefix("orders-") for name in made()}
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w^ ]+) \|", text, re.M))
    assert rows == {name: metric.unit for name, metric in METRICS.items()}
