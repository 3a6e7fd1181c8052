"""What each Lambda function may do."""

from typing import Any

import jsonata
import pytest
from msgspec.structs import replace

from chalicelib.contracts.contract import Contract
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup import backfill, crawler, machines, policies, refresh, refresh_after_loads
from glue_setup.bucket import bucket_statement
from glue_setup.lifecycle import lifecycle_rules
from glue_setup.target import Target
from glue_setup.workgroup import configuration
from tests.contracts import ORDERS, returns_contract, with_main
from tests.edge.glue_setup_world import target_with
from tests.goldens.golden import assert_golden

SETTINGS = Settings(bucket="orders-etl-test", crawler="orders-crawler")


def target(settings: Settings = SETTINGS, *contracts: Contract, **location: str) -> Target:
    return target_with(Stage("test", "orders-etl", settings), *contracts, **location)


def made(name: str, settings: Settings = SETTINGS, *contracts: Contract, **location: str) -> policies.Policy:
    return policies.FUNCTIONS[name](target(settings, *contracts, **location))


@pytest.mark.parametrize("name", policies.FUNCTIONS)
def test_the_policy_of_each_function_is_the_golden_one(name: str) -> None:
    assert_golden(f"policy_{name}", made(name))


def test_what_the_crawler_may_do_is_the_golden_one() -> None:
    role = {"trust": crawler.TRUST, "policy": policies.crawler(target())}
    assert_golden("crawler_role", role)


def test_the_state_machine_of_a_backfill_and_what_its_role_may_do_are_the_golden_ones() -> None:
    role = {"trust": machines.trust(target(), "states"), "policy": policies.backfill(target())}
    assert_golden("backfill", {"definition": backfill.definition(target()), "role": role})


def test_the_state_machine_of_a_refresh_and_what_its_roles_may_do_are_the_golden_ones() -> None:
    told = replace(SETTINGS, alarm_topic="arn:aws:sns:eu-west-1:123456789012:alarms", refresh_minutes=60)
    made_for = target(told)
    roles = {
        "machine": policies.refresh(made_for, "orders-crawler"),
        "schedule": policies.starting(made_for, "refresh"),
    }
    assert_golden("refresh", {"definition": refresh.definition(made_for), "roles": roles})


def test_what_lets_loads_start_a_refresh_is_the_golden_one() -> None:
    made_for = target(replace(SETTINGS, refresh_after_loads=300))
    golden = {
        "pattern": refresh_after_loads.pattern(made_for),
        "definition": refresh_after_loads.definition(made_for),
        "refresh": refresh.definition(made_for)["States"],
    }
    assert_golden("refresh_after_loads", golden)


@pytest.mark.parametrize(
    ("load", "name", "begins_at"),
    [
        ("2026-11-27T02:04:59.999Z", "after-loads-2026-11-27T020500", "2026-11-27T02:05:00.000Z"),
        ("2026-11-27T02:05:00.000Z", "after-loads-2026-11-27T021000", "2026-11-27T02:10:00.000Z"),
        ("2026-11-27T02:09:59Z", "after-loads-2026-11-27T021000", "2026-11-27T02:10:00.000Z"),
        ("2026-12-31T23:59:59.9Z", "after-loads-2027-01-01T000000", "2027-01-01T00:00:00.000Z"),
    ],
)
def test_loads_of_one_time_start_one_refresh_that_begins_after_all_of_them(
    load: str, name: str, begins_at: str
) -> None:
    made_for = target(replace(SETTINGS, refresh_after_loads=300))
    start = refresh_after_loads.definition(made_for)["States"]["StartRefresh"]["Arguments"]

    def evaluated(text: str) -> Any:
        expression = jsonata.Jsonata.jsonata(text.removeprefix("{%").removesuffix("%}"))
        return expression.evaluate(None, {"states": {"context": {"Execution": {"StartTime": load}}}})

    assert evaluated(start["Name"]) == name
    assert evaluated(start["Input"]["begins_at"]) == begins_at


def test_a_refresh_that_loads_do_not_start_waits_for_none() -> None:
    assert "begins_at" not in str(refresh.definition(target(replace(SETTINGS, refresh_minutes=60))))


