"""Records of a batch as one text: what the parser reads, and what is searched for keys."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from chalicelib.flatten.columns import Bools, Int64s

MISREAD = re.compile(rb"\\u(?:0000|[dD](?:8[4-9a-fA-F]|[9abAB][0-9a-fA-F])[0-9a-fA-F])")
"""Escapes that the parser misreads: NUL ends its texts, and beyond U+1FFFF it makes another character."""

PADDING = b" " * 48
"""Stands before and behind the batch's bytes, so that reading around a position never leaves them."""

_ZEROS_OF_TINY = 200
_TINY_ESCAPED = re.compile(rb"\\u00(?:2[dD]|3[0-9]|45|65)")
"""What makes numbers small may be an escape in numeric text: a minus, a digit, an `e`."""

SPACES = np.zeros(256, dtype=np.bool_)
SPACES[list(b" \t\r\n")] = True
_DIGITS = np.zeros(256, dtype=np.bool_)
_DIGITS[list(b"0123456789.")] = True
_BEFORE_NUMBERS = SPACES.copy()
_BEFORE_NUMBERS[list(b':,["')] = True
_LONGEST_DIGITS = 64
"""How many digits before an exponent are looked at; behind more, anything may be a number."""
WORD = 8
"""Bytes that are compared at once."""


class Text:
    """Records as one text, each followed by a line feed, with PADDING around: parsed, and searched for keys.

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

    def only(self, which: Int64s) -> Text:
        """Return the text of these records alone."""
        view = memoryview(self.data)
        bounds = zip(self.starts[which].tolist(), self.starts[which + 1].tolist(), strict=True)
        return Text(view[start : end - 1] for start, end in bounds)

    @cached_property
    def words(self) -> npt.NDArray[np.uint64]:
        """The eight bytes from each byte on, the first one lowest."""
        return np.ndarray((len(self.data) - WORD + 1,), dtype="<u8", buffer=self.data, strides=(1,))

    @cached_property
    def holds_low_escapes(self) -> bool:
        """Whether a character below U+0100 may be written as an escape: the colon is among them."""
        # Most texts have no escape at all, which is seen ten times as fast.
        return b"\\" in self.data and b"\\u00" in self.data

    @property
    def holds_misread(self) -> bool:
        """Whether there is an escape that the parser misreads."""
        return b"\\u" in self.data and MISREAD.search(self.data) is not None

    @cached_property
    def may_hold_tiny_numbers(self) -> Bools:
        """Which records may hold a number that is not 0, but too small for a float: below 10^-323.

        Such a number has an exponent of three digits, or else some two hundred zeros in a row.
        """
        text = self.bytes
        matches = np.flatnonzero(text == ord("-"))
        matches = matches[(text[matches - 1] | 0x20) == ord("e")]
        for digit in (1, 2, 3):
            matches = matches[text[matches + digit] - np.uint8(ord("0")) < 10]
        matches = matches[self._end_numbers(matches - 2)]
        if self.holds_low_escapes:
            matches = np.append(matches, [escape.start() for escape in _TINY_ESCAPED.finditer(self.data)])
        if b"0" * _ZEROS_OF_TINY in self.data:
            runs = re.finditer(b"0+", self.data)
            matches = np.append(matches, [run.start() for run in runs if len(run[0]) >= _ZEROS_OF_TINY])
        may: Bools = np.zeros(len(self.starts) - 1, dtype=np.bool_)
        may[self.record_of(matches.astype(np.int64))] = True
        return may

    def _end_numbers(self, ends: Int64s) -> Bools:
        """Tell which positions may end the digits of a number, as no `e-123` within a name or a UUID does."""
        at = ends.copy()
        for _ in range(_LONGEST_DIGITS):
            in_digits = _DIGITS[self.bytes[at]]
            if not in_digits.any():
                break
            at -= in_digits
        before = self.bytes[at]
        before = np.where((before == ord("-")) | (before == ord("+")), self.bytes[at - 1], before)
        may_end: Bools = (at < ends) & (_BEFORE_NUMBERS[before] | _DIGITS[self.bytes[at]])
        return may_end

    @property
    def are_objects(self) -> Bools:
        """Which records begin as objects do."""
        objects: Bools = self.bytes[self.starts[:-1]] == ord("{")
        return objects

    def per_record(self, positions: Int64s) -> Int64s:
        """Count, for each record, how many of the ascending `positions` lie in it."""
        begins, ends = self.starts[:-1], self.starts[1:]
        if len(positions) == len(begins) and ((begins <= positions) & (positions < ends)).all():
            return np.ones(len(begins), dtype=np.int64)
        return np.diff(np.searchsorted(positions, self.starts))

    def record_of(self, positions: Int64s) -> Int64s:
        """Return the record that each position lies in."""
        return np.searchsorted(self.starts, positions, side="right") - 1
