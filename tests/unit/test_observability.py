"""Log lines and metrics: what CloudWatch reads of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.handlers.load import log_hints
from chalicelib.loading.models import Arrival
from chalicelib.telemetry import metrics
from chalicelib.telemetry.logs import log, measure, memory_peak_megabytes

PROJECT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    monkeypatch.delenv("POWERTOOLS_DEV", raising=False)


def written(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """Return the one line that was written."""
    (line,) = capsys.readouterr().out.splitlines()
    made: dict[str, object] = json.loads(line)
    return made


def test_a_log_line_is_one_line_of_json_whatever_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    log("source object", key="a\nb 注文", orders_read=3, where=Path("x"))
    assert written(capsys) == {
        "level": "INFO",
        "event": "source object",
        "key": "a\nb 注文",
        "orders_read": 3,
        "where": "x",
    }
    log("load failed", level="ERROR", kind="ClientError")
    assert written(capsys)["level"] == "ERROR"


def test_metrics_of_one_load_are_one_line_by_stage_and_contract_with_their_units(
    capsys: pytest.CaptureFixture[str],
) -> None:
    measure({"OrdersLoaded": 12, "LoadSeconds": 0.25, "SourceBytes": 2048}, stage="dev", contract="orders")
    line = written(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert directive == {
        "Namespace": "OrdersEtl",
        "Dimensions": [["stage", "contract"]],
        "Metrics": [
            {"Name": "OrdersLoaded", "Unit": "Count"},
            {"Name": "LoadSeconds", "Unit": "Seconds"},
            {"Name": "SourceBytes", "Unit": "Bytes"},
        ],
    }
    assert (line["stage"], line["contract"]) == ("dev", "orders")
    assert (line["OrdersLoaded"], line["LoadSeconds"]) == ([12.0], [0.25])


def test_failures_count_by_stage_for_the_alarm_and_by_kind_for_the_graph(capsys: pytest.CaptureFixture[str]) -> None:
    measure({"LoadFailures": 1}, stage="dev", kind="Throttling")
    line = written(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
    assert directive["Dimensions"] == [["stage"], ["stage", "kind"]]
    assert (line["stage"], line["kind"], line["LoadFailures"]) == ("dev", "Throttling", [1.0])


@pytest.mark.parametrize(
    ("values", "dimensions", "reason"),
    [
        ({"OrdersLoadde": 1}, {}, "'OrdersLoadde' is no metric"),
        ({"OrdersLoaded": 1}, {"kind": "x"}, "OrdersLoaded is given dimensions"),
        ({"LoadFailures": 1}, {}, "and has \\['kind'\\]"),
        ({"LoadFailures": 1, "LoadSeconds": 1}, {"kind": "x"}, "LoadSeconds is given dimensions"),
    ],
)
def test_a_metric_or_a_dimension_that_no_alarm_knows_is_an_error(
    values: dict[str, float], dimensions: dict[str, str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=reason):
        measure(values, stage="dev", **dimensions)
    assert capsys.readouterr().out == ""


def test_every_metric_of_the_table_is_taken_with_its_unit(capsys: pytest.CaptureFixture[str]) -> None:
    for name, metric in metrics.METRICS.items():
        measure({name: 1}, stage="dev", **({metric.dimension: "x"} if metric.dimension else {}))
        (directive,) = written(capsys)["_aws"]["CloudWatchMetrics"]  # type: ignore[index]
        assert directive["Metrics"] == [{"Name": name, "Unit": metric.unit}]


def test_a_stage_without_a_name_has_a_dimension_that_cloudwatch_takes(capsys: pytest.CaptureFixture[str]) -> None:
    measure({"SweepSeconds": 1}, stage="")
    assert written(capsys)["stage"] == metrics.stage_value("") == "unnamed"


def test_a_service_name_in_the_environment_adds_no_dimension(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "orders")
    measure({"SweepSeconds": 1}, stage="dev")
    assert "service" not in written(capsys)


def test_metrics_can_be_switched_off_where_nobody_reads_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
    measure({"SweepSeconds": 1}, stage="dev")
    assert capsys.readouterr().out == ""


def test_what_may_be_a_fault_in_the_contract_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    log_hints(Arrival("bucket", "orders.json", "v1"), ["no document\nfilled x"])
    assert written(capsys) == {
        "level": "WARNING",
        "event": "hints",
        "key": "orders.json",
        "version": "v1",
        "hints": ["no document\nfilled x"],
    }


def test_the_memory_peak_stays_when_the_memory_is_given_back() -> None:
    look = (
        "from chalicelib.telemetry.logs import memory_peak_megabytes as peak;"
        "before = peak(); held = b'x' * 200_000_000; del held; print(before, peak())"
    )
    done = subprocess.run([sys.executable, "-c", look], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    before, after = (float(each) for each in done.stdout.split())
    assert 1 < before < 150
    assert after - before > 180
    assert memory_peak_megabytes() > 1


def test_powertools_is_imported_only_to_measure_and_pulls_no_columns() -> None:
    look = (
        "import sys; from chalicelib.telemetry.logs import log, measure; log('x');"
        "loaded = lambda: sorted({'aws_lambda_powertools', 'pyarrow', 'boto3'} & set(sys.modules));"
        "before = loaded(); measure({'SweepSeconds': 1}, stage='dev'); print(before, loaded())"
    )
    done = subprocess.run([sys.executable, "-c", look], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[] ['aws_lambda_powertools']", done.stderr


def test_a_commands_answer_on_standard_output_is_not_mixed_with_log_lines() -> None:
    program = """
from chalicelib.telemetry.logs import log, log_to_stderr
with log_to_stderr():
    log("hints")
    print("answer")
log("after it")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    answer, after = done.stdout.splitlines()
    assert answer == "answer"
    assert json.loads(done.stderr)["event"] == "hints"
    assert json.loads(after)["event"] == "after it", "what runs in the same process later is as it was"
