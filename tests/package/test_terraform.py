"""The directory for Terraform: Chalice's faults mended, the foundations as glue_setup makes them, and it is valid."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from chalicelib.contracts.contract import Contract
from chalicelib.stage import read_stage
from glue_setup.alarms import alarms
from glue_setup.clients import connect
from glue_setup.errors import SetupError
from glue_setup.foundations import foundations, wiring
from glue_setup.logs import LOG_DAYS
from glue_setup.policies import FUNCTIONS
from glue_setup.resource import TAG
from glue_setup.tables import PARAMETER
from glue_setup.target import Target, target_of
from glue_setup.wiring import FAILED_SWEEPS
from local.deploy import copy_project
from local.emulator import PROJECT
from release import terraforming
from release.configuration import configured
from release.terraform import template_of
from tests.contracts import ORDERS, contract, lay, returns_contract
from tests.edge.glue_setup_world import target_with
from tests.goldens.golden import assert_golden
from tests.package.built import ACCOUNT, NOBODY, REGION

ARN = f"arn:aws:lambda:{REGION}:336392948345:layer:AWSSDKPandas-Python312:30"
REFERENCE = re.compile(r"(?<!\$)\$\{[^}]*?((?:data\.)?[a-z0-9_]+\.[\w-]+)\.")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose stage prod is configured, with a crawler and somebody who is told of alarms and of sources."""
    folder = tmp_path_factory.mktemp("terraform")
    copy_project(PROJECT, folder)
    lay(folder / "chalicelib" / "contracts", ORDERS.name)
    (folder / "requirements.txt").write_text("")
    path = folder / ".chalice" / "config.json"
    config = json.loads(configured(path.read_text("utf-8"), "prod", "orders-etl-test", ARN))
    variables = config["stages"]["prod"]["environment_variables"]
    variables |= {"GLUE_CRAWLER": "orders-crawler", "ALARM_TOPIC_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"}
    variables |= {"ETL_EVENTS_TOPIC": "orders-told", "ETL_REFRESH_MINUTES": "60"}
    variables |= {"ETL_REFRESH_AFTER_LOADS_SECONDS": "300"}
    variables |= {"ETL_BUDGET_DOLLARS": "50", "ETL_BUDGET_EMAILS": "data@shop.example"}
    path.write_text(json.dumps(config), "utf-8")
    return folder


@pytest.fixture(scope="module")
def target(project: Path) -> Target:
    return target_of(boto3.Session(), read_stage(project, "prod"), ACCOUNT, REGION)


@pytest.fixture(scope="module")
def out(project: Path, target: Target) -> Path:
    folder = project / "build" / "terraform" / "prod"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in NOBODY.items():
            patch.setenv(name, value)
        terraforming.write(project, target, folder)
    return folder


@pytest.fixture(scope="module")
def resources(out: Path) -> dict[str, dict[str, Any]]:
    """Everything that Terraform would make, by kind and name."""
    merged: dict[str, dict[str, Any]] = {}
    for name in (terraforming.APP, terraforming.FOUNDATIONS):
        for kind, made in json.loads((out / name).read_text("utf-8"))["resource"].items():
            assert not set(made) & set(merged.get(kind, {})), f"two of {kind} have one name"
            merged.setdefault(kind, {}).update(made)
    return merged


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_the_directory_holds_the_package_the_app_and_its_foundations(out: Path) -> None:
    assert {path.name for path in out.iterdir()} >= {"app.tf.json", "foundations.tf.json", "deployment.zip"}
    assert not (out / "packaged").exists()


def test_every_reference_leads_to_something(out: Path, resources: dict[str, dict[str, Any]]) -> None:
    app = json.loads((out / terraforming.APP).read_text("utf-8"))
    there = {f"{kind}.{name}" for kind, made in resources.items() for name in made}
    there |= {f"data.{kind}.{name}" for kind, made in app["data"].items() for name in made}
    references = {name for text in texts([resources, app["output"], app["locals"]]) for name in REFERENCE.findall(text)}
    assert len(references) > 10
    assert {name for name in references if not name.startswith("path.")} <= there
    waits = {each for made in resources.values() for one in made.values() for each in one.get("depends_on", [])}
    assert waits
    assert waits <= there


