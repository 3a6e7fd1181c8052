"""The fast way to decode a batch: arrow-json parses all of it, numpy proves what the parser is too lax to check.

A record that is not proven sound is left to the strict way (see strict.py); none is rejected here. Of one that is sound
but for fields that the contract does not name, only those are read strictly. What is decoded here is exactly what the
strict way would make of it: a property test compares both with each other, and with a third reading of the JSON.

What the parser may read otherwise than the strict way does, and what proves that it did not:

- Keys that the contract does not name vanish: a record is *complete* where its keys are as many as the values that were
  parsed (`proof.complete`). Of the others, the extra fields are read.
- Of a key given twice, the last counts. The keys of such a record outnumber its values, so that it is not complete, and
  reading its extra fields counts them again and leaves it to the strict way.
- `"007"`, `12.7` and `"1e2"` become integers in an identifier's column. In a complete record, each key is the
  contract's, so that counting the keys whose values are digits alone is enough (`proof.check_identifiers`). In another
  one, a field with the same key may be counted for the one that is not digits alone: its identifiers are read each by
  its path (`LaxParser.check_integers`).
- Numbers are floats: what is not certain to be the digits that were sent is left to the strict way (`_whole`); so are
  records with a zero in which a number too small for a float may stand (`_check_zeros`).
- Texts and dates are compared or parsed as they are, and everything of another type is an error of the parser.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from chalicelib.contracts.model import Column, Contract, From, Type
from chalicelib.flatten import columns, values
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.dates import parse_dates
from chalicelib.flatten.decoded import EXTRA, DecodedBatch, Level
from chalicelib.flatten.extra_fields import ExtraFields
from chalicelib.flatten.lax_parser import NUMBERS, LaxParser, Raw
from chalicelib.flatten.proof import Proof
from chalicelib.flatten.raw_keys import Keys, Text
from chalicelib.flatten.strict import StrictDecoder
from chalicelib.flatten.values import RejectedDocument

MOST_EXTRA_BYTES = 16 * 1024 * 1024
"""What the extra fields of a batch may take, each document's repeated on its rows; a larger one goes the strict way."""

_CERTAIN = 2.0**-51
"""Rounding of a float that is this close to whole, relatively, is what the exact digits would round to."""
_LARGEST = 2.0**49
_LARGEST_INTEGER = 2.0**31
"""Of a larger one that is not whole, the excess might pass for noise."""
_LARGEST_AMOUNT = 9.9e17


