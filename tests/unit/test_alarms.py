"""What is watched, and that each alarm and each metric is explained to whoever it wakes."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from glue_setup.place import Place

from chalicelib.settings import Settings
from chalicelib.stage import Stage
from chalicelib.telemetry.metrics import METRICS, NAMESPACE
from glue_setup import definitions
from glue_setup.alarms import alarms, fresh_seconds
from glue_setup.dashboard import dashboard
from tests.goldens.golden import assert_golden

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
SETTINGS = Settings(bucket="orders-etl-test", crawler="orders-crawler", stage="test", alarm_topic=TOPIC)
PLACE = Place(account="123456789012", region="eu-west-1")
STAGE = Stage("test", "orders-etl", SETTINGS, {"load": 900})
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def made(**settings):
    return {a["AlarmName"]: a for a in alarms(replace(STAGE, settings=replace(SETTINGS, **settings)), PLACE)}


def watched(alarm):
    """Return the metrics of an alarm as (namespace, name, dimensions)."""
    found = [alarm] if "MetricName" in alarm else [m["MetricStat"]["Metric"] for m in alarm["Metrics"][1:]]
    return [(m["Namespace"], m["MetricName"], {d["Name"]: d["Value"] for d in m["Dimensions"]}) for m in found]


def test_the_alarms_are_the_golden_ones():
    assert_golden("alarms", alarms(STAGE, PLACE))


def test_the_dashboard_is_the_golden_one():
    assert_golden("dashboard", dashboard(STAGE, PLACE, list(made())))


def test_what_lambda_does_with_an_event_that_fails_is_the_golden_one():
    queue = PLACE.queue(STAGE.failed_queue)
    expected = {
        "queue": definitions.tls_only_queue(queue),
        "load": definitions.failed_events(queue),
        "sweep": definitions.sweep_events(),
    }
    assert_golden("failed_events", expected)


def test_every_metric_of_ours_that_is_watched_or_drawn_is_one_that_is_written():
    for alarm in made().values():
        for namespace, name, dimensions in watched(alarm):
            if namespace == NAMESPACE:
                assert name in METRICS
                assert dimensions == {"stage": "test"}
    drawn = {
        line[1]
        for widget in dashboard(STAGE, PLACE, [])["widgets"]
        for line in widget["properties"].get("metrics", [])
        if NAMESPACE in line
    }
    assert drawn | {"LoadFailures"} == set(METRICS)


def test_whatever_is_watched_is_of_this_stage_alone():
    others = replace(STAGE, name="prod", settings=replace(SETTINGS, stage="prod"))
    theirs = {json.dumps(each) for alarm in alarms(others, PLACE) for each in watched(alarm)}
    ours = {json.dumps(each) for alarm in alarms(STAGE, PLACE) for each in watched(alarm)}
    assert not ours & theirs
    assert not set(made()) & {alarm["AlarmName"] for alarm in alarms(others, PLACE)}


def test_the_topic_is_told_of_an_alarm_and_of_its_end_and_without_one_nobody_is():
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC] for alarm in made().values())
    assert all(alarm["AlarmActions"] == alarm["OKActions"] == [] for alarm in made(alarm_topic="").values())


def test_orders_are_late_only_when_the_sweep_has_had_its_time():
    assert fresh_seconds(STAGE) == 15 * 60 + 3600 + 900
    often = made(sweep_minutes=5, sweep_grace_seconds=900)
    assert often["orders-etl-test-orders-late"]["Threshold"] == 5 * 60 + 900 + 900
    assert often["orders-etl-test-sweep-silent"]["Period"] == 300


def test_a_load_is_slow_by_the_timeout_that_its_function_has():
    quick = alarms(replace(STAGE, timeouts={"load": 100}), PLACE)
    (slow,) = [alarm for alarm in quick if alarm["AlarmName"].endswith("load-slow")]
    assert slow["Threshold"] == 80_000


def test_only_a_stage_with_a_crawler_has_an_alarm_for_it():
    assert "orders-etl-test-crawler-failing" in made()
    assert "orders-etl-test-crawler-failing" not in made(crawler="")


@pytest.mark.parametrize("minutes", [2, 60, 1440])
def test_periods_are_what_cloudwatch_takes_however_often_the_sweep_runs(minutes):
    for alarm in made(sweep_minutes=minutes).values():
        periods = [m["MetricStat"]["Period"] for m in alarm.get("Metrics", [])[1:]] or [alarm["Period"]]
        assert len(set(periods)) == 1
        assert periods[0] % 60 == 0
        assert periods[0] * alarm["EvaluationPeriods"] <= (86_400 if periods[0] < 3600 else 604_800)


def test_each_alarm_and_each_metric_is_explained():
    text = OPERATIONS.read_text("utf-8")
    explained = set(re.findall(r"^### ([a-z-]+)$", text, re.M))
    assert explained == {name.removeprefix("orders-etl-test-") for name in made()}
    rows = dict(re.findall(r"^\| `(\w+)` \| ([\w^ ]+) \|", text, re.M))
    assert rows == {name: metric.unit for name, metric in METRICS.items()}
