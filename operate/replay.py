"""The command line of a replay: dropped objects are loaded again, by the Lambda's own code, without its time limit."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec.structs import asdict, replace

from chalicelib.assembly import datasets
from chalicelib.counts import Counts
from chalicelib.dataset import dataset_of
from chalicelib.errors import ContractError, EtlError, redacted_message, shown
from chalicelib.handlers.load import ingest, limits_of
from chalicelib.help_text import examples
from chalicelib.loading.ingest import Ingest
from chalicelib.loading.models import FAILED, FINISHED, GONE, LOADED, LOADING, PARTLY_LOADED, QUARANTINED
from chalicelib.settings import Settings
from chalicelib.stage import read_stage
from glue_setup import command_line
from glue_setup.command_line import say
from operate.bucket import bucket_of
from operate.selection import UNKNOWN, Chosen, Selection, chosen

STATES = (LOADED, PARTLY_LOADED, QUARANTINED, FAILED, LOADING, GONE, UNKNOWN)
MAX_KEY = 400
"""How much of a key is shown."""

LoaderOf = Callable[[str], Ingest]
"""What loads the object of a source key, by the dataset that the key belongs to."""


@dataclass
class Summary:
    """What a replay did: objects by outcome, orders in all. `failed` are keys whose load ended in an error."""

    objects: Counter[str] = field(default_factory=Counter)
    counts: Counts = field(default_factory=Counts)
    failed: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """Return the summary as one line."""
        return json.dumps({"objects": dict(sorted(self.objects.items())), **asdict(self.counts), "failed": self.failed})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 1 something failed, 2 wrong usage."""
    usage = parser()
    options = usage.parse_args(arguments)
    states = {*options.state, *((QUARANTINED, PARTLY_LOADED) if options.quarantine else ())}
    selection = Selection(tuple(options.key), options.prefix, options.since, options.until, frozenset(states))
    if selection.is_empty and not options.all:
        usage.error("say what to load: --key, --prefix, --since, --until, --quarantine, --state, or --all")

    def command() -> int:
        _check(selection, read_stage(options.project, options.stage).settings, usage)
        settings, store = bucket_of(options)
        missing = set(selection.keys)
        objects = _crossed_off(missing, chosen(store, selection, settings.incoming_prefix, settings.ledger_prefix))
        status = _dry_run(objects) if options.dry_run else _replay(objects, settings)
        for key in sorted(missing):
            say(f"{shown(key, MAX_KEY)}: nothing is there, or it does not meet the other conditions")
        return command_line.FAILED if missing else status

    return command_line.run("replay", command, "what was loaded stays, run it again for the rest")


def replay(objects: Iterable[Chosen], loader_of: LoaderOf, say: Callable[[str], None]) -> Summary:
    """Load every object that was chosen again; one that fails does not keep the others from being loaded."""
    summary = Summary()
    for each in objects:
        change = f"{shown(each.arrival.key, MAX_KEY)}: {each.state} ->"
        try:
            outcome, entry = loader_of(each.arrival.key).load(each.arrival, reload=True)
        except EtlError as error:
            summary.failed.append(each.arrival.key)
            summary.objects[FAILED] += 1
            say(f"{change} failed: {redacted_message(error)}")
            continue
        summary.objects[outcome] += 1
        details = ""
        if entry is not None and outcome == entry.state and outcome in FINISHED:
            counts = entry.counts
            summary.counts += counts
            details = f" ({counts.orders_loaded} of {counts.orders_read} orders, {counts.rows} rows)"
            details = f": {entry.reason}" if outcome == QUARANTINED else details
        say(f"{change} {outcome}{details}")
    return summary


def _replay(objects: Iterable[Chosen], settings: Settings) -> int:
    # No Lambda's time runs out here, so that an object may be as large as it is.
    limits = replace(limits_of(settings), max_source_bytes=None)

    def loader_of(key: str) -> Ingest:
        dataset = dataset_of(key, datasets(settings))
        if dataset is None:
            raise ContractError([f"{shown(key, MAX_KEY)} lies in no contract's incoming folder"])
        return ingest(settings, dataset, limits)

    summary = replay(objects, loader_of, say)
    print(summary.as_json())
    return command_line.FAILED if summary.failed else 0


def _crossed_off(missing: set[str], objects: Iterable[Chosen]) -> Iterator[Chosen]:
    """Yield objects, and leave those of `missing` that are not among them."""
    for each in objects:
        missing.discard(each.arrival.key)
        yield each


def _dry_run(objects: Iterable[Chosen]) -> int:
    count = size = 0
    for each in objects:
        count, size = count + 1, size + (each.arrival.size or 0)
        when = each.modified_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        say(f"{shown(each.arrival.key, MAX_KEY)}: {each.state}, {each.arrival.size} bytes, {when}")
    print(f"{count} objects of {size} bytes would be loaded again. Nothing was touched.")
    return 0


def _check(selection: Selection, settings: Settings, usage: argparse.ArgumentParser) -> None:
    incoming = settings.incoming_prefix
    for text in (*selection.keys, *([selection.prefix] if selection.prefix is not None else [])):
        if not text.startswith(incoming):
            usage.error(f"{shown(text)!r} is not below {incoming}: give the whole key, or how it begins")
    if selection.since is not None and selection.until is not None and selection.since >= selection.until:
        usage.error(f"--since {selection.since} is not before --until {selection.until}: nothing lies between them")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m operate replay",
        **examples("python -m operate replay --stage dev --quarantine --dry-run"),
        description="Load dropped objects again. What is there of them is replaced; what is not chosen stays as it is. "
        "Conditions that are given together must all hold.",
    )
    command_line.add_stage(made)
    made.add_argument("--key", action="append", default=[], help="the key of an object; may be given again")
    made.add_argument("--prefix", help="how the keys begin")
    made.add_argument("--since", type=_time, metavar="TIME", help="dropped at or after, such as 2024-07-05 (UTC)")
    made.add_argument("--until", type=_time, metavar="TIME", help="dropped before, such as 2024-07-05T12:00Z")
    made.add_argument("--quarantine", action="store_true", help="those of which something was rejected")
    made.add_argument("--state", action="append", default=[], choices=STATES, help="those the ledger says this of")
    made.add_argument("--all", action="store_true", help="everything that was ever dropped and is there")
    made.add_argument("--dry-run", action="store_true", help="show what would be loaded; touches nothing")
    return made


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 date or date-time: give 2024-07-05T12:00Z") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
