"""The figures of docs/scale.md, each from the model of what a backfill costs."""

from __future__ import annotations

from chalicelib.loading.side_by_side import AT_ONCE
from chalicelib.settings import Settings
from docs.contract_pages import table
from glue_setup.backfill import MOST_BYTES, MOST_OBJECTS, retries
from operate import cost
from operate.backfill import READ_EACH
from operate.cost import Work, concurrency_of_s3, dollars, hours, simulated_hours

MILLION = 1_000_000
COUNT = 10 * MILLION
TEN_MILLION = Work(COUNT, COUNT, COUNT * 10_000)
CASES = {
    "ten million new objects of 10 KB": TEN_MILLION,
    "ten million new objects of 1 MB": Work(COUNT, COUNT, COUNT * MILLION),
    "ten million, one in a hundred not loaded": Work(COUNT, COUNT // 100, COUNT // 100 * 10_000),
    "ten million, all loaded": Work(COUNT, 0, 0),
    "the first row's bytes as ten thousand of 10 MB": Work(10_000, 10_000, COUNT * 10_000),
}
CONCURRENCIES = (5, 20, 100, 500)
SIMULATED_FAILING = 0.05
EVENTS_A_TURN, BYTES_A_RESULT = 7, 150


def scale_document(prose: str) -> str:
    """Return docs/scale.md: the prose of docs/parts/scale.md with its figures."""
    default = Settings(bucket="any").backfill_concurrency
    turns = MOST_OBJECTS * EVENTS_A_TURN
    seconds = TEN_MILLION.seconds / TEN_MILLION.batches
    figures = {
        "date": cost.PRICES_OF,
        "batch": MOST_OBJECTS,
        "batch_bytes": f"{MOST_BYTES:,}",
        "cpu": cost.CPU_SECONDS_A_GB,
        "latency": round(cost.REQUEST_SECONDS * 1000),
        "memory": cost.MEMORY_MB,
        "beside": AT_ONCE,
        "read_each": f"{READ_EACH:,}",
        "lists": f"{2 * TEN_MILLION.lists:,}",
        "default": default,
        "throttled": retries()[0]["MaxAttempts"],
        "bites": f"with 10 KB an object at about {concurrency_of_s3(TEN_MILLION):.0f} batches at once",
        "events": f"{turns:,}",
        "transitions": f"a batch of small objects takes {seconds:.1f} s and {cost.TRANSITIONS_A_BATCH} transitions: at "
        f"500 at once {500 / seconds * cost.TRANSITIONS_A_BATCH:.0f} a second",
        "events_a_second": f"{500 / seconds * MOST_OBJECTS:,.0f}",
        "results": f"{TEN_MILLION.batches * BYTES_A_RESULT / 10**6:.0f} MB for ten million objects",
        "costs": costs(),
        "hours": hours_table(),
        "requests": requests(),
    }
    for name, value in figures.items():
        prose = prose.replace(f"{{{{{name}}}}}", str(value))
    return prose


def costs() -> str:
    """Return dollars and hours of each case."""
    rows = []
    default = Settings(bucket="any").backfill_concurrency
    for name, work in CASES.items():
        made = dollars(work)
        by = (made.lambda_seconds + made.lambda_requests, made.s3, made.step_functions, made.events, made.total)
        rows.append([name, *(f"{each:,.2f}" for each in by), _duration(hours(work, default))])
    return table(
        ["", "Lambda, $", "S3, $", "Step Functions, $", "events, $", "in all, $", f"at {default} at once"], rows
    )


def hours_table() -> str:
    """Return the time of each case by how many batches are loaded at once, and the simulated ones of the first."""
    rows = [[name, *(_duration(hours(work, each)) for each in CONCURRENCIES)] for name, work in CASES.items()]
    simulated = [_duration(simulated_hours(TEN_MILLION, each, SIMULATED_FAILING)) for each in CONCURRENCIES]
    return table(["", *(f"{each} at once" for each in CONCURRENCIES)], [*rows, ["the first, simulated", *simulated]])


def requests() -> str:
    """Return how many requests of each kind a case takes."""
    rows = [
        [name, *(f"{each:,.0f}" for each in (work.lists, work.gets, work.puts, work.batches, work.seconds / 3600))]
        for name, work in CASES.items()
    ]
    return table(["", "lists", "reads", "writes", "batches", "hours of Lambda"], rows)


def _duration(amount: float) -> str:
    """Return hours as text; less than two as minutes."""
    return f"{amount:,.1f} h" if amount >= 2 else f"{max(1, round(amount * 60))} min"
