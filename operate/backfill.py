"""The command line of a backfill: what lies below a prefix is loaded by Step Functions, what is loaded is skipped."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, compress, islice

import boto3

from chalicelib.assembly import datasets, storage
from chalicelib.dataset import dataset_of, loaded_by
from chalicelib.errors import ContractError, shown
from chalicelib.help_text import examples
from chalicelib.loading.backfill import GZIP_EXPANSION, looked_up
from chalicelib.loading.models import ObjectSummary
from chalicelib.loading.store import ObjectStore
from chalicelib.settings import MIB, Settings
from chalicelib.stage import read_stage
from glue_setup import command_line
from glue_setup.backfill import BACKFILL, given_key, results_prefix
from glue_setup.clients import CONFIG, connect
from glue_setup.command_line import FAILED, say
from glue_setup.errors import SetupError
from glue_setup.target import target_of
from operate.backfills import READERS, SUCCEEDED, Backfills, explained_keys, run_name
from operate.cost import Work, dollars, hours
from operate.inventory import Inventory, address
from operate.selection import listing
from operate.unloaded import without_entry

READ_EACH = 20_000
"""Up to so many objects, the dry run reads the ledger entry of each; of more it compares listings."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 1 something failed, 2 wrong usage."""
    made = parser()
    options = made.parse_args(arguments)

    def command() -> int:
        stage = read_stage(options.project, options.stage)
        settings = stage.settings
        prefix = _prefix(options, settings, made)
        _check_new_run(options, made)
        if not settings.backfill_concurrency:
            raise SetupError(
                f"stage {stage.name} has no state machine for backfills: give ETL_BACKFILL_CONCURRENCY a number above "
                "0 in .chalice/config.json, and deploy"
            )
        session = boto3.Session()
        inventory = None
        if options.inventory:
            inventory = Inventory(session.client("s3", config=CONFIG), options.inventory, settings.bucket)
            say(f"The inventory is of {inventory.manifest.written_at:%Y-%m-%d %H:%M} UTC: what came since is not in it")
        if options.dry_run:
            return _dry_run(settings, prefix, options.contract, inventory)
        target, clients = target_of(session, stage), connect(session, stage.name)
        backfills = Backfills(
            clients.states,
            clients.s3,
            target.machine(BACKFILL),
            storage(settings.bucket),
            bucket=settings.bucket,
            ledger=settings.ledger_prefix,
            results=results_prefix(target),
            contract_of=lambda key: loaded_by(key, datasets(settings)).name,
        )
        say(f"Stage {stage.name} in account {target.account}, {target.region}:")
        now = datetime.now(UTC)
        given = None
        if inventory is not None:
            given = given_key(target, run_name(now)), inventory.objects(prefix)
        return _run(backfills, options, prefix, now, given)

    return command_line.run("backfill", command, "the run goes on in AWS: follow it with --watch")


def _run(
    backfills: Backfills,
    options: argparse.Namespace,
    prefix: str,
    now: datetime,
    given: tuple[str, Iterable[ObjectSummary]] | None,
) -> int:
    if options.redrive:
        arn = backfills.redrive(options.redrive)
    elif options.watch:
        arn = backfills.started(options.watch)
    else:
        arn = backfills.start(prefix, options.contract or "", now, given)
        what = "what the inventory has" if given else "what lies"
        say(f"{arn.rsplit(':', 1)[1]} loads {what} below {prefix}; it goes on if this command is ended")
    status = backfills.follow(arn, say, options.pause)
    summary = backfills.summary(arn)
    name = arn.rsplit(":", 1)[1]
    for line in explained_keys(summary):
        say(line)
    say(f"{name} {status.lower()}: {summary.line()}")
    if status != SUCCEEDED:
        say(f"It ended early. Once the cause is gone: --redrive {name} goes on, a new run skips what is loaded.")
    elif summary.failed:
        say("Run it again once the cause is gone: what is loaded is skipped.")
    elif not summary.counts.loaded and not summary.counts.rejected:
        say("Everything was loaded before: nothing was to be done.")
    if not summary.adds_up:
        say(f"The counts do not add up: the run listed {summary.listed} objects, and tells of {summary.accounted}.")
    print(json.dumps(summary.as_json()))
    return 0 if status == SUCCEEDED and not summary.failed and summary.adds_up else FAILED


@dataclass
class Tally:
    """How many objects there are, and their bytes: those of compressed objects expanded by a guess."""

    objects: int = 0
    bytes: int = 0

    def counting(self, objects: Iterable[ObjectSummary]) -> Iterator[ObjectSummary]:
        """Yield the objects, counted."""
        for each in objects:
            self.objects += 1
            self.bytes += _expanded(each)
            yield each


@dataclass(frozen=True)
class Plan:
    """What a run would meet, and what of it would be loaded."""

    met: Tally
    to_load: Tally


def planned(store: ObjectStore, objects: Iterable[ObjectSummary], ledger: str) -> Plan:
    """Return how many objects are not loaded: each is looked up, or beyond READ_EACH the ledger's listing compared."""
    met, to_load = Tally(), Tally()
    stream = met.counting(objects)
    first = list(islice(stream, READ_EACH + 1))
    if len(first) > READ_EACH:
        unloaded = without_entry(chain(first, stream), listing(store, ledger))
    else:
        since = datetime.now(UTC)
        with ThreadPoolExecutor(READERS) as readers:
            looked = list(readers.map(lambda each: looked_up(store, ledger, each, since)[1] is not None, first))
        unloaded = compress(first, looked)
    for _ in to_load.counting(unloaded):
        pass
    return Plan(met, to_load)


