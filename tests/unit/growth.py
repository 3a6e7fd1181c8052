"""How the cost of work grows with its input: by processor time for short input and for long, never by the clock."""

from __future__ import annotations

import time
from collections.abc import Callable

FACTOR = 8
"""How much longer the long input is. The square of it, or more, is far from three times it."""

SLACK_SECONDS = 1.5
"""Processor time: short work is measured badly, and collecting garbage may fall into either measurement."""


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Fail where work on FACTOR times `size` takes more than three times FACTOR what work on `size` does."""
    work(size // 30)
    short = min(_processor_seconds(work, size) for _ in range(2))
    assert _processor_seconds(work, FACTOR * size) < FACTOR * 3 * short + SLACK_SECONDS


def _processor_seconds(work: Callable[[int], object], size: int) -> float:
    begun = time.process_time()
    work(size)
    return time.process_time() - begun
