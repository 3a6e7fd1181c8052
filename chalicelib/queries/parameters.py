"""Parameters of saved queries: from a caller's text to a checked value to a SQL expression that cannot be more.

Why rendering is safe. Athena's execution parameters are SQL expressions that it puts in place of each `?`, so text
that was not rendered here would be SQL. A caller's text is never passed on: it becomes a value of the declared type,
and the value is written anew.

- An integer is `str(int)`: a sign and ASCII digits.
- A decimal is `DECIMAL '…'` around a sign, ASCII digits and one point; it is finite by its pattern.
- A date is `DATE '…'` around `date.isoformat()`.
- Text stands in single quotes with each quote doubled. Trino knows no other escape in such a literal (no backslash),
  so the literal ends at our closing quote and nowhere else. Control characters and lone surrogates, which a parser or
  a wire format may treat on its own terms, are refused before.

An expression has 1 to 1024 characters, as Athena demands, counted in UTF-16 units as the JVM does.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from msgspec import Struct

from chalicelib.errors import shown

MAX_EXPRESSION = 1024
"""Characters of one execution parameter that Athena takes."""
MAX_INTEGER = 2**63 - 1

INTEGER = re.compile(r"-?[0-9]+", re.ASCII)
INTEGER_DIGITS = 19
DECIMAL = re.compile(r"-?[0-9]{1,14}(\.[0-9]{1,4})?", re.ASCII)
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)

LITERAL = re.compile(r"(?:DATE |DECIMAL )?'(?:[^']|'')*+'|-?[0-9]++")
"""What `render` returns. The text may be anybody's, so that nothing of it is ever read twice."""

Value = str | int | Decimal | date


def _text(raw: str) -> str:
    if not raw:
        raise ValueError("is empty: give at least one character")
    for character in raw:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise ValueError(
                f"'{shown(raw)}' holds a control character or half a character (U+{ord(character):04X}): leave it out"
            )
    return raw


def _integer(raw: str) -> int:
    if not INTEGER.fullmatch(raw):
        raise ValueError(f"{shown(raw)!r} is not an integer: give digits only, such as 10")
    if len(raw.lstrip("-")) > INTEGER_DIGITS or abs(int(raw)) > MAX_INTEGER:
        raise ValueError(f"{shown(raw)!r} is too large for 64 bits: give fewer digits, such as 10")
    return int(raw)


def _decimal(raw: str) -> Decimal:
    if not DECIMAL.fullmatch(raw):
        raise ValueError(
            f"{shown(raw)!r} is not a decimal: give up to 14 digits and up to 4 more after a point, such as 0.01"
        )
    return Decimal(raw)


def _date(raw: str) -> date:
    try:
        if DATE.fullmatch(raw):
            return date.fromisoformat(raw)
    except ValueError:
        pass
    raise ValueError(f"{shown(raw)!r} is not a date: give year, month and day, such as 2024-07-05")


def _month(raw: str) -> str:
    if not MONTH.fullmatch(raw):
        raise ValueError(f"{shown(raw)!r} is not a month: give year and month, such as 2024-07")
    return raw


READ: dict[str, Callable[[str], Value]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "date": _date,
    "month": _month,
}
"""Each type that a header may declare, and how its text is read: returns the value or raises ValueError."""

DERIVED: dict[str, Callable[[Any], Value]] = {
    "month": lambda day: day.isoformat()[:7],
    "next_day": lambda day: day + timedelta(days=1),
}
"""What a query may ask of a date parameter besides its value."""


class Parameter(Struct, frozen=True):
    """One parameter of a saved query. `default`, `minimum`, `maximum` and `example` are as a caller would give them.

    A parameter that is not required has a default.
    """

    name: str
    type: str
    description: str
    example: str
    required: bool = False
    default: str | None = None
    minimum: str | None = None
    maximum: str | None = None

    @classmethod
    def declared(cls, given: Mapping[str, str]) -> Parameter:
        """Build a parameter from its header lines. Raises ValueError when they contradict each other."""
        named = f"parameter {shown(given['name'])}"
        takes = list(cls.__struct_fields__)
        unknown = sorted(set(given) - set(takes))
        missing = [name for name in ("type", "description", "example") if name not in given]
        if unknown or missing:
            problems = [f"has {', '.join(unknown)}"] * bool(unknown) + [f"lacks {', '.join(missing)}"] * bool(missing)
            raise ValueError(f"{named} {' and '.join(problems)}: it takes {', '.join(takes)}")
        required = given.get("required", "no") == "yes"
        parameter = cls(**{**given, "required": required})  # type: ignore[arg-type]
        if parameter.type not in READ:
            raise ValueError(f"{named} has type {shown(parameter.type)!r}: give {', '.join(READ)}")
        if required == (parameter.default is not None):
            raise ValueError(f"{named}: give either a default or required: yes")
        try:
            parameter.value(parameter.example)
            parameter.value(parameter.default or parameter.example)
        except ValueError as problem:
            raise ValueError(f"{named}: {problem}") from None
        return parameter

    def describe(self) -> dict[str, Any]:
        """Return everything about the parameter as JSON values; what it lacks is None."""
        return {
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "required": self.required,
            "default": self.default,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "example": self.example,
        }

    def value(self, raw: str | None) -> Value:
        """Return the value of what a caller gave, or the default for None.

        Raises ValueError telling what is wrong and the remedy.
        """
        if raw is None:
            if self.default is None:
                raise ValueError(f"is missing: give {self.type}, such as {self.example}")
            raw = self.default
        read = READ[self.type]
        value = read(raw)
        # Both sides are of the one type that the parameter declares.
        if self.minimum is not None and value < read(self.minimum):  # type: ignore[operator]
            raise ValueError(f"{shown(raw)!r} is below {self.minimum}: give {self._range()}")
        if self.maximum is not None and value > read(self.maximum):  # type: ignore[operator]
            raise ValueError(f"{shown(raw)!r} is above {self.maximum}: give {self._range()}")
        if len(render(value).encode("utf-16-le")) // 2 > MAX_EXPRESSION:
            raise ValueError(f"{shown(raw)!r} is longer than {MAX_EXPRESSION} characters with its quotes: shorten it")
        return value

    def _range(self) -> str:
        if self.maximum is None:
            return f"{self.minimum} or more"
        if self.minimum is None:
            return f"{self.maximum} or less"
        return f"{self.minimum} to {self.maximum}"


def render(value: Value) -> str:
    """Return the value as one SQL literal. The module's docstring argues why it can be nothing else."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, Decimal):
        return f"DECIMAL '{value:f}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return str(value)
