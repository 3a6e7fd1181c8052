"""How the sweep reads: listings page by page while there is time, and entries side by side, which wait for S3."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from chalicelib.loading.models import ObjectSummary, Page
from chalicelib.loading.store import ObjectStore

Item = TypeVar("Item")
Answer = TypeVar("Answer")

RESERVE = 20.0
"""Seconds that a run keeps to remember where it is."""

PAGES = 50
"""After how many pages of a listing a run remembers where it is: what it looks at again if its process ends."""

READS_AT_ONCE = 16
"""How many entries a deployed sweep reads at the same time."""

MOST_READ = 100
"""How many are read before they are looked at, which is what they take of memory."""


def pages(store: ObjectStore, prefix: str, after: str, time_left: Callable[[], float]) -> Iterator[Page]:
    """List objects behind `after`: at least one page, more while there is time, and no more than PAGES."""
    for number in range(PAGES):
        if number and time_left() <= RESERVE:
            return
        page = store.list(prefix, after)
        yield page
        if not page.more or not page.objects:
            return
        after = page.objects[-1].key


def portions(
    objects: Iterable[ObjectSummary], is_read: Callable[[ObjectSummary], bool]
) -> Iterator[tuple[list[ObjectSummary], list[ObjectSummary]]]:
    """Cut a listing into portions of which no more than MOST_READ are read; return each, and what is read of it."""
    portion: list[ObjectSummary] = []
    read: list[ObjectSummary] = []
    for each in objects:
        portion.append(each)
        if is_read(each):
            read.append(each)
        if len(read) == MOST_READ:
            yield portion, read
            portion, read = [], []
    if portion:
        yield portion, read


def side_by_side(do: Callable[[Item], Answer], items: Sequence[Item], at_once: int) -> list[Answer]:
    """Return what `do` returns for each, in their order; raises what the first of them raises."""
    if at_once == 1 or len(items) < 2:
        return [do(each) for each in items]
    with ThreadPoolExecutor(min(at_once, len(items)), thread_name_prefix="sweep") as threads:
        return list(threads.map(do, items))
