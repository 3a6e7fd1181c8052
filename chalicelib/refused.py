"""Refused records: what was sent, byte for byte, and why it was not loaded."""

from __future__ import annotations

import codecs
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

_PIECE = 1024 * 1024


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


@dataclass(frozen=True)
class Refused:
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

        `raw` is the record's text: encoded as UTF-8 again, it is what was sent, byte for byte.
        """
        head = {"record_number": self.record_number, "path": self.path, "reason": self.reason, "raw": ""}
        yield json.dumps(head).encode()[:-2]
        decoder = codecs.getincrementaldecoder("utf-8")()
        for piece in (self.raw,) if isinstance(self.raw, bytes) else self.raw.pieces():
            yield json.dumps(decoder.decode(piece))[1:-1].encode()
        yield b'"}\n'
