"""Rows of any months, and what has to become of them where they are split by month."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pyarrow as pa

from chalicelib.flatten import columns
from chalicelib.flatten.schema import CONSTANT
from chalicelib.writing.month_rows import MonthRows, Part

SCHEMA = pa.schema(
    [
        ("key", CONSTANT),
        ("text", pa.string()),
        ("amount", pa.decimal64(18, 4)),
        ("flag", pa.bool_()),
        ("at", pa.timestamp("ms")),
        ("version", CONSTANT),
        ("number", pa.int64()),
    ]
)


def rows_of(draw: random.Random, start: int, count: int) -> pa.Table:
    def maybe(value: Any) -> Any:
        return None if draw.random() < 0.3 else value

    values = [draw.randrange(-(10**12), 10**12) for _ in range(count)]
    arrays = [
        columns.constant("a key", count),
        pa.array([maybe(draw.choice(["", "é", "x" * 100, str(start)])) for _ in range(count)], pa.string()),
        columns.column(pa.decimal64(18, 4), np.array(values, dtype=np.int64)),
        pa.array([maybe(draw.random() < 0.5) for _ in range(count)], pa.bool_()),
        columns.column(pa.timestamp("ms"), np.array(values, dtype=np.int64), np.array(values) % 3 > 0),
        columns.constant("v1", count),
        pa.array(range(start, start + count), pa.int64()),
    ]
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def check_split(seed: int) -> None:
    """Split drawn rows by month, and see that each month has its own in their order, also before 1970."""
    draw = random.Random(seed)
    parts, start = [], 0
    for _ in range(draw.randrange(1, 5)):
        count = draw.randrange(1, 60)
        # A part of a larger table, whose bits and offsets begin anywhere.
        parts.append(rows_of(draw, start, count + 9).slice(skipped := draw.randrange(9), count))
        start += count + skipped
    parts.insert(draw.randrange(len(parts) + 1), rows_of(draw, 0, 1).slice(1))
    rows = pa.concat_tables(parts)
    first = draw.choice([-845, -3, 0, 600])
    months = np.array([first + draw.randrange(draw.choice([2, 40])) for _ in range(len(rows))], dtype=np.int64)
    if draw.random() < 0.3:
        months.sort()
    if months[0] == months[-1]:
        months[0] += 1
    month_rows = MonthRows(SCHEMA)
    split: dict[int, list[Part]] = {}
    for month, part in month_rows.split(rows, months):
        split.setdefault(month, []).append(part)
    assert sorted(split) == sorted(set(months.tolist()))
    for month, of_month in split.items():
        table = month_rows.table(of_month)
        assert table.schema == SCHEMA
        table.validate(full=True)
        assert table.to_pylist() == [row for row, of in zip(rows.to_pylist(), months, strict=True) if of == month]
        several = month_rows.table([rows.slice(0, 3), *of_month, rows.slice(1, 2), of_month[0]])
        assert several.to_pylist() == [
            *rows.slice(0, 3).to_pylist(),
            *table.to_pylist(),
            *rows.slice(1, 2).to_pylist(),
            *month_rows.table([of_month[0]]).to_pylist(),
        ]
