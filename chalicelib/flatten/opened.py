"""Opens texts of JSON that records hold on the way to their document: what is in a text takes its place."""

from __future__ import annotations

import msgspec
import numpy as np

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.paths import Key
from chalicelib.contracts.sources import FromRecord
from chalicelib.flatten.columns import Bools
from chalicelib.flatten.plan import Plan, Steps, paths_of
from chalicelib.flatten.plan_values import PlanValues

_QUOTE, _TEXT = ord('"'), b'"'


class Opener:
    """Opens texts on the way that `contract.at` says, but for those that a column is read from as they are."""

    def __init__(self, contract: Contract, plan: Plan) -> None:
        self._plan = plan
        at: Steps = contract.at.relative if contract.at else ()
        around = [
            path.relative
            for _, column in contract.columns()
            if isinstance(column.source, FromRecord)
            for path in paths_of(column)
        ]
        self._ways = [at[:end] for end in range(1, len(at) + 1)]
        self._ways = [way for way in self._ways if not any(_meet(way, each) for each in around)]

    def open(self, batch: PlanValues) -> dict[int, bytes]:
        """Return the records in which a text was opened, the outermost one, by their positions."""
        opened: dict[int, bytes] = {}
        everyone = np.arange(len(batch.elements[self._plan.record]))
        for way in self._ways:
            walk = batch.walk(self._plan.record, way, everyone)
            spans = batch.at(walk.node, walk.here)
            are_texts: Bools = batch.first(spans) == _QUOTE
            for i in np.flatnonzero(are_texts).tolist():
                start, end = int(spans.starts[i]), int(spans.ends[i])
                inner = _inner(batch.data[start:end])
                if inner is not None and i not in opened:
                    first, last = batch.record_bounds(i)
                    opened[i] = batch.data[first:start] + inner + batch.data[end:last]
        return opened


def _inner(text: bytes) -> bytes | None:
    """Return the JSON that a text holds; None where there is none, or another text."""
    try:
        inner: bytes = msgspec.json.decode(text, type=str).encode().strip()
        msgspec.json.decode(inner)
    except (ValueError, RecursionError):
        return None
    return None if inner.startswith(_TEXT) else inner


def _meet(way: Steps, around: Steps) -> bool:
    """Tell whether one of two paths may lead to what the other goes through: two steps may take the same element."""
    parting = next((both for both in zip(way, around, strict=False) if both[0] != both[1]), None)
    return parting is None or not all(isinstance(step, Key) for step in parting)
