"""Deletions that go on, and failures that leave nothing: on the embedded AWS, as Chalice's record tells."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.emulator import Emulator
from release.deploying import Deployer
from release.record import drop_missing, path_of

pytestmark = pytest.mark.aws

BUCKET = "orders-etl-record"
API = {"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "gone", "rest_api_url": "https://gone/api/"}
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:orders-etl-dev-load"
GONE = [
    API,
    {"name": "load", "resource_type": "lambda_function", "lambda_arn": FUNCTION_ARN},
    {"name": "role", "resource_type": "iam_role", "role_name": "orders-etl-dev-gone", "role_arn": "any"},
    {"name": "on_s3", "resource_type": "s3_event", "bucket": "orders-etl-gone", "lambda_arn": FUNCTION_ARN},
    {"name": "sweep", "resource_type": "cloudwatch_event", "rule_name": "orders-etl-gone"},
]
BUCKET_EVENT = GONE[3] | {"bucket": BUCKET}


@pytest.fixture
def session(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    made = boto3.Session(region_name=aws.region)
    made.client("s3").create_bucket(Bucket=BUCKET)
    yield made
    made.client("s3").delete_bucket(Bucket=BUCKET)


def write(project: Path, *resources: dict[str, Any]) -> Path:
    path = path_of(project, "dev")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"resources": list(resources), "schema_version": "2.0"}))
    return path


def test_what_is_missing_is_dropped_from_the_record_and_nothing_else(session: boto3.Session, tmp_path: Path) -> None:
    api = session.client("apigateway").create_rest_api(name="orders-etl")
    there = API | {"rest_api_id": api["id"]}
    path = write(tmp_path, *GONE, there, BUCKET_EVENT)
    assert drop_missing(session, tmp_path, "dev")
    assert json.loads(path.read_text())["resources"] == [there, BUCKET_EVENT]
    session.client("apigateway").delete_rest_api(restApiId=api["id"])
    write(tmp_path, *GONE)
    assert not drop_missing(session, tmp_path, "dev")


def test_an_api_that_a_failed_deployment_made_is_removed_and_no_other(session: boto3.Session, tmp_path: Path) -> None:
    (tmp_path / ".chalice").mkdir()
    variables = {"ETL_BUCKET": BUCKET, "ETL_STAGE": "dev"}
    config = {"app_name": "orders-etl", "stages": {"dev": {"environment_variables": variables}}}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    before = {api["id"] for api in session.client("apigateway").get_rest_apis()["items"]}
    apis = session.client("apigateway")
    earlier, other = (apis.create_rest_api(name=name)["id"] for name in ("orders-etl", "somebody-elses"))
    deployer = Deployer(tmp_path, "dev", session=session)
    deployer.before_app()
    made, noted = (apis.create_rest_api(name="orders-etl")["id"] for _ in range(2))
    others_new = apis.create_rest_api(name="somebody-elses")["id"]
    write(tmp_path, API | {"rest_api_id": noted})
    deployer.after_app(succeeded=False)
    left = {api["id"] for api in apis.get_rest_apis()["items"]}
    assert left - before == {earlier, other, noted, others_new}
    assert made not in left
    for api_id in left - before:
        apis.delete_rest_api(restApiId=api_id)
