"""A file in memory, for a parser that reads by path: of a Python object it would ask the interpreter for every 8 KB."""

from __future__ import annotations

import io
import os


class MemoryFile:
    """Holds one text at a time. Where the system has no such files, it hands out the text as a Python object."""

    def __init__(self) -> None:
        self._fd: int | None = None
        self._path = ""
        if hasattr(os, "memfd_create"):
            self._fd = os.memfd_create("orders")
            self._path = f"/proc/self/fd/{self._fd}"
            if not os.access(self._path, os.R_OK):
                self._close()

    def holding(self, text: bytes) -> str | io.BytesIO:
        """Return what the parser takes to read `text`: good until this is asked for the next one."""
        if self._fd is None:
            return io.BytesIO(text)
        view = memoryview(text)
        written = 0
        while written < len(view):
            written += os.pwrite(self._fd, view[written:], written)
        os.ftruncate(self._fd, written)
        return self._path

    def _close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __del__(self) -> None:
        self._close()
