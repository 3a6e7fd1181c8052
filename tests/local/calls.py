"""HTTP calls, signed or not, for the tests of this folder."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.emulator import REGION, Emulator

PROBE_BUCKET = "probe-bucket"


def call(
    url: str,
    caller: tuple[str, str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    service: str = "execute-api",
) -> tuple[int, bytes]:
    """Return status and body. `caller` is the key and secret that sign, None for an unsigned call."""
    request = AWSRequest(method, url, data=body, headers=headers)
    if caller is not None:
        SigV4Auth(Credentials(*caller), service, REGION).add_auth(request)
    plain = urllib.request.Request(url, data=body, headers=dict(request.headers), method=method)
    try:
        with urllib.request.urlopen(plain, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def user(aws: Emulator, name: str, *statements: tuple[str | list[str], str | list[str]]) -> tuple[str, str]:
    """Make an IAM user who may do these actions on these resources; return key and secret."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    allowed = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in statements]
    document = {"Version": "2012-10-17", "Statement": allowed}
    iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def receipts(aws: Emulator, bucket: str) -> list[dict[str, Any]]:
    """Return what the probe's S3 handler wrote."""
    s3 = aws.client("s3")
    contents = s3.list_objects_v2(Bucket=bucket, Prefix="out/").get("Contents", [])
    return [json.loads(s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()) for each in contents]
