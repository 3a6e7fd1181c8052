"""Arrow columns and numpy arrays, from one to the other without a copy where there need not be one.

Decimals are made from their units, dates from milliseconds or days. What Arrow computes is called by name:
`pyarrow.compute` makes a wrapper of each of its 300 functions at import, which is a sixth of a cold start, and so does
what arrays have as methods (`cast`, `filter`, `take`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow._compute import FilterOptions, TakeOptions, call_function

from chalicelib.flatten.schema import CONSTANT
from chalicelib.native_library import LAID_OUT, SOURCE, RepeatStruct

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_TEXTS = pa.string()
_WIDTHS = {32: np.int32, 64: np.int64}


def column(kind: pa.DataType, numbers: Int64s, valid: Bools | None = None) -> pa.Array:
    """Return a column of a type that stands on integers (decimals, dates), NULL where not `valid`."""
    data = pa.py_buffer(np.ascontiguousarray(numbers, dtype=_WIDTHS[kind.bit_width]))
    return pa.Array.from_buffers(kind, len(numbers), [None if valid is None else _bits(valid), data])


def doubles(values: npt.NDArray[np.float64], valid: Bools) -> pa.Array:
    """Return a column of floats, NULL where not `valid`."""
    # Not pa.array, which imports numpy.ma to see whether the array is masked.
    bits = None if valid.all() else _bits(valid)
    return pa.Array.from_buffers(pa.float64(), len(values), [bits, pa.py_buffer(values)])


def column_of(kind: pa.DataType, values: Sequence[Any]) -> pa.Array:
    """Return a column of Python values as the strict decoder gives them, None for NULL."""
    if kind in (pa.string(), pa.bool_(), pa.float64()):
        return pa.array(values, kind)
    valid = np.fromiter((value is not None for value in values), np.bool_, len(values))
    numbers = np.fromiter((value or 0 for value in values), np.int64, len(values))
    return column(kind, numbers, None if valid.all() else valid)


def texts(offsets: npt.NDArray[np.int32], data: pa.Buffer, valid: Bools) -> pa.Array:
    """Return a column of the texts in `data`, each between one of the offsets and the next, NULL where not `valid`."""
    bits = None if valid.all() else _bits(valid)
    return pa.Array.from_buffers(pa.string(), len(valid), [bits, pa.py_buffer(offsets), data])


def written_array(kind: pa.DataType, count: int, written: pa.Buffer, laid_out: tuple[int, ...]) -> pa.Array:
    """Return a column that compiled code has written in a buffer, where `laid_out` says (see `LAID_OUT`)."""
    values, ends, valid, size, nulls = laid_out
    bits = written.slice(valid, (count + 7) // 8) if nulls else None
    parts = [written.slice(values, size)]
    if kind == _TEXTS:
        parts.insert(0, written.slice(ends, 4 * (count + 1)))
    return pa.Array.from_buffers(kind, count, [bits, *parts], nulls)


def written_arrays(
    kinds: Sequence[pa.DataType], count: int, written: npt.NDArray[np.uint8], laid_out: npt.NDArray[np.void]
) -> list[pa.Array]:
    """Return columns that compiled code has written, where `laid_out` says."""
    data = pa.py_buffer(written)
    layouts: list[Any] = laid_out[list(LAID_OUT)].tolist()
    return [written_array(kind, count, data, layout) for kind, layout in zip(kinds, layouts, strict=True)]


def width(kind: pa.DataType) -> int:
    """Return how many bytes a value of a type takes for compiled code: 0 is one bit, and texts have -1."""
    return -1 if kind == _TEXTS else kind.bit_width // 8


def sources(arrays: Sequence[pa.Array]) -> npt.NDArray[np.void]:
    """Return where the values of columns lie, for compiled code; the columns have to live as long."""
    given = np.zeros(len(arrays), dtype=SOURCE)
    held = [array.buffers() for array in arrays]
    given[["given_valid", "given_ends", "given_values", "offset", "width"]] = [
        (
            *(0 if buffer is None else buffer.address for buffer in (buffers[0], buffers[1], buffers[-1])),
            array.offset,
            width(array.type),
        )
        for array, buffers in zip(arrays, held, strict=True)
    ]
    return given


def repeated(library: ctypes.CDLL, arrays: Sequence[pa.Array], elements: Int64s) -> list[pa.Array]:
    """Return the values of columns of a level on rows, of which each is of one of the level's elements, or -1: NULL."""
    if not arrays:
        return []
    given = sources(arrays)
    elements = np.ascontiguousarray(elements)
    struct = RepeatStruct(
        sources=address(given), elements=address(elements), count=len(elements), sources_count=len(arrays)
    )
    room = library.measure_rows(ctypes.byref(struct))
    if room < 0:
        raise OverflowError("the texts of a column take more than 2 GB")
    out = np.empty(room, dtype=np.uint8)
    struct.out = address(out)
    library.repeat_values(ctypes.byref(struct))
    return written_arrays([array.type for array in arrays], len(elements), out, given)


