"""What the Glue table is declared as."""

import subprocess
import sys
from typing import Any

from msgspec.structs import replace

from chalicelib.aws.glue import table_input
from chalicelib.contracts.contract import MONTHS_AHEAD, Contract
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup.rejected import rejected_table_input
from tests.contracts import ORDERS, contract_with, datasets_of, with_columns
from tests.edge.glue_setup_world import target_with
from tests.goldens.golden import assert_golden

SETTINGS = Settings(bucket="orders-etl-test")


def declared(mode: str = "projection", contract: Contract = ORDERS) -> Any:
    (dataset,) = datasets_of(SETTINGS, contract)
    return table_input(dataset, contract.main, mode)


def test_the_declared_table_is_the_golden_one() -> None:
    assert_golden("table_input_projection", declared())


def test_the_crawled_table_is_the_golden_one() -> None:
    assert_golden("table_input_crawler", declared("crawler"))


def test_every_column_of_the_contract_is_declared_once_in_its_order_and_commented() -> None:
    made = declared()
    columns = made["StorageDescriptor"]["Columns"] + made["PartitionKeys"]
    assert [(c["Name"], c["Type"], c["Comment"]) for c in columns] == [
        (c.name, c.glue_type, c.description) for c in ORDERS.main.columns
    ]


def test_the_partition_key_is_not_also_a_column() -> None:
    made = declared()
    assert "order_month" not in [c["Name"] for c in made["StorageDescriptor"]["Columns"]]


def test_every_month_that_an_order_may_have_is_projected() -> None:
    parameters = declared()["Parameters"]
    assert parameters["projection.order_month.range"] == f"2000-01,NOW+{MONTHS_AHEAD}MONTHS"


def test_the_location_template_names_the_folders_that_the_loader_writes() -> None:
    parameters = declared()["Parameters"]
    assert (
        parameters["storage.location.template"]
        == "s3://orders-etl-test/orders_parquet_datalake/order_month=${order_month}/"
    )


def test_projection_is_left_out_where_a_crawler_registers_partitions() -> None:
    assert not [key for key in declared("crawler")["Parameters"] if "projection" in key or "template" in key]


def test_another_contract_names_its_own_partition_throughout() -> None:
    other = contract_with('placed_month = { from = "month" }', document="earliest = 1999-03-04")
    made = declared(contract=other)
    assert made["PartitionKeys"][0]["Name"] == "placed_month"
    assert made["Parameters"]["projection.placed_month.type"] == "date"
    assert made["Parameters"]["projection.placed_month.range"].startswith("1999-03,")
    assert made["Parameters"]["storage.location.template"].endswith("/placed_month=${placed_month}/")


def test_a_comment_is_cut_at_what_glue_takes() -> None:
    columns = tuple(replace(c, description="x" * 300) for c in ORDERS.main.columns)
    made = declared(contract=with_columns(ORDERS, *columns))
    assert {len(c["Comment"]) for c in made["StorageDescriptor"]["Columns"]} == {255}


def test_the_catalog_edge_costs_the_rest_side_no_pyarrow_and_no_pandas() -> None:
    code = "import sys, chalicelib.aws.glue; print([m for m in ('pyarrow', 'pandas') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"


def test_the_table_of_rejected_records_is_the_golden_one() -> None:
    target = target_with(Stage("test", "orders-etl", Settings(bucket="orders-etl-test")))
    assert_golden("table_input_rejected", rejected_table_input(target))
