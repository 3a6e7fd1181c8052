"""Values of a batch as spans of its text: cut out as they were sent, for all elements of a level at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib.contracts.contract import Nulls
from chalicelib.flatten import columns, values
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.json_text import RejectedDocument, compact, parsed
from chalicelib.flatten.scalars import InvalidValue

Int32s = npt.NDArray[np.int32]

MAX_DIGITS = 18
"""Longer integers may not fit 64 bits."""

_BACKSLASH, _QUOTE, _NULL, _OPEN_OBJECT, _OPEN_ARRAY = b'\\"n{['


@dataclass(frozen=True)
class Spans:
    """Values of a leaf in the text of a batch: `elements` of its level, in their order, and where each lies."""

    elements: Int64s
    starts: Int32s
    ends: Int32s


def raw_texts(data: bytes, spans: Spans, count: int) -> pa.Array:
    """Return the JSON texts of a node's values for all `count` elements of its level, NULL where there is none."""
    index_of = np.zeros(count, dtype=np.int64)
    has = np.zeros(count, dtype=np.bool_)
    index_of[spans.elements], has[spans.elements] = 2 * np.arange(len(spans.elements)), True
    return columns.take(cut_out(data, spans.starts, spans.ends), index_of, has)


def kept_as_sent(data: bytes, spans: Spans, nulls: Nulls, sound_elements: Bools) -> pa.Array:
    """Return the values of a leaf as JSON texts, texts as they are; clear `sound_elements` where one is no text."""
    text = np.frombuffer(data, dtype=np.uint8)
    first = text[spans.starts]
    is_text = first == _QUOTE
    starts, ends = spans.starts + is_text, spans.ends - is_text
    escaped = with_escapes(data, starts, ends)
    mended: list[str | None] = []
    for i in escaped.tolist():
        try:
            value = parsed(data[spans.starts[i] : spans.ends[i]])
            mended.append(compact(value) if isinstance(value, dict | list) else values.text(value))
        except (InvalidValue, RejectedDocument):
            sound_elements[spans.elements[i]] = False
            mended.append(None)
    cut = pa.concat_arrays([cut_out(data, starts, ends), pa.array(mended, pa.string()).cast(pa.binary())])
    order_of_pieces = 2 * np.arange(len(starts))
    order_of_pieces[escaped] = 2 * len(starts) + np.arange(len(escaped))
    index_of = np.zeros(len(sound_elements), dtype=np.int64)
    has = np.zeros(len(sound_elements), dtype=np.bool_)
    valid = first != _NULL
    if nulls:
        for i in np.flatnonzero(valid & ~is_text & (first != _OPEN_OBJECT) & (first != _OPEN_ARRAY)).tolist():
            valid[i] = not values.is_null(parsed(data[spans.starts[i] : spans.ends[i]]), nulls)
    index_of[spans.elements], has[spans.elements] = order_of_pieces, valid
    values_of_level = columns.take(cut, index_of, has)
    return pa.StringArray.from_buffers(
        len(values_of_level), *values_of_level.buffers()[1:], values_of_level.buffers()[0], values_of_level.null_count
    )


def are_plain_digits(data: bytes, spans: Spans) -> tuple[Int64s, Bools]:
    """Return the elements that have a value of a leaf, and whether it is written in digits alone, or null."""
    text = np.frombuffer(data, dtype=np.uint8)
    sizes = spans.ends - spans.starts
    good = sizes <= MAX_DIGITS
    for i in range(min(int(sizes.max(initial=0)), MAX_DIGITS)):
        good &= (text[spans.starts + i] - np.uint8(ord("0")) < 10) | (sizes <= i)
    return spans.elements, good | (text[spans.starts] == _NULL)


def with_escapes(data: bytes, starts: Int32s, ends: Int32s) -> Int64s:
    """Return which of the spans hold a backslash."""
    if b"\\" not in data:
        return np.empty(0, dtype=np.int64)
    backslashes = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == _BACKSLASH)
    return np.flatnonzero(np.searchsorted(backslashes, starts) < np.searchsorted(backslashes, ends))


def cut_out(data: bytes, starts: Int32s, ends: Int32s) -> pa.Array:
    """Return ascending spans of a text that shares its bytes: span i is value 2 i, the rest is between."""
    offsets = np.empty(2 * len(starts) + 1, dtype=np.int32)
    offsets[0:-1:2], offsets[1::2] = starts, ends
    offsets[-1] = ends[-1] if len(ends) else 0
    return pa.Array.from_buffers(pa.binary(), 2 * len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
