"""Which shape a single JSON value has: digits and decimals of a number, format of a date. No value is kept."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Context, Decimal
from email.utils import parsedate_to_datetime
from typing import NamedTuple

NUMERIC_TEXT = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_MARK = r"(?:[A-Z]{3}|[$\u20ac\u00a3\u00a5])"
WRITTEN_AMOUNT = re.compile(
    rf"(?:{_MARK}\s?)?-?\d{{1,3}}(?:[.,'\s]?\d{{3}}){{0,5}}(?:[.,]\d{{1,4}})?(?:\s?{_MARK})?", re.ASCII
)
"""An amount as people write it, with a decimal comma, separators or a currency: no number to a contract."""
MOST_DECIMALS = 9
"""The largest scale of a decimal column."""
NOISE = Decimal("1e-9")
"""Relative difference up to which excess decimals are floating-point noise, as the flattener has it."""

MOST_EXPONENT = 60
"""Beyond it a number is no amount of anything, and its length is told by its exponent alone."""
_EXACT = Context(prec=1000)

_ISO_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?"
_PATTERNS = (
    ("iso date", re.compile(_ISO_DATE, re.ASCII)),
    ("iso local", re.compile(rf"{_ISO_DATE}[Tt ]{_TIME}", re.ASCII)),
    ("iso", re.compile(rf"{_ISO_DATE}[Tt ]{_TIME} ?(?:[Zz]|[+-]\d\d(?::?\d\d)?)", re.ASCII)),
    (
        "rfc2822",
        re.compile(
            r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), +)?\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
            r"\d\d:\d\d(?::\d\d)? (?:[+-]\d{4}|GMT|UTC|UT|Z|[ECMP][SD]T)(?: \([A-Za-z]{1,10}\))?",
            re.ASCII,
        ),
    ),
    ("dotnet", re.compile(r"/Date\(-?\d{1,16}(?:[+-]\d{4})?\)/", re.ASCII)),
)
_PARTS = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?:([ T])(\d\d:\d\d(?::\d\d)?))?", re.ASCII)
_YYYYMMDD = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_EPOCHS = (
    # Between 1990 and 2100; below, a number of seconds is as likely to be anything else.
    ("epoch_seconds", 631_152_000, 4_102_444_800, 1),
    ("epoch_milliseconds", 631_152_000_000, 4_102_444_800_000, 1000),
    ("epoch_microseconds", 631_152_000_000_000, 4_102_444_800_000_000, 1_000_000),
    ("epoch_nanoseconds", 631_152_000_000_000_000, 4_102_444_800_000_000_000, 1_000_000_000),
)
_NO_DATE = re.compile(r"0{4}-00-00(?:[T ]00:00:00)?")
_SECONDS_A_YEAR = 31_556_952
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)", re.ASCII)
_DOTNET_MILLISECONDS = re.compile(r"-?\d+")


class Digits(NamedTuple):
    """The length of a number: digits before the point, decimals without trailing zeros and without noise."""

    whole: int
    decimals: int
    noisy: bool
    """Decimals beyond a scale of 9 that are floating-point noise were left out."""


class DateShape(NamedTuple):
    """The format of a date, in a contract's words or as a strptime pattern; `mask` has 9 for digits; `year` is its."""

    format: str
    mask: str
    year: int


def digits(number: int | Decimal) -> Digits:
    """Return the length of a finite number."""
    if isinstance(number, int):
        return Digits(len(str(abs(number))), 0, False)
    adjusted = number.adjusted()
    if abs(adjusted) > MOST_EXPONENT:
        return Digits(max(1, adjusted + 1), max(0, -adjusted), False)
    decimals = _decimals(number)
    whole = max(1, adjusted + 1)
    if decimals > MOST_DECIMALS:
        for scale in range(MOST_DECIMALS + 1):
            rounded = _EXACT.quantize(number, Decimal(1).scaleb(-scale))
            if abs(rounded - number) <= abs(number) * NOISE:
                return Digits(whole, scale, True)
    return Digits(whole, decimals, False)


