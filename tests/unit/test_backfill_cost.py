"""What a backfill costs and takes adds up to what a bill would say."""

from __future__ import annotations

import pytest

from benchmarks.cost import PRICES
from operate import cost
from operate.cost import Work, concurrency_of_s3, dollars, hours, simulated_hours
from tests.unit.test_backfill import dropped, event, keys, run

TEN_MILLION = Work(10_000_000, 10_000_000, 10_000_000 * 10_000)


def test_the_prices_are_those_of_the_cost_of_a_load() -> None:
    lambda_, s3 = PRICES["lambda"], PRICES["s3"]
    assert (lambda_["x86_gb_second"], lambda_["request"]) == (cost.GB_SECOND, cost.INVOCATION)
    assert (s3["put"], s3["get"], PRICES["date"]) == (cost.PUT, cost.GET, cost.PRICES_OF)


def test_a_thousand_new_objects_cost_what_their_requests_and_seconds_do() -> None:
    work = Work(1000, 1000, 10_000_000)
    made = dollars(work)
    assert made.s3 == pytest.approx(4000 * 0.000005 + 3000 * 0.0000004 + 0.000005)
    assert made.step_functions == pytest.approx(10 * 4 * 0.000025)
    seconds = 0.01 * 8.9 + 8000 * 0.03 / 4
    assert made.events == pytest.approx(1000 * 0.000001)
    assert made.lambda_seconds == pytest.approx(seconds * 1769 / 1024 * 0.0000166667)
    assert made.total == pytest.approx(
        made.s3 + made.step_functions + made.lambda_seconds + made.events + 10 * 0.0000002
    )


def test_the_requests_of_an_object_are_those_that_a_batch_makes() -> None:
    store = dropped(1)
    given = event(store, *keys(1))
    store.calls.clear()
    run(store, given)
    calls = [call.split()[0] for call in store.calls]
    work = Work(1, 1, 100)
    assert sum(call in ("read", "current", "open") for call in calls) == work.gets
    assert sum(call in ("write", "put") for call in calls) == work.puts
    assert calls.count("send") == cost.EVENTS
    ledger = [call for call in store.calls if call.startswith("write ledger/")]
    assert len(ledger) == work.ledger_puts


def test_what_is_loaded_already_costs_one_read_of_the_ledger() -> None:
    work = Work(1000, 0, 0)
    assert (work.puts, work.gets) == (0, 1000)


def test_a_large_object_takes_one_request_of_either_kind_more_and_is_loaded_alone() -> None:
    small, large = Work(1, 1, 1 << 20), Work(1, 1, (1 << 20) + 1)
    assert (large.puts - small.puts, large.gets - small.gets) == (1, 1)
    assert large.seconds > 3 * (small.seconds - small.bytes / 10**9 * 8.9)


def test_twice_the_batches_at_once_take_half_the_time_until_s3_bites() -> None:
    assert hours(TEN_MILLION, 5) == pytest.approx(2 * hours(TEN_MILLION, 10))
    bites = concurrency_of_s3(TEN_MILLION)
    assert 10 < bites < 1000
    assert hours(TEN_MILLION, 100_000) == pytest.approx(20_000_000 / 3500 / 3600)


def test_the_simulation_of_ten_million_objects_agrees_with_the_model() -> None:
    for concurrency in (5, 100):
        assert simulated_hours(TEN_MILLION, concurrency) == pytest.approx(hours(TEN_MILLION, concurrency), rel=0.02)


def test_batches_that_fail_once_take_longer_in_the_simulation_by_their_share() -> None:
    ratio = simulated_hours(TEN_MILLION, 50, failing=0.1) / simulated_hours(TEN_MILLION, 50)
    assert 1.05 < ratio < 1.2


def test_an_empty_backfill_costs_nothing_and_takes_no_time() -> None:
    assert dollars(Work(0, 0, 0)).total == hours(Work(0, 0, 0), 5) == simulated_hours(Work(0, 0, 0), 5) == 0
