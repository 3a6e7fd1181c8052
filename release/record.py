"""What Chalice deployed: its record in .chalice/deployed, and a copy of that in the stage's bucket.

Without its record Chalice makes a second REST API beside the first, with another address. The copy lets a deployment
from another machine, or from CI, find the first one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chalicelib.aws.errors import NOT_FOUND, unless_code
from glue_setup.bucket import RELEASE_PREFIX

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_s3 import S3Client

ABSENT = NOT_FOUND | {"NoSuchBucket"}
GONE = ABSENT | {"NoSuchEntity", "NotFoundException", "ResourceNotFoundException"}

CHECKS: dict[str, tuple[str, str, str, str]] = {
    "rest_api": ("apigateway", "get_rest_api", "restApiId", "rest_api_id"),
    "lambda_function": ("lambda", "get_function_configuration", "FunctionName", "lambda_arn"),
    "iam_role": ("iam", "get_role", "RoleName", "role_name"),
    "s3_event": ("s3", "head_bucket", "Bucket", "bucket"),
    "cloudwatch_event": ("events", "describe_rule", "Name", "rule_name"),
}
"""By which call each kind of resource is looked up: service, call, its argument, the record's field with its value.

A kind that is not here counts as there."""


@dataclass(frozen=True)
class Deployed:
    """What stands in AWS: functions by their name in app.py, the REST API's id and address (without a slash)."""

    functions: dict[str, str]
    api_id: str | None
    api_url: str | None


def path_of(project: Path, stage: str) -> Path:
    """Return where Chalice keeps its record."""
    return project / ".chalice" / "deployed" / f"{stage}.json"


def read(project: Path, stage: str, endpoint: str | None = None) -> Deployed | None:
    """Read the record, None where nothing is deployed. `endpoint` is an embedded AWS's, if that is where it stands."""
    functions, api_id, api_url = {}, None, None
    for resource in _load(project, stage).get("resources", []):
        if resource["resource_type"] == "lambda_function":
            functions[resource["name"]] = resource["lambda_arn"].rsplit(":", 1)[1]
        elif resource["resource_type"] == "rest_api":
            api_id, api_url = resource["rest_api_id"], resource["rest_api_url"].rstrip("/")
            if endpoint:
                # The host name in the record is AWS's; the embedded gateway takes the API's id in the path.
                api_url = f"{endpoint}/_aws/execute-api/{api_id}/{urlsplit(api_url).path.strip('/')}"
    return Deployed(functions, api_id, api_url) if functions or api_id else None


def drop_missing(session: boto3.Session, project: Path, stage: str) -> bool:
    """Drop what is not there any more from the record: `chalice delete` would stop at it. Returns whether any is left.

    So a deletion that stopped can go on.
    """
    record = _load(project, stage)
    resources = record.get("resources", [])
    remaining = [each for each in resources if _exists(session, each)]
    if remaining != resources:
        text = json.dumps(record | {"resources": remaining}, indent=2) + "\n"
        path_of(project, stage).write_text(text, "utf-8")
    return bool(remaining)


def _load(project: Path, stage: str) -> dict[str, Any]:
    path = path_of(project, stage)
    record: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return record


def _exists(session: boto3.Session, resource: dict[str, Any]) -> bool:
    if resource["resource_type"] not in CHECKS:
        return True
    service, call, argument, field = CHECKS[resource["resource_type"]]
    client: Any = session.client(service)  # type: ignore[call-overload]
    return unless_code(GONE, lambda: getattr(client, call)(**{argument: resource[field]})) is not None


def fetch(client: S3Client, bucket: str, project: Path, stage: str) -> bool:
    """Bring the copy here if it is newer than the record, or there is none. Returns whether it did."""
    path = path_of(project, stage)
    stored = unless_code(ABSENT, lambda: client.get_object(Bucket=bucket, Key=_key(stage)))
    if stored is None:
        return False
    if path.exists() and datetime.fromtimestamp(path.stat().st_mtime, UTC) >= stored["LastModified"]:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    body = stored["Body"].read()
    same = path.exists() and path.read_bytes() == body
    path.write_bytes(body)
    return not same


def keep(client: S3Client, bucket: str, project: Path, stage: str) -> None:
    """Put a copy of the record into the bucket, unless it is there already."""
    body = path_of(project, stage).read_bytes()
    stored = unless_code(NOT_FOUND, lambda: client.get_object(Bucket=bucket, Key=_key(stage)))
    if stored is None or stored["Body"].read() != body:
        client.put_object(Bucket=bucket, Key=_key(stage), Body=body, ContentType="application/json")


def forget(client: S3Client, bucket: str, project: Path, stage: str) -> None:
    """Remove the record and its copy: nothing is deployed any more."""
    path_of(project, stage).unlink(missing_ok=True)
    # Where there is none, deleting would leave a marker, in a bucket that may be another stage's.
    if unless_code(ABSENT, lambda: client.head_object(Bucket=bucket, Key=_key(stage))) is not None:
        client.delete_object(Bucket=bucket, Key=_key(stage))


def drop_notification(client: S3Client, bucket: str, function: str) -> None:
    """Have the bucket announce nothing to a function that the app has no longer, by its deployed name.

    Chalice sets the new notification up before it removes the old one, and S3 refuses two for one prefix. What is
    dropped in between is found by the sweep.
    """
    kind = "LambdaFunctionConfigurations"
    answer: Any = unless_code(ABSENT, lambda: client.get_bucket_notification_configuration(Bucket=bucket)) or {}
    others = [each for each in answer.get(kind, []) if not each["LambdaFunctionArn"].endswith(f":function:{function}")]
    if len(others) < len(answer.get(kind, [])):
        configuration: Any = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
        client.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration=configuration | {kind: others}
        )


def _key(stage: str) -> str:
    return f"{RELEASE_PREFIX}{stage}.json"
