"""Parses a column of ISO 8601 dates at once, in the shapes that programs write; what it cannot read it says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib.flatten import columns

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

_DATE, _SECONDS, _OFFSET = len("2024-07-05"), len("2024-07-05T10:15:00"), len("+02:00")
_LONGEST = _SECONDS + 1 + 9 + _OFFSET
_DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], dtype=np.int64)


def parse_dates(texts: pa.StringArray) -> tuple[Int64s, Bools]:
    """Return milliseconds since 1970 UTC, and which of them were understood; the rest may still be dates.

    Read are `YYYY-MM-DD` and `YYYY-MM-DDThh:mm:ss` (or a space for the T) with up to nine decimals, which are cut
    after the third, followed by nothing, `Z` or `±hh:mm`.
    """
    ms = np.zeros(len(texts), dtype=np.int64)
    readable = np.zeros(len(texts), dtype=np.bool_)
    if len(texts) == 0 or texts.buffers()[2] is None:
        return ms, readable
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(texts.buffers()[2], dtype=np.uint8)
    lengths = np.diff(offsets)
    for length in columns.distinct(np.minimum(lengths, _LONGEST + 1)):
        if length == _DATE or _SECONDS <= length <= _LONGEST:
            rows = np.flatnonzero(lengths == length)
            if len(rows) == len(lengths):
                cells = data[offsets[0] : offsets[-1]].reshape(len(rows), length)
            else:
                cells = data[offsets[rows][:, None] + np.arange(length)]
            # A row a character: neighbours in memory are looked at together.
            ms[rows], readable[rows] = _same_length(np.ascontiguousarray(cells.T))
    valid = columns.validity(texts)
    if valid is not None:
        readable &= valid
    return ms, readable


def _same_length(cells: Bytes) -> tuple[Int64s, Bools]:
    year, good = _number(cells, 0, 4)
    month, fine = _number(cells, 5, 7)
    day, sound = _number(cells, 8, 10)
    good &= fine & sound & (cells[4] == ord("-")) & (cells[7] == ord("-"))
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    good &= (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1)
    last = _DAYS[np.where(good, month, 0)] + (leap & (month == 2))
    good &= day <= last
    months = (np.where(good, year, 1970) - 1970) * 12 + np.where(good, month, 1) - 1
    days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day - 1
    ms = days * 86_400_000
    if len(cells) > _DATE:
        time, fine = _time(cells)
        ms, good = ms + time, good & fine
    return ms, good


def _time(cells: Bytes) -> tuple[Int64s, Bools]:
    hour, good = _number(cells, 11, 13)
    minute, fine = _number(cells, 14, 16)
    second, sound = _number(cells, 17, 19)
    good &= fine & sound & (hour < 24) & (minute < 60) & (second < 60)
    good &= (cells[10] == ord("T")) | (cells[10] == ord(" "))
    good &= (cells[13] == ord(":")) & (cells[16] == ord(":"))
    ms = (hour * 3600 + minute * 60 + second) * 1000
    rest, understood = _rest(cells[_SECONDS:])
    return ms + rest, good & understood


def _rest(cells: Bytes) -> tuple[Int64s, Bools]:
    """Read what follows the seconds: a fraction, a zone, both or neither."""
    width = len(cells)
    ms = np.zeros(cells.shape[1], dtype=np.int64)
    good = np.zeros(cells.shape[1], dtype=np.bool_)
    for zone_width in (0, 1, _OFFSET):
        decimals = width - zone_width - 1
        if width < zone_width or decimals == 0 or decimals > 9:
            continue
        fine: Bools
        here, fine = _zone(cells[width - zone_width :])
        if decimals > 0:
            fraction, sound = _number(cells, 1, 1 + decimals)
            fine = fine & sound & (cells[0] == ord("."))
            here = here + (fraction * 1000) // 10**decimals
        ms = np.where(fine, here, ms)
        good |= fine
    return ms, good


def _zone(cells: Bytes) -> tuple[Int64s, Bools]:
    width = len(cells)
    zero = np.zeros(cells.shape[1], dtype=np.int64)
    if width == 0:
        return zero, np.ones(cells.shape[1], dtype=np.bool_)
    if width == 1:
        good: Bools = cells[0] == ord("Z")
        return zero, good
    hour, is_hour = _number(cells, 1, 3)
    minute, is_minute = _number(cells, 4, 6)
    minus: Bools = cells[0] == ord("-")
    sound: Bools = is_hour & is_minute & (hour < 24) & (minute < 60)
    sound &= (cells[3] == ord(":")) & (minus | (cells[0] == ord("+")))
    ms = (hour * 60 + minute) * 60_000
    return np.where(minus, ms, -ms), sound


def _number(cells: Bytes, start: int, end: int) -> tuple[Int64s, Bools]:
    number = np.zeros(cells.shape[1], dtype=np.int64)
    good = np.ones(cells.shape[1], dtype=np.bool_)
    for digit in cells[start:end] - np.uint8(ord("0")):
        good &= digit < 10
        number *= 10
        number += digit
    return number, good
