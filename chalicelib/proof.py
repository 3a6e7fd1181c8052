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

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

PADDING = b" " * 24
"""Follows the batch's bytes, so that looking ahead never leaves them."""

MAX_DIGITS = 18
"""Longer integers may not fit 64 bits."""

MOST_SPACES = 16
"""Between a key, its colon and its value. A colon with more before it counts as a key's, which is the safe side."""

_SPACES = np.zeros(256, dtype=np.bool_)
_SPACES[list(b" \t\r\n")] = True
_DIGITS = np.zeros(256, dtype=np.bool_)
_DIGITS[list(b"0123456789")] = True
_ENDS = _SPACES.copy()
_ENDS[list(b",}]")] = True


@dataclass(frozen=True)
class Keys:
    """Where the keys of a batch stand: `quotes` at the closing quote of each, `values` at the value's first byte.

    `starts` holds where each record begins, and one more for the end.
    """

    text: npt.NDArray[np.uint8]
    starts: Int64s
    quotes: Int64s
    values: Int64s

    def per_record(self, positions: Int64s) -> Int64s:
        """Count, for each record, how many of the ascending `positions` lie in it."""
        return np.diff(np.searchsorted(positions, self.starts))

    def record_of(self, positions: Int64s) -> Int64s:
        """Return the record that each position lies in."""
        return np.searchsorted(self.starts, positions, side="right") - 1

    @property
    def count(self) -> Int64s:
        """For each record, how many keys it has, at the least."""
        return self.per_record(self.quotes)

    @property
    def nulls(self) -> Int64s:
        """For each record, how many of its keys hold null."""
        return self.per_record(self.values[self.text[self.values] == ord("n")])


def find_keys(text: bytes, lengths: Int64s) -> Keys:
    """Find the keys in records of these lengths, each followed by one byte of white space, then PADDING."""
    array = np.frombuffer(text, dtype=np.uint8)
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths + 1, out=starts[1:])
    colons = np.flatnonzero(array == ord(":"))
    before = _over_space(array, colons - 1, -1)
    is_key = (array[before] == ord('"')) | _SPACES[array[before]]
    if not is_key.all():
        colons, before = colons[is_key], before[is_key]
    return Keys(array, starts, before, _over_space(array, colons + 1, 1))


def plain_integers(keys: Keys, name: str) -> tuple[Int64s, Bools]:
    """Look at every value of the keys called `name`.

    Returns, for each record, how many of those values are written in digits alone, and whether all of them are.
    """
    at = _called(keys, f'"{name}"'.encode())
    first = keys.values[at]
    byte = keys.text[first]
    # A text is passed over: it is missing from the count, and the count tells.
    bad = [first[~_DIGITS[byte] & (byte != ord('"')) & (byte != ord("n"))]]
    found = alive = first[_DIGITS[byte]]
    for step in range(1, MAX_DIGITS + 1):
        byte = keys.text[alive + step]
        going_on = _DIGITS[byte]
        bad.append(alive[~going_on & ~_ENDS[byte]])
        alive = alive[going_on]
        if len(alive) == 0:
            break
    bad.append(alive)
    clean = np.ones(len(keys.starts) - 1, dtype=np.bool_)
    clean[keys.record_of(np.concatenate(bad))] = False
    return keys.per_record(found), clean


def _called(keys: Keys, quoted: bytes) -> Int64s:
    """Return which keys are spelled `quoted`, quotes included."""
    found = np.flatnonzero(keys.quotes >= len(quoted) - 1)
    for back, byte in enumerate(reversed(quoted)):
        found = found[keys.text[keys.quotes[found] - back] == byte]
    return found


def _over_space(text: npt.NDArray[np.uint8], positions: Int64s, step: int) -> Int64s:
    """Move each position on while it stands on white space, but not for ever."""
    on_space = _SPACES[text[positions]]
    for _ in range(MOST_SPACES):
        if not on_space.any():
            break
        positions = positions + np.where(on_space, step, 0)
        on_space &= _SPACES[text[positions]]
    return positions
