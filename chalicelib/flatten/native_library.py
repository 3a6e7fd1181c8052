"""The compiled part of the flattening: what native/unnamed_fields.c exports, for ctypes.

A binary for each system lies in `binaries`. It stands on no library, so that one serves every distribution and every
Python; `make native` builds them, and a test compares them with their source (docs/decisions has the reasons).
"""

from __future__ import annotations

import ctypes
import platform
import sys
from ctypes import POINTER, Structure, c_int32, c_int64, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

DONE, NEW_NAMES, FULL = range(3)
"""What `read_documents` returns."""

NO_NODE = -1

BINARIES = Path(__file__).parent / "binaries"

SLOT = np.dtype([("hash", "u8"), ("node", "i4"), ("key_start", "i4"), ("key_length", "i4"), ("child", "i4")])
SPAN = np.dtype([(name, "i4") for name in ("asked", "element", "start", "end")])
NAME = np.dtype([(name, "i4") for name in ("node", "start", "length")])
NODE = np.dtype(
    [(name, "i4") for name in ("level", "items", "literal", "choice", "asked", "is_object", "is_around", "is_leaf")]
)


def _fields(kind: Any, names: str) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


class LevelStruct(Structure):
    """The elements of a level, and the text of their unnamed fields."""

    _fields_ = _fields(c_void_p, "text documents ends") + _fields(c_int32, "size capacity count most begin padding")


class ScanStruct(Structure):
    """All that `read_documents` works on."""

    _fields_ = [
        *_fields(c_void_p, "data starts ends nodes slots keys literals choices literal_ends"),
        ("levels", POINTER(LevelStruct)),
        *_fields(c_void_p, "spans values sound names hashes seen"),
        ("slot_mask", c_int64),
        *_fields(c_int32, "documents levels_count record document"),
        *_fields(c_int32, "spans_count spans_capacity values_size values_capacity names_count names_capacity"),
        *_fields(c_int32, "may_learn is_full hashes_count seen_count"),
        ("epoch", c_uint64),
        ("end", c_void_p),
    ]


HASHES = 1 << 17
SEEN = 1 << 18
"""Sizes of the arrays `hashes` and `seen`."""


def binary_name(system: str, machine: str) -> str:
    """Return the name of the binary for a system, as `platform` names it and its processor."""
    processor = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower())
    return f"{system.lower()}-{processor}.so"


@cache
def library() -> ctypes.CDLL | None:
    """Load the binary for this machine. None where there is none: documents then go the indexed way."""
    if sys.byteorder != "little":
        return None
    try:
        loaded = ctypes.CDLL(str(BINARIES / binary_name(platform.system(), platform.machine())))
    except OSError:
        return None
    loaded.read_documents.argtypes = [POINTER(ScanStruct)]
    loaded.read_documents.restype = c_int32
    loaded.hash_key.argtypes = [c_void_p, c_int32]
    loaded.hash_key.restype = c_uint64
    loaded.free_slot.argtypes = [c_void_p, c_int64, c_int32, c_uint64]
    loaded.free_slot.restype = c_int64
    return loaded
