"""The keys of a plan, and those that batches have beside them, by number."""

from __future__ import annotations

import msgspec
import numpy as np

from chalicelib.flatten.columns import Bools
from chalicelib.flatten.key_index import KeyNames, index_keys
from chalicelib.flatten.plan import Tree
from chalicelib.flatten.plan_values import NO_NODE, PlanValues
from chalicelib.flatten.spans import with_escapes

PADDING = b" " * 64
"""Has to stand before and behind a batch."""

_MOST_CELLS = 1 << 25


class PlanKeys:
    """Numbers keys for a tree. `names` are the keys by their numbers, as they are meant, however they are written."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        own = dict.fromkeys(name for node in tree.nodes for name in node.children)
        self._numbers = KeyNames(own)
        self.has_all_numbers = len(self._numbers.names) == 1 + len(own)
        """Whether each key of the tree has a number: a long one has none."""
        self.names: list[str] = [""]
        self._first_of: dict[str, int] = {}
        self._canonical = np.zeros(KeyNames.MOST + 1, dtype=np.int32)
        self._children = np.full((len(tree.nodes) + 1, KeyNames.MOST + 1), NO_NODE, dtype=np.int32)

    def values(self, data: bytes) -> PlanValues | None:
        """Return the values of a batch of objects (see `index_keys`), or None where one is nested too deep."""
        index = index_keys(data, self._numbers)
        if index is None:
            return None
        for number in range(len(self.names), len(self._numbers.names)):
            self._learn(number, self._numbers.names[number])
        return PlanValues(self._tree, data, index, self._children)

    def _learn(self, number: int, key: bytes) -> None:
        name = str(msgspec.json.decode(b'"' + key + b'"')) if b"\\" in key else key.decode()
        self.names.append(name)
        self._canonical[number] = self._first_of.setdefault(name, number)
        for node in self._tree.nodes:
            child = node.children.get(name)
            if child is not None:
                self._children[node.number, number] = child.number

    def check(self, batch: PlanValues, good: Bools) -> None:
        """Clear `good` where a key is given twice in one object, or may be one of the tree's without its number."""
        index = batch.index
        keys = self._canonical[index.keys]
        names = len(self.names)
        cells = index.holders.astype(np.int64) * names + keys
        if not keys.all():
            self._check_unnumbered(batch, good)
            cells = cells[keys > 0]
        if len(index.begins) * names > _MOST_CELLS:
            cells.sort()
            twice = cells[1:][cells[1:] == cells[:-1]]
            good[batch.documents[twice // names]] = False
            return
        seen = np.zeros(len(index.begins) * names, dtype=np.bool_)
        seen[cells] = True
        if np.count_nonzero(seen) < len(cells):
            times = np.bincount(cells, minlength=len(seen))
            good[batch.documents[np.flatnonzero(times > 1) // names]] = False

    def _check_unnumbered(self, batch: PlanValues, good: Bools) -> None:
        """Do so for keys without numbers. Those in values that are kept or read whole are met there once more."""
        index = batch.index
        keys = np.flatnonzero(index.keys == 0)
        own = keys[batch.holders[index.holders[keys]] != NO_NODE]
        uncertain = own[with_escapes(batch.data, index.name_starts[own], index.starts[own])]
        good[batch.documents[index.holders[uncertain if self.has_all_numbers else own]]] = False
        marks = index.hashes[keys] ^ (index.holders[keys].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        order = np.argsort(marks, kind="stable")
        twice = order[1:][marks[order][1:] == marks[order][:-1]]
        good[batch.documents[index.holders[keys[twice]]]] = False
