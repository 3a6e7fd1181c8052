"""Splits a stream of JSON into raw records, batch by batch, whatever form the file has.

A file is an array of documents, an object that holds the array (`{"orders": [...]}`, an envelope), or documents and
envelopes one after the other: a line each, pretty-printed, or with nothing between them. Records are split by decoding,
never by guessing. Memory is bounded by the batch and by the longest record allowed.

Which form it is, is decided here, from the file's first bytes. array, envelope and lines read each of them; all read
values with value_reader, and pass them on to batches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chalicelib.documents.array import read_array
from chalicelib.documents.batches import MAX_BATCH_RECORDS, Batch, BatchBuilder, Raw
from chalicelib.documents.buffer import Buffer, is_utf8
from chalicelib.documents.decompress import UTF8_BOM, Source
from chalicelib.documents.envelope import EnvelopeReader
from chalicelib.documents.json_scan import WHITESPACE
from chalicelib.documents.lines import LineReader
from chalicelib.documents.members import MemberKind
from chalicelib.documents.path_tree import KeyPath
from chalicelib.documents.slices import BrokenValue, by_commas
from chalicelib.documents.value_reader import SPOOL_FACTOR, ValueReader, several
from chalicelib.errors import UnreadableFile

__all__ = ["CHUNK_BYTES", "LEAST_CHUNK_BYTES", "MAX_BATCH_RECORDS", "SPOOL_FACTOR", "Batch", "Raw", "Records"]

CHUNK_BYTES = 1536 * 1024
"""How much is split at a time: large enough to amortise each call, small enough for caches and a Lambda of 512 MB."""

LEAST_CHUNK_BYTES = 512 * 1024
"""How much is split at a time where documents make much of each byte."""

HEAD_BYTES = 64 * 1024
HEAD_LINES = 4
"""How much is examined, at least, to tell whether records are a line each."""

MOST_ENVELOPE_HEAD_BYTES = 1024 * 1024
"""How much is examined, at most, to tell whether envelopes are a line each: most often the file is one line."""

_LINE_END = re.compile(rb"[\r\n]")


class Records:
    """The records of one source, as an iterable of batches.

    `records` are the paths to the array of documents that an object may hold; `identity` has, for each column of the
    identity, the paths where it may be: an object with a value at one of each is a document. Without `records` every
    object is. `beside` names what lies beside the arrays, as far as the file was read.
    Raises UnreadableFile for a file that cannot be read to its end.
    """

    def __init__(
        self,
        source: Source,
        *,
        max_record_bytes: int,
        records: Sequence[KeyPath],
        identity: Sequence[Sequence[KeyPath]],
        chunk_bytes: int = CHUNK_BYTES,
    ) -> None:
        self._buffer = Buffer(source, chunk_bytes)
        self._limit = max_record_bytes
        self._builder = BatchBuilder()
        self._values = ValueReader(self._buffer, self._builder, max_record_bytes)
        self._envelopes = EnvelopeReader(self._buffer, self._values, self._builder, records=records, identity=identity)

    @property
    def beside(self) -> dict[str, str]:
        """The kinds of what lies beside the documents in their envelopes, by path: at most `beside.MOST_NAMES`."""
        return self._envelopes.beside.kinds

    def __iter__(self) -> Iterator[Batch]:
        begun = 0
        for _ in self._read():
            # A batch stands for about a chunk of the file, though it may come from a million envelopes.
            is_enough = self._buffer.offset - begun >= self._buffer.chunk_bytes // 2
            begun = self._buffer.offset if is_enough else begun
            yield from self._builder.batches(self._buffer.offset, rest=is_enough)
        yield from self._builder.batches(self._buffer.offset, rest=True)

    def _read(self) -> Iterator[None]:
        """Read the file into the builder, pausing wherever full batches may be handed over."""
        buffer = self._buffer
        if not buffer.skip_marks():
            raise UnreadableFile("the file holds nothing: send at least an empty array", buffer.offset)
        if buffer.here == b"[" and not self._is_line_of_its_own():
            buffer.require_utf8()
            yield from read_array(self._values, buffer)
            if buffer.skip():
                raise UnreadableFile(
                    f"the file goes on after its array of orders, with {buffer.shown()}", buffer.offset
                )
        elif self._has_line_of_its_own():
            yield from LineReader(buffer, self._values, self._builder, self._envelopes).read()
        else:
            buffer.require_utf8()
            while buffer.skip_marks():
                buffer.refill()
                if not self._envelopes.read_block(len(buffer.text)):
                    yield from self._envelopes.read_value()
                yield

    def _is_line_of_its_own(self) -> bool:
        """Tell whether the array at the current position is one line among others of a newline-delimited file."""
        head = self._head(HEAD_BYTES)[:HEAD_BYTES]
        line = _LINE_END.split(head, 1)[0]
        return (
            len(line) < len(head.rstrip(WHITESPACE))
            and line.rstrip(WHITESPACE).endswith(b"]")
            and self._is_one_value(line)
        )

    def _has_line_of_its_own(self) -> bool:
        """Tell whether some line is an object by itself, at the margin: then records, or envelopes, are a line each."""
        buffer = self._buffer
        is_envelope = buffer.here == b"{" and self._envelopes.look() is MemberKind.ENVELOPE
        head = self._head(min(self._limit, MOST_ENVELOPE_HEAD_BYTES) if is_envelope else self._limit)
        lines = [line.removeprefix(UTF8_BOM).rstrip(WHITESPACE) for line in _LINE_END.split(head.rstrip(WHITESPACE))]
        if is_envelope and len(lines) == 1:
            return False
        # The elements of an array may stand at the margin too, and a file of one line is no file of lines.
        return any(
            line.startswith(b"{")
            and line.endswith(b"}")
            and self._is_one_value(line)
            and (not is_envelope or self._envelopes.is_envelope(line))
            for line in lines
        )

    def _is_one_value(self, line: bytes) -> bool:
        raws = self._values.decoded(several, line)
        if raws is not None:
            return len(raws) == 1
        if not is_utf8(line):
            return False
        try:
            # It may be one that msgspec cannot check.
            unusual = by_commas(line)
        except BrokenValue:
            return False
        return unusual is not None and len(unusual) == 1

    def _head(self, most: int) -> bytes:
        """Return what the file begins with: enough bytes and lines to tell whether each line is a record."""
        buffer = self._buffer
        while len(buffer.text) - buffer.pos < HEAD_BYTES and buffer.more():
            pass
        end = buffer.pos + HEAD_BYTES
        if self._lines_in(buffer.text[buffer.pos : end]) >= HEAD_LINES:
            return buffer.text[buffer.pos : end]
        while (
            len(buffer.text) - buffer.pos <= most
            and self._lines_in(buffer.text[buffer.pos :]) < HEAD_LINES
            and buffer.more()
        ):
            pass
        end = buffer.pos
        for _ in range(HEAD_LINES):
            match = _LINE_END.search(buffer.text, end, buffer.pos + most)
            end = match.end() if match else buffer.pos + most
        return buffer.text[buffer.pos : max(end, buffer.pos + HEAD_BYTES)]

    @staticmethod
    def _lines_in(text: bytes) -> int:
        return max(text.count(b"\n"), text.count(b"\r"))
