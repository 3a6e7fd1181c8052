"""The compiled part of reading documents: what native/documents.c exports, for ctypes.

A binary for each system lies in `binaries`. It stands on no library, so that one serves every distribution and every
Python; `make native` builds them, and a test compares them with their source (docs/decisions has the reasons).
"""

from __future__ import annotations

import ctypes
import platform
import sys
import warnings
from ctypes import POINTER, Structure, c_char_p, c_int32, c_int64, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

DONE, FULL = range(2)
"""What `read_documents` returns."""

OPENS, IS_ONE, COLLECTS, RECORDED, IS_AROUND = (1 << i for i in range(5))
"""The flags of a node."""

IS_KNOWN, HAS_KEYS, HAS_ROWS = (1 << i for i in range(3))
"""What is read of the fields of a node, for `choose_fields`."""

AS_SENT, TEXT, IDENTIFIER, JSON, UNITS, DOUBLES, INSTANTS, WAY = range(8)
"""The kinds of columns that `read_columns` makes: the first are the texts of `read_texts`, and the last is none."""

BY_COMMAS, BY_NOTHING = range(2)
"""What separates the values that `split_values` finds."""

IS_CUT_OFF = -1
"""What `end_of_value` returns where the text ends before the value does."""

NO_NODE = -1
NO_FIELDS = -2
"""What `full` says where there was no room for more fields; else it is the number of a level."""

BINARIES = Path(__file__).parent / "binaries"

SLOT = np.dtype([("hash", "u8"), ("node", "i4"), ("key_start", "i4"), ("key_length", "i4"), ("child", "i4")])
NODE = np.dtype([(name, "i4") for name in ("level", "column", "items", "flags")])
FIELD = np.dtype(
    [
        (name, "i4")
        for name in (
            "node",
            "child",
            "element",
            "parent",
            "key_start",
            "key_length",
            "is_plain",
            "is_compact",
            "start",
            "end",
            "known",
        )
    ]
)
LAID_OUT = ("values", "ends", "valid", "size", "nulls")
"""Where a column lies in what compiled code writes, how many bytes its values take, and how many are null."""

COLUMN = np.dtype(
    [
        *((name, "i4") for name in ("number", "kind", "shift", "is_required")),
        *((name, "u8") for name in ("noise", "unit_noise")),
        *((name, "i8") for name in (*LAID_OUT, "doubts")),
    ]
)
SOURCE = np.dtype(
    [
        *((name, "u8") for name in ("given_values", "given_ends", "given_valid")),
        *((name, "i8") for name in ("offset", "width", *LAID_OUT)),
    ]
)
NAME = np.dtype([(name, "i4") for name in ("node", "start", "length")])

PADDING = b" " * 64
"""Has to stand before and behind the documents' bytes."""

ROOM = 16
"""Bytes that are written behind what is written, at most."""

NAMES, HASHES, SEEN, SCRATCH = 1 << 13, 1 << 17, 1 << 18, 1 << 13
"""Sizes of a table of names, and of the arrays `hashes`, `seen` and `scratch`."""

KNOWN, KNOWN_BYTES = 1 << 11, 56
"""How many keys may be known, and what one takes."""


def _fields(kind: Any, names: str) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


class LevelStruct(Structure):
    """Elements that are numbered, and where their values lie."""

    _fields_ = _fields(c_void_p, "spans starts ends parents documents") + _fields(c_int32, "count capacity width begin")


class NamesStruct(Structure):
    """Names that are noted once each."""

    _fields_ = [*_fields(c_void_p, "names table"), *_fields(c_int32, "count capacity met padding")]


class ScanStruct(Structure):
    """All that `read_documents` works on."""

    _fields_ = [
        *_fields(c_void_p, "data starts ends nodes slots keys"),
        ("levels", POINTER(LevelStruct)),
        *_fields(c_void_p, "fields sound scratch"),
        ("around", POINTER(NamesStruct)),
        *_fields(c_void_p, "hashes seen known_keys shapes known_slots"),
        ("slot_mask", c_int64),
        *_fields(c_int32, "documents levels_count record document"),
        *_fields(c_int32, "nodes_count known_count"),
        *_fields(c_int32, "fields_count fields_capacity"),
        *_fields(c_int32, "full hashes_count seen_count is_loose"),
        ("epoch", c_uint64),
        ("end", c_void_p),
    ]


class LinesStruct(Structure):
    """All that `split_lines` works on."""

    _fields_ = [
        *_fields(c_char_p, "text"),
        *_fields(c_int64, "at size capacity broken_capacity longest lookahead"),
        *_fields(c_void_p, "starts ends unusual broken"),
        *_fields(c_int64, "count broken_count unusual_count"),
        *_fields(c_int32, "is_last checks_utf8 is_full padding"),
    ]


