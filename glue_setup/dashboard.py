"""The stage's dashboard, as a pure function: what came in, whether it is fresh, what failed, what is near a limit."""

from __future__ import annotations

from typing import Any

from chalicelib.dataset import Dataset
from chalicelib.stage import Stage
from chalicelib.telemetry.metrics import CONTRACT, METRICS, NAMESPACE, STAGE, stage_value
from glue_setup.alarms import fresh_seconds
from glue_setup.target import Target

Widget = dict[str, Any]
Line = list[Any]

COLUMNS, WIDTH, HEIGHT = 24, 8, 6
FIVE_MINUTES, DAY = 300, 86_400


def dashboard(target: Target, alarm_names: list[str]) -> dict[str, Any]:
    """Return the dashboard's body: the alarms, then graphs three in a row, then the last errors of the log."""
    stage, region = target.stage, target.region
    graphs = [*_of_the_data(stage, target.datasets), *_of_the_loads(stage, target.datasets), *_of_what_else_runs(stage)]
    arns = [target.alarm(name) for name in alarm_names]
    widgets = [_widget(0, 0, COLUMNS, 3, "alarm", {"title": "Alarms", "alarms": arns})]
    for i, graph in enumerate(graphs):
        row, column = divmod(i, COLUMNS // WIDTH)
        drawn = {"view": "timeSeries", "region": region, "period": FIVE_MINUTES} | graph
        widgets.append(_widget(column * WIDTH, 3 + row * HEIGHT, WIDTH, HEIGHT, "metric", drawn))
    below = 3 + -(-len(graphs) // (COLUMNS // WIDTH)) * HEIGHT
    log = {"title": "The last errors and warnings", "region": region, "query": _log_query(stage), "view": "table"}
    widgets.append(_widget(0, below, COLUMNS, HEIGHT, "log", log))
    return {"widgets": widgets}


def _of_the_data(stage: Stage, datasets: tuple[Dataset, ...]) -> list[Widget]:
    late = {"label": "late", "value": fresh_seconds(stage)}

    def lines(*drawn: tuple[str, str], right: bool = False) -> list[Line]:
        return [_own(stage, name, statistic, right, of) for of in datasets for name, statistic in drawn]

    freshness = lines(("FreshnessSeconds", "p50"), ("FreshnessSeconds", "Maximum"), ("OldestWaitingSeconds", "Maximum"))
    return [
        _graph("Orders", *lines(("OrdersLoaded", "Sum"), ("OrdersRejected", "Sum"))),
        _graph("Source objects", *lines(("ObjectsLoaded", "Sum"), ("ObjectsQuarantined", "Sum"))),
        _graph("Freshness, seconds", *freshness) | {"annotations": {"horizontal": [late]}},
        _graph("Bytes and rows", *lines(("SourceBytes", "Sum")), *lines(("RowsLoaded", "Sum"), right=True)),
        _graph("Dollars of loads, a day", *lines(("LoadDollars", "Sum"))) | {"period": DAY},
    ]


def _of_the_loads(stage: Stage, datasets: tuple[Dataset, ...]) -> list[Widget]:
    timeout = {"label": "timeout", "value": stage.timeout("load") * 1000}
    of_stage = f'{STAGE}="{stage_value(stage.settings.stage)}"'
    kinds = (
        f"SEARCH('{{{NAMESPACE},{STAGE},{METRICS['LoadFailures'].dimension}}} MetricName=\"LoadFailures\" {of_stage}'"
    )
    return [
        _graph(
            "Duration of a try, milliseconds; of an object, seconds (right)",
            _of(stage, "load", "Duration", "p50"),
            _of(stage, "load", "Duration", "p99"),
            *(_own(stage, "LoadSeconds", "Maximum", right=True, dataset=of) for of in datasets),
        )
        | {"annotations": {"horizontal": [timeout]}},
        _graph("Memory peak, megabytes", _own(stage, "MemoryPeakMegabytes", "Maximum")),
        _graph("Failures by kind", [{"expression": f"{kinds}, 'Sum', {FIVE_MINUTES})", "id": "kinds", "label": ""}]),
        _graph(
            "Tries",
            _of(stage, "load", "Invocations", "Sum"),
            _of(stage, "load", "Errors", "Sum"),
            _of(stage, "load", "Throttles", "Sum"),
            _of(stage, "load", "ConcurrentExecutions", "Maximum"),
        ),
        _graph(
            "Events whose load failed to the end",
            ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", stage.failed_queue, {"stat": "Maximum"}],
            _of(stage, "load", "DestinationDeliveryFailures", "Sum"),
        ),
    ]


def _of_what_else_runs(stage: Stage) -> list[Widget]:
    return [
        _graph(
            "Sweep",
            _own(stage, "SweepAnnounced", "Sum"),
            _own(stage, "SweepGaveUp", "Sum"),
            _own(stage, "SweepRemoved", "Sum"),
            _own(stage, "SweepSeconds", "Maximum", right=True),
        ),
        _graph(
            "What somebody has to look at",
            _own(stage, "EventsNotUnderstood", "Sum"),
            _own(stage, "OutboxFailures", "Sum"),
            _own(stage, "SweepRefusedToRemove", "Sum"),
            _own(stage, "LedgerEntriesUnreadable", "Sum"),
            _own(stage, "ForeignFilesInTable", "Maximum"),
        ),
        _graph("Catalog and crawler", _own(stage, "CatalogFailures", "Sum"), _own(stage, "CrawlerFailures", "Sum")),
        _graph(
            "REST API, milliseconds and errors",
            _of(stage, "api_handler", "Duration", "p50"),
            _of(stage, "api_handler", "Duration", "p99"),
            _of(stage, "api_handler", "Errors", "Sum", right=True),
        ),
    ]


def _log_query(stage: Stage) -> str:
    sources = " | ".join(f"SOURCE '/aws/lambda/{stage.function(name)}'" for name in ("load", "sweep"))
    return (
        f"{sources} | fields @timestamp, level, event, kind, reason, key | filter level in ['ERROR', 'WARNING'] "
        "| sort @timestamp desc | limit 50"
    )


def _own(stage: Stage, name: str, statistic: str, right: bool = False, dataset: Dataset | None = None) -> Line:
    assert name in METRICS, name
    contract = [] if dataset is None else [CONTRACT, dataset.name]
    return [NAMESPACE, name, STAGE, stage_value(stage.settings.stage), *contract, _drawn(statistic, right)]


def _of(stage: Stage, function: str, name: str, statistic: str, right: bool = False) -> Line:
    return ["AWS/Lambda", name, "FunctionName", stage.function(function), _drawn(statistic, right)]


def _drawn(statistic: str, right: bool) -> dict[str, str]:
    """Return how a line is drawn: by its own axis on the left, or by the one on the right."""
    return {"stat": statistic, "yAxis": "right"} if right else {"stat": statistic}


def _graph(title: str, *lines: Line) -> Widget:
    return {"title": title, "metrics": list(lines)}


def _widget(x: int, y: int, width: int, height: int, kind: str, properties: dict[str, Any]) -> Widget:
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}
