"""Sets up libc's heap for a load, where it is glibc, as on Lambda: quick while the process is small, then tight."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

from chalicelib.settings import MIB

LARGE_BLOCK_BYTES = 4 * MIB
"""From this size on a block goes back to the system when it is freed."""

LARGE_BLOCK_BYTES_TIGHT = MIB
"""The same where memory is short."""

KEPT_BYTES = 16 * MIB
"""How much of what is free at the end of the heap stays there."""

TIGHT_FROM_BYTES = 184 * MIB
"""From what size of the process on memory is short. Lambda's smallest function that loads has 512 MB, and most sources
take far less than this."""

# From glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3

_STATM = Path("/proc/self/statm")
_PAGE_BYTES = 4096


def resident_bytes() -> int:
    """Return how much memory the process has; 0 where the system does not say, as only Linux does."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


class Heap:
    """The heap during one load.

    libc's own way is to ask the system anew for each block of some size, which clears every page first, with all
    threads waiting: blocks of a batch's size are kept for the next batch instead. In the long run what waits for a row
    group and what a batch needs for a moment leave holes between them that are as much again. Where that becomes too
    much, what is free goes back, and blocks of a megabyte are the system's as before: a tenth slower.
    """

    def __init__(self, resident: Callable[[], int] = resident_bytes) -> None:
        self._resident = resident
        self._is_tight = False
        libc = ctypes.CDLL(None)
        self._mallopt = getattr(libc, "mallopt", None)
        self._trim = getattr(libc, "malloc_trim", None)
        if self._mallopt is not None:
            self._mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
            self._mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)

    def relieve(self) -> bool:
        """Tell whether memory is short, and use less from the first time on that it is."""
        if not self._is_tight and self._resident() > TIGHT_FROM_BYTES:
            self._is_tight = True
            if self._mallopt is not None and self._trim is not None:
                self._mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES_TIGHT)
                self._trim(0)
        return self._is_tight
