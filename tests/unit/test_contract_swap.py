"""Orders of another shape are a change to the contract and to nothing else."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chalicelib.aws.glue import table_input
from chalicelib.contracts.contract import Column, Contract, From, Type
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.errors import ContractError
from chalicelib.flatten.flattener import Flattener, Lineage, records_of
from chalicelib.flatten.notebook import flatten_orders
from chalicelib.flatten.schema import file_schema, row_schema
from chalicelib.writing.convert import Limits, convert
from docs.generate import EXAMPLE_ORDER, example_contract
from tests.builders import folder_writer
from tests.contracts import ORDERS

LINEAGE = Lineage("p.json", "v1", datetime(2024, 8, 1, tzinfo=UTC))

SHIPMENTS = Contract(
    name="shipments",
    table="shipments",
    lines="basket.items",
    envelope="shipments",
    order_id="shipment",
    order_date="shipped_at",
    unit_price="unit_value",
    quantity="pieces",
    columns=(
        Column("pieces", Type.INTEGER, "basket.items[].count.pieces", "How many."),
        Column("shipment", Type.IDENTIFIER, "meta.id", "The shipment.", required=True),
        Column("shipped_at", Type.TIMESTAMP, "meta.at", "When.", required=True),
        Column("city", Type.TEXT, "shipping.to.address.city", "Where to."),
        Column("carrier", Type.IDENTIFIER, "shipping.carrier.id", "By whom."),
        Column("sku", Type.IDENTIFIER, "basket.items[].product.id", "What.", required=True),
        Column("unit_value", Type.DECIMAL, "basket.items[].product.value", "What one is worth."),
        Column("value", Type.DECIMAL, From.LINE_AMOUNT, "What all are worth."),
        Column("rest", Type.JSON_TEXT, From.EXTRA_FIELDS, "Whatever else."),
        Column("file", Type.TEXT, From.SOURCE_KEY, "Which file."),
        Column("nth", Type.INTEGER, From.RECORD_NUMBER, "Which record."),
        Column("month", Type.MONTH, From.ORDER_MONTH, "The partition."),
    ),
)
"""Nested deeper, with the list below an object, two values under the same last key, and columns in no usual order."""


def dataset_of(contract: Contract) -> Dataset:
    return Dataset(
        contract, "bucket", "database", Prefixes("incoming/", "quarantine/", "ledger/", "results/", "state/")
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
    flattener = Flattener(LINEAGE, SHIPMENTS, fast=fast)
    parts = [
        part for batch in records_of(io.BytesIO(text), 1 << 20, 1 << 30, SHIPMENTS) for part in flattener.flatten(batch)
    ]
    table = pa.concat_tables([part.rows for part in parts])
    assert table.schema.equals(row_schema(SHIPMENTS))
    names = [c.name for c in SHIPMENTS.file_columns if c.name not in ("shipped_at", "file")]
    result = [
        [str(row[name]) if isinstance(row[name], Decimal) else row[name] for name in names] for row in table.to_pylist()
    ]
    return result, [(each.record_number, each.path) for part in parts for each in part.rejected]


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
    table = table_input(dataset_of(SHIPMENTS), "projection")
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == names
    assert [key["Name"] for key in table["PartitionKeys"]] == ["month"]
    assert table["Parameters"]["projection.month.type"] == "date"


def test_the_worked_example_of_the_docs_is_what_the_code_does() -> None:
    frame = flatten_orders(EXAMPLE_ORDER, contract=example_contract())
    assert frame["sku"].tolist() == ["CUP-4", "PRESS"]
    assert frame["item_amount"].sum() == Decimal(str(EXAMPLE_ORDER["grandTotal"]))
    assert frame.attrs["rejected"] == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lines": "a..b"}, "not a path"),
        ({"lines": "a\n"}, "not a path"),
        ({"lines": "a\\b"}, "not a path"),
        ({"order_id": "nowhere"}, "not a column"),
        ({"order_id": "city"}, "not identifier"),
        ({"order_date": "shipment"}, "not timestamp"),
        ({"quantity": "shipment"}, "not integer"),
        ({"lines": "meta.id"}, "both the list of lines and a column"),
        ({"columns": SHIPMENTS.columns[:-1]}, "partition"),
        ({"columns": (*SHIPMENTS.columns, SHIPMENTS.columns[0])}, "declared twice"),
        (
            {"columns": (*SHIPMENTS.columns, Column("City", Type.TEXT, "elsewhere", "Upper case."))},
            "lower-case",
        ),
        (
            {"columns": (*SHIPMENTS.columns, Column("to_text", Type.TEXT, "shipping.to", "An object too."))},
            "both a value and an object",
        ),
        (
            {"columns": (*SHIPMENTS.columns, Column("again", Type.TEXT, "meta.id", "Fed twice."))},
            "feeds more than one",
        ),
    ],
)
def test_a_contract_that_contradicts_itself_is_rejected_with_the_reason(change: dict[str, Any], reason: str) -> None:
    contract = replace(SHIPMENTS, **change)
    for reject in (contract.check, lambda: file_schema(contract)):
        with pytest.raises(ContractError, match=reason):
            reject()


def test_a_contract_says_all_its_contradictions_at_once() -> None:
    with pytest.raises(ContractError, match=r"model\.py\) contradicts itself: .*not a path.*; .*not a column"):
        replace(SHIPMENTS, lines="a..b", order_id="nowhere").check()


def test_the_contract_in_force_has_the_columns_that_were_promised() -> None:
    assert [(column.name, column.glue_type) for column in ORDERS.columns] == [
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
    assert [column.name for column in ORDERS.columns if column.required] == ["order_id", "order_date"]
