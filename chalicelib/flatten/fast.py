"""The fast way to decode a batch: arrow-json parses all of it, numpy proves what the parser is too lax to check.

A record that is not proven sound is left to the strict way (see strict.py); none is judged here. Of one that is sound
but for fields that the contract does not name, only those are read strictly. What is taken here is exactly what the
strict way would have made of it: a property test compares both with each other, and with a third reading of the JSON.

What the parser may read otherwise than the strict way does, and what proves that it did not:

- Keys that the contract does not name vanish: a record is *complete* where its keys are as many as the values that were
  parsed (`_complete`). Of the others, the extra fields are read.
- Of a key given twice, the last counts. The keys of such a record outnumber its values, so that it is not complete, and
  reading its extra fields counts them again and leaves it to the strict way.
- `"007"`, `12.7` and `"1e2"` become integers in an identifier's column. In a complete record, each key is the
  contract's, so that counting the keys whose values are digits alone is enough (`_check_identifiers`). In another one,
  a field with the same key may be counted for the one that is not digits alone: its identifiers are read each by its
  path (`_check_identifiers_by_path`).
- Numbers are floats: what is not certain to be the digits that were sent is left to the strict way (`_whole`); so are
  records with a zero in which a number too small for a float may stand (`_check_zeros`).
- Texts and dates are compared or parsed as they are, and everything of another type is an error of the parser.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import arro3.core
import arro3.io
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib.contracts.model import Column, Contract, From, Type
from chalicelib.flatten import columns, proof, values
from chalicelib.flatten.dates import parse_dates
from chalicelib.flatten.extra_fields import ExtraFields
from chalicelib.flatten.strict import RejectedOrder, StrictDecoder

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Raw = bytes | msgspec.Raw

EXTRA = "extra fields"
"""The column of `Lines` that holds them, in `orders` and in `lines`; not there where nobody has any."""

MOST_EXTRA_BYTES = 16 * 1024 * 1024
"""What the extra fields of a batch may take, each order's repeated on its rows; what is more goes the strict way."""

PEEKED = 8
"""How many records are looked at to tell whether identifiers are integers."""

_NUMBERS = (Type.DECIMAL, Type.INTEGER)
_CERTAIN = 2.0**-51
"""Rounding of a float that is this close to whole, relatively, is what the exact digits would round to."""
_LARGEST = 2.0**49
_LARGEST_INTEGER = 2.0**31
"""Of a larger one that is not whole, what is left might pass for noise."""
_LARGEST_AMOUNT = 9.9e17


@dataclass
class Lines:
    """Orders decoded to columns: one value an order in `orders`, one a line in `lines`, both by column name.

    `taken` says which of the batch's records these are, by position; `line_counts` how many lines each has. `size` is
    about what all their rows take, in bytes.
    """

    taken: Int64s
    line_counts: Int64s
    dates: Int64s
    orders: dict[str, pa.Array] = field(default_factory=dict)
    lines: dict[str, pa.Array] = field(default_factory=dict)
    size: int = 0