def test_a_refresh_without_a_crawler_and_a_topic_may_use_neither() -> None:
    bare = target(replace(SETTINGS, crawler="", refresh_minutes=60))
    assert "glue:StartCrawler" not in str(policies.refresh(bare, ""))
    assert "sns" not in str([policies.refresh(bare, ""), refresh.definition(bare)])
    assert refresh.definition(bare)["StartAt"] == "RunChecks"


def test_the_role_of_a_state_machine_reaches_its_own_executions_and_one_function_alone() -> None:
    for statement in policies.backfill(target())["Statement"]:
        assert not [action for action in statement["Action"] if "*" in action]
        for resource in statement["Resource"]:
            assert resource.split(":")[2] in ("s3", "states", "lambda")
            assert "orders-etl-test" in resource


def test_the_sweep_asks_for_backfills_only_where_there_are_any() -> None:
    assert "states" not in str(made("sweep", replace(SETTINGS, backfill_concurrency=0)))


def test_what_the_bucket_keeps_and_rejects_is_the_golden_one() -> None:
    rules = {"lifecycle": lifecycle_rules(SETTINGS), "statement": bucket_statement(target())}
    assert_golden("bucket", rules)


def test_the_workgroup_is_the_golden_one() -> None:
    assert_golden("workgroup", configuration(target()))


@pytest.mark.parametrize("name", policies.FUNCTIONS)
def test_no_statement_reaches_every_resource_or_every_action(name: str) -> None:
    for statement in made(name)["Statement"]:
        assert "*" not in statement["Resource"]
        assert not [action for action in statement["Action"] if "*" in action]
        for resource in statement["Resource"]:
            partition, service, region, account = resource.split(":")[1:5]
            assert "*" not in partition + service + region + account
            assert resource != "arn:aws:s3:::orders-etl-test/*"


@pytest.mark.parametrize("name", policies.FUNCTIONS)
def test_listing_is_allowed_under_prefixes_only(name: str) -> None:
    listing = [s for s in made(name)["Statement"] if "s3:ListBucket" in s["Action"]]
    assert listing
    for statement in listing:
        assert all(prefix.endswith("/*") for prefix in statement["Condition"]["StringLike"]["s3:prefix"])


@pytest.mark.parametrize("name", policies.FUNCTIONS)
def test_statement_ids_are_what_iam_takes_and_unique(name: str) -> None:
    sids = [statement["Sid"] for statement in made(name)["Statement"]]
    assert len(set(sids)) == len(sids)
    assert all(sid.isalnum() and sid.isascii() for sid in sids)


def test_the_loader_may_start_a_crawler_only_where_one_is_configured() -> None:
    without = made("load", replace(SETTINGS, crawler="", catalog_mode="projection"))
    assert "glue:StartCrawler" in str(made("load"))
    assert "glue" not in str(without)
    assert "orders_state/" not in str(without)


def test_months_may_be_registered_of_the_stages_tables_and_only_where_loads_register_them() -> None:
    other = returns_contract()
    for name, calls in (("load", 2), ("sweep", 5)):
        statements = made(name, SETTINGS, ORDERS, other)["Statement"]
        (months,) = [s for s in statements if "glue:BatchCreatePartition" in s["Action"]]
        assert len(months["Action"]) == calls
        assert [arn.rpartition(":")[2] for arn in months["Resource"]] == [
            "catalog",
            "database/etl_pipeline",
            "table/etl_pipeline/orders_parquet_datalake",
            "table/etl_pipeline/returns",
        ]
        for mode in ("projection", "crawler"):
            assert "Partition" not in str(made(name, replace(SETTINGS, catalog_mode=mode)))
    assert "glue:BatchDeletePartition" not in str(made("load"))


def test_the_loader_may_delete_in_the_table_and_in_the_quarantine_and_nowhere_else() -> None:
    deleting = [s for s in made("load")["Statement"] if "s3:DeleteObject" in s["Action"]]
    assert [s["Resource"] for s in deleting] == [
        ["arn:aws:s3:::orders-etl-test/orders_parquet_datalake/*"],
        ["arn:aws:s3:::orders-etl-test/orders_quarantine/*"],
    ]


