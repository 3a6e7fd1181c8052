"""The health of a stage, read from CloudWatch and SQS with the person's own credentials. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.telemetry.metrics import CONTRACT, NAMESPACE, STAGE, stage_value
from console.connection import Connection
from console.errors import ConsoleError

CONFIG = Config(retries={"mode": "standard", "max_attempts": 3}, connect_timeout=3, read_timeout=10)
DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError")
EXPIRED = (
    "ExpiredToken",
    "ExpiredTokenException",
    "RequestExpired",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
)
OF_THE_DATA = ("OrdersLoaded", "OrdersRejected", "RowsLoaded", "ObjectsLoaded", "ObjectsQuarantined")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Alarm:
    """An alarm: its name within the stage, its state in CloudWatch's words, what it means, since when."""

    name: str
    state: str
    meaning: str
    since: datetime | None


@dataclass(frozen=True)
class Day:
    """The last day: sums by metric, and of orders loaded and rejected by the hour that ends."""

    totals: dict[str, float]
    hours: list[datetime] = field(default_factory=list)
    loaded: list[float] = field(default_factory=list)
    rejected: list[float] = field(default_factory=list)


class Watcher:
    """Reads what watches a stage. Every method raises ConsoleError, and may be called from any thread."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stage = connection.stage

    def alarms(self) -> list[Alarm]:
        """Return the stage's alarms, those that ring first."""
        prefix = f"{self._stage.app}-{self._stage.name}-"
        with _in_words("cloudwatch:DescribeAlarms"):
            pages = self._client("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
            listed = [alarm for page in pages for alarm in page["MetricAlarms"]]
        alarms = [
            Alarm(
                each["AlarmName"].removeprefix(prefix),
                each.get("StateValue", "INSUFFICIENT_DATA"),
                each.get("AlarmDescription", ""),
                each.get("StateUpdatedTimestamp"),
            )
            for each in listed
        ]
        return sorted(alarms, key=lambda alarm: (alarm.state != "ALARM", alarm.name))

    def failed_events(self) -> int:
        """Return how many events wait whose load failed to the end."""
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        with _in_words("sqs:GetQueueUrl and sqs:GetQueueAttributes"):
            sqs = self._client("sqs")
            url = sqs.get_queue_url(QueueName=self._stage.failed_queue)["QueueUrl"]
            attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(attributes.get(name, 0)) for name in names)

    def last_sweep(self) -> datetime | None:
        """Return by when the last sweep of the last two days had ended, None where there was none.

        A deployment writes a first value, of no seconds, which is no sweep.
        """
        minutes = timedelta(minutes=5)
        times, values = self._series([_metric("SweepSeconds", "Maximum", self._of_stage(), minutes)], 2 * DAY)["m0"]
        return max((time + minutes for time, value in zip(times, values, strict=True) if value), default=None)

    def day(self, contracts: Sequence[str]) -> Day:
        """Return the loads and rejections of the last day, of all contracts together."""
        asked = [(name, contract) for name in OF_THE_DATA for contract in contracts]
        queries = [_metric(name, "Sum", self._of_stage() | {CONTRACT: of}, HOUR) for name, of in asked]
        series = self._series(queries, DAY)
        totals = dict.fromkeys(OF_THE_DATA, 0.0)
        hourly: dict[str, dict[datetime, float]] = {name: {} for name in OF_THE_DATA}
        for i, (name, _) in enumerate(asked):
            for time, value in zip(*series[f"m{i}"], strict=True):
                totals[name] += value
                hourly[name][time] = hourly[name].get(time, 0.0) + value
        end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        hours = [end - HOUR * i for i in reversed(range(24))]
        loaded, rejected = ([hourly[name].get(hour, 0.0) for hour in hours] for name in OF_THE_DATA[:2])
        return Day(totals, hours, loaded, rejected)

    def _of_stage(self) -> dict[str, str]:
        return {STAGE: stage_value(self._stage.settings.stage)}

    def _series(self, queries: list[dict[str, Any]], back: timedelta) -> dict[str, tuple[list[datetime], list[float]]]:
        """Return times and values of each metric, by `m` and its number."""
        for i, query in enumerate(queries):
            query["Id"] = f"m{i}"
        end = datetime.now(UTC)
        start = (end - back).replace(minute=0, second=0, microsecond=0)
        series: dict[str, tuple[list[datetime], list[float]]] = {query["Id"]: ([], []) for query in queries}
        with _in_words("cloudwatch:GetMetricData"):
            paginator = self._client("cloudwatch").get_paginator("get_metric_data")
            for i in range(0, len(queries), 500):
                some: Any = queries[i : i + 500]
                for page in paginator.paginate(MetricDataQueries=some, StartTime=start, EndTime=end):
                    for result in page["MetricDataResults"]:
                        series[result["Id"]][0].extend(result["Timestamps"])
                        series[result["Id"]][1].extend(result["Values"])
        return series

    def _client(self, service: Any) -> Any:
        # Made anew for each look: new credentials count at once.
        return self._connection.session().client(service, endpoint_url=self._connection.endpoint_url, config=CONFIG)


def _metric(name: str, statistic: str, dimensions: dict[str, str], period: timedelta) -> dict[str, Any]:
    metric = {
        "Namespace": NAMESPACE,
        "MetricName": name,
        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
    }
    return {"MetricStat": {"Metric": metric, "Period": int(period.total_seconds()), "Stat": statistic}}


@contextmanager
def _in_words(permission: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in DENIED:
            raise ConsoleError(f"you lack the permission {permission}", "ask for it, or leave this part out") from None
        if code in EXPIRED:
            raise ConsoleError(
                "your AWS credentials have expired or are not known", "log in again, then reload"
            ) from None
        raise ConsoleError(f"AWS answered {code} to {permission}", "reload in a minute") from None
    except BotoCoreError as error:
        raise ConsoleError(
            f"AWS does not answer ({error})", "see whether you are online and logged in; reload"
        ) from None
