"""Reads columns at elements of lists (`images[0].src`, `attributes[name=size].value`) beside the parser's.

The parser knows nothing of such elements. The values that paths begin with are copied as unnamed fields are read; here
they are put together as documents of their own, whose keys are indexed as the indexed way does it (see indexed.py).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyarrow._compute import JoinOptions, call_function

from chalicelib.contracts.contract import Column, FromRecord
from chalicelib.contracts.paths import JsonPath, Key
from chalicelib.flatten.columns import Bools
from chalicelib.flatten.lax_parser import Level
from chalicelib.flatten.layout import Layout, Node, Unsupported, first_keys
from chalicelib.flatten.plan import Steps, Tree, paths_of
from chalicelib.flatten.plan_keys import PADDING, PlanKeys
from chalicelib.flatten.schema import arrow_type
from chalicelib.flatten.span_columns import SpanColumns

Picked = dict[Column, tuple[pa.Array, Bools]]
"""Columns, and which of their values are as the strict way has them."""


class PickedColumns:
    """Reads the columns of a layout that are read at elements. `nodes` are where the values lie that have to be copied.

    Raises Unsupported where a key is too long to be looked for.
    """

    def __init__(self, layout: Layout) -> None:
        self._levels: dict[str, _LevelOfPicks] = {}
        for column in layout.picked:
            of_record = isinstance(column.source, FromRecord)
            nodes = [layout.picked_at(path, of_record=of_record) for path in paths_of(column)]
            self._levels.setdefault(nodes[0].level, _LevelOfPicks()).add(column, nodes)
        for level in self._levels.values():
            level.finish()
        self.nodes = [node for level in self._levels.values() for node in level.nodes]

    def __bool__(self) -> bool:
        return bool(self._levels)

    def read(self, levels: dict[str, Level]) -> Picked:
        """Return the columns, each as long as its level has elements."""
        picked: Picked = {}
        for name, level in self._levels.items():
            picked |= level.read(levels[name])
        return picked


class _LevelOfPicks:
    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._tree = Tree()
        self._columns: dict[Column, list[Steps]] = {}

    def add(self, column: Column, nodes: list[Node]) -> None:
        self._columns[column] = [_steps(node, path) for node, path in zip(nodes, paths_of(column), strict=True)]
        self.nodes = list(dict.fromkeys([*self.nodes, *nodes]))
        for steps in self._columns[column]:
            self._tree.walk(self._tree.record, steps)

    def finish(self) -> None:
        self._keys = PlanKeys(self._tree)
        if not self._keys.has_all_numbers:
            raise Unsupported

    def read(self, level: Level) -> Picked:
        nothing = pa.nulls(len(level), pa.binary())
        pieces: list[pa.Array | pa.Scalar] = []
        for i, node in enumerate(self.nodes):
            pieces += [pa.scalar(f'{"," if i else "{"}"{node.number}":'.encode(), pa.binary())]
            pieces += [level.raws.get(node.number, nothing)]
        end, between = pa.scalar(b"},", pa.binary()), pa.scalar(b"", pa.binary())
        options = JoinOptions(null_handling="replace", null_replacement="null")
        text = call_function("binary_join_element_wise", [*pieces, end, between], options)
        data = b"".join([PADDING, memoryview(text.buffers()[2] or b""), PADDING])
        batch = self._keys.values(data) if len(level) else None
        if batch is None:
            none = np.full(len(level), len(level) == 0, dtype=np.bool_)
            return {column: (pa.nulls(len(level), arrow_type(column)), none) for column in self._columns}
        spans = SpanColumns(data)
        picked: Picked = {}
        for column, ways in self._columns.items():
            fine: Bools = np.ones(len(level), dtype=np.bool_)
            walks = [batch.walk(self._tree.record, steps, np.arange(len(level))) for steps in ways]
            chosen = spans.chosen(column, [(batch.at(walk.node, walk.here), walk.strange) for walk in walks], fine)
            picked[column] = spans.column(column, chosen, fine), fine
        return picked


def _steps(node: Node, path: JsonPath) -> Steps:
    return (Key(str(node.number)), *path.relative[len(first_keys(path)) :])
