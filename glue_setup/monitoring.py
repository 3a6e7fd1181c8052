"""Alarms and the dashboard in CloudWatch."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from glue_setup.alarms import Request
from glue_setup.resource import Plan, Resource, State, as_text

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

WATCHED = (
    *("Namespace", "MetricName", "Dimensions", "Period", "Statistic", "ExtendedStatistic"),
    *("EvaluateLowSampleCountPercentile", "Metrics"),
)
"""The members of an alarm that say what it watches."""
NO_DASHBOARD = {"ResourceNotFound", "DashboardNotFoundError"}


class Alarm(Resource):
    """One alarm. Its tags are left to others, and so is whether its actions are switched off."""

    def __init__(self, client: CloudWatchClient, request: Request) -> None:
        self._alarm = request["AlarmName"]
        self.name = f"alarm {self._alarm}"
        self._cloudwatch = client
        self._request = request

    def desired(self, current: State | None) -> State:
        """Return what it watches, when it rings and whom it tells."""
        return _state(self._request)

    def current(self) -> State | None:
        """Read it."""
        found = self._found()
        return None if found is None else _state(found)

    def make(self, plan: Plan) -> None:
        """Put the whole alarm, as CloudWatch has it; muted stays muted."""
        found = self._found()
        enabled = True if found is None else bool(found.get("ActionsEnabled", True))
        self._cloudwatch.put_metric_alarm(**cast(Any, self._request), ActionsEnabled=enabled)

    def remove(self, delete_data: bool) -> str:
        """Delete it."""
        if self._found() is None:
            return "absent"
        self._cloudwatch.delete_alarms(AlarmNames=[self._alarm])
        return "removed"

    def _found(self) -> dict[str, Any] | None:
        answer = self._cloudwatch.describe_alarms(AlarmNames=[self._alarm], AlarmTypes=["MetricAlarm"])
        return next((cast("dict[str, Any]", each) for each in answer.get("MetricAlarms", [])), None)


class FedAlarm(Alarm):
    """An alarm that rings while nothing writes its metric: a new one gets a first data point before it is made.

    A schedule by rate fires first after its whole interval; until then the alarm would ring on every new stage.
    """

    def make(self, plan: Plan) -> None:
        """Write one sample of 0 if the alarm is new, then put the alarm."""
        if plan.creates:
            sample = {
                "MetricName": self._request["MetricName"],
                "Dimensions": self._request["Dimensions"],
                "Value": 0.0,
            }
            self._cloudwatch.put_metric_data(Namespace=self._request["Namespace"], MetricData=[cast(Any, sample)])
        super().make(plan)


class Dashboard(Resource):
    """The stage's dashboard, as a whole: what somebody draws into it is taken out again."""

    def __init__(self, client: CloudWatchClient, name: str, body: dict[str, Any]) -> None:
        self._dashboard = name
        self.name = f"dashboard {name}"
        self._cloudwatch = client
        self._body = body

    def desired(self, current: State | None) -> State:
        """Return each widget by its title."""
        return _widgets(self._body)

    def current(self) -> State | None:
        """Read it."""
        try:
            found = self._cloudwatch.get_dashboard(DashboardName=self._dashboard)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in NO_DASHBOARD:
                return None
            raise
        return _widgets(json.loads(found["DashboardBody"]))

    def make(self, plan: Plan) -> None:
        """Put the whole dashboard."""
        self._cloudwatch.put_dashboard(DashboardName=self._dashboard, DashboardBody=json.dumps(self._body))

    def remove(self, delete_data: bool) -> str:
        """Delete it."""
        if self.current() is None:
            return "absent"
        self._cloudwatch.delete_dashboards(DashboardNames=[self._dashboard])
        return "removed"


def _state(alarm: dict[str, Any]) -> State:
    watched = {name: alarm[name] for name in WATCHED if alarm.get(name)}
    if "Metrics" in watched:
        watched = {"Metrics": sorted(watched["Metrics"], key=lambda each: str(each["Id"]))}
    periods = alarm.get("EvaluationPeriods")
    return {
        "means": str(alarm.get("AlarmDescription", "")),
        "watches": as_text(watched),
        "rings": f"{alarm.get('ComparisonOperator')} {float(alarm.get('Threshold', 0)):g}, "
        f"{alarm.get('DatapointsToAlarm', periods)} of {periods} periods",
        "without data": str(alarm.get("TreatMissingData", "missing")),
        "tells": ", ".join(alarm.get("AlarmActions", [])) or "nobody",
        "tells when it is over": ", ".join(alarm.get("OKActions", [])) or "nobody",
    }


def _widgets(body: dict[str, Any]) -> State:
    titled: dict[str, str] = {}
    for each in body.get("widgets", []):
        title = f"widget {each.get('properties', {}).get('title', '')}"
        titled[title] = titled.get(title, "") + as_text(each)
    return titled
