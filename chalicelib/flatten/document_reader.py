"""Reads a batch of documents along a plan, in one pass by compiled code (see native/documents.c)."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from chalicelib.documents.slices import Slices
from chalicelib.flatten.columns import Bools, Int64s, address, point
from chalicelib.flatten.json_text import below, quoted
from chalicelib.flatten.names import Names
from chalicelib.flatten.plan import Plan, PlanNode
from chalicelib.flatten.plan_values import Elements, PlanValues, Spans
from chalicelib.flatten.unnamed import UnnamedFields
from chalicelib.native_library import (
    COLLECTS,
    FIELD,
    FULL,
    HASHES,
    IS_AROUND,
    IS_ONE,
    KNOWN,
    KNOWN_BYTES,
    NO_FIELDS,
    NO_NODE,
    NODE,
    OPENS,
    PADDING,
    RECORDED,
    SCRATCH,
    SEEN,
    SLOT,
    LevelStruct,
    ScanStruct,
)

_FIRST_CAPACITY = 1024
MOST_BYTES = 48 * 1024 * 1024
"""What the elements and fields of a batch may take; the documents of a larger one are read in parts."""


class TooMany(Exception):
    """A batch has more elements or fields than are read at once."""


class DocumentReader:
    """Reads batches of one plan. Names of what lies around documents are noted with `fields`, once each."""

    def __init__(self, library: ctypes.CDLL, plan: Plan, fields: UnnamedFields) -> None:
        self._library = library
        self._plan = plan
        self._noted = fields
        self._around = plan.around()
        self._names = Names()
        self._counting = [node for node in plan.nodes if node.counted is None]
        numbers = {node: i for i, node in enumerate(self._counting)}
        self._columns: dict[PlanNode, list[PlanNode]] = {node: [] for node in self._counting}
        self._nodes = np.full(len(plan.nodes), NO_NODE, NODE)
        for node in plan.nodes:
            row = self._nodes[node.number]
            row["level"], row["column"] = numbers[node.counting], node.column
            if node.counted is not None:
                self._columns[node.counting].append(node)
            row["items"] = node.items.number if node.items else NO_NODE
            row["flags"] = self._flags(node)
        self._slots, self._keys = self._slots_of_keys()
        self._levels = [_Level(len(self._columns[node])) for node in self._counting]
        self._fields = np.empty(_FIRST_CAPACITY, FIELD)
        self._work: dict[str, npt.NDArray[Any]] = {
            "hashes": np.empty(HASHES, np.uint64),
            "seen": np.zeros(SEEN, np.uint64),
            "scratch": np.empty(SCRATCH, np.uint8),
            "known_keys": np.empty(KNOWN * KNOWN_BYTES, np.uint8),
            "shapes": np.repeat([[-1, 0]], len(plan.nodes) + KNOWN, axis=0).astype(np.int32),
            "known_slots": np.zeros(2 * KNOWN, np.int32),
        }
        self._scan = ScanStruct()
        self._scan.slot_mask = len(self._slots) - 1
        self._scan.levels_count, self._scan.record = len(self._levels), plan.record.number
        self._scan.nodes_count = len(plan.nodes)

    def read(self, raws: Sequence[bytes | msgspec.Raw]) -> tuple[PlanValues, Bools]:
        """Return the values of a batch, and which of its records are sound. Raises TooMany."""
        data, starts, ends = raws.padded(PADDING) if isinstance(raws, Slices) else _joined(raws)
        sound = np.zeros(len(raws), dtype=np.bool_)
        self._read(data, starts, ends, sound)
        elements: dict[PlanNode, Elements] = {}
        spans: dict[PlanNode, npt.NDArray[np.int32]] = {}
        for node, level in zip(self._counting, self._levels, strict=True):
            elements[node] = level.elements()
            values = level.values()
            spans |= {column: values[:, i] for i, column in enumerate(self._columns[node])}
        fields = self._fields[: self._scan.fields_count]
        levels = {node: level.struct for node, level in zip(self._counting, self._levels, strict=True)}
        return PlanValues(data, (starts, ends), elements, levels, spans, fields, self._work["known_keys"]), sound

    def _read(self, data: bytes, starts: Int64s, ends: Int64s, sound: Bools) -> None:
        scan = self._scan
        scan.document = scan.fields_count = 0
        scan.around = ctypes.pointer(self._names.struct)
        scan.documents = len(starts)
        given: dict[str, npt.NDArray[Any]] = {
            "data": np.frombuffer(data, np.uint8),
            "starts": starts,
            "ends": ends,
            "sound": sound,
            "nodes": self._nodes,
            "slots": self._slots,
            "keys": self._keys,
            **self._work,
        }
        point(scan, **given)
        for level in self._levels:
            level.struct.count = 0
        self._levels[0].fit(len(starts))
        try:
            self._read_all()
        finally:
            # What was noted lies in this text, also where it has too many elements.
            for number, key in self._names.fresh(data):
                self._noted.note_around(below(self._around[number], key))

    def _read_all(self) -> None:
        scan = self._scan
        while True:
            structs = (LevelStruct * len(self._levels))(*(level.struct for level in self._levels))
            scan.levels, scan.fields, scan.fields_capacity = structs, address(self._fields), len(self._fields)
            state = self._library.read_documents(ctypes.byref(scan))
            for level, struct in zip(self._levels, structs, strict=True):
                level.struct = struct
            if state != FULL:
                return
            self._grow()

    def _grow(self) -> None:
        if self._scan.full == NO_FIELDS:
            self._fields = _longer(self._fields, self._scan.fields_count, 2 * len(self._fields))
        else:
            self._levels[self._scan.full].grow()
        if self._fields.nbytes + sum(level.size for level in self._levels) > MOST_BYTES:
            self._fields = np.empty(_FIRST_CAPACITY, FIELD)
            self._levels = [_Level(len(self._columns[node])) for node in self._counting]
            raise TooMany

    def _flags(self, node: PlanNode) -> int:
        is_named = node.names is not None and node.names.is_named
        flags = {
            OPENS: bool(node.children) or node.collects,
            IS_ONE: node.takes_one,
            COLLECTS: node.collects,
            RECORDED: not is_named,
            IS_AROUND: node.number in self._around,
        }
        return sum(flag for flag, is_set in flags.items() if is_set)

    def _slots_of_keys(self) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8]]:
        """Return a table of the plan's keys by their nodes, and the keys."""
        members = [
            (node.number, quoted(name).encode()[1:-1], child.number)
            for node in self._plan.nodes
            for name, child in node.children.items()
        ]
        size = 1 << (4 * len(members) + 4).bit_length()
        while True:
            slots, keys = np.full(size, NO_NODE, SLOT), bytearray()
            for node, key, child in members:
                hashed = int(self._library.hash_key(key + PADDING, len(key)))
                free = int(self._library.free_slot(address(slots), size - 1, node, hashed))
                if free < 0:
                    break
                slots[free] = hashed, node, len(keys), len(key), child
                keys += key
            else:
                return slots, np.frombuffer(bytes(keys) + PADDING, np.uint8)
            size *= 2


