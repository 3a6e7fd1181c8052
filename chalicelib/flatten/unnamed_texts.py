"""Cuts the unnamed fields out of a batch of documents as they were sent, for all documents at once.

What the strict way does field by field (see unnamed.py), this does by positions: each key of the batch is found (see
key_index.py), its place in the contract's layout follows from that of its object, and where it has none, its value is a
run of bytes that is copied. Documents of which that is not sure are told: keys written with escapes, keys given twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib.flatten import columns
from chalicelib.flatten.columns import Bools
from chalicelib.flatten.json_text import RejectedDocument, below, compact, parsed, quoted
from chalicelib.flatten.key_index import Int32s, KeyIndex, KeyNames, index_keys
from chalicelib.flatten.layout import Layout, Node
from chalicelib.flatten.spans import Spans, cut_out, with_escapes
from chalicelib.flatten.unnamed import UnnamedFields

PADDING = b" " * 64
MOST_CELLS = 1 << 25
"""How many bytes may be spent on noticing keys that are given twice."""
MAX_DIGITS = 18
"""Longer integers may not fit 64 bits."""

_UNNAMED = -1
_OPEN_OBJECT, _NULL = b"{n"


@dataclass(frozen=True)
class UnnamedTexts:
    """What was found of a batch: which documents are `sound`, and of each level the unnamed fields of its elements.

    `texts` are JSON objects without their braces, NULL where an element has no such field. `documents` says of each
    level which document each element is of, `leaves` where the values of leaves lie that were asked for.
    """

    data: bytes
    sound: Bools
    texts: dict[str, pa.Array]
    documents: dict[str, npt.NDArray[Any]]
    leaves: dict[int, Spans]


class UnnamedReader:
    """Reads the unnamed fields of batches. Near misses are noted with `fields`."""

    def __init__(self, layout: Layout, fields: UnnamedFields) -> None:
        self._layout = layout
        self._fields = fields
        self._names = KeyNames()
        self._learned = 0
        nodes = layout.nodes
        self._inside = len(nodes)
        """The number of what lies in a named leaf or an unnamed field."""
        self._children = np.full((len(nodes) + 1, KeyNames.MOST + 1), _UNNAMED, dtype=np.int32)
        self._children[self._inside] = self._inside
        self._literals: list[bytes] = []
        self._literal_of = np.full((len(nodes), KeyNames.MOST + 1), -1, dtype=np.int32)
        self._is_aside = np.array([node.is_aside for node in nodes] + [False])
        """Nodes whose values are unnamed fields, though something of them is read."""
        self._escaped = np.zeros(KeyNames.MOST + 1, dtype=np.bool_)
        self._escaped[0] = True
        self._items = np.array([node.items.number if node.items else -1 for node in nodes] + [-1], dtype=np.int32)
        self._is_object = np.array([bool(node.children) for node in nodes] + [False])
        levels = {name: i for i, name in enumerate(layout.levels)}
        self._levels = list(levels)
        self._level_of = np.array([levels[node.level] for node in nodes], dtype=np.int32)
        for node in nodes:
            if node.is_around:
                self._children[node.number] = self._inside
        self._is_around = np.array([node.is_around for node in nodes] + [False])
        self._around_noted = np.zeros((len(nodes) + 1) * (KeyNames.MOST + 1), dtype=np.bool_)

    def read(self, raws: Sequence[Any], asked: Sequence[Node], aside: dict[int, Bools]) -> UnnamedTexts | None:
        """Read a batch of records that are objects. Returns None if it cannot.

        `asked` are leaves whose bytes are wanted, `aside` says of leaves which documents' values are unnamed fields.
        """
        data = b"".join(
            [PADDING, memoryview(msgspec.json.format(b"[" + b",".join(raws) + b"]", indent=-1))[1:-1], PADDING]
        )
        index = index_keys(data, self._names)
        if index is None or index.holder_depths[0] != len(raws):
            return None
        self._learn()
        resolved = self._resolve(index)
        if self._layout.contract.at is not None:
            self._note_around(data, index, resolved)
        for number, documents in aside.items():
            mine = np.flatnonzero(resolved.keys == number)
            resolved.keys[mine[documents[resolved.documents[index.holders[mine]]]]] = _UNNAMED
        sound = np.ones(len(raws), dtype=np.bool_)
        sound[resolved.documents[index.holders[self._escaped[index.keys]]]] = False
        if not self._check_repeated(index, resolved, sound):
            return None
        self._check_objects(data, index, resolved, sound)
        texts = {name: self._texts(data, index, resolved, i, sound) for i, name in enumerate(self._levels)}
        leaves = {leaf.number: _spans(index, resolved, leaf.number) for leaf in asked}
        of_elements = {
            name: resolved.documents[resolved.nodes == self._layout.levels[name].number]
            if name
            else np.arange(len(raws))
            for name in self._levels
        }
        return UnnamedTexts(data, sound, texts, of_elements, leaves)

    def _learn(self) -> None:
        """Put keys that were not seen before into the table."""
        for number in range(max(self._learned, 1), len(self._names.names)):
            key = self._names.names[number]
            self._escaped[number] = b"\\" in key
            name = key.decode()
            for node in self._layout.nodes:
                child = node.children.get(name)
                if child is not None:
                    self._children[node.number, number] = child.number
        self._learned = len(self._names.names)

    def _resolve(self, index: KeyIndex) -> _Resolved:
        holders = len(index.begins)
        nodes = np.full(holders, self._inside, dtype=np.int32)
        elements = np.zeros(holders, dtype=np.int32)
        documents = np.zeros(holders, dtype=np.int32)
        keys = np.empty(len(index.keys), dtype=np.int32)
        first = int(index.holder_depths[0])
        nodes[:first] = self._layout.record.number
        elements[:first] = documents[:first] = np.arange(first)
        counts = [0] * len(self._levels)
        counts[0] = first
        key_ends = [0, *index.key_depths.tolist()]
        holder_ends = [*index.holder_depths.tolist()]
        for depth in range(len(holder_ends)):
            if depth + 1 < len(key_ends):
                here = slice(key_ends[depth], key_ends[depth + 1])
                keys[here] = self._children[nodes[index.holders[here]], index.keys[here]]
            if depth + 1 == len(holder_ends):
                break
            inner = slice(holder_ends[depth], holder_ends[depth + 1])
            opened_by, within, is_object = index.opened_by[inner], index.within[inner], index.is_object[inner]
            by_key = opened_by >= 0
            outer = np.where(by_key, index.holders[opened_by], within)
            documents[inner] = documents[outer]
            of_key = np.where(by_key, keys[opened_by], self._inside)
            of_key[of_key == _UNNAMED] = self._inside
            of_list = np.where(by_key, -1, self._items[nodes[within]])
            fits = np.where(is_object, self._is_object[of_key], self._items[of_key] >= 0)
            node = np.where(by_key & fits, of_key, self._inside)
            is_item = (of_list >= 0) & is_object
            node[is_item] = of_list[is_item]
            nodes[inner] = node
            element = elements[outer]
            for items in np.unique(of_list[is_item]).tolist():
                which = is_item & (of_list == items)
                count = int(np.count_nonzero(which))
                element[which] = np.arange(count)
                counts[self._level_of[items]] = count
            elements[inner] = element
        return _Resolved(keys, nodes, elements, documents, counts)

    def _note_around(self, data: bytes, index: KeyIndex, resolved: _Resolved) -> None:
        """Note the keys around the documents that are on no path of the contract, unless they hold null."""
        nodes = resolved.nodes[index.holders]
        which = np.flatnonzero(self._is_around[nodes] & (resolved.keys == self._inside) & ~self._escaped[index.keys])
        first = np.frombuffer(data, dtype=np.uint8)[index.starts[which]]
        cells = nodes[which] * np.int64(KeyNames.MOST + 1) + index.keys[which]
        for cell in np.unique(cells[(first != _NULL) & ~self._around_noted[cells]]).tolist():
            self._around_noted[cell] = True
            node, name = divmod(cell, KeyNames.MOST + 1)
            self._fields.note_around(below(self._layout.nodes[node].path, self._names.names[name].decode()))

    def _check_objects(self, data: bytes, index: KeyIndex, resolved: _Resolved, sound: Bools) -> None:
        """Clear `sound` where something else than an object or null stands where an object is due."""
        which = np.flatnonzero(self._is_object[resolved.keys])
        first = np.frombuffer(data, dtype=np.uint8)[index.starts[which]]
        others = which[(first != _OPEN_OBJECT) & (first != _NULL)]
        sound[resolved.documents[index.holders[others]]] = False

    def _check_repeated(self, index: KeyIndex, resolved: _Resolved, sound: Bools) -> bool:
        """Clear `sound` where a key is given twice in one object; False where that would take too much."""
        names = len(self._names.names)
        if len(index.begins) * names > MOST_CELLS:
            return False
        cells = index.holders * names + index.keys
        seen = np.zeros(len(index.begins) * names, dtype=np.bool_)
        seen[cells] = True
        if np.count_nonzero(seen) < len(cells):
            times = np.bincount(cells, minlength=len(seen))
            sound[resolved.documents[np.flatnonzero(times > 1) // names]] = False
        return True

    def _texts(self, data: bytes, index: KeyIndex, resolved: _Resolved, level: int, sound: Bools) -> pa.Array:
        count = resolved.counts[level]
        which = np.flatnonzero((resolved.keys == _UNNAMED) | self._is_aside[resolved.keys])
        nodes = resolved.nodes[index.holders[which]]
        here = self._level_of[nodes] == level
        which, nodes = which[here], nodes[here]
        if len(which) == 0:
            return pa.nulls(count, pa.string())
        order = np.argsort(index.starts[which], kind="stable")
        which, nodes = which[order], nodes[order]
        elements = resolved.elements[index.holders[which]]
        names = index.keys[which]
        literals = self._literal_of[nodes, names]
        if (literals < 0).any():
            self._name(nodes, names, literals)
            literals = self._literal_of[nodes, names]
        starts, ends = index.starts[which], index.ends[which]
        is_first = np.ones(len(which), dtype=np.bool_)
        is_first[1:] = elements[1:] != elements[:-1]
        written = [*self._literals, *(each[1:] for each in self._literals)]
        escaped = with_escapes(data, starts, ends)
        order_of_pieces = np.empty(2 * len(which), dtype=np.int64)
        order_of_pieces[0::2] = literals + is_first * len(self._literals)
        mended = []
        for i in escaped.tolist():
            try:
                mended.append(compact(parsed(data[starts[i] : ends[i]])).encode())
            except RejectedDocument:
                mended.append(b"")
                sound[resolved.documents[index.holders[which[i]]]] = False
        small = pa.array([*written, *mended], pa.binary())
        order_of_pieces[1::2] = len(small) + 2 * np.arange(len(which))
        order_of_pieces[2 * escaped + 1] = len(written) + np.arange(len(escaped))
        cut = columns.take(pa.concat_arrays([small, cut_out(data, starts, ends)]), order_of_pieces)
        offsets = np.frombuffer(cut.buffers()[1], dtype=np.int32)
        bounds = np.append(offsets[2 * np.flatnonzero(is_first)], offsets[len(cut)])
        firsts = elements[is_first]
        joined = pa.StringArray.from_buffers(len(firsts), pa.py_buffer(bounds.astype(np.int32)), cut.buffers()[2])
        if len(firsts) == count:
            return joined
        index_of = np.zeros(count, dtype=np.int64)
        has = np.zeros(count, dtype=np.bool_)
        index_of[firsts], has[firsts] = np.arange(len(firsts)), True
        return columns.take(joined, index_of, has)

    def _name(self, nodes: Int32s, names: Int32s, literals: Int32s) -> None:
        """Make the literals of fields that were not seen before: a comma, the path in quotes and a colon."""
        new = np.flatnonzero(literals < 0)
        for node_number, name in {(int(nodes[i]), int(names[i])) for i in new.tolist()}:
            node, key = self._layout.nodes[node_number], self._names.names[name].decode()
            if key not in node.children:
                self._fields.note(key, node.level, node.path)
            self._literal_of[node_number, name] = len(self._literals)
            self._literals.append(f",{quoted(below(node.path, key))}:".encode())


@dataclass(frozen=True)
class _Resolved:
    """For each key the node of its value, for each holder its node, element and document; elements of each level."""

    keys: Int32s
    nodes: Int32s
    elements: Int32s
    documents: Int32s
    counts: list[int]


def _spans(index: KeyIndex, resolved: _Resolved, leaf: int) -> Spans:
    which = np.flatnonzero(resolved.keys == leaf)
    which = which[np.argsort(index.starts[which], kind="stable")]
    return Spans(resolved.elements[index.holders[which]].astype(np.int64), index.starts[which], index.ends[which])
