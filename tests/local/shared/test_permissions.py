"""IAM is enforced: for the functions, for callers of the API, for uploads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.deploy import Deployment
from local.emulator import ACCOUNT, REGION, Emulator
from tests.local.calls import PROBE_BUCKET, call, user

pytestmark = pytest.mark.aws


def attempt(aws: Emulator, probe: Deployment, service: str, call_: str, **arguments: Any) -> dict[str, str]:
    """Have the probe's function call AWS with its own role."""
    request = json.dumps({"service": service, "call": call_, "arguments": arguments})
    answer = aws.client("lambda").invoke(FunctionName=probe.functions["attempt"], Payload=request)
    result: dict[str, str] = json.loads(answer["Payload"].read())
    return result


def test_a_function_works_under_its_own_role(aws: Emulator, probe: Deployment) -> None:
    role = probe.functions["attempt"]
    caller = attempt(aws, probe, "sts", "get_caller_identity")
    assert caller["arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{probe.functions['attempt']}"


@pytest.mark.parametrize(
    ("service", "call_", "arguments"),
    [
        ("s3", "put_object", {"Bucket": PROBE_BUCKET, "Key": "in/not-allowed"}),
        ("s3", "get_object", {"Bucket": PROBE_BUCKET, "Key": "out/x"}),
        ("s3", "delete_object", {"Bucket": PROBE_BUCKET, "Key": "out/x"}),
        ("s3", "list_objects_v2", {"Bucket": PROBE_BUCKET}),
        ("glue", "start_crawler", {"Name": "any"}),
        ("glue", "get_table", {"DatabaseName": "any", "Name": "any"}),
        ("athena", "start_query_execution", {"QueryString": "SELECT 1"}),
        ("iam", "list_roles", {}),
        ("sqs", "list_queues", {}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_functions_role_lacks_is_refused(
    aws: Emulator, probe: Deployment, service: str, call_: str, arguments: dict[str, str]
) -> None:
    assert attempt(aws, probe, service, call_, **arguments)["code"].startswith("AccessDenied")


@pytest.mark.parametrize("key", ["out/allowed", "out/two\nlines"])
def test_what_a_functions_role_has_is_allowed(aws: Emulator, probe: Deployment, key: str) -> None:
    assert attempt(aws, probe, "s3", "put_object", Bucket=PROBE_BUCKET, Key=key)["code"] == "OK"
    aws.client("s3").delete_object(Bucket=PROBE_BUCKET, Key=key)


def test_a_route_without_authorizer_answers_anybody(probe: Deployment) -> None:
    assert call(f"{probe.api_url}/open") == (200, b'{"route":"open"}')


def test_an_unsigned_call_of_an_iam_route_is_refused(probe: Deployment) -> None:
    assert call(f"{probe.api_url}/signed/x")[0] == 403


def test_a_caller_without_permission_is_refused_and_with_it_answered(aws: Emulator, probe: Deployment) -> None:
    arn = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{probe.api_id}/api/GET/signed/*"
    reader = user(aws, "reader", ("execute-api:Invoke", arn))
    stranger = user(aws, "stranger", ("s3:GetObject", "*"))

    status, body = call(f"{probe.api_url}/signed/a%20b?q=%26%20x", reader)
    assert status == 200
    assert json.loads(body) == {"name": "a b", "query": {"q": "& x"}, "body": None}
    assert call(f"{probe.api_url}/signed/x", (reader[0], "wrong secret"))[0] == 403
    posted = call(f"{probe.api_url}/signed/x", reader, "POST", b"{}", {"Content-Type": "application/json"})
    assert posted[0] == 403, "GET was allowed, POST was not"
    assert call(f"{probe.api_url}/signed/x", stranger)[0] == 403


def test_nobody_reads_or_writes_the_bucket_unsigned(aws: Emulator, probe: Deployment) -> None:
    aws.client("s3").put_object(Bucket=PROBE_BUCKET, Key="private", Body=b"x")
    url = f"{aws.endpoint_url}/{PROBE_BUCKET}"
    assert call(f"{url}/private")[0] == 403
    assert call(url)[0] == 403
    assert call(f"{url}/written", method="PUT", body=b"x")[0] == 403


def test_an_upload_link_allows_one_key_one_size_one_type(aws: Emulator, probe: Deployment, tmp_path: Path) -> None:
    uploader = user(aws, "uploader", ("s3:PutObject", f"arn:aws:s3:::{PROBE_BUCKET}/uploads/*"))
    s3 = aws.client("s3", {"aws_access_key_id": uploader[0], "aws_secret_access_key": uploader[1]})
    conditions = [["content-length-range", 1, 10], {"Content-Type": "application/json"}]
    fields = {"Content-Type": "application/json"}
    link = s3.generate_presigned_post(PROBE_BUCKET, "uploads/a.json", fields, conditions, ExpiresIn=60)
    beyond = s3.generate_presigned_post(PROBE_BUCKET, "elsewhere/a.json", fields, conditions, ExpiresIn=60)

    def post(fields: dict[str, str], size: int) -> int:
        (tmp_path / "file").write_bytes(b"1" * size)
        form = [part for name, value in fields.items() for part in ("-F", f"{name}={value}")]
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", *form, "-F", f"file=@{tmp_path}/file"]
        done = subprocess.run([*command, link["url"]], capture_output=True, text=True, timeout=30, check=True)
        return int(done.stdout)

    assert post(link["fields"], 10) == 204
    assert post(link["fields"], 11) == 400
    assert post(link["fields"] | {"key": "uploads/b.json"}, 10) == 403
    assert post(link["fields"] | {"Content-Type": "text/html"}, 10) == 403
    assert post({"key": "uploads/a.json"}, 10) == 403
    assert post(beyond["fields"], 10) == 403
    assert post(link["fields"] | {"signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, 10) == 403
    root = aws.client("s3").generate_presigned_post(PROBE_BUCKET, "uploads/a.json")
    assert post(root["fields"] | {"signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, 10) == 403
