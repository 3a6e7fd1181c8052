"""What loading costs: dollars on Lambda from measured CPU seconds, beside the list prices of Firehose and Glue.

Prices are in prices.json, with their date and sources. Free tiers, storage and what questions cost are left out: they
are the same for all. A GB is 10^9 bytes of JSON.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.cores import MB_A_CORE
from chalicelib.loading.ingest import SMALL_BYTES

PRICES: dict[str, Any] = json.loads((Path(__file__).parent / "prices.json").read_text("utf-8"))

GB, MB = 10**9, 10**6
MEMORY_SIZES = (512, 1024, 1769, 3008)
"""In MB: the least that holds a load with room to spare, the common one, one core, and the most without asking AWS."""

LEDGER_WRITES, LEDGER_READS = 2, 0
"""Requests of one load of a small object to S3 besides the object itself and its files."""

BEGINNING = 1
"""The requests of either kind that a larger one takes more: the ledger is asked, and told, before it is read."""

REQUEST_SECONDS = 0.03
"""How long S3 takes to answer one request, about: an assumption, as on the embedded AWS it is nothing."""


@dataclass(frozen=True)
class Work:
    """What was measured on this machine: CPU seconds a GB, and how much faster two cores are than one.

    `slower` is how much longer a core of Lambda takes than one of this machine, `request_seconds` how long each
    request to S3 is waited for: assumptions until they are measured there.
    """

    cpu_seconds_per_gb: float
    two_cores: float = 1.0
    slower: float = 1.0
    request_seconds: float = 0.0


@dataclass(frozen=True)
class Drop:
    """One source object: its size in bytes, how many orders it holds, how many month files it makes."""

    size: int
    orders: int
    files: int

    @property
    def puts(self) -> int:
        """How many requests write to S3."""
        return self.files + LEDGER_WRITES + BEGINNING * (self.size > SMALL_BYTES)

    @property
    def gets(self) -> int:
        """How many requests read from S3."""
        return 1 + LEDGER_READS + BEGINNING * (self.size > SMALL_BYTES)


def load_seconds(work: Work, drop: Drop, memory_mb: int) -> float:
    """Return how long a warm Lambda takes for one drop.

    A second core helps only as much as was measured, and not at all below one core.
    """
    share = memory_mb / MB_A_CORE
    speed = share if share <= 1 else 1 + (work.two_cores - 1) * min(share - 1, 1)
    computing = work.cpu_seconds_per_gb * work.slower * drop.size / GB / speed
    # Waiting takes as long with much memory as with little, and costs more.
    return computing + work.request_seconds * (drop.puts + drop.gets)


def lambda_dollars(work: Work, drop: Drop, memory_mb: int, *, arm: bool = False) -> float:
    """Return what one drop costs: time in steps of a millisecond, the request, and the requests to S3."""
    prices = PRICES["lambda"]
    milliseconds = math.ceil(load_seconds(work, drop, memory_mb) * 1000)
    time = milliseconds / 1000 * memory_mb / 1024 * prices["arm_gb_second" if arm else "x86_gb_second"]
    return float(time + prices["request"] + drop.puts * PRICES["s3"]["put"] + drop.gets * PRICES["s3"]["get"])


def firehose_dollars(drop: Drop, *, by_month: bool = True) -> float:
    """Return what the same orders cost through Firehose with conversion to Parquet, one record an order.

    Each record is billed in steps of 5 KB, for its ingestion and its conversion; putting it into the folder of its
    month is billed by what is delivered, which is about the JSON's size.
    """
    prices = PRICES["firehose"]
    step = prices["record_increment_bytes"]
    billed = drop.orders * math.ceil(drop.size / drop.orders / step) * step / GB
    partitioned = drop.size / GB * prices["partitioned_gb"] if by_month else 0.0
    return float(billed * (prices["ingested_gb"] + prices["converted_gb"]) + partitioned)


def glue_dollars(seconds: float, dpus: int = 2) -> float:
    """Return what a run of a Glue Spark job costs, however little it has to do."""
    prices = PRICES["glue"]
    return float(max(dpus, prices["least_dpus"]) * max(seconds, prices["least_seconds"]) / 3600 * prices["dpu_hour"])


def listing_dollars(months: int, scans: int = 2) -> float:
    """Return what a question pays for the months whose files it lists; a view scans its table twice."""
    return float(months * scans * PRICES["s3"]["list"])


def scan_dollars(scanned_bytes: int) -> float:
    """Return what Athena bills a question."""
    prices = PRICES["athena"]
    return float(max(scanned_bytes, prices["least_scanned_bytes"]) / 10**12 * prices["scanned_tb"])


def keeping_dollars(tables: int, sweep_minutes: int = 15, days: int = 30) -> float:
    """Return what the sweep pays for comparing catalog and bucket, without Glue's free million of requests a month.

    A run asks Glue for each table and for its partitions, and S3 for its folders and for what is remembered.
    """
    runs = days * 24 * 60 / sweep_minutes
    a_table = 2 * PRICES["glue"]["catalog_request"] + PRICES["s3"]["list"] + PRICES["s3"]["get"]
    return float(runs * tables * a_table)


def per_gb(dollars: float, drop: Drop) -> float:
    """Return dollars a GB of JSON."""
    return dollars / drop.size * GB


def per_million_orders(dollars: float, drop: Drop) -> float:
    """Return dollars a million orders."""
    return dollars / drop.orders * 1_000_000


def report(work: Work, drop: Drop) -> str:
    """Return the table for one kind of drop."""
    size = f"{drop.size / MB:,.2f} MB a drop, {drop.orders:,} orders, {drop.files} files"
    rows = [
        _row(f"Lambda, {memory} MB", load_seconds(work, drop, memory), lambda_dollars(work, drop, memory), drop)
        for memory in MEMORY_SIZES
    ]
    rows.append(_row("Firehose, Parquet by month", None, firehose_dollars(drop), drop))
    rows.append(_row("Glue job, one run a drop, its least", PRICES["glue"]["least_seconds"], glue_dollars(0), drop))
    head = f"\n| {size} | seconds | $ a GB | $ a million orders |\n| --- | ---: | ---: | ---: |"
    return "\n".join([head, *rows])


def _row(name: str, seconds: float | None, dollars: float, drop: Drop) -> str:
    shown = "" if seconds is None else f"{seconds:,.2f}"
    return f"| {name} | {shown} | {per_gb(dollars, drop):,.4f} | {per_million_orders(dollars, drop):,.4f} |"
