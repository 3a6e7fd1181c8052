"""Splits lines into the records that they hold, and tells which of them are broken: many at once, by compiled code."""

from __future__ import annotations

import ctypes

import numpy as np
from msgspec import Struct

from chalicelib.documents.slices import Slices
from chalicelib.native_library import LinesStruct

MOST_VALUES = 20_000
MOST_BROKEN = 5_000
"""How many are found in one call: as many as fit into a batch, and a quarter of them."""


class BrokenLine(Struct, frozen=True):
    """A line that is not JSON, from `start` to `end` in its text.

    Its value that begins at `value` stops being JSON at `broken`, which may lie behind the line. `before` records were
    found before it.
    """

    start: int
    end: int
    value: int
    broken: int
    before: int


class SplitLines(Struct, frozen=True):
    """What lines hold that were split: the records of those that are sound, and those that are broken.

    `stop` is where lines are that were not split, and `is_next_alone` says that the first of these has to be read by
    itself. `lookahead` is how many bytes may still be looked at in vain.
    """

    records: Slices
    broken: list[BrokenLine]
    stop: int
    is_next_alone: bool
    lookahead: int


class LineSplitter:
    """Splits lines, of which none that is broken may be longer than `longest` bytes, and no record."""

    def __init__(self, library: ctypes.CDLL, longest: int) -> None:
        self._library = library
        self._starts, self._ends = (np.empty(MOST_VALUES, dtype=np.int64) for _ in range(2))
        self._unusual = np.empty(MOST_VALUES, dtype=np.bool_)
        self._broken = np.empty((MOST_BROKEN, len(BrokenLine.__struct_fields__)), dtype=np.int64)
        self._struct = LinesStruct(capacity=MOST_VALUES, broken_capacity=MOST_BROKEN, longest=longest)
        for name in ("starts", "ends", "unusual", "broken"):
            setattr(self._struct, name, getattr(self, f"_{name}").ctypes.data)

    def split(self, text: bytes, start: int, end: int, *, lookahead: int, is_last: bool, is_utf8: bool) -> SplitLines:
        """Split the lines of a text from `start` to `end`, where one ends or, if they are the last, the file.

        `lookahead` is how many bytes may be looked at in vain for the end of what goes on beyond its line. Lines are
        not split from the first one on that goes on behind `end`, is too long or deep, or has no room.
        """
        lines = self._struct
        lines.text, lines.at, lines.size, lines.lookahead = text, start, end, lookahead
        lines.is_last, lines.checks_utf8 = is_last, not is_utf8
        lines.count = lines.broken_count = lines.unusual_count = lines.is_full = 0
        stop = int(self._library.split_lines(ctypes.byref(lines)))
        count = lines.count
        # Copies, since the next lines are found in the same arrays.
        unusual = self._unusual[:count].copy() if lines.unusual_count else None
        records = Slices(memoryview(text), self._starts[:count].copy(), self._ends[:count].copy(), unusual)
        broken = [BrokenLine(*line) for line in self._broken[: lines.broken_count].tolist()]
        # What does not fit into room that nothing takes never does.
        is_next_alone = stop < end and not (lines.is_full and stop > start)
        lines.text = None
        return SplitLines(records, broken, stop, is_next_alone, lines.lookahead)
