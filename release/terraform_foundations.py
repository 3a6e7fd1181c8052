"""The foundations as Terraform resources, from the definitions that glue_setup works by. Pure.

Only the form is another: Terraform writes AWS's CamelCase names in snake_case and lists of settings as blocks. A `$`
before a brace begins an expression in Terraform, so that a plain one is doubled.
"""

from __future__ import annotations

import json
import re
from typing import Any

from chalicelib.assembly import datasets
from chalicelib.aws.glue import table_input
from chalicelib.stage import Stage
from glue_setup import definitions, policies
from glue_setup.alarms import alarms, needs_data
from glue_setup.bucket import PRIVATE
from glue_setup.dashboard import dashboard
from glue_setup.ownership import PARAMETER, TAG, owner_of
from glue_setup.place import Place

Resources = dict[str, dict[str, Any]]
ETL = "${aws_s3_bucket.etl.id}"
SCHEDULED = "aws_cloudwatch_event_target.sweep_orders-event"
"""What starts the sweep, by Chalice's name: it feeds the alarm that rings without data."""


def bucket(stage: Stage, place: Place) -> Resources:
    """Return the bucket; Terraform refuses to destroy it, since it holds the data."""
    settings = stage.settings
    policy = {"Version": "2012-10-17", "Statement": [definitions.tls_only(settings, place)]}
    encrypted = {"apply_server_side_encryption_by_default": {"sse_algorithm": "AES256"}}
    return {
        "aws_s3_bucket": {
            "etl": {"bucket": settings.bucket, "tags": _tags(stage), "lifecycle": {"prevent_destroy": True}}
        },
        "aws_s3_bucket_public_access_block": {"etl": {"bucket": ETL, **snake(PRIVATE)}},
        "aws_s3_bucket_ownership_controls": {
            "etl": {"bucket": ETL, "rule": {"object_ownership": "BucketOwnerEnforced"}}
        },
        "aws_s3_bucket_server_side_encryption_configuration": {"etl": {"bucket": ETL, "rule": encrypted}},
        "aws_s3_bucket_versioning": {"etl": {"bucket": ETL, "versioning_configuration": {"status": "Enabled"}}},
        "aws_s3_bucket_policy": {"etl": {"bucket": ETL, "policy": json.dumps(policy)}},
        "aws_s3_bucket_lifecycle_configuration": {
            "etl": {"bucket": ETL, "rule": [snake(rule) for rule in definitions.lifecycle_rules(settings)]}
        },
    }


def catalog(stage: Stage) -> Resources:
    """Return database and, where it is declared and not crawled, the table."""
    settings = stage.settings
    database = {"name": settings.database, "parameters": {PARAMETER: owner_of(stage)}}
    made: Resources = {"aws_glue_catalog_database": {"etl": database}}
    if settings.catalog_mode != "projection":
        return made
    table: Any = snake(table_input(datasets(settings)[0], settings.catalog_mode))
    storage = table.pop("storage_descriptor")
    storage["ser_de_info"] = storage.pop("serde_info")
    # A map's keys are AWS's own words: they stay as they are.
    storage["ser_de_info"]["parameters"] = {"serialization.format": "1"}
    parameters = {
        key: plain(value)
        for key, value in table_input(datasets(settings)[0], settings.catalog_mode)["Parameters"].items()
    }
    made["aws_glue_catalog_table"] = {
        "etl": table
        | {
            "database_name": "${aws_glue_catalog_database.etl.name}",
            "parameters": parameters,
            "partition_keys": table["partition_keys"],
            "storage_descriptor": storage,
        }
    }
    return made


def workgroup(stage: Stage, place: Place) -> Resources:
    """Return the workgroup, enforced."""
    settings = stage.settings
    declared: Any = snake(definitions.workgroup(settings, place))
    result = declared.pop("result_configuration")
    configuration = {
        "enforce_workgroup_configuration": declared.pop("enforce_work_group_configuration"),
        "publish_cloudwatch_metrics_enabled": declared.pop("publish_cloud_watch_metrics_enabled"),
        "result_configuration": result,
        **declared,
    }
    return {
        "aws_athena_workgroup": {
            "etl": {"name": settings.workgroup, "tags": _tags(stage), "configuration": configuration}
        }
    }


def queue(stage: Stage, place: Place) -> Resources:
    """Return the queue of events whose load failed."""
    policy = {"Version": "2012-10-17", "Statement": [definitions.tls_only_queue(place.queue(stage.failed_queue))]}
    return {
        "aws_sqs_queue": {
            "failed": {
                "name": stage.failed_queue,
                "tags": _tags(stage),
                "message_retention_seconds": definitions.FAILED_DAYS * 24 * 3600,
                "sqs_managed_sse_enabled": True,
            }
        },
        "aws_sqs_queue_policy": {"failed": {"queue_url": "${aws_sqs_queue.failed.id}", "policy": json.dumps(policy)}},
    }


