"""One structured log line for each thing that happened, and metrics. Nothing of an order's content is ever written.

Both are lines on standard output, which Lambda sends to CloudWatch Logs: no call to AWS is made for them, so that
neither can be throttled or fail a load. A command whose standard output is its answer sends log lines to standard
error.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from chalicelib.settings import MIB
from chalicelib.telemetry import metrics

STATUS = Path("/proc/self/status")

_line = threading.Lock()
"""Held for a line: what threads print at the same time gets mixed up, and CloudWatch passes over the metrics in it."""

_to_stderr = False


@contextlib.contextmanager
def log_to_stderr() -> Iterator[None]:
    """Have all log lines of this process go to standard error within the `with` block."""
    global _to_stderr
    before, _to_stderr = _to_stderr, True
    try:
        yield
    finally:
        _to_stderr = before


def log(event: str, *, level: Literal["INFO", "WARNING", "ERROR"] = "INFO", **facts: Any) -> None:
    """Print one line of JSON, which CloudWatch Logs Insights reads field by field.

    Powertools' Logger is not used: its import costs the REST side tens of milliseconds for what is one call here.
    """
    line = json.dumps({"level": level, "event": event, **facts}, ensure_ascii=False, default=str)
    with _line:
        print(line, file=sys.stderr if _to_stderr else sys.stdout, flush=True)


def measure(values: Mapping[str, float], *, stage: str, **dimensions: str) -> None:
    """Write metrics of the table in chalicelib.telemetry.metrics, as one line in CloudWatch's embedded metric format.

    `stage` is ETL_STAGE, which may be empty. With POWERTOOLS_METRICS_DISABLED=true nothing is written.

    Raises ValueError for a metric that is not in the table, and for a dimension that it does not have.
    """
    # Only who measures pays for the import, not the REST API.
    from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

    metrics.check(values, dimensions)
    of_stage = metrics.stage_value(stage)
    # An empty service keeps POWERTOOLS_SERVICE_NAME from adding a dimension that no alarm would look for.
    line = AmazonCloudWatchEMFProvider(namespace=metrics.NAMESPACE, service="")
    line.add_dimension(metrics.STAGE, of_stage)
    if metrics.CONTRACT in dimensions:
        line.add_dimension(metrics.CONTRACT, dimensions[metrics.CONTRACT])
    elif dimensions:
        line.add_dimensions(**{metrics.STAGE: of_stage}, **dimensions)
    for name, value in values.items():
        line.add_metric(name, metrics.METRICS[name].unit, value)
    with _line:
        line.flush_metrics()


def memory_peak_megabytes() -> float:
    """Return the most memory that this process has had, in 2^20 bytes.

    The kernel's own mark, where there is one: `ru_maxrss` of a process begins with its parent's.
    """
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (MIB if sys.platform == "darwin" else 1024)
