"""plan, apply and destroy of a stage in projection mode."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from botocore.model import OperationModel
from botocore.stub import Stubber

from glue_setup.bucket import bucket_statement
from glue_setup.errors import SetupError
from glue_setup.resource import TAG, Change
from glue_setup.workgroup import BYTES_SCANNED_CUTOFF, Workgroup, configuration
from tests.contracts import ORDERS, returns_contract, with_main
from tests.edge.glue_setup_world import ACCOUNT, BUCKET, READS, World, world

LOG_GROUPS = [
    "/aws/lambda/orders-etl-test-load",
    "/aws/lambda/orders-etl-test-sweep",
    "/aws/lambda/orders-etl-test",
]


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def stage() -> Iterator[World]:
    with world() as made:
        yield made


def test_plan_on_nothing_tells_every_resource_and_touches_nothing(stage: World) -> None:
    lines = stage.plan()
    assert [line for line in lines if not line.startswith("  ")] == [
        f"bucket {BUCKET}: create",
        "queue orders-etl-test-load-failed: create",
        "database etl_pipeline: create",
        "table etl_pipeline.orders_parquet_datalake: create",
        "table etl_pipeline.orders_rejected: create",
        "workgroup etl_pipeline: create",
        "view etl_pipeline.order_lines: create",
        "view etl_pipeline.orders: create",
        *(f"log group {name}: create" for name in LOG_GROUPS),
        "role orders-etl-test-backfill: create",
        "state machine orders-etl-test-backfill: create",
        *(f"alarm {name}: create" for name in stage.alarms),
        "dashboard orders-etl-test: create",
        f"{len(stage.resources)} create. Nothing was touched.",
    ]
    assert "  + versioning: Enabled" in lines
    assert stage.calls
    assert stage.writes == []


def test_apply_makes_everything_and_a_second_apply_changes_nothing(stage: World) -> None:
    first = stage.apply()
    assert all(line.endswith(": created") for line in first[:-1])
    second = stage.apply()
    assert all(line.endswith(": unchanged") for line in second[:-1])
    assert second[-1] == "Everything was in place: unchanged."
    assert stage.writes == []


def test_plan_after_apply_has_nothing_to_do_and_touches_nothing(stage: World) -> None:
    stage.apply()
    lines = stage.plan()
    assert lines[-1] == f"{len(stage.resources)} unchanged. Nothing was touched."
    assert not [line for line in lines if line.startswith("  ")]
    assert stage.writes == []


def test_the_bucket_is_private_encrypted_versioned_and_takes_tls_only(stage: World) -> None:
    stage.apply()
    block = stage.s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"]
    assert list(block.values()) == [True] * 4
    assert stage.s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    policy = json.loads(stage.s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert policy["Statement"] == [bucket_statement(stage.target)]
    owned = stage.s3.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert owned == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert stage.s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == "eu-west-1"


def test_only_results_old_versions_and_open_uploads_expire(stage: World) -> None:
    stage.apply()
    rules = stage.s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    assert {rule["ID"] for rule in rules} == {
        "orders-etl-results",
        "orders-etl-old-versions",
        "orders-etl-sweep-index",
        "orders-etl-open-uploads",
    }
    expiring = [rule["Filter"]["Prefix"] for rule in rules if "Days" in rule.get("Expiration", {})]
    assert expiring == ["athena_results/"]


def test_the_workgroup_is_enforced_limited_and_writes_into_the_bucket(stage: World) -> None:
    stage.apply()
    made = stage.athena.get_work_group(WorkGroup="etl_pipeline")["WorkGroup"]["Configuration"]
    assert made["EnforceWorkGroupConfiguration"] is True
    assert made["BytesScannedCutoffPerQuery"] == BYTES_SCANNED_CUTOFF
    assert made["ResultConfiguration"]["OutputLocation"] == f"s3://{BUCKET}/athena_results/"
    assert made["ResultConfiguration"]["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert made["ResultConfiguration"]["ExpectedBucketOwner"] == ACCOUNT


def test_each_contract_has_a_table_and_views_in_one_bucket_which_goes_with_all_their_files(
    stage: World, tmp_path: Path
) -> None:
    stage.tls = False  # moto denies whatever a statement denies, conditions or not
    stage.contracts = (ORDERS, returns_contract())
    stage.apply()
    tables = {table["Name"]: table for table in stage.glue.get_tables(DatabaseName="etl_pipeline")["TableList"]}
    of_orders, of_returns = (
        {"orders_parquet_datalake", "order_lines", "orders"},
        {"returns", "return_lines", "returned"},
    )
    assert set(tables) == {*of_orders, *of_returns, "orders_rejected"}
    assert tables["returns"]["StorageDescriptor"]["Location"] == f"s3://{BUCKET}/returns/"
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    stage.drop("returns/order_month=2024-07/a.parquet")
    assert stage.destroy(delete_data=True)[-1] == f"bucket {BUCKET}: removed, with 1 object versions"


def test_what_somebody_changed_is_shown_and_set_back(stage: World) -> None:
    stage.apply()
    stage.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    stage.s3.delete_public_access_block(Bucket=BUCKET)
    lines = stage.plan()
    assert "  ~ versioning: Suspended -> Enabled" in lines
    assert "  ~ public access: absent -> blocked" in lines
    assert stage.writes == []
    assert f"bucket {BUCKET}: changed (public access, versioning)" in stage.apply()
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_statements_rules_and_notifications_of_others_survive(stage: World) -> None:
    stage.apply()
    theirs = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    policy = {"Version": "2012-10-17", "Id": "theirs", "Statement": [theirs]}
    stage.s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    rule = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 3}}
    stage.s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]})
    queue = stage.session.client("sqs").create_queue(QueueName="theirs")["QueueUrl"].rsplit("/", 1)[1]
    to_queue = {"QueueArn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:{queue}", "Events": ["s3:ObjectCreated:*"]}
    notified = {"QueueConfigurations": [to_queue]}
    stage.s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=notified)

    stage.apply()

    merged = json.loads(stage.s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert merged["Id"] == "theirs"
    assert [s["Sid"] for s in merged["Statement"]] == ["Theirs", "OrdersEtlTlsOnly"]
    ids = [rule["ID"] for rule in stage.s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]]
    assert ids == [
        "theirs",
        "orders-etl-results",
        "orders-etl-old-versions",
        "orders-etl-sweep-index",
        "orders-etl-open-uploads",
    ]
    assert stage.s3.get_bucket_notification_configuration(Bucket=BUCKET)["QueueConfigurations"]
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_a_rule_of_ours_from_an_older_version_is_removed(stage: World) -> None:
    stage.apply()
    rules = stage.s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]
    old = {"ID": "orders-etl-former", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 3}}
    stage.s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [*rules, old]})
    assert any(line.startswith("  ~ lifecycle rule orders-etl-former: ") for line in stage.plan())
    stage.apply()
    assert "former" not in str(stage.s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"])


def test_an_encryption_by_a_key_of_the_account_stays(stage: World) -> None:
    stage.apply()
    stage.s3.put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/k"}}]
        },
    )
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_over_plain_http_the_tls_only_statement_is_left_out(stage: World) -> None:
    stage.tls = False
    stage.apply()
    with pytest.raises(stage.s3.exceptions.ClientError, match="NoSuchBucketPolicy"):
        stage.s3.get_bucket_policy(Bucket=BUCKET)
    assert stage.apply()[-1] == "Everything was in place: unchanged."


@pytest.mark.thorough
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_an_apply_that_stops_at_any_call_is_finished_by_the_next(every: int) -> None:
    with world() as whole:
        whole.apply()
        writes = len(whole.writes)
    assert writes > 20
    for fails_at in range(1, writes + 1, every):
        with world() as stopped:
            stop_at(stopped, fails_at)
            stopped.apply()
            assert stopped.apply()[-1] == "Everything was in place: unchanged.", f"stopped at call {fails_at}"
            assert stopped.plan()[-1] == f"{len(stopped.resources)} unchanged. Nothing was touched."


def stop_at(stage: World, number: int) -> None:
    """Have an apply end with its process before the call of this number that writes."""
    calls = itertools.count(1)

    def stop(model: OperationModel, **_: object) -> None:
        if not READS.match(model.name) and next(calls) == number:
            raise KeyboardInterrupt

    for client in stage.watched:
        client.meta.events.register("before-call", stop, unique_id="stop")
    with pytest.raises(KeyboardInterrupt):
        stage.apply()
    for client in stage.watched:
        client.meta.events.unregister("before-call", unique_id="stop")


def test_a_workgroup_that_somebody_changed_is_shown_and_set_back_in_one_call(stage: World) -> None:
    stage.apply()
    workgroup = Workgroup(stage.target, stage.clients)
    declared = dict(configuration(stage.target))
    changed = declared | {"BytesScannedCutoffPerQuery": 10**13, "EngineVersion": {"SelectedEngineVersion": "AUTO"}}
    expected = {key: value for key, value in declared.items() if key != "ResultConfiguration"}
    expected |= {"ResultConfigurationUpdates": declared["ResultConfiguration"]}
    with Stubber(stage.athena) as stub:  # moto cannot update a workgroup
        stub.add_response("get_work_group", {"WorkGroup": {"Name": "etl_pipeline", "Configuration": changed}})
        tag = {"Key": TAG, "Value": f"orders-etl/test/{BUCKET}"}
        stub.add_response("list_tags_for_resource", {"Tags": [tag]})
        stub.add_response("update_work_group", {}, {"WorkGroup": "etl_pipeline", "ConfigurationUpdates": expected})
        plan = workgroup.apply()
    assert plan.changes == (Change("scanned bytes at most", "10000000000000", "10000000000"),)


def test_the_workgroup_of_the_whole_account_is_refused(stage: World) -> None:
    stage.set(workgroup="primary")
    with pytest.raises(SetupError, match="workgroup primary: everybody in the account works in it"):
        stage.apply()
    assert stage.writes == []
    assert any(
        line.startswith("workgroup primary: kept: everybody in the account works in it") for line in stage.destroy()
    )


def test_a_view_whose_statement_changed_is_made_again_and_no_other(stage: World) -> None:
    stage.apply()
    stage.contracts = (with_main(ORDERS, version="total_amount"),)
    assert "view etl_pipeline.order_lines: change" in stage.plan()
    stage.ddl.ran.clear()
    stage.apply()
    assert ["COALESCE(total_amount" in sql for sql in stage.ddl.ran] == [True]
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_a_view_that_somebody_replaced_is_made_again(stage: World) -> None:
    stage.apply()
    stage.ddl.start_query_execution(QueryString="CREATE OR REPLACE VIEW etl_pipeline.orders AS SELECT 'theirs' AS x")
    assert "view etl_pipeline.orders: change" in stage.plan()
    stage.apply()
    view = stage.table("orders")
    view["ViewOriginalText"] = "/* Presto View: edited in place */"
    kept = {k: view[k] for k in ("Name", "TableType", "ViewOriginalText", "Parameters", "StorageDescriptor")}
    stage.glue.update_table(DatabaseName="etl_pipeline", TableInput=kept)
    assert "view etl_pipeline.orders: change" in stage.plan()


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


def test_each_functions_log_expires_also_where_lambda_made_the_log_group_first(stage: World) -> None:
    stage.logs.create_log_group(logGroupName=LOG_GROUPS[-1])
    stage.logs.create_log_group(logGroupName=f"{LOG_GROUPS[-1]}-of-somebody-else")
    lines = stage.plan()
    assert "  ~ retention: forever -> 30 days" in lines
    stage.apply()
    days = {
        group["logGroupName"]: group.get("retentionInDays") for group in stage.logs.describe_log_groups()["logGroups"]
    }
    assert days == {**dict.fromkeys(LOG_GROUPS, 30), f"{LOG_GROUPS[-1]}-of-somebody-else": None}
    stage.destroy(delete_data=True)
    left = [group["logGroupName"] for group in stage.logs.describe_log_groups()["logGroups"]]
    assert left == [f"{LOG_GROUPS[-1]}-of-somebody-else"]


def test_a_stage_that_wants_a_refresh_gets_it_and_one_that_wants_no_backfill_has_none(stage: World) -> None:
    stage.set(refresh_minutes=30, backfill_concurrency=0)
    assert not [line for line in stage.apply() if "backfill" in line]
    rule = stage.events.describe_rule(Name="orders-etl-test-refresh")
    assert rule["ScheduleExpression"] == "rate(30 minutes)"
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    stage.set(refresh_minutes=45)
    assert "schedule orders-etl-test-refresh: changed (every)" in stage.apply()
    lines = stage.destroy()
    for name in ("schedule", "state machine", "role"):
        assert f"{name} orders-etl-test-refresh: removed" in lines
    assert "role orders-etl-test-refresh-schedule: removed" in lines


def test_loads_start_a_refresh_by_a_rule_on_their_bus_with_or_without_a_schedule(stage: World) -> None:
    stage.events.create_event_bus(Name="shop")
    stage.set(refresh_after_loads=300, event_bus="shop")
    lines = stage.apply()
    assert "state machine orders-etl-test-refresh: created" in lines
    assert not [line for line in lines if line.startswith("schedule")]
    rule = stage.events.describe_rule(Name="orders-etl-test-refresh-after-loads", EventBusName="shop")
    assert json.loads(rule["EventPattern"])["detail-type"] == ["Source Loaded", "Source Partly Loaded"]
    machine = stage.states.describe_state_machine(stateMachineArn=stage.target.machine("refresh-after-loads"))
    assert (machine["type"], json.loads(machine["definition"])["QueryLanguage"]) == ("EXPRESS", "JSONata")
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    stage.set(refresh_after_loads=600)
    assert "state machine orders-etl-test-refresh-after-loads: changed (definition)" in stage.apply()
    stage.set(refresh_minutes=60, refresh_after_loads=0)
    lines = stage.apply()
    assert "rule orders-etl-test-refresh-after-loads: removed: the settings do not want it any more" in lines
    assert "state machine orders-etl-test-refresh: changed (definition)" in lines
    assert stage.events.list_rules(EventBusName="shop")["Rules"] == []
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_what_a_setting_made_is_removed_once_that_is_off_again_and_nothing_of_others_is(stage: World) -> None:
    stage.set(refresh_minutes=30, refresh_after_loads=300, events_topic="told")
    stage.apply()
    theirs = {"Name": "orders-etl-test-refresh-of-others", "ScheduleExpression": "rate(1 day)"}
    stage.events.put_rule(**theirs)
    stage.set(refresh_minutes=0, refresh_after_loads=0, backfill_concurrency=0, events_topic="")
    gone = [
        "rule orders-etl-test-sources",
        "rule orders-etl-test-refresh-after-loads",
        "role orders-etl-test-refresh-after-loads-rule",
        "state machine orders-etl-test-refresh-after-loads",
        "role orders-etl-test-refresh-after-loads",
        "schedule orders-etl-test-refresh",
        "role orders-etl-test-refresh-schedule",
        "state machine orders-etl-test-refresh",
        "role orders-etl-test-refresh",
        "state machine orders-etl-test-backfill",
        "role orders-etl-test-backfill",
    ]
    lines = stage.plan()
    assert [line for line in lines if line.endswith(": remove")] == [f"{name}: remove" for name in gone]
    assert "11 remove" in lines[-1]
    assert stage.writes == []
    assert [line for line in stage.apply() if ": removed" in line] == [
        f"{name}: removed: the settings do not want it any more" for name in gone
    ]
    assert [rule["Name"] for rule in stage.events.list_rules()["Rules"]] == [theirs["Name"]]
    assert stage.states.list_state_machines()["stateMachines"] == []
    assert stage.apply()[-1] == "Everything was in place: unchanged."
    assert stage.writes == []


def test_who_may_not_look_for_what_his_settings_do_not_want_is_told_in_one_line(stage: World) -> None:
    def denied(model: OperationModel, **_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, model.name)

    stage.states.meta.events.register("before-call", denied)
    stage.budgets.meta.events.register("before-call", denied)
    stage.set(backfill_concurrency=0)
    for lines in (stage.apply(), stage.plan(), stage.destroy()):
        (line,) = [line for line in lines if line.startswith("Not looked for")]
        for name in ("backfill", "refresh", "refresh-after-loads"):
            assert f"state machine orders-etl-test-{name}, " in line or f"state machine orders-etl-test-{name}." in line
        assert "budget orders-etl-test, " in line
    stage.set(backfill_concurrency=5)
    with pytest.raises(SetupError, match="state machine orders-etl-test-backfill: DescribeStateMachine was denied"):
        stage.apply()


def test_a_state_machine_that_somebody_changed_is_set_back_and_its_limits_follow_the_settings(stage: World) -> None:
    stage.apply()
    machine = stage.target.machine("backfill")
    stage.states.update_state_machine(stateMachineArn=machine, definition='{"StartAt": "A", "States": {}}')
    assert "state machine orders-etl-test-backfill: change" in stage.plan()
    stage.apply()
    stage.set(backfill_concurrency=40)
    assert "state machine orders-etl-test-backfill: changed (definition)" in stage.apply()
    definition = json.loads(stage.states.describe_state_machine(stateMachineArn=machine)["definition"])
    assert definition["States"]["Load"]["MaxConcurrency"] == 40


@pytest.mark.parametrize("kind", ["state machine", "schedule", "role"])
def test_what_is_another_stages_is_neither_changed_nor_removed(stage: World, kind: str) -> None:
    stage.set(refresh_minutes=30)
    stage.apply()
    other = {"Key": TAG, "Value": "orders-etl/other/bucket"}
    name = "orders-etl-test-refresh"
    if kind == "state machine":
        tags = [{"key": other["Key"], "value": other["Value"]}]
        stage.states.tag_resource(resourceArn=stage.target.machine("refresh"), tags=tags)
    elif kind == "schedule":
        stage.events.tag_resource(ResourceARN=stage.target.rule("refresh"), Tags=[other])
    else:
        stage.iam.tag_role(RoleName=name, Tags=[other])
    with pytest.raises(SetupError, match="it belongs to stage orders-etl/other/bucket"):
        stage.apply()
    assert any(line.startswith(f"{kind} {name}: kept: it belongs to stage") for line in stage.destroy())
