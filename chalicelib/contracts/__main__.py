"""Checks and shows contracts: python -m chalicelib.contracts check|show NAME|FILE."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

from chalicelib.contracts import registry
from chalicelib.contracts.contract import Column, Contract
from chalicelib.contracts.description import origin_of, rules_of
from chalicelib.errors import ContractError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns 0, or 2 where the contract has faults or there is none."""
    parser = argparse.ArgumentParser(prog="python -m chalicelib.contracts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="check|show")
    for command, purpose in (("check", "name every fault"), ("show", "print tables, columns, types and paths")):
        named = commands.add_parser(command, help=purpose, description=f"{purpose} of a contract")
        named.add_argument(
            "contract", metavar="NAME|FILE", help="a folder beside this package's code, or a contract.toml"
        )
    given = parser.parse_args(arguments)
    try:
        contract = registry.contract(given.contract)
    except ContractError as problem:
        print(problem, file=sys.stderr)
        return 2
    if given.command == "show":
        print("\n".join(description(contract)))
    else:
        count = len(contract.tables)
        columns = sum(len(table.columns) for table in contract.tables)
        print(f"{contract.name}: {count} table{'s' * (count > 1)}, {columns} columns, no faults")
    return 0


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
