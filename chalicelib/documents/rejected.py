"""Rejected records: what was sent, byte for byte, and why it was not loaded."""

from __future__ import annotations

import base64
import codecs
import functools
import json
import tempfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, NamedTuple

from msgspec import Struct

_PIECE = 3 * 256 * 1024
"""A multiple of three, so that pieces of base64 join without padding."""

MOST_LINE_BYTES = 24 * 10**6
"""The longest line of a file that the table `orders_rejected` reads: Athena fails over a row of 32 MB."""
_NEVER_TOO_LONG = MOST_LINE_BYTES // 8
"""Bytes of a record whose line is not too long, whatever they are: an escape takes six, base64 one and a third."""
_SHOWN_BYTES = 64 * 1024
"""How much of a record whose line is too long stands in the table."""

_RAW = b', "raw": "'
"""What separates a rejected record's reason from the record. Quotes within either are escaped."""
_MOST_PLAIN_BYTES = 16 * 2**20
"""How much of a file of rejected records, uncompressed, is read for the first of them."""


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


class RejectedSource(Struct, frozen=True, dict=True):
    """The version of a source object that something was rejected of, and the contract that it was read by."""

    key: str
    version: str
    modified_at: datetime
    contract: str

    @functools.cached_property
    def first_members(self) -> str:
        """The members of a line that say which version it is of, in JSON."""
        return f'"source_key": {quoted(self.key)}, "source_version": {quoted(self.version)}, '

    @functools.cached_property
    def last_members(self) -> str:
        """Those that say when it came and what it was read by."""
        # As Hive writes a timestamp, which every reader of JSON tables takes.
        modified = self.modified_at.astimezone(UTC)
        when = f"{modified:%Y-%m-%d %H:%M:%S}.{modified.microsecond // 1000:03}"
        return f', "contract": {quoted(self.contract)}, "source_modified_at": "{when}"'

    def refused(self, reason: str, byte_offset: int | None) -> bytes:
        """Return the line of a file that was refused whole: it has no record's number, and nothing of the file."""
        offset = "null" if byte_offset is None else byte_offset
        return (
            f'{{{self.first_members}"record_number": null, "path": "", "reason": {quoted(reason)}{self.last_members}, '
            f'"byte_offset": {offset}, "raw": null}}\n'
        ).encode()


class RejectedRecord(NamedTuple):
    """A record that was not loaded.

    `record_number` counts from 1 in its file; `path` is the JSON path of what offends, empty for the record as a
    whole; `reason` names the value and the remedy; `raw` is what was sent.
    """

    record_number: int
    path: str
    reason: str
    raw: bytes | SpooledRaw

    def json_line(self, source: RejectedSource | None = None) -> Iterator[bytes]:
        """Return one line of newline-delimited JSON, in pieces: `{"record_number", "path", "reason", "raw"}`.

        With `source`, `source_key` and `source_version` come first, and its contract and time stand before `raw`.

        `raw` is the record's text: encoded as UTF-8 again, it is what was sent, byte for byte. Where that is not UTF-8,
        `raw` has U+FFFD for what is not, and `raw_base64` follows with the bytes.
        """
        head = self._head(source)
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

    def cut_line(self, source: RejectedSource, kept_at: str) -> bytes:
        """Return the line of a record that is too long for the table: its beginning, and where the whole line is."""
        start = next(self._pieces())[:_SHOWN_BYTES].decode("utf-8", "ignore")
        return f'{self._head(source)}, "raw_key": {quoted(kept_at)}, "raw": {quoted(start)}}}\n'.encode()

    def is_too_long(self, source: RejectedSource) -> bool:
        """Tell whether the record's line is longer than a line of the table may be."""
        return len(self.raw) > _NEVER_TOO_LONG and sum(map(len, self.json_line(source))) > MOST_LINE_BYTES

    def _head(self, source: RejectedSource | None) -> str:
        members, more = (source.first_members, source.last_members) if source else ("", "")
        return (
            f'{{{members}"record_number": {self.record_number}, "path": {quoted(self.path)}, '
            f'"reason": {quoted(self.reason)}{more}'
        )

    def _pieces(self) -> Iterator[bytes]:
        return iter((self.raw,)) if isinstance(self.raw, bytes) else self.raw.pieces()


def first_rejected(compressed: bytes, most: int) -> list[dict[str, Any]]:
    """Return number, path and reason of the first rejected records of a file, of which `compressed` is the beginning.

    What was sent of them is left out. Of a file that is none of rejected records nothing is returned.
    """
    records: list[dict[str, Any]] = []
    try:
        plain = zlib.decompressobj(wbits=31).decompress(compressed, _MOST_PLAIN_BYTES)
        for line in plain.split(b"\n"):
            head, separator, _ = line.partition(_RAW)
            if not separator or len(records) == most:
                break
            fields = json.loads(head + b"}")
            records.append({name: fields[name] for name in ("record_number", "path", "reason")})
    except (zlib.error, ValueError, KeyError):
        return records
    return records


def _goes_on(decoder: codecs.IncrementalDecoder, piece: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True
