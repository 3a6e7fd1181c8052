"""How many of the values of one path are numbers and dates, of which lengths and forms: counts, never a value."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct, field

from chalicelib.propose import scalars
from chalicelib.propose.scalars import DateShape

MOST_KINDS = 12
MOST_YEARS = 100
_INTEGER_64 = 2**63
_NUMBER_COUNTS = ("count", "fractions", "noisy", "zeros", "flags", "beyond_64_bit", "leading_zeros", "exponents")


class Numbers(Struct):
    """Numbers of one path, JSON numbers or texts."""

    count: int = 0
    whole: int = 0
    decimals: int = 0
    fractions: int = 0
    noisy: int = 0
    zeros: int = 0
    flags: int = 0
    """How many are 0 or 1."""
    beyond_64_bit: int = 0
    leading_zeros: int = 0
    exponents: int = 0

    def add(self, number: int | Decimal, text: str = "") -> None:
        """Count one finite number; `text` is how it was written where it was a text."""
        length = scalars.digits(number)
        self.count += 1
        self.whole = max(self.whole, length.whole)
        self.decimals = max(self.decimals, length.decimals)
        self.fractions += length.decimals > 0
        self.noisy += length.noisy
        self.zeros += not number
        self.flags += number == 0 or number == 1
        self.beyond_64_bit += not -_INTEGER_64 < number < _INTEGER_64
        self.leading_zeros += len(text) > 1 and text[0] == "0" and text[1].isdigit()
        self.exponents += "e" in text or "E" in text

    def merge(self, other: Numbers) -> None:
        """Add another's counts."""
        self.whole, self.decimals = max(self.whole, other.whole), max(self.decimals, other.decimals)
        for name in _NUMBER_COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def orders_of(name: str) -> tuple[str, ...]:
    """Return the formats that an ambiguous one may be, month first and day first; nothing for any other."""
    if not name.startswith("ambiguous "):
        return ()
    separator, clock = name.removeprefix("ambiguous ")[0], name.removeprefix("ambiguous ")[1:]
    return tuple(separator.join((*order, "%Y")) + clock for order in (("%m", "%d"), ("%d", "%m")))


class Dates(Struct):
    """Values of one path that are dates by their shape, by format."""

    formats: dict[str, int] = field(default_factory=dict)
    masks: dict[str, None] = field(default_factory=dict)
    years: dict[int, int] = field(default_factory=dict)
    """How many are of each year, as far as there is room."""
    first_year: int = 9999
    last_year: int = 0

    def after(self, year: int) -> int:
        """Return how many are later than a year."""
        return max(sum(count for each, count in self.years.items() if each > year), self.last_year > year)

    @property
    def count(self) -> int:
        """How many values are dates."""
        return sum(self.formats.values())

    @property
    def settled(self) -> dict[str, int]:
        """How many are of each format, ambiguous ones as those read that can be read in but one way.

        Where day and month of 05/06/2024 could be either, 13/06/2024 settles it, if such are one in four of the
        others and none has the other order.
        """
        settled = {name: count for name, count in self.formats.items() if not name.startswith("ambiguous")}
        for name, count in self.formats.items():
            orders = orders_of(name)
            proven = [each for each in orders if each in settled]
            if len(proven) == 1 and 4 * self.formats[proven[0]] >= count:
                settled[proven[0]] += count
            elif orders:
                settled[name] = count
        return settled

    def add(self, shape: DateShape, count: int = 1) -> None:
        """Count a date."""
        if shape.format not in self.formats and len(self.formats) >= MOST_KINDS:
            return
        self.formats[shape.format] = self.formats.get(shape.format, 0) + count
        if len(self.masks) < 3:
            self.masks[shape.mask] = None
        if shape.format != "none":
            self._add_year(shape.year, count)
            self.first_year = min(self.first_year, shape.year)
            self.last_year = max(self.last_year, shape.year)

    def _add_year(self, year: int, count: int) -> None:
        if year in self.years or len(self.years) < MOST_YEARS:
            self.years[year] = self.years.get(year, 0) + count

    def merge(self, other: Dates) -> None:
        """Add another's counts."""
        for year, count in other.years.items():
            self._add_year(year, count)
        for name, count in other.formats.items():
            if name in self.formats or len(self.formats) < MOST_KINDS:
                self.formats[name] = self.formats.get(name, 0) + count
        self.masks.update(dict.fromkeys(list(other.masks)[: max(0, 3 - len(self.masks))]))
        self.first_year = min(self.first_year, other.first_year)
        self.last_year = max(self.last_year, other.last_year)
