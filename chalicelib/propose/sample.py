"""Reads the documents of a file of any size, in bounded memory, by the reader that loads them later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, BinaryIO

from msgspec import Struct, field

from chalicelib.documents.batches import Batch
from chalicelib.documents.decompress import Source
from chalicelib.documents.records import Records
from chalicelib.propose import head as heads
from chalicelib.propose import layout as layouts
from chalicelib.propose.json_values import decode
from chalicelib.propose.layout import Layout

HEAD_BYTES = 2 * 1024 * 1024
"""How much of a file is looked at to tell where its documents are."""
FIRST_VALUES = 40
MOST_REASONS = 3

Open = Callable[[], AbstractContextManager[BinaryIO]]


class Sample(Struct):
    """A file of documents. `read` returns them, and counts what is none: `unread` with a few `reasons`."""

    open: Open
    max_record_bytes: int
    max_decompressed_bytes: int
    layout: Layout = field(default_factory=Layout)
    values: int = 0
    unread: int = 0
    reasons: list[str] = field(default_factory=list)

    def find_layout(self) -> Layout:
        """Find where the documents are, from the beginning of the file. Raises UnreadableFile."""
        with self.open() as stream:
            text = self._head(stream)
        first = heads.read(text)
        if text.lstrip()[:1] == b"{" and first is not None and not first.is_whole:
            self.layout = layouts.find([first.value])
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
        alone = Layout((), self.layout.at)
        for record in self._values(self.layout.records):
            yield from alone.documents(record)

    def _head(self, stream: BinaryIO) -> bytes:
        source = Source(stream, self.max_decompressed_bytes)
        text = b""
        while len(text) < HEAD_BYTES and (piece := source.read(HEAD_BYTES - len(text))):
            text += piece
        return text

    def _values(self, records: tuple[str, ...] = ()) -> Iterator[Any]:
        """Return the records of the file; without the keys to the array that they are in, envelopes unopened."""
        with self.open() as stream:
            batches = Records(
                Source(stream, self.max_decompressed_bytes),
                max_record_bytes=self.max_record_bytes,
                records=[records] if records else [],
                identity=[],
            )
            for batch in batches:
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
