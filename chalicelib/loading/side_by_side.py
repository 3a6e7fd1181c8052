"""Loads the objects of one event: small ones side by side, since they mostly wait for S3, larger ones alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chalicelib.loading.models import Arrival
from chalicelib.settings import MIB

Outcome = TypeVar("Outcome")

AT_ONCE = 4
"""How many are loaded at the same time."""

MOST_BYTES = 4 * MIB
"""What those that are loaded together may come to, uncompressed. What is larger by itself is loaded alone."""

MOST_EXPANSION = 1032
"""How many times its size a compressed object may have uncompressed: deflate makes no more of a byte."""


def load_all(
    arrivals: Sequence[Arrival], load: Callable[[Arrival], Outcome], at_once: int = AT_ONCE
) -> list[Outcome | Exception]:
    """Load every object; return for each, in their order, what `load` returned or raised.

    Those of one key are loaded one after the other, in their order. Memory is bounded by MOST_BYTES, not by how many
    there are.
    """
    ends: dict[int, Outcome | Exception] = {}

    def load_in_turn(numbers: Sequence[int]) -> None:
        for number in numbers:
            try:
                ends[number] = load(arrivals[number])
            except Exception as error:
                ends[number] = error

    for together in _groups(arrivals, MOST_BYTES if at_once > 1 else 0):
        by_key: dict[str, list[int]] = {}
        for number in together:
            by_key.setdefault(arrivals[number].key, []).append(number)
        if len(by_key) == 1:
            load_in_turn(together)
            continue
        with ThreadPoolExecutor(at_once, thread_name_prefix="load") as threads:
            # Read to its end for what else a thread may raise, which ends the process.
            list(threads.map(load_in_turn, by_key.values()))
    return [ends[number] for number in range(len(arrivals))]


def _groups(arrivals: Sequence[Arrival], most_bytes: int) -> Iterator[list[int]]:
    """Return the numbers of those that may be loaded together, in their order."""
    group: list[int] = []
    total = 0
    for number, arrival in enumerate(arrivals):
        size = _most_uncompressed(arrival)
        if group and (size is None or total + size > most_bytes):
            yield group
            group, total = [], 0
        group.append(number)
        total += most_bytes + 1 if size is None else size
    if group:
        yield group


def _most_uncompressed(arrival: Arrival) -> int | None:
    """Return how many bytes the object may have uncompressed, None where its event does not say."""
    if arrival.removed:
        return 0
    if arrival.size is None:
        return None
    return arrival.size * (MOST_EXPANSION if arrival.key.lower().endswith(".gz") else 1)
