"""Checks, shows, compares and exports contracts: python -m chalicelib.contracts check|show|diff|export NAME|FILE."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence

from chalicelib.aws.glue import projection
from chalicelib.contracts import registry
from chalicelib.contracts.changes import Effect, changes
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.description import origin_of, rules_of
from chalicelib.contracts.json_schema import json_schema
from chalicelib.contracts.odcs import odcs, yaml
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.errors import ContractError
from chalicelib.help_text import examples
from chalicelib.queries.ddl import statements

DEFAULT_INCOMING = "orders_json_incoming/"
"""The incoming prefix of a stage that sets none."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns its exit status; 2 where a contract has faults or there is none."""
    given = parser().parse_args(arguments)
    try:
        run: Callable[[argparse.Namespace], int] = given.run
        return run(given)
    except ContractError as problem:
        print(problem, file=sys.stderr)
        return 2


def _check(given: argparse.Namespace) -> int:
    contract = registry.contract(given.contract)
    count = len(contract.tables)
    columns = sum(len(table.columns) for table in contract.tables)
    print(f"{contract.name}: {count} table{'s' * (count > 1)}, {columns} columns, no faults")
    return 0


def _show(given: argparse.Namespace) -> int:
    print("\n".join(description(registry.contract(given.contract))))
    return 0


def _export(given: argparse.Namespace) -> int:
    contract = registry.contract(given.contract)
    match given.format:
        case "odcs":
            print(yaml(odcs(contract)), end="")
        case "jsonschema":
            print(json.dumps(json_schema(contract), indent=2, ensure_ascii=False))
        case _:
            dataset = Dataset(contract, given.bucket, given.database, Prefixes("", "", "", "", "", ""))
            print(";\n\n".join(statements(dataset, _properties)) + ";")
    return 0


def _diff(given: argparse.Namespace) -> int:
    old, new = registry.contract(given.old), registry.contract(given.new)
    listed = changes(old, new)
    for effect in reversed(Effect):
        for change in listed:
            if change.effect is effect:
                print(f"{effect.value:<10}  {change.subject}: {change.message}")
    effects = {change.effect for change in listed}
    if not effects:
        print("no change for readers, senders or operators")
    if Effect.REPLAY in effects:
        prefix = f"{DEFAULT_INCOMING}{new.incoming}"
        print(f"To make the rows that are there anew: python -m operate replay --stage STAGE --prefix {prefix}")
    return 1 if Effect.REFUSED in effects else 0


def _properties(dataset: Dataset, table: Table) -> dict[str, str]:
    return {"classification": "parquet", **projection(dataset, table)}


def parser() -> argparse.ArgumentParser:
    """Return the parser of the commands."""
    prog = "python -m chalicelib.contracts"
    made = argparse.ArgumentParser(prog=prog, description=__doc__, **examples(f"{prog} show orders"))
    commands = made.add_subparsers(dest="command", required=True, metavar="check|show|diff|export")

    def command(
        name: str, run: Callable[[argparse.Namespace], int], purpose: str, example: str
    ) -> argparse.ArgumentParser:
        description = f"{purpose[0].upper()}{purpose[1:]}."
        added = commands.add_parser(name, help=purpose, description=description, **examples(f"{prog} {name} {example}"))
        added.set_defaults(run=run)
        return added

    for name, run, purpose, example in (
        ("check", _check, "name every fault of a contract", "my_orders/contract.toml"),
        ("show", _show, "print tables, columns, types and paths of a contract", "orders"),
    ):
        _add_contract(command(name, run, purpose, example), "contract")
    purpose = "say what a change means for the rows that are there; exits with 1 if it is refused"
    diff = command("diff", _diff, purpose, "orders my_orders/contract.toml")
    for name in ("old", "new"):
        _add_contract(diff, name)
    export = command("export", _export, "print a contract as other tools read it", "orders --format jsonschema")
    _add_contract(export, "contract")
    export.add_argument("--format", choices=("odcs", "jsonschema", "sql"), required=True, help="what reads it")
    export.add_argument(
        "--database", type=_name(r"[a-z0-9_]{1,255}"), default="etl_pipeline", help="of the tables, for sql"
    )
    export.add_argument(
        "--bucket", type=_name(r"[a-z0-9][a-z0-9.-]{1,62}"), default="your-bucket", help="of the files, for sql"
    )
    return made


def _add_contract(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument(
        name,
        metavar="NAME|FILE" if name == "contract" else name.upper(),
        help="a folder beside this package's code, or a contract.toml",
    )


def _name(pattern: str) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise argparse.ArgumentTypeError(f"{text!r} does not match {pattern}")
        return text

    return checked


def description(contract: Contract) -> Iterator[str]:
    """Yield the lines that show a contract."""
    yield f"{contract.name}: {contract.description}".rstrip(": ")
    yield from _facts(contract)
    for table in contract.tables:
        yield ""
        yield f"{table.name}: {table.description}".rstrip(": ")
        yield f"  one row for each {table.rows or 'document'}"
        for view, said in (
            (table.latest, "the latest version of each document"),
            (table.documents, "one row a document"),
        ):
            if view:
                yield f"  view {view}: {said}"
        yield ""
        yield from _aligned([("column", "type", "from", ""), *(_row(column) for column in table.columns)])


def _facts(contract: Contract) -> Iterator[str]:
    yield f"  identity {', '.join(contract.identity)}; month of {contract.date}"
    if contract.version:
        yield f"  the latest version has the greatest {contract.version}"
    if contract.records:
        yield f"  records at {', '.join(map(str, contract.records))}"
    if contract.at:
        yield f"  the document is at {contract.at} of each record"
    yield f"  dropped below {contract.incoming or 'the incoming prefix itself'}; from {contract.earliest} on"


def _row(column: Column) -> tuple[str, str, str, str]:
    rules = (*(["required"] if column.required else []), *rules_of(column))
    return column.name, column.glue_type, origin_of(column), "; ".join(rules)


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield f"  {'  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
