"""What one JSON value becomes in a column, or why it is rejected: the rules of the contract, one function a type.

A decimal becomes an integer of its smallest unit, a timestamp milliseconds and a date days since 1970 UTC, a double a
float, a boolean itself, the rest text. `reader` puts together what a column declares.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

from chalicelib.contracts.column_types import DECIMAL_PRECISION, Type
from chalicelib.contracts.contract import Column
from chalicelib.contracts.values import Nulls
from chalicelib.errors import shown
from chalicelib.flatten import date_values
from chalicelib.flatten.scalars import InvalidValue, NumberText, exact, kind, numeric

NOISE = Decimal("1e-9")
"""An excess over the scale of at most this share of the number is floating-point noise, and rounded away."""

WHOLE_NOISE = Decimal("1e-6")
"""Of a whole number no more than this is noise: the half of 10000000000.5 is a small share, and still a half."""

ROW_BYTES = 256
MAX_ROWS_BYTES = 32 * 1024 * 1024
"""How much memory the rows of one document may take, reckoned as ROW_BYTES a row and the document's texts on each: a
megabyte of JSON can stand for terabytes of rows."""

MAX_UNITS = 10**DECIMAL_PRECISION - 1
MAX_INTEGER = 2**63 - 1
MAX_DIGITS = 18
"""How many digits of an integer of minor units may be decimals."""

_EPOCH = datetime(1970, 1, 1)
_SHORT_DECIMAL = re.compile(r"(-?\d{1,14})(?:\.(\d{1,9}))?", re.ASCII)
_INTEGER = re.compile(r"-?\d+", re.ASCII)


Reader = Callable[[object], object]
"""Reads a JSON value that is not null. Raises InvalidValue."""


def reader(column: Column) -> Reader:
    """Return what reads the values of a column that is read at a path, but for minor units."""
    match column.type:
        case Type.IDENTIFIER:
            return identifier
        case Type.TEXT:
            return text
        case Type.DECIMAL:
            scale = column.scale or 0
            return lambda value: decimal_units(value, scale)
        case Type.INTEGER:
            return integer
        case Type.DOUBLE:
            return double
        case Type.BOOLEAN:
            return boolean
        case Type.TIMESTAMP:
            return lambda value: date_values.timestamp_ms(value, column.formats, column.zone)
        case Type.DATE:
            return lambda value: date_values.date_days(value, column.formats, column.zone)
    raise AssertionError(column)


def is_null(value: object, nulls: Nulls) -> bool:
    """Tell whether a value means NULL: JSON's null, or one that the column declares."""
    if value is None:
        return True
    if isinstance(value, bool):
        return value in nulls.booleans
    if isinstance(value, NumberText):
        return bool(nulls.numbers) and _is_number_of(value, nulls.numbers)
    return isinstance(value, str) and value in nulls.texts


def _is_number_of(digits: NumberText, numbers: frozenset[Decimal]) -> bool:
    return len(digits) <= 40 and Decimal(digits) in numbers


def identifier(value: object) -> str:
    """Text as it is, an integer as its digits."""
    if isinstance(value, NumberText):
        if not _INTEGER.fullmatch(value):
            raise InvalidValue(f"{shown(value)} is not an integer: send text or an integer")
        return str(value)
    return _plain_text(value, "text or an integer")


def text(value: object) -> str:
    """Text as it is, a number as the digits that were sent, `true` and `false` as these words."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, NumberText) else _plain_text(value, "text")


def boolean(value: object) -> bool:
    """A boolean: also as a text of its name, and 0 and 1."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in ("true", "false") and not isinstance(value, NumberText):
        return value == "true"
    if isinstance(value, NumberText) and _is_number_of(value, frozenset((Decimal(0), Decimal(1)))):
        return Decimal(value) == 1
    raise InvalidValue(f"expected true, false, 0 or 1, found {kind(value)}")


def double(value: object) -> float:
    """A number, or numeric text, as the nearest 64-bit float; one that has none is rejected."""
    if not isinstance(value, str):
        raise InvalidValue(f"expected a number, found {kind(value)}")
    match = numeric(value)
    number = float(value)
    if math.isinf(number) or (number == 0 and match["digits"].strip("0.")):
        size = "large" if number else "small"
        raise InvalidValue(f"{shown(value)} is too {size} for a double: send it as text to a text column")
    return number


def decimal_units(value: object, scale: int, digits: int = 0) -> int:
    """A number, or numeric text, in units of 10^-scale, exact. `digits` of its own are decimals: 1234 of 2 is 12.34."""
    most = scale - digits
    units = _short_units(value, most)
    if units is not None:
        return units
    excess = f"more than {max(most, 0)} decimals: round it"
    if digits and most <= 0:
        excess = "not a whole number of minor units"
    return _units(value, most, (-MAX_UNITS, MAX_UNITS), excess)


def integer(value: object) -> int:
    """A whole number of 64 bits; `2.0` is 2."""
    units = _short_units(value, 0)
    if units is not None:
        return units
    return _units(value, 0, (-MAX_INTEGER - 1, MAX_INTEGER), "not a whole number: send an integer", WHOLE_NOISE)


def _plain_text(value: object, expected: str) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"expected {expected}, found {kind(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            reason = "the text holds half of a surrogate pair, which is no character: mend its \\u escape"
            raise InvalidValue(reason) from None
    return value


def _short_units(value: object, shift: int) -> int | None:
    """Return a number of few digits times 10^`shift`; None where that, or the value, takes a closer look."""
    short = _SHORT_DECIMAL.fullmatch(value) if isinstance(value, str) else None
    if short is None:
        return None
    whole, decimals = short[1], short[2] or ""
    if len(decimals) <= shift <= 9 and len(whole) + shift < 18:
        return int(whole + decimals.ljust(shift, "0"))
    return None


def _units(value: object, shift: int, limits: tuple[int, int], excess: str, most_noise: Decimal | None = None) -> int:
    """Return a number times 10^`shift` as a whole number within `limits`; more than noise is an `excess`."""
    if not isinstance(value, str):
        raise InvalidValue(f"expected a number, found {kind(value)}")
    match = numeric(value)
    excess = f"{shown(value)} {'has' if excess.startswith('more') else 'is'} {excess}"
    largest = limits[1]
    too_large = f"{shown(value)} is too large: at most {Decimal(largest).scaleb(-shift)}"
    number = exact(value, match)
    if number is None:
        raise InvalidValue(excess if (match["exponent"] or "").startswith("-") else too_large)
    if not number:
        return 0
    if number.adjusted() + shift > len(str(largest)):
        raise InvalidValue(too_large)
    if number.adjusted() + shift < -1:
        # Less than a tenth of a unit: to make it none would lose all of it.
        raise InvalidValue(excess)
    context = Context(prec=len(value) + 40)
    scaled = number.scaleb(shift, context)
    rounded = scaled.to_integral_value(ROUND_HALF_EVEN, context)
    noise = context.multiply(scaled.copy_abs(), NOISE)
    if context.subtract(scaled, rounded).copy_abs() > (noise if most_noise is None else min(noise, most_noise)):
        raise InvalidValue(excess)
    if not limits[0] <= int(rounded) <= largest:
        raise InvalidValue(too_large)
    return int(rounded)
