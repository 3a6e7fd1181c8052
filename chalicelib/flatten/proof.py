"""Proves of numbers that the parser read what was sent."""

from __future__ import annotations

import numpy as np

from chalicelib.flatten import columns, raw_keys
from chalicelib.flatten.batch_text import Text
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.lax_parser import Form, Level
from chalicelib.flatten.layout import Layout, Node


class IntegerProof:
    """Proves that integers of records whose keys are all the contract's are written in digits alone."""

    def __init__(self, layout: Layout) -> None:
        self._last_keys = {leaf.number: name for node in layout.nodes for name, leaf in node.children.items()}
        keys = {self._last_keys[leaf.number] for leaf in layout.leaves if not leaf.is_element}
        self._offsets = raw_keys.discriminating_offsets(frozenset(keys))

    def check_integers(
        self,
        good: Bools,
        complete: Bools | None,
        levels: dict[str, Level],
        keys: raw_keys.Keys,
        forms: dict[Node, Form],
    ) -> None:
        """Clear `good` where a complete record has an integer that is not written in digits alone.

        Of each name, the numbers that were parsed are counted, and the keys of that name whose values are digits alone.
        All keys of a complete record are the contract's, so that each that is counted holds one of those numbers: where
        as many are counted as were parsed, each was. A number in another column, under the same key, counts as well.
        """
        if complete is not None and not complete.any():
            return
        names = {self._last_keys[leaf.number] for leaf, form in forms.items() if form is Form.INTEGER}
        expected: dict[str, Int64s] = {name: np.zeros(len(good), dtype=np.int64) for name in names}
        for leaf, form in forms.items():
            name = self._last_keys.get(leaf.number, "")
            if name in names and form in (Form.INTEGER, Form.FLOAT):
                level = levels[leaf.level]
                valid = columns.validity(level.arrays[leaf.number])
                documents = level.documents if valid is None else level.documents[valid]
                expected[name] += np.bincount(documents, minlength=len(good))
        for name, numbers in expected.items():
            unnamed, clean = raw_keys.plain_integers(keys, name, int(numbers.sum()), self._offsets[name])
            sound = clean & (unnamed == numbers)
            good &= sound if complete is None else sound | ~complete


def check_zeros(good: Bools, text: Text, levels: dict[str, Level], forms: dict[Node, Form]) -> None:
    """Clear `good` where a zero may stand for a number that is too small for a float: 1e-400 is not 0."""
    zeros = np.zeros(len(good), dtype=np.bool_)
    for leaf, form in forms.items():
        if form is Form.FLOAT:
            array, level = levels[leaf.level].arrays[leaf.number], levels[leaf.level]
            is_zero = columns.numbers(array) == 0
            valid = columns.validity(array)
            zeros[level.documents[is_zero if valid is None else is_zero & valid]] = True
    if zeros.any():
        good &= ~(zeros & text.may_hold_tiny_numbers)
