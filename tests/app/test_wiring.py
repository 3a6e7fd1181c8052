"""app.py: who may call, what every answer carries, and that it only wires."""

from __future__ import annotations

import ast
import re
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import EndpointConnectionError
from chalice.app import Chalice, IAMAuthorizer

from chalicelib.api.errors import CODES, failure_in_words
from chalicelib.api.headers import SECURITY
from chalicelib.api.openapi import document
from chalicelib.api.requests import ApiRequest
from chalicelib.errors import SettingError
from local.emulator import PROJECT
from tests.app.front import HOST, QUERIES, REQUEST_ID, Front, error, load_app

MAX_LINES = 10


def entries(app: Chalice) -> list[Any]:
    return [entry for methods in app.routes.values() for entry in methods.values()]


def test_every_route_wants_a_signature_by_default() -> None:
    for entry in entries(load_app().app):
        assert isinstance(entry.authorizer, IAMAuthorizer)
        assert not entry.api_key_required


def test_every_route_wants_a_key_where_the_setting_says_so() -> None:
    for entry in entries(load_app(API_AUTH="api_key").app):
        assert entry.api_key_required
        assert entry.authorizer is None


def test_only_the_local_stage_may_do_without_authorization() -> None:
    for entry in entries(load_app(API_AUTH="none", ETL_STAGE="local").app):
        assert entry.authorizer is None
        assert not entry.api_key_required
    for stage in ("dev", "prod", "LOCAL", "local2", ""):
        with pytest.raises(SettingError, match="API_AUTH is 'none': give iam or api_key"):
            load_app(API_AUTH="none", ETL_STAGE=stage)


@pytest.mark.parametrize("wrong", ["IAM", "iam ", "None", "open"])
def test_a_mistyped_authorization_deploys_nothing(wrong: str) -> None:
    with pytest.raises(SettingError, match="give iam, api_key or none"):
        load_app(API_AUTH=wrong, ETL_STAGE="local")


def test_handlers_only_translate_and_call() -> None:
    tree = ast.parse((PROJECT / "app.py").read_text())
    for each in ast.walk(tree):
        if isinstance(each, ast.FunctionDef):
            assert (each.end_lineno or 0) - each.lineno < MAX_LINES, each.name
            assert ast.get_docstring(each) or each.name.startswith("_"), each.name


def test_the_document_describes_every_route_and_no_other(front: Front) -> None:
    paths = document(["orders"], QUERIES, front.settings, "")["paths"]
    described = {(path, method.upper()) for path, methods in paths.items() for method in methods}
    routed = {(path, method) for path, methods in front.app.routes.items() for method in methods}
    by_name = {(f"/queries/{name}", "GET") for name in QUERIES}
    assert described == routed | by_name