def _dry_run(settings: Settings, prefix: str, contract: str | None, inventory: Inventory | None) -> int:
    store = storage(settings.bucket)
    objects = (
        each
        for each in (listing(store, prefix) if inventory is None else inventory.objects(prefix))
        if not each.is_folder and (contract is None or loaded_by(each.key, datasets(settings)).name == contract)
    )
    plan = planned(store, objects, settings.ledger_prefix)
    work = Work(plan.met.objects, plan.to_load.objects, plan.to_load.bytes)
    cost, concurrency = dollars(work), settings.backfill_concurrency
    unloaded = f"{plan.to_load.objects} of {_size(plan.to_load.bytes)} not loaded"
    if inventory is not None:
        say(f"Left out of the inventory: {inventory.left_out.line()}")
    say(f"{prefix}: {plan.met.objects} objects of {_size(plan.met.bytes)}, {unloaded}")
    say(
        f"At {concurrency} batches at once (ETL_BACKFILL_CONCURRENCY) about {_duration(hours(work, concurrency))} and "
        f"{_dollars(cost.total)}: Lambda {_dollars(cost.lambda_seconds + cost.lambda_requests)}, S3 "
        f"{_dollars(cost.s3)}, Step Functions {_dollars(cost.step_functions)}, events {_dollars(cost.events)}"
    )
    say("Nothing was touched.")
    return 0


def _check_new_run(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """End with wrong usage where an option of a new run is given with one that was started."""
    if options.redrive or options.watch:
        for name in ("prefix", "contract", "inventory"):
            if getattr(options, name) is not None:
                parser.error(f"--{name} says what a new run loads: leave it out with --redrive and --watch")


def _prefix(options: argparse.Namespace, settings: Settings, parser: argparse.ArgumentParser) -> str:
    """Return the prefix of the keys to load: as given, or the contract's folder, or all that was dropped."""
    incoming = settings.incoming_prefix
    if options.contract is not None:
        by_name = {each.name: each for each in datasets(settings)}
        if options.contract not in by_name:
            names = ", ".join(by_name)
            raise ContractError([f"no contract {shown(options.contract)!r} is deployed: use one of {names}"])
        incoming = by_name[options.contract].incoming
    prefix = str(options.prefix or incoming)
    if not prefix.startswith(incoming):
        parser.error(f"{shown(prefix)!r} is not below {incoming}: give how the keys begin, from the bucket's root")
    if dataset_of(prefix, datasets(settings)) is None and not any(
        each.incoming.startswith(prefix) for each in datasets(settings)
    ):
        parser.error(f"{shown(prefix)!r} is in no contract's incoming folder")
    return prefix


def _expanded(each: ObjectSummary) -> int:
    return each.size * (GZIP_EXPANSION if each.key.lower().endswith(".gz") else 1)


def _size(size: int) -> str:
    return (
        f"{size / 10**9:.1f} GB" if size >= 10**9 else f"{size / MIB:.1f} MiB" if size >= MIB // 10 else f"{size} bytes"
    )


def _duration(hours_: float) -> str:
    minutes = hours_ * 60
    return f"{hours_:.1f} hours" if hours_ >= 2 else f"{minutes:.0f} minutes" if minutes >= 1.5 else "a minute"


def _dollars(amount: float) -> str:
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m operate backfill",
        **examples(
            "python -m operate backfill --stage dev --dry-run",
            "python -m operate backfill --stage dev --prefix orders_json_incoming/2023/",
            "python -m operate backfill --stage dev --inventory s3://inventories/my-orders/all/2026-11-25T01-00Z/manifest.json",
        ),
        description="Load everything below a prefix that is not loaded, by Step Functions and the deployed loader. "
        "What is loaded costs one read of the ledger, so that any run may be repeated. Ending this command ends "
        "no run.",
    )
    command_line.add_stage(made)
    made.add_argument("--prefix", help="how the keys begin (default: all that was dropped, or the contract's folder)")
    made.add_argument("--contract", help="only what this contract loads")
    made.add_argument(
        "--inventory",
        type=_inventory,
        metavar="MANIFEST",
        help="take the objects of an S3 Inventory of the bucket, CSV or Parquet, instead of listing it: the address of "
        "its manifest, s3://BUCKET/…/manifest.json",
    )
    ways = made.add_mutually_exclusive_group()
    ways.add_argument("--dry-run", action="store_true", help="tell objects, hours and dollars; starts nothing")
    ways.add_argument("--redrive", metavar="EXECUTION", help="go on with a run that failed or was stopped")
    ways.add_argument("--watch", metavar="EXECUTION", help="follow a run that was started before, and tell its summary")
    made.add_argument("--pause", type=_seconds, default=5.0, help="seconds between two looks at a run (5)")
    return made


def _inventory(text: str) -> str:
    try:
        address(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: give seconds from 0.1 to 3600")
    return seconds
