"""Over contracts of any shape, and whatever is sent, the fast way makes exactly what the strict one makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from chalicelib.contracts.reading import read_text
from tests.builders import LINEAGE, Rows, flattened_tables
from tests.examples import examples
from tests.unit import third_reading
from tests.unit.compiled_splitting import (
    short_texts_are_split_by_compiled_code as short_texts_are_split_by_compiled_code,
)
from tests.unit.drawn_contracts import DrawnContract

seeds = st.integers(0, 2**32)


def assert_ways_agree(drawn: DrawnContract, ugliness: float) -> None:
    records = drawn.batch(ugliness)
    contract = read_text(drawn.text, "drawn")
    text = ("[" + ",".join(records) + "]").encode()
    strict_tables, strictly_rejected, strictly_loaded, strictly_seen = flattened_tables(text, False, contract)
    tables, rejected, loaded, seen = flattened_tables(text, True, contract)
    # NaN is no value of JSON, so that equal rows have equal texts; floats are compared to the last digit.
    assert repr(tables) == repr(strict_tables), (drawn.text, records)
    assert (rejected, loaded) == (strictly_rejected, strictly_loaded), (drawn.text, records)
    assert loaded + len(rejected) == len(records)
    # Fields of documents that the fast way leaves to the strict one are seen twice, and may be of rejected ones.
    assert structs.replace(seen, unnamed={}) == structs.replace(strictly_seen, unnamed={}), (drawn.text, records)
    assert_third_agrees(drawn.text, records, strict_tables, [each.record_number for each in strictly_rejected])


def assert_third_agrees(text: str, records: list[str], tables: dict[str, Rows], rejected: list[int]) -> None:
    read, rejected_there = third_reading.Reading(text, LINEAGE.modified_at).read(records)
    assert rejected == rejected_there, (text, records)
    for name, rows in read.items():
        made = tables[name][0]
        assert [third_reading.cells(row, each) for row, each in zip(made, rows, strict=True)] == rows, (text, records)


@pytest.mark.thorough
@examples(50, many=300)
@given(seeds, st.sampled_from([0.05, 0.2, 0.2, 0.6]))
def test_odd_and_broken_documents_of_any_contract_come_out_the_same_either_way(seed: int, ugliness: float) -> None:
    assert_ways_agree(DrawnContract(seed), ugliness)


@pytest.mark.thorough
@examples(40, many=200)
@given(seeds)
def test_sound_documents_of_any_contract_come_out_the_same_either_way(seed: int) -> None:
    assert_ways_agree(DrawnContract(seed), 0)


@pytest.mark.slow
def test_many_contracts_come_out_the_same_either_way() -> None:
    for seed in range(5_000):
        drawn = DrawnContract(seed)
        assert_ways_agree(drawn, 0)
        assert_ways_agree(drawn, 0.3)
