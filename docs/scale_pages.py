"""The figures of docs/scale.md, each from the model of what a backfill costs."""

from __future__ import annotations

from chalicelib.loading.index_view import MOST
from chalicelib.loading.ledger_index import FULL
from chalicelib.loading.side_by_side import AT_ONCE
from chalicelib.loading.sweep_pages import READS_AT_ONCE
from chalicelib.settings import Settings
from docs.contract_pages import table
from glue_setup.backfill import MOST_BYTES, MOST_OBJECTS, retries
from operate import cost, sweep_cost
from operate.backfill import READ_EACH
from operate.cost import Work, concurrency_of_s3, dollars, hours, simulated_hours
from operate.sweep_cost import Round, first_round

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
SWEEPS = {
    "a million objects: the first round": first_round(MILLION),
    "nothing has changed": Round(MILLION),
    "1 % were written since": Round(MILLION, changed=MILLION // 100),
    "their grace time is over": Round(MILLION, settled=MILLION // 100),
    "ten million: nothing has changed": Round(COUNT),
    "1 % were written since, of ten million": Round(COUNT, changed=COUNT // 100),
}
SWEEP_MEMORIES = (sweep_cost.MEMORY_MB, sweep_cost.CORE_MB)
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
        **sweep_figures(),
    }
    for name, value in figures.items():
        prose = prose.replace(f"{{{{{name}}}}}", str(value))
    return prose


def sweep_figures() -> dict[str, object]:
    """Return the figures of the sweep."""
    rounds_a_month = 30 * 24 * 60 // Settings(bucket="any").sweep_minutes
    return {
        "sweep_list": round(sweep_cost.LIST_SECONDS * 1000),
        "sweep_get": round(sweep_cost.GET_SECONDS * 1000),
        "sweep_put": round(sweep_cost.PUT_SECONDS * 1000),
        "sweep_list_core": round(sweep_cost.LIST_CORE * 1000),
        "sweep_get_core": f"{sweep_cost.GET_CORE * 1000:.1f}",
        "sweep_beside": READS_AT_ONCE,
        "sweep_core": sweep_cost.CORE_MB,
        "sweep_full": f"{FULL:,}",
        "sweep_most": f"{MOST:,}",
        "sweep_month": f"{rounds_a_month * Round(MILLION).dollars():.0f}",
        "sweep_rounds": sweep_rounds(),
        "sweep_thousand": sweep_thousand(),
    }


def sweep_rounds() -> str:
    """Return what rounds over many objects take."""
    columns = ["", "lists", "reads", "writes", *(f"at {memory} MB" for memory in SWEEP_MEMORIES), "$"]
    rows = []
    for name, made in SWEEPS.items():
        times = (f"{_duration(made.seconds(each) / 3600)}, {_runs(made.runs(each))}" for each in SWEEP_MEMORIES)
        requests = (made.lists, made.reads + made.gets, made.puts)
        rows.append([name, *(f"{each:,}" for each in requests), *times, f"{made.dollars():.3f}"])
    return table(columns, rows)


def sweep_thousand() -> str:
    """Return the requests of a round over a thousand objects."""
    rounds = {
        "the first round": first_round(1000),
        "nothing has changed, within the lookback or beyond": Round(1000),
        "ten were written since": Round(1000, changed=10),
        "the grace time of ten is over": Round(1000, settled=10),
    }
    rows = [
        [name, *(f"{each:,}" for each in (made.lists, made.reads + made.gets, made.puts))]
        for name, made in rounds.items()
    ]
    return table(["", "lists", "reads", "writes"], rows)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


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
