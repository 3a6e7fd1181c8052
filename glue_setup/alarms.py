"""What the alarms watch, as pure functions: one PutMetricAlarm request each. docs/operations.md says what to do.

Everything is watched by sums and maxima over fixed periods, and a metric that nobody writes breaches nothing: a shop
without orders in the night is well. The one exception is the sweep, which has to be heard of.

Alarms about data are one a contract, APP-STAGE-CONTRACT-NAME; the others one a stage, APP-STAGE-NAME.
"""

from __future__ import annotations

from typing import Any

from chalicelib.dataset import Dataset
from chalicelib.stage import Stage
from chalicelib.telemetry.metrics import CONTRACT, NAMESPACE, STAGE, stage_value
from glue_setup.refresh_after_loads import AFTER_LOADS
from glue_setup.target import Target

Request = dict[str, Any]
Watched = dict[str, Any]

REJECTED_PERCENT = 5
"""More than this share of an hour's orders rejected: whoever sends them has changed something."""
FAILED_TRIES = 3
"""So many failed tries within 15 minutes: one event that fails to the end, or many that fail once."""
DURATION_PERCENT = 80
"""More than this share of the function's timeout: the next larger file may not end in time."""
LOAD_SECONDS = 900
"""The longest that a load can take."""
MINUTE, HOUR = 60, 3600

MEANINGS = {
    "load-failed": "Loads failed to the end; their events wait in the queue. Find the cause, then run operate redrive.",
    "load-failed-lost": "Lambda could not write a failed event to the queue. The sweep will find its object.",
    "rejected": f"More than {REJECTED_PERCENT} % of an hour's orders were rejected. The quarantine tells why.",
    "file-quarantined": "A file could not be read and loaded nothing. The quarantine tells why.",
    "late": "An object was not in the table within {fresh} seconds, or still is not.",
    "load-errors": (
        f"Loads failed {FAILED_TRIES} times within 15 minutes. The dashboard tells the kinds, the log the keys."
    ),
    "load-throttled": "Loads have been waiting for a free place for 15 minutes. Nothing is lost; the data are late.",
    "event-not-understood": (
        "An event was not S3's own, and nothing was loaded for it. The sweep finds what it announced, later."
    ),
    "outbox-failing": "Receipts or events could not be written or sent. The data are loaded; the sweep makes it good.",
    "load-slow": f"Loads take more than {DURATION_PERCENT} % of the {{timeout}} seconds that the function has.",
    "sweep-gave-up": "An object fails every time; the sweep no longer announces it. Its key is in the sweep's log.",
    "sweep-refused": (
        "Too many of the table's files are unknown to the ledger, which may be lost. The sweep removed none."
    ),
    "ledger-unreadable": "Ledger entries could not be read. They were set aside, and their objects are loaded anew.",
    "table-foreign-file": (
        "A file in the table's prefix is none of the pipeline's. If it is not Parquet, every query fails on it."
    ),
    "sweep-silent": "No sweep has ended for two of its intervals: what no event announces is not found.",
    "catalog-failing": (
        "Months could not be registered in the catalog in two rounds of the sweep: what a load writes into a new month "
        "cannot be queried."
    ),
    "refresh-not-started": "Loads could not start the refresh that is to follow them.",
    "crawler-failing": "The crawler could not be started: new months cannot be queried before it has run.",
}
"""What each alarm says to whom it wakes."""


def alarms(target: Target, everything: bool = False) -> list[Request]:
    """Return the alarms of a stage. Those of catalog and crawler only where it needs them, or with `everything`."""
    stage = target.stage
    made = _of_the_queue(stage)
    for dataset in target.datasets:
        made += _of_the_data(stage, dataset)
    made += [*_of_the_function(stage), *_of_the_sweep(stage)]
    if everything or stage.settings.catalog_mode == "partitions":
        made.append(_of_the_catalog(stage))
    if everything or stage.settings.crawler:
        made.append(_of_the_crawler(stage))
    if everything or stage.settings.refresh_after_loads:
        made.append(_of_the_refresh(target))
    topic = stage.settings.alarm_topic
    actions = [topic] if topic else []
    return [request | {"AlarmActions": actions, "OKActions": actions} for request in made]


