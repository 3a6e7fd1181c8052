"""Reads newline-delimited files, in which what is bad is rejected a line at a time.

A line ends with LF, CR LF or CR. It holds a record, or several, or an envelope of some; a record may go on beyond its
line, as a pretty-printed one does. A line that is not JSON, or not UTF-8, is rejected alone, as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from chalicelib.documents.batches import Gatherer
from chalicelib.documents.buffer import MARKS, Window, is_utf8
from chalicelib.documents.decompress import UTF8_BOM
from chalicelib.documents.envelope import AmbiguousEnvelope, Envelopes, Found
from chalicelib.documents.json_scan import CUT_OFF, WHITESPACE, MalformedJson, ValueScanner
from chalicelib.documents.value_reader import NOT_UTF8, Text, Values, line_end, several, value_end
from chalicelib.errors import shown

_MARK_AT_START = re.compile(rb"(?:\A|(?<=[\r\n]))(?:%b)+" % UTF8_BOM)


PATIENCE_BYTES = 256 * 1024
"""What may be looked at in vain, at first, for the end of what a line begins."""


class _BadLine(ValueError):
    """A line that is rejected; `str()` is why."""


class Lines:
    """The lines of a window that has not been told to require UTF-8."""

    def __init__(self, window: Window, values: Values, gatherer: Gatherer, envelopes: Envelopes) -> None:
        self._window = window
        self._values = values
        self._gatherer = gatherer
        self._envelopes = envelopes
        self._limit = values.limit
        # Else each of a million lines with an open bracket would be followed for as long as a record may be. It grows
        # with what was read.
        self._patience = min(PATIENCE_BYTES, self._limit)

    def read(self) -> Iterator[None]:
        """Take the records of all lines, pausing after each block. Raises UnreadableFile.

        That is only for an error inside an envelope whose line is longer than a record may be.
        """
        w = self._window
        while w.skip_marks():
            w.refill()
            cut = self._end_of_block()
            if self._take_lines(w.pos, cut):
                self._patience = min(self._patience + cut - w.pos, self._limit)
                w.pos = cut
                yield
                continue
            stop = w.offset + max(cut - w.pos, 1)
            while w.offset < stop and w.skip_marks(grow=False):
                yield from self._read_line()

    def _end_of_block(self) -> int:
        """Return where the last line ends of those that are in view, and no more than a chunk."""
        w = self._window
        end = w.pos + w.chunk_bytes
        if w.ended and len(w.text) <= end:
            return len(w.text)
        feed = w.text.rfind(b"\n", w.pos, end) + 1
        return max(feed, w.text.rfind(b"\r", max(feed, w.pos), end) + 1)

    def _take_lines(self, start: int, end: int) -> bool:
        """Take whole lines, or return False where they are not sound through and through."""
        if end <= start:
            return False
        text: Text = memoryview(self._window.text)[start:end]
        raws = self._values.decoded(several, text)
        if raws is None and self._window.text.find(UTF8_BOM, start, end) >= 0:
            text = _MARK_AT_START.sub(b"", text)
            raws = self._values.decoded(several, text)
        if raws is None:
            return False
        try:
            self._gatherer.add_all(self._envelopes.opened(raws, text))
        except AmbiguousEnvelope:
            return False
        return True

    def _read_line(self) -> Iterator[None]:
        """Take what the line at hand holds or begins; reject the line alone if it is not JSON."""
        w = self._window
        end = self._whole_line()
        if end is None:
            yield from self._read_endless_line()
            return
        if end - w.pos <= w.chunk_bytes and self._take_lines(w.pos, end):
            w.pos = end
            yield
            return
        if end - w.pos > self._limit:
            yield from self._read_endless_line()
            return
        length = end - w.pos
        try:
            total = self._checked(length)
        except _BadLine as problem:
            self._gatherer.reject(str(problem), w.text[w.pos : w.pos + length])
            w.pos += length
            yield
            return
        stop = w.offset + total
        while w.offset < stop:
            if not self._envelopes.take_block(w.pos + stop - w.offset):
                yield from self._envelopes.read_value()
            yield
            w.skip_marks(grow=False)

    def _read_endless_line(self) -> Iterator[None]:
        """Read a line that is longer than a record may be: an envelope, or it is rejected alone."""
        w = self._window
        reason = f"the line is longer than {self._limit} bytes: send one record a line, or raise ETL_MAX_RECORD_BYTES"
        if w.here == b"{":
            found, _ = self._envelopes.look()
            if found is Found.ENVELOPE:
                yield from self._envelopes.read_value()
                return
            end, _ = value_end(memoryview(w.text)[w.pos :])
            stop = line_end(w.text, w.pos)
            if end is None or w.pos + end >= (len(w.text) if stop is None else stop):
                reason = self._values.too_long if found is Found.ORDER else self._envelopes.neither
        self._values.spool(None, reason)
        yield

    def _whole_line(self) -> int | None:
        """Bring the line at hand into view and return its end; None where it is longer than a record may be."""
        w = self._window
        end = line_end(w.text, w.pos)
        while end is None and not w.ended:
            if len(w.text) - w.pos > self._limit or not w.more():
                break
            end = line_end(w.text, w.pos)
        return len(w.text) if end is None and w.ended else end

    def _checked(self, length: int) -> int:
        """Return how far the records go that begin in the line at hand, the last of them perhaps beyond it.

        Nothing of them is kept: a line may hold millions. Raises _BadLine.
        """
        w = self._window
        line = w.text[w.pos : w.pos + length]
        if w.not_utf8 is not None and not is_utf8(line):
            raise _BadLine(f"the line is {NOT_UTF8} (byte {_utf8_length(line)} of the line)")
        at: int | None = 0
        end = 0
        while at is not None:
            block = self._values.block(several, w.pos + at, w.pos + length)
            try:
                if block is not None:
                    self._envelopes.opened(block[0], memoryview(w.text)[w.pos + at : block[1]])
                    end = block[1] - w.pos
                else:
                    end = self._end_of_one(at, length)
            except AmbiguousEnvelope as problem:
                raise _BadLine(str(problem)) from None
            at = self._next_in_line(end)
        if end > length and w.not_utf8 is not None and not is_utf8(w.text[w.pos + length : w.pos + end]):
            raise _BadLine(f"what begins in the line is {NOT_UTF8}")
        return end

    def _end_of_one(self, at: int, length: int) -> int:
        """Return the end of the value that begins at `at` from here. Raises _BadLine and AmbiguousEnvelope."""
        w = self._window
        try:
            end = self._values.end_of_value(at)[0] if self._patience > 0 else self._end_in_line(at, length)
            if end is None:
                raise MalformedJson(f"what begins here does not end within {self._limit} bytes", 0)
        except MalformedJson as problem:
            self._patience -= max(0, at + problem.offset - length)
            if at:
                after = repr(shown(w.text[w.pos + at : w.pos + length][:40], 20))
                raise _BadLine(f"the line goes on after its record, with {after}: send one record a line") from None
            reason, offset = problem.reason, problem.offset
            if offset >= length:
                # Read with the lines behind it, it broke there: alone, it is cut off.
                reason, offset = CUT_OFF, length - 1
            raise _BadLine(f"the line is not JSON: {reason} (byte {offset} of the line)") from None
        raw = w.text[w.pos + at : w.pos + end].rstrip(WHITESPACE)
        self._values.learn(w.pos + at + len(raw))
        self._envelopes.check(raw)
        return at + len(raw)

    def _end_in_line(self, at: int, length: int) -> int | None:
        end = ValueScanner().feed(self._window.text[self._window.pos + at : self._window.pos + length], last=True)
        return None if end is None else at + end

    def _next_in_line(self, end: int) -> int | None:
        """Return where the line goes on after the record that ends at `end` from here, or None where it does not."""
        w = self._window
        while True:
            match = MARKS.match(w.text, w.pos + end)
            after = match.end() if match else w.pos + end
            if line_end(w.text[w.pos + end : after], 0) is not None:
                return None
            if after < len(w.text):
                return after - w.pos
            if w.ended or after - w.pos > 2 * self._limit or not w.more():
                return None


def _utf8_length(text: bytes) -> int:
    """Return how many bytes of a text that is not UTF-8 are, from its first."""
    try:
        text.decode()
    except UnicodeDecodeError as problem:
        return problem.start
    return len(text)
