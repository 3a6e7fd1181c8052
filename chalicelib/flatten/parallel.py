"""Flattens batches in parallel where there is more than one core, and returns them in their order.

The parser, the writer and most of numpy leave the interpreter free, so that threads do: they share the batches without
sending them, and end with the process. A second process would copy both ways.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from chalicelib.cores import LEAST_FOR_THREADS, new_thread
from chalicelib.documents.records import Batch
from chalicelib.flatten.flattener import Flattened, Flattener

if TYPE_CHECKING:
    from concurrent.futures import Future

FlattenedBatches = Generator[tuple[Batch, Iterable[Flattened]], None, None]
"""Each batch, with what its documents were flattened to."""

WORKERS = 2
"""More would wait for the interpreter, which reading records, and the gaps between calls that free it, hold."""

AHEAD = 2
"""How many batches may be in work before the first of them is returned."""


def flattened(batches: Iterable[Batch], flattener: Callable[[], Flattener], cores: float) -> FlattenedBatches:
    """Flatten batches on so many cores, and return what each was flattened to, in their order.

    `flattener` makes one for each thread, since it learns from batch to batch. Which thread takes which batch is fixed:
    the same batches always come out the same. The caller closes it when it does not read all.
    """
    if cores < LEAST_FOR_THREADS:
        return _one_by_one(batches, flattener())
    return _in_turns(batches, flattener)


def _one_by_one(batches: Iterable[Batch], flattener: Flattener) -> FlattenedBatches:
    for batch in batches:
        yield batch, flattener.flatten(batch)


def _in_turns(batches: Iterable[Batch], flattener: Callable[[], Flattener]) -> FlattenedBatches:
    remaining = iter(batches)
    beginning = deque(islice(remaining, 2))
    if len(beginning) < 2:
        # Most sources are small, and making a flattener costs as much as its work on ten orders: one does.
        yield from _one_by_one(beginning, flattener())
        return
    flatteners = [flattener() for _ in range(WORKERS)]
    threads = [new_thread("flatten") for _ in flatteners]
    pending: deque[tuple[Batch, Future[Flattened | None]]] = deque()
    for_large: list[Flattener] = []

    def first() -> tuple[Batch, Iterable[Flattened]]:
        batch, job = pending.popleft()
        whole = job.result()
        if whole is not None:
            return batch, (whole,)
        if not for_large:
            for_large.append(flattener())
        # What is large comes in parts, none of which is made before the one before is written.
        return batch, for_large[0].flatten(batch)

    try:
        for i, batch in enumerate(_all(beginning, remaining)):
            turn = i % len(threads)
            pending.append((batch, threads[turn].submit(flatteners[turn].whole, batch)))
            if len(pending) > AHEAD:
                yield first()
        while pending:
            yield first()
    finally:
        for thread in threads:
            thread.shutdown(wait=True, cancel_futures=True)


def _all(beginning: deque[Batch], remaining: Iterator[Batch]) -> Iterator[Batch]:
    """Return all batches, holding none of them."""
    while beginning:
        yield beginning.popleft()
    yield from remaining
