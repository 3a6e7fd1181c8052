"""Products of two columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from chalicelib.contracts.contract import Column
from chalicelib.flatten import columns, values
from chalicelib.flatten.columns import Bools
from chalicelib.flatten.schema import arrow_type


def product(column: Column, factors: list[Column], arrays: list[pa.Array], fine: Bools) -> pa.Array:
    """Return the product of two columns, and clear `fine` where it does not fit."""
    one, other = (columns.numbers(array) for array in arrays)
    excess = sum(each.scale or 0 for each in factors) - (column.scale or 0)
    fits = np.abs(one.astype(np.float64) * other) * 10.0 ** max(-excess, 0) < 9.2e18
    units = one * other
    if excess > 0:
        fits &= units % 10**excess == 0
        units = units // 10**excess
    else:
        units = units * 10**-excess
    fits &= np.abs(units) <= values.MAX_UNITS
    first, second = (columns.validity(array) for array in arrays)
    valid = second if first is None else first if second is None else first & second
    fine &= fits if valid is None else fits | ~valid
    return columns.column(arrow_type(column), np.where(fits, units, 0), valid)
