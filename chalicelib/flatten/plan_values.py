"""Where the values of a plan lie in a batch of documents: for all documents at once, from an index of their keys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chalicelib.contracts.paths import Index, Key, Where
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.follow import holds
from chalicelib.flatten.json_text import parsed
from chalicelib.flatten.key_index import Int32s, KeyIndex
from chalicelib.flatten.plan import PlanNode, Steps, Tree

NO_NODE = -1
"""The node of a value that the plan does not have, and of what lies in one."""

_OBJECT, _ARRAY, _QUOTE, _FALSE, _NULL = b'{["fn'
_NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True)
class Spans:
    """Where values lie in a text, one for each element; -1 where an element has none."""

    starts: Int64s
    ends: Int64s


@dataclass(frozen=True)
class Walk:
    """Where steps lead to: values of a node, by their numbers, -1 for none.

    Where it is `strange`, something else than an object or a list that a step goes through stands on the way.
    """

    node: PlanNode
    here: Int64s
    strange: Bools


@dataclass(frozen=True)
class Elements:
    """Values that are numbered: where they lie, which value of the enclosing numbering each is in, of which record."""

    spans: Spans
    parents: Int64s
    documents: Int64s

    def __len__(self) -> int:
        return len(self.parents)


class PlanValues:
    """The values of a batch by the nodes of a plan.

    `children` says of each node, and of each key's number, which node the key's value is. `holders` is the node of each
    object and array, `keys` that of each key's value.
    """

    def __init__(self, plan: Tree, data: bytes, index: KeyIndex, children: Int32s) -> None:
        self.data = data
        self.index = index
        self.text = np.frombuffer(data, dtype=np.uint8)
        self._plan = plan
        self._roots = np.arange(len(index.begins))
        self.keys = np.empty(len(index.keys), dtype=np.int32)
        self.holders = np.full(len(index.begins), NO_NODE, dtype=np.int32)
        self.documents = np.zeros(len(index.begins), dtype=np.int64)
        self._resolve(children)
        self._order = np.argsort(self.keys.astype(np.int16), kind="stable")
        self._bounds = np.searchsorted(self.keys[self._order], np.arange(len(plan.nodes) + 1))
        self.numbers = np.zeros(len(index.begins), dtype=np.int64)
        """The number of each element that is an object, or of an array of elements, by its holder."""
        self.elements: dict[PlanNode, Elements] = {}
        self._spans: dict[PlanNode, Spans] = {}
        self._picks: dict[tuple[PlanNode, Index | Where], Int64s] = {}
        self._number_elements()

    def record_bounds(self, number: int) -> tuple[int, int]:
        """Return where a record begins and ends. There is a comma between records, and space behind the last one."""
        begins = self.index.begins[: int(self.index.holder_depths[0]) + 1]
        is_last = number + 1 == int(self.index.holder_depths[0])
        return int(begins[number]), len(self.data) if is_last else int(begins[number + 1]) - 1

    def numbers_of(self, holders: Int32s | Int64s) -> Int64s:
        """Return the number of the element that each object or array lies in."""
        return self.numbers[self._roots[holders]]

    def keys_of(self, node: PlanNode) -> Int64s:
        """Return the keys whose values are those of a node."""
        return self._order[self._bounds[node.number] : self._bounds[node.number + 1]]

    def spans(self, node: PlanNode) -> Spans:
        """Return where the values of a node lie, one for each value that they are numbered by."""
        if node.counted is None:
            return self.elements[node].spans
        if node not in self._spans:
            count = len(self.elements[node.counted])
            starts, ends = np.full(count, -1, dtype=np.int64), np.full(count, -1, dtype=np.int64)
            keys = self.keys_of(node)
            elements = self.numbers_of(self.index.holders[keys])
            starts[elements], ends[elements] = self.index.starts[keys], self.index.ends[keys]
            self._spans[node] = Spans(starts, ends)
        return self._spans[node]

    def walk(self, node: PlanNode, steps: Steps, elements: Int64s) -> Walk:
        """Follow steps from these of a node's values, which are given by the numbers that they are told apart by."""
        here, strange = elements, np.zeros(len(elements), dtype=np.bool_)
        for step in steps:
            wrong = self._wrong(node, list_due=not isinstance(step, Key))
            if wrong is not None:
                strange |= (here >= 0) & wrong[here]
            if isinstance(step, Key):
                node = node.children[step.name]
            else:
                picked = self._pick(node, step)
                here = np.where(here >= 0, picked[here], -1) if len(picked) else np.full_like(here, -1)
                assert node.items is not None
                node = node.items
        return Walk(node, here, strange)

    def at(self, node: PlanNode, elements: Int64s) -> Spans:
        """Return where these of a node's values lie, none for -1."""
        spans = self.spans(node)
        if len(spans.starts) == 0:
            return Spans(np.full(len(elements), -1), np.full(len(elements), -1))
        none = elements < 0
        starts, ends = spans.starts[elements], spans.ends[elements]
        return Spans(np.where(none, -1, starts), np.where(none, -1, ends)) if none.any() else Spans(starts, ends)

    def is_empty(self, spans: Spans, *, list_due: bool = False) -> Bools:
        """Tell where a program wrote that there is nothing: an empty text, false, or a list without elements."""
        starts, sizes = np.maximum(spans.starts, 0), spans.ends - spans.starts
        first = self.text[starts]
        empty: Bools = (sizes == 2) & (first == _QUOTE)
        if not list_due:
            empty |= (sizes == 2) & (first == _ARRAY)
        empty |= first == _FALSE
        return empty & (spans.starts >= 0)

    def first(self, spans: Spans) -> npt.NDArray[np.uint8]:
        """Return the first character of each value, `n` as of null where there is none."""
        first = self.text[np.maximum(spans.starts, 0)]
        return np.where(spans.starts >= 0, first, _NULL)

    def _wrong(self, node: PlanNode, *, list_due: bool) -> Bools | None:
        """Tell which values of a node are something else than an object, or a list, is due; None where none is."""
        spans = self.spans(node)
        first = self.first(spans)
        wrong = (first != (_ARRAY if list_due else _OBJECT)) & (first != _NULL)
        if not wrong.any():
            return None
        wrong &= ~self.is_empty(spans, list_due=list_due)
        return wrong if wrong.any() else None

    def _pick(self, node: PlanNode, step: Index | Where) -> Int64s:
        """Return for each value of a node which of its elements a step takes, -1 for none."""
        if (node, step) not in self._picks:
            assert node.items is not None
            elements = self.elements[node.items]
            picked = np.full(len(self.spans(node).starts), -1, dtype=np.int64)
            parents = elements.parents
            if isinstance(step, Index):
                numbers = np.arange(len(parents)) - np.searchsorted(parents, parents)
                which = np.flatnonzero(numbers == step.position)
            else:
                which = np.flatnonzero(self.holding(node.items, step))[::-1]
            # Written from the last to the first, so that the first one stays.
            picked[parents[which]] = which
            # An object that makes a row like a list of one is no list to take an element from.
            picked[self.first(self.spans(node)) != _ARRAY] = -1
            self._picks[node, step] = picked
        return self._picks[node, step]

    def holding(self, node: PlanNode, where: Where) -> Bools:
        """Tell which elements hold the value that a step looks for."""
        target = node
        for key in where.keys:
            target = target.children[key]
        spans = self.spans(target)
        answers: dict[bytes, bool] = {}
        held = np.zeros(len(spans.starts), dtype=np.bool_)
        first = self.first(spans)
        for i in np.flatnonzero((first != _NULL) & (first != _OBJECT) & (first != _ARRAY)).tolist():
            value = self.data[spans.starts[i] : spans.ends[i]]
            if value not in answers:
                answers[value] = holds({"": parsed(value)}, Where(("",), where.text, where.number, where.boolean))
            held[i] = answers[value]
        return held

    def _resolve(self, children: Int32s) -> None:
        """Find the nodes of all values, from the outermost to the innermost."""
        index, nodes = self.index, self._plan.nodes
        items = np.array([node.items.number if node.items else NO_NODE for node in nodes] + [NO_NODE], dtype=np.int32)
        opens = np.array([bool(node.children) or node.collects for node in nodes] + [False])
        is_one = np.array([node.takes_one for node in nodes] + [False])
        first = int(index.holder_depths[0])
        self.holders[:first] = self._plan.record.number
        self.documents[:first] = np.arange(first)
        key_ends = [0, *index.key_depths.tolist()]
        holder_ends = index.holder_depths.tolist()
        for depth in range(len(holder_ends)):
            if depth + 1 < len(key_ends):
                keys = slice(key_ends[depth], key_ends[depth + 1])
                self.keys[keys] = children[self.holders[index.holders[keys]], index.keys[keys]]
            if depth + 1 == len(holder_ends):
                break
            inner = slice(holder_ends[depth], holder_ends[depth + 1])
            opened_by, within, is_object = index.opened_by[inner], index.within[inner], index.is_object[inner]
            by_key = opened_by >= 0
            outer = np.where(by_key, index.holders[opened_by], within)
            self.documents[inner] = self.documents[outer]
            node = np.where(by_key, self.keys[opened_by], items[self.holders[within]])
            is_single = is_object & is_one[node]
            is_element = ~by_key & (node != NO_NODE)
            self._roots[inner] = np.where(is_single | is_element, self._roots[inner], self._roots[outer])
            node = np.where(is_single, items[node], node)
            self.holders[inner] = np.where(np.where(is_object, opens[node], items[node] != NO_NODE), node, NO_NODE)

    def _number_elements(self) -> None:
        """Number the elements of each list that is read, by their position."""
        first = int(self.index.holder_depths[0])
        everyone = np.arange(first)
        self.numbers[:first] = everyone
        begins = self.index.begins[:first].astype(np.int64)
        self.elements[self._plan.record] = Elements(Spans(begins, begins + 1), everyone, everyone)
        arrays, starts, ends = self.index.elements
        array_nodes = np.where(self.index.is_object, NO_NODE, self.holders)[arrays] if len(arrays) else arrays
        for node in self._plan.lists:
            assert node.items is not None
            which = np.flatnonzero(array_nodes == node.number)
            holders = arrays[which]
            element_starts, element_ends = starts[which].astype(np.int64), ends[which].astype(np.int64)
            outer = self.numbers_of(holders)
            if node.takes_one:
                spans = self.spans(node)
                single = np.flatnonzero(self.first(spans) == _OBJECT)
                element_starts = np.append(element_starts, spans.starts[single])
                element_ends = np.append(element_ends, spans.ends[single])
                outer = np.append(outer, single)
            # Lists below a list that may be of one, without brackets, are not all of the same depth.
            order = np.argsort(element_starts, kind="stable")
            element_starts, element_ends, outer = element_starts[order], element_ends[order], outer[order]
            counted = self.elements[node.counting]
            documents = counted.documents[outer] if len(outer) else _NONE
            self.elements[node.items] = Elements(Spans(element_starts, element_ends), outer, documents)
            inner = np.flatnonzero(self._is_element(node))
            self.numbers[inner] = np.searchsorted(element_starts, self.index.begins[inner])

    def _is_element(self, node: PlanNode) -> Bools:
        """Tell which holders are elements of a list, arrays among them."""
        assert node.items is not None
        are: Bools = self.holders == node.items.number
        are &= self._roots == np.arange(len(self.holders))
        return are
