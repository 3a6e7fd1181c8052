"""Bytes behind which nothing may be read: they end where a page does, and the next one cannot be read."""

from __future__ import annotations

import ctypes
import mmap

import pyarrow as pa

_NONE = 0
"""No access at all to a page, as mprotect has it."""


def guarded(data: bytes) -> pa.Buffer:
    """Return a buffer of bytes; a program that reads behind them is ended by the system."""
    size = max(1, -(-len(data) // mmap.PAGESIZE)) * mmap.PAGESIZE
    pages = mmap.mmap(-1, size + mmap.PAGESIZE)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    pages[size - len(data) : size] = data
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(begin + size), ctypes.c_size_t(mmap.PAGESIZE), _NONE):
        raise OSError(ctypes.get_errno(), "mprotect")
    return pa.foreign_buffer(begin + size - len(data), len(data), base=pages)
