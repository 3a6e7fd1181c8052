"""Products of two columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chalicelib.contracts.contract import Column
from chalicelib.flatten import columns, values
from chalicelib.flatten.columns import Bools
from chalicelib.flatten.schema import arrow_type

_LARGEST = 9.2e18
"""What fits 64 bits."""


def product(column: Column, factors: list[Column], arrays: list[pa.Array], fine: Bools) -> pa.Array:
    """Return the product of two columns, and clear `fine` where it does not fit."""
    one, other = (columns.numbers(array) for array in arrays)
    excess = sum(each.scale or 0 for each in factors) - (column.scale or 0)
    times, parts = 10 ** max(-excess, 0), 10 ** max(excess, 0)
    units = one * other
    fits = np.abs(one.astype(np.float64) * other) * times < _LARGEST
    fits &= units % parts == 0
    units = np.where(fits, units // parts * times, 0)
    for i in np.flatnonzero(~fits).tolist():
        # Python's integers have no limit: what is too large before it is divided may fit afterwards.
        exact, rest = divmod(int(one[i]) * int(other[i]) * times, parts)
        if not rest and abs(exact) <= values.MAX_UNITS:
            units[i], fits[i] = exact, True
    fits &= np.abs(units) <= values.MAX_UNITS
    first, second = (columns.validity(array) for array in arrays)
    valid = second if first is None else first if second is None else first & second
    fine &= fits if valid is None else fits | ~valid
    return columns.column(arrow_type(column), np.where(fits, units, 0), valid)
