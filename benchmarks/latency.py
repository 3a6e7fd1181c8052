"""From put to queryable on the embedded AWS, step by step: `python -m benchmarks.latency`.

The emulator's own share is in every figure: its S3 keeps the body in memory, its Lambda starts a Python process, its
Athena is DuckDB. What lasts is which step grows with the file, and which does not.
"""

from __future__ import annotations

import argparse
import functools
import io
import itertools
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from benchmarks import orders
from chalicelib.aws.athena import Athena
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from chalicelib.loading.models import FINISHED
from local.pipeline import Pipeline, pipeline
from local.progress import Progress

Found = TypeVar("Found")

ORDERS_PER_MB = 1620
SIZES = {"10 KB, cold": 0.01, "10 KB": 0.01, "10 MB": 10.0, "200 MB": 200.0}
MANY = 200
DAYS = 30
"""Of the orders of one file: most of what is dropped is of one month."""
DEADLINE = 300.0
LOOKED_EVERY = 0.01


@dataclass(frozen=True)
class Latency:
    """Seconds of one drop: sent, until the load began, until it was done, until a question saw its rows."""

    name: str
    put: float
    begun: float
    loaded: float
    asked: float

    @property
    def total(self) -> float:
        """From the first byte sent to the rows in the answer."""
        return self.put + self.begun + self.loaded + self.asked


class Lake:
    """The deployed pipeline, as one who drops files and asks sees it."""

    def __init__(self, running: Pipeline) -> None:
        self._settings = running.settings
        self._s3: Any = running.aws.client("s3")
        self._athena = Athena(running.aws.client("athena"), running.settings)

    def drop(self, name: str, body: bytes, rows: int) -> Latency:
        """Drop one file and follow it until its rows can be queried."""
        marks = [time.monotonic()]
        self.put(name, body)
        marks.append(time.monotonic())
        wait(lambda: self.entry(name))
        marks.append(time.monotonic())
        wait(lambda: self.finished(name))
        marks.append(time.monotonic())
        wait(lambda: self.rows_of(name) == rows or None)
        marks.append(time.monotonic())
        return Latency(name, *(after - before for before, after in itertools.pairwise(marks)))

    def put(self, name: str, body: bytes) -> None:
        """Send one file."""
        self._s3.put_object(Bucket=self._settings.bucket, Key=self.key(name), Body=io.BytesIO(body))

    def key(self, name: str) -> str:
        """Return the key that a file is dropped under."""
        return f"{self._settings.incoming_prefix}{name}"

    def entry(self, name: str) -> Entry | None:
        """Return what the ledger says of a file."""
        place = f"{self._settings.ledger_prefix}{ledger_name(self.key(name))}"
        try:
            stored = self._s3.get_object(Bucket=self._settings.bucket, Key=place)
        except self._s3.exceptions.NoSuchKey:
            return None
        return Entry.from_json(json.loads(stored["Body"].read()))

    def finished(self, name: str) -> Entry | None:
        """Return the ledger's entry of a file once it is loaded or rejected."""
        found = self.entry(name)
        return found if found is not None and found.state in FINISHED else None

    def rows_of(self, start: str) -> int:
        """Ask Athena how many rows came from the files whose names begin so."""
        table = f"{self._settings.database}.{self._settings.table}"
        execution_id = self._athena.start(f"SELECT count(*) FROM {table} WHERE source_key LIKE '{self.key(start)}%'")
        (count,) = next(self._athena.rows(self._athena.wait(execution_id, 60)))
        assert isinstance(count, int), count
        return count


def wait(look: Callable[[], Found | None]) -> Found:
    """Return what `look` finds, as soon as it does."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        found = look()
        if found is not None:
            return found
        time.sleep(LOOKED_EVERY)
    raise TimeoutError("the load did not end")


def one_by_one(lake: Lake, directory: Path, largest: float) -> list[Latency]:
    """Drop a file of each size, one after the other."""
    found = []
    for name, megabytes in SIZES.items():
        if megabytes <= largest:
            count = max(1, round(megabytes * ORDERS_PER_MB))
            body = written(directory / "orders.json", count)
            rows = sum(len(order["products"]) for order in orders.orders(count))
            found.append(lake.drop(f"{name.replace(' ', '_').replace(',', '')}.json", body, rows))
    return found


def many_at_once(lake: Lake, directory: Path) -> Latency:
    """Drop many small files at once and follow all until all of their rows can be queried."""
    body = written(directory / "small.json", 16)
    rows = MANY * sum(len(order["products"]) for order in orders.orders(16))
    names = [f"many_{i:03d}.json" for i in range(MANY)]
    marks = [time.monotonic()]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: lake.put(name, body), names))
    marks.append(time.monotonic())
    wait(lambda: lake.entry(names[-1]))
    marks.append(time.monotonic())
    for name in names:
        wait(functools.partial(lake.finished, name))
    marks.append(time.monotonic())
    wait(lambda: lake.rows_of("many_") == rows or None)
    marks.append(time.monotonic())
    return Latency(f"{MANY} files of 10 KB at once", *(b - a for a, b in itertools.pairwise(marks)))


def written(path: Path, count: int) -> bytes:
    """Return a file of `count` orders."""
    orders.write(path, count, days=DAYS)
    return path.read_bytes()


def table(found: list[Latency]) -> str:
    """Return the latencies as a Markdown table."""
    lines = ["| seconds | put | until the load begins | load | question | together |", "| --- " + "| ---: " * 5 + "|"]
    for each in found:
        name = each.name.removesuffix(".json").replace("_", " ")
        parts = (each.put, each.begun, each.loaded, each.asked, each.total)
        lines.append(f"| {name} | {' | '.join(f'{part:.2f}' for part in parts)} |")
    return "\n".join(lines)


def main() -> None:
    """Start the embedded AWS, deploy, measure, print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("--largest", type=float, default=200.0, help="MB of the largest file (200)")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="orders-latency-") as name, pipeline(Progress(), log=Path(name) / "log") as running:
        lake = Lake(running)
        found = [*one_by_one(lake, Path(name), options.largest), many_at_once(lake, Path(name))]
    told = table(found)
    print(told)
    results = Path(__file__).resolve().parent / "results"
    results.mkdir(exist_ok=True)
    (results / "latency.md").write_text(f"# From put to queryable, on the embedded AWS\n\n{told}\n", "utf-8")


if __name__ == "__main__":
    main()
