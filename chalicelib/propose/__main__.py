"""The command line of propose: a sample file, or a JSON Schema, becomes a contract.toml with saved queries."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.names import name_fault
from chalicelib.contracts.reading import FILE_NAME, as_name, read_text
from chalicelib.errors import EtlError, UnreadableFile, shown
from chalicelib.help_text import examples
from chalicelib.propose import contract_text, json_schema, made_up, saved_queries, trial
from chalicelib.propose.counting import counted
from chalicelib.propose.json_values import decode
from chalicelib.propose.layout import Layout
from chalicelib.propose.names import LONGEST, snake_case
from chalicelib.propose.profile import Profile, profiles
from chalicelib.propose.proposal import Proposal
from chalicelib.propose.recognition import propose
from chalicelib.propose.sample import Sample
from chalicelib.settings import Settings

NO_DOCUMENT = "there is no document in it: no record is an object"
MOST_NAMED = 12
"""How many columns with something to look at are named."""
MOST_SCHEMA_BYTES = 16 * 1024 * 1024
_SUFFIXES = (".gz", ".json", ".ndjson", ".jsonl", ".schema")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit status.

    0: the contract reads every document of the sample. 1: the file cannot be read, or some of it cannot be expressed,
    which standard error says; a contract is written where one reads the documents at all. 2: wrong usage.
    """
    usage = parser()
    options = usage.parse_args(arguments)
    if options.name is not None and (fault := name_fault(options.name)):
        usage.error(f"--name {shown(options.name)}: {fault}")
    if options.output is not None and options.output.is_dir():
        usage.error(f"-o {shown(options.output)} is a folder: give the contract's file, such as {FILE_NAME} in it")
    name = options.name or name_of(options.input)
    try:
        return _propose(options.input, name, options.output, is_schema=options.schema)
    except (EtlError, OSError, ValueError) as problem:
        print(f"{shown(options.input, 400)}: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command."""
    made = argparse.ArgumentParser(
        prog="python -m chalicelib.propose",
        description="Propose a contract from a file of JSON documents: every document is read, no value is kept. Exit "
        "status: 0 where the contract reads every document, 1 where it does not, 2 wrong usage.",
        **examples(
            "python -m chalicelib.propose my_orders.json -o my_orders/contract.toml",
            "python -m chalicelib.propose order.schema.json --schema -o my_orders/contract.toml",
        ),
    )
    made.add_argument("input", metavar="INPUT", help="a JSON file in any of the input forms, or - for standard input")
    made.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        help=f"where the contract goes; beside a file named {FILE_NAME}, sample.json and queries/ are written too",
    )
    made.add_argument("--name", metavar="NAME", help="the contract's name; that of INPUT unless given")
    made.add_argument("--schema", action="store_true", help="INPUT is a JSON Schema of the documents")
    return made


def _propose(source: str, name: str, output: Path | None, *, is_schema: bool) -> int:
    """Read, propose, write, say what was chosen and run it. Raises EtlError, OSError and ValueError."""
    if is_schema:
        with _file(source) as path:
            profile = _schema_profile(path)
        proposal = _proposal(profile, None, Layout(), name, source, "the schema describes no object")
        if proposal is None:
            return 1
        _write(proposal, profile, None, (), output)
        return 1 if proposal.limits else 0
    settings = Settings.from_environment({"ETL_BUCKET": "local-file", **os.environ})
    with _file(source) as path:
        sample = Sample(lambda: path.open("rb"), settings.max_record_bytes, settings.max_decompressed_bytes)
        layout = sample.find_layout()
        profile, outer = profiles(sample.read(), layout.at)
        for reason in sample.reasons:
            print(f"not read: {reason}", file=sys.stderr)
        if sample.unread:
            records = f"{sample.unread} of {counted(sample.values, 'record')}"
            are = "was not read, as it" if sample.values == 1 else "were not read, as they"
            print(f"{records} {are} would be rejected", file=sys.stderr)
        proposal = _proposal(profile, outer, layout, name, source, NO_DOCUMENT)
        if proposal is None:
            return 1
        contract = _write(proposal, profile, outer, layout.at, output)
        with path.open("rb") as stream:
            outcome = trial.run(stream, contract, settings, os.environ, datetime.now(UTC))
    for line in outcome.lines():
        print(line, file=sys.stderr)
    _say_how_to_go_on(proposal)
    loaded = outcome.converted.counts.orders_loaded
    if are_others := outcome.is_complete and loaded != proposal.documents:
        print(
            f"{counted(proposal.documents, 'document')} found, and a load takes {loaded}: an object around an array "
            f"that has a value for {', '.join(proposal.identity)} itself counts as a document; name another "
            "identity, or let that object be the document",
            file=sys.stderr,
        )
    return 0 if outcome.is_complete and not are_others and not proposal.limits else 1


