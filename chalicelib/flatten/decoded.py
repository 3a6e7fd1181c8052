"""Records that one way has decoded, as columns."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.sources import Origin
from chalicelib.flatten import columns, date_values
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.table_rows import Made, TableColumns


class Decoded(Struct):
    """Records of a batch as columns, one `TableColumns` for each table of the contract.

    `positions` says which of the batch's records these are, `dates` the milliseconds of each one's date, None where the
    contract has none.
    """

    positions: Int64s
    dates: Int64s | None
    tables: list[TableColumns]


class Proven(Struct):
    """What was proven of the records of a batch, of those as well that were not decoded.

    A record is `sound` that is JSON in whose objects no key is repeated. `certain` says how many of the main table's
    columns, from the first, would not reject it: 0 where nothing is known.
    """

    sound: Bools
    certain: Int64s

    @classmethod
    def nothing(cls, count: int) -> Proven:
        """Return what is proven of so many records before they are looked at."""
        return cls(np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.int64))


def dates_of(contract: Contract, made: Made) -> Int64s | None:
    """Return the milliseconds of each document's date, from the columns of the main table; None where there is none."""
    column = contract.date_column
    if column.source is Origin.SOURCE_MODIFIED_AT:
        return None
    array = made[contract.main.name, column.name]
    if column.type is Type.DATE:
        return columns.numbers(array) * date_values.MILLISECONDS_A_DAY
    return columns.numbers(array)
