"""Inputs that once crashed, hung or filled the memory, each under the name of what it did."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts import OF_ORDERS

PROJECT = Path(__file__).parents[2]
BEGIN = b'{"order_id":1,"order_date":"2024-07-05"'
LIMITED = """
import resource, sys
from chalicelib.flatten.command import main
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
sys.exit(main(sys.argv[1:]))
"""


def order(text: int, lines: int, where: bytes) -> bytes:
    return BEGIN + where % (b"x" * text) + b',"products":[' + b",".join([b"{}"] * lines) + b"]}"


CUSTOMER, UNKNOWN = b',"customer":{"name":"%s"}', b',"note":"%s"'

REGRESSIONS = {
    "a NUL in an error message aborted the process": (
        b"[" + BEGIN + b'},{"order_id":"\\u0000","order_date":"2024-07-05","total_amount":"\\u0000"}]',
        (2, 1),
    ),
    "a NUL in a key": (b"[" + BEGIN + b',"\\u0000":1},' + BEGIN + b',"products":"\\u0000"}]', (2, 1)),
    "one order of a megabyte stood for twenty gigabytes of rows": (
        b"[" + order(1_000_000, 20_000, CUSTOMER) + b"]",
        (1, 1),
    ),
    "so did one with a field that the contract does not name": (
        b"[" + order(1_000_000, 20_000, UNKNOWN) + b"]",
        (1, 1),
    ),
    "millions of empty elements": (BEGIN + b',"products":[' + b",".join([b"{}"] * 2_000_000) + b"]}", (1, 1)),
    "many short broken lines took the square of their number": (BEGIN + b"}\n" + b"x\n" * 39_000, (39_001, 39_000)),
    "each line that opens a bracket was followed to the end": (BEGIN + b"}\n" + b"[\n" * 4_000, (4_001, 4_000)),
    "a long key took a gigabyte": (b'{"' + b"k" * 7_000_000 + b'":1,' + BEGIN[1:] + b"}", (1, 0)),
    "a key of many escapes": (b'{"' + b'\\"' * 1_000_000 + b'":1,' + BEGIN[1:] + b"}", (1, 0)),
    "deep nesting": (b"[" + BEGIN + b"}," + BEGIN + b',"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}]", (2, 1)),
    "floats that overflow": (b"[" + BEGIN + b',"total_amount":1e308},' + BEGIN + b',"total_amount":"nan"}]', (2, 2)),
}


def flattened(data: bytes, directory: Path) -> subprocess.CompletedProcess[bytes]:
    command = [
        sys.executable,
        "-c",
        LIMITED,
        "-",
        "-o",
        str(directory / "out"),
        "--rejects",
        str(directory / "rejects"),
        *OF_ORDERS,
    ]
    return subprocess.run(command, cwd=PROJECT, input=data, capture_output=True, timeout=40)


def test_orders_that_together_overflowed_a_text_column_are_more_rows_than_their_bytes_may_make(tmp_path: Path) -> None:
    done = flattened(b"[" + b",".join([order(10_000, 3_000, CUSTOMER)] * 80) + b"]", tmp_path)
    assert done.returncode == 1
    assert b"the rows take more than 100 times the" in done.stderr
    assert not list((tmp_path / "out").rglob("*.parquet"))


@pytest.mark.parametrize("what", REGRESSIONS)
def test_an_input_that_once_broke_the_loader_is_read_in_time_and_memory_and_every_order_is_accounted_for(
    what: str, tmp_path: Path
) -> None:
    data, (read, rejected) = REGRESSIONS[what]
    done = flattened(data, tmp_path)
    assert done.returncode == (1 if rejected == read else 0), done.stderr[-1000:]
    summary = done.stdout.decode()
    assert f'"orders_read": {read}, "orders_loaded": {read - rejected}, "orders_rejected": {rejected},' in summary
    assert (tmp_path / "rejects").read_bytes().count(b"\n") == rejected
