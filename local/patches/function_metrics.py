"""Lines of a function's log in CloudWatch's embedded metric format become metrics.

Gap: MiniStack keeps such lines as text, so that no metric of the product's own is ever there to be asked for or to
ring an alarm. Drop this file when GetMetricData knows what a function wrote in this format.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from ministack.services import cloudwatch, lambda_svc

TOUCHES = {
    "ministack.services.lambda_svc._emit_lambda_logs": "111efbf06968",
    "ministack.services.cloudwatch.record_metric": "7f777bfbe523",
}
MARK = '{"_aws":'


class Value(NamedTuple):
    """A value of a metric, as `record_metric` takes it."""

    namespace: str
    name: str
    value: float
    unit: str
    dimensions: dict[str, str]


def apply() -> None:
    """Record the metrics of what a function logs, when MiniStack keeps its log. Applied below lambda_role's check."""
    emit = lambda_svc._emit_lambda_logs

    def emit_with_metrics(func: dict[str, Any], request_id: str, log_text: str, *rest: Any, **more: Any) -> None:
        emit(func, request_id, log_text, *rest, **more)
        for line in log_text.splitlines():
            for value in values_in(line):
                cloudwatch.record_metric(*value)

    lambda_svc._emit_lambda_logs = emit_with_metrics


def values_in(line: str) -> Iterator[Value]:
    """Yield the values that a line of a log has in this format: each by every set of dimensions. None in another."""
    if not line.startswith(MARK):
        return
    try:
        entry = json.loads(line)
        directives = entry["_aws"]["CloudWatchMetrics"]
    except (ValueError, LookupError, TypeError):
        return
    for directive in directives:
        for names in directive["Dimensions"]:
            dimensions = {name: str(entry[name]) for name in names}
            for metric in directive["Metrics"]:
                given = entry[metric["Name"]]
                for value in given if isinstance(given, list) else [given]:
                    yield Value(
                        directive["Namespace"], metric["Name"], float(value), metric.get("Unit", "None"), dimensions
                    )
