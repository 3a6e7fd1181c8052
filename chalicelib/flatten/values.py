"""What one JSON value becomes in a column, or why it is rejected: the rules of the contract, one function a type.

Money and whole numbers become integers of their smallest unit, dates milliseconds since 1970 UTC, the rest text.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from chalicelib.contracts.model import DECIMAL_PRECISION, DECIMAL_SCALE, EARLIEST_YEAR
from chalicelib.errors import shown

NOISE = Decimal("1e-9")
"""An excess over the scale of at most this share of the number is floating-point noise, and rounded away."""

WHOLE_NOISE = Decimal("1e-6")
"""Of a whole number no more than this is noise: the half of 10000000000.5 is a small share, and still a half."""

ROW_BYTES = 256
MAX_DOCUMENT_BYTES = 32 * 1024 * 1024
"""How much memory the rows of one document may take, estimated as ROW_BYTES a row and its texts on each: a megabyte of
JSON can stand for terabytes of rows."""

MAX_UNITS = 10**DECIMAL_PRECISION - 1
MAX_INTEGER = 2**63 - 1
EARLIEST_MS = int(datetime(EARLIEST_YEAR, 1, 1, tzinfo=UTC).timestamp()) * 1000

_EPOCH = datetime(1970, 1, 1)
_SHORT_DECIMAL = re.compile(r"(-?\d{1,14})(?:\.(\d{1,4}))?", re.ASCII)
_NUMERIC = re.compile(r"[+-]?(?P<digits>\d+(?:\.\d*)?|\.\d+)(?:[eE](?P<exponent>[+-]?\d+))?", re.ASCII)
_HOW_TO_WRITE = ": send digits with a point before the decimals, such as 1234.56, and no currency or separators"
_LONGEST_EXPONENT = 9
"""Digits of an exponent that the digits before it could still make up for: no text has a thousand million of them."""
_INTEGER = re.compile(r"-?\d+", re.ASCII)
_ISO = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d{2})(?P=dash)(?P<day>\d{2})"
    r"(?:[Tt ](?P<hour>\d{2})(?P<colon>:?)(?P<minute>\d{2})"
    r"(?:(?P=colon)(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>[Zz]|(?P<sign>[+-])(?P<zone_hour>\d{2})(?::?(?P<zone_minute>\d{2}))?)?)?",
    re.ASCII,
)


class NumberText(str):
    """A JSON number as the digits that were sent."""

    __slots__ = ()


class NotFinite:
    """NaN or an infinity, which is no JSON and no number that a column could hold."""

    def __init__(self, name: str) -> None:
        self.name = name


class InvalidValue(ValueError):
    """A value does not fit its column; the message says why and what to send."""


class RejectedDocument(Exception):
    """A document breaks the contract: `path` says where, as `products[0].price`, and `reason` why."""

    def __init__(self, path: str, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}" if path else reason)


def identifier(value: object) -> str:
    """Text as it is, an integer as its digits."""
    if isinstance(value, NumberText):
        if not _INTEGER.fullmatch(value):
            raise InvalidValue(f"{shown(value)} is not an integer: send text or an integer")
        return str(value)
    return _checked_text(value, "text or an integer")


def text(value: object) -> str:
    """Text as it is, a number as the digits that were sent."""
    return str(value) if isinstance(value, NumberText) else _checked_text(value, "text")


def decimal_units(value: object) -> int:
    """A number, or numeric text, in units of 10^-4, exact."""
    return _units(value, DECIMAL_SCALE, MAX_UNITS, f"more than {DECIMAL_SCALE} decimals: round it")


def integer(value: object) -> int:
    """A whole number of 64 bits; `2.0` is 2."""
    return _units(value, 0, MAX_INTEGER, "not a whole number: send an integer")


def timestamp_ms(value: object) -> int:
    """An ISO 8601 date or date-time in milliseconds since 1970 UTC; finer fractions are cut, no zone means UTC."""
    if not isinstance(value, str) or isinstance(value, NumberText):
        raise InvalidValue(f"expected an ISO 8601 date as text, found {kind(value)}")
    match = _ISO.fullmatch(value)
    if match is None:
        raise InvalidValue(
            f"{shown(value)!r} is not an ISO 8601 date or date-time: send YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ"
        )
    part = {name: int(digits) for name, digits in match.groupdict().items() if digits and digits.isdigit()}
    try:
        day = date(part["year"], part["month"], part["day"])
        if part.get("hour", 0) > 23 or part.get("minute", 0) > 59 or part.get("second", 0) > 59:
            raise ValueError("the time is out of range")
        if part.get("zone_hour", 0) > 23 or part.get("zone_minute", 0) > 59:
            raise ValueError("the offset is out of range")
    except ValueError as problem:
        raise InvalidValue(f"{shown(value)!r} is not a date: {problem}") from None
    seconds = part.get("hour", 0) * 3600 + part.get("minute", 0) * 60 + part.get("second", 0)
    offset = part.get("zone_hour", 0) * 3600 + part.get("zone_minute", 0) * 60
    seconds += offset if match["sign"] == "-" else -offset
    fraction = int((match["fraction"] or "0").ljust(3, "0")[:3])
    return ((day - _EPOCH.date()).days * 86400 + seconds) * 1000 + fraction


def datetime_of(ms: int) -> datetime:
    """Return milliseconds since 1970 as a naive UTC datetime."""
    return _EPOCH + timedelta(milliseconds=ms)


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


def _checked_text(value: object, expected: str) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"expected {expected}, found {kind(value)}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidValue(
                "the text holds half of a surrogate pair, which is no character: mend its \\u escape"
            ) from None
    return value


def _units(value: object, scale: int, largest: int, excess: str) -> int:
    """Return a number, or numeric text, in units of 10^-scale, at most `largest` of them. Raises InvalidValue.

    `excess` is the reason for a number with more digits than the scale has.
    """
    if not isinstance(value, str):
        raise InvalidValue(f"expected a number, found {kind(value)}")
    short = _SHORT_DECIMAL.fullmatch(value) if scale else None
    if short:
        return int(short[1] + (short[2] or "").ljust(scale, "0"))
    match = _NUMERIC.fullmatch(value)
    if match is None:
        remedy = _HOW_TO_WRITE if any(map(str.isdigit, value)) else ""
        raise InvalidValue(f"{shown(value)!r} is not a finite number{remedy}")
    if not match["digits"].strip("0."):
        return 0
    excess = f"{shown(value)} {'has' if scale else 'is'} {excess}"
    too_large = f"{shown(value)} is too large: at most {_largest(scale, largest)}"
    exponent = match["exponent"] or ""
    if len(exponent.lstrip("+-0")) > _LONGEST_EXPONENT:
        raise InvalidValue(excess if exponent.startswith("-") else too_large)
    exact = Decimal(value)
    magnitude = exact.adjusted() + scale
    if magnitude > len(str(largest)):
        raise InvalidValue(too_large)
    # Less than a tenth of a unit: to make it none would lose all of it.
    units = None if magnitude < -1 else _rounded(exact, scale, Context(prec=len(value) + 40))
    if units is None:
        raise InvalidValue(excess)
    if not -largest - (not scale) <= units <= largest:
        raise InvalidValue(too_large)
    return units


def _rounded(exact: Decimal, scale: int, context: Context) -> int | None:
    """Return the nearest whole number of units of 10^-scale, or None where the excess is more than noise."""
    scaled = exact.scaleb(scale, context)
    rounded = scaled.to_integral_value(ROUND_HALF_EVEN, context)
    noise = context.multiply(scaled.copy_abs(), NOISE)
    excess = context.subtract(scaled, rounded).copy_abs()
    return None if excess > (noise if scale else min(noise, WHOLE_NOISE)) else int(rounded)


def _largest(scale: int, largest: int) -> str:
    return str(Decimal(largest).scaleb(-scale))
