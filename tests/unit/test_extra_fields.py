"""Fields that the contract does not name are read at a glance where that is sure, and strictly where it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.contracts.reading import read_text
from chalicelib.flatten.fast import FastDecoder
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.unnamed import UnnamedFields
from tests.builders import LINEAGE, flattened, flattened_tables
from tests.contracts import ORDERS

SOUND = '"order_id": 1, "order_date": "2024-01-01"'


def read(fields: str) -> tuple[list[str | None], bool]:
    """Return the extra fields of an order's rows, which are the same either way, and whether it took the fast one."""
    text = f"{{{SOUND}, {fields}}}".encode()
    rows, _, rejected, _ = made = flattened(text, True)
    assert made == flattened(text, False)
    assert rejected == []
    fast = FastDecoder(ORDERS, LINEAGE.latest_document_ms, UnnamedFields(ORDERS, Observations()))
    decoded: Any = fast.decode([text])
    return [row["extra_fields"] for row in rows], decoded is not None and len(decoded.positions) == 1


@pytest.mark.parametrize(
    ("fields", "rows"),
    [
        ('"note": "für  dich"', ['{"note":"für  dich"}']),
        ('"a": 1.50, "b": null, "c": true', ['{"a":1.50,"b":null,"c":true}']),
        ('"tags": ["x", {"y": 1}]', ['{"tags":["x",{"y":1}]}']),
        (r'"note": "a\/b \u00e9"', ['{"note":"a/b é"}']),
        ('"customer": {"tier": "gold"}', ['{"customer.tier":"gold"}']),
        ('"customer": null, "x": 1', ['{"x":1}']),
        ('"products": [{"price": 1}, {"sale": 2}]', [None, '{"products[].sale":2}']),
        ('"x": 1, "products": [{}, {"sale": 2}]', ['{"x":1}', '{"x":1,"products[].sale":2}']),
        ('"x": 1, "products": [{"price": 1}, {"price": 2}]', ['{"x":1}', '{"x":1}']),
        ('"products": null, "a.b": 1', ['{"[\\"a.b\\"]":1}']),
        # A text that looks as if a key were in it.
        (r'"note": "\"x\": 1", "customer": {"name": "\"y\": 2"}', [r'{"note":"\"x\": 1"}']),
    ],
)
def test_what_is_sure_is_read_at_a_glance(fields: str, rows: list[str | None]) -> None:
    assert read(fields) == (rows, True)


@pytest.mark.parametrize(
    ("fields", "extra"),
    [
        # A key without a value before the same with one, which drops nothing.
        ('"a": null, "a": 1', '{"a":1}'),
        # Half of a surrogate pair, which msgspec does not take.
        (r'"a": "\ud800"', r'{"a":"\ud800"}'),
    ],
)
def test_what_is_not_sure_is_read_strictly(fields: str, extra: str) -> None:
    assert read(fields) == ([extra], False)


@pytest.mark.parametrize(
    "fields",
    [
        '"a": 1, "a": 2',
        '"customer": {"a": 1, "a": 2}',
        '"products": [{"a": 1, "a": 2}]',
        '"a": {"b": 1, "b": 2}',
        '"a": ' + "[" * 200 + "]" * 200,
    ],
)
@pytest.mark.parametrize("fast", [True, False])
def test_what_the_strict_way_rejects_is_rejected(fields: str, fast: bool) -> None:
    assert len(flattened(f"{{{SOUND}, {fields}}}".encode(), fast)[2]) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("fast", [True, False])
def test_extra_fields_that_would_be_repeated_too_often_are_rejected(fast: bool) -> None:
    note = "x" * 40_000
    text = json.dumps({"order_id": 1, "order_date": "2024-01-01", "note": note, "products": [{}] * 2000})
    (rejected,) = flattened(text.encode(), fast)[2]
    assert rejected.path == "products[]"
    assert "since each repeats the document's texts" in rejected.reason


SHIPMENTS = """
[document]
identity = ["id"]
[tables.orders.columns]
id = { path = "id", type = "identifier", required = true }
[tables.boxes]
rows = "shipments[].boxes[]"
[tables.boxes.columns]
weight = { path = "shipments[].boxes[].weight", type = "integer" }
"""


@pytest.mark.parametrize("boxes", ["[]", '""', "false", "null"])
@pytest.mark.parametrize("fast", [True, False])
def test_an_element_whose_list_says_that_there_is_nothing_makes_no_row_and_is_kept(boxes: str, fast: bool) -> None:
    shipment = f'{{"carrier":"DHL","boxes":{boxes}}}'
    document = f'{{"id":1,"shipments":[{{"boxes":[{{"weight":2}}]}},{shipment}]}}'
    tables, *_ = flattened_tables(document.encode(), fast, read_text(SHIPMENTS, "shipments"))
    assert [row["extra_fields"] for row in tables["orders"][0]] == [f'{{"shipments":[{shipment}]}}']
    assert [row["weight"] for row in tables["boxes"][0]] == [2]