def failed_events() -> dict[str, Any]:
    """Return what Lambda does with an event whose load fails."""
    declared: Any = snake(definitions.failed_events("${aws_sqs_queue.failed.arn}"))
    return {
        "function_name": "${aws_lambda_function.load_orders.function_name}",
        **declared,
        # Lambda refuses a queue that the function's role may not write to.
        "depends_on": ["aws_iam_role_policy.load_orders_role"],
    }


def sweep_events() -> dict[str, Any]:
    """Return what Lambda does with a sweep that fails."""
    return {
        "function_name": "${aws_lambda_function.sweep_orders.function_name}",
        **snake(definitions.sweep_events()),
    }


def monitoring(stage: Stage, place: Place) -> Resources:
    """Return alarms and dashboard."""
    requests = alarms(stage, place)
    shown = dashboard(stage, place, [request["AlarmName"] for request in requests])
    name = f"{stage.app}-{stage.name}"
    return {
        "aws_cloudwatch_metric_alarm": {
            request["AlarmName"].removeprefix(f"{name}-"): _alarm(request) for request in requests
        },
        "aws_cloudwatch_dashboard": {
            "etl": {"dashboard_name": name, "dashboard_body": plain(json.dumps(shown, ensure_ascii=False))}
        },
    }


def crawler(stage: Stage, place: Place) -> Resources:
    """Return crawler and role. In a stage that is crawled the table is the crawler's."""
    settings = stage.settings
    declared = definitions.crawler(settings)
    name = f"{stage.app}-{stage.name}-crawler"
    return {
        "aws_iam_role": {
            "crawler": {
                "name": name,
                "tags": _tags(stage),
                "assume_role_policy": json.dumps(definitions.crawler_trust()),
            }
        },
        "aws_iam_role_policy": {
            "crawler": {
                "role": "${aws_iam_role.crawler.id}",
                "name": name,
                "policy": json.dumps(policies.crawler(settings, place)),
            }
        },
        "aws_iam_role_policy_attachment": {
            "crawler": {
                "role": "${aws_iam_role.crawler.name}",
                "policy_arn": place.managed_policy("service-role/AWSGlueServiceRole"),
            }
        },
        "aws_glue_crawler": {
            "etl": {
                "name": definitions.crawler_name(settings),
                "tags": _tags(stage),
                "role": "${aws_iam_role.crawler.arn}",
                "database_name": "${aws_glue_catalog_database.etl.name}",
                "s3_target": {"path": declared["Targets"]["S3Targets"][0]["Path"]},
                "schema_change_policy": snake(declared["SchemaChangePolicy"]),
                "recrawl_policy": snake(declared["RecrawlPolicy"]),
                "configuration": json.dumps(declared["Configuration"]),
            }
        },
    }


def _tags(stage: Stage) -> dict[str, str]:
    return {TAG: owner_of(stage)}


def _alarm(request: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = snake({key: value for key, value in request.items() if key not in ("Metrics", "Dimensions")})
    if "Dimensions" in request:
        made["dimensions"] = _dimensions(request["Dimensions"])
    if "Metrics" in request:
        made["metric_query"] = [_query(metric) for metric in request["Metrics"]]
    if needs_data(request):
        made["depends_on"] = [SCHEDULED]
    percentiles = made.pop("evaluate_low_sample_count_percentile", None)
    return dict(made) if percentiles is None else made | {"evaluate_low_sample_count_percentiles": percentiles}


def _query(metric: dict[str, Any]) -> dict[str, Any]:
    query = {"id": metric["Id"], "return_data": metric["ReturnData"]}
    if "Expression" in metric:
        return query | {"expression": metric["Expression"]}
    watched = metric["MetricStat"]
    shown = {
        "namespace": watched["Metric"]["Namespace"],
        "metric_name": watched["Metric"]["MetricName"],
        "dimensions": _dimensions(watched["Metric"]["Dimensions"]),
    }
    return query | {"metric": shown | {"period": watched["Period"], "stat": watched["Stat"]}}


def _dimensions(named: list[dict[str, str]]) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in named}


def snake(value: Any) -> Any:
    """Return a value of AWS's API with Terraform's names."""
    if isinstance(value, dict):
        return {_snake(key): snake(each) for key, each in value.items()}
    return [snake(each) for each in value] if isinstance(value, list) else value


def _snake(name: str) -> str:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", words).lower()


def plain(text: str) -> str:
    """Return a text that Terraform takes as it is."""
    return text.replace("${", "$${").replace("%{", "%%{")
