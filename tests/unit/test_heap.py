"""A load is quick as long as the process is small, and makes do with less memory from then on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.flatten import heap
from chalicelib.flatten.heap import TIGHT_FROM_BYTES, Heap, resident_bytes

PROJECT = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says what a process has")

FREED = """
import numpy as np
from chalicelib.flatten.heap import Heap, resident_bytes

resident = resident_bytes
large = Heap(lambda: 1 << 40)
held = [np.ones(300_000, np.uint8) for _ in range(400)]
kept, held = held[::4], []
before = resident()
large.relieve()
after = resident()
blocks = [np.ones(2 << 20, np.uint8) for _ in range(40)]
most = resident()
first, blocks = blocks[:-1], blocks[-1:]
del first
print(before - after, most - resident())
"""


def test_memory_is_short_from_a_size_of_the_process_on_and_stays_so() -> None:
    sizes = iter([0, TIGHT_FROM_BYTES, TIGHT_FROM_BYTES + 1])
    watched = Heap(lambda: next(sizes))
    assert [watched.relieve() for _ in range(5)] == [False, False, True, True, True]
    Heap()


@LINUX
def test_what_the_process_has_is_what_the_system_says() -> None:
    assert 10_000_000 < resident_bytes() < 10**11


def test_where_the_system_does_not_say_memory_is_never_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_STATM", Path("/nowhere/statm"))
    assert not Heap().relieve()


@LINUX
@pytest.mark.skipif(not hasattr(__import__("ctypes").CDLL(None), "malloc_trim"), reason="not glibc")
def test_what_is_free_goes_back_where_memory_is_short_and_large_blocks_as_they_are_freed() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], cwd=PROJECT, capture_output=True, text=True, timeout=60)
    returned, of_blocks = map(int, done.stdout.split())
    assert returned > 70_000_000, done.stderr
    assert of_blocks > 70_000_000
