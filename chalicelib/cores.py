"""How many cores this process may use."""

from __future__ import annotations

import os
from collections.abc import Mapping

MB_A_CORE = 1769
"""Memory at which Lambda gives a function one core's time.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""


def cores(environment: Mapping[str, str]) -> float:
    """Return how many cores there are, a part of one included: Lambda shows two to all, and gives by memory."""
    if memory := environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"):
        return int(memory) / MB_A_CORE
    return float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
