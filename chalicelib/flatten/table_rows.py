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
    has_all = bool(has.all())
    # The elements of the innermost list are the rows, in their order, where each document has one.
    in_place = names[-1] if has_all else None
    members = {ROOT: documents}
    elements = np.arange(len(deepest))
    for name in reversed(names[1:]):
        members[name] = elements if has_all else _placed(elements, has)
        elements = levels[name].parents[elements]
    arrays: dict[str, pa.Array] = {}
    for name, of_level in zip(names, table.by_level, strict=True):
        given = {column.name: made[table.name, column.name] for column in of_level if (table.name, column.name) in made}
        if name != in_place:
            given = dict(zip(given, columns.repeated(library, [*given.values()], members[name]), strict=True))
        arrays |= given
    for column in table.columns:
        if column.source is Origin.EXTRA_FIELDS:
            kept = [name for level, name in enumerate(names) if name in texts and keeps_unnamed(contract, table, level)]
            arrays[column.name] = joined(library, len(has), [(texts[name], members[name]) for name in kept])
    return TableColumns(arrays, documents, totals)


def most_bytes(table: Table, levels: dict[str, Level], made: Made, texts: dict[str, pa.Array]) -> int:
    """Return what `row_sizes` of all documents may come to, at most.

    A document's texts stand on each of its rows, those of the innermost list's elements on one, and what lies between
    is counted as if it stood on as many as the largest document has.
    """
    names = [*levels]
    deepest = levels[names[-1]]
    rows = np.maximum(np.bincount(deepest.documents, minlength=len(levels[ROOT])), 1)
    most = (len(deepest) + len(levels[ROOT])) * values.ROW_BYTES
    for depth, (name, of_level) in enumerate(zip(names, table.by_level, strict=True)):
        arrays = [made[table.name, each.name] for each in of_level if (table.name, each.name) in made]
        arrays += [texts[name]] if name in texts else []
        arrays = [array for array in arrays if array.type == pa.string()]
        if depth == 0:
            most += int(columns.lengths_together(arrays, len(rows)) @ rows)
        else:
            most += sum(map(_data_bytes, arrays)) * (1 if depth == table.depth else int(rows.max(initial=1)))
    return most


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
    """Return for each row the element that it is of, -1 where it has none; the others are given in their order."""
    placed: Int64s = np.full(len(has), -1)
    placed[has] = elements
    return placed


def joined(library: ctypes.CDLL, count: int, parts: list[tuple[pa.Array, Int64s]]) -> pa.Array:
    """Return the unnamed fields of all levels of `count` rows, as one JSON object each, NULL for none.

    With the fields of each level's elements comes which element each row is of, -1 for none.
    """
    parts = [(fields, elements) for fields, elements in parts if fields.null_count < len(fields)]
    if not parts:
        return pa.nulls(count, pa.string())
    structs = (PartStruct * len(parts))()
    held = []
    for struct, (fields, elements) in zip(structs, parts, strict=True):
        offsets = np.frombuffer(fields.buffers()[1], dtype=np.int32)[fields.offset :]
        elements = np.ascontiguousarray(elements)
        held.append((offsets, elements))
        struct.data, struct.offsets, struct.elements = (
            fields.buffers()[2].address,
            columns.address(offsets),
            columns.address(elements),
        )
    size = library.measure_joined(structs, len(parts), count)
    out = np.empty(size + ROOM, dtype=np.uint8)
    ends = np.zeros(count + 1, dtype=np.int32)
    library.join_rows(structs, len(parts), count, columns.address(out), columns.address(ends[1:]))
    return columns.texts(ends, pa.py_buffer(out[:size]), ends[1:] > ends[:-1])
