"""Which line of a TOML text each key and element stands on: tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence

Location = tuple[str | int, ...]
"""Keys, and positions in arrays, that lead to a value."""

_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:[^"\\]|\\.)*"' r"|'[^']*'", re.DOTALL
)
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")


def lines(text: str) -> dict[Location, int]:
    """Return the line, from 1, of every key and element of `text`, which tomllib has read."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


def line_of(line_by_location: dict[Location, int], at: Sequence[str | int]) -> int | None:
    """Return the line of a value, or of the innermost value around it that stands in the text; None without any."""
    location = tuple(at)
    return next(
        (line_by_location[location[:end]] for end in range(len(location), 0, -1) if location[:end] in line_by_location),
        None,
    )


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.lines: dict[Location, int] = {}
        self.tables: dict[Location, int] = {}
        self.counted = (0, 1)

    def document(self) -> None:
        table: Location = ()
        self.blank()
        while self.position < len(self.text):
            if self.text.startswith("[", self.position):
                table = self.header()
            else:
                self.pair(table)
            self.blank()

    def header(self) -> Location:
        of_array = self.text.startswith("[[", self.position)
        self.position += 1 + of_array
        keys = self.keys("]")
        self.position += 1 + of_array
        if of_array:
            self.tables[keys] = self.tables.get(keys, -1) + 1
            keys = (*keys, self.tables[keys])
        return self.mark(keys)

    def pair(self, table: Location) -> None:
        at = self.mark((*table, *self.keys("=")))
        self.position += 1
        self.value(at)

    def keys(self, end: str) -> Location:
        keys: list[str] = []
        while True:
            self.blank()
            match = _STRING.match(self.text, self.position)
            if match:
                keys.append(tomllib.loads(f"key = {match[0]}")["key"])
            else:
                match = _BARE.match(self.text, self.position)
                assert match, self.position
                keys.append(match[0])
            self.position = match.end()
            self.blank()
            if self.text.startswith(end, self.position):
                return tuple(keys)
            self.position += 1

    def value(self, at: Location) -> None:
        self.blank()
        string = _STRING.match(self.text, self.position)
        if string:
            self.position = string.end()
        elif self.text.startswith("{", self.position):
            self.inside("}", at)
        elif self.text.startswith("[", self.position):
            self.inside("]", at)
        else:
            scalar = _SCALAR.match(self.text, self.position)
            assert scalar
            self.position = scalar.end()

    def inside(self, end: str, at: Location) -> None:
        """Read an inline table or an array, from its opening to its closing bracket."""
        self.position += 1
        self.blank()
        count = 0
        while not self.text.startswith(end, self.position):
            if self.text.startswith(",", self.position):
                self.position += 1
            elif end == "}":
                self.pair(at)
            else:
                self.value(self.mark((*at, count)))
                count += 1
            self.blank()
        self.position += 1

    def blank(self) -> None:
        match = _BLANK.match(self.text, self.position)
        assert match
        self.position = match.end()

    def mark(self, at: Location) -> Location:
        before, line = self.counted
        self.counted = (self.position, line + self.text.count("\n", before, self.position))
        for end in range(1, len(at) + 1):
            self.lines.setdefault(at[:end], self.counted[1])
        return at