def test_every_answer_has_the_security_headers(front: Front) -> None:
    answers = [
        front.call("GET", "/queries"),
        front.call("GET", "/queries/{name}", path={"name": "nope"}),
        front.call("POST", "/uploads", headers={"Content-Type": "text/plain"}, body="x"),
        front.call("GET", "/openapi.json"),
    ]
    assert [answer.status for answer in answers] == [200, 404, 415, 200]
    for answer in answers:
        assert SECURITY.items() <= answer.headers.items()
        assert answer.headers["Content-Type"] == "application/json"
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_a_fault_of_ours_tells_nothing_but_the_request_id(
    front: Front, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    front.athena.fails["start"] = error("AccessDeniedException")
    answer = front.call("GET", "/queries/{name}", path={"name": "preview"})
    assert answer.status == 500
    assert answer.body == {
        "Code": "InternalServerError",
        "Message": "An internal server error occurred.",
        "RequestId": REQUEST_ID,
    }
    assert SECURITY.items() <= answer.headers.items()
    assert REQUEST_ID in capsys.readouterr().out  # with the trace in the log, to be found


@pytest.mark.parametrize(
    ("code", "status"), [("ThrottlingException", 429), ("TooManyRequestsException", 429), ("SlowDown", 503)]
)
def test_a_busy_service_is_told_with_the_time_to_wait(front: Front, code: str, status: int) -> None:
    front.athena.fails["start"] = error(code)
    answer = front.call("GET", "/queries/{name}", path={"name": "preview"})
    assert answer.status == status
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.body["Code"] == CODES[status]
    assert "arn:" not in answer.text


def test_a_service_that_does_not_answer_is_told_without_its_address(front: Front) -> None:
    front.athena.fails["start"] = front.s3.fails = EndpointConnectionError(endpoint_url="https://secret.example")
    upload_id = front.post("orders.json").body["upload_id"]
    for answer in (
        front.call("GET", "/queries/{name}", path={"name": "preview"}),
        front.call("GET", "/uploads/{upload_id}", path={"upload_id": upload_id}),
    ):
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert answer.body["Message"] == "a service this API stands on does not answer: try again in 5 s"


def test_no_web_page_may_call_unless_its_origin_is_named() -> None:
    headers = {"Origin": "https://shop.example"}
    assert Front().call("GET", "/queries", headers=headers).headers.get("Access-Control-Allow-Origin") is None
    front = Front(API_CORS_ORIGINS="https://shop.example,http://localhost:3000")
    answer = front.call("GET", "/queries", headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert answer.headers["Vary"] == "Origin"
    other = front.call("GET", "/queries", headers={"Origin": "https://shop.example.evil"})
    assert "Access-Control-Allow-Origin" not in other.headers
    assert other.headers["Vary"] == "Origin"


def test_a_preflight_is_answered_without_a_signature_and_only_where_origins_are_named() -> None:
    front = Front(API_CORS_ORIGINS="https://shop.example")
    path = {"execution_id": "x"}
    answer = front.call("OPTIONS", "/executions/{execution_id}", path=path, headers={"Origin": "https://shop.example"})
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Methods"] == "DELETE, GET"
    assert answer.headers["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert front.app.routes["/queries"]["OPTIONS"].authorizer is None
    assert "OPTIONS" not in Front().app.routes["/queries"]


@pytest.mark.parametrize("wrong", ["*", "https://*.example", "shop.example", "http://shop.example", "https://a.b/c"])
def test_origins_are_named_whole_or_refused(wrong: str) -> None:
    with pytest.raises(SettingError, match="API_CORS_ORIGINS"):
        load_app(API_CORS_ORIGINS=wrong)


@pytest.mark.parametrize("event", [{"Records": [{"eventSource": "aws:sqs", "body": "{}"}]}, {"detail": {}}, {}, []])
def test_an_event_that_s3_did_not_send_ends_well_and_is_told(event: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_app().load(event, None) == []
    assert '"event": "event not understood"' in capsys.readouterr().out


def test_a_request_is_read_once(front: Front) -> None:
    with mock.patch.object(ApiRequest, "of", wraps=ApiRequest.of) as read:
        assert front.call("GET", "/queries").status == 200
    assert read.call_count == 1


def test_links_lead_where_the_gateway_was_called_whatever_the_host_header_says(front: Front) -> None:
    answer = front.call("GET", "/queries", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"})
    assert answer.body["queries"][0]["url"] == f"https://{HOST}/api/queries/order_lines_of"


def test_links_keep_the_base_path_of_a_custom_domain(front: Front) -> None:
    event = front.event("GET", "/executions/{execution_id}/results", path={"execution_id": "x"})
    event["requestContext"] |= {"domainName": "api.shop.example", "path": "/orders/v2/executions/x/results"}
    assert ApiRequest.of(event).base_url == "https://api.shop.example/orders/v2"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Query exhausted resources at this scale factor", "it needs more memory than one query gets"),
        ("Bytes scanned limit was exceeded", "it would read more than one query may"),
        ("HIVE_BAD_DATA: Malformed Parquet file s3://secret-bucket/key", "(HIVE_BAD_DATA)"),
        ("HIVE_BAD_DATA: Not valid Parquet file: s3://secret-bucket/notes.txt", "a file of the table cannot be read"),
        ("HIVE_CANNOT_OPEN_SPLIT: s3://secret-bucket/a is not a valid Parquet File", "under table-foreign-file"),
        ("Insufficient permissions on arn:aws:glue:eu-west-1:1:table/x", "the API lacks a permission"),
        ("SYNTAX_ERROR: line 3:8: Column 'secret' cannot be resolved", "(SYNTAX_ERROR)"),
        ("", "Athena could not run it"),
    ],
)
def test_a_failure_is_told_in_words_with_nothing_of_the_inside(reason: str, words: str) -> None:
    message = failure_in_words(reason)
    assert message is not None
    assert words in message
    assert not re.search(r"s3:|arn:|secret|line \d", message)


def test_the_log_line_of_a_request_holds_no_parameter(front: Front, capsys: pytest.CaptureFixture[str]) -> None:
    front.call("GET", "/queries/{name}", path={"name": "order_lines_of"}, query={"order_id": ["someone's"]})
    assert "someone" not in capsys.readouterr().out
