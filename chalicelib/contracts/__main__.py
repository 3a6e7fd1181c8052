"""Checks and shows contracts: python -m chalicelib.contracts check|show NAME|FILE."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from chalicelib.contracts.contract import (
    Column,
    Contract,
    CurrencyAt,
    Dates,
    DivisorAt,
    FixedDigits,
    FromDocument,
    FromRecord,
    Origin,
    Product,
    RowNumber,
)
from chalicelib.contracts.reading import FILE_NAME, read
from chalicelib.errors import ContractError, shown

FOLDER = Path(__file__).parent
"""Where the contracts lie that are deployed, one folder each."""


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
        contract = read(contract_file(given.contract))
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


def contract_file(given: str) -> Path:
    """Return the contract.toml of a contract that is deployed, by its name, or the file or folder at a path.

    Raises ContractError where there is neither.
    """
    path = Path(given)
    for file in (FOLDER / given / FILE_NAME, path / FILE_NAME, path):
        if file.is_file():
            return file
    names = ", ".join(sorted(file.parent.name for file in FOLDER.glob(f"*/{FILE_NAME}")))
    raise ContractError(
        [f"{shown(given)!r} is no file, and no contract of this name is deployed: use one of {names}"], ""
    )


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
    return column.name, column.glue_type, _source(column), "; ".join(_options(column))


def _source(column: Column) -> str:
    match column.source:
        case FromDocument(paths):
            return " or ".join(map(str, paths))
        case FromRecord(paths):
            return f"around the document: {' or '.join(map(str, paths))}"
        case RowNumber(of):
            return f"number of {of}"
        case Product((first, second)):
            return f"{first} × {second}"
        case Origin():
            return f"({column.source.value})"


def _options(column: Column) -> Iterator[str]:
    if column.required:
        yield "required"
    match column.minor_units:
        case FixedDigits(digits):
            yield f"divided by {10**digits}"
        case DivisorAt(path):
            yield f"divided by {path}"
        case CurrencyAt(path):
            yield f"minor units of {path}"
        case None:
            pass
        case digits_at:
            yield f"as many decimals as {digits_at.path} says"
    if column.formats not in ((), (Dates.ISO,)):
        yield " or ".join(each.value if isinstance(each, Dates) else each.pattern for each in column.formats)
    if column.zone not in (None, "UTC"):
        yield f"in {column.zone}"
    if column.nulls:
        nulls = column.nulls
        listed = [*map(repr, sorted(nulls.texts)), *map(str, sorted(nulls.numbers))]
        yield f"NULL where {', '.join([*listed, *(str(each).lower() for each in sorted(nulls.booleans))])}"


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield f"  {'  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
