"""What a backfill costs and how long it takes: the model behind its dry run and docs/scale.md. Pure.

Prices are list prices in us-east-1, dollars; storage, free tiers and what is asked afterwards are left out.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from chalicelib.loading.ingest import SMALL_BYTES
from chalicelib.loading.side_by_side import AT_ONCE
from chalicelib.prices import AS_OF, US_EAST_1
from glue_setup.backfill import MOST_OBJECTS

PRICES_OF = AS_OF
SOURCES = (
    "https://aws.amazon.com/lambda/pricing/",
    "https://aws.amazon.com/s3/pricing/",
    "https://aws.amazon.com/step-functions/pricing/",
    "https://aws.amazon.com/eventbridge/pricing/",
)
GB_SECOND, INVOCATION = US_EAST_1.gb_second, US_EAST_1.invocation
PUT, GET, LIST = US_EAST_1.put, US_EAST_1.get, US_EAST_1.put
EVENT = US_EAST_1.event
TRANSITION = 0.000025
"""Of a STANDARD state machine; a retry counts as one."""

CPU_SECONDS_A_GB = 8.9
"""What loading 10^9 bytes of JSON takes on one core, as `make bench` measures it (docs/cost.md)."""
REQUEST_SECONDS = 0.03
"""How long S3 takes to answer one request: an assumption, as on the embedded AWS it is nothing."""
MEMORY_MB = 1769
"""One core of Lambda; .chalice/config.json has it for the loader."""

LISTED_AT_ONCE = 1000
TRANSITIONS_A_BATCH = 4
"""The start of a child execution, and the three states that it passes."""

GETS_OF_LOADED = 1
"""Reads of an object that is loaded already: its ledger entry."""
GETS_OF_NEW, LEDGER_PUTS, RECEIPTS, EVENTS = 3, 2, 1, 1
"""Of an object that is loaded: its ledger entry, HEAD for its version, itself; the ledger before and after, what tells
the sender, and what tells others."""
MORE_OF_LARGE = 1
"""Reads and writes more of an object above SMALL_BYTES: the ledger is asked, and told, before it is read."""

PUTS_A_SECOND = 3500
"""Writes that S3 serves below one prefix before it divides it: https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html"""


@dataclass(frozen=True)
class Work:
    """Objects of a backfill. `bytes` are those of the objects to load, uncompressed; `files` is what each makes."""

    objects: int
    to_load: int
    bytes: int
    files: float = 1.0

    @property
    def size(self) -> float:
        """Bytes of an object that is to be loaded."""
        return self.bytes / self.to_load if self.to_load else 0.0

    @property
    def batches(self) -> int:
        """How many child executions there are."""
        return math.ceil(self.objects / MOST_OBJECTS)

    @property
    def lists(self) -> int:
        """How many requests list the objects."""
        return math.ceil(self.objects / LISTED_AT_ONCE)

    @property
    def puts_of_one(self) -> float:
        """Requests that write, of an object that is loaded."""
        return self.files + LEDGER_PUTS + RECEIPTS + MORE_OF_LARGE * (self.size > SMALL_BYTES)

    @property
    def gets_of_one(self) -> float:
        """Requests that read, of an object that is loaded."""
        return GETS_OF_NEW + MORE_OF_LARGE * (self.size > SMALL_BYTES)

    @property
    def ledger_puts(self) -> float:
        """Requests that write to the ledger's prefix."""
        return self.to_load * (LEDGER_PUTS + MORE_OF_LARGE * (self.size > SMALL_BYTES))

    @property
    def puts(self) -> float:
        """All requests that write."""
        return self.to_load * self.puts_of_one

    @property
    def gets(self) -> float:
        """All requests that read."""
        return self.to_load * self.gets_of_one + (self.objects - self.to_load) * GETS_OF_LOADED

    @property
    def seconds(self) -> float:
        """Seconds of the loader in all: computing, and waiting for S3, which small objects do side by side."""
        beside = AT_ONCE if self.size <= SMALL_BYTES else 1
        waiting = self.to_load * (self.puts_of_one + self.gets_of_one + EVENTS) / beside
        waiting += (self.objects - self.to_load) * GETS_OF_LOADED / AT_ONCE
        return self.bytes / 10**9 * CPU_SECONDS_A_GB + waiting * REQUEST_SECONDS


@dataclass(frozen=True)
class Dollars:
    """What a backfill costs, by who asks for it."""

    lambda_seconds: float
    lambda_requests: float
    s3: float
    step_functions: float
    events: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.lambda_seconds + self.lambda_requests + self.s3 + self.step_functions + self.events


def dollars(work: Work, memory_mb: int = MEMORY_MB) -> Dollars:
    """Return what a backfill costs."""
    return Dollars(
        work.seconds * memory_mb / 1024 * GB_SECOND,
        work.batches * INVOCATION,
        work.puts * PUT + work.gets * GET + work.lists * LIST,
        work.batches * TRANSITIONS_A_BATCH * TRANSITION,
        work.to_load * EVENTS * EVENT,
    )


def hours(work: Work, concurrency: int) -> float:
    """Return how long a backfill takes at so many batches at once, but no less than the ledger's writes take S3."""
    return max(work.seconds / min(concurrency, max(1, work.batches)), work.ledger_puts / PUTS_A_SECOND) / 3600


def concurrency_of_s3(work: Work) -> float:
    """Return at how many batches at once the ledger's writes reach what S3 serves below one prefix.

    The ledger is one prefix, which gets two writes of each object; the table has one for each month. S3 divides a
    prefix that is busy for minutes, so that this is where throttling begins, and not where it ends.
    """
    return PUTS_A_SECOND * work.seconds / work.ledger_puts if work.ledger_puts else math.inf


def simulated_hours(work: Work, concurrency: int, failing: float = 0.0, seed: int = 1) -> float:
    """Return how long a backfill takes, batch by batch: batches differ in length, and a share of them fails once.

    A batch that failed waits for its back-off, in which its slot is not free: Step Functions counts it as running. S3
    serves the ledger's writes in their turn, as many a second as one prefix has.
    """
    chance = random.Random(seed)  # noqa: S311 - a simulation
    batches = max(1, work.batches)
    slots = [0.0] * min(concurrency, batches)
    written = work.ledger_puts / batches / PUTS_A_SECOND
    served = 0.0
    for seconds in _lengths(work.batches, work.seconds / batches, failing, chance):
        served = max(served, slots[0]) + written
        heapq.heapreplace(slots, max(slots[0] + seconds, served))
    return max(slots) / 3600


def _lengths(batches: int, mean: float, failing: float, chance: random.Random) -> Iterator[float]:
    for _ in range(batches):
        seconds = mean * chance.uniform(0.5, 1.5)
        if chance.random() < failing:
            # It fails half-way, waits a time up to the first interval, and what was loaded is skipped then.
            seconds += seconds / 2 + chance.uniform(0, 5)
        yield seconds