def test_any_terraform_of_today_takes_it_and_no_provider_is_asked_for_in_vain(out: Path) -> None:
    app = json.loads((out / terraforming.APP).read_text("utf-8"))
    assert app["terraform"]["required_version"] == ">= 1.5.0"
    assert set(app["terraform"]["required_providers"]) == {"aws"}
    assert "null" not in (out / terraforming.APP).read_text("utf-8").split('"locals"')[0]
    assert set(app["data"]) == {"aws_caller_identity", "aws_partition", "aws_region"}


def test_a_schedule_is_named_by_app_and_stage(resources: dict[str, dict[str, Any]]) -> None:
    rules = {rule["name"] for rule in resources["aws_cloudwatch_event_rule"].values() if "schedule_expression" in rule}
    assert rules == {"orders-etl-prod-sweep-event", "orders-etl-prod-refresh"}


def test_events_are_passed_on_to_the_topic_by_a_rule_that_alone_may_publish_there(
    resources: dict[str, dict[str, Any]], target: Target
) -> None:
    rule = resources["aws_cloudwatch_event_rule"]["sources"]
    assert json.loads(rule["event_pattern"])["detail"] == {"bucket": [target.settings.bucket]}
    publish = json.loads(resources["aws_sns_topic_policy"]["events"]["policy"])["Statement"][0]
    assert publish["Condition"] == {"ArnEquals": {"aws:SourceArn": target.event_rule}}
    assert target.event_rule.endswith(f":rule/{rule['name']}")


def test_the_bucket_announces_only_once_it_may_invoke_the_function(resources: dict[str, dict[str, Any]]) -> None:
    (notification,) = resources["aws_s3_bucket_notification"].values()
    assert notification["bucket"] == "${aws_s3_bucket.etl.id}"
    (permission,) = notification["depends_on"]
    door = resources["aws_lambda_permission"][permission.split(".")[1]]
    assert door["source_arn"] == "${aws_s3_bucket.etl.arn}"
    assert door["source_account"] == "${data.aws_caller_identity.chalice.account_id}"


def test_each_function_waits_for_a_log_group_that_expires(resources: dict[str, dict[str, Any]], target: Target) -> None:
    assert set(resources["aws_lambda_function"]) == set(FUNCTIONS)
    for name, function in resources["aws_lambda_function"].items():
        assert function["depends_on"] == [f"aws_cloudwatch_log_group.{name}"]
        group = resources["aws_cloudwatch_log_group"][name]
        assert group == {"name": f"/aws/lambda/{function['function_name']}", "retention_in_days": LOG_DAYS}
        assert function["function_name"] == target.stage.function(name)


def test_the_loader_has_the_layer(resources: dict[str, dict[str, Any]]) -> None:
    assert resources["aws_lambda_function"]["load"]["layers"] == [ARN]


def test_the_events_of_loader_and_sweep_are_handled_as_glue_setup_wire_does(
    resources: dict[str, dict[str, Any]],
) -> None:
    made = resources["aws_lambda_function_event_invoke_config"]
    assert set(made) == {"load", "sweep"}
    for name, each in made.items():
        assert each["function_name"] == f"${{aws_lambda_function.{name}.function_name}}"
    assert made["load"]["destination_config"] == {"on_failure": {"destination": "${aws_sqs_queue.failed.arn}"}}
    assert made["sweep"]["maximum_retry_attempts"] == FAILED_SWEEPS["MaximumRetryAttempts"]
    assert made["sweep"]["maximum_event_age_in_seconds"] == FAILED_SWEEPS["MaximumEventAgeInSeconds"]


def test_the_alarm_that_rings_without_data_waits_for_the_schedule(resources: dict[str, dict[str, Any]]) -> None:
    breaching = {
        name: alarm["depends_on"]
        for name, alarm in resources["aws_cloudwatch_metric_alarm"].items()
        if alarm["treat_missing_data"] == "breaching"
    }
    assert set(breaching) == {"sweep-silent"}
    targets = {"sweep-event", "refresh", "refresh_after_loads", "sources"}
    assert set(resources["aws_cloudwatch_event_target"]) == targets
    assert breaching["sweep-silent"] == ["aws_cloudwatch_event_target.sweep-event"]


def test_the_rest_api_is_regional(resources: dict[str, dict[str, Any]]) -> None:
    (api,) = resources["aws_api_gateway_rest_api"].values()
    assert api["endpoint_configuration"] == {"types": ["REGIONAL"]}


