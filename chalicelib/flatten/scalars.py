"""JSON scalars as they are read strictly: numbers as their digits, and what is none of JSON's."""

from __future__ import annotations

import re
from decimal import Decimal

from chalicelib.errors import shown

_NUMERIC = re.compile(r"[+-]?(?P<digits>\d+(?:\.\d*)?|\.\d+)(?:[eE](?P<exponent>[+-]?\d+))?", re.ASCII)
_HOW_TO_WRITE = ": send digits with a point before the decimals, such as 1234.56, and no currency or separators"
_LONGEST_EXPONENT = 9
"""Digits of an exponent that the digits before it could still make up for: no text has a thousand million of them."""


class NumberText(str):
    """A JSON number as the digits that were sent."""

    __slots__ = ()


class NotFinite:
    """NaN or an infinity, which is no JSON and no number that a column could hold."""

    def __init__(self, name: str) -> None:
        self.name = name


class InvalidValue(ValueError):
    """A value does not fit its column; the message says why and what to send."""


def kind(value: object) -> str:
    """Name a JSON value for a message."""
    if value is None:
        return "null"
    if isinstance(value, NotFinite):
        return f"{value.name}, which is not a finite number"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, NumberText):
        return f"the number {shown(value, 40)}"
    if isinstance(value, str):
        return f"the text {shown(value, 40)!r}"
    return "an object" if isinstance(value, dict) else "an array"


def numeric(value: str) -> re.Match[str]:
    match = _NUMERIC.fullmatch(value)
    if match is None:
        remedy = _HOW_TO_WRITE if any(map(str.isdigit, value)) else ""
        raise InvalidValue(f"{shown(value)!r} is not a finite number{remedy}")
    return match


def exact(value: str, match: re.Match[str]) -> Decimal | None:
    """Return a number exactly, or None where its exponent is beyond what its digits could make up for."""
    exponent = match["exponent"] or ""
    if not match["digits"].strip("0."):
        return Decimal(0)
    return None if len(exponent.lstrip("+-0")) > _LONGEST_EXPONENT else Decimal(value)
