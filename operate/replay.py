"""The command line of a replay: dropped objects are loaded again, by the Lambda's own code, without its time limit."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.assembly import datasets, storage
from chalicelib.errors import EtlError, redacted_message, shown
from chalicelib.handlers.load import ingest, limits_of
from chalicelib.loading.ingest import Ingest
from chalicelib.loading.models import FAILED, FINISHED, GONE, LOADED, LOADING, PARTLY_LOADED, QUARANTINED
from chalicelib.settings import Settings
from chalicelib.stage import read_stage
from operate.selection import UNKNOWN, Chosen, Selection, chosen

STATES = (LOADED, PARTLY_LOADED, QUARANTINED, FAILED, LOADING, GONE, UNKNOWN)
FAILURE, INTERRUPTED = 1, 130

Say = Callable[[str], None]


@dataclass
class Summary:
    """What a replay did: objects by outcome, orders in all. `failed` are keys whose load ended in an error."""

    objects: Counter[str] = field(default_factory=Counter)
    orders_read: int = 0
    orders_loaded: int = 0
    orders_rejected: int = 0
    rows: int = 0
    failed: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """Return the summary as one line."""
        counts = {"orders_read": self.orders_read, "orders_loaded": self.orders_loaded}
        counts |= {"orders_rejected": self.orders_rejected, "rows": self.rows}
        return json.dumps({"objects": dict(sorted(self.objects.items())), **counts, "failed": self.failed})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status: 0 done, 1 something failed, 2 wrong usage."""
    parser = _parser()
    given = parser.parse_args(arguments)
    selection = Selection(tuple(given.key), given.prefix, given.since, given.until, frozenset(_states(given)))
    if selection.is_empty and not given.all:
        parser.error("say what to load: --key, --prefix, --since, --until, --quarantine, --state, or --all")
    try:
        settings = read_stage(given.project, given.stage).settings
        _check(selection, settings, parser)
        found = chosen(storage(settings.bucket), selection, settings.incoming_prefix, settings.ledger_prefix)
        return _dry_run(found) if given.dry_run else _replay(found, settings)
    except EtlError as problem:
        print(f"replay: {problem}", file=sys.stderr)
    except (ClientError, BotoCoreError) as problem:
        print(f"replay: {problem}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nreplay: interrupted; what was loaded stays, run it again for the rest", file=sys.stderr)
        return INTERRUPTED
    return FAILURE


def replay(found: Iterable[Chosen], loader: Ingest, say: Say) -> Summary:
    """Load every object that was chosen again; one that fails does not keep the others from being loaded."""
    summary = Summary()
    for each in found:
        key = shown(each.arrival.key, 400)
        try:
            outcome, entry = loader.load(each.arrival, reload=True)
        except (EtlError, ClientError, BotoCoreError) as problem:
            summary.failed.append(each.arrival.key)
            summary.objects[FAILED] += 1
            say(f"{key}: {each.state} -> failed: {redacted_message(problem)}")
            continue
        summary.objects[outcome] += 1
        what = ""
        if entry is not None and outcome == entry.state and outcome in FINISHED:
            summary.orders_read += entry.counts.orders_read
            summary.orders_loaded += entry.counts.orders_loaded
            summary.orders_rejected += entry.counts.orders_rejected
            summary.rows += entry.counts.rows
            what = f" ({entry.counts.orders_loaded} of {entry.counts.orders_read} orders, {entry.counts.rows} rows)"
            what = f": {entry.reason}" if outcome == QUARANTINED else what
        say(f"{key}: {each.state} -> {outcome}{what}")
    return summary


def _replay(found: Iterable[Chosen], settings: Settings) -> int:
    # No Lambda's time runs out here, so that an object may be as large as it is.
    loader = ingest(settings, datasets(settings)[0], replace(limits_of(settings), max_source_bytes=None))
    summary = replay(found, loader, lambda line: print(line, flush=True))
    print(summary.as_json())
    return FAILURE if summary.failed else 0


def _dry_run(found: Iterable[Chosen]) -> int:
    count = size = 0
    for each in found:
        count, size = count + 1, size + (each.arrival.size or 0)
        when = each.modified_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        print(f"{shown(each.arrival.key, 400)}: {each.state}, {each.arrival.size} bytes, {when}", flush=True)
    print(f"{count} objects of {size} bytes would be loaded again. Nothing was touched.")
    return 0


def _check(selection: Selection, settings: Settings, parser: argparse.ArgumentParser) -> None:
    incoming = settings.incoming_prefix
    for text in (*selection.keys, *([selection.prefix] if selection.prefix is not None else [])):
        if not text.startswith(incoming):
            parser.error(f"{shown(text)!r} is not below {incoming}: give the whole key, or how it begins")


def _states(given: argparse.Namespace) -> set[str]:
    return {*given.state, *((QUARANTINED, PARTLY_LOADED) if given.quarantine else ())}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m operate replay",
        description="Load dropped objects again. What is there of them is replaced; what is not chosen stays as it is. "
        "Conditions that are given together must all hold.",
    )
    parser.add_argument("--stage", required=True, help="a stage of .chalice/config.json")
    parser.add_argument("--project", type=Path, default=Path(), metavar="DIR", help="the project (default: here)")
    parser.add_argument("--key", action="append", default=[], help="the key of an object; may be given again")
    parser.add_argument("--prefix", help="how the keys begin")
    parser.add_argument("--since", type=_time, metavar="TIME", help="dropped at or after, such as 2024-07-05 (UTC)")
    parser.add_argument("--until", type=_time, metavar="TIME", help="dropped before, such as 2024-07-05T12:00Z")
    parser.add_argument("--quarantine", action="store_true", help="those of which something was rejected")
    parser.add_argument("--state", action="append", default=[], choices=STATES, help="those the ledger says this of")
    parser.add_argument("--all", action="store_true", help="everything that was ever dropped and is there")
    parser.add_argument("--dry-run", action="store_true", help="show what would be loaded; touches nothing")
    return parser


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no ISO 8601 date or date-time: give 2024-07-05T12:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