def constant(text: str, length: int) -> pa.Array:
    """Return a column that says the same in every row."""
    data = pa.py_buffer(np.zeros(length, dtype=np.int8))
    indices = pa.Array.from_buffers(CONSTANT.index_type, length, [None, data])
    return pa.DictionaryArray.from_arrays(indices, _only(text), safe=False)


@lru_cache(maxsize=16)
def _only(text: str) -> pa.Array:
    return pa.array([text], CONSTANT.value_type)


def validity(array: pa.Array) -> Bools | None:
    """Return which values are not NULL, or None when all are."""
    if array.null_count == 0:
        return None
    bits = array.buffers()[0]
    if bits is None:
        return np.zeros(len(array), dtype=np.bool_)
    end = array.offset + len(array)
    values = np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=end, bitorder="little")
    return values[array.offset :].view(np.bool_)


def numbers(array: pa.Array) -> npt.NDArray[Any]:
    """Return a column of floats, or of what stands on integers, as 64-bit numbers, 0 where it is NULL."""
    kind = np.float64 if pa.types.is_floating(array.type) else np.int64
    if array.buffers()[1] is None:
        return np.zeros(len(array), dtype=kind)
    own = kind if kind is np.float64 else _WIDTHS[array.type.bit_width]
    stored = np.frombuffer(array.buffers()[1], dtype=own)[array.offset : array.offset + len(array)]
    values = stored.astype(kind, copy=False)
    valid = validity(array)
    return values if valid is None else np.where(valid, values, 0)


def lengths(array: pa.Array) -> Int64s:
    """Return how many bytes each text has, or how many items each list, 0 where it is NULL."""
    if len(array) == 0 or array.buffers()[1] is None:
        return np.zeros(len(array), dtype=np.int64)
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    values: Int64s = np.diff(offsets).astype(np.int64)
    valid = validity(array)
    return values if valid is None else np.where(valid, values, 0)


def lengths_together(arrays: Sequence[pa.Array], length: int) -> Int64s:
    """Return how many bytes the texts of several columns of a length have together, in each row.

    What lies behind a NULL, if anything does, counts too.
    """
    ends = np.zeros(length + 1, dtype=np.int64)
    for array in arrays:
        if array.buffers()[1] is not None:
            ends += np.frombuffer(array.buffers()[1], dtype=np.int32)[array.offset : array.offset + length + 1]
    return np.diff(ends)


def filter_rows(array: pa.Array, keep: Bools) -> pa.Array:
    """Return those values of an array that are to be kept."""
    return call_function("filter", [array, _flags(keep)], FilterOptions())


def _flags(which: Bools) -> pa.Array:
    return pa.Array.from_buffers(pa.bool_(), len(which), [None, _bits(which)])


def dictionary(array: pa.Array) -> pa.DictionaryArray:
    """Return an array as the distinct values it holds, and which of them each is."""
    return call_function("dictionary_encode", [array])


def take(values: Any, positions: Int64s, valid: Bools | None = None) -> Any:
    """Return the rows of an array or a table at these positions, NULL where not `valid`."""
    return call_function("take", [values, column(pa.int64(), positions, valid)], TakeOptions(boundscheck=False))


def address(array: npt.NDArray[Any]) -> int:
    """Return where the values of an array lie, for compiled code; a sixth of what numpy's own `ctypes.data` takes."""
    return int(pa.py_buffer(array).address)


def point(structure: ctypes.Structure, **arrays: npt.NDArray[Any]) -> None:
    """Have members of a structure for compiled code point to the values of arrays, which it does not keep alive."""
    for name, array in arrays.items():
        setattr(structure, name, address(array))


def months_since_1970(ms: Int64s) -> Int64s:
    """Return the month that each instant lies in."""
    months: Int64s = ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    return months


def _bits(which: Bools) -> pa.Buffer:
    return pa.py_buffer(np.packbits(which, bitorder="little").tobytes())


def month_name(month: int) -> str:
    """Return a month since 1970 as `YYYY-MM`."""
    return f"{1970 + month // 12:04d}-{month % 12 + 1:02d}"
