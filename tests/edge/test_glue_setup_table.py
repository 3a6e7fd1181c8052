"""The table of a stage over time: the contract changes, others add to it, a crawler makes it."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.paths import parse
from chalicelib.contracts.sources import FromDocument
from glue_setup.errors import Refused, SetupError
from tests.contracts import ORDERS, returns_contract, with_column_changed, with_columns
from tests.edge.catalog_moves import MOVES
from tests.edge.glue_setup_world import BUCKET, World
from tests.edge.table_over_time import ADDED, crawl, declared_table, names, with_column


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


@pytest.mark.parametrize(("one", "other"), MOVES)
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


def test_refusals_carry_the_resource_and_every_reason() -> None:
    refused = Refused("table t", ["a", "b"])
    assert (refused.resource, refused.reasons, str(refused)) == ("table t", ["a", "b"], "table t: refused: a; b")
