"""What one JSON value becomes in a column, or why it is rejected: the rules of the contract, one function a type.

A decimal becomes an integer of its smallest unit, a timestamp milliseconds and a date days since 1970 UTC, a double a
float, a boolean itself, the rest text. `reader` puts together what a column declares.
"""

from __future__ import annotations

import email.utils
import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from chalicelib.contracts.contract import DECIMAL_PRECISION, Column, DateFormat, Dates, Nulls, Strptime, Type
from chalicelib.errors import shown

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
MILLISECONDS_A_DAY = 86_400_000
MAX_DIGITS = 18
"""How many digits of an integer of minor units may be decimals."""

_EPOCH = datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SHORT_DECIMAL = re.compile(r"(-?\d{1,14})(?:\.(\d{1,9}))?", re.ASCII)
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
_DOTNET = re.compile(r"\\?/Date\((-?\d{1,15})(?:[+-]\d{4})?\)\\?/", re.ASCII)
_EIGHT_DIGITS = re.compile(r"\d{8}", re.ASCII)


class NumberText(str):
    """A JSON number as the digits that were sent."""

    __slots__ = ()


class NotFinite:
    """NaN or an infinity, which is no JSON and no number that a column could hold."""

    def __init__(self, name: str) -> None:
        self.name = name


class InvalidValue(ValueError):
    """A value does not fit its column; the message says why and what to send."""


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
            return lambda value: timestamp_ms(value, column.formats, column.zone)
        case Type.DATE:
            return lambda value: date_days(value, column.formats, column.zone)
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
    match = _numeric(value)
    number = float(value)
    if math.isinf(number) or (number == 0 and match["digits"].strip("0.")):
        size = "large" if number else "small"
        raise InvalidValue(f"{shown(value)} is too {size} for a double: send it as text to a text column")
    return number


def decimal_units(value: object, scale: int, digits: int = 0) -> int:
    """A number, or numeric text, in units of 10^-scale, exact. `digits` of its own are decimals: 1234 of 2 is 12.34."""
    most = scale - digits
    excess = f"more than {most} decimals: round it" if most > 0 else "not a whole number of minor units"
    return _units(value, most, scale, MAX_UNITS, excess)


def integer(value: object) -> int:
    """A whole number of 64 bits; `2.0` is 2."""
    return _units(value, 0, 0, MAX_INTEGER, "not a whole number: send an integer")


def timestamp_ms(value: object, formats: tuple[DateFormat, ...] = (Dates.ISO,), zone: str | None = None) -> int:
    """A date or date-time in milliseconds since 1970 UTC, finer fractions cut, by the first of `formats` that fits.

    What has no offset was written in `zone`, UTC unless given.
    """
    moment = _moment(value, formats)
    if moment.offset_ms is not None:
        return moment.local_ms - moment.offset_ms
    if zone in (None, "UTC"):
        return moment.local_ms
    try:
        local = datetime_of(moment.local_ms).replace(tzinfo=ZoneInfo(zone or "UTC"))
        return (local - _EPOCH_UTC) // _MILLISECOND
    except OverflowError:
        raise InvalidValue(f"{_quoted(value)} is out of the range of dates") from None


def date_days(value: object, formats: tuple[DateFormat, ...] = (Dates.ISO,), zone: str | None = None) -> int:
    """A date in days since 1970-01-01, by the first of `formats` that fits: of a text the day that is written there.

    Of a moment (the formats that count from 1970) it is the day in `zone`, UTC unless given.
    """
    moment = _moment(value, formats)
    if not moment.is_instant or zone in (None, "UTC"):
        return moment.local_ms // MILLISECONDS_A_DAY
    try:
        local = datetime_of(moment.local_ms).replace(tzinfo=UTC).astimezone(ZoneInfo(zone or "UTC"))
        return local.toordinal() - _EPOCH.toordinal()
    except OverflowError:
        raise InvalidValue(f"{_quoted(value)} is out of the range of dates") from None


def datetime_of(ms: int) -> datetime:
    """Return milliseconds since 1970 as a naive UTC datetime."""
    return _EPOCH + timedelta(milliseconds=ms)


