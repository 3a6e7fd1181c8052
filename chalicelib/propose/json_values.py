"""Decodes JSON so that no digit is lost: fractions become Decimal."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

MOST_INTEGER_DIGITS = 1000


def decode(text: bytes | str) -> Any:
    """Decode JSON; fractions, and integers of very many digits, become Decimal. Raises ValueError, RecursionError."""
    plain = text.decode() if isinstance(text, bytes) else text
    return json.loads(plain, parse_float=_fraction, parse_int=_integer, parse_constant=_constant)


def _fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a number's exponent is beyond any decimal") from None


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) <= MOST_INTEGER_DIGITS else Decimal(text)


def _constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")
