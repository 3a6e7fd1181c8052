"""Athena's edge over a client whose every call is expected, on a clock that only sleeping moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from botocore.stub import Stubber
from mypy_boto3_athena import AthenaClient

from chalicelib.aws.athena import Athena
from chalicelib.aws.athena_results import Execution
from chalicelib.queries.saved import SavedQuery, Statement, load
from chalicelib.settings import Settings
from tests.contracts import datasets_of

ID = "0b1c2d3e-4f50-4a61-8b72-9c8d0e1f2a3b"
SETTINGS = Settings(bucket="orders-etl-test")
QUERIES = load(datasets_of(SETTINGS))
KEYS = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
HEADER: list[str | None] = ["order_id", "total", "at"]


def statement(query: SavedQuery) -> Statement:
    """Return the statement of a saved query with the examples of its parameters."""
    return query.bind({parameter.name: parameter.example for parameter in query.parameters})


def sent(name: str) -> str:
    """Return the text of a saved query, as it is sent."""
    return f"-- saved query: {name}\n{statement(QUERIES[name]).sql}"


PREVIEW = sent("preview")


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
    """The calls that are expected, each with its answer."""

    def __init__(self, stub: Stubber, clock: Clock, client: AthenaClient) -> None:
        self.stub, self.clock, self.client = stub, clock, client

    def athena(self, **options: Any) -> Athena:
        return Athena(self.client, SETTINGS, QUERIES, monotonic=self.clock.monotonic, sleep=self.clock.sleep, **options)

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


@contextmanager
def athena_world() -> Iterator[World]:
    """Yield a world; at its end every expected call was made."""
    client = boto3.client("athena", **KEYS)  # type: ignore[call-overload]
    with Stubber(client) as stub:
        yield World(stub, Clock(), client)
        stub.assert_no_pending_responses()