def _decimals(number: Decimal) -> int:
    exponent = _EXACT.normalize(number).as_tuple().exponent
    assert isinstance(exponent, int), "finite"
    return max(0, -exponent)


def date_of_text(text: str) -> DateShape | None:
    """Return the shape of a date that is written as text, numbers aside; None for any other text."""
    if not 6 <= len(text) <= 48:
        return None
    if text[0].isdigit() and text[4:5] == "-" and _NO_DATE.fullmatch(text):
        return DateShape("none", mask(text), 0)
    for name, pattern in _PATTERNS:
        if pattern.fullmatch(text):
            return DateShape(name, mask(text), _year(name, text)) if _exists(name, text) else None
    parts = _PARTS.fullmatch(text)
    shape = _shape_of_parts(parts, text) if parts else None
    return shape if shape is None or _exists(shape.format, text) else None


def date_of_number(number: int, as_text: str) -> DateShape | None:
    """Return the shape of a date that a number may be: epoch or yyyymmdd. Its key has to say that it is one."""
    if len(as_text) == 8 and _YYYYMMDD.fullmatch(as_text) and _exists("yyyymmdd", as_text):
        return DateShape("yyyymmdd", "99999999", int(as_text[:4]))
    for name, low, high, a_second in _EPOCHS:
        if low <= number <= high:
            return DateShape(name, mask(as_text), 1970 + number // a_second // _SECONDS_A_YEAR)
    return None


def mask(text: str) -> str:
    """Return a date with 9 for its digits and A or a for the letters of words; the T and Z of ISO 8601 stay."""
    digits = re.sub(r"\d", "9", text)
    return re.sub(r"[A-Za-z]{2,}", lambda word: re.sub("[a-z]", "a", re.sub("[A-Z]", "A", word[0])), digits)


def _exists(name: str, text: str) -> bool:
    """Tell whether a text that is written as a date is one of the calendar: 30 February is none."""
    try:
        if name.startswith("iso"):
            date.fromisoformat(text[:10])
        elif name == "rfc2822":
            parsedate_to_datetime(text)
        elif name == "dotnet":
            return 1 < _year(name, text) < 9999
        elif not name.startswith("ambiguous"):
            datetime.strptime(text, "%Y%m%d" if name == "yyyymmdd" else name)
    except ValueError:
        return False
    return True


def _year(name: str, text: str) -> int:
    if name == "dotnet":
        milliseconds = _DOTNET_MILLISECONDS.search(text)
        return 1970 + int(milliseconds[0]) // 1000 // _SECONDS_A_YEAR if milliseconds else 0
    years = _YEAR.findall(text)
    return int(years[0]) if years else 0


def _shape_of_parts(parts: re.Match[str], text: str) -> DateShape | None:
    """Return the strptime pattern of dates such as 31.12.2024, 12/31/2024 or 2024/12/31.

    A slash with day and month both up to 12 is ambiguous: its format is `ambiguous`.
    """
    first, separator, second, third = parts[1], parts[2], parts[3], parts[4]
    clock = (parts[5] or "") + ("%H:%M:%S" if len(parts[6] or "") == 8 else "%H:%M" if parts[6] else "")
    if len(first) == 4 and len(third) <= 2 and separator != "-":
        return DateShape(separator.join(("%Y", "%m", "%d")) + clock, mask(text), int(first))
    if len(third) != 4 or len(first) > 2:
        return None
    one, two = int(first), int(second)
    if separator == "." or one > 12 >= two:
        order = ("%d", "%m", "%Y")
    elif two > 12 >= one:
        order = ("%m", "%d", "%Y")
    else:
        return DateShape(f"ambiguous {separator}{clock}", mask(text), int(third)) if max(one, two) <= 12 else None
    return DateShape(separator.join(order) + clock, mask(text), int(third))
