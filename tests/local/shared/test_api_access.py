"""Who may call the REST API, on a deployment with each kind of authorization, and what its function may do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import requests

from chalicelib.settings import LOCAL_STAGE
from local.deploy import Deployment, deploy, run_module
from local.emulator import ACCOUNT, REGION, Emulator
from local.errors import LocalError
from tests.local.api_client import Client
from tests.local.calls import call, user
from tests.local.product import Product, project_with

pytestmark = pytest.mark.aws
NAME = "orders-etl-keys"
ORIGIN = "https://shop.example"


def with_authorization(aws: Emulator, folder: Path, workspace: Path, auth: str, stage: str = LOCAL_STAGE) -> Deployment:
    """Deploy the product under another name, with nothing beneath it but its bucket and policies."""
    project_with(folder)
    path = folder / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["app_name"] = NAME
    variables = config["stages"][LOCAL_STAGE]["environment_variables"]
    variables |= {"ETL_BUCKET": NAME, "API_AUTH": auth, "ETL_STAGE": stage, "API_CORS_ORIGINS": ORIGIN}
    path.write_text(json.dumps(config))

    def bucket_and_policies(emulator: Emulator, workspace: Path) -> None:
        emulator.client("s3").create_bucket(Bucket=NAME)
        run_module(emulator, workspace, "glue_setup", "policies")

    return deploy(aws, workspace, folder, foundations=bucket_and_policies)


def test_unsigned_and_not_allowed_callers_are_refused_and_allowed_ones_answered(product: Product) -> None:
    queries = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{product.deployment.api_id}/api/GET/queries*"
    allowed = user(product.aws, "asker", ("execute-api:Invoke", queries))
    stranger = user(product.aws, "stranger-to-the-api", ("s3:GetObject", "*"))
    for path in ("/queries", "/queries/preview", "/openapi.json", "/uploads/x", "/executions/x"):
        assert Client(product, None).get(path).status_code == 403
        assert Client(product, stranger).get(path).status_code == 403
        assert Client(product, (allowed[0], "wrong")).get(path).status_code == 403
    asker = Client(product, allowed)
    assert asker.get("/queries").status_code == 200
    assert asker.get("/uploads/x").status_code == 403
    assert asker.call("POST", "/uploads", json={"filename": "a.json"}).status_code == 403


@pytest.mark.slow
def test_a_key_of_a_usage_plan_opens_the_api_and_none_does_not(aws: Emulator, tmp_path: Path) -> None:
    keyed = with_authorization(aws, tmp_path / "project", tmp_path / "workspace", "api_key")
    gateway = aws.client("apigateway")
    key = gateway.create_api_key(name="partner", enabled=True)
    plan = gateway.create_usage_plan(name="partners", apiStages=[{"apiId": keyed.api_id, "stage": "api"}])
    gateway.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    queries = f"{keyed.api_url}/queries"
    assert call(queries)[0] == 403
    assert call(queries, headers={"x-api-key": "guess"})[0] == 403
    assert call(queries, headers={"x-api-key": key["value"]})[0] == 200

    # A browser asks first, without a key, and the answer names the origin that may go on.
    preflight = requests.options(
        queries, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}, timeout=30
    )
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Methods"]) == (204, "GET")
    assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
    other = requests.get(queries, headers={"Origin": "https://other.example", "x-api-key": key["value"]}, timeout=30)
    assert (other.status_code, other.headers.get("Access-Control-Allow-Origin")) == (200, None)

    # The local stage may be opened to all, and no other.
    opened = with_authorization(aws, tmp_path / "project", tmp_path / "workspace", "none")
    assert opened.api_id == keyed.api_id
    assert call(queries)[0] == 200
    with pytest.raises(LocalError) as refused:
        with_authorization(aws, tmp_path / "project", tmp_path / "workspace", "none", stage="dev")
    assert "API_AUTH is 'none': give iam or api_key" in refused.value.tail


def test_the_rest_function_imports_nothing_of_the_ingestion(product: Product, tmp_path: Path) -> None:
    (package,) = (product.deployment.workspace / ".chalice" / "deployments").glob("*.zip")
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path)
    heavy = ("pandas", "pyarrow", "numpy", "duckdb")
    event = json.dumps(
        {
            "requestContext": {"resourcePath": "/queries", "httpMethod": "GET", "requestId": "1"},
            "headers": {},
            "multiValueQueryStringParameters": None,
            "pathParameters": None,
            "stageVariables": None,
            "body": None,
        }
    )
    program = (
        f"import json, sys; import app; answer = app.app(json.loads({event!r}), None); assert answer['statusCode'] == "
        f"200, answer; import chalicelib.api.openapi; loaded = sorted(set({heavy!r}) & set(sys.modules)); print(loaded)"
    )
    environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": REGION} | product.deployment.variables
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
