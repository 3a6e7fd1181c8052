"""Alarms and the dashboard in CloudWatch."""

from __future__ import annotations

import json
from typing import Any, cast

from botocore.exceptions import ClientError

from glue_setup.alarms import Request, needs_data
from glue_setup.clients import Clients
from glue_setup.resource import Blocks, Plan, Resource, State, as_text
from glue_setup.target import Target
from glue_setup.terraform_json import literal, snake

WATCHED = (
    *("Namespace", "MetricName", "Dimensions", "Period", "Statistic", "ExtendedStatistic"),
    *("EvaluateLowSampleCountPercentile", "Metrics"),
)
"""The members of an alarm that say what it watches."""
NO_DASHBOARD = {"ResourceNotFound", "DashboardNotFoundError"}
SCHEDULED = "aws_cloudwatch_event_target.sweep-event"
"""What starts the sweep, as Chalice names it for Terraform: it feeds the alarm that rings without data."""


class Alarm(Resource):
    """One alarm. Its tags are left to others, and so is whether its actions are switched off.

    One that rings while nothing writes its metric gets a first data point before it is made: a schedule by rate fires
    first after its whole interval, and until then the alarm would ring on every new stage.
    """

    def __init__(self, target: Target, clients: Clients, request: Request) -> None:
        self._alarm = request["AlarmName"]
        super().__init__(target, clients, f"alarm {self._alarm}")
        self._cloudwatch = clients.cloudwatch
        self._request = request

    def find(self) -> Any:
        """Read it."""
        answer = self._cloudwatch.describe_alarms(AlarmNames=[self._alarm], AlarmTypes=["MetricAlarm"])
        return next(iter(answer.get("MetricAlarms", [])), None)

    def state(self, existing: Any) -> State:
        """Return what it watches, when it rings and whom it tells."""
        watched = {name: existing[name] for name in WATCHED if existing.get(name)}
        if "Metrics" in watched:
            watched = {"Metrics": sorted(watched["Metrics"], key=lambda each: str(each["Id"]))}
        periods = existing.get("EvaluationPeriods")
        return {
            "means": str(existing.get("AlarmDescription", "")),
            "watches": as_text(watched),
            "rings": f"{existing.get('ComparisonOperator')} {float(existing.get('Threshold', 0)):g}, "
            f"{existing.get('DatapointsToAlarm', periods)} of {periods} periods",
            "without data": str(existing.get("TreatMissingData", "missing")),
            "tells": ", ".join(existing.get("AlarmActions", [])) or "nobody",
            "tells when it is over": ", ".join(existing.get("OKActions", [])) or "nobody",
        }

    def desired(self, current: State | None) -> State:
        """Return the same of the alarm as it should be."""
        return self.state(self._request)

    def make(self, plan: Plan) -> None:
        """Put the whole alarm, as CloudWatch has it; muted stays muted."""
        enabled = plan.creates or bool(plan.existing.get("ActionsEnabled", True))
        if plan.creates and needs_data(self._request):
            sample: Any = {name: self._request[name] for name in ("MetricName", "Dimensions")} | {"Value": 0.0}
            self._cloudwatch.put_metric_data(Namespace=self._request["Namespace"], MetricData=[sample])
        self._cloudwatch.put_metric_alarm(**cast(Any, self._request), ActionsEnabled=enabled)

    def delete(self, existing: Any, delete_data: bool) -> None:
        """Delete it."""
        self._cloudwatch.delete_alarms(AlarmNames=[self._alarm])

    def terraform(self) -> Blocks:
        """Return the alarm, under its name within the stage."""
        request = self._request
        made: Any = snake({key: value for key, value in request.items() if key not in ("Metrics", "Dimensions")})
        if "Dimensions" in request:
            made["dimensions"] = _dimensions(request["Dimensions"])
        if "Metrics" in request:
            made["metric_query"] = [_query(metric) for metric in request["Metrics"]]
        if needs_data(request):
            made["depends_on"] = [SCHEDULED]
        percentiles = "evaluate_low_sample_count_percentile"
        if percentiles in made:
            made[f"{percentiles}s"] = made.pop(percentiles)
        return {"aws_cloudwatch_metric_alarm": {self._alarm.removeprefix(f"{self.target.prefix}-"): made}}


class Dashboard(Resource):
    """The stage's dashboard, as a whole: what somebody draws into it is taken out again."""

    def __init__(self, target: Target, clients: Clients, body: dict[str, Any]) -> None:
        super().__init__(target, clients, f"dashboard {target.prefix}")
        self._cloudwatch = clients.cloudwatch
        self._body = body

    def find(self) -> Any:
        """Read its body."""
        try:
            return json.loads(self._cloudwatch.get_dashboard(DashboardName=self.target.prefix)["DashboardBody"])
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in NO_DASHBOARD:
                return None
            raise

    def state(self, existing: Any) -> State:
        """Return each widget by its title."""
        titled: dict[str, str] = {}
        for each in existing.get("widgets", []):
            title = f"widget {each.get('properties', {}).get('title', '')}"
            titled[title] = titled.get(title, "") + as_text(each)
        return titled

    def desired(self, current: State | None) -> State:
        """Return the same of the dashboard as it should be."""
        return self.state(self._body)

    def make(self, plan: Plan) -> None:
        """Put the whole dashboard."""
        self._cloudwatch.put_dashboard(DashboardName=self.target.prefix, DashboardBody=json.dumps(self._body))

    def delete(self, existing: Any, delete_data: bool) -> None:
        """Delete it."""
        self._cloudwatch.delete_dashboards(DashboardNames=[self.target.prefix])

    def terraform(self) -> Blocks:
        """Return the dashboard."""
        body = literal(json.dumps(self._body, ensure_ascii=False))
        return {"aws_cloudwatch_dashboard": {"etl": {"dashboard_name": self.target.prefix, "dashboard_body": body}}}


def _query(metric: dict[str, Any]) -> dict[str, Any]:
    query = {"id": metric["Id"], "return_data": metric["ReturnData"]}
    if "Expression" in metric:
        return query | {"expression": metric["Expression"]}
    watched = metric["MetricStat"]
    drawn = {
        "namespace": watched["Metric"]["Namespace"],
        "metric_name": watched["Metric"]["MetricName"],
        "dimensions": _dimensions(watched["Metric"]["Dimensions"]),
    }
    return query | {"metric": drawn | {"period": watched["Period"], "stat": watched["Stat"]}}


def _dimensions(named: list[dict[str, str]]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in named}
