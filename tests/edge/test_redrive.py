"""Failed events are brought back: from a queue of moto's, to a function that notes what it is given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from operate.__main__ import main
from operate.redrive import NotAnEvent, Redrive, failed_event

BUCKET = "orders-etl-test"
FUNCTION = "orders-etl-test-load"
ARN = f"arn:aws:lambda:eu-west-1:123456789012:function:{FUNCTION}"


def event(*keys: Any, bucket: Any = BUCKET) -> Any:
    things = [{"bucket": {"name": bucket}, "object": {"key": key, "sequencer": "0A"}} for key in keys]
    return {"Records": [{"eventName": "ObjectCreated:Put", "s3": thing} for thing in things]}


def record(payload: Any, arn: Any = ARN, **more: Any) -> Any:
    """Return what Lambda writes for a failed invocation."""
    return json.dumps(
        {
            "version": "1.0",
            "requestContext": {"requestId": "r", "functionArn": arn, "condition": "RetriesExhausted"},
            "requestPayload": payload,
            "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
            "responsePayload": {"errorType": "ClientError", "errorMessage": "customer 4711 is not found"},
        }
        | more
    )


class Function:
    """Notes the events it is given; refuses all after `accepts` of them."""

    def __init__(self, accepts: Any = 1000) -> None:
        self.given: list[Any] = []
        self.accepts = accepts

    def __call__(self, event: Any) -> Any:
        if len(self.given) == self.accepts:
            error: Any = {"Code": "AccessDeniedException", "Message": "no"}
            raise ClientError({"Error": error}, "Invoke")
        self.given.append(event)


class Queue:
    """The queue, as the tests look at it."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.url = client.create_queue(QueueName="orders-etl-test-load-failed")["QueueUrl"]

    def put(self, *bodies: Any) -> Any:
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body)

    def bodies(self) -> Any:
        """Return all that somebody else could read now."""
        bodies: list[str] = []
        while True:
            page = self.client.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, VisibilityTimeout=600)
            if not page.get("Messages"):
                return sorted(bodies)
            bodies += [message["Body"] for message in page["Messages"]]

    def redrive(self, function: Any, limit: Any = 1000, dry_run: bool = False) -> Any:
        lines: list[str] = []
        run = Redrive(self.client, self.url, FUNCTION, BUCKET, function, lines.append, dry_run)
        return run.run(limit), lines


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr("operate.redrive.WAIT_SECONDS", 0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield Queue(boto3.client("sqs"))


@pytest.fixture
def project(tmp_path: Path) -> Any:
    variables = {"ETL_BUCKET": BUCKET}
    names = {"test": variables, "local": variables, "dev": variables, "new": {"ETL_BUCKET": "change-me-orders"}}
    stages = {name: {"environment_variables": each} for name, each in names.items()}
    (tmp_path / ".chalice").mkdir()
    config = {"version": "2.0", "app_name": "orders-etl", "stages": stages}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    return tmp_path


def run(project: Path, capsys: pytest.CaptureFixture[str], *arguments: str, stage: str = "test") -> Any:
    """Run the command as an operator does; return its exit status, output and errors."""
    code = main(["redrive", "--stage", stage, "--project", str(project), *arguments])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    return code, shown.out, shown.err


def test_the_event_of_a_failed_load_is_sent_again_as_it_was_and_its_message_deleted(queue: Queue) -> None:
    given = event("orders_json_incoming/a+b%20%C3%BC.json", "orders_json_incoming/c.json")
    queue.put(record(given))
    function = Function()
    summary, lines = queue.redrive(function)
    assert function.given == [given]
    assert queue.bodies() == []
    assert lines == [
        f"s3://{BUCKET}/orders_json_incoming/a b ü.json: sent again (RetriesExhausted, ClientError)",
        f"s3://{BUCKET}/orders_json_incoming/c.json: sent again (RetriesExhausted, ClientError)",
    ]
    assert summary.line(False) == "1 events with 2 objects sent again, 0 left in the queue."
    assert summary.clean


def test_what_the_failed_load_said_of_an_order_is_never_shown(queue: Queue) -> None:
    queue.put(record(event("k.json")))
    assert "4711" not in str(queue.redrive(Function()))


def test_a_dry_run_shows_the_keys_sends_nothing_and_gives_every_message_back(queue: Queue) -> None:
    bodies = sorted(record(event(f"{i}.json")) for i in range(25))
    queue.put(*bodies)
    function = Function()
    summary, lines = queue.redrive(function, dry_run=True)
    assert function.given == []
    assert (summary.events, summary.remaining) == (25, 25)
    assert sorted(lines) == sorted(f"s3://{BUCKET}/{i}.json: failed (RetriesExhausted, ClientError)" for i in range(25))
    assert queue.bodies() == bodies


def test_more_than_a_page_is_brought_back_and_no_more_than_the_limit(queue: Queue) -> None:
    queue.put(*(record(event(f"{i}.json")) for i in range(25)))
    function = Function()
    assert queue.redrive(function, limit=12)[0].events == 12
    assert len(function.given) == 12
    assert queue.redrive(function)[0].events == 13
    assert queue.bodies() == []


def test_a_message_is_deleted_only_after_its_event_was_sent_and_the_rest_is_given_back(queue: Queue) -> None:
    bodies = [record(event(f"{i}.json")) for i in range(7)]
    queue.put(*bodies)
    function = Function(accepts=3)
    summary, _ = queue.redrive(function)
    sent = {each["Records"][0]["s3"]["object"]["key"] for each in function.given}
    assert queue.bodies() == sorted(body for i, body in enumerate(bodies) if f"{i}.json" not in sent)
    assert (summary.events, summary.remaining, summary.clean) == (3, 4, False)
    assert "Invoke was denied: allow lambda:InvokeFunction" in summary.line(False)


WRONG = [
    ("not json", "it is not JSON"),
    ("[]", "it is no record of a failed invocation"),
    ('{"Records": []}', "it is no record of a failed invocation"),
    ('{"requestContext": 3}', "it is no record of a failed invocation"),
    (record(event("a.json"), arn=f"{ARN[: -len(FUNCTION)]}another"), "it is of function"),
    (record(event("a.json"), arn=None), "it is of function"),
    (record(None), "its event announces no object"),
    (record("text"), "its event announces no object"),
    (record({"Records": [{}]}), "its event announces no object"),
    (record({"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": None}}}]}), "announces no object"),
    (record({"Records": []}), "its event is empty"),
    (record(event("a.json", bucket="another")), "its event is of another bucket"),
]