class FastDecoder:
    """Decodes batches of records of `contract`; orders dated after `latest_ms` are left to the strict way.

    `source` makes of a text what the parser reads: a path, or a binary file. `strict` reads the extra fields of orders
    that are not sure otherwise.
    """

    def __init__(
        self,
        contract: Contract,
        latest_ms: int,
        source: Callable[[bytes], Any] = io.BytesIO,
        strict: StrictDecoder | None = None,
    ) -> None:
        self._source = source
        self._contract = contract
        self._latest_ms = latest_ms
        self._extra_fields = ExtraFields(contract, strict or StrictDecoder(contract, latest_ms))
        columns_of_both = (*contract.order_columns, *contract.line_columns)
        self._names = {column.name: contract.steps(column)[-1] for column in columns_of_both}
        self._telling = proof.telling_places(set(self._names.values()))
        self._numbers = frozenset(column.name for column in columns_of_both if column.type in _NUMBERS)
        self._integers: frozenset[str] | None = None
        self._failed_last = False
        self._schemas: dict[frozenset[str] | None, Any] = {}
        self._types: dict[tuple[frozenset[str] | None, bool | None], Any] = {}

    def decode(self, raws: Sequence[Raw]) -> Lines | None:
        """Decode those of `raws`, each a JSON value, that can be proven sound; None when none can."""
        if self._integers is None:
            self._integers = self._written_as_integers(raws)
        fitting: Int64s | None = None
        text = proof.Text(raws)
        table = self._parsed(text) if not self._failed_last and text.are_objects.all() else None
        self._failed_last = table is None
        if table is None:
            self._integers = self._written_as_integers(raws)
            fitting = self._fitting(raws, text)
            if len(fitting) == 0:
                return None
            raws = [raws[i] for i in fitting.tolist()]
            text = proof.Text(raws)
            table = self._parsed(text)
        if table is None:
            return None
        lines = self._proven(table, proof.Keys(text), raws)
        if fitting is not None:
            lines.taken = fitting[lines.taken]
        return lines

    # Parsing ------------------------------------------------------------------------------------------------------

    def _parsed(self, text: proof.Text) -> pa.RecordBatch | None:
        # Errors quote the input, and one with a NUL in it aborts the process on its way to pyarrow.
        if text.holds_nul:
            return None
        count = len(text.starts) - 1
        try:
            reader = arro3.io.read_json(self._source(text.data), self._schema(), batch_size=count)
            batches = pa.RecordBatchReader.from_stream(reader).read_all().combine_chunks().to_batches()
        except Exception:
            return None
        except BaseException as problem:
            # A panic of the parser is none of Exception's, and no reason to stop.
            if type(problem).__name__ != "PanicException":
                raise
            return None
        if len(batches) != 1 or batches[0].num_rows != count:
            return None
        return batches[0]

    def _schema(self) -> Any:
        if self._integers not in self._schemas:
            self._schemas[self._integers] = arro3.core.Schema.from_arrow(self._arrow_schema())
        return self._schemas[self._integers]

    def _arrow_schema(self) -> pa.Schema:
        tree: dict[str, Any] = {}
        for column in self._contract.order_columns:
            _put(tree, self._contract.steps(column), self._parsed_type(column))
        line: dict[str, Any] = {}
        for column in self._contract.line_columns:
            _put(line, self._contract.steps(column), self._parsed_type(column))
        _put(tree, tuple(self._contract.lines.split(".")), pa.list_(_struct(line)))
        return pa.schema(list(_struct(tree)))

    def _parsed_type(self, column: Column) -> pa.DataType:
        if column.type in _NUMBERS:
            return pa.float64()
        return pa.int64() if column.name in (self._integers or ()) else pa.string()

    def _written_as_integers(self, raws: Sequence[Raw]) -> frozenset[str]:
        """Peek at the first records: which identifiers are JSON integers?"""
        found = set()
        for raw in raws[:PEEKED]:
            try:
                order = json.loads(bytes(raw))
            except (ValueError, RecursionError):
                continue
            lines = _at(order, self._contract.lines.split("."))
            line = lines[0] if isinstance(lines, list) and lines else None
            for column in self._contract.columns:
                if column.type is Type.IDENTIFIER:
                    inside = line if column in self._contract.line_columns else order
                    if type(_at(inside, self._contract.steps(column))) is int:
                        found.add(column.name)
        return frozenset(found)

    def _fitting(self, raws: Sequence[Raw], text: proof.Text) -> Int64s:
        """Return which records are objects that have the types which the parser is told to expect."""
        decode = msgspec.json.Decoder(self._struct_type(forbid_unknown=False)).decode
        unfit = []
        for i, raw in enumerate(raws):
            try:
                decode(raw)
            except (msgspec.DecodeError, RecursionError):
                unfit.append(i)
        fitting = text.are_objects
        fitting[unfit] = False
        if text.holds_nul:
            fitting &= np.fromiter((proof.NUL not in bytes(raw) for raw in raws), np.bool_, len(raws))
        return np.flatnonzero(fitting)

    def _struct_type(self, *, forbid_unknown: bool) -> Any:
        wanted = self._integers, forbid_unknown
        if wanted not in self._types:
            self._types[wanted] = self._made_struct_type(forbid_unknown)
        return self._types[wanted]

    def _made_struct_type(self, forbid_unknown: bool) -> Any:
        tree: dict[str, Any] = {}
        line: dict[str, Any] = {}
        for column in self._contract.order_columns:
            _put(tree, self._contract.steps(column), self._decoded_type(column))
        for column in self._contract.line_columns:
            _put(line, self._contract.steps(column), self._decoded_type(column))
        _put(tree, tuple(self._contract.lines.split(".")), list[_defined(line, forbid_unknown)] | None)  # type: ignore[misc]
        return _defined(tree, forbid_unknown)

    @property
    def _identifiers_type(self) -> Any:
        """What msgspec reads to have nothing but the identifiers that are integers, each as it was sent."""
        wanted = self._integers, None
        if wanted not in self._types:
            tree: dict[str, Any] = {}
            line: dict[str, Any] = {}
            for name in sorted(self._integers or ()):
                column = self._contract[name]
                into = line if column in self._contract.line_columns else tree
                _put(into, self._contract.steps(column), msgspec.Raw)
            if line:
                _put(tree, tuple(self._contract.lines.split(".")), list[_defined(line, False)] | None)  # type: ignore[misc]
            self._types[wanted] = _defined(tree, False)
        return self._types[wanted]

    def _decoded_type(self, column: Column) -> Any:
        if column.type in _NUMBERS:
            return float | _NUMERIC_TEXT | None
        return (_SHORT_INTEGER if column.name in (self._integers or ()) else str) | None

    # Proving ------------------------------------------------------------------------------------------------------

    def _proven(self, table: pa.RecordBatch, keys: proof.Keys, raws: Sequence[Raw]) -> Lines:
        orders = _Level(self._contract.order_columns, self._contract, table)
        listed = orders.lists
        counts = columns.lengths(listed)
        lines = _Level(self._contract.line_columns, self._contract, columns.items(listed))
        parents = np.repeat(np.arange(len(counts)), counts)
        ends = np.cumsum(counts)

        good: Bools = np.ones(len(counts), dtype=np.bool_)
        complete = self._complete(keys, orders, lines, ends, raws)
        self._check_identifiers(good, complete, keys, orders, lines, ends)
        result = Lines(np.empty(0, np.int64), counts, np.empty(0, np.int64))
        good_lines = lines.present
        for level, fine, into in ((orders, good, result.orders), (lines, good_lines, result.lines)):
            for column in level.columns:
                into[column.name] = self._converted(column, level.arrays[column.name], fine)
        self._check_zeros(good, keys.text, orders, lines, parents)
        self._add_amounts(result.lines, good_lines)
        if not good_lines.all():
            good[parents[~good_lines]] = False
        self._add_extra_fields(result, good, complete, keys, raws, lines.known)
        sizes = _sizes_of_rows(result)
        good &= sizes <= values.MAX_ORDER_BYTES
        result.size = int(sizes[good].sum())
        result.taken = np.flatnonzero(good)
        result.dates = columns.numbers(result.orders[self._contract.order_date])
        return result if good.all() else _only(result, good, parents)

    def _complete(
        self, keys: proof.Keys, orders: _Level, lines: _Level, ends: Int64s, raws: Sequence[Raw]
    ) -> Bools | None:
        """Return of which records every key that holds a value was read, or None when of all.

        Each value that was parsed stands behind a key of its own, which is one of the contract's, and no key is left
        out of the count: so the keys are at least as many as the values, in each record, and where both numbers are the
        same there is no other key. A text that looks like a key is counted too, and only makes the record incomplete.
        Keys that hold null are taken off, one for each that is counted; msgspec says whether they are the contract's.
        """
        # No record has fewer keys than values, so that equal sums are equal for each record.
        found = int(orders.known.sum() + lines.known.sum())
        if keys.are_only(found, [*orders.texts, *lines.texts]) or len(keys) == found:
            return None
        nulls = keys.nulls
        complete: Bools = keys.count - nulls == orders.known + _sums(lines.known, ends)
        self._check_null_keys(complete, nulls, raws)
        return complete

    def _add_extra_fields(
        self,
        result: Lines,
        good: Bools,
        complete: Bools | None,
        keys: proof.Keys,
        raws: Sequence[Raw],
        in_lines: Int64s,
    ) -> None:
        """Read the fields that the contract does not name, where only they keep a record from being sound."""
        if complete is None or (complete | ~good).all():
            return
        orders: list[str | None] = [None] * len(raws)
        lines: list[str | None] = [None] * len(in_lines)
        room, counts, known = MOST_EXTRA_BYTES, keys.count.tolist(), in_lines.tolist()
        ends = np.cumsum(result.line_counts).tolist()
        self._check_identifiers_by_path(good, np.flatnonzero(good & ~complete), raws)
        for i in np.flatnonzero(good & ~complete).tolist():
            if room <= 0:
                # Reading it would end in the same: the batch comes again in parts.
                good[i] = False
                continue
            try:
                first = ends[i - 1] if i else 0
                orders[i], found = self._extra_fields.read(bytes(raws[i]), counts[i], known[first : ends[i]], room)
            except RejectedOrder:
                good[i] = False
                continue
            lines[first : ends[i]] = found
            room -= len(raws[i]) + len(orders[i] or "") * len(found)
        result.orders[EXTRA], result.lines[EXTRA] = pa.array(orders, pa.string()), pa.array(lines, pa.string())

    def _check_null_keys(self, good: Bools, nulls: Int64s, raws: Sequence[Raw]) -> None:
        """Let pass, of the records with keys that hold null, those whose keys are all of the contract's."""
        doubtful: list[int] = np.flatnonzero(good & (nulls > 0)).tolist()
        if not doubtful:
            return
        kind = self._struct_type(forbid_unknown=True)
        try:
            msgspec.json.decode(b"[" + b",".join(raws[i] for i in doubtful) + b"]", type=list[kind])  # type: ignore[valid-type]
        except (msgspec.DecodeError, RecursionError):
            decoder = msgspec.json.Decoder(kind)
            for i in doubtful:
                try:
                    decoder.decode(raws[i])
                except (msgspec.DecodeError, RecursionError):
                    good[i] = False

    def _check_identifiers(
        self, good: Bools, complete: Bools | None, keys: proof.Keys, orders: _Level, lines: _Level, ends: Int64s
    ) -> None:
        """Clear `good` where a complete record has an identifier that is not written in digits alone.

        Of each name, the numbers that were parsed are counted, and the keys of that name whose values are digits alone.
        All keys of a complete record are the contract's, so that each that is counted holds one of those numbers: where
        as many are counted as were parsed, each was. A number in another column, under the same key, counts as well.
        """
        expected: dict[str, Int64s] = {}
        integers = self._integers or frozenset()
        names = {self._names[name] for name in integers}
        for column in (*orders.columns, *lines.columns):
            name = self._names[column.name]
            if name in names and column.name in integers | self._numbers:
                level = orders if column in orders.columns else lines
                found = level.valid(column).astype(np.int64)
                if level is lines:
                    found = _sums(found, ends)
                expected[name] = expected.get(name, np.zeros(len(good), np.int64)) + found
        for name, wanted in expected.items():
            found, clean = proof.plain_integers(keys, name, int(wanted.sum()), self._telling[name])
            sound = clean & (found == wanted)
            good &= sound if complete is None else sound | ~complete

    def _check_identifiers_by_path(self, good: Bools, which: Int64s, raws: Sequence[Raw]) -> None:
        """Clear `good` for those of `which` that have an identifier that is not written in digits alone.

        For records with fields that the contract does not name: each identifier is read at its own path, escapes in its
        keys and all, and nothing else is looked at.
        """
        if not self._integers:
            return
        decode = msgspec.json.Decoder(self._identifiers_type).decode
        for i in which.tolist():
            try:
                good[i] = _are_digits(decode(raws[i]))
            except (msgspec.DecodeError, RecursionError):
                good[i] = False

    def _check_zeros(self, good: Bools, text: proof.Text, orders: _Level, lines: _Level, parents: Int64s) -> None:
        """Clear `good` where a zero may stand for a number that is too small for a float: 1e-400 is not 0."""
        zeros = orders.holds_zero(self._numbers)
        zeros[parents[lines.holds_zero(self._numbers)]] = True
        if zeros.any():
            good &= ~(zeros & text.may_hold_tiny_numbers)

    def _converted(self, column: Column, array: pa.Array, good: Bools) -> pa.Array:
        """Return the column as the table has it, and clear `good` where that is not certain."""
        valid = columns.validity(array)
        if column.required:
            good &= valid if valid is not None else True
            if array.type == pa.string():
                good &= columns.lengths(array) > 0
        if column.type in _NUMBERS:
            units = _whole(array, columns.UNITS if column.type is Type.DECIMAL else 1, good)
            return columns.column(column.type, units, valid)
        if column.type is Type.TIMESTAMP:
            ms, known = parse_dates(array)
            if column.name == self._contract.order_date:
                known &= (ms >= values.EARLIEST_MS) & (ms <= self._latest_ms)
            good &= known if valid is None else known | ~valid
            return columns.column(column.type, ms, valid)
        return columns.as_text(array)

    def _add_amounts(self, lines: dict[str, pa.Array], good: Bools) -> None:
        amount = self._contract.of(From.LINE_AMOUNT)
        if amount is None:
            return
        price, quantity = lines[self._contract.unit_price], lines[self._contract.quantity]
        units, factors = columns.numbers(price), columns.numbers(quantity)
        good &= np.abs(units.astype(np.float64) * factors) < _LARGEST_AMOUNT
        valid, other = columns.validity(price), columns.validity(quantity)
        both = other if valid is None else valid if other is None else valid & other
        lines[amount.name] = columns.column(Type.DECIMAL, units * factors, both)