class _Level:
    """Room for the elements of a level, and for where their values lie."""

    def __init__(self, width: int) -> None:
        self.struct = LevelStruct()
        self.struct.width = width
        self._arrays: dict[str, npt.NDArray[np.int32]] = {}
        self._resize(_FIRST_CAPACITY)

    @property
    def size(self) -> int:
        return sum(array.nbytes for array in self._arrays.values())

    def fit(self, count: int) -> None:
        """Have room for so many elements."""
        if count > self.struct.capacity:
            self._resize(count)

    def grow(self) -> None:
        """Make twice the room."""
        self._resize(2 * self.struct.capacity)

    def elements(self) -> Elements:
        """Return what was read."""
        starts, ends, parents, documents = (
            self._arrays[name][: self.struct.count].astype(np.int64)
            for name in ("starts", "ends", "parents", "documents")
        )
        return Elements(Spans(starts, ends, may_be_null=True), parents, documents)

    def values(self) -> npt.NDArray[np.int32]:
        """Return where the values of each element lie: element, column, start and end."""
        width = self.struct.width
        return self._arrays["spans"][: self.struct.count * width * 2].reshape(self.struct.count, width, 2)

    def _resize(self, capacity: int) -> None:
        widths = {"spans": 2 * self.struct.width, "starts": 1, "ends": 1, "parents": 1, "documents": 1}
        for name, width in widths.items():
            old = self._arrays.get(name, np.empty(0, np.int32))
            self._arrays[name] = _longer(old, self.struct.count * width, max(capacity * width, 1))
        point(self.struct, **self._arrays)
        self.struct.capacity = capacity


def _joined(raws: Sequence[bytes | msgspec.Raw]) -> tuple[bytes, Int64s, Int64s]:
    """Return a text that holds records one behind the other, and where each begins and ends."""
    sizes = np.fromiter(map(len, raws), np.int64, len(raws))
    ends = len(PADDING) + np.cumsum(sizes + 1)
    return b"\n".join([PADDING, *raws, PADDING]), ends - sizes, ends


def _longer(array: npt.NDArray[Any], used: int, length: int) -> npt.NDArray[Any]:
    """Return an array of this length that begins with the `used` first values of another."""
    longer = np.empty(length, array.dtype)
    longer[:used] = array[:used]
    return longer
