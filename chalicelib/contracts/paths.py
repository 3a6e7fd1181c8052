"""Paths into a JSON document, as a contract writes them: `customer.name`, `products[].price`, `a[key=x].value`.

    path  = key (step)*            step  = "." key | "[]" | "[" index "]" | "[" key ("." key)* "=" value "]"
    key   = bare | quoted          value = bare | quoted

A bare key has no dot, bracket, double quote, backslash, space or control character (within `[key=value]` no `=`
either). A quoted one stands in double quotes and takes JSON's escapes: `"ship.to"`, `"a\\"b"`, `"\\u00e9"`.

`[]` steps through a list, `[0]` takes one element, counted from 0. `[key=value]` takes the first element whose key
holds that value: a bare value is a text and, where it is written like a number or a boolean, the equal number or the
boolean too; a quoted one is a text. What it takes is an object, so that a key follows, or nothing. In the rows of a
table `list[key=value][]` steps through all the elements that hold it.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from functools import cached_property
from itertools import takewhile

from msgspec import Struct

MOST_STEPS = 100

_BARE = re.compile(r"[^.\[\]\"\s\\\x00-\x1f\x7f]+")
_BARE_IN_FILTER = re.compile(r"[^.\[\]\"\s\\\x00-\x1f\x7f=]+")
_BARE_VALUE = re.compile(r"[^\[\]\"\s\\\x00-\x1f\x7f]+")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_INDEX = re.compile(r"(?:0|[1-9][0-9]{0,8})(?=\])")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)
_IN_QUOTES = 'keys with dots, brackets, quotes or spaces stand in double quotes ("ship.to")'


class PathError(ValueError):
    """A text is no path. `position` counts its characters from 1; the message says what to write instead."""

    def __init__(self, text: str, position: int, problem: str) -> None:
        self.text = text
        self.position = position
        super().__init__(f"at character {position} {problem}")


class Key(Struct, frozen=True):
    """The member of an object that has this name."""

    name: str


class Each(Struct, frozen=True):
    """Every element of a list."""


class Index(Struct, frozen=True):
    """One element of a list, counted from 0."""

    position: int


class Where(Struct, frozen=True):
    """The first element of a list that holds a value at `keys` below it; before `Each`, all elements that do.

    The value is the text `text`; where `number` is not None, a number equal to it too; where `boolean` is not None,
    that boolean too.
    """

    keys: tuple[str, ...]
    text: str
    number: Decimal | None = None
    boolean: bool | None = None


Step = Key | Each | Index | Where


class JsonPath(Struct, frozen=True, dict=True):
    """Steps from an object to a value. `str(path)` is the canonical text, which `parse` reads back to the same path.

    `level` counts the `[]`: 0 is a value of the document itself, 1 one of a list's elements.
    """

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self._written

    @cached_property
    def _written(self) -> str:
        return "".join(_text(step) for step in self.steps).removeprefix(".")

    @cached_property
    def level(self) -> int:
        """How many lists the path steps through."""
        return self.steps.count(Each())

    @cached_property
    def relative(self) -> tuple[Key | Index | Where, ...]:
        """The steps from the element of the innermost list, or from the document where the path has no `[]`.

        Empty where the path ends with `[]`: the element itself is meant.
        """
        parts: list[Key | Index | Where] = []
        for step in self.steps:
            if isinstance(step, Each):
                parts.clear()
            else:
                parts.append(step)
        return tuple(parts)

    @cached_property
    def list_path(self) -> JsonPath | None:
        """The path of the innermost list's elements, ending with `[]`; None where the path has no `[]`."""
        end = max((i for i, step in enumerate(self.steps, 1) if isinstance(step, Each)), default=0)
        return JsonPath(self.steps[:end]) if end else None

    @cached_property
    def plain(self) -> JsonPath:
        """The path with `list[key=value][]` written as `list[]`, as columns below filtered rows have it."""
        following = (*self.steps[1:], None)
        return JsonPath(
            tuple(
                step
                for step, after in zip(self.steps, following, strict=True)
                if not (isinstance(step, Where) and isinstance(after, Each))
            )
        )

    @cached_property
    def first_keys(self) -> tuple[str, ...]:
        """The names of the steps before the first bracket."""
        steps = takewhile(lambda step: isinstance(step, Key), self.steps)
        return tuple(step.name for step in steps if isinstance(step, Key))

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of a path that is made of keys alone."""
        return tuple(step.name for step in self.steps if isinstance(step, Key))


def parse(text: str) -> JsonPath:
    """Return the path that a text writes. Raises PathError."""
    steps: list[Step] = []
    name, position = _key(text, 0, _BARE)
    steps.append(Key(name))
    while position < len(text):
        if len(steps) == MOST_STEPS:
            raise PathError(text, position + 1, f"more than {MOST_STEPS} steps begin: no document is so deep")
        if text[position] == ".":
            name, position = _key(text, position + 1, _BARE)
            steps.append(Key(name))
        elif text[position] == "[":
            step, end = _bracket(text, position + 1)
            if isinstance(steps[-1], Where) and not isinstance(step, Each):
                problem = "a bracket follows [key=value], which takes an object: a dot and a key, or the end, is due"
                raise PathError(text, position + 1, problem)
            steps.append(step)
            position = end
        else:
            problem = f"{text[position]!r} follows a step, where a dot, a bracket or the end is due; {_IN_QUOTES}"
            raise PathError(text, position + 1, problem)
    return JsonPath(tuple(steps))


def bare_value(keys: tuple[str, ...], text: str) -> Where:
    """Return the step that `[keys=text]` writes, with a bare value."""
    number = Decimal(text) if _NUMBER.fullmatch(text) else None
    return Where(keys, text, number, {"true": True, "false": False}.get(text))


def quoted_key(name: str) -> str:
    """Return a key as a path writes it: in quotes where it needs them, and where it could be taken for a number."""
    return name if _BARE.fullmatch(name) and not name.isdecimal() else _quoted(name)


def _text(step: Step) -> str:
    match step:
        case Key(name):
            return f".{quoted_key(name)}"
        case Each():
            return "[]"
        case Index(position):
            return f"[{position}]"
        case Where(keys, text):
            path = ".".join(key if _BARE_IN_FILTER.fullmatch(key) else _quoted(key) for key in keys)
            bare = _BARE_VALUE.fullmatch(text) and step == bare_value(keys, text)
            return f"[{path}={text if bare else _quoted(text)}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(text: str, position: int, bare: re.Pattern[str]) -> tuple[str, int]:
    if text.startswith('"', position):
        return _quoted_text(text, position)
    match = bare.match(text, position)
    if match is None:
        here = f"{text[position]!r} stands" if position < len(text) else "the path ends"
        raise PathError(text, position + 1, f"{here} where a key is due; {_IN_QUOTES}")
    return match[0], match.end()


def _quoted_text(text: str, position: int) -> tuple[str, int]:
    match = _QUOTED.match(text, position)
    if match is None:
        problem = 'a double quote opens a text that is not closed or has a wrong escape; write \\" for a quote and'
        raise PathError(text, position + 1, f"{problem} \\\\ for a backslash in it, the quote")
    value: str = json.loads(match[0])
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise PathError(text, position + 1, "half of a surrogate pair is no character: write both halves, in the text")
    return value, match.end()


def _bracket(text: str, position: int) -> tuple[Step, int]:
    """Read what follows an opening bracket, the closing one included."""
    if text.startswith("]", position):
        return Each(), position + 1
    index = _INDEX.match(text, position)
    if index:
        return Index(int(index[0])), index.end() + 1
    if re.compile(r"[+-]?[0-9]+\]").match(text, position):
        problem = "the number of an element is not one from 0 to 999999999 without sign or leading zeros"
        raise PathError(text, position + 1, problem)
    keys: list[str] = []
    while len(keys) < MOST_STEPS:
        key, position = _key(text, position, _BARE_IN_FILTER)
        keys.append(key)
        if not text.startswith(".", position):
            break
        position += 1
    if not text.startswith("=", position):
        problem = "a bracket has neither nothing ([]), the number of an element ([0]) nor key=value; = is due"
        raise PathError(text, position + 1, problem)
    where, position = _where(text, position + 1, tuple(keys))
    if not text.startswith("]", position):
        problem = "the value ends, and ] is due; a value with brackets, quotes or spaces stands in double quotes"
        raise PathError(text, position + 1, problem)
    return where, position + 1


def _where(text: str, position: int, keys: tuple[str, ...]) -> tuple[Where, int]:
    if text.startswith('"', position):
        value, position = _quoted_text(text, position)
        return Where(keys, value), position
    match = _BARE_VALUE.match(text, position)
    if match is None:
        raise PathError(text, position + 1, 'a value is due; write "" for the empty text')
    return bare_value(keys, match[0]), match.end()
