"""contract.toml, by property: what is written is read back, and what is wrong is told and never a traceback."""

from __future__ import annotations

import datetime
import json
import tomllib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.paths import PathError, parse
from chalicelib.contracts.reading import read_text
from chalicelib.contracts.toml_lines import Location, lines
from chalicelib.errors import ContractError
from tests.contract_text import as_toml, dumped, values
from tests.drawn_contracts import ANY_TEXT, completed, declared_contracts
from tests.examples import examples

pytestmark = pytest.mark.thorough


@pytest.mark.thorough
@examples(30, many=80)
@given(declared_contracts())
def test_a_contract_is_read_back_as_it_was_written(declared: Contract) -> None:
    whole = completed(declared)
    assert read_text(as_toml(whole), whole.name) == whole


@pytest.mark.thorough
@examples(30, many=80)
@given(declared_contracts())
def test_columns_that_every_table_has_need_no_declaration(declared: Contract) -> None:
    said = values(declared)
    if not declared.date:
        del said["document"]["date"]
    assert read_text(dumped(said), declared.name) == completed(declared)


@pytest.mark.thorough
@examples(30, many=80)
@given(declared_contracts())
def test_the_levels_of_a_drawn_contract_lie_on_the_way_to_its_rows(declared: Contract) -> None:
    for table, column in completed(declared).columns():
        assert 0 <= table.level(column) <= table.depth
        for path in column.paths:
            assert path.list_path is None or path.list_path == table.lists[path.level - 1].path


JUNK = st.recursive(
    st.booleans()
    | st.integers()
    | ANY_TEXT
    | st.just(datetime.date(2024, 7, 5))
    | st.decimals(allow_nan=False, allow_infinity=False, places=2)
    | st.sampled_from(
        ["a[", "a[].b", "order_id", "decimal", "row_number", "", "a.b", "%Q", "Europe/Nowhere", "select"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=4,
)
KEYS = ANY_TEXT | st.sampled_from(
    ["path", "outer", "from", "product", "type", "scale", "digits", "rows", "identity", "null", "of", "Path", "columns"]
)


def _locations(value: Any, at: Location = ()) -> list[Location]:
    """Return where every value of nested tables and lists stands."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(location for key, each in inner for location in _locations(each, (*at, key)))]


@pytest.mark.thorough
@examples(30, many=80)
@given(declared_contracts(), st.data())
def test_a_contract_with_anything_changed_is_read_or_named_its_faults(declared: Contract, data: st.DataObject) -> None:
    said = values(declared)
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(_locations(said)[1:]))
        around: Any = said
        for key in way:
            around = around[key]
        match data.draw(st.sampled_from(["replace", "delete", "add", "rename"])):
            case "replace":
                around[last] = data.draw(JUNK)
            case "delete":
                del around[last]
            case "add" if isinstance(around, dict):
                around[data.draw(KEYS)] = data.draw(JUNK)
            case "rename" if isinstance(around, dict):
                around[data.draw(KEYS)] = around.pop(last)
        if len(_locations(said)) == 1:
            break
    _assert_read_or_named(dumped(said))


@pytest.mark.thorough
@examples(30, many=80)
@given(declared_contracts(), st.data())
def test_a_text_with_anything_changed_is_read_or_named_its_faults(declared: Contract, data: st.DataObject) -> None:
    text = as_toml(declared)
    start = data.draw(st.integers(0, len(text)))
    end = start + data.draw(st.integers(0, 5))
    _assert_read_or_named(
        text[:start] + data.draw(ANY_TEXT | st.sampled_from(["[", "'''", "\n", "=", "#", "\r"])) + text[end:]
    )


@examples(120, many=300)
@given(st.text(max_size=40) | st.text("[]{}=\"'.,#\n ab1", max_size=40))
def test_any_text_is_read_or_named_its_faults(text: str) -> None:
    _assert_read_or_named(text)


def _assert_read_or_named(text: str) -> None:
    problems = problems_of(text)
    if problems is None:
        return
    assert problems
    for problem in problems:
        assert problem.startswith("drawn.toml:"), problem
        assert problem.isprintable(), problem


def problems_of(text: str) -> list[str] | None:
    """Return what is wrong with a text, None where it is a contract."""
    try:
        read_text(text, "drawn", "drawn.toml")
    except ContractError as error:
        return error.problems
    return None


@pytest.mark.thorough
@examples(30, many=80)
@given(declared_contracts())
@example(Contract("x", (), ("a",), "b", description='a = 1\n[b]\n"""'))
def test_every_value_of_a_text_has_a_line(declared: Contract) -> None:
    text = as_toml(declared)
    by_location = lines(text)
    for location in _locations(tomllib.loads(text, parse_float=Decimal))[1:]:
        key = next(each for each in reversed(location) if isinstance(each, str)).rstrip("\x7f")
        assert json.dumps(key, ensure_ascii=False)[1:-1] in text.split("\n")[by_location[location] - 1]


@examples(200, many=500)
@given(st.text(max_size=20) | st.text('[]."=\\ab10 ', max_size=20))
def test_any_text_is_a_path_that_is_printed_and_read_back_or_none(text: str) -> None:
    try:
        path = parse(text)
    except PathError:
        return
    assert parse(str(path)) == path
    assert parse(str(path.plain)).plain == path.plain
