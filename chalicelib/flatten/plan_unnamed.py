"""Cuts the unnamed fields out of a batch of documents, as the strict way collects them (see unnamed.py)."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib.contracts.contract import Column
from chalicelib.contracts.paths import JsonPath
from chalicelib.flatten import columns
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.json_text import below, quoted
from chalicelib.flatten.names import Names
from chalicelib.flatten.plan import Plan, PlanNode
from chalicelib.flatten.plan_values import PlanValues
from chalicelib.flatten.unnamed import UnnamedFields
from chalicelib.flatten.views import Views
from chalicelib.native_library import (
    HAS_KEYS,
    HAS_ROWS,
    IS_KNOWN,
    PADDING,
    ROOM,
    ChoiceStruct,
    JoinStruct,
    OrderStruct,
)

MOST_LITERALS = 10_000
"""How many odd keys are remembered as they are written in a path."""

Used = Mapping[PlanNode, Bools]
"""For lists of rows, by their nodes, which of the elements make a row of some table."""


class UnnamedTexts:
    """Makes texts of unnamed fields by the nodes of a plan. Their names are noted with `fields`, once each."""

    def __init__(self, library: ctypes.CDLL, plan: Plan, fields: UnnamedFields) -> None:
        self._noted = fields
        self._names = Names()
        self._library = library
        self._plan = plan
        self._kinds = np.array([_kind(node) for node in plan.nodes], dtype=np.uint8)
        self._choices = [node for node in plan.nodes if node.names is not None and node.names.choices]
        self._counting = np.array([node.counting.number for node in plan.nodes], dtype=np.int32)
        self._root_of = {node.number: root for root in plan.levels.values() for node in _own(root)}
        self._prefixes = _Blob(f",{quoted(node.path)[:-1]}".encode() for node in plan.nodes)
        self._literals: dict[tuple[int, bytes], bytes] = {}

    def make(
        self,
        values: PlanValues,
        views: Views,
        chosen: Callable[[Column, PlanNode], Mapping[JsonPath, Bools]],
        sound: Bools,
    ) -> dict[str, pa.Array]:
        """Return for each level the unnamed fields of its elements: objects without their braces, NULL for none.

        `chosen` tells of a column, and the node of a level, which of the level's elements have the value at each of the
        column's paths. Clear `sound` for documents of which no text can be made.
        """
        fields = values.fields
        kept, lists = np.empty(len(fields), dtype=np.bool_), np.empty(len(fields), dtype=np.int64)
        choice = ChoiceStruct(count=len(fields))
        columns.point(choice, data=values.text, fields=fields, kinds=self._kinds, kept=kept, lists=lists)
        lists = lists[: self._library.choose_fields(ctypes.byref(choice))]
        unused = self._unused(values, lists, views.used())
        kept[list(unused)] = True
        if self._choices:
            kept &= ~self._are_chosen(values, chosen)
        if choice.recorded_count:
            self._note_read(fields[kept & (fields["child"] >= 0)])
        stepped_into = views.stepped_into()
        return {
            name: self._texts(values, kept, root, stepped_into.get(root), unused, sound)
            for name, root in self._plan.levels.items()
        }

    def _note_read(self, fields: npt.NDArray[Any]) -> None:
        """Note fields that are read, to choose elements, and not named all the same."""
        fields = fields[self._kinds[fields["child"]] & IS_KNOWN == 0]
        count = len(self._plan.nodes)
        # Not np.unique, which imports numpy.ma, a fifteenth of a cold start.
        for both in np.flatnonzero(np.bincount(fields["node"].astype(np.int64) * count + fields["child"])).tolist():
            node = self._plan.nodes[both // count]
            assert node.names is not None
            (key,) = (key for key, child in node.children.items() if child.number == both % count)
            self._noted.note_in(key, node.names, node.path)

    def _are_chosen(self, values: PlanValues, chosen: Callable[[Column, PlanNode], Mapping[JsonPath, Bools]]) -> Bools:
        """Return which fields a column takes as one of several, and what is in these."""
        fields = values.fields
        gone = np.zeros(len(fields), dtype=np.bool_)
        for node in self._choices:
            assert node.names is not None
            mine = np.flatnonzero(fields["child"] == node.number)
            for column, path in node.names.choices:
                gone[mine] |= chosen(column, self._root_of[node.number])[path][fields["element"][mine]]
        while gone.any():
            deeper = gone | (gone[fields["parent"]] & (fields["parent"] >= 0))
            if (deeper == gone).all():
                break
            gone = deeper
        return gone

    def _unused(self, values: PlanValues, lists: Int64s, used: Used) -> dict[int, bytes]:
        """Return the elements of lists that make no row of any table, as one array, by the fields of the lists."""
        unused: dict[int, list[bytes]] = {}
        for node in self._plan.lists:
            if node.items is None or node not in used or used[node].all():
                continue
            mine = lists[values.fields["child"][lists] == node.number]
            elements = values.elements[node.items]
            field_of = np.full(len(values.spans(node).starts), -1, dtype=np.int64)
            field_of[values.fields["element"][mine]] = mine
            for i in np.flatnonzero(~used[node]).tolist():
                field = int(field_of[elements.parents[i]])
                if field >= 0:
                    text = values.data[elements.spans.starts[i] : elements.spans.ends[i]]
                    unused.setdefault(field, []).append(text)
        return {field: b"[" + b",".join(texts) + b"]" for field, texts in unused.items()}

    def _texts(
        self,
        values: PlanValues,
        kept: Bools,
        root: PlanNode,
        stepped_into: Bools | None,
        unused: dict[int, bytes],
        sound: Bools,
    ) -> pa.Array:
        elements = values.elements[root.counting]
        order = np.empty(len(kept), dtype=np.int64)
        fields_of_level = OrderStruct(count=len(kept), root=root.counting.number)
        columns.point(fields_of_level, fields=values.fields, kept=kept, counting=self._counting, order=order)
        columns.point(fields_of_level, prefix_sizes=self._prefixes.sizes)
        if stepped_into is not None:
            columns.point(fields_of_level, levels=stepped_into)
        order = order[: self._library.order_fields(ctypes.byref(fields_of_level))]
        if len(order) == 0:
            return pa.nulls(len(elements), pa.string())
        join = JoinStruct(count=len(order), elements=len(elements), names=ctypes.pointer(self._names.struct))
        room = fields_of_level.room
        if fields_of_level.odd_count:
            literal, literals = self._numbered(order, self._literals_of(values, order))
            columns.point(join, literal=literal, literals=literals.data, literal_ends=literals.ends)
            room += literals.size
        if unused:
            replacement, replaced = self._numbered(order, unused)
            columns.point(join, replacement=replacement, replaced=replaced.data, replaced_ends=replaced.ends)
            room += replaced.size
        out = np.empty(room + ROOM, dtype=np.uint8)
        offsets = np.zeros(len(elements) + 1, dtype=np.int32)
        columns.point(join, data=values.text, fields=values.fields, order=order, documents=elements.documents)
        columns.point(join, prefixes=self._prefixes.data, prefix_ends=self._prefixes.ends)
        columns.point(join, known_keys=values.known_keys, sound=sound, out=out, ends=offsets[1:])
        size = self._library.join_fields(ctypes.byref(join))
        for number, key in self._names.fresh(values.data):
            node = self._plan.nodes[number]
            assert node.names is not None
            self._noted.note_in(key, node.names, node.path)
        return columns.texts(offsets, pa.py_buffer(out[:size]), offsets[1:] > offsets[:-1])

    @staticmethod
    def _numbered(which: Int64s, texts: Mapping[int, bytes]) -> tuple[npt.NDArray[np.int32], _Blob]:
        """Return for each field the number of its text, -1 for none, and the texts; `which` ascends."""
        numbers = np.full(len(which), -1, dtype=np.int32)
        if not texts:
            return numbers, _NONE
        given = np.array(sorted(texts), dtype=np.int64)
        positions = np.searchsorted(which, given)
        here = (positions < len(which)) & (which[np.minimum(positions, len(which) - 1)] == given)
        numbers[positions[here]] = np.arange(np.count_nonzero(here))
        return numbers, _Blob(texts[i] for i in given[here].tolist())

    def _literals_of(self, values: PlanValues, which: Int64s) -> dict[int, bytes]:
        """Return what stands before the values of fields whose keys are written in a path by rules of their own."""
        fields = values.fields
        literals = {}
        for i in which[fields["is_plain"][which] == 0].tolist():
            node, start, length = (int(fields[name][i]) for name in ("node", "key_start", "key_length"))
            key = node, values.data[start : start + length]
            if key not in self._literals:
                if len(self._literals) == MOST_LITERALS:
                    self._literals.clear()
                name = str(msgspec.json.decode(b'"' + key[1] + b'"'))
                self._literals[key] = f",{quoted(below(self._plan.nodes[node].path, name))}:".encode()
            literals[i] = self._literals[key]
        return literals


class _Blob:
    """Texts one behind the other, and where each ends."""

    def __init__(self, texts: Any) -> None:
        texts = list(texts)
        self.data = np.frombuffer(b"".join([*texts, PADDING]), dtype=np.uint8)
        self.ends = np.array([*accumulate(map(len, texts))], dtype=np.int32)
        self.sizes = np.array([*map(len, texts)], dtype=np.int64)
        self.size = int(self.sizes.sum())


_NONE = _Blob(())


def _kind(node: PlanNode) -> int:
    if node.names is None:
        return 0
    return IS_KNOWN | HAS_KEYS * node.names.is_object | HAS_ROWS * bool(node.names.lists)


def _own(root: PlanNode) -> list[PlanNode]:
    """Return a level's node and those below its keys."""
    nodes = [root]
    for node in nodes:
        nodes += node.children.values()
    return nodes
