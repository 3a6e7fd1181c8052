"""Orders of another shape are a change to the contract and to nothing else."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from chalicelib.aws.glue import table_input
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import read_text
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.flatten.flattener import Lineage
from chalicelib.flatten.notebook import flatten_orders
from chalicelib.writing.convert import Limits, convert
from docs.generate import EXAMPLE_ORDER, example_contract
from tests.builders import flattened, folder_writer
from tests.contracts import ORDERS

LINEAGE = Lineage("p.json", "v1", datetime(2024, 8, 1, tzinfo=UTC))

SHIPMENTS = read_text(
    """
    [document]
    records = ["shipments"]
    identity = "shipment"
    date = "shipped_at"
    [tables.shipments]
    rows = "basket.items[]"
    [tables.shipments.columns]
    pieces = { path = "basket.items[].count.pieces", type = "integer", description = "How many." }
    shipment = { path = "meta.id", type = "identifier", required = true }
    shipped_at = { path = "meta.at", type = "timestamp", required = true }
    city = { path = "shipping.to.address.city", type = "text" }
    carrier = { path = "shipping.carrier.id", type = "identifier" }
    sku = { path = "basket.items[].product.id", type = "identifier", required = true }
    unit_value = { path = "basket.items[].product.value", type = "decimal" }
    value = { product = ["unit_value", "pieces"] }
    rest = { from = "extra_fields" }
    file = { from = "source_key" }
    nth = { from = "record_number" }
    month = { from = "month" }
    """,
    "shipments",
)
"""Nested deeper, with the list below an object, two values under the same last key, and columns in no usual order."""


def dataset_of(contract: Contract) -> Dataset:
    return Dataset(
        contract,
        "bucket",
        "database",
        Prefixes("incoming/", "quarantine/", "ledger/", "results/", "state/", "receipts/"),
    )


def shipment(number: object, items: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "meta": {"id": number, "at": "2024-07-05T10:00:00Z"},
        "shipping": {"to": {"address": {"city": "Lyon"}}, "carrier": {"id": "007"}},
        "basket": {"items": items},
        **more,
    }


def item(sku: object, value: float, pieces: int, **more: Any) -> dict[str, Any]:
    return {"product": {"id": sku, "value": value}, "count": {"pieces": pieces}, **more}


GOOD = [
    shipment(1, [item(5, 1.25, 4), item(6, 2, 1, fragile=True)]),
    shipment(2, [], note="empty"),
    shipment(3, [item(7, 0.5, 3)]),
]
EXPECTED = [
    [4, "1", "Lyon", "007", "5", "1.2500", "5.0000", None, 1],
    [1, "1", "Lyon", "007", "6", "2.0000", "2.0000", '{"basket.items[].fragile":true}', 1],
    [None, "2", "Lyon", "007", None, None, None, '{"note":"empty"}', 2],
    [3, "3", "Lyon", "007", "7", "0.5000", "1.5000", None, 3],
]


def rows(text: bytes, *, fast: bool) -> tuple[list[list[Any]], list[tuple[int, str]]]:
    made, _, rejected, _ = flattened(text, fast, SHIPMENTS)
    lineage = ("shipped_at", "file", "source_version", "source_modified_at")
    names = [c.name for c in SHIPMENTS.main.file_columns if c.name not in lineage]
    result = [[str(row[name]) if isinstance(row[name], Decimal) else row[name] for name in names] for row in made]
    return result, [(each.record_number, each.path) for each in rejected]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("wrap", [lambda orders: orders, lambda orders: {"sent": 1, "shipments": orders}])
def test_another_contract_gives_its_own_table_either_way(fast: bool, wrap: Any) -> None:
    assert rows(json.dumps(wrap(GOOD)).encode(), fast=fast) == (EXPECTED, [])


@pytest.mark.parametrize("fast", [True, False])
def test_refusals_name_the_paths_of_the_contract_in_force(fast: bool) -> None:
    bad = [
        {"shipping": {}},
        shipment(4, [item("x", 1, 2.5)]),  # type: ignore[arg-type]
        shipment(5, [{"count": {"pieces": 1}}]),
        shipment(6, {"not": "a list"}),  # type: ignore[arg-type]
        shipment(7, [item(5, 1, 1)], shipping={"to": "Lyon"}),
    ]
    result, rejected = rows(json.dumps([*GOOD, *bad]).encode(), fast=fast)
    assert result == EXPECTED
    assert rejected == [
        (4, "meta.id"),
        (5, "basket.items[0].count.pieces"),
        (6, "basket.items[0]"),
        (7, "basket.items"),
        (8, "shipping.to"),
    ]


def test_files_and_glue_follow_the_contract(tmp_path: Path) -> None:
    writer = folder_writer(tmp_path, LINEAGE, SHIPMENTS)
    convert(
        io.BytesIO(json.dumps(GOOD).encode()),
        LINEAGE,
        Limits(1 << 20, 1 << 30, 1 << 27),
        writer=writer,
        reject=lambda rejected: None,
        contract=SHIPMENTS,
    )
    writer.publish()
    (file,) = writer.files
    assert file.split("/")[0] == "month=2024-07"
    names = pq.ParquetFile(tmp_path / file).schema_arrow.names
    table = table_input(dataset_of(SHIPMENTS), SHIPMENTS.main, "projection")
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == names
    assert [key["Name"] for key in table["PartitionKeys"]] == ["month"]
    assert table["Parameters"]["projection.month.type"] == "date"


def test_the_worked_example_of_the_docs_is_what_the_code_does() -> None:
    frame = flatten_orders(EXAMPLE_ORDER, contract=example_contract())
    assert frame["sku"].tolist() == ["CUP-4", "PRESS"]
    assert frame["item_amount"].sum() == Decimal(str(EXAMPLE_ORDER["grandTotal"]))
    assert frame.attrs["rejected"] == []


def test_the_contract_in_force_has_the_columns_that_were_promised() -> None:
    assert [(column.name, column.glue_type) for column in ORDERS.main.columns] == [
        ("order_id", "string"),
        ("order_date", "timestamp"),
        ("total_amount", "decimal(18,4)"),
        ("customer_id", "string"),
        ("customer_name", "string"),
        ("customer_email", "string"),
        ("customer_address", "string"),
        ("line_number", "int"),
        ("product_id", "string"),
        ("product_name", "string"),
        ("product_category", "string"),
        ("price", "decimal(18,4)"),
        ("quantity", "bigint"),
        ("line_amount", "decimal(18,4)"),
        ("extra_fields", "string"),
        ("source_key", "string"),
        ("source_version", "string"),
        ("source_modified_at", "timestamp"),
        ("record_number", "bigint"),
        ("order_month", "string"),
    ]
    assert [column.name for column in ORDERS.main.columns if column.required] == ["order_id", "order_date"]
