"""Chalice's Terraform, mended, with the foundations beside it: pure functions over what Terraform reads as JSON.

What Chalice 1.34 writes pins Terraform below 1.4, wants a provider that it does not use, names schedules alike in every
stage, and sets up the bucket's notification without waiting for the permission that S3 checks.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from chalicelib.stage import Stage
from glue_setup.bucket import ETL
from glue_setup.resource import Resource
from glue_setup.target import Target

Template = dict[str, Any]

REQUIRED = {
    "required_version": ">= 1.5.0",
    "required_providers": {"aws": {"source": "hashicorp/aws", "version": ">= 5.50.0, < 6.0.0"}},
}


def mended(template: Template, stage: Stage) -> Template:
    """Return Chalice's template of a stage without its faults, on the bucket and log groups of the foundations."""
    made = copy.deepcopy(template)
    made["terraform"] = REQUIRED
    made["data"].pop("null_data_source", None)
    resources = made["resource"]
    for rule in resources.get("aws_cloudwatch_event_rule", {}).values():
        rule["name"] = f"{stage.app}-{stage.name}-{rule['name']}"
    for notification in resources.get("aws_s3_bucket_notification", {}).values():
        notification["bucket"] = ETL
        # S3 refuses a function that it may not invoke.
        notification["depends_on"] = [
            f"aws_lambda_permission.{name}"
            for name, permission in resources["aws_lambda_permission"].items()
            if permission["principal"].startswith("s3.")
        ]
    for permission in resources["aws_lambda_permission"].values():
        if permission["principal"].startswith("s3."):
            permission["source_arn"] = "${aws_s3_bucket.etl.arn}"
    for name, function in resources["aws_lambda_function"].items():
        # A log group that Lambda makes by itself keeps its lines for ever.
        function["depends_on"] = [f"aws_cloudwatch_log_group.{name}"]
    _with_stage(made)
    return made


def _with_stage(template: Template) -> None:
    """Give the API's stage a resource of its own: the deployment's own stage is deprecated and cannot be changed."""
    resources = template["resource"]
    for name, deployment in resources.get("aws_api_gateway_deployment", {}).items():
        stage_name = deployment.pop("stage_name")
        deployment["triggers"] = {"redeployment": deployment.pop("stage_description")}
        resources.setdefault("aws_api_gateway_stage", {})[name] = {
            "stage_name": stage_name,
            "rest_api_id": deployment["rest_api_id"],
            "deployment_id": f"${{aws_api_gateway_deployment.{name}.id}}",
        }
        template["output"]["EndpointURL"]["value"] = f"${{aws_api_gateway_stage.{name}.invoke_url}}"


def template_of(resources: Iterable[Resource], target: Target) -> Template:
    """Return the foundations of a stage: what `glue_setup apply` and `wire` make, but for the views."""
    merged: dict[str, dict[str, Any]] = {}
    for resource in resources:
        for kind, blocks in resource.terraform().items():
            merged.setdefault(kind, {}).update(blocks)
    provider = {"region": target.region, "allowed_account_ids": [target.account]}
    return {"resource": merged, "provider": {"aws": provider}}


def text_of(template: Template) -> str:
    """Return a template as the text of a .tf.json file."""
    return json.dumps(template, indent=2, ensure_ascii=False) + "\n"
