"""Several objects of one event: small ones are loaded side by side, in bounded memory, each failing alone."""

from __future__ import annotations

import json
import threading
from collections import Counter

import pytest

from chalicelib.handlers import load as handler
from chalicelib.loading.models import Arrival
from chalicelib.loading.notifications import announcement
from chalicelib.loading.side_by_side import AT_ONCE, MOST_BYTES, MOST_EXPANSION, load_all
from chalicelib.settings import Settings
from tests.builders import PREFIX, body, order
from tests.unit.memory_store import BUCKET, MemoryStore


def arrival(name: str, size: int | None = 10_000) -> Arrival:
    return Arrival(BUCKET, f"{PREFIX}{name}", "v1", size=size)


class Loads:
    """Counts loads that are at work together; each waits a moment for others to come."""

    def __init__(self) -> None:
        self.at_work: Counter[str] = Counter()
        self.seen: list[str] = []
        self.together: list[set[str]] = []
        self._lock = threading.Lock()
        self._come = threading.Event()

    def __call__(self, arrival: Arrival) -> str:
        with self._lock:
            self.at_work[arrival.key] += 1
            self.seen.append(arrival.key)
            assert self.at_work[arrival.key] == 1, "two loads of one key at once"
            self.together.append({key for key, count in self.at_work.items() if count})
        self._come.wait(0.05)
        with self._lock:
            self.at_work[arrival.key] -= 1
        if "broken" in arrival.key:
            raise ValueError(arrival.key)
        return arrival.key

    @property
    def most(self) -> int:
        return max(map(len, self.together))


def test_small_objects_are_loaded_side_by_side_and_told_in_their_order() -> None:
    loads = Loads()
    arrivals = [arrival(f"{i}.json") for i in range(12)]
    assert load_all(arrivals, loads) == [each.key for each in arrivals]
    assert loads.most == AT_ONCE


def test_objects_of_one_key_are_loaded_one_after_the_other() -> None:
    loads = Loads()
    arrivals = [arrival(f"{i % 2}.json") for i in range(6)]
    load_all(arrivals, loads)
    assert loads.most == 2


@pytest.mark.parametrize(
    "large",
    [
        arrival("large.json", MOST_BYTES + 1),
        arrival("large.json.GZ", MOST_BYTES // MOST_EXPANSION + 1),
        arrival("unknown.json", None),
    ],
    ids=["by its size", "by what it may expand to", "since nobody knows"],
)
def test_what_may_be_large_is_loaded_alone(large: Arrival) -> None:
    loads = Loads()
    load_all([arrival("a.json"), arrival("b.json"), large, arrival("c.json"), arrival("d.json")], loads)
    assert [together for together in loads.together if large.key in together] == [{large.key}]
    assert loads.most == 2


def test_what_is_loaded_together_comes_to_no_more_than_the_limit() -> None:
    loads = Loads()
    half = MOST_BYTES // 2
    load_all([arrival(f"{i}.json", half) for i in range(6)], loads)
    assert loads.most == 2


def test_without_a_core_all_are_loaded_one_after_the_other() -> None:
    loads = Loads()
    load_all([arrival(f"{i}.json") for i in range(4)], loads, at_once=1)
    assert loads.most == 1


def test_one_that_fails_keeps_no_other_from_being_loaded() -> None:
    ends = load_all([arrival("a.json"), arrival("broken.json"), arrival("b.json")], Loads())
    assert [type(end) for end in ends] == [str, ValueError, str]


def test_an_event_of_many_loads_each_logs_whole_lines_and_raises_for_the_one_that_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    store = MemoryStore()
    arrivals = [store.drop(f"{PREFIX}{i}.json", body(order(i))) for i in range(40)]

    once = iter([True])

    def fault(call: str) -> None:
        if call.startswith("put orders_parquet_datalake") and next(once, False):
            raise TimeoutError(call)

    monkeypatch.setattr(handler, "storage", lambda bucket: store)
    event = {"Records": [record for each in arrivals for record in announcement(each)["Records"]]}
    settings = Settings.from_environment({"ETL_BUCKET": BUCKET, "ETL_STAGE": "test"})
    store.fault = fault
    with pytest.raises(TimeoutError):
        handler.load_event(event, settings)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ends = ("source object", "load failed")
    outcomes = Counter(line.get("outcome", "failed") for line in lines if line.get("event") in ends)
    assert outcomes == {"loaded": 39, "failed": 1}
    store.fault = None
    assert sorted(handler.load_event(event, settings)) == ["duplicate"] * 39 + ["loaded"]
