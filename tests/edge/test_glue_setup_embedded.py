"""The foundations on the embedded AWS: what moto cannot show, and that each policy's every statement is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.aws.athena import Athena
from chalicelib.aws.events import EventBus
from chalicelib.errors import QueryFailed
from chalicelib.settings import Settings
from glue_setup.statements import policy_of
from local.emulator import Emulator, running
from local.pipeline import wait_for
from tests.edge.catalog_moves import MOVES
from tests.edge.embedded_world import BUCKET, SETTINGS, Embedded, crawled, parquet

pytestmark = pytest.mark.aws


@pytest.fixture(scope="module")
def aws() -> Iterator[Any]:
    with running() as emulator:
        yield emulator


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


@pytest.mark.parametrize(("one", "other"), MOVES)
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
