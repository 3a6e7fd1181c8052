"""Makes columns of values where they stand in a text: by compiled code, but for those that it is not certain of.

What it makes of a value is what the strict way makes of it: where that is not certain, the strict way's own functions
are asked. A function here clears `fine` for values that these reject.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column
from chalicelib.contracts.values import Dates, Nulls
from chalicelib.flatten import columns, date_values, values
from chalicelib.flatten.columns import Bools, Int64s, address
from chalicelib.flatten.json_text import RejectedDocument, compact, parsed
from chalicelib.flatten.plan_values import Spans
from chalicelib.flatten.scalars import InvalidValue
from chalicelib.flatten.schema import arrow_type
from chalicelib.native_library import AS_SENT, IDENTIFIER, JSON, ROOM, TEXT, ValuesStruct

_QUOTE, _OBJECT, _ARRAY, _NULL = b'"{[n'
KINDS_OF_TEXT = {Type.IDENTIFIER: IDENTIFIER, Type.TEXT: TEXT, Type.JSON: JSON}
PARTS_OF_NOISE = round(1 / values.NOISE)
PARTS_OF_WHOLE_NOISE = round(1 / values.WHOLE_NOISE)
_EXACT = 2**63
"""Parts of a number of which none may be rounded away."""
_LONGEST_NUMBER = 40
_EPOCHS: dict[Any, tuple[int, int]] = {
    Dates.EPOCH_SECONDS: (1000, 1),
    Dates.EPOCH_MILLISECONDS: (1, 1),
    Dates.EPOCH_MICROSECONDS: (1, 1000),
}
_LATEST_MS = 6e13
_NOT_DASHED = {*_EPOCHS, Dates.EPOCH_NANOSECONDS, Dates.EPOCH_DAYS, Dates.YYYYMMDD, Dates.DOTNET}
"""Ways to write dates that no text such as 2024-07-05 follows."""

Read = Callable[[Any], Any]


class SpanColumns:
    """Makes columns of the values in one text."""

    def __init__(self, library: ctypes.CDLL, data: bytes) -> None:
        self._library = library
        self._data = data
        self._text = np.frombuffer(data, dtype=np.uint8)
        self._address = address(self._text)

    def without_nulls(self, spans: Spans, nulls: Nulls) -> Spans:
        """Return values without those that mean NULL."""
        if not nulls and not spans.may_be_null:
            return spans
        which = np.flatnonzero(spans.starts >= 0)
        first = self._text[spans.starts[which]]
        means = first == _NULL
        if nulls:
            for i in self._perhaps_null(spans, which, first, nulls):
                means[i] = values.is_null(parsed(self._bytes(spans, int(which[i]))), nulls)
        if not means.any():
            return spans
        starts = spans.starts.copy()
        starts[which[means]] = -1
        return Spans(starts, spans.ends)

    def chosen(self, column: Column, given: Sequence[tuple[Spans, Bools]], fine: Bools) -> Spans:
        """Return the first value that is not NULL of those at each of a column's paths, where one is none.

        With each come the elements on whose way to it something strange stands. Clear `fine` where the column rejects
        that, or that there is no value.
        """
        spans, strange = given[0]
        chosen = self.without_nulls(spans, column.nulls)
        if len(given) == 1:
            fine &= ~strange
        for spans, _ in given[1:]:
            spans = self.without_nulls(spans, column.nulls)
            has = chosen.starts >= 0
            chosen = Spans(np.where(has, chosen.starts, spans.starts), np.where(has, chosen.ends, spans.ends))
        if column.required:
            is_empty = (chosen.ends - chosen.starts == 2) & (self._text[np.maximum(chosen.starts, 0)] == _QUOTE)
            fine &= (chosen.starts >= 0) & ~is_empty
        return chosen

    def column(self, column: Column, spans: Spans, fine: Bools) -> pa.Array:
        """Return the column of these values, but for minor units."""
        match column.type:
            case Type.IDENTIFIER | Type.TEXT | Type.JSON:
                return self._texts(column, spans, fine)
            case Type.DECIMAL:
                return self.decimals(column, spans, np.zeros(len(fine), dtype=np.int64), fine)
            case Type.INTEGER:
                return self._whole(column, spans, 0, values.integer, fine, PARTS_OF_WHOLE_NOISE)
            case Type.DOUBLE:
                return self._doubles(spans, fine)
            case Type.TIMESTAMP | Type.DATE:
                return self._dates(column, spans, fine)
        return self._by_distinct(column, spans, values.reader(column), fine)

    def decimals(self, column: Column, spans: Spans, digits: Int64s, fine: Bools) -> pa.Array:
        """Return a column of decimals, of which so many digits each are decimals without a point."""
        scale = column.scale or 0

        def read(value: Any, i: int) -> int:
            return values.decimal_units(value, scale, int(digits[i]))

        return self._whole(column, spans, scale - digits, read, fine, by_element=True)

    def distinct(self, spans: Spans, read: Read) -> list[Any]:
        """Return for each value what `read` makes of it, None for none; `read` is called once for each text."""
        answers: dict[bytes, Any] = {}
        made: list[Any] = []
        for start, end in zip(spans.starts.tolist(), spans.ends.tolist(), strict=True):
            text = self._data[start:end] if start >= 0 else b"null"
            if text not in answers:
                answers[text] = read(parsed(text))
            made.append(answers[text])
        return made

    def _perhaps_null(self, spans: Spans, which: Int64s, first: npt.NDArray[np.uint8], nulls: Nulls) -> list[int]:
        """Return which of the values may mean NULL, by how long they are and how they begin."""
        sizes = spans.ends[which] - spans.starts[which]
        is_text = first == _QUOTE
        perhaps = ~is_text & (first != _OBJECT) & (first != _ARRAY) & (sizes <= _LONGEST_NUMBER)
        perhaps &= bool(nulls.numbers or nulls.booleans)
        lengths = {len(text.encode()) + 2 for text in nulls.texts}
        for length in lengths:
            perhaps |= is_text & (sizes == length)
        if lengths and b"\\" in self._data:
            # An escape takes up to six characters.
            perhaps |= is_text & (sizes > min(lengths)) & (sizes <= 6 * max(lengths))
        return np.flatnonzero(perhaps).tolist()

    def _bytes(self, spans: Spans, i: int) -> bytes:
        return self._data[spans.starts[i] : spans.ends[i]]

    def _values(self, spans: Spans) -> tuple[ValuesStruct, Bools, tuple[Int64s, Int64s]]:
        """Return values for compiled code, the flags that it clears, and arrays to be held until it is done."""
        certain = np.ones(len(spans.starts), dtype=np.bool_)
        both = np.ascontiguousarray(spans.starts), np.ascontiguousarray(spans.ends)
        pointers = (address(both[0]), address(both[1]), address(certain))
        return ValuesStruct(self._address, *pointers, len(certain)), certain, both

    def _scalars(self, spans: Spans, certain: Bools, fine: Bools) -> Iterator[tuple[int, Any]]:
        """Do as `_one_by_one` does, but clear `fine` for objects and arrays, which are no scalars."""
        if certain.all():
            return iter(())
        first = self._text[np.maximum(spans.starts, 0)]
        is_nested = ~certain & (spans.starts >= 0) & ((first == _OBJECT) | (first == _ARRAY))
        fine &= ~is_nested
        return self._one_by_one(spans, certain | is_nested, fine)

    def _one_by_one(self, spans: Spans, certain: Bools, fine: Bools) -> Iterator[tuple[int, Any]]:
        """Return the values that compiled code was not certain of, with their positions."""
        for i in np.flatnonzero(~certain).tolist():
            try:
                yield i, parsed(self._bytes(spans, i))
            except RejectedDocument:
                fine[i] = False

    # Numbers --------------------------------------------------------------------------------------------------------

    def _units(self, spans: Spans, shifts: Int64s, noise: int, unit_noise: int = 0) -> tuple[Int64s, Bools]:
        """Return numbers times 10 to the power of `shifts`, and which of them are certain."""
        struct, certain, _held = self._values(spans)
        units = np.empty(len(certain), dtype=np.int64)
        self._library.read_units(ctypes.byref(struct), address(shifts), noise, unit_noise, address(units))
        return units, certain

    def _whole(
        self,
        column: Column,
        spans: Spans,
        shift: Any,
        read: Callable[..., int],
        fine: Bools,
        unit_noise: int = 0,
        by_element: bool = False,
    ) -> pa.Array:
        """Return numbers times 10 to the power of `shift`, which have to be whole."""
        valid = spans.starts >= 0
        shifts = np.ascontiguousarray(np.broadcast_to(np.asarray(shift, dtype=np.int64), len(valid)))
        units, certain = self._units(spans, shifts, PARTS_OF_NOISE, unit_noise)
        for i, value in self._scalars(spans, certain, fine):
            try:
                units[i] = read(value, i) if by_element else read(value)
            except InvalidValue:
                fine[i] = False
        return columns.column(arrow_type(column), units, None if valid.all() else valid)

    def _doubles(self, spans: Spans, fine: Bools) -> pa.Array:
        struct, certain, _held = self._values(spans)
        doubles = np.empty(len(certain), dtype=np.float64)
        self._library.read_doubles(ctypes.byref(struct), address(doubles))
        for i, value in self._scalars(spans, certain, fine):
            try:
                doubles[i] = values.double(value)
            except InvalidValue:
                fine[i] = False
        return columns.doubles(doubles, spans.starts >= 0)

    # Texts ----------------------------------------------------------------------------------------------------------

    def _texts(self, column: Column, spans: Spans, fine: Bools) -> pa.Array:
        array, certain = self._written(spans, KINDS_OF_TEXT[column.type])
        if certain.all():
            return array
        made = array.to_pylist()
        for i, value in self._one_by_one(spans, certain, fine):
            try:
                made[i] = _text_of(column, value)
            except (InvalidValue, RejectedDocument):
                fine[i] = False
        return pa.array(made, pa.string())

    def _written(self, spans: Spans, kind: int) -> tuple[pa.Array, Bools]:
        """Return values as texts of a kind, NULL where there is none, and which of them are certain."""
        struct, certain, _held = self._values(spans)
        valid = spans.starts >= 0
        room = int((spans.ends - spans.starts)[valid].sum()) + ROOM
        out = np.empty(room, dtype=np.uint8)
        offsets = np.zeros(len(certain) + 1, dtype=np.int32)
        self._library.read_texts(ctypes.byref(struct), kind, address(out), address(offsets[1:]))
        return columns.texts(offsets, pa.py_buffer(out[: offsets[-1]]), valid), certain

    # The rest -------------------------------------------------------------------------------------------------------

    def _dates(self, column: Column, spans: Spans, fine: Bools) -> pa.Array:
        is_instant = column.type is Type.TIMESTAMP or column.zone in (None, "UTC")
        ms = np.zeros(len(fine), dtype=np.int64)
        sure = spans.starts < 0
        if column.formats[0] in _EPOCHS and is_instant:
            self._epochs(column.formats[0], spans, ms, sure)
        if is_of_instants(column):
            self._instants(spans, ms, sure)
        remaining = Spans(np.where(sure, -1, spans.starts), spans.ends)
        valid = spans.starts >= 0
        units = ms // date_values.MILLISECONDS_A_DAY if column.type is Type.DATE else ms
        if not sure.all():
            made = self._by_distinct(column, remaining, values.reader(column), fine)
            units = np.where(sure, units, columns.numbers(made))
        return columns.column(arrow_type(column), units, None if valid.all() else valid)

    def _instants(self, spans: Spans, ms: Int64s, sure: Bools) -> None:
        remaining = Spans(np.where(sure, -1, spans.starts), spans.ends)
        struct, certain, _held = self._values(remaining)
        instants = np.empty(len(certain), dtype=np.int64)
        self._library.read_instants(ctypes.byref(struct), address(instants))
        here = certain & ~sure
        ms[here] = instants[here]
        sure |= here

    def _epochs(self, form: Any, spans: Spans, ms: Int64s, sure: Bools) -> None:
        units, certain = self._units(spans, np.zeros(len(ms), dtype=np.int64), _EXACT)
        times, parts = _EPOCHS[form]
        here = certain & ~sure & (np.abs(units) < _LATEST_MS / times * parts)
        ms[here] = units[here] * times // parts
        sure |= here

    def _by_distinct(self, column: Column, spans: Spans, read: Read, fine: Bools) -> pa.Array:
        """Have the strict way read each text that occurs, once."""
        sent, _ = self._written(spans, AS_SENT)
        encoded = columns.dictionary(sent)
        made: list[Any] = []
        bad = []
        for i, text in enumerate(encoded.dictionary.to_pylist()):
            try:
                made.append(read(parsed(text.encode())))
            except (InvalidValue, RejectedDocument):
                made.append(None)
                bad.append(i)
        indices = columns.numbers(encoded.indices)
        valid = columns.validity(encoded.indices)
        if bad:
            is_bad = np.zeros(len(made), dtype=np.bool_)
            is_bad[bad] = True
            wrong = is_bad[indices]
            fine &= ~(wrong if valid is None else wrong & valid)
        return columns.take(columns.column_of(arrow_type(column), made or [None]), indices, valid)


def is_of_instants(column: Column) -> bool:
    """Tell whether texts such as 2024-07-05T10:00:00Z mean the same in a column, whatever other forms it has."""
    if column.type is not Type.TIMESTAMP or column.zone not in (None, "UTC") or Dates.ISO not in column.formats:
        return False
    return set(column.formats[: column.formats.index(Dates.ISO)]) <= _NOT_DASHED


def _text_of(column: Column, value: Any) -> str:
    if column.type is Type.IDENTIFIER:
        return values.identifier(value)
    return compact(value) if column.type is Type.JSON and isinstance(value, dict | list) else values.text(value)
