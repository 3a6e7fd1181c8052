"""The JSON Schema of a contract takes every document that the strict way accepts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from chalicelib.contracts import registry
from chalicelib.contracts.contract import EARLIEST, Contract
from chalicelib.contracts.json_schema import json_schema
from chalicelib.contracts.paths import Where
from chalicelib.contracts.reading import read_text
from chalicelib.flatten.json_text import RejectedDocument
from chalicelib.flatten.strict import StrictDecoder
from tests.contracts import NAMES, ORDERS
from tests.drawn_contracts import completed, declared_contracts
from tests.drawn_documents import drawn_record
from tests.examples import examples
from tests.unit.drawn_contracts import DrawnContract

ROOT = Path(__file__).parents[2]
LATEST = 1_800_000_000_000
CONTRACTS = [str(ROOT / "tests/contracts" / name) for name in NAMES]


def validator(contract: Contract) -> Draft202012Validator:
    schema = json_schema(contract)
    assert json.loads(json.dumps(schema)) == schema
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def rejection(contract: Contract, text: str) -> str | None:
    try:
        StrictDecoder(contract, LATEST).decode(text.encode())
    except RejectedDocument as problem:
        return str(problem)
    return None


def errors(schema: Draft202012Validator, record: Any) -> list[str]:
    return [error.message for error in schema.iter_errors(json.loads(json.dumps(record)))]


def sample(contract: Contract) -> list[Any]:
    assert contract.folder
    text = (contract.folder / "sample.json").read_text("utf-8")
    try:
        value = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines()]
    for path in contract.records:
        inner = value
        for key in path.keys:
            inner = inner.get(key) if isinstance(inner, dict) else None
        value = inner if isinstance(inner, list) else value
    return value if isinstance(value, list) else [value]


@pytest.mark.thorough
@examples(25, many=150)
@given(declared_contracts(), st.integers(0, 2**32), st.sampled_from([0, 0.02, 0.05, 0.2]))
def test_what_is_accepted_by_a_drawn_contract_is_valid(declared: Contract, seed: int, ugliness: float) -> None:
    contract = completed(replace(declared, earliest=EARLIEST))
    schema = validator(contract)
    for each in range(5):
        record = drawn_record(contract, seed + each, ugliness)
        if rejection(contract, json.dumps(record)) is None:
            assert errors(schema, record) == [], (record, json_schema(contract))


@pytest.mark.thorough
@examples(25, many=150)
@given(st.integers(0, 2**32), st.sampled_from([0, 0.05, 0.3]))
def test_unusual_documents_are_valid_where_they_are_accepted_and_invalid_without_what_they_need(
    seed: int, ugliness: float
) -> None:
    drawn = DrawnContract(seed)
    contract = read_text(drawn.text, "drawn")
    schema = validator(contract)
    # Which of several chosen elements counts is left open.
    needed = [path for _, column in contract.columns() if column.required for path in column.paths]
    needs_chosen = any(isinstance(step, Where) for path in needed for step in path.steps)
    for text in drawn.batch(ugliness):
        try:
            record = json.loads(text)
        except ValueError:
            continue
        reason = rejection(contract, text)
        listed = [error.message for error in schema.iter_errors(record)]
        if reason is None:
            assert listed == [], (text, drawn.text)
        elif "missing: a document needs" in reason and contract.at is None and not needs_chosen:
            assert listed, (text, drawn.text)


LEFT_OPEN = (
    "the key appears twice",
    "is too large",
    "is too small",
    "is not a whole number",
    "is not an integer",
    "is out of range",
    "is out of the range of dates",
    "has more than ",
    "its currency at ",
    "which says how many decimals it has",
    "a date in none of",
    "is not a date: ",
    "is not a date as",
    "is not an RFC 2822 date",
    "is nested",
    "half of a surrogate",
)
"""What a schema cannot say, by the reasons of rejection: the module names each."""


@pytest.mark.thorough
@examples(50, many=300)
@given(st.integers(0, 2**32), st.sampled_from([0.05, 0.3]))
def test_what_is_rejected_is_invalid_but_for_what_a_schema_cannot_say(seed: int, ugliness: float) -> None:
    drawn = DrawnContract(seed)
    contract = read_text(drawn.text, "drawn")
    if contract.at is not None:
        # What lies there may be a text of JSON, in which a schema looks at nothing.
        return
    schema = validator(contract)
    for text in drawn.batch(ugliness):
        reason = rejection(contract, text)
        is_open = reason is None or any(each in reason for each in LEFT_OPEN) or _is_left_open(contract, reason)
        try:
            record = json.loads(text)
        except ValueError:
            continue
        if is_open or "\\n" in text or "e-" in text.lower():
            continue
        assert not schema.is_valid(record), (reason, text, drawn.text)


def _is_left_open(contract: Contract, reason: str) -> bool:
    """Tell whether a schema cannot say a reason of this column, though it can of others."""
    where, _, rest = reason.partition(": ")
    for _, column in contract.columns():
        chosen = [step for path in column.paths for step in path.relative if isinstance(step, Where)]
        read = any(_bare(path).startswith(_bare(where)) for path in column.paths)
        in_several_lists = len({path.level for path in column.paths}) > 1
        if read and (in_several_lists or any(step.number is not None for step in chosen)):
            return True
        if column.required and column.nulls.numbers and reason.endswith(f" needs its {column.name}"):
            return True
        elsewhere = len({path.level for path in (*column.paths, *column.referred)}) > 1 or chosen
        on_the_way = any(_bare(path).startswith(_bare(where)) for path in column.referred)
        if elsewhere and on_the_way and rest.startswith("expected an "):
            return True
    return False


def _bare(path: object) -> str:
    """Return the keys of a path, whether written by a contract or in a reason."""
    return re.sub(r'\[\d*\]|\[[^]=]+=[^]]*\]|[][".]', "", str(path))


def orders() -> Contract:
    return ORDERS


SOUND = {"order_id": 1, "order_date": "2024-07-05", "products": [{"product_id": "a", "price": "1.50", "quantity": 2}]}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"order_id": None}, "None is not of type 'string', 'integer'"),
        ({"order_id": ""}, "'' should be non-empty"),
        ({"order_id": 1.5}, "1.5 is not of type 'string', 'integer'"),
        ({"order_date": "yesterday"}, "'yesterday' does not match"),
        ({"order_date": 20240705}, "20240705 is not of type 'string'"),
        ({"total_amount": "12,50"}, "'12,50' does not match"),
        ({"total_amount": 1e15}, "is greater than the maximum of 100000000000000"),
        ({"customer": "Ann"}, "'Ann' is expected to be empty"),
        ({"products": {"product_id": 1}}, "is not of type 'array', 'null', 'string', 'boolean'"),
        ({"products": [{"quantity": "two"}]}, "'two' does not match"),
        ({"products": True}, "True should not be valid under {'const': True}"),
        ({"products": [5]}, "5 is not of type 'object'"),
    ],
)
def test_what_breaks_the_contract_is_an_error_of_the_schema(wrong: dict[str, Any], error: str) -> None:
    record = SOUND | wrong
    assert rejection(orders(), json.dumps(record)) is not None
    [message] = errors(validator(orders()), record)
    assert error in message


def test_an_order_without_identity_lacks_a_required_property() -> None:
    assert errors(validator(orders()), {"order_date": "2024-07-05"}) == ["'order_id' is a required property"]


@pytest.mark.parametrize(
    "fine",
    [
        {"products": []},
        {"products": ""},
        {"customer": []},
        {"customer": False},
        {"customer": None},
        {"products": False},
        {"note": {"any": [1]}},
    ],
)
def test_what_counts_as_missing_and_what_no_column_has_is_valid(fine: dict[str, Any]) -> None:
    assert rejection(orders(), json.dumps(SOUND | fine)) is None
    assert errors(validator(orders()), SOUND | fine) == []


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"price": 1250, "decimals": "two"}, "'two' does not match"),
        ({"price": 1250, "decimals": -1}, "-1 is less than the minimum of 0"),
        ({"price": 1250}, "'decimals' is a required property"),
        ({"price": 1250, "decimals": "2"}, None),
        ({"price": None}, None),
        ({"price": -1}, None),
        ({"fees": [5, 7]}, "'of' is a required property"),
        ({"fees": [5, 7], "of": {"fee": None}}, "None is not of type 'string'"),
        ({"fees": [5], "of": {}}, None),
    ],
)
def test_an_amount_in_minor_units_needs_what_says_how_many_decimals_it_has(
    document: dict[str, Any], error: str | None
) -> None:
    contract = read_text(
        '[document]\nidentity = "id"\n[tables.t.columns]\nid = { path = "id", type = "identifier", required = true }\n'
        'price = { path = "price", type = "decimal", digits = "decimals", null = [-1] }\n'
        'fee = { path = "fees[1]", type = "decimal", digits = { currency = "of.fee" } }\n',
        "minor",
    )
    assert (rejection(contract, json.dumps({"id": 1} | document)) is None) is (error is None)
    listed = errors(validator(contract), {"id": 1} | document)
    assert len(listed) == (error is not None)
    assert all(error in each for each in listed if error)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.removeprefix(str(ROOT)))
def test_the_schema_of_every_contract_takes_its_sample_and_no_text(path: str) -> None:
    contract = registry.contract(path)
    schema = validator(contract)
    records = sample(contract)
    assert [rejection(contract, json.dumps(record)) for record in records] == [None] * len(records)
    assert [errors(schema, record) for record in records] == [[]] * len(records)
    assert errors(schema, "no document")


def test_a_document_in_a_record_has_a_definition_of_its_own() -> None:
    contract = read_text(
        '[document]\nidentity = "id"\nat = "Sns.Message"\n[tables.t.columns]\n'
        'id = { path = "id", type = "identifier" }\nsent = { outer = "Sns.Id", type = "text", required = true }\n',
        "messages",
    )
    schema = validator(contract)
    assert schema.schema["$defs"]["document"]["required"] == ["id"]
    assert errors(schema, {"Sns": {"Id": "m", "Message": {"id": 1}}}) == []
    assert errors(schema, {"Sns": {"Id": "m", "Message": '{"id": 1}'}}) == []
    assert errors(schema, {"Sns": {"Message": {"id": 1}}}) == ["'Id' is a required property"]


def test_the_schema_needs_neither_columns_nor_parsers() -> None:
    code = "import sys, chalicelib.contracts.json_schema; print({'pyarrow', 'numpy', 'boto3'} & {*sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    assert run.stdout == "set()\n"
