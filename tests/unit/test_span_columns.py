"""Columns that compiled code makes of values in a text are those that the strict way makes of each value."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.contracts.contract import Column
from chalicelib.flatten import columns, span_columns, values
from chalicelib.flatten.columns import Bools
from chalicelib.flatten.json_text import RejectedDocument, compact, parsed
from chalicelib.flatten.plan_values import Spans
from chalicelib.flatten.scalars import InvalidValue
from chalicelib.flatten.schema import arrow_type
from chalicelib.flatten.span_columns import SpanColumns
from chalicelib.native_library import PADDING, library
from tests.contracts import contract_with
from tests.examples import examples

DECLARED = {
    "identifier": 'type = "identifier"',
    "text": 'type = "text"',
    "json": 'type = "json"',
    "decimal": 'type = "decimal"',
    "minor": 'type = "decimal", scale = 2, digits = 3',
    "whole": 'type = "decimal", scale = 0',
    "integer": 'type = "integer"',
    "double": 'type = "double"',
    "boolean": 'type = "boolean"',
    "timestamp": 'type = "timestamp"',
    "date": 'type = "date"',
    "epoch": 'type = "timestamp", format = "epoch_seconds"',
    "either": 'type = "timestamp", format = ["epoch_milliseconds", "iso"]',
}
CONTRACT = contract_with("\n".join(f'a_{name} = {{ path = "{name}", {rest} }}' for name, rest in DECLARED.items()))

NUMBERS = st.one_of(
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
    st.decimals(-1000, 1000, places=4).map(lambda each: f"{each + Decimal('1e-13')}"),
    st.sampled_from(["0", "-0", "0.0", "-0.0", "9223372036854775807", "999999999999999999", "0.00004999999", "1e-400"]),
)
DATES = st.one_of(
    st.datetimes().map(lambda each: each.isoformat()),
    st.builds(
        "{}-{:02}-{:02}{}".format,
        st.sampled_from(["0000", "0001", "1900", "2000", "2023", "2024", "9999"]),
        st.integers(0, 13),
        st.integers(0, 32),
        st.sampled_from(["", "T10:00:00", " 10:00:00Z", "T24:00:00", "T10:60:00", "T10:00:00.1234567899+02:00"]),
    ),
    st.from_regex(
        r"20[0-9]{2}-0[1-9]-[0-2][0-9][T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-]0[0-9]:?[0-9]{2})?"
    ),
)
TEXTS = st.one_of(
    st.text(max_size=20),
    NUMBERS,
    DATES,
    st.sampled_from(
        ["", "true", "null", "+5", "5.", ".5", " 5", "5 ", "1_0", "\u0665", "\ud800", "\x00", "\U000200cc"]
    ),
)
SPACED = st.recursive(
    TEXTS | st.booleans() | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
JSON = st.one_of(
    NUMBERS,
    TEXTS.map(json.dumps),
    TEXTS.filter(lambda each: "\ud800" not in each).map(lambda each: json.dumps(each, ensure_ascii=False)),
    st.sampled_from(["true", "false"]),
    SPACED.map(lambda each: json.dumps(each, indent=1)).filter(lambda each: each != "null"),
)


def laid_out(texts: Sequence[str]) -> tuple[bytes, Spans]:
    """Return values of a batch, one behind the other as in a text that was sent; one that is empty is not there."""
    sent = [text.encode() for text in texts]
    data = PADDING + b",".join(sent) + PADDING
    sizes = np.array([len(text) for text in sent], dtype=np.int64)
    starts = len(PADDING) + np.cumsum(sizes + 1) - sizes - 1
    return data, Spans(np.where(sizes > 0, starts, -1), starts + sizes)


def made(column: Column, texts: Sequence[str]) -> tuple[list[Any], Bools]:
    """Return a column of values and which of them are accepted."""
    data, spans = laid_out(texts)
    compiled = library()
    assert compiled is not None
    fine = np.ones(len(texts), dtype=np.bool_)
    maker = SpanColumns(compiled, data)
    if column.minor_units is not None:
        array = maker.decimals(column, spans, np.full(len(texts), 3, dtype=np.int64), fine)
    else:
        array = maker.column(column, spans, fine)
    array.validate(full=True)
    assert (len(array), array.type) == (len(texts), arrow_type(column))
    return array.to_pylist(), fine


def read_strictly(column: Column, text: str) -> Any:
    """Return what the strict way makes of a value, as a column has it."""
    if not text:
        return None
    value = parsed(text.encode())
    read: Any
    if column.name == "a_json":
        read = compact(value) if isinstance(value, dict | list) else values.text(value)
    elif column.minor_units is not None:
        read = values.decimal_units(value, 2, 3)
    else:
        read = values.reader(column)(value)
    return columns.column_of(arrow_type(column), [read]).to_pylist()[0]


@pytest.mark.thorough
@pytest.mark.parametrize("name", DECLARED)
@examples(60, many=150)
@given(texts=st.lists(st.just("") | JSON, max_size=12))
@example(texts=['"\\u0041\\/\\n\\ud83d\\ude00"', '{ "a\\u0020" : [ 1 , "x y" ] }', "", "1.10", "12e2", '"7"'])
def test_a_column_is_what_the_strict_way_makes_of_each_value(name: str, texts: list[str]) -> None:
    column = CONTRACT.main[f"a_{name}"]
    cells, fine = made(column, texts)
    for text, cell, is_fine in zip(texts, cells, fine.tolist(), strict=True):
        try:
            expected = read_strictly(column, text)
        except (InvalidValue, RejectedDocument):
            assert not is_fine, (text, cell)
        else:
            assert is_fine, text
            assert repr(cell) == repr(expected), text


USUAL = {
    "identifier": ["7", '"007"', '"caf\u00e9 \\u00e9\\n"', "123456789012345678901234567890"],
    "text": ['"x"', "1.50", "true", '"\\ud83d\\ude00"'],
    "json": ['{"a": [1, 2]}', '"x"', "[ ]", "7"],
    "decimal": ["1.5", '"-1234567.1234"', "1e3", "0.30000000000000004", "0", "1.0000000"],
    "integer": ["7", "-7", '"12"', "2.0"],
    "double": ["1.5", "0.1", "-2e10", "9007199254740992"],
    "timestamp": ['"2024-07-05"', '"2024-07-05T10:15:00Z"', '"2024-07-05 10:15:00"', '"2024-07-05T10:15:00.123+02:00"'],
    "epoch": ["1720174500"],
    "either": ["1720174500123", '"2024-07-05T10:15:00Z"'],
}


@pytest.mark.parametrize("name", USUAL)
def test_what_is_written_as_usual_needs_no_second_look(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(span_columns, "parsed", lambda text: pytest.fail(f"{text} was looked at"))
    cells, fine = made(CONTRACT.main[f"a_{name}"], USUAL[name])
    assert fine.all()
    assert cells == [read_strictly(CONTRACT.main[f"a_{name}"], text) for text in USUAL[name]]


def test_values_in_no_order_and_one_within_another_are_read_where_they_lie() -> None:
    data = PADDING + b'{"a": "x"}, 15' + PADDING
    begin = len(PADDING)
    spans = Spans(np.array([begin + 12, begin, begin + 6, -1]), np.array([begin + 14, begin + 10, begin + 9, -1]))
    compiled = library()
    assert isinstance(compiled, ctypes.CDLL)
    array = SpanColumns(compiled, data).column(CONTRACT.main["a_json"], spans, np.ones(4, dtype=np.bool_))
    assert array.equals(pa.array(["15", '{"a":"x"}', "x", None]))
