"""Reads the next block of a stream in a thread of its own while the last one is being worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from chalicelib.cores import new_thread

if TYPE_CHECKING:
    from concurrent.futures import Future

BLOCK_BYTES = 1024 * 1024
"""How much is read ahead, and so the memory that it takes."""


class ByteSource(Protocol):
    """A stream of bytes: at most `size` of them, at least one unless the end is reached."""

    def read(self, size: int, /) -> bytes: ...


class ReadAhead:
    """Returns the bytes of `stream`, and reads one block ahead in a thread.

    Waiting for the network leaves the interpreter free for loading. For a local file it is not worth it: switching
    threads costs more than the disk. An error of the stream is raised where its bytes would have been returned. A
    reader that stops early leaves one block that was read for nothing; the thread ends with this object.
    """

    def __init__(self, stream: ByteSource, block_bytes: int = BLOCK_BYTES) -> None:
        self._stream = stream
        self._block_bytes = block_bytes
        self._thread = new_thread("read-ahead")
        self._next: Future[bytes] | None = None
        self._rest = b""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, at least one unless the end is reached."""
        block, self._rest = self._rest or self._block(), b""
        if len(block) > size:
            block, self._rest = block[:size], block[size:]
        return block

    def _block(self) -> bytes:
        first = self._next is None
        block = self._stream.read(self._block_bytes) if self._next is None else self._next.result()
        # What gives less than a block at first has ended, most often: a small file needs no thread.
        short = first and len(block) < self._block_bytes
        self._next = None if short or not block else self._thread.submit(self._stream.read, self._block_bytes)
        return block
