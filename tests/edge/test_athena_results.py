"""What Athena says, read: typed values, their JSON form, marks and cost."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.aws.athena_results import Execution, Page, Typed, column, cost, json_value, marked, typed

MB = 2**20


@pytest.mark.parametrize(
    ("text", "type_", "value", "in_json"),
    [
        (None, "bigint", None, None),
        ("", "varchar", "", ""),
        ("NULL", "varchar", "NULL", "NULL"),
        ("007", "varchar", "007", "007"),
        ("-9223372036854775808", "bigint", -(2**63), -(2**63)),
        ("3", "integer", 3, 3),
        ("true", "boolean", True, True),
        ("false", "boolean", False, False),
        ("0.0000", "decimal(38,4)", Decimal("0.0000"), "0.0000"),
        ("12345678901234567890.1234", "decimal", Decimal("12345678901234567890.1234"), "12345678901234567890.1234"),
        ("0.00000001", "decimal(38,8)", Decimal("0.00000001"), "0.00000001"),
        ("1.0E10", "double", 1e10, 1e10),
        ("-Infinity", "double", float("-inf"), "-Infinity"),
        ("2024-07-05", "date", date(2024, 7, 5), "2024-07-05"),
        ("2024-07-05 10:15:00.000", "timestamp", datetime(2024, 7, 5, 10, 15), "2024-07-05T10:15:00.000Z"),
        ("2024-07-05 10:15:00.120", "timestamp", datetime(2024, 7, 5, 10, 15, 0, 120000), "2024-07-05T10:15:00.120Z"),
        (
            "2024-07-05 10:15:00.000 UTC",
            "timestamp with time zone",
            datetime(2024, 7, 5, 10, 15, tzinfo=UTC),
            "2024-07-05T10:15:00.000Z",
        ),
        (
            "2024-07-05 10:15:00.000 +02:00",
            "timestamp with time zone",
            datetime(2024, 7, 5, 10, 15, tzinfo=timezone(timedelta(hours=2))),
            "2024-07-05T08:15:00.000Z",
        ),
        (
            "2024-07-05 10:15:00.000 Europe/Berlin",
            "timestamp with time zone",
            datetime(2024, 7, 5, 10, 15, tzinfo=ZoneInfo("Europe/Berlin")),
            "2024-07-05T08:15:00.000Z",
        ),
        (
            "2024-07-05 10:15 No/Where",
            "timestamp with time zone",
            "2024-07-05 10:15 No/Where",
            "2024-07-05 10:15 No/Where",
        ),
        ("[1, 2]", "array", "[1, 2]", "[1, 2]"),
        ("68 69", "varbinary", "68 69", "68 69"),
    ],
)
def test_a_value_is_typed_and_described_in_json(text: str | None, type_: str, value: Typed, in_json: Any) -> None:
    read = typed(text, type_)
    assert read == value
    assert type(read) is type(value)
    assert json_value(read) == in_json
    json.dumps(json_value(read), allow_nan=False)


@pytest.mark.parametrize(("text", "type_"), [("x", "bigint"), ("yes", "boolean"), ("", "decimal(18,4)"), ("1", "date")])
def test_text_that_is_not_of_its_type_is_an_error(text: str, type_: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        typed(text, type_)


def test_a_decimals_type_tells_its_digits() -> None:
    assert column({"Name": "a", "Type": "decimal", "Precision": 38, "Scale": 4}) == ("a", "decimal(38,4)")
    assert column({"Name": "a", "Type": "varchar", "Precision": 2147483647, "Scale": 0}) == ("a", "varchar")


def test_a_page_is_described_as_the_contract_says() -> None:
    page = Page([("a", "bigint"), ("b", "decimal(18,4)")], [(1, Decimal("2.5000")), (None, None)], "next")
    assert page.describe() == {
        "columns": [{"name": "a", "type": "bigint"}, {"name": "b", "type": "decimal(18,4)"}],
        "rows": [[1, "2.5000"], [None, None]],
        "next_page_token": "next",
    }


@pytest.mark.parametrize(
    ("state", "scanned", "dollars"),
    [
        ("SUCCEEDED", 0, "0.00004768"),
        ("SUCCEEDED", 10 * MB, "0.00004768"),
        ("SUCCEEDED", 10 * MB + 1, "0.00005245"),
        ("SUCCEEDED", 2**40, "5.00000000"),
        ("SUCCEEDED", None, "0"),
        ("FAILED", 2**40, "0"),
        ("CANCELLED", 0, "0"),
        ("CANCELLED", 2**39, "2.50000000"),
    ],
)
def test_the_cost_is_rounded_up_to_megabytes_with_a_minimum_of_ten(
    state: str, scanned: int | None, dollars: str
) -> None:
    assert cost(state, scanned) == Decimal(dollars)


def answer(**changes: Any) -> dict[str, Any]:
    return {
        "QueryExecutionId": "a",
        "Query": "-- saved query: preview\nSELECT 1",
        "StatementType": "DML",
        "WorkGroup": "etl_pipeline",
        "Status": {"State": "SUCCEEDED", "SubmissionDateTime": datetime(2024, 7, 5, 12, tzinfo=UTC)},
        "Statistics": {"DataScannedInBytes": 2**40},
        **changes,
    }


def of(**changes: Any) -> Execution:
    """Read an execution of what is a saved query if its SQL is."""
    return Execution.of(answer(**changes), lambda name, sql, parameters: (name, sql) == ("preview", "SELECT 1"))


def test_a_saved_query_is_known_by_the_comment_that_it_was_started_with_and_the_sql_after_it() -> None:
    assert of(Query=marked("SELECT 1", "preview")).query == "preview"
    assert of(Query=marked("SELECT 1", None)).query is None
    for other in (
        "SELECT 1 -- saved query: preview\n",
        " -- saved query: preview\nSELECT 1",
        "-- saved query: A\nSELECT 1",
        "-- saved query: preview\nSELECT 2",
        "SELECT 1",
    ):
        assert of(Query=other).query is None


@pytest.mark.parametrize("name", ["", "A", "a b", "a\nSELECT 2", "a;", "1a", "a-b"])
def test_a_name_that_could_end_the_comment_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not a saved query's name"):
        marked("SELECT 1", name)


def test_ddl_and_reused_results_cost_nothing_and_a_running_query_has_no_cost_yet() -> None:
    assert of(StatementType="DDL").cost_usd == 0
    reused = {"DataScannedInBytes": 0, "ResultReuseInformation": {"ReusedPreviousResult": True}}
    assert of(Statistics=reused).cost_usd == 0
    assert of(Status={"State": "RUNNING"}).cost_usd is None
    assert of().cost_usd == 5


def test_an_execution_is_described_in_json_values() -> None:
    described = of().describe()
    assert json.loads(json.dumps(described)) == {
        "execution_id": "a",
        "query": "preview",
        "state": "SUCCEEDED",
        "reason": None,
        "submitted_at": "2024-07-05T12:00:00.000Z",
        "completed_at": None,
        "scanned_bytes": 2**40,
        "cost_usd": 5.0,
    }


def test_reading_results_imports_neither_pandas_nor_pyarrow() -> None:
    code = (
        "import sys, chalicelib.aws.athena, chalicelib.queries.saved\n"
        "assert not {'pandas', 'pyarrow', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
