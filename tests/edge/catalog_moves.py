"""The moves from one catalog mode to another.

Three that leave and enter each mode once are in `make test`, the others in the slow tests.
"""

from __future__ import annotations

import itertools

import pytest

_MODES = ("partitions", "projection", "crawler")
_IN_TURN = {("partitions", "projection"), ("projection", "crawler"), ("crawler", "partitions")}

MOVES = [
    pytest.param(*move, marks=() if move in _IN_TURN else pytest.mark.slow)
    for move in itertools.permutations(_MODES, 2)
]
