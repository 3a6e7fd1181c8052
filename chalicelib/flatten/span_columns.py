"""Makes columns of values where they stand in a text: what is written as usual for all at once, the rest one by one.

What it makes of a value is what the strict way makes of it: where that is not certain, the strict way's own functions
are asked. A function here clears `fine` for values that these reject.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from chalicelib.contracts.contract import Column, Dates, Nulls, Type
from chalicelib.flatten import columns, date_values, values
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.dates import parse_dates
from chalicelib.flatten.json_text import RejectedDocument, compact, parsed
from chalicelib.flatten.plan_values import Spans
from chalicelib.flatten.scalars import InvalidValue
from chalicelib.flatten.schema import arrow_type
from chalicelib.flatten.span_numbers import Numbers, parse_numbers
from chalicelib.flatten.spans import cut_out, with_escapes

_WORD = 8
_QUOTE, _MINUS, _OBJECT, _ARRAY, _NULL = b'"-{[n'
_EXACT_IN_FLOATS = 2**53
_MOST_DECIMALS_IN_FLOATS = 22
_MOST_UNITS = 9.9e17
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

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._text = np.frombuffer(data, dtype=np.uint8)
        self._words = np.ndarray((len(data) - _WORD + 1,), dtype="<u8", buffer=data, strides=(1,))

    def without_nulls(self, spans: Spans, nulls: Nulls) -> Spans:
        """Return values without those that mean NULL."""
        which = np.flatnonzero(spans.starts >= 0)
        first = self._text[spans.starts[which]]
        means = first == _NULL
        if nulls:
            longest = max([_LONGEST_NUMBER, *(6 * len(text.encode()) + 2 for text in nulls.texts)])
            sizes = spans.ends[which] - spans.starts[which]
            answers: dict[bytes, bool] = {}
            for i in np.flatnonzero((sizes <= longest) & (first != _OBJECT) & (first != _ARRAY)).tolist():
                text = self._data[spans.starts[which[i]] : spans.ends[which[i]]]
                if text not in answers:
                    answers[text] = values.is_null(parsed(text), nulls)
                means[i] = answers[text]
        if not means.any():
            return spans
        starts = spans.starts.copy()
        starts[which[means]] = -1
        return Spans(starts, spans.ends)

    def chosen(self, column: Column, values: Sequence[tuple[Spans, Bools]], fine: Bools) -> Spans:
        """Return the first value that is not NULL of those at each of a column's paths, where one is none.

        With each come the elements on whose way to it something strange stands. Clear `fine` where the column rejects
        that, or that there is no value.
        """
        spans, strange = values[0]
        chosen = self.without_nulls(spans, column.nulls)
        if len(values) == 1:
            fine &= ~strange
        for spans, _ in values[1:]:
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
                return self._whole(column, spans, 0, values.integer, fine)
            case Type.DOUBLE:
                return self._doubles(column, spans, fine)
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

    # Numbers --------------------------------------------------------------------------------------------------------

    def _numbers(self, spans: Spans, which: Int64s) -> Numbers:
        starts, ends = spans.starts[which], spans.ends[which]
        is_text = self._text[starts] == _QUOTE
        return parse_numbers(self._text, self._words, starts + is_text, ends - is_text)

    def _whole(
        self, column: Column, spans: Spans, shift: Any, read: Callable[..., int], fine: Bools, by_element: bool = False
    ) -> pa.Array:
        """Return numbers times 10 to the power of `shift`, which have to be whole."""
        valid = spans.starts >= 0
        which = np.flatnonzero(valid)
        numbers = self._numbers(spans, which)
        shifts = np.broadcast_to(np.asarray(shift), len(valid))[which] - numbers.decimals
        up, down = 10 ** np.clip(shifts, 0, 18), 10 ** np.clip(-shifts, 0, 18)
        sure = numbers.plain & (np.abs(shifts) <= 18) & (numbers.units % down == 0)
        sure &= np.abs(numbers.units.astype(np.float64)) * up < _MOST_UNITS
        units = np.zeros(len(valid), dtype=np.int64)
        units[which] = np.where(sure, numbers.units // down * np.where(sure, up, 1), 0)
        for i, value in self._one_by_one(spans, which[~sure], fine):
            try:
                units[i] = read(value, i) if by_element else read(value)
            except InvalidValue:
                fine[i] = False
        return columns.column(arrow_type(column), units, None if len(which) == len(valid) else valid)

    def _doubles(self, column: Column, spans: Spans, fine: Bools) -> pa.Array:
        valid = spans.starts >= 0
        which = np.flatnonzero(valid)
        numbers = self._numbers(spans, which)
        # Of two floats that are exact the quotient is the nearest one.
        sure = numbers.plain & (np.abs(numbers.units) <= _EXACT_IN_FLOATS)
        sure &= numbers.decimals <= _MOST_DECIMALS_IN_FLOATS
        size = np.abs(numbers.units) / 10.0**numbers.decimals
        doubles = np.zeros(len(valid), dtype=np.float64)
        doubles[which] = np.where(numbers.is_negative, -size, size)
        for i, value in self._one_by_one(spans, which[~sure], fine):
            try:
                doubles[i] = values.double(value)
            except InvalidValue:
                fine[i] = False
        array = pa.array(doubles)
        return array if len(which) == len(valid) else columns.keep_valid(array, valid)

    def _one_by_one(self, spans: Spans, which: Int64s, fine: Bools) -> Any:
        for i in which.tolist():
            try:
                yield i, parsed(self._data[spans.starts[i] : spans.ends[i]])
            except RejectedDocument:
                fine[i] = False

    # Texts ----------------------------------------------------------------------------------------------------------

    def _texts(self, column: Column, spans: Spans, fine: Bools) -> pa.Array:
        valid = spans.starts >= 0
        which = np.flatnonzero(valid)
        starts, ends = spans.starts[which], spans.ends[which]
        first = self._text[starts]
        is_text = first == _QUOTE
        starts, ends = starts + is_text, ends - is_text
        sure = is_text.copy()
        if column.type is Type.IDENTIFIER:
            if not is_text.all():
                digits = parse_numbers(self._text, self._words, starts, ends)
                sure |= digits.plain & (digits.decimals == 0)
        else:
            sure |= (first != _OBJECT) & (first != _ARRAY) if column.type is Type.TEXT else True
        sure[with_escapes(self._data, starts, ends)] = False
        made: list[str | None] = []
        for i, value in self._one_by_one(spans, which[~sure], fine):
            try:
                made.append(_text_of(column, value))
            except (InvalidValue, RejectedDocument):
                fine[i] = False
                made.append(None)
        if len(made) < len(which) - int(sure.sum()):
            return pa.nulls(len(valid), pa.string())
        pieces, cut_at = self._cut(starts[sure], ends[sure])
        positions = np.zeros(len(valid), dtype=np.int64)
        positions[which[sure]] = cut_at
        positions[which[~sure]] = len(pieces) + np.arange(len(made))
        pieces = pa.concat_arrays([pieces, pa.array(made, pa.string()).cast(pa.binary())]) if made else pieces
        array = columns.take(pieces, positions, None if len(which) == len(valid) else valid)
        return _as_string(array)

    def raw(self, spans: Spans) -> pa.Array:
        """Return the values as they stand in the text, as bytes."""
        valid = spans.starts >= 0
        which = np.flatnonzero(valid)
        pieces, numbers = self._cut(spans.starts[which], spans.ends[which])
        positions = np.zeros(len(valid), dtype=np.int64)
        positions[which] = numbers
        return columns.take(pieces, positions, None if len(which) == len(valid) else valid)

    def _cut(self, starts: Int64s, ends: Int64s) -> tuple[pa.Array, Int64s]:
        """Return an array that has all of these spans, and where in it each of them is."""
        if len(starts) < 2 or bool((starts[1:] >= ends[:-1]).all()):
            return cut_out(self._data, starts.astype(np.int32), ends.astype(np.int32)), 2 * np.arange(len(starts))
        distinct, first, inverse = np.unique(starts, return_index=True, return_inverse=True)
        if (distinct[1:] < ends[first][:-1]).any():
            # One value lies in another: that of an alternative, for another element.
            texts = [self._data[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]
            return pa.array(texts, pa.binary()), np.arange(len(starts))
        pieces = cut_out(self._data, distinct.astype(np.int32), ends[first].astype(np.int32))
        return pieces, 2 * inverse.reshape(-1)

    # The rest -------------------------------------------------------------------------------------------------------

    def _dates(self, column: Column, spans: Spans, fine: Bools) -> pa.Array:
        is_instant = column.type is Type.TIMESTAMP or column.zone in (None, "UTC")
        ms = np.zeros(len(fine), dtype=np.int64)
        sure = spans.starts < 0
        if column.formats[0] in _EPOCHS and is_instant:
            self._epochs(column.formats[0], spans, ms, sure)
        before_iso = column.formats[: column.formats.index(Dates.ISO)] if Dates.ISO in column.formats else None
        if before_iso is not None and set(before_iso) <= _NOT_DASHED and column.zone in (None, "UTC"):
            which = np.flatnonzero(~sure)
            which = which[self._text[spans.starts[which]] == _QUOTE]
            if len(which) and column.type is Type.TIMESTAMP:
                inner = Spans(spans.starts[which] + 1, spans.ends[which] - 1)
                parsed_ms, readable = parse_dates(_as_string(self.raw(inner)))
                ms[which[readable]] = parsed_ms[readable]
                sure[which[readable]] = True
        remaining = Spans(np.where(sure, -1, spans.starts), spans.ends)
        units = ms // date_values.MILLISECONDS_A_DAY if column.type is Type.DATE else ms
        made = self._by_distinct(column, remaining, values.reader(column), fine)
        if not sure.all():
            kind = pa.int32() if column.type is Type.DATE else pa.int64()
            units = np.where(sure, units, columns.numbers(made.cast(kind).cast(pa.int64())))
        valid = spans.starts >= 0
        return columns.column(arrow_type(column), units, None if valid.all() else valid)

    def _epochs(self, form: Any, spans: Spans, ms: Int64s, sure: Bools) -> None:
        which = np.flatnonzero(~sure)
        numbers = self._numbers(spans, which)
        times, parts = _EPOCHS[form]
        here = numbers.plain & (numbers.decimals == 0) & (np.abs(numbers.units) < _LATEST_MS / times * parts)
        ms[which[here]] = numbers.units[here] * times // parts
        sure[which[here]] = True

    def _by_distinct(self, column: Column, spans: Spans, read: Read, fine: Bools) -> pa.Array:
        """Have the strict way read each text that occurs, once."""
        encoded = columns.dictionary(self.raw(spans))
        made: list[Any] = []
        bad = []
        for i, text in enumerate(encoded.dictionary.to_pylist()):
            try:
                made.append(read(parsed(text)))
            except (InvalidValue, RejectedDocument):
                made.append(None)
                bad.append(i)
        indices = columns.numbers(encoded.indices.cast(pa.int64()))
        valid = columns.validity(encoded.indices)
        if bad:
            wrong = np.isin(indices, bad)
            fine &= ~(wrong if valid is None else wrong & valid)
        return columns.take(columns.column_of(arrow_type(column), made or [None]), indices, valid)


def _as_string(array: pa.Array) -> pa.Array:
    buffers = array.buffers()
    return pa.StringArray.from_buffers(len(array), *buffers[1:], buffers[0], array.null_count, array.offset)


def _text_of(column: Column, value: Any) -> str:
    if column.type is Type.IDENTIFIER:
        return values.identifier(value)
    return compact(value) if column.type is Type.JSON and isinstance(value, dict | list) else values.text(value)
