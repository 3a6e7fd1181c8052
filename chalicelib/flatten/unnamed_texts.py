"""Cuts the unnamed fields out of a batch of documents, for all documents at once.

What the strict way does field by field (see unnamed.py), compiled code does in one pass over the batch's bytes (see
native/unnamed_fields.c). It is given the layout of the contract as tables, and learns the keys that it meets: each gets
a slot, as the contract's own keys have, with the literal that stands before its value. Documents of which it is not
certain that the strict way would say the same are not sound: keys given twice or written with escapes, halves of
surrogate pairs, deep nesting.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from chalicelib.flatten import columns
from chalicelib.flatten.batch_text import Text
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.key_slots import KeySlots
from chalicelib.flatten.layout import Layout, Node
from chalicelib.flatten.native_library import DONE, FULL, HASHES, NAME, SEEN, SPAN, LevelStruct, ScanStruct, library
from chalicelib.flatten.spans import Spans
from chalicelib.flatten.unnamed import UnnamedFields
from chalicelib.settings import MIB

MOST_BYTES = 128 * MIB
"""No more room than this is made for the unnamed fields of a batch: beyond, a document repeats long paths."""

TOO_ROOMY = 8
"""How many times what a batch needs is given back: what one large document needed."""

PADDING = b" " * 64
_FIRST_CAPACITY = 1 << 12


@dataclass(frozen=True)
class UnnamedTexts:
    """What was read of a batch: which documents are `sound`, and of each level the unnamed fields of its elements.

    `texts` are JSON objects without their braces, NULL where an element has no such field. `documents` says of each
    level which document each element is of, `leaves` where in `data` the values of nodes are that were asked for, as
    compact JSON. What is not sound has no elements but the document itself.
    """

    data: bytes
    sound: Bools
    texts: dict[str, pa.Array]
    documents: dict[str, npt.NDArray[Any]]
    leaves: dict[int, Spans]


class UnnamedReader:
    """Reads the unnamed fields of batches. Near misses are noted with `fields`."""

    def __init__(self, layout: Layout, fields: UnnamedFields) -> None:
        self._library = library()
        self._layout = layout
        self._slots = KeySlots(self._library, layout, fields) if self._library else None
        self._levels = [_Level() for _ in layout.levels]
        self._arrays: dict[str, npt.NDArray[Any]] = {
            "spans": np.empty(_FIRST_CAPACITY, SPAN),
            "names": np.empty(_FIRST_CAPACITY, NAME),
            "values": np.empty(_FIRST_CAPACITY, np.uint8),
            "hashes": np.empty(HASHES, np.uint64),
            "seen": np.zeros(SEEN, np.uint64),
        }
        self._scan = ScanStruct(record=layout.record.number, levels_count=len(layout.levels), epoch=1)

    def read(self, text: Text, which: Int64s, asked: Sequence[Node], aside: Mapping[int, Bools]) -> UnnamedTexts | None:
        """Read those of the records of a text that `which` says, all of them objects. Returns None if it cannot.

        `asked` are nodes whose values are wanted, `aside` says of nodes in which of the records their values are
        unnamed fields.
        """
        if self._slots is None:
            return None
        sound = np.zeros(len(which), np.bool_)
        inputs: dict[str, npt.NDArray[Any]] = {
            "data": text.bytes,
            "starts": text.starts[which],
            "ends": text.starts[which + 1] - 1,
            "nodes": self._slots.nodes(asked, list(aside)),
            "choices": np.array([aside[number] for number in aside], dtype=np.bool_),
            "sound": sound,
        }
        scan = self._scan
        scan.documents, scan.document, scan.may_learn = len(which), 0, not self._slots.are_all_taken
        scan.spans_count = scan.values_size = 0
        for level in self._levels:
            level.begin(len(which), len(text.data))
        self._arrays["values"] = _fitting(self._arrays["values"], len(text.data))
        while (state := self._run(inputs)) != DONE:
            if state == FULL:
                if not self._grow():
                    return None
            else:
                names = self._arrays["names"][: scan.names_count]
                scan.may_learn = self._slots.learn(text.data, names)
                inputs["nodes"] = self._slots.nodes(asked, list(aside))
        return self._texts(sound, asked)

    def _run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> int:
        assert self._library is not None
        assert self._slots is not None
        scan = self._scan
        self._slots.point(scan)
        for name, array in (*inputs.items(), *self._arrays.items()):
            setattr(scan, name, array.ctypes.data)
        scan.spans_capacity, scan.values_capacity, scan.names_capacity = (
            len(self._arrays[name]) for name in ("spans", "values", "names")
        )
        structs = (LevelStruct * len(self._levels))(*(level.struct for level in self._levels))
        scan.levels = structs
        state = int(self._library.read_documents(ctypes.byref(scan)))
        for level, struct in zip(self._levels, structs, strict=True):
            level.struct = struct
        return state

    def _grow(self) -> bool:
        """Make twice the room for everything; False where that would be too much."""
        for name, used in (("spans", self._scan.spans_count), ("values", self._scan.values_size)):
            self._arrays[name] = _twice(self._arrays[name], used)
        for level in self._levels:
            level.grow()
        sizes = [len(self._arrays["values"]), *(level.struct.capacity for level in self._levels)]
        return all(size <= MOST_BYTES for size in sizes)

    def _texts(self, sound: Bools, asked: Sequence[Node]) -> UnnamedTexts:
        spans: npt.NDArray[Any] = self._arrays["spans"][: self._scan.spans_count]
        data = self._arrays["values"][: self._scan.values_size].tobytes() + PADDING
        leaves = {}
        for i, node in enumerate(asked):
            mine = spans[spans["asked"] == i]
            leaves[node.number] = Spans(mine["element"].astype(np.int64), mine["start"].copy(), mine["end"].copy())
        names = list(self._layout.levels)
        return UnnamedTexts(
            data,
            sound,
            {name: level.made() for name, level in zip(names, self._levels, strict=True)},
            {
                name: level.documents[: level.struct.count].copy()
                for name, level in zip(names, self._levels, strict=True)
            },
            leaves,
        )


class _Level:
    """The elements of a level, and room for more."""

    def __init__(self) -> None:
        self.documents = np.empty(_FIRST_CAPACITY, np.int32)
        self._ends = np.empty(_FIRST_CAPACITY, np.int32)
        self._text = np.empty(_FIRST_CAPACITY, np.uint8)
        self.struct = LevelStruct()

    def begin(self, documents: int, size: int) -> None:
        """Empty it, with room for one element a document and for `size` bytes of text."""
        self.struct.size = self.struct.count = 0
        self.documents, self._ends = _fitting(self.documents, documents), _fitting(self._ends, documents)
        self._text = _fitting(self._text, size)
        self._point()

    def grow(self) -> None:
        """Make twice the room."""
        count = self.struct.count
        self.documents, self._ends = _twice(self.documents, count), _twice(self._ends, count)
        self._text = _twice(self._text, self.struct.size)
        self._point()

    def _point(self) -> None:
        self.struct.text, self.struct.capacity = self._text.ctypes.data, len(self._text)
        self.struct.documents, self.struct.ends = self.documents.ctypes.data, self._ends.ctypes.data
        self.struct.most = min(len(self.documents), len(self._ends))

    def made(self) -> pa.Array:
        """Return the texts of all elements, NULL for those without."""
        count = self.struct.count
        offsets = np.zeros(count + 1, np.int32)
        offsets[1:] = self._ends[:count]
        data = pa.py_buffer(self._text[: self.struct.size].tobytes())
        return columns.texts(offsets, data, offsets[1:] > offsets[:-1])


def _fitting(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """Return an array with room for `length` values, whatever they are: this one unless it is too small or large."""
    length = max(length, _FIRST_CAPACITY)
    return array if length <= len(array) <= TOO_ROOMY * length else np.empty(length, array.dtype)


def _twice(array: npt.NDArray[Any], used: int) -> npt.NDArray[Any]:
    """Return an array of twice the length that begins with the `used` first values of this one."""
    longer = np.empty(2 * len(array), array.dtype)
    longer[:used] = array[:used]
    return longer
