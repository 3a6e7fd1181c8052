"""Asking a REST API whose stage was just made, and one that refuses the caller."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest

from glue_setup.errors import SetupError
from release.asking import Rest

YOUNG = b'{"message":"Forbidden"}'
DENIED = b'{"Message":"User: arn:aws:iam::123456789012:user/a is not authorized to perform: execute-api:Invoke on ..."}'
ROWS = {"execution_id": "e-1", "state": "SUCCEEDED", "columns": [{"name": "n", "type": "integer"}], "rows": [[1]]}


class Gateway(HTTPServer):
    """Answers 403 with `body` to its first `refusals` callers."""

    refusals = 0
    body = YOUNG


class Answers(BaseHTTPRequestHandler):
    server: Gateway

    def do_GET(self) -> None:
        refused = self.server.refusals > 0
        self.server.refusals -= 1
        body = self.server.body if refused else json.dumps(ROWS).encode()
        self.send_response(403 if refused else 200)
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
    return Rest(session, url, monotonic=lambda: time.now, sleep=time.sleep)


def test_a_stage_that_was_just_made_is_given_its_seconds(gateway: Gateway) -> None:
    gateway.refusals, time = 5, Time()
    assert asking(gateway, time).lines_of("o").rows == [{"n": 1}]
    assert time.now == 10


def test_a_stage_that_stays_forbidden_ends_the_wait_with_what_it_answered(gateway: Gateway) -> None:
    gateway.refusals, time = 1000, Time()
    with pytest.raises(SetupError, match=r"was refused: allow execute-api:Invoke .*Forbidden"):
        asking(gateway, time).lines_of("o")
    assert time.now == 60


def test_a_caller_who_is_not_allowed_is_reported_at_once(gateway: Gateway) -> None:
    gateway.refusals, gateway.body, time = 1000, DENIED, Time()
    with pytest.raises(SetupError, match="allow execute-api:Invoke on it to the caller"):
        asking(gateway, time).lines_of("o")
    assert time.now == 0
