"""Answers of Athena as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

BLANK = {"box": None, "padding": (0, 2, 0, 0), "header_style": "bold"}


def answer_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], shown: Iterable[str], longest: int = 0
) -> Padding:
    """Return the columns `shown` of an answer, numbers to the right, texts cut to `longest` characters, if any."""
    table = Table(**BLANK)  # type: ignore[arg-type]
    positions = [columns.index(column) for column in shown if column in columns]
    for i in positions:
        numeric = any(isinstance(row[i], int) or is_decimal(row[i]) for row in rows)
        table.add_column(columns[i], justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*("-" if row[i] is None else escape(cut(short(row[i]), longest)) for i in positions))
    return indented(table)


def rejected_table(rejected: Iterable[dict[str, Any]], what: str) -> Padding:
    """Return rejected records, each with where and why."""
    table = Table(what, "where", "why", **BLANK)  # type: ignore[arg-type]
    for each in rejected:
        table.add_row(str(each["record_number"]), escape(each["path"] or "-"), escape(each["reason"]))
    return indented(table)


def indented(table: Table) -> Padding:
    """Return a table as it stands below the line of its step."""
    return Padding(table, (0, 0, 0, 4), expand=False)


def plain_row(row: Iterable[Any]) -> list[Any]:
    """Return a row as the expected files have it: timestamps without their Z."""
    return [value.removesuffix("Z") if isinstance(value, str) and value[10:11] == "T" else value for value in row]


def short(value: Any) -> str:
    """Return a value as a person reads it: no times that say nothing, no zeros that say nothing."""
    text = str(*plain_row([value])).removesuffix("T00:00:00.000")
    return f"{Decimal(text):.2f}" if is_decimal(value) and Decimal(text) == round(Decimal(text), 2) else text


def is_decimal(value: Any) -> bool:
    """Tell whether a value is a decimal of four digits, as Athena writes it."""
    return isinstance(value, str) and value.removeprefix("-").replace(".", "", 1).isdigit() and value[-5:-4] == "."


def cut(text: str, longest: int) -> str:
    """Return a text of at most so many characters; 0 cuts nothing."""
    return f"{text[: longest - 1]}…" if longest and len(text) > longest else text
