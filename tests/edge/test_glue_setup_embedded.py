"""The foundations on the embedded AWS: what moto cannot show, and that each policy's every statement is needed."""

from __future__ import annotations

import io
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.athena import Athena
from chalicelib.aws.events import EventBus
from chalicelib.errors import AwsError, QueryFailed
from chalicelib.flatten.schema import file_schema
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup import foundations, policies
from glue_setup.clients import Clients
from glue_setup.statements import policy_of
from glue_setup.target import Target
from local.emulator import Emulator, running
from local.pipeline import wait_for
from tests.contracts import ORDERS, datasets_of

pytestmark = pytest.mark.aws

BUCKET = "orders-etl-embedded"
SETTINGS = Settings(bucket=BUCKET, catalog_mode="crawler", crawler="orders-crawler")
STAGE = Stage("embedded", "orders-etl", SETTINGS)


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    with running() as emulator:
        yield emulator


class Embedded:
    """One stage on the embedded AWS."""

    def __init__(self, aws: Emulator) -> None:
        self.aws = aws
        services = (
            *("s3", "glue", "iam", "athena", "sqs", "cloudwatch", "lambda", "logs"),
            *("stepfunctions", "events", "sns", "budgets"),
        )
        self.clients = replace(Clients(*map(aws.client, services)), tls=False)
        self.account = aws.client("sts").get_caller_identity()["Account"]

    def target(self, settings: Any = SETTINGS) -> Any:
        stage = Stage("embedded", "orders-etl", settings)
        return Target(stage, datasets_of(settings), self.account, self.aws.region)

    def resources(self, settings: Any) -> Any:
        return foundations.foundations(self.target(settings), self.clients)

    def switched_off(self, settings: Any) -> Any:
        return foundations.switched_off(self.target(settings), self.clients)

    def apply(self, settings: Any = SETTINGS) -> Any:
        lines: list[str] = []
        foundations.apply(self.resources(settings), lines.append, self.switched_off(settings))
        return lines

    def plan(self, settings: Any = SETTINGS) -> Any:
        lines: list[str] = []
        foundations.plan(self.resources(settings), lines.append, self.switched_off(settings))
        return lines

    def destroy(self, settings: Any = SETTINGS) -> Any:
        lines: list[str] = []
        foundations.destroy(self.target(settings), self.clients, lines.append, delete_data=True)
        return lines


@pytest.fixture
def stage(aws: Emulator) -> Iterator[Any]:
    made = Embedded(aws)
    made.apply()
    yield made
    made.destroy()


def test_apply_again_changes_nothing_and_destroy_leaves_nothing(stage: Embedded) -> None:
    assert stage.apply()[-1] == "All but what waits was in place: unchanged."
    assert stage.apply(Settings(bucket=BUCKET))[-1] == "Everything is in place."
    assert stage.apply(Settings(bucket=BUCKET))[-1] == "Everything was in place: unchanged."
    stage.clients.s3.put_object(Bucket=BUCKET, Key="orders_json_incoming/a", Body=b"x")
    stage.clients.s3.put_object(Bucket=BUCKET, Key="orders_json_incoming/a", Body=b"y")
    stage.clients.s3.delete_object(Bucket=BUCKET, Key="orders_json_incoming/a")
    stage.clients.s3.create_multipart_upload(Bucket=BUCKET, Key="orders_parquet_datalake/half")
    # Beside the three dropped here, Athena's answers to the views' statements.
    assert stage.destroy()[-1].startswith(f"bucket {BUCKET}: removed, with ")
    assert all(line.endswith(": absent") for line in stage.destroy())


def test_a_workgroup_and_a_crawler_that_somebody_changed_are_set_back(stage: Embedded) -> None:
    stage.clients.athena.update_work_group(
        WorkGroup="etl_pipeline",
        ConfigurationUpdates={
            "EnforceWorkGroupConfiguration": False,
            "BytesScannedCutoffPerQuery": 10**13,
            "ResultConfigurationUpdates": {"OutputLocation": f"s3://{BUCKET}/elsewhere/"},
        },
    )
    stage.clients.glue.update_crawler(
        Name="orders-crawler",
        SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": "DELETE_FROM_DATABASE"},
    )
    lines = stage.plan()
    assert "  ~ scanned bytes at most: 10000000000000 -> 10000000000" in lines
    assert "  ~ enforced: False -> True" in lines
    assert any(line.startswith("  ~ schema changes: ") for line in lines)
    stage.apply()
    assert stage.apply()[-1] == "All but what waits was in place: unchanged."


def test_the_stages_events_reach_who_subscribed_to_its_topic_and_no_other_stages_do(stage: Embedded) -> None:
    settings = Settings(bucket=BUCKET, events_topic="told")
    stage.apply(settings)
    assert stage.apply(settings)[-1] == "Everything was in place: unchanged."
    sqs, topic = stage.clients.sqs, stage.target(settings).events_topic
    url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
    policy = policy_of(allowed | {"Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    stage.clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    bus = EventBus(lambda: stage.clients.events, "default")
    bus.send([("Source Loaded", {"bucket": bucket, "id": bucket}) for bucket in ("another-stages", BUCKET)])

    def received() -> list[dict[str, Any]]:
        messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(json.loads(each["Body"])["Message"]) for each in messages]

    events = wait_for(received)
    assert [(each["detail-type"], each["detail"]["id"]) for each in events] == [("Source Loaded", BUCKET)]
    assert received() == []
    lines = stage.destroy(settings)
    assert {"topic told: removed", "rule orders-etl-embedded-sources: removed"} <= set(lines)
    sqs.delete_queue(QueueUrl=url)


def test_notifications_survive_apply(stage: Embedded) -> None:
    stage.clients.s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    stage.clients.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    stage.apply()
    assert "EventBridgeConfiguration" in stage.clients.s3.get_bucket_notification_configuration(Bucket=BUCKET)


def upload(client: Any, key: str) -> Any:
    upload_id = client("s3").create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    client("s3").upload_part(Bucket=BUCKET, Key=key, UploadId=upload_id, PartNumber=1, Body=b"x")
    client("s3").abort_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload_id)