def _proposal(
    profile: Profile, outer: Profile | None, layout: Layout, name: str, source: str, none: str
) -> Proposal | None:
    """Propose, and say what was chosen; None where no contract reads the documents, which is said too."""
    if not profile.documents:
        print(f"{shown(source, 400)}: {none}", file=sys.stderr)
        return None
    proposal = propose(profile, outer, layout, name, datetime.now(UTC).year + 1)
    _say(proposal)
    return proposal if proposal.is_readable else None


def _say_how_to_go_on(p: Proposal) -> None:
    columns = sum(not column.is_taken for table in p.tables if table.is_taken for column in table.columns)
    lists = sum(not table.is_taken for table in p.tables)
    parts = [counted(count, noun) for count, noun in ((columns, "column"), (lists, "table")) if count]
    if parts:
        is_one = columns + lists == 1
        print(
            f"{' and '.join(parts)} {'is' if is_one else 'are'} commented out in the contract, and "
            f"{'its' if is_one else 'their'} fields stay in extra_fields: delete the leading # of those you want",
            file=sys.stderr,
        )
    if marked := p.marked():
        lines = f"{counted(len(marked), 'line')} {'is' if len(marked) == 1 else 'are'}"
        names = list(dict.fromkeys(marked))
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        print(f"{lines} marked LOOK: {', '.join(names[:MOST_NAMED])}{more}", file=sys.stderr)


@contextlib.contextmanager
def _file(source: str) -> Iterator[Path]:
    """Give the path of a source; what can be read but once is copied to a temporary file."""
    path = Path(source)
    if source != "-" and (path.is_file() or path.is_dir() or not path.exists()):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="propose-") as folder:
        copied = Path(folder) / "input"
        with copied.open("wb") as copy, contextlib.ExitStack() as ends:
            shutil.copyfileobj(sys.stdin.buffer if source == "-" else ends.enter_context(path.open("rb")), copy)
        yield copied


def _schema_profile(path: Path) -> Profile:
    with path.open("rb") as file:
        text = file.read(MOST_SCHEMA_BYTES + 1)
    if len(text) > MOST_SCHEMA_BYTES:
        raise UnreadableFile(f"the schema is longer than {MOST_SCHEMA_BYTES} bytes: give that of one document")
    try:
        return json_schema.profile_of(decode(text))
    except RecursionError:
        raise UnreadableFile("the schema is nested too deeply to be read") from None


def name_of(source: str) -> str:
    """Return a contract's name from that of a file."""
    stem = "documents" if source == "-" else Path(source).name
    while (suffix := Path(stem).suffix).lower() in _SUFFIXES and suffix:
        stem = stem.removesuffix(suffix)
    name = as_name(snake_case(stem)[: LONGEST // 2].strip("_") or "documents")
    return f"{name}_documents" if name_fault(name) else name


def _say(p: Proposal) -> None:
    """Say on standard error what was taken for what, and what to look at."""
    print(p.source, file=sys.stderr)
    rows = p.main.scope.path or "one row a document"
    for role, value in (
        ("records", ".".join(p.records)),
        ("at", p.at),
        ("rows", rows),
        ("identity", ", ".join(p.identity)),
        ("date", p.date),
        ("version", p.version),
        ("tables", ", ".join(table.name for table in p.tables if table.is_taken)),
    ):
        reason = f" ({p.reasons[role]})" if role in p.reasons else ""
        if value and p.is_readable:
            print(f"{role}: {value}{reason}", file=sys.stderr)
    for look in p.looks if p.is_readable else ():
        print(f"look: {look}", file=sys.stderr)
    for look, names in p.looks_to_say().items() if p.is_readable else ():
        print(f"look at {', '.join(names)}: {look}", file=sys.stderr)
    for limit in p.limits:
        print(f"cannot be expressed: {limit}", file=sys.stderr)


def _write(p: Proposal, profile: Profile, outer: Profile | None, at: tuple[str, ...], output: Path | None) -> Contract:
    """Write the contract, and what lies beside it; return it as it is read."""
    text = contract_text.written(p)
    # The reader has the last word on what a contract is: what it would refuse is not written.
    contract = read_text(text, p.name)
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return contract
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text, "utf-8")
    if output.name != FILE_NAME:
        print(
            f"name it {FILE_NAME}, in a folder of its own, to have sample.json and queries beside it", file=sys.stderr
        )
        return contract
    beside = {"sample.json": made_up.written(profile, outer, p, at)}
    beside |= {f"queries/{name}.sql": query for name, query in saved_queries.written(p).items()}
    for name, content in beside.items():
        path = output.parent / name
        if path.exists():
            print(f"{path} is there already, and stays as it is", file=sys.stderr)
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, "utf-8")
    return contract


if __name__ == "__main__":
    sys.exit(main())
