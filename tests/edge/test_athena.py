"""Athena's edge, call by call: what is sent, what comes of each answer, and what is never sent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from chalicelib.aws.athena import Athena, athena_client
from chalicelib.aws.athena_results import Execution
from chalicelib.aws.dataframes import dataframe
from chalicelib.aws.errors import RETRY_AFTER
from chalicelib.errors import DeadlinePassed, ExecutionNotFound, ParameterError, QueryFailed, Throttled
from chalicelib.queries.saved import find, load
from chalicelib.settings import Settings

ID = "0b1c2d3e-4f50-4a61-8b72-9c8d0e1f2a3b"
SETTINGS = Settings(bucket="orders-etl-test")


def saved(name: str) -> str:
    """Return the text of a saved query, as it is sent."""
    query = find(name)
    given = {parameter.name: parameter.example for parameter in query.parameters}
    return f"-- saved query: {name}\n{query.bind(given, database=SETTINGS.database, table=SETTINGS.table).sql}"


PREVIEW, TOP = saved("preview"), saved("top_products")
KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class World:
    def __init__(self, stub: Stubber, clock: Clock, client: Any) -> None:
        self.stub, self.clock, self.client = stub, clock, client

    def athena(self, **options: Any) -> Athena:
        return Athena(self.client, SETTINGS, monotonic=self.clock.monotonic, sleep=self.clock.sleep, **options)

    def execution(self, state: str, **changes: Any) -> None:
        """Have the next look at the execution find it in this state."""
        answer = {
            "QueryExecutionId": ID,
            "Query": PREVIEW,
            "StatementType": "DML",
            "WorkGroup": "etl_pipeline",
            "Status": {"State": state},
            **changes,
        }
        self.stub.add_response("get_query_execution", {"QueryExecution": answer}, {"QueryExecutionId": ID})

    def execution_now(self, state: str = "SUCCEEDED", **changes: Any) -> Execution:
        """Return the execution as one look at it finds it."""
        self.execution(state, **changes)
        return self.athena().execution(ID)

    def error(self, call: str, code: str, message: str = "") -> None:
        self.stub.add_client_error(call, service_error_code=code, service_message=message)

    def results(self, rows: list[list[str | None]], expected: dict[str, Any], token: str | None = None) -> None:
        infos = [("order_id", "varchar", 0, 0), ("total", "decimal", 38, 4), ("at", "timestamp", 3, 0)]
        answer: dict[str, Any] = {
            "ResultSet": {
                "Rows": [{"Data": [{} if v is None else {"VarCharValue": v} for v in row]} for row in rows],
                "ResultSetMetadata": {
                    "ColumnInfo": [
                        {"Name": name, "Label": name, "Type": type_, "Precision": precision, "Scale": scale}
                        for name, type_, precision, scale in infos
                    ]
                },
            }
        }
        if token:
            answer["NextToken"] = token
        self.stub.add_response("get_query_results", answer, {"QueryExecutionId": ID, **expected})


@pytest.fixture
def world() -> Iterator[World]:
    client = boto3.client("athena", **KEYS)  # type: ignore[call-overload]
    with Stubber(client) as stub:
        yield World(stub, Clock(), client)
        stub.assert_no_pending_responses()


HEADER: list[str | None] = ["order_id", "total", "at"]


def test_a_query_starts_in_our_workgroup_and_database_marked_with_its_name(world: World) -> None:
    world.stub.add_response(
        "start_query_execution",
        {"QueryExecutionId": ID},
        {
            "QueryString": "-- saved query: preview\nSELECT ?",
            "QueryExecutionContext": {"Catalog": "AwsDataCatalog", "Database": "etl_pipeline"},
            "WorkGroup": "etl_pipeline",
            "ExecutionParameters": ["'a'"],
        },
    )
    assert world.athena().start("SELECT ?", ["'a'"], name="preview") == ID


def test_without_parameters_or_reuse_those_keys_are_left_out(world: World) -> None:
    sent: list[dict[str, Any]] = []
    world.client.meta.events.register(
        "provide-client-params.athena.StartQueryExecution", lambda params, **_: sent.append(dict(params))
    )
    world.stub.add_response("start_query_execution", {"QueryExecutionId": ID})
    world.athena().start("SELECT 1")
    assert set(sent[0]) == {"QueryString", "QueryExecutionContext", "WorkGroup"}


def test_old_results_are_reused_only_when_asked_for(world: World) -> None:
    reuse = {"ResultReuseByAgeConfiguration": {"Enabled": True, "MaxAgeInMinutes": 60}}
    world.stub.add_response(
        "start_query_execution",
        {"QueryExecutionId": ID},
        {
            "QueryString": ANY,
            "QueryExecutionContext": ANY,
            "WorkGroup": ANY,
            "ResultReuseConfiguration": reuse,
        },
    )
    world.athena().start("SELECT 1", max_age_minutes=60)
    for wrong in (-1, 10081):
        with pytest.raises(ValueError, match="give 0 to 10080"):
            world.athena().start("SELECT 1", max_age_minutes=wrong)


def test_a_token_is_sent_in_athenas_length_and_differs_with_the_question(world: World) -> None:
    sent: list[str] = []
    world.client.meta.events.register(
        "provide-client-params.athena.StartQueryExecution",
        lambda params, **_: sent.append(params["ClientRequestToken"]),
    )
    for _ in range(4):
        world.stub.add_response("start_query_execution", {"QueryExecutionId": ID})
    athena = world.athena()
    athena.start("SELECT ?", ["1"], token="t")
    athena.start("SELECT ?", ["1"], token="t")
    athena.start("SELECT ?", ["2"], token="t")
    athena.start("SELECT ?", ["1"], token="u")
    assert sent[0] == sent[1]
    assert len(set(sent)) == 3
    assert all(32 <= len(token) <= 128 for token in sent)


@pytest.mark.parametrize("code", ["ThrottlingException", "TooManyRequestsException"])
def test_throttling_that_outlasts_the_retries_tells_when_to_come_back(world: World, code: str) -> None:
    world.error("start_query_execution", code)
    with pytest.raises(Throttled) as caught:
        world.athena().start("SELECT 1")
    assert caught.value.retry_after == RETRY_AFTER


def test_the_client_retries_throttling_itself_and_gives_up_on_silence() -> None:
    config = athena_client(**KEYS).meta.config
    assert config.retries["mode"] == "standard"
    assert config.connect_timeout == 3
    assert config.read_timeout == 10


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        " ",
        "x",
        ID.upper(),
        ID + "\n",
        ID[:-1],
        "../" + ID,
        ID.replace("-", ""),
        "٠b1c2d3e-4f50-4a61-8b72-9c8d0e1f2a3b",
    ],
)
def test_an_id_that_is_none_is_not_found_and_no_call_is_made(world: World, wrong: str) -> None:
    athena = world.athena()
    for call in (athena.execution, athena.cancel, lambda each: athena.wait(each, 1)):
        with pytest.raises(ExecutionNotFound):
            call(wrong)


@pytest.mark.parametrize("code", ["InvalidRequestException", "AccessDeniedException"])
def test_an_unknown_execution_is_not_found(world: World, code: str) -> None:
    world.error("get_query_execution", code, f"QueryExecution {ID} was not found")
    with pytest.raises(ExecutionNotFound):
        world.athena().execution(ID)


def test_an_execution_of_another_workgroup_is_not_found(world: World) -> None:
    world.execution("SUCCEEDED", WorkGroup="primary")
    with pytest.raises(ExecutionNotFound):
        world.athena().execution(ID)


def test_an_execution_that_no_saved_query_started_is_hidden_only_where_asked(world: World) -> None:
    world.execution("SUCCEEDED", Query="SELECT 1")
    assert world.athena().execution(ID).query is None
    for call in ("execution", "cancel"):
        world.execution("RUNNING", Query="SELECT 1")
        with pytest.raises(ExecutionNotFound):
            getattr(world.athena(saved_only=True), call)(ID)


@pytest.mark.parametrize(
    "forged",
    [
        "-- saved query: preview\nSELECT * FROM salaries",
        "-- saved query: preview\nSELECT 1",
        f"{PREVIEW}\nUNION ALL SELECT * FROM salaries",
        f"{PREVIEW} ",
        f"\n{PREVIEW}",
        PREVIEW.replace("preview\n", "top_products\n"),
        PREVIEW.replace("preview\n", "no_such_query\n"),
        PREVIEW.replace(SETTINGS.table, "salaries"),
        TOP.replace("?", "(SELECT max(salary) FROM salaries)", 1),
        TOP.replace("?", "1 OR 1 = 1", 1),
        TOP.replace("?", "'a' OR name = 'b'", 1),
        TOP.replace("?", "'" * 100_001, 1),
        TOP.replace("?", "'a'" * 50_000 + "b", 1),
        TOP.replace("?", "1" * 100_000 + "b", 1),
    ],
    ids=[
        *("other SQL", "a constant", "more behind it", "a space behind it", "a line before it"),
        *("another's name", "an unknown name", "another table", "a subquery", "a condition", "texts and a condition"),
        *("an open quote", "many texts", "many digits"),
    ],
)
def test_sql_that_only_begins_like_a_saved_query_is_not_found(world: World, forged: str) -> None:
    world.execution("SUCCEEDED", Query=forged)
    assert world.athena().execution(ID).query is None
    world.execution("SUCCEEDED", Query=forged)
    with pytest.raises(ExecutionNotFound):
        world.athena(saved_only=True).execution(ID)


def test_a_saved_query_with_more_than_a_value_as_its_parameter_is_not_found(world: World) -> None:
    world.execution("SUCCEEDED", Query=TOP, ExecutionParameters=["(SELECT max(salary) FROM salaries)"])
    with pytest.raises(ExecutionNotFound):
        world.athena(saved_only=True).execution(ID)


@pytest.mark.parametrize("name", load())
def test_every_saved_query_is_ours_as_it_was_sent_with_or_without_its_values_in_the_text(
    world: World, name: str
) -> None:
    query = find(name)
    given = {parameter.name: parameter.example for parameter in query.parameters}
    statement = query.bind(given, database=SETTINGS.database, table=SETTINGS.table)
    sent = f"-- saved query: {name}\n{statement.sql}"
    put_in = sent
    for each in statement.parameters:
        put_in = put_in.replace("?", each, 1)
    parameters = {"ExecutionParameters": list(statement.parameters)} if statement.parameters else {}
    for answer in ({"Query": sent}, {"Query": sent, **parameters}, {"Query": put_in}):
        world.execution("SUCCEEDED", **answer)
        assert world.athena(saved_only=True).execution(ID).query == name


def test_another_error_stays_what_it_is(world: World) -> None:
    world.error("get_query_execution", "InternalServerException")
    with pytest.raises(world.client.exceptions.InternalServerException):
        world.athena().execution(ID)


def test_waiting_grows_its_pauses_and_bears_going_back_to_the_queue(world: World) -> None:
    for state in ["QUEUED", "RUNNING", "QUEUED", "RUNNING"]:
        world.execution(state)
    world.execution("SUCCEEDED")
    assert world.athena().wait(ID, 60).state == "SUCCEEDED"
    assert world.clock.pauses == sorted(world.clock.pauses)
    assert world.clock.pauses[0] < world.clock.pauses[-1]


def test_waiting_ends_at_its_deadline_and_starts_nothing(world: World) -> None:
    for _ in range(20):
        world.execution("RUNNING")
    with pytest.raises(DeadlinePassed, match="did not finish within 3 s"):
        world.athena().wait(ID, 3)
    assert world.clock.now == pytest.approx(1003.0)
    world.stub._queue.clear()  # type: ignore[attr-defined]


def test_waiting_no_time_looks_once(world: World) -> None:
    world.execution("QUEUED")
    with pytest.raises(DeadlinePassed):
        world.athena().wait(ID, 0)
    assert world.clock.pauses == []


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_waiting_for_what_failed_gives_athenas_reason(world: World, state: str) -> None:
    world.execution(state, Status={"State": state, "StateChangeReason": "COLUMN_NOT_FOUND: line 1:8"})
    with pytest.raises(QueryFailed, match="COLUMN_NOT_FOUND: line 1:8") as caught:
        world.athena().wait(ID, 60)
    assert caught.value.state == state


def test_throttled_while_waiting_is_no_news_of_the_query(world: World) -> None:
    world.error("get_query_execution", "ThrottlingException")
    world.execution("SUCCEEDED")
    assert world.athena().wait(ID, 60).state == "SUCCEEDED"
    assert world.clock.pauses == [2.0]


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


def test_cancelling_stops_a_running_query(world: World) -> None:
    world.execution("RUNNING")
    world.stub.add_response("stop_query_execution", {}, {"QueryExecutionId": ID})
    world.athena().cancel(ID)


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELLED"])
def test_cancelling_what_has_ended_leaves_it(world: World, state: str) -> None:
    world.execution(state)
    world.athena().cancel(ID)
