"""The fast way gives exactly the rows of the strict one, whatever is sent."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.fast import FastDecoder
from chalicelib.flatten import Flattener, Lineage, records_of
from chalicelib.refused import Refused
from tests.unit.ugly_orders import UglyOrders

LINEAGE = Lineage("orders.json", "v1", datetime(2024, 11, 23, 15, tzinfo=UTC))

Outcome = tuple[list[dict], list[int], list[Refused], int]
seeds = st.integers(0, 2**32)


def flattened(text: bytes, fast: bool) -> Outcome:
    flattener = Flattener(LINEAGE, fast=fast)
    batches = records_of(io.BytesIO(text), 1 << 20, 1 << 30)
    parts = [part for batch in batches for part in flattener.flatten(batch)]
    for part in parts:
        part.rows.validate(full=True)
    rows = pa.concat_tables([part.rows for part in parts]).to_pylist() if parts else []
    months = [int(month) for part in parts for month in part.months]
    return rows, months, [each for part in parts for each in part.refused], sum(part.loaded for part in parts)


def assert_ways_agree(records: list[str]) -> None:
    text = ("[" + ",".join(records) + "]").encode()
    fast, strict = flattened(text, True), flattened(text, False)
    assert fast == strict, text
    assert fast[3] + len(fast[2]) == len(records)


@settings(max_examples=400, deadline=None)
@given(seeds, st.sampled_from([0.02, 0.1, 0.1, 0.5]))
def test_odd_and_broken_orders_come_out_the_same_either_way(seed: int, ugliness: float) -> None:
    assert_ways_agree(UglyOrders(seed).batch(ugliness))


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_sound_orders_come_out_the_same_either_way_and_mostly_take_the_fast_one(seed: int) -> None:
    assert_ways_agree(UglyOrders(seed).batch(0))


def test_clean_batches_are_proven_without_the_strict_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, read = 0, 0
    decode = FastDecoder.decode

    def counted(self: FastDecoder, raws: list) -> object:
        nonlocal taken, read
        lines = decode(self, raws)
        read += len(raws)
        taken += 0 if lines is None else len(lines.taken)
        return lines

    monkeypatch.setattr(FastDecoder, "decode", counted)
    for seed in range(200):
        flattened(("[" + ",".join(UglyOrders(seed).batch(0)) + "]").encode(), True)
    assert taken > 0.8 * read


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
    ],
)
def test_identifiers_come_out_the_same_either_way_wherever_and_however_they_are_written(record: str) -> None:
    sound = '{"order_id": 1, "order_date": "2024-01-01", "customer": {"customer_id": 2, "name": "A: b"}}'
    assert_ways_agree([sound] * 9 + [record])
    assert_ways_agree([record] * 3)
