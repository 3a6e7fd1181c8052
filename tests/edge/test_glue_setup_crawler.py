"""The crawler of a stage in crawler mode, its role, and the table that it makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from glue_setup.errors import SetupError
from glue_setup.resource import Plan
from tests.contracts import ORDERS
from tests.edge.glue_setup_world import BUCKET, World
from tests.edge.table_over_time import ADDED, crawl, names, with_column


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
