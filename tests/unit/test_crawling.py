"""The crawler's turn: at most once in an interval, the last load not forgotten, whatever goes wrong."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.loading.crawler_turn import LEFT, NOT_REQUESTED, STARTED, WAITS, CrawlerTurn
from tests.unit.memory_store import MemoryStore

INTERVAL = timedelta(minutes=10)


class Crawler:
    """Counts its starts and answers as it is told."""

    def __init__(self) -> None:
        self.starts = 0
        self.answer = STARTED

    def start(self) -> str:
        self.starts += 1
        return self.answer


def turn(store: MemoryStore, crawler: Crawler) -> CrawlerTurn:
    return CrawlerTurn(store, "state/", INTERVAL, crawler.start)


def test_a_hundred_loads_start_it_once_and_it_is_started_once_more_for_the_last_of_them() -> None:
    store, crawler = MemoryStore(), Crawler()
    outcomes = [turn(store, crawler).request() for _ in range(100)]
    assert outcomes == [STARTED, *[WAITS] * 99]
    assert turn(store, crawler).catch_up() == WAITS
    store.pass_time(minutes=11)
    assert [turn(store, crawler).catch_up() for _ in range(3)] == [STARTED, NOT_REQUESTED, NOT_REQUESTED]
    assert crawler.starts == 2


def test_a_load_after_the_interval_starts_it_at_once() -> None:
    store, crawler = MemoryStore(), Crawler()
    for _ in range(3):
        assert turn(store, crawler).request() == STARTED
        store.pass_time(minutes=11)
    assert crawler.starts == 3


def test_a_start_that_failed_or_found_it_running_is_made_again() -> None:
    for answer in ("already running", "failed: ThrottlingException"):
        store, crawler = MemoryStore(), Crawler()
        crawler.answer = answer
        assert turn(store, crawler).request() == answer
        crawler.answer = STARTED
        store.pass_time(minutes=11)
        assert turn(store, crawler).catch_up() == STARTED


def test_of_two_loads_at_once_one_starts_it() -> None:
    store, crawler = MemoryStore(), Crawler()
    outcomes: list[str] = []
    write = store.write_json

    def second(key: str, value: dict[str, Any], etag: str | None) -> str | None:
        if not outcomes:
            outcomes.append("")
            outcomes[0] = turn(store, crawler).request()
        return write(key, value, etag)

    store.write_json = second  # type: ignore[method-assign]
    outcomes.append(turn(store, crawler).request())
    assert outcomes == [STARTED, LEFT]
    assert crawler.starts == 1


def test_a_state_that_cannot_be_read_is_a_crawl_that_is_wanted() -> None:
    for content in (b"null", b"[]", b"{", b'{"wanted": true, "started_at": "x"}'):
        store, crawler = MemoryStore(), Crawler()
        store.put("state/crawler.json", content)
        assert turn(store, crawler).request() == WAITS
        store.pass_time(minutes=11)
        assert turn(store, crawler).catch_up() == STARTED