class ColumnsStruct(Structure):
    """All that `measure_columns` and `read_columns` work on."""

    _fields_ = _fields(c_void_p, "data spans starts ends members columns out") + _fields(
        c_int64, "count columns_count width"
    )


class RepeatStruct(Structure):
    """All that `measure_rows` and `repeat_values` work on."""

    _fields_ = _fields(c_void_p, "sources elements out") + _fields(c_int64, "count sources_count")


class CutStruct(Structure):
    """All that `measure_cut` and `cut_rows` work on."""

    _fields_ = _fields(c_void_p, "sources months order ends heads rooms pieces") + _fields(
        c_int64, "rows columns_count months_count"
    )


class PiecesStruct(Structure):
    """All that `measure_pieces` and `join_pieces` work on."""

    _fields_ = _fields(c_void_p, "columns pieces starts out") + _fields(c_int64, "pieces_count columns_count rows")


class ValuesStruct(Structure):
    """Values that a column is made of."""

    _fields_ = [*_fields(c_void_p, "data starts ends certain"), ("count", c_int64)]


class ChoiceStruct(Structure):
    """All that `choose_fields` works on."""

    _fields_ = [*_fields(c_void_p, "data fields kinds kept lists"), *_fields(c_int64, "count recorded_count")]


class OrderStruct(Structure):
    """All that `order_fields` works on."""

    _fields_ = [
        *_fields(c_void_p, "fields kept levels counting prefix_sizes order"),
        *_fields(c_int64, "count room odd_count"),
        *_fields(c_int32, "root padding"),
    ]


class JoinStruct(Structure):
    """All that `join_fields` works on."""

    _fields_ = [
        *_fields(c_void_p, "data fields order prefixes literals replaced prefix_ends literal_ends replaced_ends"),
        *_fields(c_void_p, "literal replacement documents sound out ends"),
        ("names", POINTER(NamesStruct)),
        ("known_keys", c_void_p),
        *_fields(c_int64, "count elements"),
    ]


class PartStruct(Structure):
    """The unnamed fields of a level's elements, and of which element each row is."""

    _fields_ = _fields(c_void_p, "data offsets elements")


_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "split_values": (c_int64, [c_void_p, c_int64, c_int32, c_void_p, c_void_p, c_void_p, c_int64]),
    "end_of_value": (c_int64, [c_char_p, c_int64, c_int64]),
    "split_lines": (c_int64, [POINTER(LinesStruct)]),
    "read_documents": (c_int32, [POINTER(ScanStruct)]),
    "hash_key": (c_uint64, [c_void_p, c_int32]),
    "free_slot": (c_int64, [c_void_p, c_int64, c_int32, c_uint64]),
    "read_texts": (None, [POINTER(ValuesStruct), c_int32, c_void_p, c_void_p]),
    "read_units": (None, [POINTER(ValuesStruct), c_void_p, c_uint64, c_uint64, c_void_p]),
    "read_doubles": (None, [POINTER(ValuesStruct), c_void_p]),
    "read_instants": (None, [POINTER(ValuesStruct), c_void_p]),
    "measure_columns": (c_int64, [POINTER(ColumnsStruct)]),
    "read_columns": (None, [POINTER(ColumnsStruct)]),
    "measure_rows": (c_int64, [POINTER(RepeatStruct)]),
    "repeat_values": (None, [POINTER(RepeatStruct)]),
    "measure_cut": (None, [POINTER(CutStruct)]),
    "cut_rows": (None, [POINTER(CutStruct)]),
    "measure_pieces": (c_int64, [POINTER(PiecesStruct)]),
    "join_pieces": (None, [POINTER(PiecesStruct)]),
    "choose_fields": (c_int64, [POINTER(ChoiceStruct)]),
    "order_fields": (c_int64, [POINTER(OrderStruct)]),
    "join_fields": (c_int64, [POINTER(JoinStruct)]),
    "measure_joined": (c_int64, [POINTER(PartStruct), c_int64, c_int64]),
    "join_rows": (None, [POINTER(PartStruct), c_int64, c_int64, c_void_p, c_void_p]),
    "is_utf8": (c_int32, [c_char_p, c_int64]),
    "holds": (c_int32, [c_void_p, c_int64, c_char_p, c_int64]),
}


def binary_name(system: str, machine: str) -> str:
    """Return the name of the binary for a system, as `platform` names it and its processor."""
    processor = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine.lower(), machine.lower())
    return f"{system.lower()}-{processor}.so"


@cache
def library() -> ctypes.CDLL | None:
    """Load the binary for this machine. None, with a warning, where there is none: documents then go the strict way."""
    if sys.byteorder != "little":
        return None
    name = binary_name(platform.system(), platform.machine())
    try:
        loaded = ctypes.CDLL(str(BINARIES / name))
    except OSError as problem:
        reason = f"{name} cannot be loaded ({problem}): documents are read many times slower, with the same result"
        warnings.warn(reason, RuntimeWarning, stacklevel=2)
        return None
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    return loaded