def test_what_a_stage_has_carries_its_name(resources: dict[str, dict[str, Any]], target: Target) -> None:
    tagged = {
        kind: each["tags"][TAG]
        for kind, made in resources.items()
        for each in made.values()
        if TAG in each.get("tags", {})
    }
    kinds = {"aws_s3_bucket", "aws_sqs_queue", "aws_athena_workgroup", "aws_glue_crawler", "aws_iam_role"}
    kinds |= {"aws_sfn_state_machine", "aws_sns_topic", "aws_cloudwatch_event_rule", "aws_budgets_budget"}
    kinds |= {"aws_lambda_function"}
    assert tagged == dict.fromkeys(kinds, target.owner)
    (database,) = resources["aws_glue_catalog_database"].values()
    assert database["parameters"] == {PARAMETER: target.owner}


def test_the_bucket_with_the_data_is_not_destroyed(resources: dict[str, dict[str, Any]]) -> None:
    assert resources["aws_s3_bucket"]["etl"]["lifecycle"] == {"prevent_destroy": True}


def test_every_alarm_is_there(resources: dict[str, dict[str, Any]], target: Target) -> None:
    names = {alarm["alarm_name"] for alarm in resources["aws_cloudwatch_metric_alarm"].values()}
    assert names == {request["AlarmName"] for request in alarms(target)}


def test_the_foundations_are_the_golden_ones(out: Path) -> None:
    assert_golden("terraform_foundations", json.loads((out / terraforming.FOUNDATIONS).read_text("utf-8")))


def test_each_contract_has_its_table_its_alarms_and_no_foundation_of_another_twice(
    target: Target, tmp_path: Path
) -> None:
    both = target_with(target.stage, ORDERS, returns_contract(), region=REGION)
    clients = connect(boto3.Session(region_name=REGION), "prod")
    made = template_of([*foundations(both, clients), *wiring(both, clients)], both)["resource"]
    tables = made["aws_glue_catalog_table"]
    assert {name: table["storage_descriptor"]["location"] for name, table in tables.items()} == {
        "orders_parquet_datalake": "s3://orders-etl-test/orders_parquet_datalake/",
        "returns": "s3://orders-etl-test/returns/",
        "orders_rejected": "s3://orders-etl-test/orders_quarantine/rejected/",
    }
    assert {
        f"{each.name}-{name}" for each in both.datasets for name in ("rejected", "file-quarantined", "late")
    } <= set(made["aws_cloudwatch_metric_alarm"])
    assert len(made["aws_glue_crawler"]["etl"]["s3_target"]) == 2
    assert len(made["aws_s3_bucket"]) == len(made["aws_glue_catalog_database"]) == 1


def test_a_stage_without_a_layer_is_shown_how_to_get_one(target: Target, tmp_path: Path) -> None:
    copy_project(PROJECT, tmp_path)
    lay(tmp_path / "chalicelib" / "contracts", ORDERS.name)
    with pytest.raises(SetupError, match="stage prod has no layer yet: python -m release configure --stage prod"):
        terraforming.write(tmp_path, target, tmp_path / "out")


@pytest.mark.parametrize("contracts", [(ORDERS,), (ORDERS, contract("baskets"))], ids=["one contract", "two"])
def test_terraform_finds_it_valid(
    project: Path, target: Target, tmp_path: Path, contracts: tuple[Contract, ...]
) -> None:
    terraform = shutil.which("terraform")
    if terraform is None:
        pytest.skip("terraform is not installed: what it would say was not asked")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in NOBODY.items():
            patch.setenv(name, value)
        terraforming.write(project, target_with(target.stage, *contracts, region=REGION), tmp_path / "out")
    made = json.loads((tmp_path / "out" / terraforming.FOUNDATIONS).read_text("utf-8"))["resource"]
    tables = {table.name for each in contracts for table in each.tables}
    assert set(made["aws_glue_catalog_table"]) >= tables

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [terraform, *arguments, "-no-color"],
            cwd=tmp_path / "out",
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    begun = run("init", "-backend=false", "-input=false")
    if "Failed to query available provider packages" in begun.stderr:
        pytest.skip("terraform cannot get its AWS provider here: TF_CLI_ARGS_init=-plugin-dir=DIR names a copy of it")
    assert begun.returncode == 0, begun.stderr
    valid = run("validate")
    assert valid.returncode == 0, valid.stdout + valid.stderr
