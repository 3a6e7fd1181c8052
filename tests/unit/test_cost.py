"""The cost model adds up to what a bill would say."""

from __future__ import annotations

import pytest

from benchmarks.cost import (
    PRICES,
    Drop,
    Work,
    firehose_dollars,
    glue_dollars,
    keeping_dollars,
    lambda_dollars,
    listing_dollars,
    load_seconds,
    per_gb,
    per_million_orders,
    scan_dollars,
)

GB = 10**9
LARGE = Drop(size=GB, orders=1_000_000, files=12)
WORK = Work(cpu_seconds_per_gb=10.0, two_cores=1.5)


def time_dollars(memory_mb: int, work: Work = WORK) -> float:
    return lambda_dollars(work, LARGE, memory_mb) - lambda_dollars(Work(0.0), LARGE, memory_mb)


def test_one_core_takes_the_measured_seconds_and_half_a_core_twice_as_many() -> None:
    assert load_seconds(WORK, LARGE, 1769) == pytest.approx(10.0)
    assert load_seconds(WORK, LARGE, 1769 // 2) == pytest.approx(20.0, rel=0.01)


def test_a_second_core_helps_as_much_as_was_measured_and_a_third_not_at_all() -> None:
    assert load_seconds(WORK, LARGE, 2 * 1769) == pytest.approx(10 / 1.5)
    assert load_seconds(WORK, LARGE, 4 * 1769) == pytest.approx(10 / 1.5)


def test_time_costs_the_same_at_every_size_up_to_one_core() -> None:
    assert time_dollars(512) == pytest.approx(time_dollars(1769), rel=1e-3)
    assert time_dollars(3008) > 1.2 * time_dollars(1769)


def test_ten_seconds_of_one_core_cost_what_the_price_list_says() -> None:
    assert time_dollars(1769) == pytest.approx(10 * 1769 / 1024 * 0.0000166667)


def test_a_slower_core_costs_in_proportion() -> None:
    slower = Work(10.0, two_cores=1.5, slower=2.0)
    assert time_dollars(1024, slower) == pytest.approx(2 * time_dollars(1024), rel=1e-3)


def test_waiting_for_s3_costs_by_the_memory_that_waits() -> None:
    waiting, small = Work(0.0, request_seconds=0.03), Drop(size=10_000, orders=16, files=1)
    assert load_seconds(waiting, small, 512) == load_seconds(waiting, small, 1769) == pytest.approx(4 * 0.03)
    requests = lambda_dollars(Work(0.0), small, 512)
    little = lambda_dollars(waiting, small, 512) - requests
    assert lambda_dollars(waiting, small, 1024) - requests == pytest.approx(2 * little)


def test_requests_are_paid_even_by_an_empty_load() -> None:
    nothing = lambda_dollars(Work(0.0), Drop(size=1, orders=1, files=1), 512)
    assert nothing == pytest.approx(0.0000002 + 3 * 0.000005 + 1 * 0.0000004)


def test_a_larger_object_takes_one_request_of_either_kind_more() -> None:
    small, larger = Drop(1 << 20, orders=1, files=2), Drop((1 << 20) + 1, orders=1, files=2)
    assert (small.puts, small.gets, larger.puts, larger.gets) == (4, 1, 5, 2)


def test_firehose_bills_a_small_order_as_five_kilobytes() -> None:
    small, large = Drop(600 * 1000, orders=1000, files=1), Drop(5120 * 1000, orders=1000, files=1)
    assert per_gb(firehose_dollars(large, by_month=False), large) == pytest.approx(0.029 + 0.018)
    assert firehose_dollars(small, by_month=False) == pytest.approx(firehose_dollars(large, by_month=False))
    assert per_gb(firehose_dollars(large), large) == pytest.approx(0.029 + 0.018 + 0.020)


def test_a_glue_job_costs_two_dpus_for_a_minute_at_the_least() -> None:
    assert glue_dollars(1) == glue_dollars(60) == pytest.approx(2 / 60 * 0.44)
    assert glue_dollars(3600, dpus=10) == pytest.approx(4.4)


def test_a_question_pays_for_each_month_that_it_lists_and_a_view_twice() -> None:
    assert listing_dollars(335) == pytest.approx(0.00335)
    assert listing_dollars(24) == pytest.approx(0.00024)
    assert listing_dollars(1, scans=1) == pytest.approx(0.000005)


def test_a_small_scan_costs_ten_megabytes() -> None:
    assert scan_dollars(0) == scan_dollars(10_000_000) == pytest.approx(0.00005)
    assert scan_dollars(10**12) == pytest.approx(5.0)


def test_keeping_the_catalog_right_costs_a_table_two_cents_a_month() -> None:
    assert keeping_dollars(1) == pytest.approx(30 * 96 * (2e-6 + 5e-6 + 4e-7))
    assert keeping_dollars(3) == pytest.approx(3 * keeping_dollars(1))


def test_dollars_are_given_by_size_and_by_orders() -> None:
    assert per_gb(3.0, Drop(GB // 2, 250_000, 1)) == pytest.approx(6.0)
    assert per_million_orders(3.0, Drop(GB // 2, 250_000, 1)) == pytest.approx(12.0)


def test_every_price_has_a_date_and_a_source() -> None:
    assert PRICES["date"]
    assert set(PRICES["sources"]) == {"lambda", "s3", "firehose", "glue", "athena"}
