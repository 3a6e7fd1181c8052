"""Memory is flat: a gigabyte of orders takes no more than a Lambda of modest size has."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.orders import orders
from tests.contracts import OF_ORDERS

PROJECT = Path(__file__).parents[2]
GIGABYTE = 10**9
MOST_MB = 220

# VmHWM and not getrusage's ru_maxrss: Linux carries the latter over an exec, so a child that was
# started by a large pytest process would be as large as its parent.
MEASURED = """
import re, sys
from chalicelib.flatten.command import main
code = main(sys.argv[1:])
with open("/proc/self/status") as status:
    print(int(re.search(r"VmHWM:\\s+(\\d+) kB", status.read()).group(1)) // 1024)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize("form", ["array", "lines"])
def test_a_gigabyte_is_flattened_within_two_hundred_and_twenty_megabytes(tmp_path: Path, form: str) -> None:
    between = b",\n" if form == "array" else b"\n"
    some = between.join(json.dumps(order, ensure_ascii=False).encode() for order in orders(50_000))
    source = tmp_path / "orders.json"
    copies = GIGABYTE // len(some) + 1
    with source.open("wb") as file:
        file.write(b"[" if form == "array" else b"")
        for i in range(copies):
            file.write((between if i else b"") + some)
        file.write(b"]" if form == "array" else b"")
    command = [sys.executable, "-c", MEASURED, str(source), "-o", str(tmp_path / "out"), *OF_ORDERS]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    summary, peak = done.stdout.splitlines()
    assert json.loads(summary)["orders_loaded"] == 50_000 * copies
    assert int(peak) <= MOST_MB
