"""Athena's edge: the rows of an execution, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import pytest

from chalicelib.aws.dataframes import dataframe
from chalicelib.errors import DeadlinePassed, ParameterError, QueryFailed, Throttled
from tests.edge.athena_world import HEADER, World, athena_world


@pytest.fixture
def world() -> Iterator[World]:
    with athena_world() as made:
        yield made


def test_throttled_while_reading_results_is_told(world: World) -> None:
    execution = world.execution_now()
    world.error("get_query_results", "ThrottlingException")
    with pytest.raises(Throttled):
        world.athena().page(execution)


def test_the_header_row_is_left_out_of_the_first_page_and_does_not_count(world: World) -> None:
    execution = world.execution_now()
    world.results([HEADER, ["1", "2.5000", "2024-07-05 10:15:00.000"], ["", None, None]], {"MaxResults": 3}, "t2")
    page = world.athena().page(execution, page_size=2)
    assert page.columns == [("order_id", "varchar"), ("total", "decimal(38,4)"), ("at", "timestamp")]
    assert page.rows == [("1", Decimal("2.5000"), datetime(2024, 7, 5, 10, 15)), ("", None, None)]
    assert page.next_page_token == "t2"


def test_a_later_page_has_no_header_and_a_row_that_looks_like_one_stays(world: World) -> None:
    execution = world.execution_now()
    world.results([["order_id", None, None]], {"MaxResults": 2, "NextToken": "t2"})
    page = world.athena().page(execution, page_size=2, page_token="t2")
    assert page.rows == [("order_id", None, None)]
    assert page.next_page_token is None


def test_an_empty_result_is_no_rows(world: World) -> None:
    execution = world.execution_now()
    world.results([HEADER], {"MaxResults": 1000})
    assert world.athena().page(execution).rows == []


def test_a_catalog_statement_has_no_header_row(world: World) -> None:
    execution = world.execution_now(StatementType="UTILITY", Query="SHOW TABLES")
    world.results([["order_id", None, None]], {"MaxResults": 1000})
    assert world.athena().page(execution).rows == [("order_id", None, None)]


def test_all_rows_come_page_by_page_after_one_look_at_the_execution(world: World) -> None:
    execution = world.execution_now()
    world.results([HEADER, ["1", None, None]], {"MaxResults": 1000}, "t2")
    world.results([["2", None, None]], {"MaxResults": 1000, "NextToken": "t2"})
    assert [row[0] for row in world.athena().rows(execution)] == ["1", "2"]


def test_a_dataframe_keeps_types_also_where_there_is_only_null(world: World) -> None:
    execution = world.execution_now()
    world.results([HEADER, ["007", "2.5000", "2024-07-05 10:15:00.120"], [None, None, None]], {"MaxResults": 1000})
    frame = dataframe(world.athena(), execution)
    assert [str(dtype) for dtype in frame.dtypes] == ["string", "object", "datetime64[ms]"]
    assert frame.iloc[0].tolist()[:2] == ["007", Decimal("2.5000")]
    assert frame["order_id"].isna().tolist() == [False, True]


@pytest.mark.parametrize("state", ["QUEUED", "RUNNING"])
def test_results_of_a_running_query_are_not_asked_for(world: World, state: str) -> None:
    execution = world.execution_now(state)
    with pytest.raises(DeadlinePassed):
        world.athena().page(execution)


def test_results_of_a_failed_query_are_its_reason(world: World) -> None:
    execution = world.execution_now("FAILED")
    with pytest.raises(QueryFailed, match="Athena gave no reason"):
        world.athena().page(execution)


@pytest.mark.parametrize("size", [0, -1, 1001])
def test_a_page_size_that_is_none_is_refused_before_any_call(world: World, size: int) -> None:
    execution = world.execution_now()
    with pytest.raises(ParameterError) as caught:
        world.athena().page(execution, page_size=size)
    assert caught.value.problems == {"page_size": f"is {size}: give 1 to 1000"}


@pytest.mark.parametrize("token", ["", "x" * 1025])
def test_a_page_token_that_cannot_be_one_is_refused_before_any_call(world: World, token: str) -> None:
    execution = world.execution_now()
    with pytest.raises(ParameterError, match="page_token"):
        world.athena().page(execution, page_token=token)


def test_a_page_token_that_athena_does_not_know_is_the_callers_error(world: World) -> None:
    execution = world.execution_now()
    world.error("get_query_results", "InvalidRequestException", "Invalid NextToken")
    with pytest.raises(ParameterError, match="page_token: is not a token of these results"):
        world.athena().page(execution, page_token="made-up")


def test_results_that_have_expired_are_told_with_the_remedy(world: World) -> None:
    execution = world.execution_now()
    world.error("get_query_results", "InvalidRequestException", "Could not find results")
    with pytest.raises(QueryFailed, match="can no longer be read: ask the query again"):
        world.athena().page(execution)
