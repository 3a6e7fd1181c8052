"""How a value is written in the documents: dates, amounts in minor units, values that mean NULL."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

from msgspec import Struct

from chalicelib.contracts.paths import JsonPath


class Dates(Enum):
    """A way to write a date. `epoch_…` are numbers or numeric text, counted from 1970-01-01 UTC."""

    ISO = "iso"
    EPOCH_SECONDS = "epoch_seconds"
    EPOCH_MILLISECONDS = "epoch_milliseconds"
    EPOCH_MICROSECONDS = "epoch_microseconds"
    EPOCH_NANOSECONDS = "epoch_nanoseconds"
    EPOCH_DAYS = "epoch_days"
    DOTNET = "dotnet"
    RFC2822 = "rfc2822"
    YYYYMMDD = "yyyymmdd"


class Strptime(Struct, frozen=True):
    """A way to write a date that Python's `datetime.strptime` reads with `pattern`."""

    pattern: str


DateFormat = Dates | Strptime


class FixedDigits(Struct, frozen=True):
    """The amount is the JSON number divided by 10 to the power of `digits`."""

    digits: int


class DivisorAt(Struct, frozen=True):
    """The amount is the JSON number divided by the power of ten at `path`."""

    path: JsonPath


class DigitsAt(Struct, frozen=True):
    """The amount is the JSON number divided by 10 to the power of the number at `path`."""

    path: JsonPath


class CurrencyAt(Struct, frozen=True):
    """The amount is in minor units of the currency whose ISO 4217 code, in any case, is at `path`.

    `currencies.MINOR_UNIT_DIGITS` has how many digits they are; a document with an unknown code is rejected.
    """

    path: JsonPath


MinorUnits = FixedDigits | DivisorAt | DigitsAt | CurrencyAt


class Nulls(Struct, frozen=True):
    """JSON values that mean NULL. A text equals a text, a number an equal number (0 and 0.00), a boolean itself."""

    texts: frozenset[str] = frozenset()
    numbers: frozenset[Decimal] = frozenset()
    booleans: frozenset[bool] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.texts or self.numbers or self.booleans)


NO_NULLS = Nulls()
"""No value means NULL but null itself."""