@pytest.mark.parametrize(("body", "reason"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_what_is_no_event_of_ours_is_named(body: str, reason: str) -> None:
    with pytest.raises(NotAnEvent, match=reason):
        failed_event(body, FUNCTION, BUCKET)


def test_what_is_no_event_of_ours_is_left_in_the_queue_and_the_others_are_brought_back(queue: Queue) -> None:
    wrong = [body for body, _ in WRONG]
    queue.put(*wrong, record(event("good.json")))
    function = Function()
    summary, lines = queue.redrive(function)
    assert function.given == [event("good.json")]
    assert (summary.events, summary.unread, summary.remaining) == (1, len(wrong), len(wrong))
    assert len([line for line in lines if ": left: " in line]) == len(wrong)
    assert queue.bodies() == sorted(wrong)
    assert not summary.clean


def test_a_version_or_an_alias_of_the_function_is_the_function() -> None:
    assert failed_event(record(event("a.json"), arn=f"{ARN}:$LATEST"), FUNCTION, BUCKET).event == event("a.json")


def test_an_event_that_was_too_old_has_no_answer_of_the_function() -> None:
    body = json.loads(record(event("a.json")))
    body["requestContext"]["condition"] = "EventAgeExceeded"
    del body["responsePayload"], body["responseContext"]
    assert failed_event(json.dumps(body), FUNCTION, BUCKET).reason == "EventAgeExceeded"


def test_the_command_exits_0_when_all_was_brought_back_and_1_when_a_message_is_left(
    queue: Queue, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(project, capsys, "--dry-run")
    assert code == 0
    assert out.splitlines() == [
        "Stage test in account 123456789012, eu-west-1:",
        "0 events with 0 objects would be sent again, 0 left in the queue.",
    ]
    queue.put("no record")
    code, out, _ = run(project, capsys, "--limit", "5")
    assert code == 1
    assert out.splitlines()[-1] == "0 events with 0 objects sent again, 1 left in the queue, 1 of them unread."


def test_the_command_before_apply_tells_what_comes_first(
    queue: Queue, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(project, capsys, stage="dev")
    assert code == 1
    assert "queue orders-etl-dev-load-failed: it is not there: run `python -m glue_setup apply --stage dev`" in err


def test_the_command_never_takes_the_local_stage_to_aws_nor_a_bucket_that_nobody_named(
    queue: Queue, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(project, capsys, stage="local")
    assert code == 1
    assert "stage local lives on the embedded AWS" in err
    code, out, err = run(project, capsys, stage="new")
    assert (code, out) == (1, "")
    assert "is still 'change-me-orders': put the name of your bucket" in err


def test_the_command_without_credentials_tells_how_to_give_some(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(project / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    code, _, err = run(project, capsys)
    assert code == 1
    assert "Unable to locate credentials: run `aws configure` or `aws sso login`" in err


@pytest.mark.parametrize("limit", ["0", "5001", "many"])
def test_a_limit_that_is_none_is_wrong_usage(limit: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["redrive", "--stage", "test", "--limit", limit])
    assert exit_.value.code == 2
    assert "usage: python -m operate redrive" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "arguments"), [("replay", ["--all"]), ("promote", []), ("convert-rejected", ["--dry-run"])]
)
def test_no_command_takes_a_bucket_of_aws_for_the_local_stages(
    name: str, arguments: list[str], queue: Queue, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--project", str(project), "--stage", "local", *arguments]) == 1
    assert "stage local lives on the embedded AWS" in capsys.readouterr().err


def test_a_message_that_is_nested_too_deeply_is_none_of_our_events() -> None:
    with pytest.raises(NotAnEvent, match="it is not JSON"):
        failed_event("[" * 200_000, "load", "bucket")
