"""Fields that the contract does not name are read at a glance where that is sure, and strictly where it is not."""

from __future__ import annotations

import json

import pytest
from chalicelib.flatten.extra_fields import ExtraFields

from chalicelib.flatten.strict import StrictDecoder
from chalicelib.flatten.values import RejectedDocument
from tests.contracts import ORDERS

MOST = 1 << 20
SOUND = '"order_id": 1, "order_date": "2024-01-01"'


class Strictly(StrictDecoder):
    """Counts how often it is asked."""

    asked = 0

    def extra_fields(self, raw: bytes, most_bytes: int) -> tuple[str | None, list[str | None]]:
        self.asked += 1
        return super().extra_fields(raw, most_bytes)


def read(text: str, keys: int) -> tuple[tuple[str | None, list[str | None]], int]:
    strict = Strictly(ORDERS, 2**60)
    lines = json.loads(text).get("products") or []
    in_lines = [len(line.keys() & {"product_id", "name", "category", "price", "quantity"}) for line in lines]
    return ExtraFields(ORDERS, strict).read(text.encode(), keys, in_lines, MOST), strict.asked


@pytest.mark.parametrize(
    ("fields", "keys", "order", "lines"),
    [
        ('"note": "für  dich"', 3, '{"note":"für  dich"}', []),
        ('"a": 1.50, "b": null, "c": true', 5, '{"a":1.50,"b":null,"c":true}', []),
        ('"tags": ["x", {"y": 1}]', 4, '{"tags":["x",{"y":1}]}', []),
        (r'"note": "a\/b \u00e9"', 3, '{"note":"a/b é"}', []),
        ('"customer": {"tier": "gold"}', 4, '{"customer.tier":"gold"}', []),
        ('"customer": null, "x": 1', 4, '{"x":1}', []),
        ('"products": [{"price": 1}, {"sale": 2}]', 5, None, [None, '{"products[].sale":2}']),
        ('"x": 1, "products": [{}, {"sale": 2}]', 5, '{"x":1}', ['{"x":1}', '{"x":1,"products[].sale":2}']),
        ('"x": 1, "products": [{"price": 1}, {"price": 2}]', 6, '{"x":1}', ['{"x":1}', '{"x":1}']),
        ('"products": null, "a.b": 1', 4, '{"[\\"a.b\\"]":1}', []),
    ],
)
def test_what_is_sure_is_read_at_a_glance(fields: str, keys: int, order: str | None, lines: list[str | None]) -> None:
    text = f"{{{SOUND}, {fields}}}"
    result, asked = read(text, keys)
    assert (result, asked) == ((order, lines), 0)
    assert result == StrictDecoder(ORDERS, 2**60).extra_fields(text.encode(), MOST)


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        # A text that looks as if a key were in it.
        (r'"note": "\"x\": 1", "customer": {"name": "\"y\": 2"}', 7),
        # A key without a value before the same with one, which drops nothing.
        ('"a": null, "a": 1', 4),
        # Half of a surrogate pair, which msgspec does not take.
        (r'"a": "\ud800"', 3),
    ],
)
def test_what_is_not_sure_is_read_strictly(fields: str, keys: int) -> None:
    text = f"{{{SOUND}, {fields}}}"
    result, asked = read(text, keys)
    assert asked == 1
    assert result == StrictDecoder(ORDERS, 2**60).extra_fields(text.encode(), MOST)


@pytest.mark.parametrize(
    ("fields", "keys"),
    [
        ('"a": 1, "a": 2', 4),
        ('"customer": {"a": 1, "a": 2}', 5),
        ('"products": [{"a": 1, "a": 2}]', 5),
        ('"a": {"b": 1, "b": 2}', 5),
        ('"a": ' + "[" * 200 + "]" * 200, 3),
    ],
)
def test_what_the_strict_way_rejects_is_rejected(fields: str, keys: int) -> None:
    with pytest.raises(RejectedDocument):
        read(f"{{{SOUND}, {fields}}}", keys)


def test_extra_fields_that_would_be_repeated_too_often_are_rejected() -> None:
    text = json.dumps({"order_id": 1, "order_date": "2024-01-01", "note": "x" * 1000, "products": [{}] * 2000})
    with pytest.raises(RejectedDocument, match="too many elements"):
        read(text, 4)
