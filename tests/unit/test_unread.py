"""An object's members are parsed once they are asked for, to what the strict parser makes of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from chalicelib.contracts import registry
from chalicelib.flatten.json_text import RejectedDocument, parsed
from chalicelib.flatten.scalars import NumberText
from chalicelib.flatten.strict import StrictDecoder
from chalicelib.flatten.unread import UnreadObject, holding_arrays, holds_objects_only, unread

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def typed(value: Any) -> Any:
    """Return a value with the types of its scalars beside them: NumberText equals the same text otherwise."""
    if isinstance(value, dict):
        return {key: typed(each) for key, each in value.items()}
    return [typed(each) for each in value] if isinstance(value, list) else (type(value), value)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5), st.sampled_from([{}, {"ensure_ascii": False}]))
def test_all_that_is_asked_for_is_as_the_parser_has_it(document: dict[str, Any], way: dict[str, Any]) -> None:
    raw = json.dumps(document, indent=1, **way).encode()
    expected = parsed(raw)
    assert typed(unread(raw)) == typed(expected)
    assert [typed(value) for value in unread(raw).values()] == [typed(value) for value in expected.values()]
    assert {key: typed(unread(raw)[key]) for key in unread(raw)} == typed(expected)
    assert {key: typed(unread(raw).get(key)) for key in expected} == typed(expected)
    assert holds_objects_only(unread(raw)) == holds_objects_only(expected)
    passed = [key for key in holding_arrays(expected, 4) if key not in holding_arrays(unread(raw), 4)]
    assert not any(has_array(expected[key]) for key, _ in passed)
    assert set(holding_arrays(unread(raw), 4)) <= set(holding_arrays(expected, 4))


def has_array(value: Any) -> bool:
    """Tell whether a value is an array, or has one in it."""
    return isinstance(value, list) or (isinstance(value, dict) and any(map(has_array, value.values())))


def test_nothing_is_parsed_but_what_is_asked_for() -> None:
    value = unread(b'{"a": 1.50, "b": {"c": "\\u00e9", "d": []}, "e": [1], "f": {"g": 1}}')
    assert holding_arrays(value, 2) == [("b", True)]
    assert holding_arrays(value, 3) == [("b", True), ("e", False)]
    assert not holds_objects_only(value)
    assert value.get("a") == "1.50"
    assert value.get("x", 7) == 7
    assert value["b"]["c"] == "é"
    assert [type(each) for each in dict.values(value)] == [NumberText, UnreadObject, Raw, Raw]
    assert [type(each) for each in dict.values(value["b"])] == [str, Raw]
    with pytest.raises(KeyError):
        value["x"]


@pytest.mark.parametrize(
    "document",
    [
        b'{"id": 1, "lines": [{"order_id": 1}], "meta": {"rows": [{}]}}',
        b'{"order": {"order_id": 1}}',
        b'{"a": {}, "b": {"x": 1}}',
        b'{"a": {}, "b": {"x": 1}, "c": 2, "d": 3, "e": 4, "%b": 5}' % (b"k" * 60),
        b'{"order_id": 1, "order_date": {"x": 1}}',
        b'{"order_id": 1, "order_date": "2024-01-01", "products": [{"price": "x"}]}',
        b"{}",
        b"[1]",
    ],
)
def test_a_document_is_rejected_for_the_same_reason_however_it_is_read(document: bytes) -> None:
    decoder = StrictDecoder(registry.contract("orders"), 2_000_000_000_000)
    reasons = set()
    for is_sound in (False, True):
        with pytest.raises(RejectedDocument) as caught:
            decoder.decode(document, is_sound=is_sound)
        reasons.add(str(caught.value))
    assert len(reasons) == 1


def test_of_columns_that_are_certain_none_is_read_before_the_one_that_is_not() -> None:
    """What a column that is called certain holds is not looked at; where the next one is fine, all are read."""
    decoder = StrictDecoder(registry.contract("orders"), 2_000_000_000_000)
    reasons = {}
    document = b'{"order_id": {}, "order_date": "2024-01-01", "total_amount": {"amount": 1}}'
    for certain in (0, 2, 3, 30):
        with pytest.raises(RejectedDocument) as caught:
            decoder.decode(document, is_sound=True, certain=certain)
        reasons[certain] = str(caught.value)
    identity = "order_id: expected text or an integer, found an object"
    assert reasons == {0: identity, 2: "total_amount: expected a number, found an object", 3: identity, 30: identity}
