"""Bucket, queue, database, workgroup, crawler and role belong to one stage; a second one is refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from glue_setup.errors import SetupError
from tests.edge.glue_setup_world import ACCOUNT, BUCKET, REGION, World, world

TAG, PARAMETER = "orders-etl:stage", "orders_etl_stage"
OURS = f"orders-etl/test/{BUCKET}"
OF_ITS_OWN = {"database": "other", "workgroup": "other", "crawler": "other"}


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with world(catalog_mode="crawler", crawler="orders-crawler") as made:
        made.tls = False  # moto denies whatever a statement denies, conditions or not
        yield made


def bucket_tags(stage: World) -> Any:
    try:
        return {each["Key"]: each["Value"] for each in stage.s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"]}
    except stage.s3.exceptions.ClientError:
        return {}


def names(stage: World) -> Any:
    """Return what each resource says it belongs to."""
    queue = stage.sqs.get_queue_url(QueueName="orders-etl-test-load-failed")["QueueUrl"]
    workgroup = stage.athena.list_tags_for_resource(ResourceARN=stage.target.workgroup)
    role = stage.iam.get_role(RoleName="orders-etl-test-crawler")["Role"]
    return [
        bucket_tags(stage).get(TAG),
        stage.sqs.list_queue_tags(QueueUrl=queue).get("Tags", {}).get(TAG),
        stage.glue.get_database(Name="etl_pipeline")["Database"]["Parameters"].get(PARAMETER),
        {each["Key"]: each["Value"] for each in workgroup["Tags"]}.get(TAG),
        stage.glue.get_tags(ResourceArn=stage.target.glue("crawler/orders-crawler"))["Tags"].get(TAG),
        {each["Key"]: each["Value"] for each in role.get("Tags", [])}.get(TAG),
    ]


def as_an_earlier_version_left_it(stage: World) -> Any:
    stage.apply()
    stage.s3.delete_bucket_tagging(Bucket=BUCKET)
    queue = stage.sqs.get_queue_url(QueueName="orders-etl-test-load-failed")["QueueUrl"]
    stage.sqs.untag_queue(QueueUrl=queue, TagKeys=[TAG])
    made = {"Name": "etl_pipeline", "Description": "Orders.", "Parameters": {"orders_etl_bucket": BUCKET}}
    stage.glue.update_database(Name="etl_pipeline", DatabaseInput=made)
    stage.athena.untag_resource(ResourceARN=stage.target.workgroup, TagKeys=[TAG])
    stage.glue.untag_resource(ResourceArn=stage.target.glue("crawler/orders-crawler"), TagsToRemove=[TAG])
    stage.iam.untag_role(RoleName="orders-etl-test-crawler", TagKeys=[TAG])
    assert names(stage) == [None] * 6


def records(stage: World, name: str) -> Any:
    stage.s3.put_object(Bucket=BUCKET, Key=f"orders_release/{name}.json", Body=b"{}")


def test_what_a_stage_makes_carries_its_name(stage: World) -> None:
    stage.apply()
    assert names(stage) == [OURS] * 6


def test_a_second_stage_on_one_bucket_is_refused_and_cannot_delete_the_firsts_data(stage: World) -> None:
    stage.apply()
    stage.drop("orders_json_incoming/theirs.json")
    stage.name = "other"
    stage.set(**OF_ITS_OWN)
    reason = f"it belongs to stage {OURS}: give this stage an ETL_BUCKET of its own"
    assert f"bucket {BUCKET}: refused" in stage.plan()
    assert any(reason in line for line in stage.plan())
    with pytest.raises(SetupError, match=reason):
        stage.apply()
    assert stage.writes == []
    with pytest.raises(SetupError, match=f"nothing was touched:\n  ! bucket {BUCKET}: {reason}"):
        stage.destroy(delete_data=True)
    assert stage.writes == []
    assert stage.destroy()[-1].startswith(f"bucket {BUCKET}: kept: {reason}")
    assert stage.s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


@pytest.mark.parametrize(
    ("resource", "changed", "remedy"),
    [
        ("database etl_pipeline", {"workgroup": "other"}, "GLUE_DATABASE of its own"),
        ("workgroup etl_pipeline", {"database": "other"}, "ATHENA_WORKGROUP of its own"),
    ],
)
def test_a_stage_on_another_stages_database_or_workgroup_is_refused(
    stage: World, resource: str, changed: Any, remedy: str
) -> None:
    stage.apply()
    stage.name = "other"
    stage.set(**OF_ITS_OWN, bucket="orders-etl-other")
    stage.set(**{"database": "etl_pipeline", "workgroup": "etl_pipeline"} | changed)
    with pytest.raises(SetupError, match=f"{resource}: it belongs to stage {OURS}: give this stage an? {remedy}"):
        stage.apply()
    assert stage.writes == []
    assert any(line.startswith(f"{resource}: kept: it belongs to stage {OURS}") for line in stage.destroy())


def test_two_apps_whose_names_run_together_do_not_share_a_queue_and_a_role(stage: World) -> None:
    stage.app, stage.name = "orders", "etl-test"
    stage.apply()
    stage.app, stage.name = "orders-etl", "test"
    stage.set(**OF_ITS_OWN, bucket="orders-etl-other")
    with pytest.raises(SetupError) as refused:
        stage.apply()
    theirs = f"it belongs to stage orders/etl-test/{BUCKET}: give this stage another name"
    assert f"queue orders-etl-test-load-failed: {theirs}" in str(refused.value)
    assert f"role orders-etl-test-crawler: {theirs}" in str(refused.value)
    with pytest.raises(SetupError, match="queue orders-etl-test-load-failed: it belongs"):
        stage.destroy(delete_data=True)


def test_a_stage_of_an_earlier_version_is_adopted(stage: World) -> None:
    as_an_earlier_version_left_it(stage)
    records(stage, "test")
    assert f"  ~ belongs to stage: absent -> {OURS}" in stage.plan()
    assert [line for line in stage.apply() if ": changed" in line] == [
        f"bucket {BUCKET}: changed (belongs to stage)",
        "queue orders-etl-test-load-failed: changed (belongs to stage)",
        "database etl_pipeline: changed (belongs to stage)",
        "role orders-etl-test-crawler: changed (belongs to stage)",
        "crawler orders-crawler: changed (belongs to stage)",
        "workgroup etl_pipeline: changed (belongs to stage)",
    ]
    assert names(stage) == [OURS] * 6
    stage.apply()
    assert stage.writes == []


def test_a_stage_of_an_earlier_version_can_be_destroyed_as_it_is(stage: World) -> None:
    as_an_earlier_version_left_it(stage)
    lines = stage.destroy(delete_data=True)
    assert lines[-1] == f"bucket {BUCKET}: removed, with 0 object versions"
    assert not [line for line in lines if "kept" in line]


def notifies(stage: World, function: str, prefix: str) -> Any:
    rules = [{"Name": "prefix", "Value": prefix}]
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    announced = {
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": rules}},
    }
    stage.s3.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"LambdaFunctionConfigurations": [announced]}
    )


@pytest.mark.parametrize(
    ("used", "reason"),
    [
        (lambda stage: records(stage, "live"), "another stage uses it, orders_release/live.json tells"),
        (
            lambda stage: notifies(stage, "orders-etl-live-load", "orders_json_incoming/"),
            "another stage uses it, it announces orders_json_incoming/ to function orders-etl-live-load",
        ),
    ],
    ids=["its record", "its notification"],
)
def test_an_earlier_versions_bucket_that_another_stage_uses_is_refused_until_somebody_decides(
    stage: World, used: Any, reason: str
) -> None:
    as_an_earlier_version_left_it(stage)
    used(stage)
    with pytest.raises(SetupError, match=reason) as refused:
        stage.apply()
    assert f"set its tag {TAG} to {OURS}" in str(refused.value)
    with pytest.raises(SetupError, match=reason):
        stage.destroy(delete_data=True)
    assert stage.writes == []
    stage.s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": TAG, "Value": OURS}]})
    stage.apply()


def test_functions_of_others_beside_our_prefix_do_not_make_the_bucket_theirs(stage: World) -> None:
    as_an_earlier_version_left_it(stage)
    notifies(stage, "thumbnails", "photos/")
    assert f"bucket {BUCKET}: changed (belongs to stage)" in stage.apply()


def test_a_bucket_of_somebodys_own_is_used_with_its_tags_and_given_back(stage: World) -> None:
    location = {"LocationConstraint": REGION}
    stage.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=location)
    stage.s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "team", "Value": "shop"}]})
    stage.drop("holiday/photo.jpg")
    stage.apply()
    assert bucket_tags(stage) == {"team": "shop", TAG: OURS}
    assert "it also holds holiday/" in stage.destroy(delete_data=True)[-1]
    assert bucket_tags(stage) == {"team": "shop"}


def test_a_bucket_that_apply_has_never_been_at_is_not_deleted(stage: World) -> None:
    stage.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    stage.drop("orders_json_incoming/theirs.json")
    assert (
        f"kept: nothing tells that it is this stage's: run apply, which sets its tag {TAG}"
        in (stage.destroy(delete_data=True)[-1])
    )
    assert stage.s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_a_database_of_somebodys_own_is_used_by_one_stage_and_given_back(stage: World) -> None:
    made = {"Name": "etl_pipeline", "Description": "Theirs.", "LocationUri": "s3://theirs/", "Parameters": {"a": "b"}}
    stage.glue.create_database(DatabaseInput=made)
    stage.apply()
    database = stage.glue.get_database(Name="etl_pipeline")["Database"]
    assert (database["Description"], database["LocationUri"]) == ("Theirs.", "s3://theirs/")
    assert database["Parameters"] == {"a": "b", PARAMETER: OURS}
    assert "database etl_pipeline: kept: this stage did not make it" in stage.destroy()
    assert stage.glue.get_database(Name="etl_pipeline")["Database"]["Parameters"] == {"a": "b"}


def test_a_database_that_an_earlier_version_made_for_another_bucket_is_refused(stage: World) -> None:
    made = {"Name": "etl_pipeline", "Parameters": {"orders_etl_bucket": "orders-etl-other"}}
    stage.glue.create_database(DatabaseInput=made)
    with pytest.raises(SetupError, match="it belongs to stage with bucket orders-etl-other: give this stage a GLUE_"):
        stage.apply()
