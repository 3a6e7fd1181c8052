"""Reads the documents of a file of any size, in bounded memory, by the reader that loads them later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO

from chalicelib.documents.array import read_array
from chalicelib.documents.batches import Batch, BatchBuilder
from chalicelib.documents.buffer import Buffer
from chalicelib.documents.decompress import Source
from chalicelib.documents.records import CHUNK_BYTES, Records
from chalicelib.documents.value_reader import ValueReader
from chalicelib.propose import head as heads
from chalicelib.propose import layout as layouts
from chalicelib.propose.json_values import decode
from chalicelib.propose.layout import Layout

HEAD_BYTES = 2 * 1024 * 1024
"""How much of a file is looked at to tell where its documents are."""
FIRST_VALUES = 40
_NO_ENVELOPE, _NO_ORDER = "propose:no-envelope", "propose:no-order"
"""Keys that no document has: every value is handed over as it is."""
MOST_REASONS = 3

Open = Callable[[], AbstractContextManager[BinaryIO]]


@dataclass
class Sample:
    """A file of documents. `read` returns them, and counts what is none: `unread` with a few `reasons`."""

    open: Open
    max_record_bytes: int
    max_decompressed_bytes: int
    layout: Layout = field(default_factory=Layout)
    values: int = 0
    unread: int = 0
    reasons: list[str] = field(default_factory=list)
    _array_offset: int | None = None

    def find_layout(self) -> Layout:
        """Find where the documents are, from the beginning of the file. Raises UnreadableFile."""
        with self.open() as stream:
            text = self._head(stream)
        first = heads.read(text)
        if text.lstrip()[:1] == b"{" and first is not None and not first.is_whole:
            self.layout = layouts.find([first.value])
            self._array_offset = first.arrays.get(self.layout.records) if self.layout.records else None
        else:
            in_array = text.lstrip()[:1] == b"[" and (first is None or not first.is_whole or _is_all(text, first))
            self.layout = layouts.find(list(islice(self._values(), FIRST_VALUES)), in_array)
            self.values = self.unread = 0
            self.reasons.clear()
        return self.layout

    def read(self) -> Iterator[tuple[Any, Any]]:
        """Return (record, document) one by one, decoded with Decimal for fractions.

        The document is None where the record has none at the layout's path. Raises UnreadableFile.
        """
        if self._array_offset is None:
            for value in self._values():
                yield from self.layout.documents(value)
        else:
            alone = Layout((), self.layout.at)
            for value in self._elements(self._array_offset):
                yield from alone.documents(value)

    def _head(self, stream: BinaryIO) -> bytes:
        source = Source(stream, self.max_decompressed_bytes)
        text = b""
        while len(text) < HEAD_BYTES and (piece := source.read(HEAD_BYTES - len(text))):
            text += piece
        return text

    def _values(self) -> Iterator[Any]:
        """Return the records of the file, envelopes unopened."""
        with self.open() as stream:
            source = Source(stream, self.max_decompressed_bytes)
            batches = Records(
                source, max_record_bytes=self.max_record_bytes, envelope=_NO_ENVELOPE, identity_key=_NO_ORDER
            )
            for batch in batches:
                yield from self._decoded(batch)

    def _elements(self, offset: int) -> Iterator[Any]:
        """Return the elements of the one array that begins at a byte of the file; what follows it is not read."""
        with self.open() as stream:
            source = Source(stream, self.max_decompressed_bytes)
            buffer, builder = Buffer(source, CHUNK_BYTES), BatchBuilder()
            buffer.require_utf8()
            while len(buffer.text) <= offset and buffer.more():
                pass
            buffer.pos = offset
            for _ in read_array(ValueReader(buffer, builder, self.max_record_bytes), buffer):
                for batch in builder.batches(buffer.offset, rest=True):
                    yield from self._decoded(batch)
            for batch in builder.batches(buffer.offset, rest=True):
                yield from self._decoded(batch)

    def _decoded(self, batch: Batch) -> Iterator[Any]:
        self.values += batch.read
        for rejected in batch.rejected:
            self._skip(rejected.reason)
        for raw in batch.raws:
            try:
                yield decode(bytes(raw))
            except (ValueError, RecursionError) as problem:
                self._skip(f"a record cannot be profiled: {type(problem).__name__}")

    def _skip(self, reason: str) -> None:
        self.unread += 1
        if len(self.reasons) < MOST_REASONS:
            self.reasons.append(reason)


def _is_all(text: bytes, first: heads.Head) -> bool:
    """Tell whether nothing follows the first value of a text."""
    try:
        decode(text)
    except (ValueError, RecursionError):
        return not first.is_whole
    return True
