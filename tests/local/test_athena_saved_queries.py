"""Each saved query on the embedded engine, over small Parquet files, against rows worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from chalicelib.aws.athena_results import Typed, typed
from local.athena.engine import SelectResult, select
from local.athena.memory import MemoryLake
from local.athena.sql import parse
from local.athena.tables import FileCache
from local.athena.values import read_rows
from tests.local.athena_memory_lake import DATABASE, QUERIES, lake_with, order

Ask = Callable[..., list[tuple[Typed, ...]]]
"""Runs a query and returns its typed rows."""


ANN, BO = ("c1", "Ann"), ("c2", "Bo")


ROWS = [
    # Two lines, exactly the total.
    *order(
        "1001",
        "2024-07-01T09:30:00",
        "30.00",
        ANN,
        [("p1", "Pen", "Office", "10.00", 1), ("p2", "Ink", "Office", "5.00", 4)],
        record=1,
    ),
    # A guest.
    *order("1002", "2024-07-31T23:59:59.999", "7.00", None, [("p1", "Pen", "Office", "7.00", 1)], record=2),
    # No products, declared total zero.
    *order("1003", "2024-08-06", "0", BO, [], record=3),
    # The declared total has shipping in it; one line has no price; no category.
    *order(
        "1004", "2024-08-07", "25.50", ANN, [("p3", "Cup", None, "20.00", 1), ("p4", "Lid", None, None, 2)], record=4
    ),
    # No declared total; a product without an id.
    *order("1005", "2024-08-08", None, BO, [(None, "Gift", "Other", "1.25", 2)], record=5),
    # Sent in July with two lines ...
    *order(
        "1006",
        "2024-07-10",
        "100.00",
        BO,
        [("p1", "Pen", "Office", "50.00", 1), ("p2", "Ink", "Office", "50.00", 1)],
        record=6,
    ),
    # ... and again, later, in September with one: it replaces both.
    *order(
        "1006",
        "2024-09-10",
        "60.00",
        BO,
        [("p1", "Pen 2", "Office", "60.00", 1)],
        source="orders_json_incoming/b.json",
        modified="2024-09-11T00:00:00",
        record=1,
    ),
    # Twice in one file: the later record wins.
    *order("1007", "2024-09-01", "1.00", ANN, [("p5", "Old", "Other", "1.00", 1)], record=7),
    *order("1007", "2024-09-01", "2.00", ANN, [("p5", "New", "Other", "2.00", 1)], record=8),
    # Twice at one moment: the greater key wins.
    *order("1008", "2024-09-02", "3.00", None, [], source="orders_json_incoming/b.json"),
    *order("1008", "2024-09-02", "4.00", None, [], source="orders_json_incoming/a.json"),
]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FileCache:
    return FileCache(tmp_path_factory.mktemp("objects"))


@pytest.fixture(scope="module")
def lake(cache: FileCache) -> MemoryLake:
    return lake_with(ROWS, cache)


@pytest.fixture
def ask(lake: MemoryLake, cache: FileCache) -> Ask:
    def run(name: str, **given: str) -> list[tuple[Typed, ...]]:
        statement = QUERIES[name].bind(given)
        return rows(select(lake, cache, parse(statement.sql, statement.parameters), DATABASE))

    return run


@pytest.fixture
def sql(lake: MemoryLake, cache: FileCache) -> Ask:
    def run(text: str) -> list[tuple[Typed, ...]]:
        return rows(select(lake, cache, parse(text, ()), DATABASE))

    return run


def rows(selected: SelectResult) -> list[tuple[Typed, ...]]:
    types = [column.type for column in selected.file.columns]
    _, *texts = read_rows(bytes(selected.file.content), len(types))
    return [tuple(typed(text, type_) for text, type_ in zip(row, types, strict=True)) for row in texts]


def texts(answer: list[tuple[Typed, ...]]) -> list[tuple[str | None, ...]]:
    """Dates cut to the day, so that expected rows can be read."""
    return [tuple(None if v is None else str(v).removesuffix(" 00:00:00") for v in row) for row in answer]


def test_the_first_query_of_the_original_design_runs_as_it_is(sql: Ask) -> None:
    answer = sql("SELECT * FROM orders_parquet_datalake LIMIT 10")
    assert len(answer) == 10
    assert len(answer[0]) == 20


def test_the_second_query_of_the_original_design_counts_an_order_once_per_product(sql: Ask, ask: Ask) -> None:
    rows = sql("SELECT customer_id, SUM(total_amount) AS total_sales FROM orders_parquet_datalake GROUP BY customer_id")
    # Ann: 30 twice, 25.50 twice, and both versions of 1007; her orders are worth 57.50.
    assert {row[0]: row[1] for row in rows}["c1"] == Decimal("30.00") * 2 + Decimal("25.50") * 2 + 1 + 2
    assert {row[0]: row[2] for row in ask("sales_per_customer")}["c1"] == Decimal("57.50")


def test_sales_per_customer(ask: Ask) -> None:
    assert texts(ask("sales_per_customer")) == [
        ("c2", "Bo", "60.0000", "3", "1", "2024-08-06", "2024-09-10"),
        ("c1", "Ann", "57.5000", "3", "0", "2024-07-01 09:30:00", "2024-09-01"),
        (None, "guest", "10.0000", "2", "0", "2024-07-31 23:59:59.999000", "2024-09-02"),
    ]


def test_sales_per_customer_of_a_range_of_days_includes_the_last(ask: Ask) -> None:
    answer = ask("sales_per_customer", **{"from": "2024-07-01", "to": "2024-07-31"})
    assert [(row[0], row[2]) for row in answer] == [("c1", Decimal("30.0000")), (None, Decimal("7.0000"))]


def test_sales_by_month(ask: Ask) -> None:
    assert texts(ask("sales_by_month")) == [
        ("2024-07", "37.0000", "2", "0", "1", "1"),
        ("2024-08", "25.5000", "3", "1", "2", "0"),
        ("2024-09", "65.0000", "3", "0", "2", "1"),
    ]
    assert [row[0] for row in ask("sales_by_month", **{"from": "2024-08-01"})] == ["2024-08", "2024-09"]
    assert [row[0] for row in ask("sales_by_month", to="2024-07-31")] == ["2024-07"]


def test_sales_by_category(ask: Ask) -> None:
    assert texts(ask("sales_by_category")) == [
        ("Office", "97.0000", "7", "4", "0", "3"),
        (None, "20.0000", "3", "2", "1", "1"),
        ("Other", "4.5000", "3", "2", "0", "2"),
    ]


def test_top_products(ask: Ask) -> None:
    assert texts(ask("top_products")) == [
        ("1", "p1", "Pen 2", "77.0000", "3", "3"),
        ("2", "p2", "Ink", "20.0000", "4", "1"),
        ("3", "p3", "Cup", "20.0000", "1", "1"),
        ("4", None, "Gift", "2.5000", "2", "1"),
        ("5", "p5", "New", "2.0000", "1", "1"),
        ("6", "p4", "Lid", None, "2", "1"),
    ]
    assert [row[1] for row in ask("top_products", limit="2")] == ["p1", "p2"]


def test_the_lines_of_an_order_are_those_of_its_latest_version(ask: Ask) -> None:
    (line,) = ask("order_lines_of", order_id="1006")
    assert line[0] == "1006"
    assert line[7:9] == (1, "p1")
    assert line[15] == "orders_json_incoming/b.json"
    assert line[19] == "2024-09"
    assert [row[7] for row in ask("order_lines_of", order_id="1001")] == [1, 2]


def test_an_order_without_products_is_one_row_without_a_line(ask: Ask) -> None:
    (line,) = ask("order_lines_of", order_id="1003")
    assert line[7:14] == (None,) * 7


@pytest.mark.parametrize("order_id", ["9999", "' OR '1'='1", "1001'--", "%", "10_1"])
def test_an_order_that_is_not_there_has_no_lines(ask: Ask, order_id: str) -> None:
    assert ask("order_lines_of", order_id=order_id) == []


def test_orders_between(ask: Ask) -> None:
    assert texts(ask("orders_between", **{"from": "2024-08-07", "to": "2024-09-02"})) == [
        (
            "1004",
            "2024-08-07",
            "c1",
            "Ann",
            None,
            "25.5000",
            "2",
            "20.0000",
            "1",
            "orders_json_incoming/a.json",
            "2024-08",
        ),
        ("1005", "2024-08-08", "c2", "Bo", None, None, "1", "2.5000", "0", "orders_json_incoming/a.json", "2024-08"),
        (
            "1007",
            "2024-09-01",
            "c1",
            "Ann",
            None,
            "2.0000",
            "1",
            "2.0000",
            "0",
            "orders_json_incoming/a.json",
            "2024-09",
        ),
        (
            "1008",
            "2024-09-02",
            None,
            None,
            None,
            "3.0000",
            "0",
            "0.0000",
            "0",
            "orders_json_incoming/b.json",
            "2024-09",
        ),
    ]


def test_total_mismatches(ask: Ask) -> None:
    assert texts(ask("total_mismatches")) == [
        ("1004", "2024-08-07", "c1", "25.5000", "20.0000", "5.5000", "2", "1", "orders_json_incoming/a.json"),
        ("1008", "2024-09-02", None, "3.0000", "0.0000", "3.0000", "0", "0", "orders_json_incoming/b.json"),
    ]
    assert [row[0] for row in ask("total_mismatches", tolerance="3")] == ["1004"]


def test_repeat_customers(ask: Ask) -> None:
    assert texts(ask("repeat_customers")) == [
        ("c2", "Bo", "3", "60.0000", "2024-08-06", "2024-09-10"),
        ("c1", "Ann", "3", "57.5000", "2024-07-01 09:30:00", "2024-09-01"),
    ]
    assert ask("repeat_customers", min_orders="4") == []


def test_preview_shows_ten_rows_with_every_column(ask: Ask) -> None:
    answer = ask("preview")
    assert len(answer) == 10
    assert len(answer[0]) == 20


def test_orders_has_one_row_for_each_order_that_was_ever_sent(sql: Ask) -> None:
    assert sql("SELECT COUNT(*), COUNT(DISTINCT order_id), SUM(line_count) FROM orders") == [(8, 8, 8)]


def test_a_range_of_days_scans_less_than_the_whole_table(lake: MemoryLake, cache: FileCache) -> None:
    query = QUERIES["sales_by_month"]

    def scanned(**given: str) -> int:
        statement = query.bind(given)
        return select(lake, cache, parse(statement.sql, statement.parameters), DATABASE).scanned_bytes

    assert 0 < scanned(**{"from": "2024-07-01", "to": "2024-07-31"}) < scanned()


def test_on_an_empty_table_every_query_gives_no_rows(cache: FileCache) -> None:
    empty = lake_with([], cache)
    for query in QUERIES.values():
        given = {parameter.name: parameter.example for parameter in query.parameters if parameter.required}
        statement = query.bind(given)
        answer = select(empty, cache, parse(statement.sql, statement.parameters), DATABASE)
        assert rows(answer) == []
        assert answer.scanned_bytes == 0


def test_the_figures_of_the_documentation_are_right(cache: FileCache) -> None:
    lake = lake_with(
        [
            *order("1001", "2024-07-01", "30.00", ANN, [("p1", "", "", "10.00", 1), ("p2", "", "", "5.00", 4)]),
            *order("1002", "2024-07-31", "20.00", ANN, [("p1", "", "", "10.00", 2)], record=2),
            *order(
                "1002",
                "2024-08-01",
                "25.00",
                ANN,
                [("p1", "", "", "10.00", 2), ("p3", "", "", "5.00", 1)],
                modified="2024-08-02T00:00:00",
            ),
        ],
        cache,
    )

    def answer(sql: str) -> list[tuple[Typed, ...]]:
        return rows(select(lake, cache, parse(sql, ()), DATABASE))

    docs = (Path(__file__).parents[2] / "docs" / "queries.md").read_text("utf-8")
    preview, over, right = (block.split("\n```")[0] for block in docs.split("```sql\n")[1:])
    assert len(answer(preview)) == 5
    assert answer(over) == [("c1", Decimal("130.0000"))]
    assert answer(right) == [("c1", Decimal("55.0000"))]
    by_product = answer("SELECT product_id, SUM(line_amount) FROM order_lines GROUP BY product_id ORDER BY product_id")
    assert by_product == [("p1", Decimal("30.0000")), ("p2", Decimal("20.0000")), ("p3", Decimal("5.0000"))]


def test_units_beyond_a_bigint_are_null_and_fail_no_question(cache: FileCache) -> None:
    most = 2**63 - 1
    absurd = lake_with(
        [
            *order("1", "2024-07-01", "1.00", ANN, [("p1", "Pen", "Office", None, most)], record=1),
            *order("2", "2024-07-01", "1.00", ANN, [("p1", "Pen", "Office", "5.00", 1)], record=2),
            *order("3", "2024-07-01", "1.00", ANN, [("p2", "Ink", "Other", None, most)], record=3),
        ],
        cache,
    )
    for name, counted in (("sales_by_category", ["Other", "Office"]), ("top_products", ["p2", "p1"])):
        statement = QUERIES[name].bind({})
        selected = select(absurd, cache, parse(statement.sql, statement.parameters), DATABASE)
        units = [column.name for column in selected.file.columns].index("units")
        group = 0 if name == "sales_by_category" else 1
        assert {row[group]: row[units] for row in rows(selected)} == dict(zip(counted, (most, None), strict=True))
