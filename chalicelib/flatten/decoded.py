"""Documents decoded to columns, whichever way decoded them, and the levels of nesting that columns lie on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from chalicelib.contracts.model import Column, Contract
from chalicelib.flatten import columns, values
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.raw_keys import Bytes

EXTRA = "extra fields"
"""The column of `DecodedBatch` that holds them, in `documents` and in `lines`; absent where no document has any."""


@dataclass
class DecodedBatch:
    """Documents as columns by name: `documents` has one value a document, `lines` one value a line.

    `positions` says which of the batch's records these are; `line_counts` how many lines each has; `dates` their dates
    in milliseconds since 1970 UTC. `size` is about what all their rows take, in bytes.
    """

    positions: Int64s
    line_counts: Int64s
    dates: Int64s
    documents: dict[str, pa.Array] = field(default_factory=dict)
    lines: dict[str, pa.Array] = field(default_factory=dict)
    size: int = 0

    def row_sizes(self) -> Int64s:
        """Return for each document about what its rows take, in bytes, by the strict way's estimate."""
        each = np.full(len(self.line_counts), values.ROW_BYTES, dtype=np.int64)
        for array in self.documents.values():
            if array.type == pa.string():
                each += columns.lengths(array)
        sizes: Int64s = each * columns.row_counts(self.line_counts)
        return sizes

    def filtered(self, keep: Bools, keep_lines: Bools) -> DecodedBatch:
        """Return the documents to keep, and the lines; `positions` has the former only already."""
        return DecodedBatch(
            self.positions,
            self.line_counts[keep],
            self.dates[keep],
            {name: columns.filter_rows(array, keep) for name, array in self.documents.items()},
            {name: columns.filter_rows(array, keep_lines) for name, array in self.lines.items()},
            self.size,
        )


class Level:
    """The arrays of one level of nesting, documents or lines, as the parser gives them.

    `value_counts` is how many values of each row the parser read, `present` which rows are objects and not null, and
    `lists` the list of lines, if it lies on this level.
    """

    def __init__(self, level_columns: tuple[Column, ...], contract: Contract, parsed: Any) -> None:
        self.columns = level_columns
        self.arrays: dict[str, pa.Array] = {}
        self.lists: pa.ListArray = pa.nulls(len(parsed), pa.list_(pa.struct([])))
        self.value_counts = np.zeros(len(parsed), dtype=np.int64)
        self.present = np.ones(len(parsed), dtype=np.bool_)
        valid = columns.validity(parsed) if isinstance(parsed, pa.StructArray) else None
        if valid is not None:
            self.present = valid.copy()
        self._names = {contract.steps(column): column.name for column in level_columns}
        self._walk(parsed, ())

    @property
    def texts(self) -> Iterator[Bytes]:
        """The bytes of all texts, column by column."""
        return (columns.text_bytes(array) for array in self.arrays.values() if array.type == pa.string())

    def valid(self, column: Column) -> Bools:
        """Return which values of a column are not NULL."""
        valid = columns.validity(self.arrays[column.name])
        return np.ones(len(self.value_counts), np.bool_) if valid is None else valid

    def holds_zero(self, numbers: frozenset[str]) -> Bools:
        """Return in which rows one of these columns of floats holds 0."""
        zeros = np.zeros(len(self.value_counts), np.bool_)
        for column in self.columns:
            if column.name in numbers:
                zeros |= (columns.numbers(self.arrays[column.name]) == 0) & self.valid(column)
        return zeros

    def _walk(self, parsed: Any, steps: tuple[str, ...]) -> None:
        names = parsed.schema.names if isinstance(parsed, pa.RecordBatch) else [f.name for f in parsed.type]
        arrays = parsed.columns if isinstance(parsed, pa.RecordBatch) else parsed.flatten()
        for name, array in zip(names, arrays, strict=True):
            valid = columns.validity(array)
            self.value_counts += 1 if valid is None else valid
            path = (*steps, name)
            if path in self._names:
                self.arrays[self._names[path]] = array
            elif isinstance(array, pa.ListArray):
                self.lists = array
            else:
                self._walk(array, path)


def sums_per_document(per_line: Int64s, ends: Int64s) -> Int64s:
    """Add up a number a line for each document, whose lines end at `ends`."""
    total = np.concatenate(([0], np.cumsum(per_line)))
    return np.diff(total[ends], prepend=0)
