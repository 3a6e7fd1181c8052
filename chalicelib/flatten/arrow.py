"""Makes Arrow ready for a small machine: its memory is the process's own, and pandas stays out."""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

MIB = 1024 * 1024

LARGE_BLOCK_BYTES = 4 * MIB
"""From this size on a block goes back to the system when it is freed."""

KEPT_BYTES = 16 * MIB
"""How much of what is free at the end of the heap stays there."""

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def prepare() -> None:
    """Set Arrow up for loading; to be called before its first use, and harmless after."""
    # Arrow's own pools keep what they once had: a gigabyte of input would peak a fifth higher. libc gives it back.
    pa.set_memory_pool(pa.system_memory_pool())
    _keep_blocks_at_hand()
    _leave_pandas_out()


def _keep_blocks_at_hand() -> None:
    """Let libc keep blocks of a batch's size for the next batch, where it is glibc, as on Lambda.

    As it comes, it asks the system for each of them anew, which clears every page first, with all threads waiting.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)


def _leave_pandas_out() -> None:
    """Let Arrow find no pandas in its one look for it, at its first conversion of anything.

    That look imports pandas where it is installed, as in the Lambda layer: a quarter of a second and 50 MB for
    nothing, since no column comes from there or goes there. What asks for a DataFrame by name looks again, and gets
    it.
    """
    if "pandas" in sys.modules:
        return
    hidden = _Hidden()
    sys.meta_path.insert(0, hidden)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(hidden)


class _Hidden:
    """A finder of modules that answers for pandas that there is none."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError("not needed for this", name=name)
