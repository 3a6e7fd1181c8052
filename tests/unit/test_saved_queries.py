"""Saved queries: what the files declare, and how a caller's parameters are checked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from chalicelib.contracts.contract import Contract
from chalicelib.errors import ContractError, ParameterError, UnknownQuery
from chalicelib.queries import saved
from chalicelib.queries.saved import SavedQuery, Statement
from chalicelib.settings import Settings
from tests.contracts import datasets_of, with_main

(DATASET,) = datasets_of(Settings(bucket="orders-etl-test"))
QUERIES = saved.load((DATASET,))


def bind(name: str, given: dict[str, str | list[str]]) -> Statement:
    return QUERIES[name].bind(given)


def problems(name: str, given: dict[str, str | list[str]]) -> dict[str, str]:
    with pytest.raises(ParameterError) as caught:
        bind(name, given)
    return caught.value.problems


def test_the_contracts_queries_are_there_in_alphabetical_order() -> None:
    assert list(QUERIES) == [
        "order_lines_of",
        "orders_between",
        "preview",
        "rejected_by_reason",
        "rejected_of",
        "repeat_customers",
        "sales_by_category",
        "sales_by_month",
        "sales_per_customer",
        "top_products",
        "total_mismatches",
    ]


def test_an_unknown_query_is_answered_with_those_there_are() -> None:
    with pytest.raises(UnknownQuery, match="no saved query is named 'sales': use one of order_lines_of, "):
        saved.find(QUERIES, "sales")


def test_a_query_describes_itself_well_enough_to_build_a_form() -> None:
    assert QUERIES["top_products"].describe()["parameters"][0] == {
        "name": "limit",
        "type": "integer",
        "description": "How many products.",
        "required": False,
        "default": "10",
        "minimum": "1",
        "maximum": "1000",
        "example": "5",
    }
    assert all(query.title and query.description for query in QUERIES.values())


def test_a_range_of_days_is_rendered_with_its_months_and_the_day_after() -> None:
    statement = bind("orders_between", {"from": "2024-01-15", "to": "2024-02-29"})
    assert statement.parameters == ("'2024-01'", "'2024-02'", "DATE '2024-01-15'", "DATE '2024-03-01'")
    assert statement.sql.count("?") == len(statement.parameters)
    assert statement.name == "orders_between"


def test_parameters_left_out_take_their_defaults() -> None:
    assert bind("top_products", {}).parameters == (
        "'2000-01'",
        "'2099-12'",
        "DATE '2000-01-01'",
        "DATE '2100-01-01'",
        "10",
    )


def test_a_parameter_given_once_may_come_as_a_list_of_one() -> None:
    assert bind("order_lines_of", {"order_id": ["7"]}).parameters == ("'7'",)


def test_an_empty_list_is_a_parameter_left_out() -> None:
    assert bind("top_products", {"limit": []}).parameters[-1] == "10"


def test_all_wrong_parameters_are_named_at_once() -> None:
    wrong: dict[str, str | list[str]] = {"from": "2024-13-01", "to": "yesterday", "tolerance": "1e3", "color": "red"}
    rejected = problems("total_mismatches", wrong)
    assert rejected == {
        "color": "is not a parameter of this query: it takes tolerance, from, to",
        "tolerance": "'1e3' is not a decimal: give up to 14 digits and up to 4 more after a point, such as 0.01",
        "from": "'2024-13-01' is not a date: give year, month and day, such as 2024-07-05",
        "to": "'yesterday' is not a date: give year, month and day, such as 2024-07-05",
    }


def test_a_query_without_parameters_says_so() -> None:
    assert problems("preview", {"limit": "5"}) == {"limit": "is not a parameter of this query: it takes none"}


def test_a_missing_parameter_is_named_with_an_example() -> None:
    assert problems("order_lines_of", {}) == {"order_id": "is missing: give text, such as 1001"}


def test_a_repeated_parameter_is_rejected() -> None:
    assert problems("top_products", {"limit": ["1", "2"]}) == {"limit": "is given 2 times: give it once"}


def test_from_after_to_is_rejected() -> None:
    rejected = problems("sales_by_month", {"from": "2024-07-02", "to": "2024-07-01"})
    assert rejected == {"from": "2024-07-02 is after to (2024-07-01): give an earlier from or a later to"}


@pytest.mark.parametrize(
    ("limit", "problem"),
    [
        ("0", "'0' is below 1: give 1 to 1000"),
        ("1001", "'1001' is above 1000: give 1 to 1000"),
        ("9" * 30, f"'{'9' * 30}' is too large for 64 bits: give fewer digits, such as 10"),
        (str(2**63), f"'{2**63}' is too large for 64 bits: give fewer digits, such as 10"),
        ("٣", "'٣' is not an integer: give digits only, such as 10"),
        ("1_0", "'1_0' is not an integer: give digits only, such as 10"),
        (" 1", "' 1' is not an integer: give digits only, such as 10"),
        ("1.0", "'1.0' is not an integer: give digits only, such as 10"),
        ("", "'' is not an integer: give digits only, such as 10"),
    ],
)
def test_an_integer_is_ascii_digits_within_its_bounds(limit: str, problem: str) -> None:
    assert problems("top_products", {"limit": limit}) == {"limit": problem}


@pytest.mark.parametrize("day", ["2024-7-5", "20240705", "2024-07-05T00:00", "2024-02-30", "２０２４-07-05", ""])
def test_a_date_is_written_in_one_way_only(day: str) -> None:
    assert "from" in problems("orders_between", {"from": day, "to": "2024-07-31"})


def test_a_date_outside_the_table_is_out_of_range() -> None:
    rejected = problems("orders_between", {"from": "1999-12-31", "to": "2100-01-01"})
    assert rejected["from"].startswith("'1999-12-31' is below 2000-01-01")
    assert rejected["to"].startswith("'2100-01-01' is above 2099-12-31")


@pytest.mark.parametrize(
    ("order_id", "problem"),
    [
        ("", "is empty: give at least one character"),
        ("a\x00b", "'a\\x00b' holds a control character or half a character (U+0000): leave it out"),
        ("a\nb", "'a\\nb' holds a control character or half a character (U+000A): leave it out"),
        ("a\ud800", "'a\\ud800' holds a control character or half a character (U+D800): leave it out"),
    ],
)
def test_text_without_meaning_in_sql_is_rejected(order_id: str, problem: str) -> None:
    assert problems("order_lines_of", {"order_id": order_id}) == {"order_id": problem}


def test_text_is_as_long_as_athena_takes_with_its_quotes() -> None:
    assert len(bind("order_lines_of", {"order_id": "x" * 1022}).parameters[0]) == 1024
    for too_long in ("x" * 1023, "'" * 512, "😀" * 512):
        assert "longer than 1024 characters" in problems("order_lines_of", {"order_id": too_long})["order_id"]


def test_the_table_and_the_database_are_put_in_as_quoted_names() -> None:
    assert 'FROM "etl_pipeline"."orders_parquet_datalake"' in bind("preview", {}).sql
    for wrong in ('a"b', "a b", "A", "", "a;b", "a.b", "x" * 129):
        with pytest.raises(ValueError, match="is not a name"):
            saved.load((replace(DATASET, contract=with_main(DATASET.contract, name=wrong)),))


HEADER = "-- title: T\n-- description: D\n"


def contract_with_query(folder: Path, name: str, query: str) -> Contract:
    """Return a contract of this name, with one saved query in the folder."""
    (folder / name / "queries").mkdir(parents=True)
    (folder / name / "queries" / f"{query}.sql").write_text(f"{HEADER}SELECT {name}_id FROM ${{table}}\n")
    return replace(with_main(DATASET.contract, name=name), name=name, folder=folder / name)


def test_queries_of_several_contracts_are_run_by_their_names_each_on_its_own_table(tmp_path: Path) -> None:
    contracts = [contract_with_query(tmp_path, name, f"{name}_ids") for name in ("shipments", "returns")]
    queries = saved.load(tuple(replace(DATASET, contract=each) for each in contracts))
    assert list(queries) == ["rejected_by_reason", "rejected_of", "returns_ids", "shipments_ids"]
    assert queries["returns_ids"].bind({}).sql == 'SELECT returns_id FROM "etl_pipeline"."returns"'
    assert queries["shipments_ids"].bind({}).sql == 'SELECT shipments_id FROM "etl_pipeline"."shipments"'


PARAMETER = "-- parameter: day\n--   type: date\n--   description: D\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (HEADER + "SELECT :day", "uses :day, which it does not declare: write `-- parameter: day` in its header"),
        (
            HEADER + PARAMETER + "--   example: 2024-01-01\n--   default: 2024-01-01\nSELECT 1",
            "declares parameter day, which it does not use: write :day where its value is due",
        ),
        (HEADER + "SELECT ?", "has '?' in its SQL: use a parameter"),
        (HEADER + "SELECT 1; SELECT 2", "has ';' in its SQL: leave it out"),
        (HEADER + "SELECT id FROM ${lines}", "has '${' in its SQL: it takes ${table}, ${rejected} and ${database}"),
        (HEADER, "has no SQL below its header"),
        ("-- title: T\nSELECT 1", "has no title or no description: begin with `-- title: …` and `-- description: …`"),
        (HEADER + "-- title: U\nSELECT 1", "has title twice: keep one"),
        (
            HEADER + "-- color: red\nSELECT 1",
            "has color in its header: it takes title, description, chart and parameter",
        ),
        (HEADER + "-- anything\nSELECT 1", "has the header line '-- anything': write `-- key: value`"),
        (
            HEADER + "--   type: date\nSELECT 1",
            "has type in its header: it takes title, description, chart and parameter",
        ),
        (
            HEADER + "-- chart: pie x=month y=total\nSELECT 1",
            "has the chart 'pie x=month y=total': write `bar x=COLUMN y=COLUMN`, or line",
        ),
        (
            HEADER + PARAMETER.replace("date", "day") + "--   example: 1\n--   default: 1\nSELECT :day",
            "parameter day has type 'day': give text, integer, decimal, date, month",
        ),
        (
            HEADER + PARAMETER + "--   example: 2024-01-01\nSELECT :day",
            "parameter day: give either a default or required: yes",
        ),
        (
            HEADER + PARAMETER + "--   required: yes\n--   example: 1\nSELECT :day",
            "parameter day: '1' is not a date: give year, month and day, such as 2024-07-05",
        ),
        (
            HEADER + PARAMETER + "--   required: yes\n--   color: red\nSELECT :day",
            "parameter day has color and lacks example: it takes name, type, description, example, required, default, "
            "minimum, maximum",
        ),
        (
            HEADER + PARAMETER + "--   required: yes\n--   example: 2024-01-01\nSELECT :day.year",
            "uses :day.year: a parameter of type date has month and next_day, others have neither",
        ),
        (
            HEADER + PARAMETER.replace("date", "text") + "--   required: yes\n--   example: a\nSELECT :day.month",
            "uses :day.month: a parameter of type date has month and next_day, others have neither",
        ),
    ],
)
def test_a_malformed_file_is_refused_when_it_is_read_with_the_remedy(text: str, problem: str) -> None:
    with pytest.raises(ContractError) as caught:
        saved.parse("q", text)
    assert caught.value.problems == [f"q.sql: {problem}"]


def test_all_faults_of_all_files_are_named_at_once_each_with_its_file(tmp_path: Path) -> None:
    contracts = [contract_with_query(tmp_path, name, f"{name}_ids") for name in ("shipments", "returns")]
    first, second = (tmp_path / name / "queries" / f"{name}_ids.sql" for name in ("shipments", "returns"))
    first.write_text("SELECT 1; SELECT :id")
    second.write_bytes(b"-- title: \xff")
    (tmp_path / "returns" / "queries" / "1st.sql").write_text(HEADER + "SELECT 1")
    made = [replace(DATASET, contract=each) for each in contracts]
    with pytest.raises(ContractError) as caught:
        saved.load(made)
    assert caught.value.problems == saved.faults(made)
    assert [problem.split(": ")[0] for problem in caught.value.problems] == [
        *[str(first)] * 3,
        str(tmp_path / "returns" / "queries" / "1st.sql"),
        str(second),
    ]


def test_a_query_says_how_its_answer_is_drawn() -> None:
    drawn = saved.parse("q", HEADER + "-- chart: line x=order_month y=total_sales\nSELECT 1")
    assert drawn.describe()["chart"] == {"type": "line", "x": "order_month", "y": "total_sales"}
    assert saved.parse("q", HEADER + "SELECT 1").describe()["chart"] is None


def test_what_the_contracts_queries_draw_are_columns_of_their_answers() -> None:
    drawn = [query for query in QUERIES.values() if query.chart]
    assert {"sales_by_month", "sales_by_category", "top_products"} <= {query.name for query in drawn}
    for query in drawn:
        assert query.chart
        first_select = query.template.split("FROM")[0]
        assert re.search(rf"\b{query.chart.x}\b", first_select), query.name
        assert re.search(rf"\b{query.chart.y}\b", first_select), query.name


def test_a_month_parameter_is_rendered_as_the_partition_key_is_written() -> None:
    query: SavedQuery = saved.parse(
        "q",
        HEADER + "-- parameter: month\n--   type: month\n--   description: D\n--   required: yes\n"
        "--   minimum: 2000-01\n--   example: 2024-07\nSELECT order_id FROM orders WHERE order_month = :month",
    )
    assert query.bind({"month": "2024-07"}).parameters == ("'2024-07'",)
    for wrong in ("2024-13", "2024-7", "1999-12"):
        with pytest.raises(ParameterError):
            query.bind({"month": wrong})
