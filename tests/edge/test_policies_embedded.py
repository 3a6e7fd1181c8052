"""That each policy's every statement is needed, and that nothing else is allowed, on the embedded AWS."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.athena import Athena
from chalicelib.errors import AwsError, QueryFailed
from chalicelib.settings import Settings
from glue_setup import policies
from local.emulator import Emulator, running
from tests.edge.embedded_world import BUCKET, SETTINGS, STAGE, Embedded, crawled, parquet, upload

pytestmark = pytest.mark.aws


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    with running() as emulator:
        yield emulator


def put(key: str) -> Any:
    return lambda client: client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"x")


def get(key: str) -> Any:
    return lambda client: client("s3").get_object(Bucket=BUCKET, Key=key)


def listed(prefix: str) -> Any:
    return lambda client: client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)


def old_version(client: Any) -> Any:
    head = client("s3").head_object(Bucket=BUCKET, Key="orders_json_incoming/there")
    client("s3").get_object(Bucket=BUCKET, Key="orders_json_incoming/there", VersionId=head["VersionId"])


def drop_superseded(client: Any) -> Any:
    put("orders_parquet_datalake/gone")(client)
    client("s3").delete_object(Bucket=BUCKET, Key="orders_parquet_datalake/gone")


def deleted(key: str) -> Any:
    return lambda client: client("s3").delete_object(Bucket=BUCKET, Key=key)


def told(source: str = "orders-etl", bus: str = "default") -> Any:
    entry = {"Source": source, "DetailType": "Source Loaded", "Detail": "{}", "EventBusName": bus}
    return lambda client: client("events").put_events(Entries=[entry])


def send(client: Any, queue: str) -> Any:
    url = f"{client('sqs').meta.endpoint_url}/123456789012/{queue}"
    client("sqs").send_message(QueueUrl=url, MessageBody="an event")


NEEDED = [
    ("load", "ReadIncoming", get("orders_json_incoming/there")),
    ("load", "ReadIncoming", old_version),
    ("load", "WriteTable", lambda client: upload(client, "orders_parquet_datalake/new")),
    ("load", "WriteTable", drop_superseded),
    ("load", "WriteQuarantine", put("orders_quarantine/new")),
    ("load", "WriteQuarantine", lambda client: upload(client, "orders_quarantine/new")),
    ("load", "WriteQuarantine", deleted("orders_quarantine/gone")),
    ("load", "WriteQuarantine", get("orders_quarantine/there")),
    ("load", "KeepReceipts", put("orders_receipts/there")),
    ("load", "KeepReceipts", get("orders_receipts/there")),
    ("load", "SendEvents", told()),
    ("load", "FindMissing", listed("orders_receipts/there")),
    ("sweep", "KeepReceipts", put("orders_receipts/there")),
    ("sweep", "KeepReceipts", get("orders_receipts/there")),
    ("sweep", "SendEvents", told()),
    ("sweep", "LookThrough", listed("orders_receipts/there")),
    ("sweep", "LookThrough", listed("orders_quarantine/rejected/")),
    ("sweep", "RemoveFiles", get("orders_quarantine/rejected/there")),
    ("sweep", "RemoveFiles", deleted("orders_quarantine/rejected/gone")),
    ("load", "KeepLedger", put("orders_ledger/there")),
    ("load", "KeepLedger", get("orders_ledger/there")),
    ("load", "FindMissing", listed("orders_ledger/there")),
    ("load", "KeepFailedEvents", lambda client: send(client, STAGE.failed_queue)),
    ("load", "StartCrawler", lambda client: client("glue").start_crawler(Name="orders-crawler")),
    (
        "api_handler",
        "AskAthena",
        lambda client: client("athena").start_query_execution(QueryString="SELECT 1", WorkGroup="etl_pipeline"),
    ),
    (
        "api_handler",
        "ReadCatalog",
        lambda client: client("glue").get_table(DatabaseName="etl_pipeline", Name="orders_parquet_datalake"),
    ),
    ("api_handler", "ReadTable", get("orders_parquet_datalake/there")),
    ("api_handler", "KeepResults", put("athena_results/there")),
    ("api_handler", "KeepResults", get("athena_results/there")),
    ("api_handler", "LocateResults", lambda client: client("s3").get_bucket_location(Bucket=BUCKET)),
    ("api_handler", "LocateResults", lambda client: client("s3").list_multipart_uploads(Bucket=BUCKET)),
    ("api_handler", "TakeUploads", put("orders_json_incoming/uploaded")),
    ("api_handler", "TakeUploads", get("orders_json_incoming/there")),
    ("api_handler", "ReadLedger", get("orders_ledger/there")),
    ("api_handler", "ReadQuarantine", get("orders_quarantine/there")),
    ("api_handler", "FindMissing", listed("orders_parquet_datalake/")),
]


class Roles:
    """Clients of a role that has one policy and nothing else."""

    def __init__(self, stage: Embedded) -> None:
        self.stage = stage
        self.count = 0

    def client(self, policy: Any) -> Any:
        self.count += 1
        name = f"role-{time.monotonic_ns()}"
        iam = self.stage.clients.iam
        account = f"arn:aws:iam::{self.stage.account}:root"
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}]}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"} | trust))[
            "Role"
        ]["Arn"]
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        got = self.stage.aws.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
        credentials = dict(zip(names, (got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]), strict=True))
        return lambda service: self.stage.aws.client(service, credentials)


@pytest.fixture(scope="module")
def roles(aws: Emulator) -> Iterator[Any]:
    stage = Embedded(aws)
    stage.apply()
    stage.apply(Settings(bucket=BUCKET, crawler="orders-crawler"))
    for prefix in ("orders_json_incoming", "orders_parquet_datalake", "orders_ledger", "orders_quarantine"):
        stage.clients.s3.put_object(Bucket=BUCKET, Key=f"{prefix}/there", Body=b"x")
    for key in ("athena_results/there", "orders_receipts/there", "orders_quarantine/rejected/there"):
        stage.clients.s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    yield Roles(stage)
    stage.destroy()


def denied(call: Any, client: Any) -> Any:
    with pytest.raises(ClientError) as raised:
        call(client)
    return raised.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException", "403"}


@pytest.mark.parametrize(
    ("function", "sid", "call"), NEEDED, ids=[f"{f}-{s}-{i}" for i, (f, s, _) in enumerate(NEEDED)]
)
def test_each_statement_allows_its_call_and_without_it_the_call_is_denied(
    roles: Roles, function: str, sid: str, call: Any
) -> None:
    policy = policies.FUNCTIONS[function](roles.stage.target())
    call(roles.client(policy))
    without = policy | {"Statement": [s for s in policy["Statement"] if s["Sid"] != sid]}
    assert len(without["Statement"]) == len(policy["Statement"]) - 1
    assert denied(call, roles.client(without))


FORBIDDEN = [
    ("load", put("orders_json_incoming/there")),
    ("load", get("orders_parquet_datalake/there")),
    ("load", lambda client: client("s3").delete_object(Bucket=BUCKET, Key="orders_json_incoming/there")),
    ("load", lambda client: client("s3").delete_object(Bucket=BUCKET, Key="orders_ledger/there")),
    ("load", lambda client: client("s3").delete_bucket(Bucket=BUCKET)),
    ("load", lambda client: client("glue").delete_crawler(Name="orders-crawler")),
    ("load", lambda client: client("glue").start_crawler(Name="another-crawler")),
    ("load", lambda client: client("athena").start_query_execution(QueryString="SELECT 1")),
    ("load", lambda client: client("s3").list_buckets()),
    ("load", lambda client: send(client, "another-queue")),
    ("load", told("aws.s3")),
    ("load", told("another-source")),
    ("load", told(bus="another-bus")),
    ("load", deleted("orders_receipts/there")),
    ("sweep", told("another-source")),
    ("sweep", put("orders_quarantine/rejected/there")),
    ("sweep", deleted("orders_receipts/there")),
    ("api_handler", told()),
    ("api_handler", put("orders_receipts/there")),
    ("api_handler", put("orders_quarantine/rejected/there")),
    ("api_handler", put("orders_parquet_datalake/there")),
    ("api_handler", put("orders_ledger/there")),
    ("api_handler", lambda client: client("s3").delete_object(Bucket=BUCKET, Key="athena_results/there")),
    (
        "api_handler",
        lambda client: client("athena").start_query_execution(QueryString="SELECT 1", WorkGroup="primary"),
    ),
    (
        "api_handler",
        lambda client: client("glue").delete_table(DatabaseName="etl_pipeline", Name="orders_parquet_datalake"),
    ),
    ("api_handler", lambda client: client("iam").list_roles()),
]


@pytest.mark.parametrize(("function", "call"), FORBIDDEN, ids=lambda value: value if isinstance(value, str) else "")
def test_what_a_function_has_no_need_of_is_denied(roles: Roles, function: str, call: Any) -> None:
    policy = policies.FUNCTIONS[function](roles.stage.target())
    assert denied(call, roles.client(policy))


ATHENAS_OWN = ["ReadCatalog", "ReadTable", "KeepResults", "FindMissing"]
"""Statements that the function never uses itself: Athena does, on its behalf."""


def ask(client: Any) -> Any:
    athena = Athena(client("athena"), SETTINGS, {})
    asked = athena.wait(athena.start("SELECT order_id FROM etl_pipeline.orders_parquet_datalake"), 60)
    assert list(athena.rows(asked)) == [("1",)]


def test_the_rest_side_can_ask_the_table_through_athena_and_not_without_what_athena_needs(roles: Roles) -> None:
    stage = roles.stage
    stage.clients.s3.delete_object(Bucket=BUCKET, Key="orders_parquet_datalake/there")
    key = "orders_parquet_datalake/order_month=2024-07/a.parquet"
    stage.clients.s3.put_object(Bucket=BUCKET, Key=key, Body=parquet())
    assert crawled(stage.clients.glue) == "SUCCEEDED"
    policy = policies.api_handler(stage.target())
    ask(roles.client(policy))
    needless = []
    for sid in ATHENAS_OWN:
        without = policy | {"Statement": [s for s in policy["Statement"] if s["Sid"] != sid]}
        try:
            ask(roles.client(without))
        except (QueryFailed, AwsError):
            continue
        needless.append(sid)
    assert needless == []
