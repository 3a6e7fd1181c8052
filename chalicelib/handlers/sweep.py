"""The scheduled function's work: a run of the sweep over the stage's bucket, and a crawl that was requested."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from msgspec.structs import asdict

from chalicelib.assembly import catch_up_crawler, datasets, outbox_relay, put_partitions_right, storage
from chalicelib.aws.functions import hand_over, lambda_client
from chalicelib.aws.states import backfilled_prefixes, states_client
from chalicelib.dataset import loaded_by
from chalicelib.errors import AwsError
from chalicelib.loading.sweep import Sweep
from chalicelib.loading.sweep_cursor import Rules, SweepReport
from chalicelib.loading.sweep_pages import READS_AT_ONCE
from chalicelib.settings import Settings
from chalicelib.telemetry.logs import log, measure

SWEEP, LOAD, BACKFILL = "sweep", "load", "backfill"
"""The functions' names in app.py, with which their deployed names end, and what the state machine's name ends with."""


def sweep_bucket(settings: Settings, function: str, time_left: Callable[[], float]) -> dict[str, Any]:
    """Run the sweep for as long as `time_left` allows, in seconds; return what it did.

    `function` is the ARN of the function that runs this: what it finds is handed to its neighbour that loads.
    """
    began = time.monotonic()
    # First, since it is quick: what cannot be queried is missed by somebody now.
    put_partitions_right(settings, time_left)
    client = lambda_client()
    prefix = function.split(":")[-1].removesuffix(SWEEP)
    sweep = Sweep(
        storage(settings.bucket),
        rules(settings),
        lambda event: hand_over(client, f"{prefix}{LOAD}", event),
        outbox_relay(settings),
        backfilled(settings, function),
        at_once=READS_AT_ONCE,
    )
    report = sweep.run(time_left)
    facts = asdict(report) | {"seconds": round(time.monotonic() - began, 3)}
    log("sweep", level="WARNING" if report.notes else "INFO", **facts)
    _measure(report, facts["seconds"], settings)
    catch_up_crawler(settings)
    return facts


def backfilled(settings: Settings, function: str) -> tuple[str, ...]:
    """Return the prefixes that a backfill is at work on; none where that cannot be known.

    The sweep then announces what the backfill would load as well: the ledger has it loaded once all the same.
    """
    match function.split(":"):
        case ["arn", partition, "lambda", region, account, "function", name] if settings.backfill_concurrency:
            machine = f"arn:{partition}:states:{region}:{account}:stateMachine:{name.removesuffix(SWEEP)}{BACKFILL}"
        case _:
            return ()
    try:
        return backfilled_prefixes(states_client(), machine)
    except AwsError as error:
        log("backfill unknown", level="WARNING", kind=error.kind, reason=str(error))
        return ()


def rules(settings: Settings) -> Rules:
    """Return where the sweep looks and what it leaves alone."""
    made = datasets(settings)
    prefixes = made[0].prefixes
    return Rules(
        bucket=settings.bucket,
        incoming=settings.incoming_prefix,
        tables=(
            *(folder for each in made for folder in each.folders.values()),
            prefixes.rejected,
            prefixes.long_rejected,
        ),
        ledger=settings.ledger_prefix,
        state=settings.state_prefix,
        grace=timedelta(seconds=settings.sweep_grace_seconds),
        lookback=timedelta(hours=settings.sweep_lookback_hours),
        deletes=settings.delete_propagates,
        most_removals=settings.sweep_most_removals,
        most_percent=settings.sweep_most_percent,
        contract_of=lambda key: loaded_by(key, made).name,
    )


def _measure(report: SweepReport, seconds: float, settings: Settings) -> None:
    measure(
        {
            "SweepAnnounced": report.announced,
            "SweepGaveUp": report.given_up,
            "SweepRemoved": report.removed,
            "SweepRefusedToRemove": report.left_alone,
            "LedgerEntriesUnreadable": report.unreadable,
            "ForeignFilesInTable": report.foreign,
            "SweepSeconds": seconds,
        },
        stage=settings.stage,
    )
    for dataset in datasets(settings):
        waiting = report.oldest_waiting.get(dataset.name, 0.0)
        measure({"OldestWaitingSeconds": waiting}, stage=settings.stage, contract=dataset.name)
