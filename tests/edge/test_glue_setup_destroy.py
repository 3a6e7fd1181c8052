"""What destroy removes of a stage, and what it leaves."""

from __future__ import annotations

from tests.edge.glue_setup_world import BUCKET, World

LOG_GROUPS = [
    "/aws/lambda/orders-etl-test-load",
    "/aws/lambda/orders-etl-test-sweep",
    "/aws/lambda/orders-etl-test",
]


def test_destroy_keeps_the_bucket_and_every_object_in_it(stage: World) -> None:
    stage.tls = False  # moto denies whatever a statement denies, conditions or not
    stage.apply()
    for prefix in ("orders_json_incoming", "orders_parquet_datalake", "athena_results"):
        stage.drop(f"{prefix}/a")
    lines = stage.destroy()
    kept = "kept, its lines expire after 30 days (destroy --delete-data removes it)"
    assert lines == [
        "dashboard orders-etl-test: removed",
        "alarm orders-etl-test-refresh-not-started: absent",
        "alarm orders-etl-test-crawler-failing: absent",
        *(f"alarm {name}: removed" for name in reversed(stage.alarms)),
        "budget orders-etl-test: absent",
        "rule orders-etl-test-sources: absent",
        "rule orders-etl-test-refresh-after-loads: absent",
        "role orders-etl-test-refresh-after-loads-rule: absent",
        "state machine orders-etl-test-refresh-after-loads: absent",
        "role orders-etl-test-refresh-after-loads: absent",
        "schedule orders-etl-test-refresh: absent",
        "role orders-etl-test-refresh-schedule: absent",
        "state machine orders-etl-test-refresh: absent",
        "role orders-etl-test-refresh: absent",
        "state machine orders-etl-test-backfill: removed",
        "role orders-etl-test-backfill: removed",
        *(f"log group {name}: {kept}" for name in reversed(LOG_GROUPS)),
        "view etl_pipeline.orders: removed",
        "view etl_pipeline.order_lines: removed",
        "workgroup etl_pipeline: removed",
        "table etl_pipeline.orders_rejected: removed (the files stay)",
        "table etl_pipeline.orders_parquet_datalake: removed (the files stay)",
        f"crawler {BUCKET}-crawler: absent",
        "role orders-etl-test-crawler: absent",
        "database etl_pipeline: removed",
        "queue orders-etl-test-load-failed: removed",
        f"bucket {BUCKET}: kept, with all data (destroy --delete-data removes both)",
    ]
    assert len(stage.s3.list_objects_v2(Bucket=BUCKET)["Contents"]) == 3
    assert stage.apply()[0] == f"bucket {BUCKET}: unchanged"


def test_destroy_with_delete_data_leaves_nothing(stage: World) -> None:
    stage.tls = False  # moto denies whatever a statement denies, conditions or not
    stage.apply()
    for number in range(1203):
        stage.drop(f"orders_json_incoming/{number}")
    for _ in range(3):
        stage.drop("orders_parquet_datalake/order_month=2024-07/a.parquet")
    stage.s3.delete_object(Bucket=BUCKET, Key="orders_parquet_datalake/order_month=2024-07/a.parquet")
    stage.s3.create_multipart_upload(Bucket=BUCKET, Key="orders_parquet_datalake/half")
    lines = stage.destroy(delete_data=True)
    assert lines[-1] == f"bucket {BUCKET}: removed, with 1207 object versions"
    assert stage.s3.list_buckets()["Buckets"] == []
    assert stage.glue.get_databases()["DatabaseList"] == []
    assert [group["Name"] for group in stage.athena.list_work_groups()["WorkGroups"]] == ["primary"]
    again = stage.destroy(delete_data=True)
    assert all(line.endswith(": absent") for line in again)


def test_destroy_with_delete_data_spares_what_the_pipeline_did_not_put_there(stage: World) -> None:
    stage.tls = False  # moto denies whatever a statement denies, conditions or not
    stage.apply()
    stage.drop("orders_json_incoming/a")
    stage.drop("holiday/photo.jpg")
    stage.drop("readme")
    line = stage.destroy(delete_data=True)[-1]
    assert line.startswith(f"bucket {BUCKET}: kept: our 1 object versions are deleted, but it also holds ")
    assert "holiday/" in line
    assert "readme" in line
    assert {each["Key"] for each in stage.s3.list_objects_v2(Bucket=BUCKET)["Contents"]} == {
        "holiday/photo.jpg",
        "readme",
    }


def test_destroy_keeps_a_database_that_it_did_not_make_or_that_holds_other_tables(stage: World) -> None:
    stage.glue.create_database(DatabaseInput={"Name": "etl_pipeline"})
    assert "database etl_pipeline: changed (belongs to stage)" in stage.apply()
    assert "database etl_pipeline: kept: this stage did not make it" in stage.destroy()
    stage.glue.delete_database(Name="etl_pipeline")
    stage.apply()
    stage.glue.create_table(DatabaseName="etl_pipeline", TableInput={"Name": "theirs"})
    assert "database etl_pipeline: kept: it also holds theirs" in stage.destroy()
