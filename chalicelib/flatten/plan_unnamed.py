"""Cuts the unnamed fields out of a batch of documents, as the strict way collects them (see unnamed.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pyarrow as pa

from chalicelib.contracts.contract import Column
from chalicelib.contracts.paths import JsonPath
from chalicelib.flatten import columns
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.json_text import RejectedDocument, below, compact, parsed, quoted
from chalicelib.flatten.plan import Plan, PlanNode
from chalicelib.flatten.plan_values import NO_NODE, PlanValues
from chalicelib.flatten.plan_values import Spans as ElementSpans
from chalicelib.flatten.spans import cut_out, with_escapes
from chalicelib.flatten.unnamed import UnnamedFields
from chalicelib.flatten.views import Views

_OBJECT, _ARRAY, _NULL = b"{[n"

Used = Mapping[PlanNode, Bools]
"""For lists of rows, by their nodes, which of the elements make a row of some table."""


class UnnamedTexts:
    """Makes texts of unnamed fields by the nodes of a plan. Near misses are noted with `fields`."""

    def __init__(self, plan: Plan, fields: UnnamedFields) -> None:
        self._plan = plan
        self._fields = fields
        nodes = [*plan.nodes, PlanNode(NO_NODE)]
        self._collects = np.array([node.collects for node in nodes])
        self._is_known = np.array([node.names is not None for node in nodes])
        self._is_named = np.array([node.names is not None and node.names.is_named for node in nodes])
        self._is_object = np.array([node.names is not None and node.names.is_object for node in nodes])
        self._is_list = np.array([node.names is not None and bool(node.names.lists) for node in nodes])
        self._choices = [node for node in plan.nodes if node.names is not None and node.names.choices]
        self._counting = np.array([node.counting.number for node in nodes])
        self._root_of = {node.number: root for root in plan.levels.values() for node in _own(root)}
        self._written: list[bytes] = []
        self._literals: dict[tuple[int, int], int] = {}

    def make(
        self,
        values: PlanValues,
        names: list[str],
        views: Views,
        chosen: Callable[[Column, PlanNode], Mapping[JsonPath, Bools]],
        sound: Bools,
    ) -> dict[str, pa.Array]:
        """Return for each level the unnamed fields of its elements: objects without their braces, NULL for none.

        `names` are those of the keys' numbers; `chosen` tells of a column, and the node of a level, which of the
        level's elements have the value at each of the column's paths. Clear `sound` for documents of which no text
        can be made.
        """
        index = values.index
        which = np.flatnonzero(self._collects[values.holders[index.holders]])
        if self._choices:
            which = self._without_chosen(values, which, chosen)
        nodes = values.keys[which]
        first = values.text[index.starts[which]]
        spans = ElementSpans(index.starts[which].astype(np.int64), index.ends[which].astype(np.int64))
        kept = ~self._is_known[nodes]
        perhaps = ~kept & ~self._is_named[nodes] & (first != _NULL)
        as_object = self._is_object[nodes] & ((first == _OBJECT) | values.is_empty(spans))
        kept |= perhaps & ~self._is_list[nodes] & ~as_object
        lists = perhaps & self._is_list[nodes] & ((first == _OBJECT) | (first == _ARRAY))
        unused = self._unused(values, which[lists], views.used(), sound)
        kept[np.flatnonzero(lists)[[key in unused for key in which[lists].tolist()]]] = True
        which = which[kept]
        counting = self._counting[values.holders[index.holders[which]]]
        stepped_into = views.stepped_into()
        texts = {}
        for name, root in self._plan.levels.items():
            own = which[counting == root.counting.number]
            if root in stepped_into and not stepped_into[root].all():
                own = own[stepped_into[root][values.numbers_of(index.holders[own])]]
            texts[name] = self._texts(values, names, own, root, unused, sound)
        return texts

    def _without_chosen(
        self,
        values: PlanValues,
        which: Int64s,
        chosen: Callable[[Column, PlanNode], Mapping[JsonPath, Bools]],
    ) -> Int64s:
        """Return the keys without those whose values a column takes as one of several, and without what is in these."""
        index = values.index
        gone = np.zeros(len(index.keys), dtype=np.bool_)
        for node in self._choices:
            assert node.names is not None
            keys = values.keys_of(node)
            elements = values.numbers_of(index.holders[keys])
            for column, path in node.names.choices:
                gone[keys] |= chosen(column, self._root_of[node.number])[path][elements]
        if not gone.any():
            return which
        inside = np.where(index.opened_by >= 0, gone[index.opened_by], False)
        outer = np.where(index.opened_by >= 0, index.holders[index.opened_by], index.within)
        inside &= self._collects[values.holders]
        while inside.any():
            # What is inside an object that is taken, and collects nothing any more.
            deeper = inside | (np.where(outer >= 0, inside[outer], False) & (index.opened_by >= 0))
            if (deeper == inside).all():
                break
            inside = deeper
        return which[~gone[which] & ~inside[index.holders[which]]]

    def _unused(self, values: PlanValues, keys: Int64s, used: Used, sound: Bools) -> dict[int, bytes]:
        """Return the elements of lists that make no row of any table, as one array, by the keys that hold the lists."""
        unused: dict[int, list[bytes]] = {}
        for node in self._plan.lists:
            if node.items is None or node not in used or used[node].all():
                continue
            mine = keys[values.keys[keys] == node.number]
            elements = values.elements[node.items]
            key_of = np.full(len(values.spans(node).starts), -1, dtype=np.int64)
            key_of[values.numbers_of(values.index.holders[mine])] = mine
            for i in np.flatnonzero(~used[node]).tolist():
                key = int(key_of[elements.parents[i]])
                text = values.data[elements.spans.starts[i] : elements.spans.ends[i]]
                if key >= 0:
                    unused.setdefault(key, []).append(_compact(text, elements.documents[i], sound))
        return {key: b"[" + b",".join(texts) + b"]" for key, texts in unused.items()}

    def _texts(
        self,
        values: PlanValues,
        names: list[str],
        which: Int64s,
        root: PlanNode,
        unused: dict[int, bytes],
        sound: Bools,
    ) -> pa.Array:
        count = len(values.elements[root.counting])
        if len(which) == 0:
            return pa.nulls(count, pa.string())
        index, data = values.index, values.data
        which = which[np.argsort(index.starts[which], kind="stable")]
        starts, ends = index.starts[which], index.ends[which]
        elements = values.numbers_of(index.holders[which])
        is_first = np.ones(len(which), dtype=np.bool_)
        is_first[1:] = elements[1:] != elements[:-1]
        literals, written = self._literals_of(values, names, which)
        mended: dict[int, bytes] = {}
        for i in with_escapes(data, starts, ends).tolist():
            document = values.documents[index.holders[which[i]]]
            mended[i] = _compact(data[starts[i] : ends[i]], document, sound)
        if unused:
            mended |= {i: unused[key] for i, key in enumerate(which.tolist()) if key in unused}
        small = pa.array([*written, *(each[1:] for each in written), *mended.values()], pa.binary())
        pieces = np.empty(2 * len(which), dtype=np.int64)
        pieces[0::2] = literals + is_first * len(written)
        pieces[1::2] = len(small) + 2 * np.arange(len(which))
        if mended:
            pieces[2 * np.array(list(mended)) + 1] = 2 * len(written) + np.arange(len(mended))
        cut = columns.take(pa.concat_arrays([small, cut_out(data, starts, ends)]), pieces)
        offsets = np.frombuffer(cut.buffers()[1], dtype=np.int32)
        bounds = np.append(offsets[2 * np.flatnonzero(is_first)], offsets[len(cut)])
        joined = pa.StringArray.from_buffers(
            int(is_first.sum()), pa.py_buffer(bounds.astype(np.int32)), cut.buffers()[2]
        )
        return columns.spread(joined, elements[is_first], count)

    def _literals_of(self, values: PlanValues, names: list[str], which: Int64s) -> tuple[Int64s, list[bytes]]:
        """Return for each key which of the texts before values is its own, a comma, path and colon, and these texts."""
        index = values.index
        nodes = values.holders[index.holders[which]].astype(np.int64)
        distinct, inverse = np.unique(nodes * len(names) + index.keys[which], return_inverse=True)
        numbers = np.zeros(len(distinct), dtype=np.int64)
        for i, (node, name) in enumerate(zip(*(each.tolist() for each in divmod(distinct, len(names))), strict=True)):
            if name and (node, name) not in self._literals:
                self._literals[node, name] = len(self._written)
                self._written.append(self._literal(node, names[name]))
            numbers[i] = self._literals.get((node, name), 0)
        literals, written = numbers[inverse], list(self._written)
        further: dict[tuple[int, bytes], int] = {}
        for i in np.flatnonzero(index.keys[which] == 0).tolist():
            key = values.data[index.name_starts[which[i]] : index.starts[which[i]] - 2]
            literals[i] = further.setdefault((int(nodes[i]), key), len(written))
            if literals[i] == len(written):
                written.append(self._literal(int(nodes[i]), key.decode()))
        return literals, written

    def _literal(self, number: int, key: str) -> bytes:
        """Return what stands before the value of an unnamed field, and note it."""
        node = self._plan.nodes[number]
        assert node.names is not None
        if key not in node.names.children:
            self._fields.note_in(key, node.names, node.path)
        return f",{quoted(below(node.path, key))}:".encode()


def _own(root: PlanNode) -> list[PlanNode]:
    """Return a level's node and those below its keys."""
    nodes = [root]
    for node in nodes:
        nodes += node.children.values()
    return nodes


def _compact(text: bytes, document: int, sound: Bools) -> bytes:
    """Return a value as the strict way writes it."""
    if b"\\" not in text:
        return text
    try:
        return compact(parsed(text)).encode()
    except RejectedDocument:
        sound[document] = False
        return b"null"
