"""Puts the columns of all levels together as rows of one table: what encloses a row is repeated on it."""

from __future__ import annotations

import ctypes

import numpy as np
import pyarrow as pa
from msgspec import Struct

from chalicelib.contracts.contract import Contract, Table
from chalicelib.contracts.sources import Origin
from chalicelib.flatten import columns, values
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.strict import keeps_unnamed
from chalicelib.native_library import ROOM, PartStruct

ROOT = ""
"""The name of the level of documents; that of a list's elements is its path."""

Made = dict[tuple[str, str], pa.Array]
"""Columns by table and name, each as long as its level has elements."""

PART_BYTES = 16 * 1024 * 1024
"""What the rows of more than one document may take together, about, before a batch is flattened in parts."""


class TooLarge(Exception):
    """The rows of a batch would take more than PART_BYTES."""


class Level(Struct, frozen=True):
    """The elements of one level, of all records one after the other.

    `parents` says of each element which of the level above encloses it, `documents` which record it is of.
    """

    parents: Int64s
    documents: Int64s

    def __len__(self) -> int:
        return len(self.documents)


class TableColumns(Struct):
    """Rows of one table: the columns that documents give, by name, and of which document each row is, by position.

    `elements` counts how many of the rows of each document elements made.
    """

    arrays: dict[str, pa.Array]
    documents: Int64s
    elements: Int64s

    def keep(self, good: Bools) -> None:
        """Keep the rows of these documents alone; they are counted anew."""
        if good.all():
            return
        rows = good[self.documents]
        self.arrays = {name: columns.filter_rows(array, rows) for name, array in self.arrays.items()}
        self.documents = (np.cumsum(good) - 1)[self.documents[rows]]
        self.elements = self.elements[good]


def rows_of(
    library: ctypes.CDLL,
    contract: Contract,
    table: Table,
    levels: dict[str, Level],
    made: Made,
    texts: dict[str, pa.Array],
) -> TableColumns:
    """Return the rows of a table. `texts` are the unnamed fields of each level's elements: objects without braces."""
    names = [ROOT, *(str(rows.path) for rows in table.lists)]
    count = len(levels[ROOT])
    deepest = levels[names[-1]]
    totals = np.bincount(deepest.documents, minlength=count)
    documents = np.repeat(np.arange(count), np.maximum(totals, 1))
    has = totals[documents] > 0
    element_of_row: dict[str, Int64s | None] = {ROOT: documents}
    # The elements of the innermost list are the rows, in their order, where each document has one.
    in_place = names[-1] if table.depth and has.all() else None
    if table.depth:
        elements = np.arange(len(deepest))
        for name in reversed(names[1:]):
            element_of_row[name] = _placed(elements, has)
            elements = levels[name].parents[elements]
    valid = None if has.all() else has
    arrays: dict[str, pa.Array] = {}
    for column in table.columns:
        source = column.source
        if (table.name, column.name) in made:
            array = made[table.name, column.name]
            name = names[table.level(column)]
            if name == in_place:
                arrays[column.name] = array
                continue
            arrays[column.name] = columns.take(array, _elements(element_of_row, name), valid if name != ROOT else None)
        elif source is Origin.EXTRA_FIELDS:
            kept = [name for level, name in enumerate(names) if name in texts and keeps_unnamed(contract, table, level)]
            arrays[column.name] = _joined(
                library, len(has), [(texts[name], _members(element_of_row, name, has)) for name in kept]
            )
    return TableColumns(arrays, documents, totals)


def most_bytes(table: Table, levels: dict[str, Level], made: Made, texts: dict[str, pa.Array]) -> int:
    """Return what `row_sizes` of all documents may come to, at most: as if each text stood on the rows of the largest.

    An element encloses no more rows than its document has.
    """
    deepest = levels[[*levels][-1]]
    rows = np.bincount(deepest.documents)
    arrays = [array for (name, _), array in made.items() if name == table.name] + [*texts.values()]
    of_texts = sum(_data_bytes(array) for array in arrays if array.type == pa.string())
    return (len(deepest) + len(levels[ROOT])) * values.ROW_BYTES + of_texts * max(1, int(rows.max(initial=0)))