def needs_data(request: Request) -> bool:
    """Tell whether an alarm rings while nothing writes its metric: it is made only after what feeds it."""
    return bool(request["TreatMissingData"] == "breaching")


def fresh_seconds(stage: Stage) -> int:
    """Return after how many seconds an object must be in the table, even if no event ever announced it.

    The sweep finds it within its interval and grace time; then the load may take its time.
    """
    settings = stage.settings
    return settings.sweep_minutes * MINUTE + settings.sweep_grace_seconds + LOAD_SECONDS


def _own(stage: Stage, name: str, period: int, statistic: str, dataset: Dataset | None = None) -> Watched:
    """Return one of our own metrics: of a dataset, or of the stage alone."""
    dimensions = {STAGE: stage_value(stage.settings.stage)}
    if dataset is not None:
        dimensions[CONTRACT] = dataset.name
    return _metric(NAMESPACE, name, dimensions, period, statistic)


def _of_function(stage: Stage, function: str, name: str, period: int, statistic: str) -> Watched:
    """Return one of Lambda's metrics of a function."""
    return _metric("AWS/Lambda", name, {"FunctionName": stage.function(function)}, period, statistic)


def _of_the_queue(stage: Stage) -> list[Request]:
    name = {"QueueName": stage.failed_queue}
    depth = _metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", name, 5 * MINUTE, "Maximum")
    lost = _of_function(stage, "load", "DestinationDeliveryFailures", 5 * MINUTE, "Sum")
    return [_alarm(stage, "load-failed", _one(depth)), _alarm(stage, "load-failed-lost", _one(lost))]


def _of_the_data(stage: Stage, dataset: Dataset) -> list[Request]:
    share = _math(
        "IF(loaded + rejected > 0, 100 * rejected / (loaded + rejected), 0)",
        loaded=_own(stage, "OrdersLoaded", HOUR, "Sum", dataset),
        rejected=_own(stage, "OrdersRejected", HOUR, "Sum", dataset),
    )
    quarantined = _own(stage, "ObjectsQuarantined", 5 * MINUTE, "Sum", dataset)
    period = _sweep_period(stage)
    age = _math(
        "MAX([FILL(loaded, 0), FILL(waiting, 0)])",
        loaded=_own(stage, "FreshnessSeconds", period, "Maximum", dataset),
        waiting=_own(stage, "OldestWaitingSeconds", period, "Maximum", dataset),
    )
    return [
        _alarm(stage, "rejected", share, REJECTED_PERCENT, dataset=dataset),
        _alarm(stage, "file-quarantined", _one(quarantined), dataset=dataset),
        _alarm(stage, "late", age, fresh_seconds(stage), dataset=dataset),
    ]


