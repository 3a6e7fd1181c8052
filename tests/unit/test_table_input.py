"""What the Glue table is declared as."""

import subprocess
import sys
from dataclasses import replace

from chalicelib.aws.glue import table_input
from chalicelib.contracts.contract import EARLIEST_YEAR, MONTHS_AHEAD, Column, Contract, From, Type
from chalicelib.settings import Settings
from tests.goldens.golden import assert_golden

SETTINGS = Settings(bucket="orders-etl-test")
CRAWLED = replace(SETTINGS, catalog_mode="crawler")


def test_the_declared_table_is_the_golden_one():
    assert_golden("table_input_projection", table_input(ORDERS, SETTINGS))


def test_the_crawled_table_is_the_golden_one():
    assert_golden("table_input_crawler", table_input(ORDERS, CRAWLED))


def test_every_column_of_the_contract_is_declared_once_in_its_order_and_commented():
    declared = table_input(ORDERS, SETTINGS)
    columns = declared["StorageDescriptor"]["Columns"] + declared["PartitionKeys"]
    assert [(c["Name"], c["Type"], c["Comment"]) for c in columns] == [
        (c.name, c.glue_type, c.description) for c in ORDERS.columns
    ]


def test_the_partition_key_is_not_also_a_column():
    declared = table_input(ORDERS, SETTINGS)
    assert "order_month" not in [c["Name"] for c in declared["StorageDescriptor"]["Columns"]]


def test_every_month_that_an_order_may_have_is_projected():
    parameters = table_input(ORDERS, SETTINGS)["Parameters"]
    assert parameters["projection.order_month.range"] == f"{EARLIEST_YEAR}-01,NOW+{MONTHS_AHEAD}MONTHS"


def test_the_location_template_names_the_folders_that_the_loader_writes():
    parameters = table_input(ORDERS, SETTINGS)["Parameters"]
    assert (
        parameters["storage.location.template"]
        == "s3://orders-etl-test/orders_parquet_datalake/order_month=${order_month}/"
    )


def test_projection_is_left_out_where_a_crawler_registers_partitions():
    assert not [key for key in table_input(ORDERS, CRAWLED)["Parameters"] if "projection" in key or "template" in key]


def test_another_contract_names_its_own_partition_throughout():
    other = Contract(
        columns=(
            Column("ref", Type.IDENTIFIER, "ref", "The order.", required=True),
            Column("placed_at", Type.TIMESTAMP, "placed", "When.", required=True),
            Column("placed_month", Type.MONTH, From.ORDER_MONTH, "The partition."),
        ),
        order_id="ref",
        order_date="placed_at",
    )
    declared = table_input(other, SETTINGS)
    assert declared["PartitionKeys"][0]["Name"] == "placed_month"
    assert declared["Parameters"]["projection.placed_month.type"] == "date"
    assert declared["Parameters"]["storage.location.template"].endswith("/placed_month=${placed_month}/")


def test_a_comment_is_cut_at_what_glue_takes():
    columns = tuple(replace(c, description="x" * 300) for c in ORDERS.columns)
    declared = table_input(replace(ORDERS, columns=columns), SETTINGS)
    assert {len(c["Comment"]) for c in declared["StorageDescriptor"]["Columns"]} == {255}


def test_the_catalog_edge_costs_the_rest_side_no_pyarrow_and_no_pandas():
    code = "import sys, chalicelib.aws.glue; print([m for m in ('pyarrow', 'pandas') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"
