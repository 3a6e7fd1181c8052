"""Columns that one call of compiled code makes are those that each would be by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.contract import Contract
from chalicelib.flatten import columns
from chalicelib.flatten.document_reader import DocumentReader
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.plain_columns import PlainColumns
from chalicelib.flatten.plan import Plan
from chalicelib.flatten.table_rows import Made
from chalicelib.flatten.unnamed import UnnamedFields
from chalicelib.flatten.views import Views
from chalicelib.native_library import library
from tests.builders import flattened_tables
from tests.contracts import contract_with
from tests.examples import examples
from tests.unit.test_span_columns import CONTRACT, DECLARED, JSON

PLAIN = DECLARED.keys() - {"boolean", "date", "epoch"}
CERTAIN = {
    "identifier": ['"a"', "7", "-0"],
    "text": ['"\\u00e9"', "1.50", "true", '""'],
    "json": ['{"a": [1, 2]}', '"a"', "1e2"],
    "decimal": ["1.5", '"2.25"', "-3", "0"],
    "minor": ["1500", '"2500"', "0"],
    "whole": ["3", "-4.0", '"5"'],
    "integer": ["1", "2.0", '"-3"'],
    "double": ["0.5", "1e3", '"2"'],
    "timestamp": ['"2024-07-05"', '"2024-07-05T10:00:00.123+02:00"'],
    "either": ['"2024-07-05 10:00:00Z"'],
}
TYPES = [
    pa.string(),
    pa.bool_(),
    pa.int32(),
    pa.int64(),
    pa.float64(),
    pa.date32(),
    pa.timestamp("ms"),
    pa.decimal64(18, 4),
]


def plain(made_for: Contract, raws: Sequence[bytes]) -> dict[str, pa.Array]:
    """Return the plain columns of the main table, over documents."""
    compiled = library()
    assert compiled is not None
    fields = UnnamedFields(made_for, Observations())
    plan = Plan(made_for, fields)
    reader = DocumentReader(compiled, plan, fields)
    values, good = reader.read(raws)
    assert good.all()
    views = Views(made_for, plan, values, good)
    table = made_for.main
    made: Made = {}
    own = [views.of(table, level) for level in range(table.depth + 1)]
    PlainColumns(compiled, made_for, plan, ()).make(table, own, values, made)
    for array in made.values():
        array.validate(full=True)
    return {name: array for (_, name), array in made.items()}


def documents(name: str, texts: Sequence[str]) -> list[bytes]:
    """Return documents with a value each at the key of a name, none for an empty text."""
    return [b'{"id":1,"at":"2024-07-05"%b}' % (f',"{name}":{text}' if text else "").encode() for text in texts]


@pytest.mark.parametrize("name", sorted(PLAIN))
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 64, 65])
def test_certain_values_make_plain_columns_with_nulls_between_them(name: str, count: int) -> None:
    given = CERTAIN[name]
    texts = [("", "null", given[i // 3 % len(given)])[i % 3] for i in range(count)]
    made = plain(CONTRACT, documents(name, texts))
    assert made.keys() == {f"a_{each}" for each in PLAIN} | {"id", "at"}
    text = b"[" + b",".join(documents(name, texts)) + b"]"
    rows = flattened_tables(text, False, CONTRACT)[0][CONTRACT.main.name][0]
    assert made[f"a_{name}"].to_pylist() == [row[f"a_{name}"] for row in rows]


@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(PLAIN))
@examples(20, many=60)
@given(texts=st.lists(st.just("") | JSON, max_size=12))
def test_a_column_with_a_value_that_is_not_certain_is_left_out_and_no_other(name: str, texts: list[str]) -> None:
    raws = [raw for raw in documents(name, texts) if _is_sound(raw)]
    made = plain(CONTRACT, raws)
    assert {f"a_{each}" for each in PLAIN - {name}} | {"id", "at"} <= made.keys()
    alone = [plain(CONTRACT, [raw]).get(f"a_{name}") for raw in raws]
    assert (f"a_{name}" in made) == all(array is not None for array in alone)
    if f"a_{name}" in made:
        assert made[f"a_{name}"].to_pylist() == [
            cell for array in alone if array is not None for cell in array.to_pylist()
        ]


def _is_sound(raw: bytes) -> bool:
    """Tell whether compiled code takes a document: it may have a key twice, or half of a pair."""
    fields = UnnamedFields(CONTRACT, Observations())
    compiled = library()
    assert compiled is not None
    return bool(DocumentReader(compiled, Plan(CONTRACT, fields), fields).read([raw])[1].all())


def test_a_required_column_is_left_out_where_it_is_missing_or_empty() -> None:
    for text in ('{"at":"2024-07-05"}', '{"id":"","at":"2024-07-05"}', '{"id":null,"at":"2024-07-05"}'):
        made = plain(CONTRACT, [*documents("text", ['"x"'] * 9), text.encode()])
        assert "id" not in made
        assert "at" in made


@pytest.mark.parametrize(
    ("way", "is_certain"),
    [({"x": "1"}, True), (None, True), ("", True), ([], True), (False, True), (1, False), ([1], False)],
)
def test_columns_below_what_is_no_object_are_left_out(way: object, is_certain: bool) -> None:
    made_for = contract_with('x = { path = "way.x", type = "text" }\ny = { path = "y", type = "text" }')
    given = [{"id": i, "at": "2024-07-05", "way": {"x": "0"}, "y": "z"} for i in range(9)]
    made = plain(made_for, [json.dumps(each).encode() for each in [*given, given[0] | {"way": way}]])
    assert ("x" in made) == is_certain
    assert made["y"].to_pylist() == ["z"] * 10


def test_elements_of_a_filtered_list_have_the_values_of_their_own() -> None:
    made_for = contract_with('n = { path = "rows[].n", type = "integer" }', table='rows = "rows[k=a][]"')
    rows = [{"k": "ab"[i % 2], "n": i} for i in range(20)]
    made = plain(made_for, [json.dumps({"id": 1, "at": "2024-07-05", "rows": rows}).encode()] * 2)
    assert made["n"].to_pylist() == [*range(0, 20, 2)] * 2


@pytest.mark.thorough
@pytest.mark.parametrize("kind", TYPES, ids=str)
@examples(30, many=80)
@given(st.data())
def test_values_on_rows_are_those_that_arrow_takes(kind: pa.DataType, data: st.DataObject) -> None:
    compiled = library()
    assert compiled is not None
    cells: list[Any] = data.draw(st.lists(st.none() | _cells(kind), min_size=1, max_size=40))
    array = columns.column_of(kind, cells)[data.draw(st.integers(0, len(cells) - 1)) :]
    elements = np.array(data.draw(st.lists(st.integers(-1, len(array) - 1), max_size=70)), dtype=np.int64)
    (made, again) = columns.repeated(compiled, [array, array], elements)
    made.validate(full=True)
    assert made.type == kind
    assert made.equals(again)
    assert made.equals(columns.take(array, np.maximum(elements, 0), elements >= 0))


def _cells(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if kind == pa.string():
        return st.text(max_size=40)
    if kind == pa.bool_():
        return st.booleans()
    return st.floats(allow_nan=False) if kind == pa.float64() else st.integers(-(10**6), 10**6)