def _of_the_function(stage: Stage) -> list[Request]:
    failed = _math(
        # What our code could tell of, and what ended its process: each failure is in one of them at least.
        "MAX([FILL(failures, 0), FILL(errors, 0)])",
        failures=_own(stage, "LoadFailures", 15 * MINUTE, "Sum"),
        errors=_of_function(stage, "load", "Errors", 15 * MINUTE, "Sum"),
    )
    throttles = _of_function(stage, "load", "Throttles", 5 * MINUTE, "Sum")
    strange = _own(stage, "EventsNotUnderstood", 15 * MINUTE, "Sum")
    unsent = _own(stage, "OutboxFailures", 15 * MINUTE, "Sum")
    duration = _of_function(stage, "load", "Duration", 15 * MINUTE, "p99")
    slow = _one(duration) | {"EvaluateLowSampleCountPercentile": "evaluate"}
    return [
        _alarm(stage, "load-errors", failed, FAILED_TRIES - 1),
        _alarm(stage, "load-throttled", _one(throttles), periods=3),
        _alarm(stage, "event-not-understood", _one(strange)),
        _alarm(stage, "outbox-failing", _one(unsent)),
        _alarm(stage, "load-slow", slow, stage.timeout("load") * 1000 * DURATION_PERCENT // 100),
    ]


def _of_the_sweep(stage: Stage) -> list[Request]:
    period = _sweep_period(stage)
    ended = _own(stage, "SweepSeconds", stage.settings.sweep_minutes * MINUTE, "SampleCount")
    silent = _alarm(stage, "sweep-silent", _one(ended), 1, periods=2)
    return [
        _alarm(stage, "sweep-gave-up", _one(_own(stage, "SweepGaveUp", 5 * MINUTE, "Sum"))),
        _alarm(stage, "sweep-refused", _one(_own(stage, "SweepRefusedToRemove", period, "Sum"))),
        _alarm(stage, "ledger-unreadable", _one(_own(stage, "LedgerEntriesUnreadable", 5 * MINUTE, "Sum"))),
        _alarm(stage, "table-foreign-file", _one(_own(stage, "ForeignFilesInTable", period, "Maximum"))),
        silent | {"ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching"},
    ]


def _of_the_catalog(stage: Stage) -> Request:
    # The sweep tries again each time: a failure that is over by then is none.
    period = stage.settings.sweep_minutes * MINUTE
    return _alarm(stage, "catalog-failing", _one(_own(stage, "CatalogFailures", period, "Sum")), periods=2)


def _of_the_crawler(stage: Stage) -> Request:
    return _alarm(stage, "crawler-failing", _one(_own(stage, "CrawlerFailures", 15 * MINUTE, "Sum")))


def _of_the_refresh(target: Target) -> Request:
    bus = target.settings.event_bus
    of_rule = {"RuleName": f"{target.prefix}-{AFTER_LOADS}"} | ({} if bus == "default" else {"EventBusName": bus})
    failed = _math(
        # What the small state machine could not start, and events that could not start the machine itself.
        "MAX([FILL(failed, 0), FILL(undelivered, 0)])",
        failed=_metric(
            "AWS/States", "ExecutionsFailed", {"StateMachineArn": target.machine(AFTER_LOADS)}, 5 * MINUTE, "Sum"
        ),
        undelivered=_metric("AWS/Events", "FailedInvocations", of_rule, 5 * MINUTE, "Sum"),
    )
    return _alarm(target.stage, "refresh-not-started", failed)


def _sweep_period(stage: Stage) -> int:
    """Return the seconds of a period in which a sweep has run: what it sees is written no more often than that."""
    return max(HOUR, stage.settings.sweep_minutes * MINUTE)


def _alarm(
    stage: Stage, name: str, watched: Watched, limit: float = 0, periods: int = 1, dataset: Dataset | None = None
) -> Request:
    contract = "" if dataset is None else f"{dataset.name}-"
    meaning = MEANINGS[name].format(fresh=fresh_seconds(stage), timeout=stage.timeout("load"))
    return {
        "AlarmName": f"{stage.app}-{stage.name}-{contract}{name}",
        "AlarmDescription": f"{meaning} See docs/operations.md, {name}.",
        **watched,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": float(limit),
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": periods,
        "TreatMissingData": "notBreaching",
    }


def _metric(namespace: str, name: str, dimensions: dict[str, str], period: int, statistic: str) -> Watched:
    return {
        "Metric": {
            "Namespace": namespace,
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        },
        "Period": period,
        "Stat": statistic,
    }


def _one(watched: Watched) -> Watched:
    """Return an alarm's fields for one metric; a percentile has a field of its own."""
    statistic = "ExtendedStatistic" if watched["Stat"].startswith("p") else "Statistic"
    return {**watched["Metric"], "Period": watched["Period"], statistic: watched["Stat"]}


def _math(expression: str, **watched: Watched) -> Watched:
    """Return an alarm's fields for an expression over metrics, which it knows by these names."""
    metrics = [{"Id": name, "MetricStat": each, "ReturnData": False} for name, each in watched.items()]
    return {"Metrics": [{"Id": "watched", "Expression": expression, "ReturnData": True}, *metrics]}
