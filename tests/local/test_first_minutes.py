"""The faults of real AWS's first minutes: each acts as AWS does, and for as long as LOCAL_FAULTS says."""

from __future__ import annotations

import io
import json
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from local import faults
from local.emulator import Emulator, running
from local.errors import LocalError
from local.pipeline import wait_for

SECONDS = 3
PLAYED = ",".join(
    f"{name}:{SECONDS if meaning.startswith('seconds') else 2}" for name, meaning in faults.FAULTS.items()
)
QUEUE = "arn:aws:sqs:us-east-1:123456789012:failed"


@pytest.mark.parametrize("text", ["slow", "slow-notification", "slow-notification:", "young-queue:-1", "young-queue:x"])
def test_what_is_no_fault_is_refused_with_the_names(text: str) -> None:
    with pytest.raises(LocalError, match=r"LOCAL_FAULTS has .*give NAME:AMOUNT.*slow-notification, missing-version"):
        faults.parse(f"validation-race:1, {text}")


def test_amounts_are_read_by_name() -> None:
    assert faults.parse("") == {}
    assert faults.parse("validation-race:2, young-queue:0.5,") == {"validation-race": 2, "young-queue": 0.5}


@pytest.fixture(scope="module")
def aws() -> Iterator[Emulator]:
    with running(played=PLAYED) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def function(aws: Emulator) -> str:
    """The ARN of a function that does nothing."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = aws.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as made:
        made.writestr("app.py", "def handler(event, context):\n    return event\n")
    arn: str = aws.client("lambda").create_function(
        FunctionName="f", Runtime="python3.11", Role=role, Handler="app.handler", Code={"ZipFile": package.getvalue()}
    )["FunctionArn"]
    return arn


def refusal(call: Any, **arguments: Any) -> str | None:
    """Return what AWS says against a call, None where it is taken."""
    try:
        call(**arguments)
    except Exception as problem:
        return str(problem)
    return None


@pytest.mark.aws
def test_a_version_written_soon_after_versioning_was_switched_on_is_missing(aws: Emulator) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="versioned")
    s3.put_bucket_versioning(Bucket="versioned", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="versioned", Key="a", Body=b"x")["VersionId"]
    assert "NoSuchKey" in (refusal(s3.get_object, Bucket="versioned", Key="a", VersionId=version) or "")
    assert refusal(s3.get_object, Bucket="versioned", Key="a") is None
    wait_for(lambda: refusal(s3.get_object, Bucket="versioned", Key="a", VersionId=version) is None)


@pytest.mark.slow
@pytest.mark.aws
def test_a_notification_is_refused_at_first_and_then_announces_nothing_for_a_while(
    aws: Emulator, function: str
) -> None:
    s3, queues = aws.client("s3"), aws.client("sqs")
    url = queues.create_queue(QueueName="announced")["QueueUrl"]
    wait_for(lambda: refusal(queues.get_queue_attributes, QueueUrl=url) is None)
    allowed = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    queues.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    s3.create_bucket(Bucket="announcing")
    to_queue = {"QueueArn": QUEUE.replace("failed", "announced"), "Events": ["s3:ObjectCreated:*"]}
    to_function = {"LambdaFunctionArn": function, "Events": ["s3:ObjectRemoved:*"]}
    configuration = {"QueueConfigurations": [to_queue], "LambdaFunctionConfigurations": [to_function]}
    for _ in range(2):
        refused = refusal(
            s3.put_bucket_notification_configuration, Bucket="announcing", NotificationConfiguration=configuration
        )
        assert "Unable to validate the following destination configurations" in (refused or "")
    s3.put_bucket_notification_configuration(Bucket="announcing", NotificationConfiguration=configuration)
    s3.put_object(Bucket="announcing", Key="lost", Body=b"x")
    time.sleep(SECONDS + 0.5)
    # Put again without a change it is no newer.
    s3.put_bucket_notification_configuration(Bucket="announcing", NotificationConfiguration=configuration)
    s3.put_object(Bucket="announcing", Key="announced", Body=b"x")

    def keys() -> list[str]:
        messages = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        events = [json.loads(each["Body"]) for each in messages]
        return [record["s3"]["object"]["key"] for event in events for record in event.get("Records", [])]

    assert wait_for(keys) == ["announced"]


@pytest.mark.aws
def test_a_role_settles_for_lambda_by_two_messages_and_for_glue(aws: Emulator, function: str) -> None:
    put, glue = aws.client("lambda").put_function_event_invoke_config, aws.client("glue")
    request = {"FunctionName": "f", "DestinationConfig": {"OnFailure": {"Destination": QUEUE}}}
    assert "does not have permissions to call SendMessage" in (refusal(put, **request) or "")
    assert f"The destination ARN {QUEUE} is invalid." in (refusal(put, **request) or "")
    assert refusal(put, **request) is None
    crawler = {"Name": "c", "Role": "arn:aws:iam::123456789012:role/r", "Targets": {"S3Targets": [{"Path": "s3://b/"}]}}
    for _ in range(2):
        assert "Service is unable to assume provided role" in (refusal(glue.create_crawler, **crawler) or "")
    assert refusal(glue.create_crawler, **crawler) is None


@pytest.mark.aws
def test_a_queue_that_was_just_made_does_not_exist_yet(aws: Emulator) -> None:
    queues = aws.client("sqs")
    url = queues.create_queue(QueueName="young")["QueueUrl"]
    assert "NonExistentQueue" in (refusal(queues.get_queue_attributes, QueueUrl=url) or "")
    wait_for(lambda: refusal(queues.get_queue_attributes, QueueUrl=url) is None)


@pytest.mark.aws
def test_a_stage_that_was_just_made_is_forbidden(aws: Emulator) -> None:
    apis = aws.client("apigateway")
    api = apis.create_rest_api(name="young")["id"]
    root = apis.get_resources(restApiId=api)["items"][0]["id"]
    apis.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    canned = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    apis.put_integration(**canned, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    apis.put_method_response(**canned, statusCode="200")
    apis.put_integration_response(**canned, statusCode="200")
    apis.create_deployment(restApiId=api, stageName="s")

    def status() -> int:
        try:
            with urllib.request.urlopen(f"{aws.endpoint_url}/_aws/execute-api/{api}/s/", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as problem:
            return problem.code

    assert status() == 403
    wait_for(lambda: status() == 200)