class _Level:
    """The arrays of one level, the orders' or the lines', and how many values of each the parser found."""

    def __init__(self, level_columns: tuple[Column, ...], contract: Contract, parsed: Any) -> None:
        self.columns = level_columns
        self.arrays: dict[str, pa.Array] = {}
        self.lists: pa.ListArray = pa.nulls(len(parsed), pa.list_(pa.struct([])))
        self.known = np.zeros(len(parsed), dtype=np.int64)
        self.present = np.ones(len(parsed), dtype=np.bool_)
        found = columns.validity(parsed) if isinstance(parsed, pa.StructArray) else None
        if found is not None:
            self.present = found.copy()
        self._names = {contract.steps(column): column.name for column in level_columns}
        self._walk(parsed, ())

    @property
    def texts(self) -> Iterator[proof.Bytes]:
        """The bytes of all texts that were found, column by column."""
        return (columns.text_bytes(array) for array in self.arrays.values() if array.type == pa.string())

    def valid(self, column: Column) -> Bools:
        """Return which values of a column are not NULL."""
        found = columns.validity(self.arrays[column.name])
        return np.ones(len(self.known), np.bool_) if found is None else found

    def holds_zero(self, numbers: frozenset[str]) -> Bools:
        """Return in which rows one of these columns of floats holds 0."""
        zeros = np.zeros(len(self.known), np.bool_)
        for column in self.columns:
            if column.name in numbers:
                zeros |= (columns.numbers(self.arrays[column.name]) == 0) & self.valid(column)
        return zeros

    def _walk(self, parsed: Any, steps: tuple[str, ...]) -> None:
        names = parsed.schema.names if isinstance(parsed, pa.RecordBatch) else [f.name for f in parsed.type]
        arrays = parsed.columns if isinstance(parsed, pa.RecordBatch) else parsed.flatten()
        for name, array in zip(names, arrays, strict=True):
            found = columns.validity(array)
            self.known += 1 if found is None else found
            here = (*steps, name)
            if here in self._names:
                self.arrays[self._names[here]] = array
            elif isinstance(array, pa.ListArray):
                self.lists = array
            else:
                self._walk(array, here)


