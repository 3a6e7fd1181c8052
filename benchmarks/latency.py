"""From put to queryable on the embedded AWS, step by step: `python -m benchmarks.latency`.

The emulator's own share is in every figure: its S3 keeps the body in memory, its Lambda starts a Python process, its
Athena is DuckDB. What lasts is which step grows with the file, and which does not.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import orders
from local.pipeline import Pipeline, pipeline, wait_for
from local.progress import Progress

SIZES = {"10 KB, cold": 0.01, "10 KB": 0.01, "10 MB": 10.0, "200 MB": 200.0}
MANY = 200
DAYS = 30
"""Of the orders of one file: most of what is dropped is of one month."""
DEADLINE = 300.0
PAUSE = 0.01


@dataclass(frozen=True)
class Latency:
    """Seconds of the stages of one drop: to send it, until the load began, to load it, until a query had its rows."""

    name: str
    put: float
    start: float
    load: float
    query: float

    @property
    def total(self) -> float:
        """From the first byte sent to the rows in the answer."""
        return self.put + self.start + self.load + self.query


def drop(running: Pipeline, name: str, body: bytes, count: int, copies: int = 1) -> Latency:
    """Drop a file of `count` orders, or copies of it at once, and follow all until their rows can be queried."""
    folder = f"{running.orders.incoming}{name.replace(' ', '_')}/"
    keys = [f"{folder}{i:03d}.json" for i in range(copies)]
    rows = copies * sum(len(order["products"]) or 1 for order in orders.orders(count, days=DAYS))
    marks = [time.monotonic()]
    with ThreadPoolExecutor(min(8, copies)) as pool:
        list(pool.map(running.put, keys, itertools.repeat(body)))
    marks.append(time.monotonic())
    wait_for(lambda: running.entry(keys[-1]), DEADLINE, PAUSE)
    marks.append(time.monotonic())
    for key in keys:
        wait_for(functools.partial(running.finished_entry, key), DEADLINE, PAUSE)
    marks.append(time.monotonic())
    wait_for(lambda: count_rows(running, folder) == rows, DEADLINE, PAUSE)
    marks.append(time.monotonic())
    return Latency(name, *(after - before for before, after in itertools.pairwise(marks)))


def count_rows(running: Pipeline, prefix: str) -> int:
    """Ask Athena how many rows came from the files whose keys begin so."""
    sql = f"SELECT count(*) FROM {running.orders.contract.main.name} WHERE source_key LIKE '{prefix}%'"
    ((count,),) = running.athena.rows(running.athena.wait(running.athena.start(sql), 60))
    assert isinstance(count, int), count
    return count


def one_by_one(running: Pipeline, largest: float) -> list[Latency]:
    """Drop a file of each size, one after the other."""
    latencies = []
    for name, megabytes in SIZES.items():
        if megabytes <= largest:
            count = max(1, round(megabytes * orders.A_MEGABYTE))
            body = written(count)
            latencies.append(drop(running, name, body, count))
    return latencies


def many_at_once(running: Pipeline) -> Latency:
    """Drop many small files at once and follow all until all of their rows can be queried."""
    body = written(16)
    return drop(running, f"{MANY} files of 10 KB at once", body, 16, copies=MANY)


def written(count: int) -> bytes:
    """Return a file of `count` orders."""
    return json.dumps(list(orders.orders(count, days=DAYS)), ensure_ascii=False).encode()


def table(latencies: list[Latency]) -> str:
    """Return the latencies as a Markdown table."""
    lines = ["| seconds | put | until the load begins | load | question | together |", "| --- " + "| ---: " * 5 + "|"]
    for each in latencies:
        parts = (each.put, each.start, each.load, each.query, each.total)
        lines.append(f"| {each.name} | {' | '.join(f'{part:.2f}' for part in parts)} |")
    return "\n".join(lines)


def main() -> None:
    """Start the embedded AWS, deploy, measure, print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--largest", type=float, default=200.0, help="MB of the largest file (200)")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="orders-latency-") as name, pipeline(Progress(), log=Path(name) / "log") as running:
        text = table([*one_by_one(running, options.largest), many_at_once(running)])
    print(text)
    results = Path(__file__).resolve().parent / "results"
    results.mkdir(exist_ok=True)
    (results / "latency.md").write_text(f"# From put to queryable, on the embedded AWS\n\n{text}\n", "utf-8")


if __name__ == "__main__":
    main()
