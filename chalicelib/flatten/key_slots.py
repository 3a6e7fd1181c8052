"""The keys that compiled code knows: the contract's own, and those of unnamed fields that were seen before."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from chalicelib.flatten.json_text import below, quoted
from chalicelib.flatten.layout import Layout, Node, Unsupported
from chalicelib.flatten.native_library import NO_NODE, NODE, SLOT, ScanStruct
from chalicelib.flatten.unnamed import UnnamedFields

MOST_LEARNED, MOST_AROUND = 4000, 40
"""More different keys are no names but data: documents with further ones are left to the indexed way. More than
MOST_AROUND in the records around them are passed over."""
LONGEST_LEARNED = 1000

_PADDING = bytes(8)


class KeySlots:
    """Slots of keys by the node of their object, nodes, and the literals that stand before unnamed values.

    Near misses are noted with `fields`. Raises Unsupported for a contract whose own keys do not all find a slot.
    """

    def __init__(self, library: ctypes.CDLL, layout: Layout, fields: UnnamedFields) -> None:
        self._library = library
        self._layout = layout
        self._fields = fields
        self._keys, self._literals = bytearray(), bytearray()
        self._literal_ends: list[int] = []
        self._literal_of: dict[int, int] = {}
        self._learned: set[tuple[int, bytes]] = set()
        self._around: set[tuple[int, bytes]] = set()
        self._blobs: dict[str, npt.NDArray[Any]] = {}
        count = sum(len(node.children) for node in layout.nodes)
        self._slots = np.full(1 << (4 * (MOST_LEARNED + count)).bit_length(), NO_NODE, SLOT)
        self._passed_over = len(layout.nodes)
        """The node of what lies around a document and is on no path of the contract."""
        self._nodes = np.full(len(layout.nodes) + 1, NO_NODE, NODE)
        for name in ("level", "is_object", "is_around", "is_leaf"):
            self._nodes[name][self._passed_over] = 0
        self._passes_over_all = False
        levels = {name: i for i, name in enumerate(layout.levels)}
        for node in layout.nodes:
            row = self._nodes[node.number]
            row["level"] = levels[node.level]
            row["items"] = node.items.number if node.items else NO_NODE
            row["is_object"], row["is_around"], row["is_leaf"] = bool(node.children), False, node.is_leaf
            if node.is_aside:
                row["literal"] = self._literal_of_node(node)
            for key, child in node.children.items():
                if not self._put(node.number, key.encode(), child.number):
                    raise Unsupported

    @property
    def are_all_taken(self) -> bool:
        """Whether no further key gets a slot."""
        return len(self._learned) >= MOST_LEARNED

    def nodes(self, asked: Sequence[Node], choices: Sequence[int]) -> npt.NDArray[Any]:
        """Return the table of nodes; those of `choices` are unnamed fields in some of the documents."""
        nodes = self._nodes.copy()
        if self.are_all_taken or self._passes_over_all:
            # Compiled code then passes over what it does not know there, instead of asking for it.
            nodes["is_around"][[node.number for node in self._layout.nodes if node.is_around]] = True
        nodes["asked"][[node.number for node in asked]] = np.arange(len(asked))
        nodes["choice"][list(choices)] = np.arange(len(choices))
        nodes["literal"][list(choices)] = [self._literal_of_node(self._layout.nodes[number]) for number in choices]
        return nodes

    def point(self, scan: ScanStruct) -> None:
        """Have a scan use the slots and literals as they are."""
        have = len(self._keys) + len(_PADDING), len(self._literal_ends)
        if not self._blobs or (len(self._blobs["keys"]), len(self._blobs["literal_ends"])) != have:
            self._blobs = {
                "keys": np.frombuffer(self._keys + _PADDING, np.uint8),
                "literals": np.frombuffer(self._literals + _PADDING, np.uint8),
                "literal_ends": np.array(self._literal_ends, np.int32),
            }
        scan.slots, scan.slot_mask = self._slots.ctypes.data, len(self._slots) - 1
        for name, array in self._blobs.items():
            setattr(scan, name, array.ctypes.data)

    def learn(self, data: bytes, names: npt.NDArray[Any]) -> bool:
        """Give slots to keys that had none, whose names lie in `data`. False where one gets none."""
        for number, start, length in names.tolist():
            name = number, data[start : start + length]
            if name in self._learned or name in self._around:
                continue
            node, key = self._layout.nodes[number], name[1].decode(errors="replace")
            if node.is_around:
                self._learn_around(node, name, key)
                continue
            is_learnable = length <= LONGEST_LEARNED and not self.are_all_taken and "\ufffd" not in key
            if not is_learnable or not self._put(number, name[1], ~len(self._literal_ends)):
                return False
            self._literal(below(node.path, key))
            self._learned.add(name)
            self._fields.note(key, node.level, node.path)
        return True

    def _learn_around(self, node: Node, name: tuple[int, bytes], key: str) -> None:
        """Note a key around the documents, and have it passed over from now on."""
        self._around.add(name)
        self._fields.note_around(below(node.path, key))
        is_put = self._put(node.number, name[1], self._passed_over)
        self._passes_over_all = self._passes_over_all or not is_put or len(self._around) >= MOST_AROUND

    def _put(self, node: int, key: bytes, child: int) -> bool:
        hashed = int(self._library.hash_key(key + _PADDING, len(key)))
        slot = int(self._library.free_slot(self._slots.ctypes.data, len(self._slots) - 1, node, hashed))
        if slot >= 0:
            self._slots[slot] = hashed, node, len(self._keys), len(key), child
            self._keys += key
        return slot >= 0

    def _literal_of_node(self, node: Node) -> int:
        if node.number not in self._literal_of:
            self._literal_of[node.number] = len(self._literal_ends)
            self._literal(node.path.removesuffix("."))
        return self._literal_of[node.number]

    def _literal(self, path: str) -> None:
        self._literals += f",{quoted(path)}:".encode()
        self._literal_ends.append(len(self._literals))
