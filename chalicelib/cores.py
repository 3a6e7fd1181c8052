"""How many cores and how much memory Lambda gives this process, and threads of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

MB_A_CORE = 1769
"""Memory at which Lambda gives a function one core's time.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

LEAST_FOR_THREADS = 1.5
"""With fewer cores, what threads that compute cost is more than what they gain."""


def memory_mb(environment: Mapping[str, str]) -> int:
    """Return the memory of the Lambda that this process is, in MB as it is billed; 0 outside of Lambda."""
    return int(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 0)


def cores(environment: Mapping[str, str]) -> float:
    """Return how many cores there are, a part of one included: Lambda shows two to all, and gives by memory."""
    if memory := memory_mb(environment):
        return memory / MB_A_CORE
    return float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def new_thread(name: str) -> ThreadPoolExecutor:
    """Return a thread that does what it is given, one after the other."""
    # Imports logging with it: 4 ms that on one core, where nothing has a thread of its own, are for nothing.
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
