"""The table of a stage over time: the contract changes, others add to it, a crawler makes it."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from chalicelib.aws.glue import table_input
from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column, Contract
from chalicelib.contracts.paths import parse
from chalicelib.contracts.sources import FromDocument
from glue_setup.errors import Refused, SetupError
from glue_setup.resource import Plan
from tests.contracts import ORDERS, returns_contract, with_column_changed, with_columns
from tests.edge.glue_setup_world import BUCKET, World, world

ADDED = Column("coupon", Type.TEXT, FromDocument((parse("coupon"),)), "A voucher's code.")


def with_column(column: Any, after: Any = "total_amount") -> Any:
    columns = list(ORDERS.main.columns)
    columns.insert([c.name for c in columns].index(after) + 1, column)
    return with_columns(ORDERS, *columns)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with world() as made:
        yield made


def names(stage: World) -> Any:
    return [column["Name"] for column in stage.table()["StorageDescriptor"]["Columns"]]


def test_an_added_column_is_planned_and_applied_where_the_contract_has_it(stage: World) -> None:
    stage.apply()
    stage.contracts = (with_column(ADDED),)
    assert '  ~ column coupon: absent -> string, "A voucher\'s code."' in stage.plan()
    assert (
        "  = column coupon (string) is new: it is NULL in the rows that are there, whose values, where they were sent, "
        "stand in extra_fields: a replay fills it"
    ) in stage.plan()
    assert stage.writes == []
    stage.apply()
    assert names(stage) == [c.name for c in stage.contracts[0].main.file_columns]
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_an_int_that_becomes_a_bigint_is_applied_since_athena_reads_it_over_older_files(stage: World) -> None:
    stage.apply()
    source = FromDocument((parse("products[].position"),))
    stage.contracts = (with_column_changed(ORDERS, "line_number", type=Type.INTEGER, source=source),)
    lines = stage.plan()
    assert "  = column line_number changes from int to bigint, as which Athena reads the older files" in lines
    assert not any(line.endswith(": refused") for line in lines)
    stage.apply()
    types = {column["Name"]: column["Type"] for column in stage.table()["StorageDescriptor"]["Columns"]}
    assert types["line_number"] == "bigint"


@pytest.mark.parametrize(
    ("contract", "reason"),
    [
        (
            with_column_changed(ORDERS, "customer_name", type=Type.DECIMAL, scale=4),
            "column customer_name would change from string to decimal(18,4)",
        ),
        (
            with_column_changed(ORDERS, "customer_name", name="buyer_name"),
            "column customer_name (string) is not in the contract any more",
        ),
        (
            with_columns(ORDERS, *(c for c in ORDERS.main.columns if c.name != "product_category")),
            "column product_category (string) is not in the contract any more",
        ),
        (
            with_column_changed(ORDERS, "order_month", name="month"),
            "the partition would change from order_month string to month string",
        ),
        (
            replace(ORDERS, earliest=datetime.date(2020, 3, 1)),
            "earliest would move from 2000-01 to 2020-03: the months before it would vanish from queries",
        ),
    ],
    ids=["another type", "renamed", "removed", "another partition", "a later beginning"],
)
def test_a_change_that_old_files_cannot_follow_is_refused_and_touches_nothing(
    stage: World, contract: Contract, reason: str
) -> None:
    stage.set(catalog_mode="projection")
    stage.apply()
    before = stage.table()
    stage.contracts = (contract,)
    lines = stage.plan()
    assert "table etl_pipeline.orders_parquet_datalake: refused" in lines
    assert any(line.startswith(f"  ! {reason}") for line in lines)
    with pytest.raises(SetupError, match="refused, and nothing was touched"):
        stage.apply()
    assert stage.writes == []
    assert stage.table() == before


def test_what_no_contract_has_any_more_is_named_with_the_way_to_remove_it_and_never_removed(stage: World) -> None:
    stage.contracts = (ORDERS, returns_contract())
    stage.apply()
    stage.glue.create_table(DatabaseName="etl_pipeline", TableInput={"Name": "somebody_elses"})
    assert not [line for line in stage.plan() if "any more" in line]
    stage.contracts = (ORDERS,)
    remove = "where nobody asks it, remove it by aws glue delete-table --database-name etl_pipeline --name"
    expected = [
        f"  = view return_lines is of no contract here any more; {remove} return_lines",
        f"  = view returned is of no contract here any more; {remove} returned",
        "  = table returns is of no contract here any more, and its files stay at "
        f"s3://{BUCKET}/returns/; {remove} returns",
    ]
    for lines in (stage.plan(), stage.apply()):
        assert sorted(line for line in lines if "any more" in line) == sorted(expected)
    assert stage.table("returns")["Name"] == "returns"


def test_what_others_wrote_into_the_table_survives_a_change(stage: World) -> None:
    stage.set(catalog_mode="projection")
    stage.apply()
    declared = declared_table(stage)
    declared["Owner"] = "data-team"
    declared["Retention"] = 7
    declared["Parameters"] = declared["Parameters"] | {"pii": "yes", "projection.enabled": "false"}
    stage.glue.update_table(DatabaseName="etl_pipeline", TableInput=declared)
    assert "  ~ parameter projection.enabled: false -> true" in stage.plan()
    stage.apply()
    table = stage.table()
    assert (table["Owner"], table["Retention"], table["Parameters"]["pii"]) == ("data-team", 7, "yes")
    assert table["Parameters"]["projection.enabled"] == "true"
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_a_wrong_projection_property_that_glue_accepted_is_removed(stage: World) -> None:
    stage.apply()
    declared = declared_table(stage)
    declared["Parameters"] = declared["Parameters"] | {"projection.order_month.values": "2024-01"}
    stage.glue.update_table(DatabaseName="etl_pipeline", TableInput=declared)
    stage.apply()
    assert "projection.order_month.values" not in stage.table()["Parameters"]


def test_a_table_over_another_stages_files_is_neither_changed_nor_removed(stage: World) -> None:
    stage.apply()
    stage.set(bucket="orders-etl-other")
    lines = stage.plan()
    assert any(f"it exists over s3://{BUCKET}/orders_parquet_datalake/" in line for line in lines)
    assert any("GLUE_DATABASE of its own" in line for line in lines)
    assert any("ATHENA_WORKGROUP of its own" in line for line in lines)
    with pytest.raises(SetupError, match="refused"):
        stage.apply()
    assert stage.writes == []
    kept = [line for line in stage.destroy() if ": kept:" in line]
    assert [line.split(":")[0] for line in kept] == [
        "state machine orders-etl-test-backfill",
        "role orders-etl-test-backfill",
        "workgroup etl_pipeline",
        "table etl_pipeline.orders_rejected",
        "table etl_pipeline.orders_parquet_datalake",
        "database etl_pipeline",
        "queue orders-etl-test-load-failed",
    ]
    assert names(stage)


def test_a_table_under_a_views_name_is_left_alone(stage: World) -> None:
    stage.glue.create_database(DatabaseInput={"Name": "etl_pipeline"})
    stage.glue.create_table(DatabaseName="etl_pipeline", TableInput={"Name": "orders", "TableType": "EXTERNAL_TABLE"})
    with pytest.raises(SetupError, match=r"view etl_pipeline\.orders: a table has this name"):
        stage.apply()
    assert any(line.startswith("view etl_pipeline.orders: kept: a table has this name") for line in stage.destroy())


@pytest.fixture
def crawled(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with world(catalog_mode="crawler", crawler="orders-crawler") as made:
        yield made


def declared_table(stage: World) -> dict[str, Any]:
    return {**table_input(stage.target.datasets[0], stage.contracts[0].main, stage.settings.catalog_mode)}


def crawl(stage: World) -> Any:
    """Make the table as a crawler does: its own parameters, no comments, no slash at the location's end."""
    made = declared_table(stage)
    storage = made["StorageDescriptor"]
    columns = [{"Name": c["Name"], "Type": c["Type"]} for c in storage["Columns"]]
    made["StorageDescriptor"] = storage | {"Columns": columns, "Location": storage["Location"].rstrip("/")}
    made["Parameters"] = {"classification": "parquet", "UPDATED_BY_CRAWLER": "orders-crawler", "averageRecordSize": "9"}
    stage.glue.create_table(DatabaseName="etl_pipeline", TableInput=made)


