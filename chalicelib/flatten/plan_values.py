"""Where the values of a plan lie in a batch of documents: for all documents at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from chalicelib.contracts.paths import Index, Key, Where
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.follow import holds
from chalicelib.flatten.json_text import parsed
from chalicelib.flatten.plan import PlanNode, Steps
from chalicelib.native_library import LevelStruct

_OBJECT, _ARRAY, _QUOTE, _FALSE, _NULL = b'{["fn'


class Spans(Struct, frozen=True):
    """Where values lie in a text, one for each element; -1 where an element has none. Some may be null."""

    starts: Int64s
    ends: Int64s
    may_be_null: bool = False


class Walk(Struct, frozen=True):
    """Where steps lead to: values of a node, by their numbers, -1 for none.

    Where it is `strange`, something else than an object or a list that a step goes through stands on the way.
    """

    node: PlanNode
    here: Int64s
    strange: Bools


class Elements(Struct, frozen=True):
    """Values that are numbered: where they lie, which value of the enclosing numbering each is in, of which record."""

    spans: Spans
    parents: Int64s
    documents: Int64s

    def __len__(self) -> int:
        return len(self.parents)


class PlanValues:
    """The values of a batch by the nodes of a plan.

    `elements` holds those that are numbered, `levels` the same as compiled code has them, `spans_of` where the values
    of the other nodes lie, by the number of the element that they lie in: a start and an end each. `fields` are the
    fields that may be unnamed ones, as `read_documents` notes them, `known_keys` the keys that it knows, and `bounds`
    where each record lies. `levels` and `spans_of` are those of the reader, until it reads another batch.
    """

    def __init__(
        self,
        data: bytes,
        bounds: tuple[Int64s, Int64s],
        elements: dict[PlanNode, Elements],
        levels: dict[PlanNode, LevelStruct],
        spans_of: dict[PlanNode, npt.NDArray[np.int32]],
        fields: npt.NDArray[Any],
        known_keys: npt.NDArray[np.uint8],
    ) -> None:
        self.data = data
        self.text = np.frombuffer(data, dtype=np.uint8)
        self.elements = elements
        self.levels = levels
        self.fields = fields
        self.known_keys = known_keys
        self._bounds = bounds
        self._spans_of = spans_of
        self._spans: dict[PlanNode, Spans] = {}
        self._picks: dict[tuple[PlanNode, Index | Where], Int64s] = {}
        self._wrongs: dict[tuple[PlanNode, bool], Bools | None] = {}
        self._last: tuple[Int64s, int, bool] | None = None

    def record_bounds(self, number: int) -> tuple[int, int]:
        """Return where a record begins and ends."""
        starts, ends = self._bounds
        return int(starts[number]), int(ends[number])

    def spans(self, node: PlanNode) -> Spans:
        """Return where the values of a node lie, one for each value that they are numbered by."""
        if node.counted is None:
            return self.elements[node].spans
        if node not in self._spans:
            both = self._spans_of[node]
            self._spans[node] = Spans(both[:, 0].astype(np.int64), both[:, 1].astype(np.int64))
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
        if self._are_all(elements, len(spans.starts)):
            return spans
        if len(spans.starts) == 0:
            return Spans(np.full(len(elements), -1), np.full(len(elements), -1))
        none = elements < 0
        starts, ends = spans.starts[elements], spans.ends[elements]
        if none.any():
            starts, ends = np.where(none, -1, starts), np.where(none, -1, ends)
        return Spans(starts, ends, spans.may_be_null)

    def _are_all(self, elements: Int64s, count: int) -> bool:
        """Do as `is_everyone` does, but look once at elements that are asked of for one column after the other."""
        if self._last is None or self._last[0] is not elements or self._last[1] != count:
            self._last = elements, count, is_everyone(elements, count)
        return self._last[2]

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
        key = node, list_due
        if key not in self._wrongs:
            spans = self.spans(node)
            first = self.first(spans)
            wrong = (first != (_ARRAY if list_due else _OBJECT)) & (first != _NULL)
            if wrong.any():
                wrong &= ~self.is_empty(spans, list_due=list_due)
            self._wrongs[key] = wrong if wrong.any() else None
        return self._wrongs[key]

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


def is_everyone(elements: Int64s, count: int) -> bool:
    """Tell whether elements are all of so many, in their order."""
    return len(elements) == count and (
        count == 0 or (elements[0] == 0 and elements[-1] == count - 1 and bool((elements[1:] > elements[:-1]).all()))
    )
