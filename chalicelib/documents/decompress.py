"""The bytes of a source: decompressed, counted, and rejected where they cannot be JSON in UTF-8."""

from __future__ import annotations

import gzip
import io
from typing import Protocol, cast

from chalicelib.errors import UnreadableFile

UTF8_BOM = b"\xef\xbb\xbf"

SUFFIXES = (".json", ".ndjson", ".jsonl")
"""What a key must end with, in any case, `.gz` aside."""

_GZIP = b"\x1f\x8b"
_NOT_JSON = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstandard"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz"),
    (b"PAR1", "a Parquet file"),
)
_OTHER_ENCODINGS = (
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
)
_HEAD_BYTES = 8
_READ_BYTES = 16 * 1024
"""Compressed bytes that are read at once: where a damaged file is damaged is known as exactly."""


def is_supported(key: str) -> bool:
    """Tell whether a source of this name is read at all; its bytes say whether it is gzip."""
    return key.lower().removesuffix(".gz").endswith(SUFFIXES)


class ByteStream(Protocol):
    """A stream of bytes: `read` returns at most `size` bytes, at least one unless the end is reached."""

    def read(self, size: int, /) -> bytes: ...


class Source:
    """Reads decompressed bytes from `stream`, gzip or plain as its first bytes say, without a byte order mark.

    `position` counts the bytes handed out, after decompression; `compressed` tells whether it was gzip. Reading raises
    UnreadableFile for what is not JSON in UTF-8, a damaged or truncated gzip file, or one that expands beyond
    `max_decompressed_bytes`. Nothing is held but one buffer.
    """

    def __init__(self, stream: ByteStream, max_decompressed_bytes: int) -> None:
        self.position = 0
        self._limit = max_decompressed_bytes
        self._rewound = _Rewound(stream)
        self.compressed = self._rewound.head.startswith(_GZIP)
        _reject_other_formats(self._rewound.head)
        self._stream: ByteStream = self._rewound
        if self.compressed:
            self._stream = _Decompressed(self._rewound)
        self._first: bytes | None = self._without_bom()

    def read(self, size: int, /) -> bytes:
        """Return up to `size` further bytes, at least one unless the end is reached."""
        data, self._first = (self._first, None) if self._first else (self._read(size), None)
        self.position += len(data)
        if self.compressed and self.position > self._limit:
            raise UnreadableFile(f"the gzip file expands to more than {self._limit} bytes: split it", self._limit)
        return data

    def _without_bom(self) -> bytes:
        first = b""
        while len(first) < _HEAD_BYTES and (more := self._read(_HEAD_BYTES - len(first))):
            first += more
        if self.compressed:
            _reject_other_formats(first)
            if first.startswith(_GZIP):
                raise UnreadableFile("the file is gzip inside gzip: compress once", 0)
        if first.startswith(UTF8_BOM):
            self.position = len(UTF8_BOM)
            return first[len(UTF8_BOM) :]
        return first

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except EOFError:
            reason = "the gzip file is truncated, its compressed data end too early: send it again"
            raise UnreadableFile(reason, self._rewound.position) from None
        except gzip.BadGzipFile as problem:
            reason = f"the gzip file is damaged, in its compressed data ({problem}): send it again"
            raise UnreadableFile(reason, self._rewound.position) from None


class _Rewound(io.RawIOBase):
    """A stream whose first bytes are known (`head`) and can still be read. `position` counts the bytes that were."""

    def __init__(self, stream: ByteStream) -> None:
        super().__init__()
        self._stream = stream
        head = b""
        while len(head) < _HEAD_BYTES and (more := stream.read(_HEAD_BYTES - len(head))):
            head += more
        self.head = head
        self._unread = head
        self.position = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        if self._unread:
            data, self._unread = self._unread[:size], self._unread[size:]
        else:
            data = self._stream.read(size)
        self.position += len(data)
        return data

    def readinto(self, target: bytearray | memoryview, /) -> int:  # type: ignore[override]
        data = self.read(min(len(target), _READ_BYTES))
        target[: len(data)] = data
        return len(data)


class _Decompressed:
    """What a gzip stream holds. Reading raises BadGzipFile for one that is damaged, EOFError for a truncated one."""

    def __init__(self, stream: _Rewound) -> None:
        # Imported with the first file that is compressed.
        from isal import igzip, isal_zlib

        file = igzip.IGzipFile(fileobj=stream, mode="rb")  # type: ignore[no-untyped-call]
        self._file: ByteStream = file
        self._error = cast(type[Exception], isal_zlib.error)

    def read(self, size: int, /) -> bytes:
        try:
            return self._file.read(size)
        except self._error as problem:
            raise gzip.BadGzipFile(str(problem)) from None


def _reject_other_formats(head: bytes) -> None:
    for magic, what in _NOT_JSON:
        if head.startswith(magic):
            raise UnreadableFile(f"the file is {what}: send JSON, plain or gzip", 0)
    for mark, name in _OTHER_ENCODINGS:
        if head.startswith(mark):
            raise UnreadableFile(f"the file is {name} text: save it as UTF-8", 0)
    if len(head) >= 2 and not head.startswith(_GZIP) and 0 in head[:2]:
        raise UnreadableFile("the file starts with NUL bytes, as UTF-16 text or binary data do: save it as UTF-8", 0)