def _are_digits(found: Any) -> bool:
    """Tell whether all identifiers that were read of an order are written in digits alone, or null or missing."""
    if found is None:
        return True
    if isinstance(found, msgspec.Raw):
        raw = bytes(found)
        return (raw.isdigit() and len(raw) <= proof.MAX_DIGITS) or raw == b"null"
    return all(map(_are_digits, found if isinstance(found, list) else msgspec.structs.astuple(found)))


def _whole(array: pa.Array, units: int, good: Bools) -> Int64s:
    """Return floats as whole units, and clear `good` where exact digits might say otherwise."""
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = columns.numbers(array) * units
        rounded = np.rint(scaled)
        size = np.abs(scaled)
        largest = _LARGEST if units > 1 else _LARGEST_INTEGER
        fine = (np.abs(scaled - rounded) <= size * _CERTAIN) & (size < largest)
    good &= fine
    return np.where(fine, rounded, 0).astype(np.int64)


def _sums(per_line: Int64s, ends: Int64s) -> Int64s:
    """Add up what is given per line for each order, whose lines end at `ends`."""
    total = np.concatenate(([0], np.cumsum(per_line)))
    return np.diff(total[ends], prepend=0)


def _only(lines: Lines, good: Bools, parents: Int64s) -> Lines:
    good_lines = good[parents]
    return Lines(
        lines.taken,
        lines.line_counts[good],
        lines.dates[good],
        {name: columns.only(array, good) for name, array in lines.orders.items()},
        {name: columns.only(array, good_lines) for name, array in lines.lines.items()},
        lines.size,
    )


