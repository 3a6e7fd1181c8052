"""`make deploy` from an empty AWS to a passing smoke test, again without a change, and `make destroy` to nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.aws.athena import Athena
from chalicelib.settings import LOCAL_STAGE, Settings
from local.emulator import ACCOUNT, PROJECT, Emulator, running
from local.pipeline import wait_for
from tests.local.product import with_contracts

pytestmark = [pytest.mark.aws, pytest.mark.slow]
COPIED = ("Makefile", "app.py", "chalicelib", "glue_setup", "release", "requirements.txt", "requirements-local.lock")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "deployed", "deployments", "policy-*.json")
BUCKET = "orders-etl-local"
LOADER_LOG = "/aws/lambda/orders-etl-local-load"


class Checkout:
    """A fresh checkout of the project on a machine whose AWS is the embedded one."""

    def __init__(self, aws: Emulator, folder: Path) -> None:
        self.aws = aws
        self.folder = folder
        folder.mkdir()
        for name in COPIED:
            if (PROJECT / name).is_dir():
                shutil.copytree(PROJECT / name, folder / name, ignore=LEFT_OUT)
            else:
                shutil.copy2(PROJECT / name, folder / name)
        shutil.copytree(PROJECT / ".chalice", folder / ".chalice", ignore=LEFT_OUT)
        with_contracts(folder, "orders")

    def make(self, target: str, *variables: str, stage: str = LOCAL_STAGE) -> subprocess.CompletedProcess[str]:
        """Run a target of the Makefile for stage local, with this environment's packages."""
        environment = {**os.environ, **self.aws.environment, "AWS_CONFIG_FILE": os.devnull}
        # As on most machines: bytecode is written, and must not get into the package.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        # -o: the environment is there already, whatever the times of the files say.
        environment_here = [f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.ready"]
        return subprocess.run(
            ["make", "-s", target, f"STAGE={stage}", *environment_here, *variables],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def set(self, variable: str, value: str) -> None:
        """Set a variable of stage local."""
        path = self.folder / ".chalice" / "config.json"
        config = json.loads(path.read_text("utf-8"))
        config["stages"][LOCAL_STAGE]["environment_variables"][variable] = value
        path.write_text(json.dumps(config), "utf-8")

    def succeeds(self, target: str, *variables: str, stage: str = LOCAL_STAGE) -> str:
        done = self.make(target, *variables, stage=stage)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def empty() -> Iterator[Emulator]:
    """An embedded AWS with nothing in it."""
    with running() as emulator:
        yield emulator


def standing(aws: Emulator) -> dict[str, Any]:
    """Return what there is in AWS by kind; nothing that changes by itself."""
    functions = aws.client("lambda").list_functions()["Functions"]
    glue, logs = aws.client("glue"), aws.client("logs")
    databases = [each["Name"] for each in glue.get_databases()["DatabaseList"] if each["Name"] != "default"]
    return {
        "functions": sorted((each["FunctionName"], each["CodeSha256"], each["Timeout"]) for each in functions),
        "doors": sorted(doors(aws, each["FunctionName"]) for each in functions),
        "roles": sorted(each["RoleName"] for each in aws.client("iam").list_roles()["Roles"]),
        "apis": [each["id"] for each in aws.client("apigateway").get_rest_apis()["items"]],
        "buckets": [each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]],
        "tables": {name: [t["Name"] for t in glue.get_tables(DatabaseName=name)["TableList"]] for name in databases},
        "workgroups": [
            w["Name"] for w in aws.client("athena").list_work_groups()["WorkGroups"] if w["Name"] != "primary"
        ],
        "log groups": sorted(
            (g["logGroupName"], g.get("retentionInDays")) for g in logs.describe_log_groups()["logGroups"]
        ),
        "queues": aws.client("sqs").list_queues().get("QueueUrls", []),
        "alarms": [each["AlarmName"] for each in aws.client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "rules": [each["Name"] for each in aws.client("events").list_rules()["Rules"]],
        "budgets": budgets(aws),
    }


def budgets(aws: Emulator) -> dict[str, str]:
    """Return the limit of each budget by its name."""
    answer = aws.client("budgets").describe_budgets(AccountId=ACCOUNT).get("Budgets", [])
    return {each["BudgetName"]: each["BudgetLimit"]["Amount"] for each in answer}


def doors(aws: Emulator, function: str) -> list[str]:
    """Return who may invoke a function, on which conditions."""
    policy = json.loads(aws.client("lambda").get_policy(FunctionName=function)["Policy"])
    return sorted(json.dumps([s["Principal"], s["Condition"]], sort_keys=True) for s in policy["Statement"])


def wiring(aws: Emulator) -> Any:
    """Return what the bucket announces, and to whom."""
    configuration = aws.client("s3").get_bucket_notification_configuration(Bucket=BUCKET)
    return [{k: v for k, v in each.items() if k != "Id"} for each in configuration["LambdaFunctionConfigurations"]]


def objects(aws: Emulator) -> list[str]:
    """Return every version in the bucket that is not a query's result."""
    pages = aws.client("s3").get_paginator("list_object_versions").paginate(Bucket=BUCKET)
    keys = [each["Key"] for page in pages for kind in ("Versions", "DeleteMarkers") for each in page.get(kind, [])]
    return sorted(key for key in keys if not key.startswith("athena_results/"))


def test_from_nothing_to_a_tested_deployment_again_without_a_change_and_to_nothing(
    empty: Emulator, tmp_path: Path
) -> None:
    before = standing(empty)
    checkout = Checkout(empty, tmp_path / "one")
    output = checkout.succeeds("deploy")
    assert "the REST API: GET /queries/order_lines_of: the rows are as expected" in output
    first, wired = standing(empty), wiring(empty)
    assert [name for name, *_ in first["functions"]]
    assert len(first["apis"]) == 1
    assert {days for _, days in first["log groups"]} == {30}
    # The smoke test leaves no trace: in the bucket is the record of the deployment, and which months are registered.
    assert objects(empty) == ["orders_release/local.json", "orders_state/partitions.json"]
    config = (checkout.folder / ".chalice" / "config.json").read_bytes()

    again = checkout.succeeds("deploy")
    assert "Everything was in place: unchanged." in again
    assert standing(empty) == first
    assert wiring(empty) == wired
    assert objects(empty) == ["orders_release/local.json", "orders_state/partitions.json"]
    assert (checkout.folder / ".chalice" / "config.json").read_bytes() == config

    # Another machine knows nothing of the first: it finds the same API, not a second one.
    elsewhere = Checkout(empty, tmp_path / "two")
    assert "deployed from elsewhere before" in elsewhere.succeeds("deploy")
    assert standing(empty) == first
    assert wiring(empty) == wired

    kept = elsewhere.succeeds("destroy")
    assert "kept, with all data" in kept
    left = standing(empty)
    assert left["buckets"] == [BUCKET]
    assert not left["functions"] + left["apis"] + left["workgroups"] + left["rules"]
    checkout.succeeds("destroy", "DATA=delete")
    assert standing(empty) == before


def test_a_budget_counts_what_carries_the_stages_tag_follows_its_setting_and_goes_with_it(
    empty: Emulator, tmp_path: Path
) -> None:
    checkout = Checkout(empty, tmp_path / "one")
    checkout.set("ETL_BUDGET_DOLLARS", "50")
    refused = checkout.make("deploy")
    assert "give ETL_BUDGET_EMAILS or ALARM_TOPIC_ARN too" in refused.stderr
    checkout.set("ETL_BUDGET_EMAILS", "data@shop.example")
    assert "is orders-etl:stage an active cost allocation tag?" in checkout.succeeds("deploy")
    assert budgets(empty) == {"orders-etl-local": "50"}
    owner = f"orders-etl/local/{BUCKET}"
    budget = empty.client("budgets").describe_budget(AccountId=ACCOUNT, BudgetName="orders-etl-local")["Budget"]
    assert budget["CostFilters"] == {"TagKeyValue": [f"user:orders-etl:stage${owner}"]}
    functions = empty.client("lambda")
    for each in functions.list_functions()["Functions"]:
        tags = functions.list_tags(Resource=each["FunctionArn"])["Tags"]
        assert tags["orders-etl:stage"] == owner
    (tag,) = empty.client("s3").get_bucket_tagging(Bucket=BUCKET)["TagSet"]
    assert (tag["Key"], tag["Value"]) == ("orders-etl:stage", owner)

    assert "Everything was in place: unchanged." in checkout.succeeds("deploy")
    checkout.set("ETL_BUDGET_DOLLARS", "80")
    assert "budget orders-etl-local: changed (allows)" in checkout.succeeds("deploy")
    assert budgets(empty) == {"orders-etl-local": "80"}
    checkout.set("ETL_BUDGET_DOLLARS", "0")
    assert "budget orders-etl-local: removed" in checkout.succeeds("deploy")
    assert budgets(empty) == {}
    checkout.set("ETL_BUDGET_DOLLARS", "80")
    checkout.succeeds("deploy")
    checkout.succeeds("destroy", "DATA=delete")
    assert budgets(empty) == {}


FIRST_MINUTES = "slow-notification:8,missing-version:2,validation-race:2,settling-role:2,young-queue:2,young-stage:5"


def test_a_first_deployment_waits_out_the_first_minutes_of_a_real_account(tmp_path: Path) -> None:
    with running(played=FIRST_MINUTES) as aws:
        checkout = Checkout(aws, tmp_path / "one")
        path = checkout.folder / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        # As on AWS the sweep comes too late to help.
        variables = config["stages"][LOCAL_STAGE]["environment_variables"]
        variables |= {"ETL_SWEEP_MINUTES": "15", "GLUE_CRAWLER": "orders-crawler"}
        path.write_text(json.dumps(config))
        patient = "DEPLOY=--again 5 --pause 1"
        output = checkout.succeeds("deploy", patient)
        assert "AWS said 'Unable to validate the following destination configurations', which passes" in output
        assert "not announced: S3 takes up to five minutes" in output
        pages = aws.client("logs").get_paginator("filter_log_events")
        logged = [e["message"] for p in pages.paginate(logGroupName=LOADER_LOG) for e in p["events"]]
        assert any("NotThereYet" in line for line in logged)
        assert "the REST API: GET /queries/order_lines_of: the rows are as expected" in output
        (api,) = aws.client("apigateway").get_rest_apis()["items"]
        assert api["endpointConfiguration"]["types"] == ["REGIONAL"]
        assert objects(aws) == [
            "orders_release/local.json",
            "orders_state/crawler.json",
            "orders_state/partitions.json",
        ]
        assert "Everything was in place: unchanged." in checkout.succeeds("deploy", patient)
        assert [each["id"] for each in aws.client("apigateway").get_rest_apis()["items"]] == [api["id"]]


def test_only_its_own_bucket_and_its_own_api_may_invoke_a_function(empty: Emulator, tmp_path: Path) -> None:
    Checkout(empty, tmp_path / "one").succeeds("deploy")
    policy = json.loads(empty.client("lambda").get_policy(FunctionName="orders-etl-local-load")["Policy"])
    (by_s3,) = [s for s in policy["Statement"] if s["Principal"] == {"Service": "s3.amazonaws.com"}]
    assert by_s3["Condition"]["ArnLike"] == {"AWS:SourceArn": f"arn:aws:s3:::{BUCKET}"}
    assert by_s3["Condition"]["StringEquals"] == {"AWS:SourceAccount": "123456789012"}
    policy = json.loads(empty.client("lambda").get_policy(FunctionName="orders-etl-local")["Policy"])
    (api,) = empty.client("apigateway").get_rest_apis()["items"]
    assert [s["Condition"] for s in policy["Statement"]] == [
        {"ArnLike": {"AWS:SourceArn": f"arn:aws:execute-api:us-east-1:123456789012:{api['id']}/*"}}
    ]


def test_a_deployment_that_failed_says_what_to_do_leaves_no_second_api_and_goes_on(
    empty: Emulator, tmp_path: Path
) -> None:
    checkout = Checkout(empty, tmp_path / "one")
    (checkout.folder / "app.py").write_text((PROJECT / "app.py").read_text() + "\nraise RuntimeError('half way')\n")
    failed = checkout.make("deploy")
    assert failed.returncode
    assert "step 4 of" in failed.stderr
    assert "python -m release deploy --stage local" in failed.stderr
    shutil.copy2(PROJECT / "app.py", checkout.folder)
    assert "Everything was in place: unchanged." in checkout.succeeds("deploy")
    assert len(empty.client("apigateway").get_rest_apis()["items"]) == 1


def test_a_stage_with_a_wrong_setting_is_refused_before_anything_is_made(empty: Emulator, tmp_path: Path) -> None:
    before = standing(empty)
    checkout = Checkout(empty, tmp_path / "one")
    path = checkout.folder / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"][LOCAL_STAGE]["environment_variables"]["UPLOAD_SECONDS"] = "15 minutes"
    path.write_text(json.dumps(config))
    failed = checkout.make("deploy")
    assert failed.returncode
    assert "UPLOAD_SECONDS" in failed.stderr
    assert "give a whole number from 60 to 3600" in failed.stderr
    assert standing(empty) == before


def test_a_stage_that_nobody_has_filled_in_is_filled_in_and_deployed(empty: Emulator, tmp_path: Path) -> None:
    before = standing(empty)
    checkout = Checkout(empty, tmp_path / "one")
    unnamed = checkout.make("deploy", stage="dev")
    assert unnamed.returncode
    assert "stage dev has no bucket yet" in unnamed.stderr
    layerless = checkout.make("deploy", "BUCKET=my-orders-dev", stage="dev")
    assert layerless.returncode
    assert "has no layer at /aws/service/aws-sdk-pandas/" in layerless.stderr
    layer = "arn:aws:lambda:us-east-1:336392948345:layer:AWSSDKPandas-Python311:40"
    output = checkout.succeeds("deploy", "BUCKET=my-orders-dev", f"LAYER={layer}", stage="dev")
    assert "the rows are as expected" in output
    functions = empty.client("lambda")
    (attached,) = functions.get_function_configuration(FunctionName="orders-etl-dev-load")["Layers"]
    assert attached["Arn"] == layer
    again = checkout.succeeds("deploy", stage="dev")
    assert ".chalice/config.json: unchanged" in again
    checkout.succeeds("destroy", "DATA=delete", stage="dev")
    assert standing(empty) == before


def test_a_second_stage_on_the_firsts_bucket_is_refused_by_deploy_and_by_destroy(
    empty: Emulator, tmp_path: Path
) -> None:
    checkout = Checkout(empty, tmp_path / "one")
    checkout.succeeds("deploy")
    before, wired, kept = standing(empty), wiring(empty), objects(empty)
    path = checkout.folder / ".chalice" / "config.json"
    unnamed = path.read_bytes()
    layer = "LAYER=arn:aws:lambda:us-east-1:336392948345:layer:AWSSDKPandas-Python311:40"
    refused = checkout.make("deploy", f"BUCKET={BUCKET}", layer, stage="dev")
    refusal = f"bucket {BUCKET}: refused: it belongs to stage orders-etl/local/{BUCKET}: give this stage an ETL_BUCKET"
    assert refused.returncode
    assert refusal in refused.stderr
    # Not written down, so that another bucket can be named.
    assert path.read_bytes() == unnamed

    config = json.loads(unnamed)
    config["stages"]["dev"]["environment_variables"]["ETL_BUCKET"] = BUCKET
    path.write_text(json.dumps(config))
    for refused in (
        checkout.make("deploy", layer, stage="dev"),
        checkout.make("destroy", "DATA=delete", stage="dev"),
    ):
        assert refused.returncode
        assert refusal.replace("refused: it", "it") in refused.stderr
        assert (standing(empty), wiring(empty), objects(empty)) == (before, wired, kept)
    assert f"bucket {BUCKET}: kept: it belongs to stage" in checkout.succeeds("destroy", stage="dev")
    assert (standing(empty), wiring(empty), objects(empty)) == (before, wired, kept)


EMAIL = 'customer_email = { path = "customer.email", type = "text"'
PHONE = 'customer_phone = { path = "customer.phone", type = "text" }\n'


def ask(aws: Emulator, sql: str) -> list[tuple[Any, ...]]:
    athena = Athena(aws.client("athena"), Settings(bucket=BUCKET), {})
    return list(athena.rows(athena.wait(athena.start(sql), 60)))


def drop(aws: Emulator, name: str, orders: list[dict[str, Any]]) -> None:
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"orders_json_incoming/{name}", Body=json.dumps(orders).encode())


def test_an_upgrade_keeps_data_ledger_wiring_and_address_and_an_added_column_works_at_once(
    empty: Emulator, tmp_path: Path
) -> None:
    checkout = Checkout(empty, tmp_path / "one")
    checkout.succeeds("deploy")
    drop(empty, "old.json", [{"order_id": "1", "order_date": "2024-05-01", "customer": {"phone": "0123"}}])
    table = "etl_pipeline.orders_parquet_datalake"
    wait_for(lambda: ask(empty, f"SELECT order_id FROM {table}"))
    first, wired, kept = standing(empty), wiring(empty), objects(empty)

    contract = checkout.folder / "chalicelib" / "contracts" / "orders" / "contract.toml"
    text = contract.read_text("utf-8")
    assert EMAIL in text
    contract.write_text(text.replace(EMAIL, PHONE + EMAIL), "utf-8")
    assert f"table {table}: changed" in checkout.succeeds("deploy")
    assert objects(empty) == kept
    upgraded = standing(empty)
    assert upgraded["functions"] != first["functions"]
    assert {**upgraded, "functions": []} == {**first, "functions": []}
    assert wiring(empty) == wired

    sql = f"SELECT order_id, customer_phone FROM {table} ORDER BY order_id"
    assert ask(empty, sql) == [("1", None)]
    drop(empty, "new.json", [{"order_id": "2", "order_date": "2024-05-01", "customer": {"phone": "0456"}}])
    assert wait_for(lambda: (rows := ask(empty, sql)) and len(rows) == 2 and rows) == [("1", None), ("2", "0456")]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (EMAIL.replace('"text"', '"integer"'), "column customer_email would change from string to bigint"),
        (
            EMAIL.replace("customer_email", "email"),
            "column customer_email (string) is not in the contract any more",
        ),
    ],
    ids=["another type", "another name"],
)
def test_a_change_that_athena_cannot_read_over_old_files_is_refused_with_the_reason(
    empty: Emulator, tmp_path: Path, changed: str, reason: str
) -> None:
    checkout = Checkout(empty, tmp_path / "one")
    checkout.succeeds("deploy")
    before = standing(empty)
    contract = checkout.folder / "chalicelib" / "contracts" / "orders" / "contract.toml"
    contract.write_text(contract.read_text("utf-8").replace(EMAIL, changed), "utf-8")
    plan = subprocess.run(
        [sys.executable, "-m", "glue_setup", "plan", "--stage", LOCAL_STAGE],
        cwd=checkout.folder,
        env={**os.environ, **empty.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert plan.returncode
    assert f"  ! {reason}" in plan.stdout
    failed = checkout.make("deploy")
    assert failed.returncode
    assert reason in failed.stderr
    assert "step 2 of" in failed.stderr
    assert standing(empty) == before
