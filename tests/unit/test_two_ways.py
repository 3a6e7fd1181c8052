"""The fast way gives exactly the rows of the strict one, and both those of a third reading, whatever is sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.documents.records import Raw
from chalicelib.flatten.decoded import Proven
from chalicelib.flatten.fast import FastDecoder
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.unnamed import UnnamedFields
from tests.builders import LINEAGE, flattened
from tests.contracts import ORDERS, ORDERS_TEXT, contract_with
from tests.examples import examples
from tests.unit import third_reading
from tests.unit.compiled_splitting import (
    short_texts_are_split_by_compiled_code as short_texts_are_split_by_compiled_code,
)
from tests.unit.ugly_orders import UglyOrders

seeds = st.integers(0, 2**32)


def assert_ways_agree(records: list[str]) -> None:
    text = ("[" + ",".join(records) + "]").encode()
    fast, strict = flattened(text, True), flattened(text, False)
    assert fast == strict, text
    assert fast[3] + len(fast[2]) == len(records)
    tables, rejected = third_reading.Reading(ORDERS_TEXT, LINEAGE.modified_at).read(records)
    rows = tables[ORDERS.main.name]
    assert [third_reading.cells(row, each) for row, each in zip(fast[0], rows, strict=True)] == rows, text
    assert [each.record_number for each in fast[2]] == rejected, text


@pytest.mark.thorough
@examples(70, many=400)
@given(seeds, st.sampled_from([0.02, 0.1, 0.1, 0.5]))
def test_odd_and_broken_orders_come_out_the_same_either_way(seed: int, ugliness: float) -> None:
    assert_ways_agree(UglyOrders(seed).batch(ugliness))


@pytest.mark.thorough
@examples(40, many=100)
@given(seeds)
def test_sound_orders_come_out_the_same_either_way_and_mostly_take_the_fast_one(seed: int) -> None:
    assert_ways_agree(UglyOrders(seed).batch(0))


def decoded_fast(records: list[str]) -> int:
    decoder = FastDecoder(ORDERS, LINEAGE.latest_document_ms, UnnamedFields(ORDERS, Observations()))
    decoded = decoder.decode([record.encode() for record in records])
    return 0 if decoded is None else len(decoded.positions)


def test_fields_with_keys_of_the_contract_do_not_keep_an_order_from_the_fast_way() -> None:
    order = '{"order_id": 7, "order_date": "2024-01-01", "products": [{"product_id": 8, "gift": {"product_id": "09"}}]'
    records = [f'{order}, "customer": {{"customer_id": {i}}}, "billing": {{"customer_id": 10}}}}' for i in range(9)]
    assert decoded_fast(records) == 9
    records.append(f'{order}, "customer": {{"customer_id": "9"}}, "billing": {{"customer_id": 10}}}}')
    assert decoded_fast(records) == 10


@pytest.mark.parametrize("tiny", ["1e-400", '"1E-0400"', "0." + "0" * 330 + "1", '"2e\\u002d330"', "0.0001e-999"])
def test_a_number_too_small_for_a_float_is_no_zero_either_way(tiny: str) -> None:
    order = '{"order_id": 1, "order_date": "2024-01-01", "products": [{"price": PRICE, "quantity": 0}]}'
    records = [order.replace("PRICE", price) for price in (tiny, "0", "0e-999", "0.00")]
    assert_ways_agree(records)
    assert [each.record_number for each in flattened(("[" + ",".join(records) + "]").encode(), True)[2]] == [1]


def test_zeros_beside_texts_with_escapes_and_dashes_take_the_fast_way() -> None:
    order = r'{"order_id": 1, "order_date": "2024-01-01", "total_amount": 0, "customer": {"name": "Jos\u00e9 e-mail"}}'
    assert decoded_fast([order] * 5) == 5


NET = """
order_id = { path = "order_id", type = "identifier", required = true }
order_date = { path = "order_date", type = "timestamp", required = true }
net = { path = "totals.order_id", type = "decimal", description = "A number under the same key." }
"""


def test_a_number_under_the_key_of_an_identifier_is_not_counted_for_it() -> None:
    contract = contract_with(NET, document='identity = "order_id"\ndate = "order_date"')
    order = '{"order_date": "2024-01-01", "totals": {"order_id": 5}, "order_id": ID}'
    records = [order.replace("ID", identifier) for identifier in (*map(str, range(9)), '"007"', "12.7")]
    text = ("[" + ",".join(records) + "]").encode()
    assert flattened(text, True, contract) == flattened(text, False, contract)


@pytest.mark.thorough
def test_clean_batches_are_proven_without_the_strict_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded_count, read = 0, 0
    decode = FastDecoder.decode

    def counted(self: FastDecoder, raws: list[Raw], *proven: Proven) -> object:
        nonlocal decoded_count, read
        decoded = decode(self, raws, *proven)
        read += len(raws)
        decoded_count += 0 if decoded is None else len(decoded.positions)
        return decoded

    monkeypatch.setattr(FastDecoder, "decode", counted)
    for seed in range(200):
        flattened(("[" + ",".join(UglyOrders(seed).batch(0)) + "]").encode(), True)
    assert decoded_count > 0.8 * read


@pytest.mark.slow
def test_many_odd_and_broken_orders_come_out_the_same_either_way() -> None:
    for seed in range(20_000):
        assert_ways_agree(UglyOrders(seed).batch(0.1))


@pytest.mark.parametrize(
    "record",
    [
        # A key that ends like another, a quote inside it.
        r'{"x\"order_id": 5, "order_id": "0012", "order_date": "2024-01-01"}',
        r'{"order_date": "2024-01-01", "x\"order_id": 5, "order_id": "0012"}',
        # A colon that is written as an escape makes room for none that is a key's.
        r'{"order_id": 1, "order_date": "2024-01-01", "customer": {"name": "a\u003ab"}, "note": 5}',
        # Keys that do not stand where the others' do, or not as theirs.
        '{"order_date": "2024-01-01", "order_id": 12.0}',
        '{"order_id" : 12, "order_date": "2024-01-01"}',
        '{"order_id" : "012", "order_date": "2024-01-01", "customer": {"customer_id" : "07"}}',
        r'{"order\u005fid": 12, "order_date": "2024-01-01"}',
        '{"order_id": "013", "order_date": "2024-01-01", "order_id": 12}',
        '{"order_id": 12, "order_date": "2024-01-01", "order_id": "013"}',
        '{"order_id": 12, "order_date": "2024-01-01", "customer": {"order_id": "013", "customer_id": "014"}}',
        # Fields that the contract does not name, with a number under a key that it names elsewhere.
        '{"order_id": 1, "order_date": "2024-01-01", "customer": {"customer_id": "007"}, "ref": {"customer_id": 5}}',
        '{"ref": [{"order_id": 5}], "order_id": "+7", "order_date": "2024-01-01"}',
        '{"order_id": "1e2", "order_date": "2024-01-01", "products": [{"order_id": 5}]}',
        '{"order_id": 1, "order_date": "2024-01-01", "products": [{"product_id": "07"}], "gifts": [{"product_id": 5}]}',
        '{"order_id": 1, "order_date": "2024-01-01", "products": [{"product_id": "07", "x": {"product_id": 5}}]}',
        r'{"order\u005fid": 12.7, "order_date": "2024-01-01", "x": {"order_id": 5}}',
        r'{"order\u005fid": "12", "order_date": "2024-01-01", "x": {"order_id": 5, "y": null}}',
        '{"order_id": -0, "order_date": "2024-01-01", "x": {"order_id": 5}}',
        '{"order_id": 1, "order_date": "2024-01-01", "customer": {"customer_id": "008"}, "customer_id": 5, "x": null}',
    ],
)
def test_identifiers_come_out_the_same_either_way_wherever_and_however_they_are_written(record: str) -> None:
    sound = (
        '{"order_id": 1, "order_date": "2024-01-01", "customer": {"customer_id": 2, "name": "A: b"}, '
        '"products": [{"product_id": 3}]}'
    )
    assert_ways_agree([sound] * 9 + [record])
    assert_ways_agree([record] * 3)


@pytest.mark.parametrize("plane", range(17))
def test_escaped_characters_of_every_plane_are_those_that_were_sent(plane: int) -> None:
    names = [chr(plane * 0x10000 + low) for low in (0x20, 0x3FF, 0x400, 0xABCD, 0xFFFD)]
    records = [
        json.dumps({"order_id": i, "order_date": "2024-07-05", "customer": {"name": name}, "products": []})
        for i, name in enumerate(names)
    ]
    for fast in (False, True):
        rows, _, rejected, _ = flattened(f"[{','.join(records)}]".encode(), fast)
        assert ([row["customer_name"] for row in rows], rejected) == (names, [])