def ms_of(day: date) -> int:
    """Return the beginning of a day in milliseconds since 1970 UTC."""
    return (day - _EPOCH.date()).days * MILLISECONDS_A_DAY


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


# Dates ----------------------------------------------------------------------------------------------------------------


class _Moment(NamedTuple):
    """A date-time as it was written: milliseconds since 1970 by the clock there, and that clock's offset from UTC.

    `offset_ms` is None where nothing tells it. `is_instant` says that it was not written as a day and a time.
    """

    local_ms: int
    offset_ms: int | None = None
    is_instant: bool = False


def _moment(value: object, formats: tuple[DateFormat, ...]) -> _Moment:
    problem = ""
    for each in formats:
        try:
            return _read(value, each)
        except InvalidValue as found:
            problem = problem or str(found)
    if len(formats) > 1:
        names = ", ".join(each.pattern if isinstance(each, Strptime) else each.value for each in formats)
        problem = f"{_quoted(value)} is a date in none of the formats that are taken: {names}"
    raise InvalidValue(problem)


def _read(value: object, form: DateFormat) -> _Moment:
    if isinstance(form, Strptime):
        return _strptime(_date_text(value, f"a date as {form.pattern}"), form.pattern)
    if form in _UNITS_A_MILLISECOND:
        return _Moment(_since_1970(value, *_UNITS_A_MILLISECOND[form]), 0, is_instant=True)
    if form is Dates.YYYYMMDD:
        digits = str(value) if isinstance(value, NumberText) else _date_text(value, "a date as YYYYMMDD")
        if not _EIGHT_DIGITS.fullmatch(digits):
            raise InvalidValue(f"{_quoted(value)} is not a date as YYYYMMDD")
        return _iso(digits)
    if form is Dates.DOTNET:
        match = _DOTNET.fullmatch(_date_text(value, "a date as /Date(1710000000000)/"))
        if match is None:
            raise InvalidValue(f"{_quoted(value)} is not a date as /Date(1710000000000)/")
        return _Moment(int(match[1]), 0, is_instant=True)
    return (
        _rfc2822(_date_text(value, "an RFC 2822 date"))
        if form is Dates.RFC2822
        else _iso(_date_text(value, "an ISO 8601 date"))
    )


_UNITS_A_MILLISECOND: dict[DateFormat, tuple[int, int]] = {
    Dates.EPOCH_SECONDS: (1000, 1),
    Dates.EPOCH_MILLISECONDS: (1, 1),
    Dates.EPOCH_MICROSECONDS: (1, 1000),
    Dates.EPOCH_NANOSECONDS: (1, 1_000_000),
    Dates.EPOCH_DAYS: (MILLISECONDS_A_DAY, 1),
}
"""What a number is multiplied with, and then divided by, to give milliseconds."""

_MOST_MILLISECONDS = 10**15
"""A moment that is further from 1970 than 30,000 years is none."""


def _since_1970(value: object, times: int, parts: int) -> int:
    if not isinstance(value, str):
        raise InvalidValue(f"expected a number, found {kind(value)}")
    match = _numeric(value)
    exact = _exact(value, match)
    if exact is None or exact.adjusted() > 24:
        raise InvalidValue(f"{shown(value)} is out of the range of dates")
    context = Context(prec=len(value) + 60)
    ms = int(context.divide(context.multiply(exact, times), parts).to_integral_value(ROUND_FLOOR, context))
    if abs(ms) > _MOST_MILLISECONDS:
        raise InvalidValue(f"{shown(value)} is out of the range of dates")
    return ms


def _iso(value: str) -> _Moment:
    match = _ISO.fullmatch(value)
    if match is None:
        raise InvalidValue(
            f"{shown(value)!r} is not an ISO 8601 date or date-time: send YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ"
        )
    part = {name: int(found) for name, found in match.groupdict().items() if found and found.isdigit()}
    try:
        day = date(part["year"], part["month"], part["day"])
        if part.get("hour", 0) > 23 or part.get("minute", 0) > 59 or part.get("second", 0) > 59:
            raise ValueError("the time is out of range")
        if part.get("zone_hour", 0) > 23 or part.get("zone_minute", 0) > 59:
            raise ValueError("the offset is out of range")
    except ValueError as problem:
        raise InvalidValue(f"{shown(value)!r} is not a date: {problem}") from None
    seconds = part.get("hour", 0) * 3600 + part.get("minute", 0) * 60 + part.get("second", 0)
    fraction = int((match["fraction"] or "0").ljust(3, "0")[:3])
    local_ms = ((day - _EPOCH.date()).days * 86400 + seconds) * 1000 + fraction
    if match["zone"] is None:
        return _Moment(local_ms)
    offset = (part.get("zone_hour", 0) * 3600 + part.get("zone_minute", 0) * 60) * 1000
    return _Moment(local_ms, -offset if match["sign"] == "-" else offset)


