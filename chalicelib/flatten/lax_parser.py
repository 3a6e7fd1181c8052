"""Has arrow-json parse a batch of records into arrays, one for each leaf of the layout.

Of numbers floats are parsed, of identifiers that are written as integers integers, of the rest texts and booleans;
what the first records of a batch hold tells which. A leaf that is to be kept as JSON and holds objects or arrays is not
parsed: its bytes are taken as they are (see unnamed_texts.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import arro3.core
import arro3.io
import msgspec
import numpy as np
import pyarrow as pa

from chalicelib.contracts.contract import Column, Dates, Type
from chalicelib.flatten.batch_text import Text
from chalicelib.flatten.columns import Bools, Int64s, lengths, list_items, validity
from chalicelib.flatten.layout import Layout, Node, Unsupported

Raw = bytes | msgspec.Raw

PEEKED = 8
"""How many records are looked at to tell how their values are written."""

_EPOCHS = {Dates.EPOCH_SECONDS, Dates.EPOCH_MILLISECONDS, Dates.EPOCH_MICROSECONDS, Dates.EPOCH_DAYS}


class Form(Enum):
    """What the parser makes of a leaf."""

    FLOAT = "float"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    TEXT = "text"
    BYTES = "bytes"


Forms = tuple[Form, ...]
"""The form of each leaf, in the order of the layout."""

_ARROW = {
    Form.FLOAT: pa.float64(),
    Form.INTEGER: pa.int64(),
    Form.BOOLEAN: pa.bool_(),
    Form.TEXT: pa.string(),
}


@dataclass
class Level:
    """The elements of one level, of all records one after the other, and the values of its leaves.

    `parents` says of each element which of the level above encloses it, `documents` which record it is of. `present`
    says whether an element is an object, `values` how many of its values, nested objects and lists among them, are not
    null. `raws` has the JSON texts of values that are not parsed.
    """

    parents: Int64s
    documents: Int64s
    present: Bools
    values: Int64s
    arrays: dict[int, pa.Array]
    raws: dict[int, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.documents)


class LaxParser:
    """Parses batches. `source` makes of a text what arrow-json reads: a path, or a binary file."""

    def __init__(self, layout: Layout, source: Callable[[bytes], Any]) -> None:
        self._layout = layout
        self._source = source
        self._leaves = tuple(layout.leaves)
        self._schemas: dict[Forms, Any] = {}

    def peek(self, raws: Sequence[Raw]) -> Forms:
        """Look at the first records: how are the values of each leaf written?"""
        kinds: list[set[type]] = [set() for _ in self._layout.nodes]
        for raw in raws[:PEEKED]:
            try:
                _look(json.loads(bytes(raw)), self._layout.record, kinds)
            except (ValueError, RecursionError):
                continue
        return tuple(_form(leaf, kinds[leaf.number]) for leaf in self._leaves)

    def parse(self, text: Text, forms: Forms) -> dict[str, Level] | None:
        """Return the levels of a batch by their names, or None where the parser finds what it does not expect."""
        # Errors quote the input, too, and one with a NUL in it aborts the process on its way to pyarrow.
        if text.holds_misread:
            return None
        count = len(text.starts) - 1
        try:
            reader = arro3.io.read_json(self._source(text.data), self._schema(forms), batch_size=count)
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
        return self._levels(batches[0])

    def _schema(self, forms: Forms) -> Any:
        if forms not in self._schemas:
            by_leaf = dict(zip(self._leaves, forms, strict=True))
            self._schemas[forms] = arro3.core.Schema.from_arrow(pa.schema(list(_arrow(self._layout.record, by_leaf))))
        return self._schemas[forms]

    def _levels(self, records: pa.RecordBatch) -> dict[str, Level]:
        count = records.num_rows
        everyone = np.arange(count)
        first = Level(everyone, everyone, np.ones(count, np.bool_), np.zeros(count, np.int64), {})
        levels = {"": first}
        self._walk(records.schema.names, records.columns, self._layout.record, first, levels)
        return levels

    def _walk(self, names: list[str], arrays: list[Any], node: Node, level: Level, levels: dict[str, Level]) -> None:
        for name, array in zip(names, arrays, strict=True):
            child = node.children[name]
            valid = validity(array)
            level.values += 1 if valid is None else valid
            if child is self._layout.document:
                level.present &= True if valid is None else valid
            if child.is_leaf:
                level.arrays[child.number] = array
            elif child.items is not None:
                counts = lengths(array)
                parents = np.repeat(np.arange(len(level)), counts)
                items = list_items(array)
                present = None if child.items.is_leaf else validity(items)
                inner = Level(
                    parents,
                    level.documents[parents],
                    np.ones(len(items), np.bool_) if present is None else present.copy(),
                    np.zeros(len(items), np.int64),
                    {},
                )
                levels[child.items.level] = inner
                if child.items.is_leaf:
                    inner.arrays[child.items.number] = items
                else:
                    self._walk([field.name for field in items.type], items.flatten(), child.items, inner, levels)
            else:
                self._walk([field.name for field in array.type], array.flatten(), child, level, levels)


def _look(value: Any, node: Node, kinds: list[set[type]]) -> None:
    if node.is_leaf:
        if value is not None:
            kinds[node.number].add(type(value))
    elif node.items is not None:
        for each in value[:PEEKED] if isinstance(value, list) else ():
            _look(each, node.items, kinds)
    elif isinstance(value, dict):
        for name, child in node.children.items():
            _look(value.get(name), child, kinds)


def _form(leaf: Node, kinds: set[type]) -> Form:
    forms = {_form_of(column, kinds) for column in leaf.columns}
    if leaf.is_number:
        forms.add(Form.FLOAT)
    if not forms:
        return Form.TEXT
    # What serves two columns that want it in two forms is nothing that the parser can give, and of elements that are
    # no objects nothing proves how integers are written.
    # Nor can bytes mean NULL for one column and something for another, or be one of several choices.
    varies = Form.BYTES in forms and (
        len({column.nulls for column in leaf.columns}) > 1 or any(len(column.paths) > 1 for column in leaf.columns)
    )
    if len(forms) > 1 or varies or (leaf.is_element and forms & {Form.INTEGER, Form.BYTES}):
        raise Unsupported
    return forms.pop()


def _form_of(column: Column, kinds: set[type]) -> Form:
    match column.type:
        case Type.DECIMAL | Type.INTEGER | Type.DOUBLE:
            return Form.FLOAT
        case Type.TIMESTAMP | Type.DATE if set(column.formats) <= _EPOCHS:
            return Form.FLOAT
        case Type.BOOLEAN:
            return Form.BOOLEAN if bool in kinds else Form.FLOAT if int in kinds else Form.TEXT
        case Type.JSON:
            return Form.BYTES if kinds - {str} else Form.TEXT
    if int in kinds and str not in kinds:
        return Form.INTEGER
    return Form.BOOLEAN if kinds == {bool} and column.type is Type.TEXT else Form.TEXT


def _arrow(node: Node, forms: dict[Node, Form]) -> pa.DataType:
    fields = []
    for name, child in node.children.items():
        if not child.is_parsed:
            continue
        if child.is_leaf:
            if forms[child] is not Form.BYTES:
                fields.append((name, _ARROW[forms[child]]))
        elif child.items is not None:
            items = _ARROW[forms[child.items]] if child.items.is_leaf else _arrow(child.items, forms)
            fields.append((name, pa.list_(items)))
        else:
            fields.append((name, _arrow(child, forms)))
    return pa.struct(fields)