def parquet() -> Any:
    """Make a file of the table with one order without lines, in the contract's schema."""
    schema = file_schema(ORDERS.main)
    row = {"order_id": "1", "order_date": datetime(2024, 7, 5), "source_key": "k", "source_version": "v"}
    row |= {"source_modified_at": datetime(2024, 7, 6), "record_number": 1, "total_amount": Decimal("1.5000")}
    made = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row], schema=schema), made)
    return made.getvalue()


def crawled(glue: Any, seconds: Any = 60) -> Any:
    """Run the crawler and wait until it is ready again."""
    glue.start_crawler(Name="orders-crawler")
    deadline = time.monotonic() + seconds
    while (crawler := glue.get_crawler(Name="orders-crawler")["Crawler"])["State"] != "READY":
        assert time.monotonic() < deadline, "the crawler is still running"
        time.sleep(0.2)
    return crawler["LastCrawl"]["Status"]


def test_in_crawler_mode_the_first_crawl_makes_a_table_that_apply_accepts_and_puts_the_views_on(
    stage: Embedded,
) -> None:
    key = "orders_parquet_datalake/order_month=2024-07/a.parquet"
    stage.clients.s3.put_object(Bucket=BUCKET, Key=key, Body=parquet())
    assert crawled(stage.clients.glue) == "SUCCEEDED"
    lines = stage.apply()
    assert "table etl_pipeline.orders_parquet_datalake: unchanged" in lines
    assert "view etl_pipeline.orders: created" in lines
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    athena = Athena(stage.clients.athena, SETTINGS, {})
    asked = athena.wait(athena.start("SELECT order_id, line_count FROM etl_pipeline.orders"), 60)
    assert list(athena.rows(asked)) == [("1", 0)]


@pytest.mark.parametrize(("one", "other"), list(itertools.permutations(("partitions", "projection", "crawler"), 2)))
def test_after_a_move_from_any_catalog_mode_to_any_other_queries_see_every_month_and_new_ones_as_the_mode_has_it(
    stage: Embedded, one: str, other: str
) -> None:
    def move(mode: str) -> Settings:
        settings = replace(SETTINGS, catalog_mode=mode)
        stage.apply(settings)
        if mode == "crawler":
            assert crawled(stage.clients.glue) == "SUCCEEDED"
            stage.apply(settings)
        assert stage.apply(settings)[-1] == "Everything was in place: unchanged."
        return settings

    def drop(month: str) -> None:
        key = f"orders_parquet_datalake/order_month={month}/a.parquet"
        stage.clients.s3.put_object(Bucket=BUCKET, Key=key, Body=parquet())

    def seen(settings: Settings) -> list[Any]:
        athena = Athena(stage.clients.athena, settings, {})
        sql = "SELECT order_month FROM etl_pipeline.orders_parquet_datalake ORDER BY 1"
        return [row[0] for row in athena.rows(athena.wait(athena.start(sql), 60))]

    drop("2024-05")
    assert seen(move(one)) == ["2024-05"]
    drop("2024-06")
    settings = move(other)
    assert seen(settings) == ["2024-05", "2024-06"]
    drop("2024-07")
    # Only projection knows a month that nobody has registered.
    assert seen(settings) == ["2024-05", "2024-06", *(["2024-07"] if other == "projection" else [])]


def test_a_month_whose_columns_are_of_other_types_fails_queries_until_apply_has_put_it_right(stage: Embedded) -> None:
    settings = Settings(bucket=BUCKET)
    key = "orders_parquet_datalake/order_month=2024-05/a.parquet"
    stage.clients.s3.put_object(Bucket=BUCKET, Key=key, Body=parquet())
    stage.apply(settings)
    glue: Any = stage.clients.glue
    names = {"DatabaseName": "etl_pipeline", "TableName": "orders_parquet_datalake"}
    (month,) = glue.get_partitions(**names)["Partitions"]
    storage = month["StorageDescriptor"]
    first, *others = storage["Columns"]
    wrong = {"Values": ["2024-05"], "StorageDescriptor": storage | {"Columns": [first | {"Type": "int"}, *others]}}
    glue.batch_update_partition(**names, Entries=[{"PartitionValueList": ["2024-05"], "PartitionInput": wrong}])
    athena = Athena(stage.clients.athena, settings, {})
    sql = "SELECT order_id FROM etl_pipeline.orders_parquet_datalake"
    with pytest.raises(QueryFailed, match="HIVE_PARTITION_SCHEMA_MISMATCH"):
        athena.wait(athena.start(sql), 60)
    stage.apply(settings)
    assert list(athena.rows(athena.wait(athena.start(sql), 60))) == [("1",)]


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
