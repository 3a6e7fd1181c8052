"""Reads newline-delimited files, in which what is bad is rejected a line at a time.

A line ends with LF, CR LF or CR. It holds a record, or several, or an envelope of some; a record may go on beyond its
line, as a pretty-printed one does. A line that is not JSON, or not UTF-8, is rejected alone, as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chalicelib.documents.batches import BatchBuilder
from chalicelib.documents.buffer import MARKS, Buffer, Text, is_utf8
from chalicelib.documents.decompress import UTF8_BOM
from chalicelib.documents.envelope import EnvelopeReader
from chalicelib.documents.json_scan import WHITESPACE, MalformedJson, ValueScanner
from chalicelib.documents.line_blocks import LineBlocks, not_utf8, reason
from chalicelib.documents.line_splitter import LineSplitter
from chalicelib.documents.members import AmbiguousEnvelope, MemberKind
from chalicelib.documents.value_end import value_end
from chalicelib.documents.value_reader import NOT_UTF8, ValueReader, line_end, several
from chalicelib.native_library import library

_MARK_AT_START = re.compile(rb"(?:\A|(?<=[\r\n]))(?:%b)+" % UTF8_BOM)


LOOKAHEAD_BYTES = 256 * 1024
"""How far beyond its line the end of a record may be looked for in vain, in all and at first."""

LEAST_REACH = 4096
REACH_FACTOR = 3
"""How many bytes are split at once behind a line that was read by itself: at least, and as a multiple of those that
were split before it. Who makes every line one of these pays for no others."""


class _BadLine(ValueError):
    """A line that is rejected; `str()` is why."""


class LineReader:
    """Reads the lines of a buffer that does not require UTF-8."""

    def __init__(self, buffer: Buffer, values: ValueReader, builder: BatchBuilder, envelopes: EnvelopeReader) -> None:
        self._buffer = buffer
        self._values = values
        self._builder = builder
        self._envelopes = envelopes
        self._limit = values.limit
        compiled = library()
        self._blocks = compiled and LineBlocks(LineSplitter(compiled, self._limit), buffer, builder, envelopes)
        # Else each of a million lines with an open bracket would be followed for as long as a record may be. It grows
        # with what was read.
        self._lookahead_budget = min(LOOKAHEAD_BYTES, self._limit)
        self._reach = buffer.chunk_bytes

    def read(self) -> Iterator[None]:
        """Read the records of all lines, pausing after each block.

        Raises UnreadableFile, for an error inside an envelope whose line is longer than a record may be.
        """
        buffer = self._buffer
        while buffer.skip_marks():
            buffer.refill()
            stop = buffer.offset + max(self._end_of_lines(buffer.chunk_bytes) - buffer.pos, 1)
            self._reach = buffer.chunk_bytes
            while buffer.offset < stop and buffer.skip_marks(grow=False):
                yield from self._read_lines(buffer.pos + stop - buffer.offset)

    def _end_of_lines(self, reach: int) -> int:
        """Return where the last whole line in the buffer ends that does so within a reach from here."""
        buffer = self._buffer
        end = buffer.pos + reach
        if buffer.ended and len(buffer.text) <= end:
            return len(buffer.text)
        feed = buffer.text.rfind(b"\n", buffer.pos, end) + 1
        return max(feed, buffer.text.rfind(b"\r", max(feed, buffer.pos), end) + 1)

    def _read_lines(self, end: int) -> Iterator[None]:
        """Read lines from here on, at most to `end`: as many as can be split at once, and the next by itself."""
        buffer = self._buffer
        end = min(end, self._end_of_lines(self._reach))
        stop, is_next_alone = self._read_at_once(end) if end > buffer.pos else (buffer.pos, True)
        self._reach = max(LEAST_REACH, REACH_FACTOR * (stop - buffer.pos))
        if stop > buffer.pos:
            buffer.pos = stop
            yield
        if is_next_alone:
            yield from self._read_line()

    def _read_at_once(self, end: int) -> tuple[int, bool]:
        """Read lines from here to `end`; return how far, and whether the one there has to be read by itself."""
        start = self._buffer.pos
        if self._blocks is not None:
            stop, is_next_alone, lookahead = self._blocks.read(start, end, self._lookahead_budget)
            self._lookahead_budget = min(lookahead, self._limit)
            return stop, is_next_alone
        try:
            is_sound = self._read_unambiguous(start, end)
        except AmbiguousEnvelope:
            is_sound = False
        return (end, False) if is_sound else (start, True)

    def _read_unambiguous(self, start: int, end: int) -> bool:
        """Read whole lines, or none of them and return False where one is not sound. Raises AmbiguousEnvelope."""
        text: Text = memoryview(self._buffer.text)[start:end]
        raws = self._values.decoded(several, text)
        if raws is None and self._buffer.text.find(UTF8_BOM, start, end) >= 0:
            text = _MARK_AT_START.sub(b"", text)
            raws = self._values.decoded(several, text)
        if raws is None:
            return False
        self._builder.add_all(self._envelopes.opened(raws, text))
        return True

    def _read_line(self) -> Iterator[None]:
        """Read what the current line holds or begins; reject the line alone if it is not JSON."""
        buffer = self._buffer
        end = self._whole_line()
        length = len(buffer.text) if end is None else end - buffer.pos
        try:
            if end is not None and length <= buffer.chunk_bytes and self._read_unambiguous(buffer.pos, end):
                buffer.pos = end
                yield
                return
            if end is None or length > self._limit:
                yield from self._read_endless_line()
                return
            total = self._checked(length)
        except (_BadLine, AmbiguousEnvelope) as problem:
            self._builder.reject(str(problem), buffer.text[buffer.pos : buffer.pos + length])
            buffer.pos += length
            yield
            return
        stop = buffer.offset + total
        while buffer.offset < stop:
            if not self._envelopes.read_block(buffer.pos + stop - buffer.offset):
                yield from self._envelopes.read_value()
            yield
            buffer.skip_marks(grow=False)

    def _read_endless_line(self) -> Iterator[None]:
        """Read a line that is longer than a record may be: an envelope, or it is rejected alone."""
        buffer = self._buffer
        reason = f"the line is longer than {self._limit} bytes: send one record a line, or raise ETL_MAX_RECORD_BYTES"
        if buffer.here == b"{":
            kind = self._envelopes.look()
            if kind is MemberKind.ENVELOPE:
                yield from self._envelopes.read_value()
                return
            end, _, _ = value_end(buffer.text, buffer.pos)
            stop = line_end(buffer.text, buffer.pos)
            if end is None or buffer.pos + end >= (len(buffer.text) if stop is None else stop):
                reason = self._values.too_long if kind is MemberKind.DOCUMENT else self._envelopes.neither
        self._values.spool(None, reason)
        yield

    def _whole_line(self) -> int | None:
        """Read the current line into the buffer and return its end; None where it is longer than a record may be."""
        buffer = self._buffer
        end = line_end(buffer.text, buffer.pos)
        while end is None and not buffer.ended:
            if len(buffer.text) - buffer.pos > self._limit or not buffer.more():
                break
            end = line_end(buffer.text, buffer.pos)
        return len(buffer.text) if end is None and buffer.ended else end

    def _checked(self, length: int) -> int:
        """Return where the records end that begin in the current line, the last of them perhaps beyond it.

        Nothing of them is kept: a line may hold millions. Raises _BadLine.
        """
        buffer = self._buffer
        line = buffer.text[buffer.pos : buffer.pos + length]
        if buffer.not_utf8 is not None and not is_utf8(line):
            raise _BadLine(not_utf8(line))
        at: int | None = 0
        end = 0
        while at is not None:
            block = self._values.block(several, buffer.pos + at, buffer.pos + length)
            try:
                if block is not None:
                    self._envelopes.opened(block[0], memoryview(buffer.text)[buffer.pos + at : block[1]])
                    end = block[1] - buffer.pos
                else:
                    end = self._end_of_one(at, length)
            except AmbiguousEnvelope as problem:
                raise _BadLine(str(problem)) from None
            at = self._next_in_line(end)
        return end

    def _end_of_one(self, at: int, length: int) -> int:
        """Return where the value ends that begins at `at` from here. Raises _BadLine and AmbiguousEnvelope."""
        buffer = self._buffer
        try:
            end = self._values.end_of_value(at)[0] if self._lookahead_budget > 0 else self._end_in_line(at, length)
            if end is None:
                raise MalformedJson(f"what begins here does not end within {self._limit} bytes", 0)
        except MalformedJson as problem:
            self._lookahead_budget -= max(0, at + problem.offset - length)
            raise _BadLine(reason(buffer.text[buffer.pos : buffer.pos + length], at, problem)) from None
        raw = buffer.text[buffer.pos + at : buffer.pos + end].rstrip(WHITESPACE)
        self._values.learn(buffer.pos + at + len(raw))
        # The line is, but not perhaps what follows it.
        if buffer.not_utf8 is not None and not is_utf8(raw):
            raise _BadLine(f"what begins in the line is {NOT_UTF8}")
        self._envelopes.array_of(raw)
        return at + len(raw)

    def _end_in_line(self, at: int, length: int) -> int | None:
        end = ValueScanner().feed(self._buffer.text[self._buffer.pos + at : self._buffer.pos + length], last=True)
        return None if end is None else at + end

    def _next_in_line(self, end: int) -> int | None:
        """Return where the line goes on after the record that ends at `end` from here, or None where it does not."""
        buffer = self._buffer
        while True:
            match = MARKS.match(buffer.text, buffer.pos + end)
            after = match.end() if match else buffer.pos + end
            if line_end(buffer.text[buffer.pos + end : after], 0) is not None:
                return None
            if after < len(buffer.text):
                return after - buffer.pos
            if buffer.ended or after - buffer.pos > 2 * self._limit or not buffer.more():
                return None