def test_in_crawler_mode_the_crawler_is_made_and_table_and_views_wait_for_it(crawled: World) -> None:
    lines = crawled.apply()
    assert f"bucket {BUCKET}: created" in lines
    assert "role orders-etl-test-crawler: created" in lines
    assert "crawler orders-crawler: created" in lines
    assert (
        "table etl_pipeline.orders_parquet_datalake: not yet: the crawler makes it: load a file, run "
        "`aws glue start-crawler --name orders-crawler`, and when that has finished run apply again"
    ) in lines
    assert any(line.startswith("view etl_pipeline.orders: not yet: it needs ") for line in lines)
    assert lines[-1] == "All but what waits is in place."
    assert crawled.ddl.ran == []
    plan = crawled.plan()
    assert plan[-1] == f"{len(crawled.resources) - 3} unchanged, 3 not yet. Nothing was touched."


def test_after_the_first_crawl_apply_makes_the_views_and_leaves_the_table_as_crawled(crawled: World) -> None:
    crawled.apply()
    crawl(crawled)
    before = crawled.table()
    lines = crawled.apply()
    assert "table etl_pipeline.orders_parquet_datalake: unchanged" in lines
    assert "view etl_pipeline.orders: created" in lines
    assert crawled.table() == before
    assert crawled.apply()[-1] == "Everything was in place: unchanged."


