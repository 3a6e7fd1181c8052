"""An alarm is read back as it was put: over an expression of metrics, or a percentile.

Gap: MiniStack forgets an alarm's `Metrics` and `EvaluateLowSampleCountPercentile`, and adds a statistic and a period
that nobody put, so that who compares what is with what should be finds a difference for ever. Such an alarm is kept
and read back; its state is not worked out. Drop this file when DescribeAlarms answers what PutMetricAlarm was sent.
"""

from __future__ import annotations

from typing import Any

from ministack.services import cloudwatch

TOUCHES = {
    "ministack.services.cloudwatch._put_metric_alarm": "953a67ff4bb1",
}

FORGOTTEN = ("Metrics", "EvaluateLowSampleCountPercentile")
INVENTED = ("Statistic", "Period")


def apply() -> None:
    """Keep the members that MiniStack forgets, and take out what it invents."""
    put = cloudwatch._put_metric_alarm

    def put_metric_alarm(params: Any, request: dict[str, Any], is_cbor: bool, is_json: bool = False) -> Any:
        answer = put(params, request, is_cbor, is_json)
        alarm = cloudwatch._alarms.get(request.get("AlarmName")) if is_cbor or is_json else None
        if alarm is not None and answer[0] == 200:
            alarm.update({name: request[name] for name in FORGOTTEN if name in request})
            for name in INVENTED:
                if name not in request:
                    alarm.pop(name, None)
        return answer

    cloudwatch._put_metric_alarm = put_metric_alarm
