"""Reads blocks of lines: what is sound and what is broken in them is found at once (see line_splitter.py)."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.documents.array import elements_of
from chalicelib.documents.batches import BatchBuilder
from chalicelib.documents.buffer import Buffer, is_utf8, utf8_length
from chalicelib.documents.envelope import EnvelopeReader
from chalicelib.documents.json_scan import CUT_OFF, MalformedJson, ValueScanner
from chalicelib.documents.line_splitter import BrokenLine, LineSplitter, SplitLines
from chalicelib.documents.members import AmbiguousEnvelope
from chalicelib.documents.slices import Slices
from chalicelib.documents.value_reader import NOT_UTF8, line_end
from chalicelib.errors import shown


class LineBlocks:
    """Reads lines of a buffer at once, but those that have to be read by themselves."""

    def __init__(
        self, splitter: LineSplitter, buffer: Buffer, builder: BatchBuilder, envelopes: EnvelopeReader
    ) -> None:
        self._splitter = splitter
        self._buffer = buffer
        self._builder = builder
        self._envelopes = envelopes

    def read(self, start: int, end: int, lookahead: int) -> tuple[int, bool, int]:
        """Read lines of the buffer's text from `start` to `end`, where one ends.

        Returns where lines are that were not read, whether the first of them has to be read by itself, and how many
        bytes may still be looked at in vain, of `lookahead`.
        """
        buffer = self._buffer
        is_last = buffer.ended and end == len(buffer.text)
        is_utf8 = buffer.not_utf8 is None
        block = self._splitter.split(buffer.text, start, end, lookahead=lookahead, is_last=is_last, is_utf8=is_utf8)
        stop = self._add(block, start)
        return stop, stop < block.stop or block.is_next_alone, block.lookahead

    def _add(self, block: SplitLines, start: int) -> int:
        """Add what lines hold behind `start`; return where a line is that has to be read by itself, or `block.stop`."""
        records, text = block.records, self._buffer.text
        if not self._envelopes.may_open(records, memoryview(text)[start : block.stop]):
            rejected = [(line.before, self._reason(line), text[line.start : line.end]) for line in block.broken]
            self._builder.add_between(records, rejected)
            return block.stop
        first = 0
        for line in block.broken:
            at = self._add_opened(records[first : line.before])
            if at is not None:
                return at
            self._builder.reject(self._reason(line), text[line.start : line.end])
            first = line.before
        at = self._add_opened(records[first:])
        return block.stop if at is None else at

    def _add_opened(self, records: Slices) -> int | None:
        """Add records, of which some may be envelopes; return where one is that has to be read by itself."""
        try:
            if records.unusual is None:
                self._builder.add_all(self._envelopes.opened(records, records.covered))
                return None
        except AmbiguousEnvelope:
            pass
        text = self._buffer.text
        starts: list[int] = records.starts.tolist()
        ends: list[int] = records.ends.tolist()
        unusual = [False] * len(records) if records.unusual is None else records.unusual.tolist()
        for first, last in _lines(text, starts, ends):
            start, end = starts[first], ends[last - 1]
            try:
                if last - first == 1:
                    is_added = self._add_value(text[start:end], unusual[first])
                else:
                    is_added = not any(unusual[first:last])
                    if is_added:
                        line = records[first:last]
                        self._builder.add_all(self._envelopes.opened(line, line.covered))
            except AmbiguousEnvelope as problem:
                is_added = line_end(text[start:end], 0) is None
                if is_added:
                    stop = line_end(text, end)
                    self._builder.reject(str(problem), text[start : len(text) if stop is None else stop])
            if not is_added:
                return start
        return None

    def _add_value(self, raw: bytes, is_unusual: bool) -> bool:
        """Add the only value of a line; False where it has to be read by itself. Raises AmbiguousEnvelope."""
        array = self._envelopes.array_of(raw)
        if array is None:
            self._builder.add(raw, is_unusual)
            return True
        documents = elements_of(array)
        if documents is not None:
            self._builder.add_all(documents)
        return documents is not None

    def _reason(self, line: BrokenLine) -> str:
        """Return why a line is rejected."""
        text = self._buffer.text
        raw = text[line.start : line.end]
        if self._buffer.not_utf8 is not None and not is_utf8(raw):
            return not_utf8(raw)
        at = line.value - line.start
        problem = MalformedJson(CUT_OFF, line.broken - line.start)
        try:
            if at:
                self._envelopes.check_all(text[line.start : line.value])
            elif line.broken < line.end:
                # With a byte behind it a line is seen not to go on.
                ValueScanner().feed(text[line.start : line.end + 1], last=line.end == len(text))
        except AmbiguousEnvelope as ambiguous:
            return str(ambiguous)
        except MalformedJson as malformed:
            problem = malformed
        return reason(raw, at, problem)


def reason(line: bytes, at: int, problem: MalformedJson) -> str:
    """Return why a line is rejected, of which the value that begins at `at` is not JSON."""
    if at:
        return f"the line goes on after its record, with {shown(line[at:][:40], 20)!r}: send one record a line"
    if problem.offset >= len(line):
        # Read with the lines behind it, it broke there: alone, it is cut off.
        problem = MalformedJson(CUT_OFF, len(line) - 1)
    return f"the line is not JSON: {problem.reason} (byte {problem.offset} of the line)"


def not_utf8(line: bytes) -> str:
    """Return why a line is rejected that is not UTF-8."""
    return f"the line is {NOT_UTF8} (byte {utf8_length(line)} of the line)"


def _lines(text: bytes, starts: list[int], ends: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the index of the first record that begins in a line, and of the first that begins in another.

    Lines count as one where a record goes on from one into the next.
    """
    first = 0
    for i in range(1, len(starts) + 1):
        if i == len(starts) or line_end(text[ends[i - 1] : starts[i]], 0) is not None:
            yield first, i
            first = i
