"""The command line: exit codes, and errors that name what offended and the remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
)
from botocore.stub import Stubber
from moto import mock_aws

from chalicelib.errors import SettingError, StageError
from chalicelib.settings import Settings
from chalicelib.stage import Stage, read_stage
from glue_setup.__main__ import main
from glue_setup.bucket import Bucket
from glue_setup.clients import connect
from glue_setup.errors import Refused, SetupError, explained
from glue_setup.resource import TAG
from glue_setup.target import target_of
from tests.edge.glue_setup_world import target_with

BUCKET = "orders-etl-test"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def project(tmp_path: Path) -> Any:
    config = {
        "version": "2.0",
        "app_name": "orders-etl",
        "environment_variables": {"ETL_BUCKET": "top-level", "GLUE_DATABASE": "shop"},
        "stages": {
            "dev": {"environment_variables": {"ETL_BUCKET": BUCKET}},
            "new": {"environment_variables": {"ETL_BUCKET": "change-me-orders"}},
            "bad": {"environment_variables": {"ETL_LEDGER_PREFIX": "no-slash", "API_AUTH": "magic"}},
            "another": {"environment_variables": {"ETL_STAGE": "local", "API_AUTH": "none"}},
            "bare": {},
            "local": {"environment_variables": {"ETL_BUCKET": "orders-etl-local"}},
        },
    }
    (tmp_path / ".chalice").mkdir()
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config))
    return tmp_path


def run(project: Path, capsys: pytest.CaptureFixture[str], command: str, *arguments: str, stage: str = "dev") -> Any:
    code = main([command, "--stage", stage, "--project", str(project), *arguments])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    return code, shown.out, shown.err


def test_variables_of_the_stage_go_over_those_of_the_top_as_in_chalice(project: Path) -> None:
    stage = read_stage(project, "dev")
    assert (stage.settings.bucket, stage.settings.database) == (BUCKET, "shop")
    assert read_stage(project, "bare").settings.bucket == "top-level"


def test_functions_are_named_as_chalice_deploys_them() -> None:
    stage = Stage("dev", "orders-etl", Settings(bucket=BUCKET))
    assert stage.function("load") == "orders-etl-dev-load"
    assert stage.function("api_handler") == "orders-etl-dev"


@pytest.mark.parametrize("command", ["plan", "apply", "destroy", "policies", "wire"])
def test_a_bucket_that_nobody_has_named_yet_is_told_with_the_place_to_name_it(
    project: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    code, out, err = run(project, capsys, command, stage="new")
    assert (code, out) == (1, "")
    assert "is still 'change-me-orders': put the name of your bucket" in err
    assert "stages.new.environment_variables" in err


def test_a_stage_that_is_not_there_is_told_with_those_that_are(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(project, capsys, "plan", stage="produkshun")
    assert code == 1
    assert "stage 'produkshun' is not in" in err
    assert "it has dev, new, bad, another, bare, local" in err


def test_a_stage_that_calls_itself_by_anothers_name_is_refused(project: Path) -> None:
    with pytest.raises(StageError, match="ETL_STAGE of stage another is 'local': put 'another' into"):
        read_stage(project, "another")


def test_a_setting_that_is_wrong_is_told_with_its_value(project: Path) -> None:
    with pytest.raises(SettingError, match="ETL_LEDGER_PREFIX is 'no-slash': give one lower-case folder name"):
        read_stage(project, "bad")


def test_all_settings_that_are_wrong_are_told_at_once(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(project, capsys, "plan", stage="bad")
    assert code == 1
    assert "2 settings are wrong:" in err
    assert "- ETL_LEDGER_PREFIX is 'no-slash'" in err
    assert "- API_AUTH is 'magic'" in err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is missing: run this in the project's directory, or give --project"),
        ("{", "cannot be read"),
        ("[]", "has no app_name"),
        ('{"app_name": "a", "stages": []}', "stages is not an object"),
    ],
)
def test_a_configuration_that_is_none_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: Any, message: str
) -> None:
    if text is not None:
        (tmp_path / ".chalice").mkdir()
        (tmp_path / ".chalice" / "config.json").write_text(text)
    code, _, err = run(tmp_path, capsys, "plan")
    assert code == 1
    assert message in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["plan"],
        ["grow", "--stage", "dev"],
        ["apply", "--stage", "dev", "--delete-data"],
        ["policies", "--stage", "dev", "--account", "me"],
        ["redrive", "--stage", "dev"],
    ],
)
def test_wrong_usage_exits_2(arguments: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: python -m glue_setup" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan", "apply", "destroy", "wire"])
def test_the_local_stage_never_reaches_aws_itself(
    project: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    code, _, err = run(project, capsys, command, stage="local")
    assert code == 1
    assert "stage local lives on the embedded AWS" in err


def test_without_credentials_the_remedy_is_told(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    code, _, err = run(project, capsys, "plan")
    assert code == 1
    assert "Unable to locate credentials: run `aws configure` or `aws sso login`" in err


def test_without_a_region_the_remedy_is_told(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    code, _, err = run(project, capsys, "plan")
    assert code == 1
    assert "no region is set: set AWS_DEFAULT_REGION" in err


def test_plan_exits_0_on_an_empty_account_and_1_when_apply_would_refuse(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with mock_aws():
        code, out, err = run(project, capsys, "plan")
        assert (code, err) == (0, "")
        assert out.startswith("Stage dev in account 123456789012, eu-west-1:\n")
        boto3.client("glue").create_database(DatabaseInput={"Name": "shop"})
        boto3.client("glue").create_table(DatabaseName="shop", TableInput={"Name": "orders_parquet_datalake"})
        code, out, _ = run(project, capsys, "plan")
        assert code == 1
        assert "it exists over no location" in out


def test_wire_before_the_deploy_tells_what_comes_first(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mock_aws():
        code, _, err = run(project, capsys, "wire")
        assert code == 1
        assert "function orders-etl-dev-load: it is not there yet: run `chalice deploy`" in err


def test_the_timeout_of_a_function_is_read_as_chalice_reads_it(project: Path) -> None:
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    assert read_stage(project, "dev").timeout("load") == 60
    config["lambda_timeout"] = 30
    config["stages"]["dev"]["lambda_functions"] = {"load": {"lambda_timeout": 900}, "api_handler": {}}
    path.write_text(json.dumps(config))
    stage = read_stage(project, "dev")
    assert (stage.timeout("load"), stage.timeout("api_handler")) == (900, 30)
    config["stages"]["dev"]["lambda_timeout"] = 45
    path.write_text(json.dumps(config))
    assert read_stage(project, "dev").timeout("api_handler") == 45


def test_policies_are_written_once_for_the_callers_account(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with mock_aws():
        code, out, _ = run(project, capsys, "policies")
        assert code == 0
        assert out.count(": written") == 3
        policy = json.loads((project / ".chalice" / "policy-dev-load.json").read_text())
        assert "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/orders-etl-dev-load:*" in str(policy)
        assert run(project, capsys, "policies")[1].count(": unchanged") == 3


def test_policies_can_be_written_without_asking_aws(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    code, _, _ = run(project, capsys, "policies", "--account", "111122223333", "--region", "us-gov-west-1")
    assert code == 0
    policy = (project / ".chalice" / "policy-dev-api_handler.json").read_text()
    assert "arn:aws-us-gov:athena:us-gov-west-1:111122223333:workgroup/etl_pipeline" in policy


def test_policies_without_an_account_tell_how_to_give_one(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    code, _, err = run(project, capsys, "policies")
    assert code == 1
    assert "the account is unknown" in err
    assert "or give --account" in err


def test_policies_of_the_local_stage_are_the_same_whoever_is_logged_in(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert run(project, capsys, "policies", stage="local")[0] == 0
    assert "us-east-1:123456789012" in (project / ".chalice" / "policy-local-load.json").read_text()


def test_an_apply_that_is_denied_names_the_resource_the_call_and_the_permission(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with mock_aws():
        denial = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "PutBucketEncryption")
        monkeypatch.setattr(Bucket, "make", lambda *_: (_ for _ in ()).throw(denial))
        code, _, err = run(project, capsys, "apply")
    assert code == 1
    assert f"bucket {BUCKET}: PutBucketEncryption was denied: allow s3:PutEncryptionConfiguration to the caller" in err


def answered(code: str, message: str = "", call: str = "PutThing") -> Any:
    return explained(ClientError({"Error": {"Code": code, "Message": message}}, call))


def test_each_answer_of_aws_is_explained_with_a_remedy() -> None:
    denied = "User: arn:x is not authorized to perform: glue:CreateTable on resource: y"
    assert "allow glue:CreateTable to the caller" in answered("AccessDeniedException", denied, "CreateTable")
    assert "renew them" in answered("ExpiredToken")
    assert "run this again, it goes on where it stopped" in answered("ThrottlingException")
    assert "choose another ETL_BUCKET" in answered("BucketAlreadyExists", call="CreateBucket")
    assert "when it has finished" in answered("CrawlerRunningException")
    assert answered("Strange", "because", "PutThing") == "PutThing: Strange: because"
    assert "AWS_PROFILE" in explained(ProfileNotFound(profile="p"))
    assert "AWS_ENDPOINT_URL" in explained(EndpointConnectionError(endpoint_url="http://127.0.0.1:1"))
    assert "aws sso login" in explained(NoCredentialsError())
    assert "AWS_DEFAULT_REGION" in explained(NoRegionError())


def bucket_in(region: str) -> Any:
    target = target_with(Stage("test", "orders-etl", Settings(bucket=BUCKET)), region=region)
    return Bucket(target, connect(boto3.Session(region_name=region), "test"))


def bucket_and_stub(region: str = "eu-west-1") -> Any:
    bucket = bucket_in(region)
    return bucket, Stubber(bucket.clients.s3)


def test_a_bucket_of_somebody_else_is_refused() -> None:
    bucket, stub = bucket_and_stub()
    stub.add_client_error("head_bucket", "403", "Forbidden", 403)
    with stub, pytest.raises(Refused, match="choose another ETL_BUCKET, if it is yours allow s3:ListBucket"):
        bucket.plan()


def test_a_bucket_in_another_region_is_refused_with_the_region() -> None:
    bucket, stub = bucket_and_stub()
    stub.add_response("head_bucket", {"BucketRegion": "us-east-2"})
    with stub, pytest.raises(Refused, match="it is in us-east-2, the stage in eu-west-1: set AWS_DEFAULT_REGION="):
        bucket.plan()


@pytest.mark.parametrize(("region", "constraint"), [("us-east-1", None), ("eu-west-1", "eu-west-1")])
def test_only_outside_of_us_east_1_is_s3_told_the_region(region: str, constraint: Any) -> None:
    with mock_aws():
        bucket = bucket_in(region)
        s3 = bucket.clients.s3
        bodies = []
        s3.meta.events.register("before-call.s3.CreateBucket", lambda params, **_: bodies.append(str(params["body"])))
        bucket.apply()
        assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == constraint
        assert [("LocationConstraint" in body) for body in bodies] == [constraint is not None]


def test_another_accounts_bucket_name_is_told_when_it_is_taken() -> None:
    bucket, stub = bucket_and_stub("us-east-1")
    stub.add_client_error("head_bucket", "404", "Not Found", 404)
    stub.add_client_error("create_bucket", "BucketAlreadyExists", "taken", 409)
    with stub, pytest.raises(ClientError) as raised:
        bucket.apply()
    assert "the name belongs to another account: choose another ETL_BUCKET" in explained(raised.value)


def test_an_object_that_cannot_be_deleted_ends_destroy_with_its_key() -> None:
    bucket, stub = bucket_and_stub()
    stub.add_response("head_bucket", {"BucketRegion": "eu-west-1"})
    tag = {"Key": TAG, "Value": f"orders-etl/test/{BUCKET}"}
    stub.add_response("get_bucket_tagging", {"TagSet": [tag]})
    stub.add_response("list_multipart_uploads", {})
    stub.add_response("list_object_versions", {"Versions": [{"Key": "orders_json_incoming/a", "VersionId": "1"}]})
    error = {"Key": "orders_json_incoming/a", "Code": "AccessDenied", "Message": "locked"}
    stub.add_response("delete_objects", {"Errors": [error]})
    with (
        stub,
        pytest.raises(SetupError, match=r"'orders_json_incoming/a' in bucket .* cannot be deleted: AccessDenied"),
    ):
        bucket.remove(delete_data=True)


def test_the_endpoint_tells_whether_tls_is_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert connect(boto3.Session(), "dev").tls
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert not connect(boto3.Session(), "local").tls


def test_the_partition_follows_the_region() -> None:
    stage = Stage("dev", "orders-etl", Settings(bucket=BUCKET))
    assert target_of(boto3.Session(), stage, "123456789012", "cn-north-1").partition == "aws-cn"
