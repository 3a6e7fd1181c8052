"""Proves from the raw bytes that a lax parser lost nothing: which keys stand there, and which digits.

The parser of the fast way drops keys it was not told of, takes the last of repeated keys, and reads `12.7` or `"0012"`
as the integer 12. It is quick because it does not look; so we look, at all records of a batch at once. The grammar has
been checked before (see records.py), and that is what makes counting sound:

- A key is a quoted text, white space, and a colon. Counting every colon that follows a quote therefore counts every
  key, and perhaps colons inside texts: never too few. Where the count equals the number of values that the parser
  found, there was no key besides.
- A key whose value begins with `n` holds null, which the parser does not report; it is left out of the count, and the
  names of such records' keys are checked with msgspec.
- An integer that is to be text keeps its digits only if it is written as digits alone, without sign, point or exponent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PADDING = b" " * 24
"""Stands before and behind the batch's bytes, so that looking around never leaves them."""

MAX_DIGITS = 18
"""Longer integers may not fit 64 bits."""

MOST_SPACES = 16
"""Between a key, its colon and its value. A colon with more before it counts as a key's, which is the safe side."""

_SPACES = np.zeros(256, dtype=np.bool_)
_SPACES[list(b" \t\r\n")] = True
_ENDS = _SPACES.copy()
_ENDS[list(b",}]")] = True
_WORD = 8
"""Bytes that are compared at once."""


class Text:
    """Records as one text, each followed by a line feed, with PADDING around: what the parser reads and we look at.

    `starts` holds where each record begins, and one more for the end.
    """

    def __init__(self, raws: Iterable[Any]) -> None:
        raws = list(raws)
        self.data = b"\n".join([PADDING, *raws, PADDING])
        self.bytes = np.frombuffer(self.data, dtype=np.uint8)
        self.starts: Int64s = np.empty(len(raws) + 1, dtype=np.int64)
        self.starts[0] = len(PADDING) + 1
        np.cumsum(np.fromiter(map(len, raws), np.int64, len(raws)) + 1, out=self.starts[1:])
        self.starts[1:] += self.starts[0]

    @property
    def are_objects(self) -> Bools:
        """Which records begin as objects do."""
        objects: Bools = self.bytes[self.starts[:-1]] == ord("{")
        return objects

    def per_record(self, positions: Int64s) -> Int64s:
        """Count, for each record, how many of the ascending `positions` lie in it."""
        return np.diff(np.searchsorted(positions, self.starts))

    def record_of(self, positions: Int64s) -> Int64s:
        """Return the record that each position lies in."""
        return np.searchsorted(self.starts, positions, side="right") - 1


class Keys:
    """Where the keys of a text stand: `colons` behind each, `quotes` at its closing quote."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.colons: Int64s = np.flatnonzero(text.bytes == ord(":"))
        self.quotes = self.colons - 1
        found = text.bytes[self.quotes]
        is_key = found == ord('"')
        if not is_key.all():
            if _SPACES[found].any():
                self.quotes = _over_space(text.bytes, self.quotes, -1)
                found = text.bytes[self.quotes]
                is_key = (found == ord('"')) | _SPACES[found]
            self.colons, self.quotes = self.colons[is_key], self.quotes[is_key]

    def __len__(self) -> int:
        return len(self.quotes)

    def values(self, which: Int64s | slice = slice(None)) -> Int64s:
        """Return where the values of these keys begin."""
        return _over_space(self.text.bytes, self.colons[which] + 1, 1)

    @property
    def count(self) -> Int64s:
        """For each record, how many keys it has, at the least."""
        return self.text.per_record(self.quotes)

    @property
    def nulls(self) -> Int64s:
        """For each record, how many of its keys hold null."""
        first = self.values()
        return self.text.per_record(first[self.text.bytes[first] == ord("n")])

    def called(self, name: str) -> Int64s:
        """Return which keys are spelled `name`."""
        quoted = f'"{name}"'.encode()
        found: Int64s = np.flatnonzero(self.text.bytes[self.quotes - 1] == quoted[-2])
        words = np.ndarray((len(self.text.data) - _WORD + 1,), dtype="<u8", buffer=self.text.data, strides=(1,))
        end = quoted[-_WORD:]
        ends = words[self.quotes[found] - (_WORD - 1)] >> np.uint64(8 * (_WORD - len(end)))
        found = found[ends == int.from_bytes(end, "little")]
        for back, byte in enumerate(reversed(quoted[:-_WORD]), _WORD):
            found = found[self.text.bytes[self.quotes[found] - back] == byte]
        return found


def plain_integers(keys: Keys, name: str, digits: int = MAX_DIGITS) -> tuple[Int64s, Bools]:
    """Look at every value of the keys called `name`, as far as `digits`.

    Returns, for each record, how many of those values are written in digits alone, and whether all of them are.
    """
    text = keys.text
    first = keys.values(keys.called(name))
    cells = text.bytes[first[:, None] + np.arange(digits + 1)]
    is_digit = cells - np.uint8(ord("0")) < 10
    length = np.argmin(is_digit, axis=1)
    ends = _ENDS[cells[np.arange(len(cells)), length]] & (length > 0)
    # A text is passed over: it is missing from the count, and the count tells. So is null.
    other = (cells[:, 0] == ord('"')) | (cells[:, 0] == ord("n"))
    clean = np.ones(len(text.starts) - 1, dtype=np.bool_)
    if not (ends | other).all():
        clean[text.record_of(first[~ends & ~other])] = False
    return text.per_record(first[is_digit[:, 0]]), clean


def _over_space(text: npt.NDArray[np.uint8], positions: Int64s, step: int) -> Int64s:
    """Move each position on while it stands on white space, but not for ever."""
    on_space = _SPACES[text[positions]]
    for _ in range(MOST_SPACES):
        if not on_space.any():
            break
        positions = positions + step if on_space.all() else positions + np.where(on_space, step, 0)
        on_space &= _SPACES[text[positions]]
    return positions
