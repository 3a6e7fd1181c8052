"""What one JSON value becomes as a timestamp or a date, in the formats that a contract may declare."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import ROUND_FLOOR, Context
from typing import NamedTuple

from chalicelib.contracts.values import DateFormat, Dates, Strptime
from chalicelib.errors import shown
from chalicelib.flatten.scalars import InvalidValue, NumberText, exact, kind, numeric

MILLISECONDS_A_DAY = 86_400_000

_EPOCH = datetime(1970, 1, 1)
_EPOCH_DAY = _EPOCH.toordinal()
_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999
_EPOCH_UTC = _EPOCH.replace(tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ISO = re.compile(
    r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d{2})(?P=dash)(?P<day>\d{2})"
    r"(?:[Tt ](?P<hour>\d{2})(?P<colon>:?)(?P<minute>\d{2})"
    r"(?:(?P=colon)(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"(?P<zone>[Zz]|(?P<sign>[+-])(?P<zone_hour>\d{2})(?::?(?P<zone_minute>\d{2}))?)?)?",
    re.ASCII,
)
_DOTNET = re.compile(r"\\?/Date\((-?\d{1,15})(?:[+-]\d{4})?\)\\?/", re.ASCII)
_EIGHT_DIGITS = re.compile(r"\d{8}", re.ASCII)


def timestamp_ms(value: object, formats: tuple[DateFormat, ...] = (Dates.ISO,), zone: str | None = None) -> int:
    """A date or date-time in milliseconds since 1970 UTC, finer fractions cut, by the first of `formats` that fits.

    What has no offset was written in `zone`, UTC unless given.
    """
    moment = _moment(value, formats)
    if moment.offset_ms is not None:
        return _in_range(moment.local_ms - moment.offset_ms, value)
    if zone in (None, "UTC"):
        return _in_range(moment.local_ms, value)
    try:
        local = datetime_of(moment.local_ms).replace(tzinfo=_zone(zone or "UTC"))
        return (local - _EPOCH_UTC) // _MILLISECOND
    except OverflowError:
        raise InvalidValue(f"{_quoted(value)} is out of the range of dates") from None


def date_days(value: object, formats: tuple[DateFormat, ...] = (Dates.ISO,), zone: str | None = None) -> int:
    """A date in days since 1970-01-01, by the first of `formats` that fits: of a text the day that is written there.

    Of a moment (the formats that count from 1970) it is the day in `zone`, UTC unless given.
    """
    moment = _moment(value, formats)
    if not moment.is_instant or zone in (None, "UTC"):
        return _in_range(moment.local_ms, value) // MILLISECONDS_A_DAY
    try:
        local = datetime_of(moment.local_ms).replace(tzinfo=UTC).astimezone(_zone(zone or "UTC"))
        return local.toordinal() - _EPOCH.toordinal()
    except OverflowError:
        raise InvalidValue(f"{_quoted(value)} is out of the range of dates") from None


def datetime_of(ms: int) -> datetime:
    """Return milliseconds since 1970 as a naive UTC datetime."""
    return _EPOCH + timedelta(milliseconds=ms)


def ms_of(day: date) -> int:
    """Return the beginning of a day in milliseconds since 1970 UTC."""
    return (day - _EPOCH.date()).days * MILLISECONDS_A_DAY


# Numbers --------------------------------------------------------------------------------------------------------------


def _in_range(ms: int, value: object) -> int:
    """Return milliseconds that lie within the years 1 to 9999, which is what SQL's dates go to."""
    if not _FIRST_MS <= ms <= _LAST_MS:
        raise InvalidValue(f"{_quoted(value)} is out of the range of dates: the years 1 to 9999")
    return ms


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
            moment = _read(value, each)
            _in_range(moment.local_ms, value)
            return moment
        except InvalidValue as fault:
            problem = problem or str(fault)
    if len(formats) > 1:
        names = ", ".join(each.pattern if isinstance(each, Strptime) else each.value for each in formats)
        problem = f"{_quoted(value)} is a date in none of the formats that are taken: {names}"
        if not isinstance(value, str | NumberText):
            problem = f"expected a date in one of the formats {names}, found {kind(value)}"
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
    match = numeric(value)
    number = exact(value, match)
    if number is None or number.adjusted() > 24:
        raise InvalidValue(f"{shown(value)} is out of the range of dates")
    context = Context(prec=len(value) + 60)
    ms = int(context.divide(context.multiply(number, times), parts).to_integral_value(ROUND_FLOOR, context))
    if abs(ms) > _MOST_MILLISECONDS:
        raise InvalidValue(f"{shown(value)} is out of the range of dates")
    return ms


def _iso(value: str) -> _Moment:
    match = _ISO.fullmatch(value)
    if match is None:
        raise InvalidValue(
            f"{shown(value)!r} is not an ISO 8601 date or date-time: send YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ"
        )
    year, _, month, day_of_month, hours, _, minutes, seconds, fraction, zone, sign, zone_hours, zone_minutes = (
        match.groups()
    )
    hour, minute, second = int(hours or 0), int(minutes or 0), int(seconds or 0)
    zone_hour, zone_minute = int(zone_hours or 0), int(zone_minutes or 0)
    try:
        day = date(int(year), int(month), int(day_of_month))
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError("the time is out of range")
        if zone_hour > 23 or zone_minute > 59:
            raise ValueError("the offset is out of range")
    except ValueError as problem:
        raise InvalidValue(f"{shown(value)!r} is not a date: {problem}") from None
    of_day = (hour * 60 + minute) * 60 + second
    local_ms = ((day.toordinal() - _EPOCH_DAY) * 86400 + of_day) * 1000
    if fraction is not None:
        local_ms += int(fraction.ljust(3, "0")[:3])
    if zone is None:
        return _Moment(local_ms)
    offset = (zone_hour * 60 + zone_minute) * 60_000
    return _Moment(local_ms, -offset if sign == "-" else offset)


def _rfc2822(value: str) -> _Moment:
    import email.utils

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


def _zone(name: str) -> tzinfo:
    # Imported with the first time of a zone: few contracts name one.
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def _quoted(value: object) -> str:
    return shown(value) if isinstance(value, NumberText) else repr(shown(str(value)))
