"""What Chalice deployed: its record in .chalice/deployed, and a copy of that in the stage's bucket.

Without its record Chalice makes a second REST API beside the first, with another address. The copy lets a deployment
from another machine, or from CI, find the first one.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from chalicelib.aws.errors import NOT_FOUND
from glue_setup.definitions import RELEASE_PREFIX

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


ABSENT = NOT_FOUND | {"NoSuchBucket"}


@dataclass(frozen=True)
class Deployed:
    """What stands in AWS: functions by their name in app.py, the REST API's id and address (without a slash)."""

    functions: dict[str, str]
    api_id: str | None
    api_url: str | None


def path_of(project: Path, stage: str) -> Path:
    """Return where Chalice keeps its record."""
    return project / ".chalice" / "deployed" / f"{stage}.json"


def read(project: Path, stage: str) -> Deployed | None:
    """Read the record, None where nothing is deployed."""
    path = path_of(project, stage)
    if not path.exists():
        return None
    functions, api_id, api_url = {}, None, None
    for resource in json.loads(path.read_text("utf-8")).get("resources", []):
        if resource["resource_type"] == "lambda_function":
            functions[resource["name"]] = resource["lambda_arn"].rsplit(":", 1)[1]
        elif resource["resource_type"] == "rest_api":
            api_id, api_url = resource["rest_api_id"], _address(resource["rest_api_id"], resource["rest_api_url"])
    return Deployed(functions, api_id, api_url) if functions or api_id else None


def _address(api_id: str, url: str) -> str:
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint:
        return url.rstrip("/")
    # The host name in the record is AWS's; the embedded gateway takes the API's id in the path.
    return f"{endpoint}/_aws/execute-api/{api_id}/{urlsplit(url).path.strip('/')}"


def fetch(client: S3Client, bucket: str, project: Path, stage: str) -> bool:
    """Bring the copy here if it is newer than the record, or there is none. Returns whether it did."""
    path = path_of(project, stage)
    try:
        stored: Any = client.get_object(Bucket=bucket, Key=_key(stage))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ABSENT:
            return False
        raise
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
    try:
        if client.get_object(Bucket=bucket, Key=_key(stage))["Body"].read() == body:
            return
    except client.exceptions.NoSuchKey:
        pass
    client.put_object(Bucket=bucket, Key=_key(stage), Body=body, ContentType="application/json")


def forget(client: S3Client, bucket: str, project: Path, stage: str) -> None:
    """Remove the record and its copy: nothing is deployed any more."""
    path_of(project, stage).unlink(missing_ok=True)
    try:
        # Where there is none, deleting would leave a marker, in a bucket that may be another stage's.
        client.head_object(Bucket=bucket, Key=_key(stage))
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") not in ABSENT:
            raise
        return
    client.delete_object(Bucket=bucket, Key=_key(stage))


def _key(stage: str) -> str:
    return f"{RELEASE_PREFIX}{stage}.json"
