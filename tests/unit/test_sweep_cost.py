"""What a round of the sweep takes: the model's requests and minutes are those of the sweep's own code."""

from __future__ import annotations

import pytest

from benchmarks.sweep import Measured, play
from chalicelib.aws.s3 import CONNECTIONS
from chalicelib.loading.index_view import MOST
from chalicelib.loading.sweep_pages import READS_AT_ONCE
from operate.cost import GET, LIST, PUT
from operate.sweep_cost import CORE_MB, MEMORY_MB, PAGE, Round, first_round

FEW = 4
"""Requests that the model may be off: the index is listed once a run, the cursor written when a run or a phase ends."""


def agrees(measured: Measured, memory_mb: int) -> None:
    calls, model = measured.calls, measured.model
    few = FEW * measured.runs
    assert calls["read"] == pytest.approx(model.reads, rel=0.01)
    assert calls["list"] == pytest.approx(model.lists, rel=0.02, abs=few)
    assert calls["get"] == pytest.approx(model.gets, rel=0.2, abs=few)
    assert calls["put"] == pytest.approx(model.puts, rel=0.2, abs=few)
    assert measured.seconds == pytest.approx(model.seconds(memory_mb), rel=0.05, abs=0.5)
    assert measured.runs == model.runs(memory_mb)


@pytest.mark.parametrize(
    ("objects", "memory_mb"),
    [
        (1000, MEMORY_MB),
        (3000, CORE_MB),
        pytest.param(100_000, MEMORY_MB, marks=pytest.mark.slow),
        pytest.param(100_000, CORE_MB, marks=pytest.mark.slow),
    ],
)
def test_the_rounds_of_the_model_are_those_of_the_sweep(objects: int, memory_mb: int) -> None:
    rounds = play(objects, memory_mb)
    for each in rounds:
        agrees(each, memory_mb)
    assert [each.looked for each in rounds] == [objects, 0, objects // 100, objects // 100, 0]


def test_a_thousand_objects_in_which_nothing_changed_take_ten_requests_within_the_lookback_and_beyond() -> None:
    by_name = {each.name: each for each in play(1000)}
    for name in ("nothing has changed", "beyond the lookback"):
        assert sum(by_name[name].calls.values()) <= 10
        assert by_name[name].calls["read"] == 0
    assert by_name["the first"].calls["read"] == 2000
    assert by_name["1 % were written since"].calls["read"] == 10
    assert by_name["and their grace time is over"].calls["read"] == 20


def test_a_round_costs_its_requests_and_its_seconds() -> None:
    made = Round(10 * PAGE, changed=100, settled=50)
    requests = made.lists * LIST + (made.reads + made.gets) * GET + made.puts * PUT
    computing = made.seconds(1024) * 0.0000166667 + 0.0000002
    assert made.dollars(1024) == pytest.approx(requests + computing)
    assert (made.reads, made.segments, made.runs(1024)) == (200, 1, 1)


def test_more_recent_entries_than_are_in_memory_have_objects_and_files_listed_again() -> None:
    few, many = Round(MOST, recent=MOST), Round(MOST, recent=MOST + 1)
    assert many.lists - few.lists == 2 * MOST / PAGE
    assert first_round(MOST).views == 1


def test_every_entry_that_is_read_at_the_same_time_has_a_connection() -> None:
    assert READS_AT_ONCE <= CONNECTIONS
