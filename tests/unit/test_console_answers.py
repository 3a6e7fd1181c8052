"""What the console makes of answers, of questions for curl, of corrected records, of figures."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api.upload_names import safe_name
from console import words
from console.answers import chart_options, curl_line, ranks, table_columns, table_rows
from console.records import as_lines, fixed_name, kind_of, problem_with

COLUMNS = [
    {"name": "month", "type": "varchar"},
    {"name": "currency", "type": "varchar"},
    {"name": "total", "type": "decimal(38,4)"},
]
CHART = {"type": "bar", "x": "month", "y": "total"}


def drawn(*rows: list[Any], columns: list[dict[str, str]] = COLUMNS) -> Any:
    options = chart_options(CHART, columns, rows, ["red", "blue"])
    assert options is not None
    return options["xAxis"]["data"], {each["name"]: each["data"] for each in options["series"]}


def test_decimals_are_ranked_by_what_they_are_worth_to_the_last_digit_and_null_is_last() -> None:
    values = ["100.0000", "9.0000", None, "99999999999999999999.0002", "99999999999999999999.0001", "-1.5", "1E2"]
    assert ranks(values, numeric=True) == [2, 1, 5, 4, 3, 0, 2]
    assert ranks(["b", None, "B", "10", "9"], numeric=False) == [3, 4, 2, 0, 1]


def test_what_is_no_number_in_a_column_of_numbers_is_ranked_behind_them() -> None:
    assert ranks(["NaN", 3, "Infinity", 2.5], numeric=True) == [3, 1, 2, 0]


@given(st.lists(st.none() | st.decimals(allow_nan=False, allow_infinity=False)))
def test_ranks_order_any_decimals(values: list[Any]) -> None:
    ranked = ranks([None if value is None else str(value) for value in values], numeric=True)
    ordered = [value for _, value in sorted(zip(ranked, values, strict=True), key=lambda pair: pair[0])]
    numbers = [value for value in ordered if value is not None]
    assert numbers == sorted(numbers)
    assert all(value is None for value in ordered[len(numbers) :])


def test_no_name_of_a_column_reaches_a_script_and_no_text_loses_a_character() -> None:
    columns = [{"name": "__proto__", "type": "varchar"}, {"name": ":sort", "type": "bigint"}]
    text = "<img src=x onerror=alert(1)>"
    (row,) = table_rows(columns, [[text, 7]])
    assert (row["c0"], row["c1"], row["id"]) == (text, "7", 0)
    assert [each["label"] for each in table_columns(columns)] == ["__proto__", ":sort"]
    assert [each[":sort"] for each in table_columns(columns)] == [
        "(a, b, x, y) => x.r0 - y.r0",
        "(a, b, x, y) => x.r1 - y.r1",
    ]


def test_a_chart_has_the_columns_that_the_query_names() -> None:
    assert drawn(["2024-05", "EUR", "1.5"], ["2024-06", "EUR", None]) == (
        ["2024-05", "2024-06"],
        {"total": [1.5, None]},
    )
    assert chart_options(CHART | {"y": "gone"}, COLUMNS, [["a", "b", "1"]], ["red"]) is None
    assert chart_options(CHART, COLUMNS, [], ["red"]) is None


def test_amounts_of_two_currencies_in_one_month_are_two_series() -> None:
    labels, series = drawn(["5", "EUR", "1"], ["5", "JPY", "900"], ["6", "JPY", "800"])
    assert labels == ["5", "6"]
    assert series == {"EUR": [1.0, None], "JPY": [900.0, 800.0]}


def test_rows_of_one_label_that_nothing_tells_apart_are_each_drawn() -> None:
    labels, series = drawn(*[["Ada", f"id-{i}", str(i)] for i in range(20)])
    assert (labels, series["total"]) == (["Ada"] * 20, [float(i) for i in range(20)])
    assert drawn(["5", "EUR", "1"], ["5", "EUR", "2"]) == (["5", "5"], {"total": [1.0, 2.0]})


def test_every_label_is_drawn_slanted_where_they_do_not_stand_side_by_side() -> None:
    for rows, is_slanted in (
        ([f"2024-{month:02}" for month in range(1, 13)], False),
        ([f"reason {i}" * 9 for i in range(6)], True),
        (["a reason", "another one"], False),
    ):
        options = chart_options(CHART, COLUMNS, [[each, "x", "1"] for each in rows], ["red"])
        assert options is not None
        assert ("rotate" in options["xAxis"]["axisLabel"]) == is_slanted


def test_texts_of_a_chart_are_drawn_and_never_html() -> None:
    options = chart_options(CHART, COLUMNS, [["<b>", "x", "1"]], ["red"])
    assert options is not None
    assert options["tooltip"]["renderMode"] == "richText"


@given(st.dictionaries(st.sampled_from(["from", "to", "q"]), st.text(min_size=1)))
def test_the_curl_line_is_one_command_whatever_is_asked_and_has_no_secret(query: dict[str, str]) -> None:
    line = curl_line("https://api.example/api/queries/top", "eu-central-1", query, signs=True)
    parts = shlex.split(line)
    assert parts[0] == "curl"
    assert parts[-1].startswith("https://api.example/api/queries/top")
    assert parts[-1].isascii()
    assert " " not in parts[-1]
    assert "$AWS_SECRET_ACCESS_KEY" in line
    assert "x-api-key: $API_KEY" in curl_line("https://a", "r", query, signs=False)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_records_become_lines_that_say_the_same(value: Any) -> None:
    for text in (
        json.dumps(value),
        json.dumps(value, indent=2),
        json.dumps(value, ensure_ascii=False, indent=1) + "\r\n",
    ):
        lines = as_lines([text, text]).decode("utf-8", "surrogatepass").split("\n")
        assert lines[2:] == [""]
        assert [json.loads(line) for line in lines[:2]] == [value, value]


def test_a_number_is_sent_as_it_was_written() -> None:
    assert as_lines(['{\n  "total": 1.10,\n  "big": 12345678901234567890.5\n}']) == (
        b'{ "total": 1.10, "big": 12345678901234567890.5 }\n'
    )


@pytest.mark.parametrize(
    ("name", "taken", "made"),
    [
        ("orders.json", [], "orders-fixed-1.ndjson"),
        ("orders.ndjson.gz", ["orders-fixed-1.ndjson"], "orders-fixed-2.ndjson"),
        ("orders-fixed-1.ndjson", ["orders-fixed-1.ndjson"], "orders-fixed-2.ndjson"),
        ("a.b.JSONL", [], "a.b-fixed-1.ndjson"),
        ("orders", [], "orders-fixed-1.ndjson"),
    ],
)
def test_corrected_records_have_a_file_of_the_next_number(name: str, taken: list[str], made: str) -> None:
    assert fixed_name(name, taken) == made


@given(st.text(st.sampled_from("a_日🙂;$\\/ \u200b\u200c\u200d\u202e\n\x7f\ud800") | st.characters(), max_size=400))
def test_a_file_of_corrected_records_has_a_name_that_an_upload_takes_whatever_key_it_was_dropped_under(
    name: str,
) -> None:
    first = fixed_name(name, [])
    assert safe_name(first) == first
    second = fixed_name(name, [first])
    assert safe_name(second) == second != first


def test_a_name_that_an_upload_takes_not_is_changed_no_more_than_it_has_to() -> None:
    assert fixed_name("May;1$ \u200b日本.ndjson", []) == "May_1_ _日本-fixed-1.ndjson"
    assert fixed_name("日" * 300, []) == f"{'日' * 80}-fixed-1.ndjson"


def test_reasons_of_one_kind_are_one_choice() -> None:
    assert kind_of("2.5 is not a whole number: send an integer") == kind_of("-7 is not a whole number: send an integer")
    assert kind_of("'about forty' is not a finite number") == kind_of("'it\\'s' is not a finite number")
    assert kind_of("'a' is missing") != kind_of("'a' is null")


def test_what_cannot_be_sent_says_where_it_is_wrong() -> None:
    assert problem_with('{"a": 1}') is None
    assert "line 2, column 1" in str(problem_with('{"a": 1\n'))
    assert problem_with("[" * 100_000) is not None
    assert problem_with("") is not None


def test_figures_are_said_as_people_say_them() -> None:
    assert [words.dollars(each) for each in (None, 0, 0.0000143, 0.5, 12.3, 1234.5)] == [
        "–", "$0", "$0.000014", "$0.50", "$12.30", "$1,234.50",
    ]  # fmt: skip
    assert [words.size(each) for each in (None, 0, 812, 1200, 5_000_000_000_000)] == [
        "–", "0 bytes", "812 bytes", "1.2 KB", "5,000.0 GB",
    ]  # fmt: skip
    assert [words.seconds(each) for each in (None, 0.123, 42.4, 200)] == ["–", "0.12 s", "42 s", "3 min 20 s"]
    assert (words.count(1, "row"), words.count(1200, "row"), words.count(None, "row")) == (
        "1 row",
        "1,200 rows",
        "0 rows",
    )
