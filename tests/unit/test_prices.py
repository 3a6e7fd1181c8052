"""What a load costs is told from what it took: by hand, by its requests, and wherever people look."""

from __future__ import annotations

import json

import pytest

from benchmarks import cost
from chalicelib.api.source_states import ending
from chalicelib.file_names import receipt_name
from chalicelib.loading.ingest import Clock
from chalicelib.prices import AS_OF, US_EAST_1, Prices, Usage, load_dollars
from chalicelib.settings import Settings
from tests.builders import KEY, body, entry, ingest, order, relay
from tests.unit.memory_store import BEGINNING, MemoryStore


@pytest.mark.parametrize("text", ["event=0", "put=5", "gb_second=0.000000000012", "put=0.5, get=999999"])
def test_prices_are_written_as_they_are_read(text: str) -> None:
    assert Prices.parse(str(Prices.parse(text))) == Prices.parse(text)


def test_a_load_costs_its_seconds_at_the_functions_memory_its_requests_and_its_event() -> None:
    usage = Usage(seconds=2.0, puts=4, gets=1)
    expected = 2 * 1769 / 1024 * 0.0000166667 + 0.0000002 + 4 * 0.000005 + 0.0000004 + 0.000001
    assert load_dollars(US_EAST_1, usage, memory_mb=1769, sends_event=True) == pytest.approx(expected, abs=1e-10)


def test_outside_of_lambda_a_load_costs_its_requests_alone() -> None:
    usage = Usage(seconds=1000.0, puts=4, gets=1)
    assert load_dollars(US_EAST_1, usage, memory_mb=0, sends_event=False) == pytest.approx(0.0000204)


def test_prices_are_those_of_the_cost_model_and_of_its_day() -> None:
    compute, s3 = cost.PRICES["lambda"], cost.PRICES["s3"]
    assert (US_EAST_1.gb_second, US_EAST_1.invocation) == (compute["x86_gb_second"], compute["request"])
    assert (US_EAST_1.put, US_EAST_1.get, AS_OF) == (s3["put"], s3["get"], cost.PRICES["date"])


def test_prices_that_are_left_out_of_the_setting_are_the_default() -> None:
    settings = Settings.from_environment({"ETL_BUCKET": "orders", "ETL_PRICES": "put=0.0000054, gb_second=0.00002"})
    assert settings.prices == Prices(gb_second=0.00002, put=0.0000054)
    assert Prices.parse(str(settings.prices)) == settings.prices
    assert Prices.parse(str(US_EAST_1)) == US_EAST_1


@pytest.mark.parametrize("text", ["put", "put=-1", "putt=1", "put=1,put=2", "put=nan", "put=1;get=2", "put=1e-6", ","])
def test_a_price_that_cannot_be_read_is_named_with_the_prices_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no price: give dollars as in .* gb_second, invocation, put, get, event"):
        Prices.parse(text)


def requests(store: MemoryStore) -> tuple[int, int]:
    kinds = [call.split()[0] for call in store.calls]
    writes = sum(kind in ("write", "put", "stage", "begin") for kind in kinds)
    return writes, sum(kind in ("read", "open", "current") for kind in kinds)


@pytest.mark.parametrize("records", [(order(1),), (order(1), order(2, "2024-05-01")), (order(1), {"no": "order"})])
def test_the_requests_that_are_reckoned_are_those_that_a_load_makes(records: tuple[object, ...]) -> None:
    store, told = MemoryStore(), list[Usage]()

    def dollars_of(usage: Usage) -> float:
        told.append(usage)
        return 0.5

    for _ in ("a new key", "a version that replaces it"):
        arrival = store.drop(KEY, body(*records))
        store.calls.clear()
        ingest(store, dollars_of=dollars_of).load(arrival)
        assert (told[-1].puts, told[-1].gets) == requests(store)


def test_the_dollars_are_in_the_entry_the_receipt_and_the_answer_and_go_with_the_next_version() -> None:
    store = MemoryStore()
    seconds = iter((0.0, 2.0, 5.0, 8.0))
    clock = Clock(lambda: BEGINNING, lambda: next(seconds, 9.0))
    arrival = store.drop(KEY, body(order(1)))
    ingest(store, clock=clock, dollars_of=lambda usage: usage.seconds / 1000).load(arrival)
    made = entry(store)
    assert made.dollars is not None
    assert made.dollars > 0
    address = relay(store).address
    receipt = json.loads(store.objects[receipt_name(address.receipts, KEY)])
    assert receipt["dollars"] == ending(made)["dollars"] == made.dollars
    assert made.beginning(store.drop(KEY, body(order(2)))).dollars is None


def test_what_small_files_cost_is_what_the_documentation_says() -> None:
    work = cost.Work(8.9, request_seconds=cost.REQUEST_SECONDS)
    small, large = cost.Drop(10_000, 16, 1), cost.Drop(100_000_000, 160_000, 1)
    assert 1_000_000 * cost.lambda_dollars(work, small, 1769) == pytest.approx(19, rel=0.03)
    assert 100 * cost.lambda_dollars(work, large, 1769) == pytest.approx(0.005, rel=0.1)
    waiting = 0.06 * 1769 / 1024 * US_EAST_1.gb_second
    assert 1_000_000 * (US_EAST_1.put + US_EAST_1.event + waiting) == pytest.approx(8, rel=0.05)
    assert 1000 * 2 * US_EAST_1.put == pytest.approx(0.01)
    assert 1_000_000 * 2 * 2 * US_EAST_1.get == pytest.approx(1.6)
