"""Typed access to the tables of a contract.toml, which notes what is wrong instead of raising."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from msgspec import Struct, field

from chalicelib.contracts.paths import JsonPath, PathError, parse
from chalicelib.contracts.toml_lines import Location
from chalicelib.errors import shown

T = TypeVar("T")

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

MOST_COMPARED = 1000
"""How many names are compared with one that is unknown: each takes some microseconds."""


class Faults(Struct):
    """What is wrong, in the order in which it was noticed: where, and what to do."""

    listed: list[tuple[Location, str]] = field(default_factory=list)

    def add(self, at: Iterable[str | int], problem: str) -> None:
        """Note a fault of the value at a location. `problem` names the value and the remedy."""
        self.listed.append((tuple(at), problem))


def near(name: str, names: Iterable[str]) -> str:
    """Return a hint at the name that was probably meant, or nothing."""
    import difflib

    by_lower = {each.lower(): each for each in itertools.islice(names, MOST_COMPARED)}
    close = difflib.get_close_matches(name.lower(), by_lower, 1, 0.7)
    return f" (did you mean {by_lower[close[0]]}?)" if close else ""


def kind(value: Any) -> str:
    """Name a TOML value for a message."""
    match value:
        case bool():
            return str(value).lower()
        case int() | Decimal():
            return f"the number {shown(_digits(value), 40)}"
        case str():
            return f"the text {shown(value, 40)!r}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"the date or time {value}"


def _digits(value: int | Decimal) -> str:
    """Return a number's digits, also where Python declines to print so many."""
    return hex(value) if isinstance(value, int) and value.bit_length() > 400 else str(value)


class Section(Struct):
    """A table of the file: its values, and where it stands."""

    at: Location
    values: dict[str, Any]
    faults: Faults

    def add(self, key: str | None, problem: str) -> None:
        """Note a fault of the value of `key`, or of the section."""
        self.faults.add(self.at if key is None else (*self.at, key), problem)

    def unknown(self, allowed: Iterable[str], elsewhere: Mapping[str, str]) -> None:
        """Note the keys that are not allowed; `elsewhere` has what to say of keys that have a meaning elsewhere."""
        names = list(allowed)
        for key in self.values:
            if key in names:
                continue
            if key in elsewhere:
                self.add(key, elsewhere[key])
            else:
                self.add(key, f"unknown key{near(key, names)}: use {', '.join(names)}")

    def section(self, key: str, remedy: str) -> Section | None:
        """Return the table at `key`, or None."""
        value = self.values.get(key)
        if isinstance(value, dict):
            return Section((*self.at, key), value, self.faults)
        self.add(key, f"is {kind(value)}: {remedy}" if key in self.values else f"is missing: {remedy}")
        return None

    def text(self, key: str, remedy: str = "write it as text in quotes") -> str | None:
        """Return the text at `key`, None where there is none."""
        return self._typed(key, str, remedy)

    def description(self, most: int) -> str:
        """Return the description, empty where there is none: one line of at most this many characters."""
        text = self.text("description") or ""
        if _CONTROL.search(text):
            self.add("description", "has a line break or another control character: write it on one line")
        if len(text) > most:
            self.add("description", f"has {len(text)} characters: Glue keeps at most {most}")
        return text

    def boolean(self, key: str) -> bool:
        """Return the boolean at `key`, False where there is none."""
        return bool(self._typed(key, bool, "write true or false"))

    def integer(self, key: str, least: int, most: int) -> int | None:
        """Return the integer at `key`, None where there is none or one out of range."""
        remedy = f"write a whole number from {least} to {most}"
        value = self._typed(key, int, remedy)
        if value is None or least <= value <= most:
            return value
        self.add(key, f"is {kind(value)}: {remedy}")
        return None

    def path(self, key: str) -> JsonPath | None:
        """Return the path at `key`, None where there is none or no path."""
        text = self.text(key, "write a path as text in quotes")
        return None if text is None else self.parsed(text, (key,))

    def paths(self, key: str) -> tuple[JsonPath, ...]:
        """Return the path or the list of paths at `key`, without those that are none."""
        texts = self.texts(key, "write a path as text in quotes, or a list of such")
        several = isinstance(self.values.get(key), list)
        parsed = [self.parsed(text, (key, i) if several else (key,)) for i, text in texts]
        paths = [path for path in parsed if path is not None]
        for position, path in enumerate(paths):
            if path in paths[:position]:
                self.add(key, f"has the path {path} twice: leave one out")
        return tuple(dict.fromkeys(paths))

    def parsed(self, text: str, at: Location) -> JsonPath | None:
        """Return the path that `text` writes, None where it writes none."""
        try:
            return parse(text)
        except PathError as problem:
            self.faults.add((*self.at, *at), f"{shown(text)!r} is no path: {problem}")
            return None

    def texts(self, key: str, remedy: str) -> list[tuple[int, str]]:
        """Return the text, or the texts of the list, at `key`, each with its position."""
        if key not in self.values:
            return []
        value = self.values[key]
        listed = value if isinstance(value, list) else [value]
        if not listed:
            self.add(key, f"is an empty list: {remedy}")
        texts = []
        for position, each in enumerate(listed):
            if isinstance(each, str):
                texts.append((position, each))
            else:
                at = (key, position) if isinstance(value, list) else (key,)
                self.faults.add((*self.at, *at), f"is {kind(each)}: {remedy}")
        return texts

    def _typed(self, key: str, expected: Callable[..., T], remedy: str) -> T | None:
        value: Any = self.values.get(key)
        if key not in self.values:
            return None
        if type(value) is not expected:
            self.add(key, f"is {kind(value)}: {remedy}")
            return None
        typed: T = value
        return typed
