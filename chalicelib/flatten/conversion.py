"""Makes columns of what the parser read, at once for all elements of a level; what is not certain is told.

A function here clears `good` for elements whose value the strict way has to judge: it never judges itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from chalicelib.contracts.contract import Column, Dates, Nulls, Type
from chalicelib.flatten import columns, date_values, values
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.dates import parse_dates
from chalicelib.flatten.scalars import InvalidValue, NumberText
from chalicelib.flatten.schema import arrow_type

_CERTAIN = 2.0**-51
"""Rounding of a float that is this close to whole, relatively, is what the exact digits would round to."""
_LARGEST = 2.0**49
_LARGEST_INTEGER = 2.0**31
"""Of a larger one that is not whole, what is left might pass for noise."""
_MOST_DIGITS = 15
"""A float shifted by more digits is not certain."""

_EPOCH_MILLISECONDS: dict[Any, tuple[int, int]] = {
    Dates.EPOCH_SECONDS: (1000, 1),
    Dates.EPOCH_MILLISECONDS: (1, 1),
    Dates.EPOCH_MICROSECONDS: (1, 1000),
    Dates.EPOCH_DAYS: (date_values.MILLISECONDS_A_DAY, 1),
}
_LATEST_EPOCH = 6e13
"""Milliseconds, some 1,900 years from 1970: of larger ones the strict way tells what they are."""


def without_nulls(array: pa.Array, nulls: Nulls, good: Bools) -> pa.Array:
    """Return an array without the values that mean NULL; clear `good` for floats, which may have been sent as texts."""
    if not nulls or len(array) == 0:
        return array
    means: Bools = np.zeros(len(array), dtype=np.bool_)
    if pa.types.is_string(array.type):
        for text in nulls.texts:
            means |= columns.equals(array, text)
    elif pa.types.is_boolean(array.type):
        for truth in nulls.booleans:
            means |= columns.equals(array, truth)
    else:
        numbers = columns.numbers(array)
        for number in nulls.numbers:
            means |= numbers == float(number)
    valid = columns.validity(array)
    if pa.types.is_floating(array.type):
        good &= ~means if valid is None else ~means | ~valid
        return array
    return columns.keep_valid(array, ~means if valid is None else valid & ~means) if means.any() else array


def whole(array: pa.Array, digits: Any, good: Bools, *, is_decimal: bool) -> Int64s:
    """Return floats times 10^`digits`, each with its own, as whole numbers; clear `good` where they may be others."""
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = columns.numbers(array) * 10.0**digits
        rounded = np.rint(scaled)
        size = np.abs(scaled)
        certain = (np.abs(scaled - rounded) <= size * _CERTAIN) & (
            size < (_LARGEST if is_decimal else _LARGEST_INTEGER)
        )
        certain &= (np.asarray(digits) >= 0) & (np.asarray(digits) <= _MOST_DIGITS)
    good &= certain
    return np.where(certain, rounded, 0).astype(np.int64)


def converted(column: Column, array: pa.Array, good: Bools) -> pa.Array:
    """Return a column of what the parser read, but for decimals, and clear `good` where it is not certain."""
    match column.type:
        case Type.INTEGER:
            return columns.column(pa.int64(), whole(array, 0, good, is_decimal=False), columns.validity(array))
        case Type.DOUBLE:
            good &= np.isfinite(columns.numbers(array))
            return array
        case Type.BOOLEAN:
            return _booleans(column, array, good)
        case Type.TIMESTAMP | Type.DATE:
            return _dates(column, array, good)
    return columns.as_text(array)


def _booleans(column: Column, array: pa.Array, good: Bools) -> pa.Array:
    if pa.types.is_boolean(array.type):
        return array
    if pa.types.is_string(array.type):
        return _by_distinct(column, array, good, values.boolean)
    numbers = columns.numbers(array)
    good &= (numbers == 0) | (numbers == 1)
    return columns.booleans(numbers == 1, columns.validity(array))


def _dates(column: Column, array: pa.Array, good: Bools) -> pa.Array:
    valid = columns.validity(array)
    is_date = column.type is Type.DATE
    if pa.types.is_floating(array.type):
        if len(column.formats) > 1 or (is_date and column.zone not in (None, "UTC")):
            good &= False if valid is None else ~valid
            return pa.nulls(len(array), arrow_type(column))
        ms = _milliseconds(column.formats[0], columns.numbers(array), good)
        return columns.column(arrow_type(column), ms // date_values.MILLISECONDS_A_DAY if is_date else ms, valid)
    if column.formats == (Dates.ISO,) and column.zone in (None, "UTC") and not is_date and array.type == pa.string():
        ms, readable = parse_dates(array)
        good &= readable if valid is None else readable | ~valid
        return columns.column(arrow_type(column), ms, valid)
    return _by_distinct(column, array, good, values.reader(column))


def _milliseconds(form: Any, numbers: Any, good: Bools) -> Int64s:
    times, parts = _EPOCH_MILLISECONDS[form]
    with np.errstate(invalid="ignore", over="ignore"):
        certain = (np.rint(numbers) == numbers) & (np.abs(numbers) < _LATEST_EPOCH / times * parts)
    good &= certain
    ms: Int64s = np.where(certain, numbers, 0).astype(np.int64) * times // parts
    return ms


def _by_distinct(column: Column, array: pa.Array, good: Bools, read: Callable[[object], object]) -> pa.Array:
    """Have the strict way read each value that occurs, once."""
    encoded = columns.dictionary(array)
    number = array.type == pa.int64()
    converted_values: list[Any] = []
    bad = []
    for i, value in enumerate(encoded.dictionary.to_pylist()):
        try:
            converted_values.append(read(NumberText(value) if number else value))
        except InvalidValue:
            converted_values.append(None)
            bad.append(i)
    indices = columns.numbers(encoded.indices.cast(pa.int64()))
    valid = columns.validity(array)
    if bad:
        wrong = np.isin(indices, bad)
        good &= ~(wrong if valid is None else wrong & valid)
    return columns.take(columns.column_of(arrow_type(column), converted_values), indices, valid)


def exact_digits(codes: pa.Array, digits: dict[str, int], good: Bools, needed: Bools) -> Int64s:
    """Return the minor-unit digits of currency codes, and clear `good` where one that is needed has none."""
    encoded = columns.dictionary(codes)
    each = [digits.get(code.upper(), -1) for code in encoded.dictionary.to_pylist()] or [-1]
    converted_values = np.array(each, dtype=np.int64)[columns.numbers(encoded.indices.cast(pa.int64()))]
    valid = columns.validity(codes)
    readable: Bools = converted_values >= 0 if valid is None else (converted_values >= 0) & valid
    good &= readable | ~needed
    return np.where(readable, converted_values, 0)
