"""The lax parser of the fast way, arrow-json, and the types that it and msgspec are given for a contract.

Which identifiers are JSON integers is detected in the data, since the parser has one type a column.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import arro3.core
import arro3.io
import msgspec
import numpy as np
import pyarrow as pa

from chalicelib.contracts.model import Column, Contract, Type
from chalicelib.flatten import raw_keys
from chalicelib.flatten.columns import Bools, Int64s

Raw = bytes | msgspec.Raw

NUMBERS = (Type.DECIMAL, Type.INTEGER)

SAMPLED = 8
"""How many records are sampled to detect whether identifiers are integers."""

_NUMERIC_TEXT = Annotated[str, msgspec.Meta(pattern=r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")]
_SHORT_INTEGER = Annotated[int, msgspec.Meta(ge=0, lt=10**raw_keys.MAX_DIGITS)]


class LaxParser:
    """Parses records of `contract`; `source` makes of a text what arrow-json reads: a path, or a binary file.

    `integers` names the columns of identifiers that are read as integers, as last detected.
    """

    def __init__(self, contract: Contract, source: Callable[[bytes], Any]) -> None:
        self.integers: frozenset[str] = frozenset()
        self._contract = contract
        self._source = source
        self._schemas: dict[frozenset[str], Any] = {}
        self._types: dict[tuple[frozenset[str], str], Any] = {}

    def detect_integers(self, raws: Sequence[Raw]) -> None:
        """Set `integers` by the first records."""
        integers = set()
        for raw in raws[:SAMPLED]:
            try:
                document = json.loads(bytes(raw))
            except (ValueError, RecursionError):
                continue
            lines = _value_at(document, self._contract.lines.split("."))
            line = lines[0] if isinstance(lines, list) and lines else None
            for column in self._contract.columns:
                if column.type is Type.IDENTIFIER:
                    level = line if column in self._contract.line_columns else document
                    if type(_value_at(level, self._contract.steps(column))) is int:
                        integers.add(column.name)
        self.integers = frozenset(integers)

    def parse(self, text: raw_keys.Text) -> pa.RecordBatch | None:
        """Return a row a record, or None where the parser rejects one of them."""
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
            # A panic of the parser is not an Exception, and no reason to stop.
            if type(problem).__name__ != "PanicException":
                raise
            return None
        if len(batches) != 1 or batches[0].num_rows != count:
            return None
        return batches[0]

    def parseable(self, raws: Sequence[Raw], text: raw_keys.Text) -> Int64s:
        """Return which records are objects with the types that the parser expects."""
        decode = msgspec.json.Decoder(self._struct_type(forbid_unknown=False)).decode
        mismatched = []
        for i, raw in enumerate(raws):
            try:
                decode(raw)
            except (msgspec.DecodeError, RecursionError):
                mismatched.append(i)
        parseable = text.are_objects
        parseable[mismatched] = False
        if text.holds_nul:
            parseable &= np.fromiter((raw_keys.NUL not in bytes(raw) for raw in raws), np.bool_, len(raws))
        return np.flatnonzero(parseable)

    def check_keys(self, sound: Bools, positions: list[int], raws: Sequence[Raw]) -> None:
        """Clear `sound` for those of the records at `positions` that have a key which the contract does not name."""
        struct_type = self._struct_type(forbid_unknown=True)
        try:
            msgspec.json.decode(b"[" + b",".join(raws[i] for i in positions) + b"]", type=list[struct_type])  # type: ignore[valid-type]
        except (msgspec.DecodeError, RecursionError):
            decoder = msgspec.json.Decoder(struct_type)
            for i in positions:
                try:
                    decoder.decode(raws[i])
                except (msgspec.DecodeError, RecursionError):
                    sound[i] = False

    def check_integers(self, sound: Bools, positions: Int64s, raws: Sequence[Raw]) -> None:
        """Clear `sound` for those of the records at `positions` that have an identifier not of digits alone.

        Each identifier is read at its own path, escapes in its keys included, and nothing else is read.
        """
        if not self.integers:
            return
        decode = msgspec.json.Decoder(self._identifiers_type()).decode
        for i in positions.tolist():
            try:
                sound[i] = _are_digits(decode(raws[i]))
            except (msgspec.DecodeError, RecursionError):
                sound[i] = False

    def _schema(self) -> Any:
        if self.integers not in self._schemas:
            tree: dict[str, Any] = {}
            line: dict[str, Any] = {}
            for level, level_columns in ((tree, self._contract.order_columns), (line, self._contract.line_columns)):
                for column in level_columns:
                    _put(level, self._contract.steps(column), self._arrow_type(column))
            _put(tree, self._line_steps, pa.list_(_arrow_struct(line)))
            self._schemas[self.integers] = arro3.core.Schema.from_arrow(pa.schema(list(_arrow_struct(tree))))
        return self._schemas[self.integers]

    def _arrow_type(self, column: Column) -> pa.DataType:
        if column.type in NUMBERS:
            return pa.float64()
        return pa.int64() if column.name in self.integers else pa.string()

    def _struct_type(self, *, forbid_unknown: bool) -> Any:
        """Return the msgspec type of a document that the parser reads correctly, with or without further keys."""
        cached = self.integers, "named keys" if forbid_unknown else "any keys"
        if cached not in self._types:
            tree: dict[str, Any] = {}
            line: dict[str, Any] = {}
            for level, level_columns in ((tree, self._contract.order_columns), (line, self._contract.line_columns)):
                for column in level_columns:
                    _put(level, self._contract.steps(column), self._msgspec_type(column))
            _put(tree, self._line_steps, list[_struct(line, forbid_unknown)] | None)  # type: ignore[misc]
            self._types[cached] = _struct(tree, forbid_unknown)
        return self._types[cached]

    def _msgspec_type(self, column: Column) -> Any:
        if column.type in NUMBERS:
            return float | _NUMERIC_TEXT | None
        return (_SHORT_INTEGER if column.name in self.integers else str) | None

    def _identifiers_type(self) -> Any:
        """Return the msgspec type of a document with only the identifiers that are integers, each as raw bytes."""
        cached = self.integers, "identifiers"
        if cached not in self._types:
            tree: dict[str, Any] = {}
            line: dict[str, Any] = {}
            for name in sorted(self.integers):
                column = self._contract[name]
                level = line if column in self._contract.line_columns else tree
                _put(level, self._contract.steps(column), msgspec.Raw)
            if line:
                _put(tree, self._line_steps, list[_struct(line, False)] | None)  # type: ignore[misc]
            self._types[cached] = _struct(tree, False)
        return self._types[cached]

    @property
    def _line_steps(self) -> tuple[str, ...]:
        return tuple(self._contract.lines.split("."))


def _are_digits(value: Any) -> bool:
    """Tell whether all identifiers that were read of a document are digits alone, or null or missing."""
    if value is None:
        return True
    if isinstance(value, msgspec.Raw):
        raw = bytes(value)
        return (raw.isdigit() and len(raw) <= raw_keys.MAX_DIGITS) or raw == b"null"
    return all(map(_are_digits, value if isinstance(value, list) else msgspec.structs.astuple(value)))


def _put(tree: dict[str, Any], steps: tuple[str, ...], leaf: Any) -> None:
    *parents, last = steps
    for key in parents:
        tree = tree.setdefault(key, {})
    tree[last] = leaf


def _arrow_struct(tree: dict[str, Any]) -> pa.DataType:
    return pa.struct([(key, _arrow_struct(leaf) if isinstance(leaf, dict) else leaf) for key, leaf in tree.items()])


def _struct(tree: dict[str, Any], forbid_unknown: bool) -> Any:
    """Return a msgspec type with the keys of `tree`, whatever characters they are made of."""
    fields, names = [], {}
    for i, (key, leaf) in enumerate(tree.items()):
        kind = _struct(leaf, forbid_unknown) | None if isinstance(leaf, dict) else leaf
        fields.append((f"f{i}", kind, None))
        names[f"f{i}"] = key
    return msgspec.defstruct("Fields", fields, rename=names, forbid_unknown_fields=forbid_unknown, gc=False)


def _value_at(value: Any, steps: Sequence[str]) -> Any:
    for key in steps:
        value = value.get(key) if isinstance(value, dict) else None
    return value
