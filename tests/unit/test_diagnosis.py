"""A document that was not recognised is rejected with where its file holds an array of objects instead."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from chalicelib.contracts.paths import parse
from chalicelib.flatten.json_text import RejectedDocument
from chalicelib.flatten.strict import StrictDecoder
from tests.contracts import ORDERS


def reason(sent: str, at: str = "", records: str = "orders") -> str:
    contract = replace(ORDERS, at=parse(at) if at else None, records=(parse(records),))
    with pytest.raises(RejectedDocument) as rejection:
        StrictDecoder(contract, 1 << 45).decode(sent.encode())
    return rejection.value.reason


@pytest.mark.parametrize(
    ("sent", "hint"),
    [
        ('{"data":[{},{},{},{}]}', "; its key 'data' holds an array of 4 objects: name it in records"),
        (
            '{"payload":{"Orders":[{},{}]}}',
            "; its key 'payload.Orders' holds an array of 2 objects: name it in records",
        ),
        ('{"a":{"b":{"c d":[{}]}},"n":1}', """; its key 'a.b."c d"' holds an array of 1 object: name it in records"""),
        ('{"a":{"b":[{}]},"c":[{},{}]}', "; its key 'c' holds an array of 2 objects: name it in records"),
        ('{"orders":[{}]}', ", as records says, but is inside an array: send such objects one after the other"),
        ('{"products":[{}],"x":[1]}', "; its keys are 'products', 'x'"),
    ],
)
def test_the_array_is_named_by_the_path_that_records_takes(sent: str, hint: str) -> None:
    assert reason(sent).startswith("missing: a document needs its order_id; its key")
    assert reason(sent).endswith(hint)


def test_with_at_the_path_is_the_records() -> None:
    sent = '{"payload":{"Orders":[{},{}]}}'
    holds = "; its key 'Orders' holds an array of 2 objects: name 'payload.Orders' in records, and in at what is the "
    assert holds in reason(sent, at="payload")
    pages = '{"data":{"edges":[{"node":{}}]}}'
    assert reason(pages, at="node") == (
        "missing: the contract has the document there; its key 'data.edges' holds an array of 1 object: name it in "
        "records"
    )
    assert reason("{}", at="node") == "missing: the contract has the document there"


def test_a_large_object_is_looked_at_in_part_and_keys_are_shown_short() -> None:
    wide: dict[str, object] = {f"k{i}": {f"k{j}": {} for j in range(1100)} for i in range(1100)}
    assert "name it in records" not in reason(json.dumps(wide | {"last": [{}]}))
    long = reason(json.dumps({"k" * 10_000: [{}], "\x1b": 1}))
    assert "name it in records" in long
    assert long.isprintable()
    assert len(long) < 400
