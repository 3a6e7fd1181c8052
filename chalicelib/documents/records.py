"""Cuts a stream of JSON into raw records, batch by batch, whatever form the file has.

A file is an array of orders, an object that holds the array (`{"orders": [...]}`, an envelope), or orders and envelopes
one after the other: a line each, pretty-printed, or with nothing between them. Records are found by decoding, never by
guessing. Memory is bounded by the batch and by the longest record allowed.

Which form it is, is decided here, from the file's first bytes. record_array, record_envelope and record_lines read
each; all of them take values through record_values, and hand them to record_batches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chalicelib.documents.array import read_array
from chalicelib.documents.batches import MAX_BATCH_RECORDS, Batch, Gatherer, Raw
from chalicelib.documents.buffer import Window
from chalicelib.documents.decompress import UTF8_BOM, Source
from chalicelib.documents.envelope import Envelopes, Found
from chalicelib.documents.json_scan import WHITESPACE
from chalicelib.documents.lines import Lines
from chalicelib.documents.value_reader import SPOOL_FACTOR, Values, several
from chalicelib.errors import UnreadableFile

__all__ = ["CHUNK_BYTES", "MAX_BATCH_RECORDS", "SPOOL_FACTOR", "Batch", "Raw", "Records"]

CHUNK_BYTES = 1024 * 1024
"""How much is cut at a time: large enough to amortise each call, small enough for caches and a Lambda of 512 MB."""

HEAD_BYTES = 64 * 1024
HEAD_LINES = 4
"""How much is looked at, at least, to tell whether records are a line each."""

MOST_ENVELOPE_HEAD_BYTES = 1024 * 1024
"""How much is looked at, at most, to tell whether envelopes are a line each: most often the file is one line."""

_LINE_END = re.compile(rb"[\r\n]")


class Records:
    """The records of one source, as an iterable of batches.

    `envelope` is the key of an object that holds the array; an object that has `order_key` before it is an order.
    Raises UnreadableFile for a file that cannot be read to its end.
    """

    def __init__(
        self,
        source: Source,
        *,
        max_record_bytes: int,
        envelope: str,
        order_key: str,
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._window = Window(source, chunk_bytes)
        self._limit = max_record_bytes
        self._gatherer = Gatherer()
        self._values = Values(self._window, self._gatherer, max_record_bytes)
        self._envelopes = Envelopes(self._window, self._values, self._gatherer, envelope=envelope, order_key=order_key)

    def __iter__(self) -> Iterator[Batch]:
        begun = 0
        for _ in self._read():
            # A batch stands for about a chunk of the file, though it was gathered from a million envelopes.
            is_enough = self._window.offset - begun >= self._window.chunk_bytes // 2
            begun = self._window.offset if is_enough else begun
            yield from self._gatherer.batches(self._window.offset, rest=is_enough)
        yield from self._gatherer.batches(self._window.offset, rest=True)

    def _read(self) -> Iterator[None]:
        """Read the file into the gatherer, pausing wherever what was gathered may be handed over."""
        w = self._window
        if not w.skip_marks():
            raise UnreadableFile("the file holds nothing: send at least an empty array", w.offset)
        if w.here == b"[" and not self._is_line_of_its_own():
            w.require_utf8()
            yield from read_array(self._values, w)
            if w.skip():
                raise UnreadableFile(f"the file goes on after its array of orders, with {w.shown()}", w.offset)
        elif self._has_line_of_its_own():
            yield from Lines(w, self._values, self._gatherer, self._envelopes).read()
        else:
            w.require_utf8()
            while w.skip_marks():
                w.refill()
                if not self._envelopes.take_block(len(w.text)):
                    yield from self._envelopes.read_value()
                yield

    def _is_line_of_its_own(self) -> bool:
        """Tell whether the array at hand is one line among others of a newline-delimited file."""
        head = self._head(HEAD_BYTES)[:HEAD_BYTES]
        line = _LINE_END.split(head, 1)[0]
        return (
            len(line) < len(head.rstrip(WHITESPACE))
            and line.rstrip(WHITESPACE).endswith(b"]")
            and self._is_one_value(line)
        )

    def _has_line_of_its_own(self) -> bool:
        """Tell whether some line is an object by itself, at the margin: then records, or envelopes, are a line each."""
        w = self._window
        is_envelope = w.here == b"{" and self._envelopes.look()[0] is Found.ENVELOPE
        head = self._head(min(self._limit, MOST_ENVELOPE_HEAD_BYTES) if is_envelope else self._limit)
        lines = [line.removeprefix(UTF8_BOM).rstrip(WHITESPACE) for line in _LINE_END.split(head.rstrip(WHITESPACE))]
        if is_envelope:
            # The elements of an array may stand at the margin too, and a file of one line is no file of lines.
            lines = [line for line in lines if self._envelopes.mentioned(line)] if len(lines) > 1 else []
        return any(line.startswith(b"{") and line.endswith(b"}") and self._is_one_value(line) for line in lines)

    def _is_one_value(self, line: bytes) -> bool:
        raws = self._values.decoded(several, line)
        return raws is not None and len(raws) == 1

    def _head(self, most: int) -> bytes:
        """Return what the file begins with: enough bytes and lines to tell whether each line is a record."""
        w = self._window
        while len(w.text) - w.pos < HEAD_BYTES and w.more():
            pass
        end = w.pos + HEAD_BYTES
        if self._lines_in(w.text[w.pos : end]) >= HEAD_LINES:
            return w.text[w.pos : end]
        while len(w.text) - w.pos <= most and self._lines_in(w.text[w.pos :]) < HEAD_LINES and w.more():
            pass
        end = w.pos
        for _ in range(HEAD_LINES):
            match = _LINE_END.search(w.text, end, w.pos + most)
            end = match.end() if match else w.pos + most
        return w.text[w.pos : max(end, w.pos + HEAD_BYTES)]

    @staticmethod
    def _lines_in(text: bytes) -> int:
        return max(text.count(b"\n"), text.count(b"\r"))