def _rfc2822(value: str) -> _Moment:
    try:
        return _of(email.utils.parsedate_to_datetime(value))
    except (ValueError, TypeError, IndexError, OverflowError):
        remedy = "send a date such as Fri, 05 Jul 2024 10:00:00 +0000"
        raise InvalidValue(f"{_quoted(value)} is not an RFC 2822 date: {remedy}") from None


def _strptime(value: str, pattern: str) -> _Moment:
    try:
        return _of(datetime.strptime(value, pattern))
    except (ValueError, OverflowError):
        raise InvalidValue(f"{_quoted(value)} is not a date as {pattern}") from None


def _of(moment: datetime) -> _Moment:
    offset = moment.utcoffset()
    local_ms = (moment.replace(tzinfo=None) - _EPOCH) // _MILLISECOND
    return _Moment(local_ms, None if offset is None else offset // _MILLISECOND)


def _date_text(value: object, expected: str) -> str:
    if not isinstance(value, str) or isinstance(value, NumberText):
        raise InvalidValue(f"expected {expected} as text, found {kind(value)}")
    return value


def _quoted(value: object) -> str:
    return shown(value) if isinstance(value, NumberText) else repr(shown(str(value)))


# Numbers --------------------------------------------------------------------------------------------------------------


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


def _numeric(value: str) -> re.Match[str]:
    match = _NUMERIC.fullmatch(value)
    if match is None:
        remedy = _HOW_TO_WRITE if any(map(str.isdigit, value)) else ""
        raise InvalidValue(f"{shown(value)!r} is not a finite number{remedy}")
    return match


def _exact(value: str, match: re.Match[str]) -> Decimal | None:
    """Return a number exactly, or None where its exponent is beyond what its digits could make up for."""
    exponent = match["exponent"] or ""
    if not match["digits"].strip("0."):
        return Decimal(0)
    return None if len(exponent.lstrip("+-0")) > _LONGEST_EXPONENT else Decimal(value)


def _units(value: object, shift: int, scale: int, largest: int, excess: str) -> int:
    """Return a number times 10^`shift` as a whole number of at most `largest`: units of 10^-`scale`."""
    if not isinstance(value, str):
        raise InvalidValue(f"expected a number, found {kind(value)}")
    short = _SHORT_DECIMAL.fullmatch(value) if shift else None
    if short and len(short[2] or "") <= shift <= 9 and (len(short[1]) + shift) < 18:
        return int(short[1] + (short[2] or "").ljust(shift, "0"))
    match = _numeric(value)
    excess = f"{shown(value)} {'has' if scale else 'is'} {excess}"
    too_large = f"{shown(value)} is too large: at most {Decimal(largest).scaleb(-shift)}"
    exact = _exact(value, match)
    if exact is None:
        raise InvalidValue(excess if (match["exponent"] or "").startswith("-") else too_large)
    if not exact:
        return 0
    if exact.adjusted() + shift > len(str(largest)):
        raise InvalidValue(too_large)
    if exact.adjusted() + shift < -1:
        # Less than a tenth of a unit: to make it none would lose all of it.
        raise InvalidValue(excess)
    context = Context(prec=len(value) + 40)
    scaled = exact.scaleb(shift, context)
    rounded = scaled.to_integral_value(ROUND_HALF_EVEN, context)
    noise = context.multiply(scaled.copy_abs(), NOISE)
    if context.subtract(scaled, rounded).copy_abs() > (noise if scale else min(noise, WHOLE_NOISE)):
        raise InvalidValue(excess)
    if not -largest - (not scale) <= int(rounded) <= largest:
        raise InvalidValue(too_large)
    return int(rounded)