def _data_bytes(texts: pa.Array) -> int:
    """Return how many bytes texts have."""
    data = texts.buffers()[2]
    return 0 if data is None else int(data.size)


def row_sizes(table: Table, levels: dict[str, Level], made: Made, texts: dict[str, pa.Array]) -> Int64s:
    """Return for each document about how many bytes its rows of a table take: each repeats what encloses it.

    Known before they are made, since a megabyte of JSON can stand for terabytes of rows.
    """
    names = [ROOT, *(str(rows.path) for rows in table.lists)]
    count = len(levels[ROOT])
    sizes = np.maximum(np.bincount(levels[names[-1]].documents, minlength=count), 1) * values.ROW_BYTES
    rows: Int64s = np.ones(len(levels[names[-1]]), dtype=np.int64)
    for depth in reversed(range(len(names))):
        level = levels[names[depth]]
        columns_here = [column.name for column in table.columns if table.level(column) == depth]
        arrays = [made[table.name, name] for name in columns_here if (table.name, name) in made]
        arrays += [texts[names[depth]]] if names[depth] in texts else []
        lengths = columns.lengths_together([each for each in arrays if each.type == pa.string()], len(level))
        repeats = np.maximum(rows, 1) if depth == 0 else rows
        sizes = sizes + np.bincount(level.documents, lengths * repeats, count).astype(np.int64)
        if depth:
            rows = np.bincount(level.parents, rows, len(levels[names[depth - 1]])).astype(np.int64)
    result: Int64s = sizes
    return result


def _placed(elements: Int64s, has: Bools) -> Int64s:
    """Return for each row the element that it is of; any where it has none."""
    if has.all():
        return elements
    if len(elements) == 0:
        return np.zeros(len(has), dtype=np.int64)
    placed: Int64s = elements[np.maximum(np.cumsum(has) - 1, 0)]
    return placed


def _elements(element_of_row: dict[str, Int64s | None], name: str) -> Int64s:
    elements = element_of_row[name]
    assert elements is not None
    return elements


def _members(element_of_row: dict[str, Int64s | None], name: str, has: Bools) -> Int64s:
    """Return for each row the element of a level that it is of, -1 where the document has none."""
    elements = _elements(element_of_row, name)
    return elements if name == ROOT or has.all() else np.where(has, elements, -1)


def _joined(library: ctypes.CDLL, count: int, parts: list[tuple[pa.Array, Int64s]]) -> pa.Array:
    """Return the unnamed fields of all levels of `count` rows, as one JSON object each, NULL for none.

    With the fields of each level's elements comes which element each row is of, -1 for none.
    """
    parts = [(fields, elements) for fields, elements in parts if fields.null_count < len(fields)]
    if not parts:
        return pa.nulls(count, pa.string())
    room = ROOM + count * (len(parts) + 1)
    structs = (PartStruct * len(parts))()
    held = []
    for struct, (fields, elements) in zip(structs, parts, strict=True):
        room += int(columns.lengths(fields)[elements[elements >= 0]].sum())
        offsets = np.frombuffer(fields.buffers()[1], dtype=np.int32)[fields.offset :]
        elements = np.ascontiguousarray(elements)
        held.append((offsets, elements))
        struct.data, struct.offsets, struct.elements = (
            fields.buffers()[2].address,
            columns.address(offsets),
            columns.address(elements),
        )
    out = np.empty(room, dtype=np.uint8)
    ends = np.zeros(count + 1, dtype=np.int32)
    library.join_rows(structs, len(parts), count, columns.address(out), columns.address(ends[1:]))
    return columns.texts(ends, pa.py_buffer(out[: ends[-1]]), ends[1:] > ends[:-1])