def _sizes_of_rows(lines: Lines) -> Int64s:
    """Return for each order about what its rows take, as the strict way reckons it."""
    each = np.full(len(lines.line_counts), values.ROW_BYTES, dtype=np.int64)
    for array in lines.orders.values():
        if array.type == pa.string():
            each += columns.lengths(array)
    sizes: Int64s = each * columns.row_counts(lines.line_counts)
    return sizes


def _put(tree: dict[str, Any], steps: tuple[str, ...], leaf: Any) -> None:
    *parents, last = steps
    for key in parents:
        tree = tree.setdefault(key, {})
    tree[last] = leaf


def _struct(tree: dict[str, Any]) -> pa.DataType:
    return pa.struct([(key, _struct(leaf) if isinstance(leaf, dict) else leaf) for key, leaf in tree.items()])


def _defined(tree: dict[str, Any], forbid_unknown: bool) -> Any:
    """Return a msgspec type with the keys of `tree`, whatever characters they are made of."""
    fields, names = [], {}
    for i, (key, leaf) in enumerate(tree.items()):
        kind = _defined(leaf, forbid_unknown) | None if isinstance(leaf, dict) else leaf
        fields.append((f"f{i}", kind, None))
        names[f"f{i}"] = key
    return msgspec.defstruct("Fields", fields, rename=names, forbid_unknown_fields=forbid_unknown, gc=False)


def _at(value: Any, steps: Sequence[str]) -> Any:
    for key in steps:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _annotated(kind: Any, **limits: Any) -> Any:
    from typing import Annotated

    return Annotated[kind, msgspec.Meta(**limits)]


_NUMERIC_TEXT = _annotated(str, pattern=r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")
_SHORT_INTEGER = _annotated(int, ge=0, lt=10**proof.MAX_DIGITS)
