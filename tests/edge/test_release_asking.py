"""Asking a REST API whose stage was just made, and one that refuses the caller."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from chalicelib.queries.saved import parse
from chalicelib.settings import Settings
from glue_setup.errors import SetupError
from release.asking import Direct, Rest
from release.smoke_document import SmokeDocument
from tests.contracts import ORDERS, datasets_of

QUERY = parse(
    "lines_of",
    "-- title: Lines\n-- description: Lines.\n-- parameter: order_id\n--   type: text\n--   description: Id.\n"
    "--   required: yes\n--   example: 1\nSELECT n, SUM(n) AS price FROM lines WHERE order_id = :order_id",
)
DOCUMENT = SmokeDocument(
    b"", {"order_id": "o'1"}, {ORDERS.main.name: [{"order_id": "o'1", "source_key": "k", "order_month": "2000-01"}]}
)
YOUNG = b'{"message":"Forbidden"}'
DENIED = b'{"Message":"User: arn:aws:iam::123456789012:user/a is not authorized to perform: execute-api:Invoke on ..."}'
ROWS = {
    "execution_id": "e-1",
    "state": "SUCCEEDED",
    "columns": [{"name": "n", "type": "integer"}, {"name": "price", "type": "integer"}],
    "rows": [[1, 9]],
}


class Gateway(HTTPServer):
    """Answers 403 with `body` to its first `refusals` callers."""

    refusals = 0
    refusal = 403
    body = YOUNG


class Answers(BaseHTTPRequestHandler):
    server: Gateway

    def do_GET(self) -> None:
        refused = self.server.refusals > 0
        self.server.refusals -= 1
        body = self.server.body if refused else json.dumps(ROWS).encode()
        self.send_response(self.server.refusal if refused else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    server = Gateway(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def asking(gateway: Gateway, time: Time) -> Rest:
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="eu-west-1")
    url = f"http://127.0.0.1:{gateway.server_port}"
    return Rest(session, url, QUERY, monotonic=lambda: time.now, sleep=time.sleep)


def test_a_stage_that_was_just_made_is_given_its_seconds(gateway: Gateway) -> None:
    gateway.refusals, time = 5, Time()
    assert asking(gateway, time).rows_of(DOCUMENT).rows == [{"n": 1}]
    assert time.now == 10


def test_a_stage_that_stays_forbidden_ends_the_wait_with_what_it_answered(gateway: Gateway) -> None:
    gateway.refusals, time = 1000, Time()
    with pytest.raises(SetupError, match=r"was refused: allow execute-api:Invoke .*Forbidden"):
        asking(gateway, time).rows_of(DOCUMENT)
    assert time.now == 60


def test_a_caller_who_is_not_allowed_is_reported_at_once(gateway: Gateway) -> None:
    gateway.refusals, gateway.body, time = 1000, DENIED, Time()
    with pytest.raises(SetupError, match="allow execute-api:Invoke on it to the caller"):
        asking(gateway, time).rows_of(DOCUMENT)
    assert time.now == 0


def test_a_deployed_api_without_the_query_is_told_as_another_version(gateway: Gateway) -> None:
    gateway.refusals, gateway.refusal, gateway.body = 1, 404, b"no saved query is named 'lines_of'"
    with pytest.raises(SetupError, match=r"answered 404: .*not the one of this project, which has the query lines_of"):
        asking(gateway, Time()).rows_of(DOCUMENT)


def test_without_a_query_by_the_identity_athena_is_asked_for_the_rows_of_this_document_alone() -> None:
    class Asked:
        sql = ""

        def start(self, sql: str) -> str:
            self.sql = sql
            return "e-1"

        def wait(self, execution_id: str, seconds: float) -> Any:
            return execution_id

        def page(self, execution: Any) -> Any:
            return SimpleNamespace(describe=lambda: {"columns": [{"name": "order_id"}], "rows": [["o'1"]]})

    athena: Any = Asked()
    (dataset,) = datasets_of(Settings(bucket="any"))
    direct = Direct(athena, dataset, None)
    assert direct.rows_of(DOCUMENT).rows == [{"order_id": "o'1"}]
    assert direct.how == "Athena: order_lines"
    assert athena.sql == (
        'SELECT order_id, source_key, order_month FROM "etl_pipeline"."order_lines" '
        "WHERE order_id = 'o''1' AND source_key = 'k' AND order_month = '2000-01'"
    )
