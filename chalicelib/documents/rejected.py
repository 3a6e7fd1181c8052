"""Rejected records: what was sent, byte for byte, and why it was not loaded."""

from __future__ import annotations

import base64
import codecs
import tempfile
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii as quoted
from typing import NamedTuple

_PIECE = 3 * 256 * 1024
"""A multiple of three, so that pieces of base64 join without padding."""


class SpooledRaw:
    """The bytes of a record that is too long for memory, kept in a temporary file that vanishes with the object."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the record
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def write(self, piece: bytes) -> None:
        """Add to the record."""
        self._file.write(piece)
        self._length += len(piece)

    def pieces(self) -> Iterator[bytes]:
        """Return the record's bytes, in pieces."""
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece


class RejectedRecord(NamedTuple):
    """A record that was not loaded.

    `record_number` counts from 1 in its file; `path` is the JSON path of what offends, empty for the record as a
    whole; `reason` names the value and the remedy; `raw` is what was sent.
    """

    record_number: int
    path: str
    reason: str
    raw: bytes | SpooledRaw

    def json_line(self) -> Iterator[bytes]:
        """Return one line of newline-delimited JSON, in pieces: `{"record_number", "path", "reason", "raw"}`.

        `raw` is the record's text: encoded as UTF-8 again, it is what was sent, byte for byte. Where that is not UTF-8,
        `raw` has U+FFFD for what is not, and `raw_base64` follows with the bytes.
        """
        head = f'{{"record_number": {self.record_number}, "path": {quoted(self.path)}, "reason": {quoted(self.reason)}'
        if isinstance(self.raw, bytes):
            try:
                yield f'{head}, "raw": {quoted(self.raw.decode())}}}\n'.encode()
                return
            except UnicodeDecodeError:
                pass
        yield f'{head}, "raw": "'.encode()
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        is_utf8 = codecs.getincrementaldecoder("utf-8")()
        exact = True
        for piece in self._pieces():
            yield quoted(decoder.decode(piece))[1:-1].encode()
            exact = exact and _goes_on(is_utf8, piece)
        yield quoted(decoder.decode(b"", final=True))[1:-1].encode()
        if not (exact and _goes_on(is_utf8, b"", final=True)):
            yield b'", "raw_base64": "'
            yield from map(base64.b64encode, self._pieces())
        yield b'"}\n'

    def _pieces(self) -> Iterator[bytes]:
        return iter((self.raw,)) if isinstance(self.raw, bytes) else self.raw.pieces()


def _goes_on(decoder: codecs.IncrementalDecoder, piece: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True
