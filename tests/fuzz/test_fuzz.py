"""Hostile files, in processes of their own: none crashes, hangs, loses an order or hurts a neighbour."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PER_PROCESS = 250
SECONDS = 120
"""For all files of one process, of which none takes more than a moment."""


def run(start: int, count: int) -> str:
    """Try a batch of files; return what is wrong, naming the seed, or nothing."""
    command = [sys.executable, "-m", "tests.fuzz.worker", str(start), str(count)]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as hung:
        output = (hung.stdout or b"").decode().split()
        return f"hangs at seed {output[-1] if output else start}"
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if line.startswith("WRONG")]
    if done.returncode != 0 or not lines or lines[-1] != "done":
        last = lines[-1] if lines else str(start)
        wrong.append(f"ended with {done.returncode} at seed {last}: {done.stderr[-2000:]}")
    return "\n".join(wrong)


def run_all(start: int, count: int) -> list[str]:
    starts = range(start, start + count, PER_PROCESS)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [wrong for wrong in pool.map(lambda at: run(at, PER_PROCESS), starts) if wrong]


def test_some_hostile_files_neither_crash_nor_hang_nor_lose_an_order() -> None:
    assert run_all(0, 300) == []


@pytest.mark.slow
def test_many_thousands_of_hostile_files_neither_crash_nor_hang_nor_lose_an_order() -> None:
    assert run_all(1_000_000, 8_000) == []


def test_the_worker_tells_a_crash_by_its_seed() -> None:
    crash = "import tests.fuzz.worker as w, os, sys\nw.complaints = lambda case, chunk: os.abort()\nw.main()"
    command = [sys.executable, "-c", crash, "7", "3"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60)
    assert done.returncode < 0
    assert done.stdout.split() == ["7"]
