"""Arrow columns made of integers: money from its units, dates from milliseconds, and rows repeated per line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib.contract import DECIMAL_SCALE, Type
from chalicelib.schema import ARROW_TYPES

UNITS = 10**DECIMAL_SCALE
"""How many units make one of money."""

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_ON_INTEGERS = (Type.DECIMAL, Type.INTEGER, Type.TIMESTAMP, Type.POSITION)


def column(kind: Type, numbers: Int64s, valid: Bools | None = None) -> pa.Array:
    """Return a column of a type that stands on integers, NULL where not `valid`."""
    wanted = ARROW_TYPES[kind]
    if kind is Type.DECIMAL:
        halves = np.empty((len(numbers), 2), dtype=np.int64)
        halves[:, 0] = numbers
        halves[:, 1] = numbers >> 63
        bits = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little").tobytes())
        return pa.Array.from_buffers(wanted, len(numbers), [bits, pa.py_buffer(halves)])
    if kind is Type.POSITION:
        return pa.array(numbers.astype(np.int32), wanted, mask=None if valid is None else ~valid)
    mask = None if valid is None else ~valid
    return pa.array(numbers, pa.int64(), mask=mask).view(wanted)


def column_of(kind: Type, values: Sequence[Any]) -> pa.Array:
    """Return a column of Python values as the strict decoder gives them, None for NULL."""
    if kind not in _ON_INTEGERS:
        return pa.array(values, ARROW_TYPES[kind])
    valid = np.fromiter((value is not None for value in values), np.bool_, len(values))
    numbers = np.fromiter((value or 0 for value in values), np.int64, len(values))
    return column(kind, numbers, None if valid.all() else valid)


def constant(text: str, length: int) -> pa.Array:
    """Return a column that says the same in every row."""
    return pa.repeat(pa.scalar(text, pa.string()), length)


def validity(array: pa.Array) -> Bools | None:
    """Return which values are not NULL, or None when all are."""
    if array.null_count == 0:
        return None
    valid: Bools = array.is_valid().to_numpy(zero_copy_only=False)
    return valid


def row_counts(line_counts: Int64s) -> Int64s:
    """Return how many rows each order makes: one a line, and one where there is none."""
    return np.maximum(line_counts, 1)


def months_since_1970(ms: Int64s) -> Int64s:
    """Return the month that each instant lies in."""
    months: Int64s = ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    return months


def month_name(month: int) -> str:
    """Return a month since 1970 as `YYYY-MM`."""
    return f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"
