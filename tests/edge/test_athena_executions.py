"""Athena's edge: what is sent to start, follow and cancel an execution, and whose executions are shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import ANY

from chalicelib.aws.athena import Athena, athena_client
from chalicelib.errors import AwsError, DeadlinePassed, ExecutionNotFound, QueryFailed, Throttled
from tests.contracts import datasets_of
from tests.edge.athena_world import ID, KEYS, PREVIEW, QUERIES, SETTINGS, World, athena_world, sent, statement

(DATASET,) = datasets_of(SETTINGS)
TOP = sent("top_products")


@pytest.fixture
def world() -> Iterator[World]:
    with athena_world() as made:
        yield made


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
    assert caught.value.retry_after > 0


def test_the_client_retries_throttling_itself_and_gives_up_on_silence() -> None:
    config: Any = athena_client(**KEYS).meta.config
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
        PREVIEW.replace(DATASET.contract.main.name, "salaries"),
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


@pytest.mark.parametrize("name", QUERIES)
def test_every_saved_query_is_ours_as_it_was_sent_with_or_without_its_values_in_the_text(
    world: World, name: str
) -> None:
    values = list(statement(QUERIES[name]).parameters)
    filled = sent(name)
    for each in values:
        filled = filled.replace("?", each, 1)
    parameters = {"ExecutionParameters": values} if values else {}
    for answer in ({"Query": sent(name)}, {"Query": sent(name), **parameters}, {"Query": filled}):
        world.execution("SUCCEEDED", **answer)
        assert world.athena(saved_only=True).execution(ID).query == name


@pytest.mark.parametrize("code", ["InternalServerException", "MetadataException"])
def test_another_error_is_raised_with_its_call_and_code(world: World, code: str) -> None:
    world.error("get_query_execution", code)
    with pytest.raises(AwsError, match=f"^GetQueryExecution: {code}$"):
        world.athena().execution(ID)


def test_waiting_grows_its_pauses_and_bears_going_back_to_the_queue(world: World) -> None:
    for state in ["QUEUED", "RUNNING", "QUEUED", "RUNNING"]:
        world.execution(state)
    world.execution("SUCCEEDED")
    assert world.athena().wait(ID, 60).state == "SUCCEEDED"
    assert world.clock.pauses == sorted(world.clock.pauses)
    assert world.clock.pauses[0] < world.clock.pauses[-1]


def test_waiting_ends_at_its_deadline_and_starts_nothing(world: World) -> None:
    class Running:
        """A client that only tells of an execution, which never ends."""

        def get_query_execution(self, QueryExecutionId: str) -> dict[str, Any]:  # noqa: N803 - AWS's name
            status = {"State": "RUNNING"}
            return {"QueryExecution": {"QueryExecutionId": ID, "WorkGroup": "etl_pipeline", "Status": status}}

    clock = world.clock
    athena = Athena(Running(), SETTINGS, QUERIES, monotonic=clock.monotonic, sleep=clock.sleep)  # type: ignore[arg-type]
    with pytest.raises(DeadlinePassed, match="did not finish within 3 s"):
        athena.wait(ID, 3)
    assert clock.now == pytest.approx(1003.0)


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


def test_cancelling_stops_a_running_query(world: World) -> None:
    world.execution("RUNNING")
    world.stub.add_response("stop_query_execution", {}, {"QueryExecutionId": ID})
    world.athena().cancel(ID)


@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELLED"])
def test_cancelling_what_has_ended_leaves_it(world: World, state: str) -> None:
    world.execution(state)
    world.athena().cancel(ID)
