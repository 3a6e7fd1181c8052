"""Columns in words, for people: where their values come from, and by which rules they are made."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.contracts.contract import Column
from chalicelib.contracts.sources import FromDocument, FromRecord, Origin, Product, RowNumber
from chalicelib.contracts.values import CurrencyAt, Dates, DivisorAt, FixedDigits


def origin_of(column: Column) -> str:
    """Return where a column's values come from."""
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


def rules_of(column: Column) -> Iterator[str]:
    """Yield what a column's values are made by, beside its type."""
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