@pytest.mark.parametrize("name", ["load", "sweep"])
def test_events_are_sent_to_the_one_bus_in_our_own_name_and_not_where_there_are_none(name: str) -> None:
    (sending,) = [s for s in made(name, replace(SETTINGS, event_bus="shop"))["Statement"] if "events" in str(s)]
    assert sending["Action"] == ["events:PutEvents"]
    assert sending["Resource"] == ["arn:aws:events:eu-west-1:123456789012:event-bus/shop"]
    assert sending["Condition"] == {"StringEquals": {"events:source": "orders-etl"}}
    assert "events:" not in str(made(name, replace(SETTINGS, events=False)))


def test_the_rest_side_may_not_send_events() -> None:
    assert "events:" not in str(made("api_handler"))


def test_only_the_loader_may_send_to_a_queue_and_only_to_the_one_of_its_stage() -> None:
    sending = {name: [s for s in made(name)["Statement"] if "sqs" in str(s)] for name in policies.FUNCTIONS}
    (statement,) = sending.pop("load")
    assert statement["Action"] == ["sqs:SendMessage"]
    assert statement["Resource"] == ["arn:aws:sqs:eu-west-1:123456789012:orders-etl-test-load-failed"]
    assert not any(sending.values())


def test_the_rest_side_may_neither_write_the_table_nor_the_ledger_nor_delete() -> None:
    writing = [s for s in made("api_handler")["Statement"] if "s3:PutObject" in s["Action"]]
    written = {resource.rsplit(":", 1)[1] for s in writing for resource in s["Resource"]}
    assert written == {"orders-etl-test/orders_json_incoming/*", "orders-etl-test/athena_results/*"}
    assert "Delete" not in str(made("api_handler"))


def test_arns_are_of_the_partition_that_the_region_is_in() -> None:
    policy = str(made("api_handler", region="cn-north-1", partition="aws-cn"))
    assert "arn:aws-cn:s3:::" in policy
    assert "arn:aws:" not in policy


def test_prefixes_bucket_and_names_of_the_settings_are_used_throughout() -> None:
    settings = Settings(
        bucket="other-bucket",
        incoming_prefix="in/",
        quarantine_prefix="bad/",
        ledger_prefix="book/",
        results_prefix="answers/",
        database="shop",
        workgroup="shop",
        crawler="shop-crawler",
    )
    for name in policies.FUNCTIONS:
        policy = str(made(name, settings, with_main(ORDERS, name="lake")))
        for default in ("orders_json", "datalake", "quarantine/", "ledger/", "athena_results", "etl_pipeline"):
            assert default not in policy


def test_each_function_reaches_the_tables_of_every_contract() -> None:
    other = returns_contract()
    for name in policies.FUNCTIONS:
        statements = made(name, SETTINGS, ORDERS, other)["Statement"]
        reaching = [s for s in statements if f"arn:aws:s3:::orders-etl-test/{ORDERS.main.name}/*" in s["Resource"]]
        assert reaching
        assert all("arn:aws:s3:::orders-etl-test/returns/*" in s["Resource"] for s in reaching)
    listing = [s for s in made("sweep", SETTINGS, ORDERS, other)["Statement"] if "Condition" in s]
    assert "returns/*" in listing[0]["Condition"]["StringLike"]["s3:prefix"]


def test_the_crawler_crawls_and_reads_the_tables_of_every_contract() -> None:
    both = target(SETTINGS, ORDERS, returns_contract())
    tables = [f"orders-etl-test/{ORDERS.main.name}/", "orders-etl-test/returns/"]
    assert crawler.definition(both)["Targets"]["S3Targets"] == [{"Path": f"s3://{table}"} for table in tables]
    read, listed = policies.crawler(both)["Statement"]
    assert read["Resource"] == [f"arn:aws:s3:::{table}*" for table in tables]
    assert listed["Condition"]["StringLike"]["s3:prefix"] == [f"{ORDERS.main.name}/*", "returns/*"]