class FastDecoder:
    """Decodes batches of records of `contract`; documents dated after `latest_ms` are left to the strict way.

    `source` makes of a text what the parser reads: a path, or a binary file. `strict` reads the extra fields of
    documents that are not certain otherwise.
    """

    def __init__(
        self,
        contract: Contract,
        latest_ms: int,
        source: Callable[[bytes], Any] = io.BytesIO,
        strict: StrictDecoder | None = None,
    ) -> None:
        self._contract = contract
        self._latest_ms = latest_ms
        self._extra_fields = ExtraFields(contract, strict or StrictDecoder(contract, latest_ms))
        self._parser = LaxParser(contract, source)
        self._proof = Proof(contract, self._parser)
        self._numbers = frozenset(
            column.name for column in (*contract.order_columns, *contract.line_columns) if column.type in NUMBERS
        )
        self._has_sampled = False
        self._failed_last = False

    def decode(self, raws: Sequence[Raw]) -> DecodedBatch | None:
        """Decode those of `raws`, each a JSON value, that can be proven sound; None when none can."""
        if not self._has_sampled:
            self._has_sampled = True
            self._parser.detect_integers(raws)
        parseable: Int64s | None = None
        text = Text(raws)
        table = self._parser.parse(text) if not self._failed_last and text.are_objects.all() else None
        self._failed_last = table is None
        if table is None:
            self._parser.detect_integers(raws)
            parseable = self._parser.parseable(raws, text)
            if len(parseable) == 0:
                return None
            raws = [raws[i] for i in parseable.tolist()]
            text = Text(raws)
            table = self._parser.parse(text)
        if table is None:
            return None
        decoded = self._proven(table, Keys(text), raws)
        if parseable is not None:
            decoded.positions = parseable[decoded.positions]
        return decoded

    def _proven(self, table: pa.RecordBatch, keys: Keys, raws: Sequence[Raw]) -> DecodedBatch:
        """Return the columns of those records of a parsed batch that are proven sound."""
        documents = Level(self._contract.order_columns, self._contract, table)
        counts = columns.lengths(documents.lists)
        lines = Level(self._contract.line_columns, self._contract, columns.items(documents.lists))
        parents = np.repeat(np.arange(len(counts)), counts)
        ends = np.cumsum(counts)

        sound: Bools = np.ones(len(counts), dtype=np.bool_)
        sound_lines = lines.present
        complete = self._proof.complete(keys, documents, lines, ends, raws)
        self._proof.check_identifiers(sound, complete, keys, documents, lines, ends)
        result = DecodedBatch(np.empty(0, np.int64), counts, np.empty(0, np.int64))
        for level, fine, into in ((documents, sound, result.documents), (lines, sound_lines, result.lines)):
            for column in level.columns:
                into[column.name] = self._converted(column, level.arrays[column.name], fine)
        self._check_zeros(sound, keys.text, documents, lines, parents)
        self._add_amounts(result.lines, sound_lines)
        if not sound_lines.all():
            sound[parents[~sound_lines]] = False
        self._add_extra_fields(result, sound, complete, keys, raws, lines.value_counts)
        sizes = result.row_sizes()
        sound &= sizes <= values.MAX_DOCUMENT_BYTES
        result.size = int(sizes[sound].sum())
        result.positions = np.flatnonzero(sound)
        result.dates = columns.numbers(result.documents[self._contract.order_date])
        return result if sound.all() else result.filtered(sound, sound[parents])

    def _add_extra_fields(
        self,
        result: DecodedBatch,
        sound: Bools,
        complete: Bools | None,
        keys: Keys,
        raws: Sequence[Raw],
        line_value_counts: Int64s,
    ) -> None:
        """Read the fields that the contract does not name, where only they keep a record from being sound."""
        if complete is None or (complete | ~sound).all():
            return
        documents: list[str | None] = [None] * len(raws)
        lines: list[str | None] = [None] * len(line_value_counts)
        budget, counts, in_lines = MOST_EXTRA_BYTES, keys.count.tolist(), line_value_counts.tolist()
        ends = np.cumsum(result.line_counts).tolist()
        self._parser.check_integers(sound, np.flatnonzero(sound & ~complete), raws)
        for i in np.flatnonzero(sound & ~complete).tolist():
            if budget <= 0:
                # Reading it would end in the same: the batch comes again in parts.
                sound[i] = False
                continue
            first = ends[i - 1] if i else 0
            try:
                documents[i], texts = self._extra_fields.read(
                    bytes(raws[i]), counts[i], in_lines[first : ends[i]], budget
                )
            except RejectedDocument:
                sound[i] = False
                continue
            lines[first : ends[i]] = texts
            budget -= len(raws[i]) + len(documents[i] or "") * len(texts)
        result.documents[EXTRA], result.lines[EXTRA] = pa.array(documents, pa.string()), pa.array(lines, pa.string())

    def _check_zeros(self, sound: Bools, text: Text, documents: Level, lines: Level, parents: Int64s) -> None:
        """Clear `sound` where a zero may stand for a number that is too small for a float: 1e-400 is not 0."""
        zeros = documents.holds_zero(self._numbers)
        zeros[parents[lines.holds_zero(self._numbers)]] = True
        if zeros.any():
            sound &= ~(zeros & text.may_hold_tiny_numbers)

    def _converted(self, column: Column, array: pa.Array, sound: Bools) -> pa.Array:
        """Return the column as the table has it, and clear `sound` where that is not certain."""
        valid = columns.validity(array)
        if column.required:
            sound &= valid if valid is not None else True
            if array.type == pa.string():
                sound &= columns.lengths(array) > 0
        if column.type in NUMBERS:
            units = _whole(array, columns.UNITS if column.type is Type.DECIMAL else 1, sound)
            return columns.column(column.type, units, valid)
        if column.type is Type.TIMESTAMP:
            ms, parsed = parse_dates(array)
            if column.name == self._contract.order_date:
                parsed &= (ms >= values.EARLIEST_MS) & (ms <= self._latest_ms)
            sound &= parsed if valid is None else parsed | ~valid
            return columns.column(column.type, ms, valid)
        return columns.as_text(array)

    def _add_amounts(self, lines: dict[str, pa.Array], sound: Bools) -> None:
        amount = self._contract.of(From.LINE_AMOUNT)
        if amount is None:
            return
        price, quantity = lines[self._contract.unit_price], lines[self._contract.quantity]
        units, factors = columns.numbers(price), columns.numbers(quantity)
        sound &= np.abs(units.astype(np.float64) * factors) < _LARGEST_AMOUNT
        valid, other = columns.validity(price), columns.validity(quantity)
        both = other if valid is None else valid if other is None else valid & other
        lines[amount.name] = columns.column(Type.DECIMAL, units * factors, both)


def _whole(array: pa.Array, units: int, sound: Bools) -> Int64s:
    """Return floats as whole units, and clear `sound` where exact digits might say otherwise."""
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = columns.numbers(array) * units
        rounded = np.rint(scaled)
        size = np.abs(scaled)
        largest = _LARGEST if units > 1 else _LARGEST_INTEGER
        fine = (np.abs(scaled - rounded) <= size * _CERTAIN) & (size < largest)
    sound &= fine
    return np.where(fine, rounded, 0).astype(np.int64)
