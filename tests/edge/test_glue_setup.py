"""plan, apply and destroy of a stage in projection mode."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
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
@pytest.mark.parametrize("every", [20, pytest.param(1, marks=pytest.mark.slow)])
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
