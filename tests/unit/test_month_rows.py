"""Rows are split by month in one go: none is lost, moved within its month, or changed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from chalicelib import native_library
from chalicelib.writing.month_rows import MonthRows
from tests.guarded import guarded
from tests.unit.rows_by_month import check_split


@pytest.fixture(params=[True, False], ids=["compiled", "without a binary"])
def _is_compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.setattr(native_library, "library", lambda: None)


@pytest.mark.usefixtures("_is_compiled")
@pytest.mark.parametrize("seed", range(20))
def test_each_month_gets_its_rows_in_their_order_also_before_1970(seed: int) -> None:
    check_split(seed)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 15, 16, 17, 40])
def test_nothing_is_read_behind_what_a_column_holds(size: int) -> None:
    count, data = 9, b"x" * size
    ends = np.arange(count + 1, dtype=np.int32) * size
    numbers = np.arange(count, dtype=np.int64)
    schema = pa.schema([("text", pa.string()), ("number", pa.int64()), ("flag", pa.bool_())])
    arrays = [
        pa.Array.from_buffers(
            pa.string(), count, [guarded(b"\xff\x01"), guarded(ends.tobytes()), guarded(data * count)]
        ),
        pa.Array.from_buffers(pa.int64(), count, [None, guarded(numbers.tobytes())]),
        pa.Array.from_buffers(pa.bool_(), count, [None, guarded(b"\xff\x01")]),
    ]
    month_rows = MonthRows(schema)
    split = dict(month_rows.split(pa.Table.from_arrays(arrays, schema=schema), numbers % 2))
    for month, part in split.items():
        assert month_rows.table([part]).to_pylist() == [
            {"text": "x" * size, "number": number, "flag": True} for number in range(month, count, 2)
        ]
