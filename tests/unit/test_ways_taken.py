"""Sound documents of every kind of contract are decoded by the fast way: the strict one is for the others."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts import registry
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import read_text
from chalicelib.documents.records import Batch
from chalicelib.flatten.fast import FastDecoder
from chalicelib.flatten.flattener import records_of
from chalicelib.flatten.json_text import RejectedDocument
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.strict import StrictDecoder
from chalicelib.flatten.unnamed import UnnamedFields
from tests.builders import flattened, flattened_tables
from tests.contracts import FOLDER, NAMES, ORDERS, contract_with
from tests.drawn_contracts import completed, declared_contracts
from tests.drawn_documents import drawn_record
from tests.example_rows import EXAMPLES
from tests.example_rows import NAMES as EXAMPLE_NAMES
from tests.examples import examples
from tests.unit.drawn_contracts import DrawnContract

MANY_KEYS = 2000

FEW_KEYS = 128
"""How many keys of an object compiled code compares one by one (native/documents.c)."""
MOST_LEVELS = 120
"""Of nesting, that compiled code looks into (see native/documents.c)."""
LATEST_MS = 4_000_000_000_000
"""Beyond the dates of all samples."""

DATED = {"id": 1, "at": "2024-07-05T10:00:00Z"}


def sound(made_for: Contract, raws: Iterable[bytes]) -> list[bytes]:
    """Return those of the records that the strict way loads."""
    decoder = StrictDecoder(made_for, LATEST_MS)
    loaded = []
    for raw in raws:
        try:
            decoder.decode(raw)
        except RejectedDocument:
            continue
        loaded.append(raw)
    return loaded


def decoded_fast(made_for: Contract, raws: Sequence[bytes]) -> int:
    """Return how many of the records the fast way decodes."""
    decoder = FastDecoder(made_for, LATEST_MS, UnnamedFields(made_for, Observations()))
    decoded = decoder.decode(raws) if raws else None
    return 0 if decoded is None else len(decoded.positions)


def assert_fast(made_for: Contract, documents: Iterable[object], expected: int | None = None) -> None:
    """Assert that so many documents, all unless told, are decoded fast, and that both ways make the same of them."""
    raws = [json.dumps(each).encode() for each in documents]
    assert decoded_fast(made_for, raws) == (len(raws) if expected is None else expected)
    text = b"[" + b",".join(raws) + b"]"
    strict = flattened_tables(text, False, made_for)
    assert strict[2] == len(raws)
    assert flattened_tables(text, True, made_for) == strict


@pytest.mark.parametrize("folder", [*(FOLDER / name for name in NAMES), *(EXAMPLES / name for name in EXAMPLE_NAMES)])
def test_no_document_of_a_sample_needs_the_strict_way(folder: Path) -> None:
    made_for = registry.contract(str(folder))
    sample = (folder / "sample.json").read_bytes()
    batches: list[Batch] = list(records_of(io.BytesIO(sample), 1 << 20, 1 << 30, made_for))
    raws = sound(made_for, [bytes(raw) for batch in batches for raw in batch.raws])
    assert decoded_fast(made_for, raws) == len(raws) > 0


@pytest.mark.thorough
def test_no_sound_document_of_a_drawn_contract_needs_the_strict_way() -> None:
    fast = read = 0
    for seed in range(150):
        drawn = DrawnContract(seed)
        made_for = read_text(drawn.text, "drawn")
        raws = sound(made_for, [record.encode() for record in drawn.batch(0)])
        fast += decoded_fast(made_for, raws)
        read += len(raws)
    assert read > 400
    assert fast >= 0.995 * read


@pytest.mark.thorough
@examples(20, many=60)
@given(
    declared_contracts(),
    st.integers(0, 2**32),
    st.sampled_from([0.0, 0.1, 0.3]),
    st.sampled_from([(", ", ": "), (",", ":"), (" ,", ":")]),
    st.booleans(),
)
def test_whatever_a_contract_declares_comes_out_the_same_either_way(
    declared: Contract, seed: int, ugliness: float, separators: tuple[str, str], ensure_ascii: bool
) -> None:
    made_for = completed(declared)
    dump = partial(json.dumps, separators=separators, ensure_ascii=ensure_ascii)
    raws = [dump(drawn_record(made_for, seed + i, ugliness)).encode() for i in range(8)]
    text = b"[" + b",".join(raws) + b"]"
    tables, rejected, loaded, _ = flattened_tables(text, False, made_for)
    assert repr(flattened_tables(text, True, made_for)[:3]) == repr((tables, rejected, loaded))
    if ugliness == 0:
        raws = sound(made_for, raws)
        assert decoded_fast(made_for, raws) == len(raws)


def test_elements_that_a_filter_leaves_out_are_kept_beside_the_rows() -> None:
    filtered = contract_with(
        'amount = { path = "Line[].Amount", type = "decimal" }', table='rows = "Line[DetailType=SalesItem][]"'
    )
    lines = [{"DetailType": "SalesItem", "Amount": 1.5}, {"DetailType": "SubTotal", "Amount": "much", "note": "\u00e9"}]
    assert_fast(filtered, [{**DATED, "Line": lines}] * 3)
    (row,) = flattened(json.dumps([{**DATED, "Line": lines}]).encode(), True, filtered)[0]
    assert json.loads(row["extra_fields"]) == {"Line": lines[1:], "Line[].DetailType": "SalesItem"}


def test_a_date_in_either_form_of_extended_json_is_read_fast() -> None:
    mongodb = contract_with('sold = { path = ["sold.$date.$numberLong", "sold.$date"], type = "integer" }')
    assert_fast(mongodb, [{**DATED, "sold": {"$date": value}} for value in (5, {"$numberLong": "5"}, None, "7")])


def test_one_value_in_two_forms_is_read_fast() -> None:
    both = contract_with(
        'price = { path = "price", type = "decimal" }\nas_sent = { path = "price", type = "text" }\n'
        'buyer = { path = "buyer", type = "json" }\nbuyer_id = { path = "buyer.id", type = "identifier" }'
    )
    assert_fast(both, [{**DATED, "price": price, "buyer": {"id": 7, "x": [1]}} for price in (1.5, "2.50", 3)])


def test_keys_with_quotes_and_keys_that_are_written_with_escapes_are_read_fast() -> None:
    quoted = contract_with(
        """size = { path = '"width 2\\""', type = "text" }\nname = { path = "na\u00efve", type = "text" }"""
    )
    documents = [{**DATED, 'width 2"': "5", "na\u00efve": "x", "\u00fcber": 1}] * 3
    assert_fast(quoted, documents)


def test_an_object_where_a_list_of_one_is_due_is_read_fast() -> None:
    one = contract_with('sku = { path = "items[].sku", type = "text" }', table='rows = "items[]"\none_or_many = true')
    assert_fast(
        one, [{**DATED, "items": items} for items in ({"sku": "a"}, [{"sku": "b"}, {"sku": "c", "x": 1}], None)]
    )


def test_a_document_in_a_text_is_opened_and_read_fast() -> None:
    nested = contract_with(
        'sent = { outer = "Sns.MessageId", type = "text" }\nnote = { path = "note", type = "text" }',
        document='at = "Sns.Message"',
    )
    messages = [json.dumps({**DATED, "note": "it's \u00e9", "x": {"y": 1}}), {**DATED, "note": 'say "x"'}]
    assert_fast(nested, [{"Sns": {"MessageId": str(i), "Message": each}} for i, each in enumerate(messages)])


def test_a_column_that_reads_the_text_of_the_document_gets_it_unopened() -> None:
    nested = contract_with('text = { outer = "body", type = "json" }', document='at = "body"')
    assert_fast(nested, [{"body": json.dumps(DATED)}], expected=0)


def test_a_value_around_the_document_that_is_not_chosen_is_no_unnamed_field() -> None:
    around = contract_with('sent = { outer = ["sent", "received"], type = "text" }', document='at = "body"')
    assert_fast(around, [{"sent": "x", "received": "y", "body": DATED}])
    (row,) = flattened(json.dumps([{"sent": "x", "received": "y", "body": DATED}]).encode(), True, around)[0]
    assert row["extra_fields"] is None


@pytest.mark.parametrize("top", [False, True])
def test_identifiers_as_keys_keep_no_document_from_the_fast_way(top: bool) -> None:
    plain = contract_with('note = { path = "note", type = "text" }')
    documents = []
    for i in range(3 * MANY_KEYS):
        by_id = {f"id-{i}": {f"key-{i}": i}, f"\u00e9-{i}": i}
        documents.append({**DATED, "note": "x", **(by_id if top else {"by_id": by_id})})
    decoder = FastDecoder(plain, LATEST_MS, UnnamedFields(plain, Observations()))
    for start in range(0, len(documents), 1000):
        raws = [json.dumps(each, ensure_ascii=False).encode() for each in documents[start : start + 1000]]
        decoded = decoder.decode(raws)
        assert decoded is not None
        assert len(decoded.positions) == len(raws)
    assert_fast(plain, documents[:50])


def test_one_document_that_is_nested_too_deep_leaves_the_others_to_the_fast_way() -> None:
    deep = "[" * MOST_LEVELS + "]" * MOST_LEVELS
    raws = [b'{"order_id": 1, "order_date": "2024-07-05"}'] * 3
    raws.append(b'{"order_id": 2, "order_date": "2024-07-05", "x": %s}' % deep.encode())
    assert decoded_fast(ORDERS, raws) == 3


@pytest.mark.parametrize("bad", [True, False])
def test_rows_of_a_document_that_would_take_gigabytes_are_not_made_beside_others(bad: bool) -> None:
    columns = 'note = { path = "note", type = "text" }\nn = { path = "rows[].n", type = "integer" }'
    made_for = contract_with(columns, table='rows = "rows[]"')
    giant = {**DATED, "note": "x" * 100_000, "rows": [{"n": 1}] * 30_000 + [{"n": "bad"}] * bad}
    raws = [json.dumps(each).encode() for each in (DATED, giant, DATED)]
    assert decoded_fast(made_for, raws) == 2
    (tables, rejected, loaded, _) = flattened_tables(b"[" + b",".join(raws) + b"]", True, made_for)
    assert (len(tables["lines"][0]), loaded, [each.record_number for each in rejected]) == (2, 2, [2])


def test_a_key_that_comes_twice_is_left_to_the_strict_way_wherever_it_stands() -> None:
    keys = [f"k{i}" for i in range(3 * MANY_KEYS)]
    many = ",".join(f'"{key}": 1' for key in keys)
    repeated = [
        '"x": {"a": 1, "a": 2}',
        '"x": [{"a": {"b": 1, "b": null, "b": 2}}]',
        f'"x": {{{many}, "{keys[-1]}": 2}}',
    ]
    records = [f'{{"order_id": 1, "order_date": "2024-07-05", {each}}}'.encode() for each in repeated]
    for record in records:
        assert decoded_fast(ORDERS, [record]) == 0
    assert decoded_fast(ORDERS, [f'{{"order_id": 1, "order_date": "2024-07-05", "x": {{{many}}}}}'.encode()]) == 1


@pytest.mark.parametrize("count", [FEW_KEYS - 1, FEW_KEYS, FEW_KEYS + 1, 3 * FEW_KEYS])
def test_a_key_that_comes_twice_is_seen_however_many_keys_there_are_and_where_the_first_stands(count: int) -> None:
    keys = [f"k{i}" for i in range(count)]
    for first in (0, count // 2, count - 1):
        for repeated in ([], [keys[first]]):
            many = ",".join(f'"{key}": 1' for key in [*keys, *repeated])
            record = b'{"order_id": 1, "order_date": "2024-07-05", "x": {%b}}' % many.encode()
            assert decoded_fast(ORDERS, [record]) == (not repeated), (first, repeated)


VALUES = [
    '"plain"',
    '"\\u00e9 \\n \\/"',
    '{"a":{"b":[1,{"c":"d e"}]}}',
    '{"a": 1}',
    '{"a":{"b" :1}}',
    "[ ]",
    "[1 ,2]",
    '[{"\\u0061":1}]',
]


@pytest.mark.parametrize("before", [None, *VALUES])
@pytest.mark.parametrize("value", VALUES)
def test_unnamed_values_are_kept_without_white_space_and_escapes_whatever_stands_before(
    value: str, before: str | None
) -> None:
    first = "" if before is None else f'"first":{before},'
    record = (
        f'{{"order_id":1,"order_date":"2024-07-05",{first}"x":{value},"products":[{{"product_id":"1","y":{value}}}]}}'
    )
    (row,) = flattened(f"[{record}]".encode(), True)[0]
    kept = json.loads(record)
    expected = {"x": kept["x"], "products[].y": kept["x"]} | ({} if before is None else {"first": kept["first"]})
    assert json.loads(row["extra_fields"]) == expected
    assert (
        row["extra_fields"]
        .split('"x":')[1]
        .startswith(json.dumps(kept["x"], separators=(",", ":"), ensure_ascii=False))
    )
    assert flattened(f"[{record}]".encode(), False)[0] == [row]
    assert decoded_fast(ORDERS, [record.encode()]) == 1
