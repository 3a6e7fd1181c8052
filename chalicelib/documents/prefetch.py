"""Reads the next block of a stream in a thread of its own while the last one is being worked on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

BLOCK_BYTES = 1024 * 1024
"""How much is read ahead: the memory that it takes, and no more is on its way at once."""


class Reads(Protocol):
    """A stream of bytes: at most `size` of them, at least one unless the end is reached."""

    def read(self, size: int, /) -> bytes: ...


class ReadAhead:
    """Hands out the bytes of `stream`, one block ahead of who asks.

    The network leaves the interpreter free, so that loading goes on while it is waited for. For a local file it is not
    worth its hand-overs: they cost more than the disk. An error of the stream is raised where its bytes would have
    been handed out. Whoever stops asking leaves one block that is read for nothing; the thread ends with this object.
    """

    def __init__(self, stream: Reads, block_bytes: int = BLOCK_BYTES) -> None:
        self._stream = stream
        self._block_bytes = block_bytes
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="read-ahead")
        self._coming: Future[bytes] | None = None
        self._left = b""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, at least one unless the end is reached."""
        block, self._left = self._left or self._block(), b""
        if len(block) > size:
            block, self._left = block[:size], block[size:]
        return block

    def _block(self) -> bytes:
        first = self._coming is None
        block = self._stream.read(self._block_bytes) if self._coming is None else self._coming.result()
        # What gives less than a block at first has ended, most often: a small file needs no thread.
        short = first and len(block) < self._block_bytes
        self._coming = None if short or not block else self._thread.submit(self._stream.read, self._block_bytes)
        return block
