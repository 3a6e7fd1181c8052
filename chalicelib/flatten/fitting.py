"""Finds the records that hold what the parser does not expect, which makes it give up a whole batch.

All records are decoded in one run by msgspec, by types that expect the same as the parser; where one does not fit, the
error tells which it is and at which path, and the run goes on behind it. What one record stumbled over, others of the
next batch will, too: these paths alone are looked at before a batch is parsed, which is a fraction of the work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np

from chalicelib.flatten import raw_keys
from chalicelib.flatten.batch_text import MISREAD, Text
from chalicelib.flatten.columns import Bools
from chalicelib.flatten.lax_parser import Form, Forms
from chalicelib.flatten.layout import Layout, Node

AT_ONCE = 1000
"""How many records are decoded in one run: all of them are in memory until its end."""

_POSITION = re.compile(r"at `\$\[(\d+)\](.*)`\Z", re.DOTALL)
_INDEX = re.compile(r"\[\d+\]")
_NUMERIC_TEXT = Annotated[str, msgspec.Meta(pattern=r"\A[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\Z")]
_DECODED: dict[Form, Any] = {
    Form.FLOAT: float | _NUMERIC_TEXT | None,
    Form.INTEGER: Annotated[int, msgspec.Meta(ge=0, lt=10**raw_keys.MAX_DIGITS)] | None,
    Form.BOOLEAN: bool | None,
    Form.TEXT: str | None,
}


class FittingRecords:
    """Tells which records fit the forms of the leaves of a layout."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._leaves = tuple(layout.leaves)
        self._by_path = dict(_paths(layout.record, ""))
        self._decoders: dict[tuple[Forms, bool, frozenset[int] | None], Any] = {}
        self._suspects: frozenset[int] = frozenset()
        """The numbers of nodes whose values did not fit in some record of the last batches."""

    def unsuspected(self, text: Text, forms: Forms) -> Bools:
        """Return which records are objects without a misfit where earlier records had some."""
        fits = _are_parsed(text)
        if self._suspects:
            misfits = self._misfits(text, forms, fits, self._suspects)
            if not misfits and fits.all():
                self._suspects = frozenset()
        return fits

    def fitting(self, text: Text, forms: Forms) -> Bools:
        """Return which records are objects that have what the parser expects."""
        fits = _are_parsed(text)
        self._suspects |= self._misfits(text, forms, fits, None)
        return fits

    def decoder(self, forms: Forms, *, forbid_unknown: bool, only: frozenset[int] | None = None) -> Any:
        """Return a msgspec decoder of records that have what the parser expects, at the nodes `only` if given.

        With `forbid_unknown` they have nothing else.
        """
        key = forms, forbid_unknown, only
        if key not in self._decoders:
            by_leaf = dict(zip(self._leaves, forms, strict=True))
            made = _struct(self._layout.record, by_leaf, forbid_unknown, only)
            self._decoders[key] = msgspec.json.Decoder(made)
        return self._decoders[key]

    def _misfits(self, text: Text, forms: Forms, fits: Bools, only: frozenset[int] | None) -> frozenset[int]:
        """Clear `fits` for records that do not fit; return the nodes where they do not."""
        decode = self.decoder(forms, forbid_unknown=False, only=only).decode_lines
        data, starts = memoryview(text.data), text.starts.tolist()
        paths: set[str] = set()
        first, count = 0, len(fits)
        while first < count:
            end = min(first + AT_ONCE, count)
            try:
                decode(data[starts[first] : starts[end]])
                first = end
            except (msgspec.DecodeError, RecursionError) as problem:
                position = _POSITION.search(str(problem))
                if position is None:
                    first = self._skip_one_by_one(decode, data, starts, fits, first, end)
                    continue
                fits[first + int(position[1])] = False
                first += int(position[1]) + 1
                paths.add(position[2])
        nodes = (self._by_path.get(_INDEX.sub("[]", path)) for path in paths)
        return frozenset(node.number for node in nodes if node is not None)

    @staticmethod
    def _skip_one_by_one(decode: Any, data: memoryview, starts: list[int], fits: Bools, first: int, end: int) -> int:
        """Decode records each by itself, where an error does not say which it is of; return where they end."""
        for i in range(first, end):
            try:
                decode(data[starts[i] : starts[i + 1]])
            except (msgspec.DecodeError, RecursionError):
                fits[i] = False
        return end


def _are_parsed(text: Text) -> Bools:
    """Return which records are objects without an escape that the parser misreads."""
    fits = text.are_objects
    if text.holds_misread:
        escaped = [match.start() for match in MISREAD.finditer(text.data)]
        fits[text.record_of(np.array(escaped, dtype=np.int64))] = False
    return fits


def _paths(node: Node, path: str) -> list[tuple[str, Node]]:
    """Return all nodes below `node` by their paths as msgspec writes them, `[]` for every element."""
    paths = []
    for name, child in node.children.items():
        below = f"{path}.{name}"
        paths += [(below, child), *_paths(child, below)]
        if child.items is not None:
            paths += [(f"{below}[]", child.items), *_paths(child.items, f"{below}[]")]
    return paths


def _holds(node: Node, numbers: frozenset[int]) -> bool:
    below = [*node.children.values(), *([node.items] if node.items else [])]
    return node.number in numbers or any(_holds(child, numbers) for child in below)


def _struct(node: Node, forms: Mapping[Node, Form], forbid_unknown: bool, only: frozenset[int] | None) -> Any:
    """Return a msgspec type with the keys of a node, whatever characters they are made of."""
    fields: list[tuple[str, Any, Any]] = []
    names = {}
    for i, (key, child) in enumerate(node.children.items()):
        if only is not None and not _holds(child, only):
            continue
        if not child.is_parsed:
            fields.append((f"f{i}", msgspec.Raw, msgspec.Raw()))
        elif child.is_leaf:
            kind = msgspec.Raw if forms[child] is Form.BYTES else _DECODED[forms[child]]
            fields.append((f"f{i}", kind, msgspec.Raw() if kind is msgspec.Raw else None))
        elif child.items is not None:
            items = (
                _DECODED[forms[child.items]]
                if child.items.is_leaf
                else _struct(child.items, forms, forbid_unknown, only)
            )
            fields.append((f"f{i}", list[items] | None, None))  # type: ignore[valid-type]
        else:
            fields.append((f"f{i}", _struct(child, forms, forbid_unknown, only) | None, None))
        names[f"f{i}"] = key
    return msgspec.defstruct("Fields", fields, rename=names, forbid_unknown_fields=forbid_unknown, gc=False)
