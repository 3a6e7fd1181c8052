"""The SQL of saved queries and views: valid for Athena, only columns that exist, partitions always pruned."""

from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify import qualify

from chalicelib.contracts.sources import Origin
from chalicelib.dataset import REJECTED_TABLE
from chalicelib.queries import saved
from chalicelib.queries.saved import SavedQuery, Statement
from chalicelib.queries.views import view_statements
from chalicelib.settings import Settings
from glue_setup.rejected import COLUMNS as REJECTED_COLUMNS
from tests.contracts import ORDERS, datasets_of

(DATASET,) = datasets_of(Settings(bucket="orders-etl-test"))
DATABASE, TABLE = DATASET.database, DATASET.contract.main.name
QUERIES = list(saved.load((DATASET,)).values())
VIEWS = dict(view_statements(DATASET))


def bound(query: SavedQuery) -> Statement:
    given = {parameter.name: parameter.example for parameter in query.parameters}
    return query.bind(given)


def tree_of(sql: str) -> exp.Expression:
    return sqlglot.parse_one(sql, read="athena")


def view_query(name: str) -> exp.Expression:
    created = tree_of(VIEWS[name])
    assert isinstance(created, exp.Create)
    assert created.kind == "VIEW"
    return created.expression


def output(name: str) -> list[str]:
    return [each.alias_or_name for each in view_query(name).selects]


def schema() -> dict[str, dict[str, dict[str, str]]]:
    columns = {TABLE: [column.name for column in ORDERS.main.columns], "order_lines": output("order_lines")}
    columns["orders"] = output("orders")
    columns[REJECTED_TABLE] = [name for name, _, _ in REJECTED_COLUMNS]
    return {DATABASE: {table: dict.fromkeys(names, "varchar") for table, names in columns.items()}}


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_every_column_that_a_query_names_exists(query: SavedQuery) -> None:
    qualify(tree_of(bound(query).sql), schema=schema(), db=DATABASE, dialect="athena", validate_qualify_columns=True)


@pytest.mark.parametrize("name", VIEWS)
def test_every_column_that_a_view_names_exists(name: str) -> None:
    qualify(view_query(name), schema=schema(), db=DATABASE, dialect="athena", validate_qualify_columns=True)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_parameters_stand_in_where_only(query: SavedQuery) -> None:
    tree = tree_of(bound(query).sql)
    placeholders = list(tree.find_all(exp.Placeholder))
    assert len(placeholders) == len(bound(query).parameters)
    for placeholder in placeholders:
        assert isinstance(placeholder.find_ancestor(exp.Where, exp.Select, exp.Limit), exp.Where)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_that_filters_by_date_filters_by_month_too(query: SavedQuery) -> None:
    for where in tree_of(bound(query).sql).find_all(exp.Where):
        named = {column.name for column in where.find_all(exp.Column)}
        assert "order_date" not in named or "order_month" in named


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_a_query_does_nothing_that_differs_between_the_engines(query: SavedQuery) -> None:
    tree = tree_of(bound(query).sql)
    # Integer and decimal division, AVG of decimals, and the default place of NULL in an order that has any.
    assert not list(tree.find_all(exp.Div, exp.Avg))


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_the_text_that_is_sent_has_no_comment(query: SavedQuery) -> None:
    assert "--" not in bound(query).sql
    assert "/*" not in bound(query).sql


@pytest.mark.parametrize("query", [q for q in QUERIES if q.name != "preview"], ids=lambda query: query.name)
def test_every_order_of_rows_is_the_same_each_time(query: SavedQuery) -> None:
    ordered = tree_of(bound(query).sql).args["order"]
    last = ordered.expressions[-1].this.name
    orders = {"order_id", "customer_id", "order_month", "product_category", "sales_rank", "line_number"}
    assert last in orders | {"reason", "record_number"}


def test_order_lines_has_every_column_of_the_contract() -> None:
    assert output("order_lines") == [column.name for column in ORDERS.main.columns]


def test_orders_has_every_column_of_an_order() -> None:
    assert set(output("orders")) >= {c.name for c in ORDERS.main.at_level(0) if c.source is not Origin.EXTRA_FIELDS}
    assert set(output("orders")) >= {"line_count", "line_total", "order_month"}


def test_views_come_in_the_order_in_which_they_can_be_made() -> None:
    assert list(VIEWS) == ["order_lines", "orders"]
    tables = {table.name for table in view_query("order_lines").find_all(exp.Table)}
    assert tables == {TABLE}
    assert {table.name for table in view_query("orders").find_all(exp.Table)} == {"order_lines"}
    assert all(table.db == DATABASE for name in VIEWS for table in view_query(name).find_all(exp.Table))


def test_totals_are_summed_over_orders_and_line_amounts_over_lines() -> None:
    for query in QUERIES:
        tree = tree_of(bound(query).sql)
        summed = {column.name for each in tree.find_all(exp.Sum) for column in each.find_all(exp.Column)}
        tables = {table.name for table in tree.find_all(exp.Table)} & {"orders", "order_lines", TABLE}
        if "total_amount" in summed:
            assert tables == {"orders"}
        if "line_amount" in summed:
            assert tables == {"order_lines"}
