"""What of Chalice's record is still there: `chalice delete` stops at the first resource that is already gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from glue_setup.clients import CONFIG
from release.record import path_of

if TYPE_CHECKING:
    import boto3

GONE = {"404", "NoSuchBucket", "NoSuchEntity", "NotFoundException", "ResourceNotFoundException"}

Looks = Callable[["boto3.Session", dict[str, Any]], object]
LOOKS: dict[str, Looks] = {
    "rest_api": lambda aws, of: aws.client("apigateway", config=CONFIG).get_rest_api(restApiId=of["rest_api_id"]),
    "lambda_function": lambda aws, of: aws.client("lambda", config=CONFIG).get_function_configuration(
        FunctionName=of["lambda_arn"]
    ),
    "iam_role": lambda aws, of: aws.client("iam", config=CONFIG).get_role(RoleName=of["role_name"]),
    "s3_event": lambda aws, of: aws.client("s3", config=CONFIG).head_bucket(Bucket=of["bucket"]),
    "cloudwatch_event": lambda aws, of: aws.client("events", config=CONFIG).describe_rule(Name=of["rule_name"]),
}
"""How each kind of resource is looked up; a kind that is not here counts as there."""


def forget_what_is_gone(session: boto3.Session, project: Path, stage: str) -> bool:
    """Take what is gone out of the record, so that a deletion that stopped can go on. Returns whether any is left."""
    path = path_of(project, stage)
    if not path.exists():
        return False
    record = json.loads(path.read_text("utf-8"))
    resources = record.get("resources", [])
    record["resources"] = [each for each in resources if _is_there(session, each)]
    if record["resources"] != resources:
        path.write_text(json.dumps(record, indent=2) + "\n", "utf-8")
    return bool(record["resources"])


def _is_there(session: boto3.Session, resource: dict[str, Any]) -> bool:
    look = LOOKS.get(resource["resource_type"])
    try:
        if look:
            look(session, resource)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in GONE:
            return False
        raise
    return True