def test_a_column_that_the_contract_gained_is_added_to_the_crawled_table_which_the_crawler_would_only_log(
    crawled: World,
) -> None:
    crawled.apply()
    crawl(crawled)
    crawled.contracts = (with_column(ADDED),)
    assert "  ~ column coupon: absent -> string" in crawled.plan()
    crawled.apply()
    assert names(crawled) == [*(c.name for c in ORDERS.main.file_columns), "coupon"]
    assert crawled.table()["Parameters"]["UPDATED_BY_CRAWLER"] == "orders-crawler"
    assert crawled.apply()[-1] == "Everything was in place: unchanged."


def test_the_crawler_can_only_add_and_its_role_only_read_the_table(crawled: World) -> None:
    crawled.apply()
    made = crawled.glue.get_crawler(Name="orders-crawler")["Crawler"]
    assert made["SchemaChangePolicy"] == {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}
    assert '"AddOrUpdateBehavior": "InheritFromTable"' in made["Configuration"]
    assert '"TableGroupingPolicy": "CombineCompatibleSchemas"' in made["Configuration"]
    role = crawled.iam.get_role(RoleName="orders-etl-test-crawler")["Role"]
    (trusted,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trusted["Principal"] == {"Service": "glue.amazonaws.com"}
    # Nobody has shown that Glue sends what a condition could ask for: with one the crawler may never get its role.
    assert "Condition" not in trusted
    policy = crawled.iam.get_role_policy(RoleName="orders-etl-test-crawler", PolicyName="read-table")["PolicyDocument"]
    assert {action for s in policy["Statement"] for action in s["Action"]} == {"s3:GetObject", "s3:ListBucket"}


def test_a_role_that_somebody_changed_is_shown_and_set_back(crawled: World) -> None:
    crawled.apply()
    crawled.iam.delete_role_policy(RoleName="orders-etl-test-crawler", PolicyName="read-table")
    assert any(line.startswith("  ~ policy read-table: absent -> ") for line in crawled.plan())
    assert "role orders-etl-test-crawler: changed (policy read-table)" in crawled.apply()
    assert crawled.apply()[-1] == "All but what waits was in place: unchanged."


def test_a_role_with_a_policy_of_others_is_kept_and_named(crawled: World) -> None:
    crawled.apply()
    crawled.iam.attach_role_policy(
        RoleName="orders-etl-test-crawler", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
    )
    with pytest.raises(SetupError, match="something that glue_setup did not attach is attached to it"):
        crawled.destroy()


@pytest.mark.parametrize(("one", "other"), [*itertools.permutations(("partitions", "projection", "crawler"), 2)])
def test_going_over_from_any_mode_to_any_other_declares_projects_and_registers_as_that_one_does(
    crawled: World, one: str, other: str
) -> None:
    crawled.tls = False
    crawled.apply()
    crawl(crawled)
    drop_month(crawled, "2024-05")
    for mode in (one, other):
        crawled.set(catalog_mode=mode)
        crawled.apply()
        assert ("projection.enabled" in crawled.table()["Parameters"]) == (mode == "projection")
        if mode == "partitions":
            assert "2024-05" in months(crawled)
        assert crawled.apply()[-1] == "Everything was in place: unchanged."
        assert "unchanged" in crawled.plan()[-1]


def drop_month(stage: World, month: str, table: str = "orders_parquet_datalake") -> None:
    """Have a file in a month."""
    stage.drop(f"{table}/order_month={month}/a.parquet")


def months(stage: World) -> dict[str, Any]:
    """Return the descriptions of the months that are registered."""
    pages = stage.glue.get_paginator("get_partitions").paginate(
        DatabaseName="etl_pipeline", TableName="orders_parquet_datalake"
    )
    return {each["Values"][0]: each["StorageDescriptor"] for page in pages for each in page["Partitions"]}


def test_apply_registers_the_months_that_are_in_the_bucket_each_described_as_the_table(stage: World) -> None:
    stage.tls = False
    stage.apply()
    assert months(stage) == {}
    for month in ("2024-05", "2024-06"):
        drop_month(stage, month)
    drop_month(stage, "whenever")
    assert "  ~ months not registered: 2024-05, 2024-06 -> absent" in stage.plan()
    stage.apply()
    table = stage.table()["StorageDescriptor"]
    assert months(stage) == {
        month: table | {"Location": f"s3://{BUCKET}/orders_parquet_datalake/order_month={month}/"}
        for month in ("2024-05", "2024-06")
    }
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_a_table_that_was_removed_comes_back_with_its_months(stage: World) -> None:
    stage.tls = False
    stage.apply()
    drop_month(stage, "2024-05")
    stage.apply()
    stage.glue.delete_table(DatabaseName="etl_pipeline", Name="orders_parquet_datalake")
    stage.apply()
    assert list(months(stage)) == ["2024-05"]


def test_more_months_than_one_call_takes_are_registered_all_the_same(stage: World) -> None:
    stage.tls = False
    stage.apply()
    every = [f"{year}-{month:02}" for year in range(2010, 2019) for month in range(1, 13)]
    for month in every:
        drop_month(stage, month)
    stage.apply()
    assert sorted(months(stage)) == every


def test_a_column_that_the_contract_gained_comes_into_every_month_that_is_registered(stage: World) -> None:
    stage.tls = False
    stage.apply()
    drop_month(stage, "2024-05")
    stage.apply()
    stage.contracts = (with_column(ADDED),)
    assert "  ~ months with other columns: 2024-05 -> absent" in stage.plan()
    stage.apply()
    assert months(stage)["2024-05"]["Columns"] == stage.table()["StorageDescriptor"]["Columns"]
    assert "coupon" in str(months(stage))
    assert stage.apply()[-1] == "Everything was in place: unchanged."


def test_destroy_in_crawler_mode_removes_crawler_role_and_the_crawled_table(crawled: World) -> None:
    crawled.apply()
    crawl(crawled)
    crawled.apply()
    lines = crawled.destroy(delete_data=True)
    gone = [line for line in lines if ": removed" not in line and "-test-refresh" not in line]
    assert gone == [
        "alarm orders-etl-test-catalog-failing: absent",
        "budget orders-etl-test: absent",
        "rule orders-etl-test-sources: absent",
    ]
    assert crawled.glue.get_crawlers()["Crawlers"] == []
    assert crawled.iam.list_roles()["Roles"] == []


def test_destroy_removes_a_crawler_from_before_the_stage_changed_its_mind(crawled: World) -> None:
    crawled.set(crawler="")
    crawled.apply()
    crawled.set(catalog_mode="projection")
    crawled.apply()
    assert f"crawler {BUCKET}-crawler: removed" in crawled.destroy()


def test_a_crawler_over_other_files_is_neither_changed_nor_removed(crawled: World) -> None:
    crawled.glue.create_crawler(
        Name="orders-crawler", Role="theirs", Targets={"S3Targets": [{"Path": "s3://theirs/x"}]}
    )
    with pytest.raises(SetupError, match="it exists and crawls s3://theirs/x: choose another GLUE_CRAWLER"):
        crawled.apply()
    assert "crawler orders-crawler: kept: it exists and crawls s3://theirs/x: choose another GLUE_CRAWLER" in (
        crawled.destroy()
    )


class Settling:
    """Glue as it is in the first seconds of a role."""

    def __init__(self, glue: Any, times: Any) -> None:
        self.exceptions = glue.exceptions
        self.times = times
        self.slept: list[float] = []
        self.now = 0.0
        self._error = glue.exceptions.InvalidInputException(
            {
                "Error": {
                    "Code": "InvalidInputException",
                    "Message": "Service is unable to assume provided role. Please verify role's TrustPolicy",
                }
            },
            "CreateCrawler",
        )

    def create_crawler(self, **_: Any) -> Any:
        self.times -= 1
        if self.times >= 0:
            raise self._error

    def tag_resource(self, **_: Any) -> Any:
        """Glue notes the tags."""

    def sleep(self, seconds: Any) -> Any:
        self.slept.append(seconds)
        self.now += seconds


def settling_crawler(stage: World, times: Any) -> Any:
    from glue_setup.crawler import Crawler

    glue = Settling(stage.glue, times)
    clients = replace(stage.clients, glue=cast(Any, glue), sleep=glue.sleep, monotonic=lambda: glue.now)
    return glue, Crawler(stage.target, clients)


def test_a_role_that_glue_cannot_take_yet_is_waited_for(crawled: World) -> None:
    glue, crawler = settling_crawler(crawled, times=3)
    crawler.make(Plan())
    assert len(glue.slept) == 3


def test_a_role_that_glue_never_can_take_ends_at_the_deadline_with_the_reason(crawled: World) -> None:
    glue, crawler = settling_crawler(crawled, times=10**6)
    with pytest.raises(SetupError, match=r"within 60 s: Service is unable to assume .*; run this again in a minute"):
        crawler.make(Plan())
    assert 60 <= glue.now < 70


def test_refusals_carry_the_resource_and_every_reason() -> None:
    refused = Refused("table t", ["a", "b"])
    assert (refused.resource, refused.reasons, str(refused)) == ("table t", ["a", "b"], "table t: refused: a; b")
