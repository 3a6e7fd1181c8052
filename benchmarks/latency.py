"""From put to queryable on the embedded AWS, step by step: `python -m benchmarks.latency`.

The emulator's own share is in every figure: its S3 keeps the body in memory, its Lambda starts a Python process, its
Athena is DuckDB. What lasts is which step grows with the file, and which does not.

Many small files at once are also compared with the bare requests that their loads make, of the same bodies and from as
many processes as the emulator lets load at once: what the pipeline adds is the rest.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import multiprocessing
import time
from collections.abc import Mapping
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3

from benchmarks import orders
from chalicelib.help_text import examples
from local.deploy import copy_project
from local.emulator import PROJECT
from local.patches.lambda_burst import WORKERS
from local.pipeline import Pipeline, pipeline, wait_for
from local.progress import Progress
from tests.contracts import ORDERS, datasets_of, lay

SIZES = {"10 KB, cold": 0.01, "10 KB": 0.01, "10 MB": 10.0, "200 MB": 200.0}
MANY = 200
DROPPERS = 8
"""How many files are sent at the same time."""
ADDED = 1.5
"""How many times as long as the bare requests many small drops may take."""
DAYS = 30
"""Of the orders of one file: most of what is dropped is of one month."""
DEADLINE = 300.0
PAUSE = 0.01
PAUSE_FOR_MANY = 0.2
"""Looking takes requests too: as often as for one file, it would take as many as all loads."""


@dataclass(frozen=True)
class Latency:
    """Seconds of the stages of one drop: to send it, until the load began, to load it, until a query had its rows."""

    name: str
    put: float
    start: float
    load: float
    query: float

    @property
    def loaded(self) -> float:
        """From the first byte sent to the last load's end."""
        return self.put + self.start + self.load

    @property
    def total(self) -> float:
        """From the first byte sent to the rows in the answer."""
        return self.put + self.start + self.load + self.query


def drop(running: Pipeline, name: str, body: bytes, count: int, copies: int = 1) -> Latency:
    """Drop a file of `count` orders, or copies of it at once, and follow all until their rows can be queried."""
    folder = f"{datasets_of(running.settings)[0].incoming}{name.replace(' ', '_')}/"
    keys = [f"{folder}{i:03d}.json" for i in range(copies)]
    rows = copies * sum(len(order["products"]) or 1 for order in orders.orders(count, days=DAYS))
    pause = PAUSE if copies == 1 else PAUSE_FOR_MANY
    marks = [time.monotonic()]
    with ThreadPoolExecutor(min(DROPPERS, copies)) as pool:
        list(pool.map(running.put, keys, itertools.repeat(body)))
    marks.append(time.monotonic())
    wait_for(lambda: running.entry(keys[-1]), DEADLINE, pause)
    marks.append(time.monotonic())
    for key in keys:
        wait_for(functools.partial(running.finished_entry, key), DEADLINE, pause)
    marks.append(time.monotonic())
    wait_for(lambda: count_rows(running, folder) == rows, DEADLINE, pause)
    marks.append(time.monotonic())
    return Latency(name, *(after - before for before, after in itertools.pairwise(marks)))


def count_rows(running: Pipeline, prefix: str) -> int:
    """Ask Athena how many rows came from the files whose keys begin so."""
    sql = f"SELECT count(*) FROM {ORDERS.main.name} WHERE source_key LIKE '{prefix}%'"
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


def many_at_once(running: Pipeline) -> tuple[Latency, float]:
    """Drop many small files at once and follow all until all of their rows can be queried.

    Returns also how many times as long as the bare requests the loads took.
    """
    body = written(16)
    name = f"{MANY} files of 10 KB at once"
    # The first make the emulator start its workers.
    drop(running, f"{WORKERS} files before", body, 16, copies=WORKERS)
    latency = drop(running, name, body, 16, copies=MANY)
    return latency, latency.loaded / bare_requests(
        running, body, f"{datasets_of(running.settings)[0].incoming}{name.replace(' ', '_')}/"
    )


def bare_requests(running: Pipeline, body: bytes, folder: str) -> float:
    """Return the seconds that the requests of so many drops take where nothing is done between them.

    `folder` has the loaded drops that are imitated.
    """
    store = running.s3, running.settings.bucket
    entry = running.finished_entry(f"{folder}000.json")
    assert entry is not None, folder
    rows = store[0].get_object(Bucket=store[1], Key=entry.files[0])["Body"].read()
    bodies = {"ledger": json.dumps(entry.as_json(), indent=1).encode(), "rows": rows}
    processes = ProcessPoolExecutor(
        WORKERS, multiprocessing.get_context("spawn"), _connect, (running.environment, store[1], bodies)
    )
    with processes, ThreadPoolExecutor(DROPPERS) as droppers:
        for ready in [processes.submit(time.sleep, 1.0) for _ in range(WORKERS)]:
            ready.result()

        def put(number: int) -> Future[None]:
            return processes.submit(_imitate, running.put(f"bare/{number:03d}.json", body))

        began = time.monotonic()
        for imitated in list(droppers.map(put, range(MANY))):
            imitated.result()
        return time.monotonic() - began


def _connect(environment: Mapping[str, str], bucket: str, bodies: Mapping[str, bytes]) -> None:
    """Make this process one that imitates loads."""
    client: Any = boto3.client(
        "s3",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_DEFAULT_REGION"],
    )
    client.head_bucket(Bucket=bucket)
    _connected.update(client=client, bucket=bucket, **bodies)


_connected: dict[str, Any] = {}
"""What a process that imitates loads works with."""


def _imitate(key: str) -> None:
    """Make the requests of a small drop's load, as tests/edge/test_requests.py counts them."""
    client, bucket = _connected["client"], _connected["bucket"]
    client.get_object(Bucket=bucket, Key=key)["Body"].read()
    written = client.put_object(Bucket=bucket, Key=f"{key}.ledger", Body=_connected["ledger"], IfNoneMatch="*")
    client.put_object(Bucket=bucket, Key=f"{key}.rows", Body=_connected["rows"])
    client.put_object(Bucket=bucket, Key=f"{key}.ledger", Body=_connected["ledger"], IfMatch=written["ETag"])


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
    options = parser().parse_args()
    with TemporaryDirectory(prefix="orders-latency-") as name:
        folder = Path(name)
        copy_project(PROJECT, folder / "project")
        lay(folder / "project" / "chalicelib" / "contracts", ORDERS.name)
        with pipeline(Progress(), log=folder / "log", project=folder / "project") as running:
            latencies = one_by_one(running, options.largest)
            many, added = many_at_once(running)
    text = table([*latencies, many])
    text += f"\n\n{MANY} files of 10 KB took {added:.2f} times as long as their bare requests (goal: {ADDED:g})."
    print(text)
    results = Path(__file__).resolve().parent / "results"
    results.mkdir(exist_ok=True)
    (results / "latency.md").write_text(f"# From put to queryable, on the embedded AWS\n\n{text}\n", "utf-8")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    prog = "python -m benchmarks.latency"
    made = argparse.ArgumentParser(prog=prog, description=__doc__, **examples(f"{prog} --largest 20"))
    made.add_argument("--largest", type=float, default=200.0, help="MB of the largest file (200)")
    return made


if __name__ == "__main__":
    main()
