"""Reads JSON values from a buffer: many at once where a guess at their borders is right, else one by one.

A guess counts only once everything before it has been checked, by compiled code (see slices.py) or, where that is not
certain, by msgspec. Values that msgspec cannot check go to the scanner (see json_scan.py). Memory is bounded by the
buffer's chunk and by the longest record allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

import msgspec

from chalicelib.documents.batches import BatchBuilder
from chalicelib.documents.buffer import Buffer, Text, is_utf8
from chalicelib.documents.json_scan import WHITESPACE, MalformedJson, ValueScanner
from chalicelib.documents.rejected import SpooledRaw
from chalicelib.documents.slices import COMPILED_FROM_BYTES, BrokenValue, Slices, by_nothing
from chalicelib.documents.value_end import TRUNCATED, scanned, value_end
from chalicelib.errors import UnreadableFile

SPOOL_FACTOR, MOST_SPOOLED = 16, 96 * 1024 * 1024
"""A record of more than this many times the limit, or of more bytes, quarantines the file: the disk is bounded too.
Two may lie there at once, beside the Parquet files, on the 512 MB of a Lambda."""

MAX_VALUES = 400_000
"""How many values and keys a record may hold: parsed one by one, each takes a hundred bytes and more."""

COUNTED_FROM_BYTES = 1024 * 1024
"""A shorter record cannot hold so many that it matters."""

FEW = 16
"""A guess that yields fewer values counts as wrong."""

LEAST_REACH = 4096
"""How many bytes a guess covers, at least."""

MOST_SINGLES = 4096
"""How many values are read one by one, at most, before a block is tried again."""

NOT_UTF8 = "not UTF-8 text: save the file as UTF-8"

_BETWEEN_BYTES = 80
_ONE = msgspec.json.Decoder(msgspec.Raw)
_BETWEEN = re.compile(rb"[ \t\r\n]*+,?[ \t\r\n]*+")
_VALUE = re.compile(rb'(?:[^",{\[]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"?)*+[,{\[]?', re.DOTALL)
"""Up to what begins a value, outside of texts, or to the end: it matches everywhere, so that no byte is met twice."""
_LINE_END = re.compile(rb"[\r\n]")

Raws = Slices | list[msgspec.Raw]
Decode = Callable[[Text], Raws | None]


class ValueReader:
    """Reads the values of a buffer, each of which becomes a record; a record that is not UTF-8 is rejected."""

    def __init__(self, buffer: Buffer, builder: BatchBuilder, max_record_bytes: int) -> None:
        self.limit = max_record_bytes
        self.too_long = f"the order is longer than {max_record_bytes} bytes: split it, or raise ETL_MAX_RECORD_BYTES"
        self._buffer = buffer
        self._builder = builder
        self._delimiter = b""
        self._tail = 1
        # How many bytes a guess covers, fewer after a wrong one; and how many values to read one by one until the next:
        # wrong guesses cost no more than the values in between.
        self._reach = buffer.chunk_bytes
        self._wait = 0
        self._singles = 0
        self._scanned_value = -1, -1

    def read_block(self, decode: Decode, decode_whole: Decode) -> bool:
        """Read as many values as a guess covers; False where there is no guess, or a wrong one.

        `decode_whole` decodes the first values of a text that goes on: those are read where a guess is wrong.
        """
        buffer = self._buffer
        block = self.block(decode, buffer.pos, len(buffer.text), decode_whole)
        if block is None:
            return False
        self._builder.add_all(block[0])
        buffer.pos = block[1]
        return True

    def block(
        self, decode: Decode, start: int, stop: int, decode_whole: Decode | None = None
    ) -> tuple[Raws, int] | None:
        """Decode as many values from `start` on as a guess covers; return them and where they end."""
        if self._singles > 0:
            self._singles -= 1
            return None
        buffer = self._buffer
        stop = min(stop, start + self._reach)
        cut = buffer.text.rfind(self._delimiter, start, stop) + self._tail if self._delimiter else 0
        raws = self.decoded(decode, memoryview(buffer.text)[start:cut]) if cut > start else None
        if decode_whole is not None and self._delimiter and (raws is None or len(raws) < FEW):
            whole = self.decoded(decode_whole, memoryview(buffer.text)[start:stop])
            if isinstance(whole, Slices):
                raws, cut = whole, start + int(whole.ends[-1])
        if raws is not None and len(raws) >= FEW:
            self._wait, self._reach = 0, min(2 * self._reach, buffer.chunk_bytes)
        else:
            self._wait, self._reach = min(2 * self._wait + 1, MOST_SINGLES), max(self._reach // 4, LEAST_REACH)
        self._singles = self._wait
        return (raws, cut) if raws else None

    def decoded(self, decode: Decode, text: Text) -> Raws | None:
        """Decode a text, or return None where it is not made of whole, valid records."""
        if self._buffer.not_utf8 is not None and not is_utf8(bytes(text)):
            return None
        try:
            raws = decode(text)
        except (BrokenValue, msgspec.DecodeError, RecursionError):
            return None
        return None if raws is None or (len(text) > self.limit and longest(raws) > self.limit) else raws

    def read_one(self, too_long: str | None = None) -> None:
        """Read the current value as the next record; `too_long` is the reason if it is longer than a record may be.

        Raises MalformedJson where it is not JSON, with an offset from the value's first byte.
        """
        buffer = self._buffer
        end, unchecked = self.end_of_value(0)
        if end is None:
            self.spool(ValueScanner(), too_long or self.too_long)
            return
        raw = buffer.text[buffer.pos : buffer.pos + end].rstrip(WHITESPACE)
        self.learn(buffer.pos + len(raw))
        buffer.pos += end
        if len(raw) > self.limit:
            self._builder.reject(too_long or self.too_long, raw)
        elif self._buffer.not_utf8 is not None and not is_utf8(raw):
            self._builder.reject(NOT_UTF8, raw)
        elif len(raw) > COUNTED_FROM_BYTES and holds_too_many(raw):
            self._builder.reject(f"the order holds more than {MAX_VALUES} values: split it", raw)
        else:
            self._builder.add(raw, unchecked)

    def read_or_raise(self, too_long: str | None = None) -> None:
        """Read the current value; raise UnreadableFile where it is not JSON."""
        start = self._buffer.offset
        try:
            self.read_one(too_long)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", start + problem.offset) from None

    def step_over(self) -> None:
        """Step over the current value, of any length. Raises UnreadableFile where it is not JSON."""
        buffer = self._buffer
        start = buffer.offset
        end, _, _ = value_end(buffer.text, buffer.pos)
        if end is not None and (buffer.pos + end < len(buffer.text) or buffer.ended):
            buffer.pos += end
            return
        scanner = ValueScanner()
        try:
            while buffer.pos < len(buffer.text) or buffer.more():
                length = self._scanned(scanner, 0)
                buffer.pos = len(buffer.text) if length is None else buffer.pos + length
                if length is not None:
                    return
            scanner.feed(b"", last=True)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", start + problem.offset) from None

    def learn(self, end: int) -> None:
        """Remember what separates the value that ends at `end` in the buffer's text from the next one."""
        text = self._buffer.text
        match = _BETWEEN.match(text, end, end + _BETWEEN_BYTES)
        start = match.end() if match else end
        if not 0 < end <= start < len(text):
            return
        # The first key of an object tells it from what is inside of one.
        colon = text.find(b":", start, start + _BETWEEN_BYTES) if text[start : start + 1] == b"{" else -1
        # Of texts with nothing between them, a quote may be the end or the beginning: two bytes of each tell.
        self._tail = 2 if text[end - 1 : start + 1] == b'""' and end > 1 else 1
        self._delimiter = text[end - self._tail : max(start + self._tail - 1, colon) + 1]

    def end_of_value(self, at: int) -> tuple[int | None, bool]:
        """Find the end of the value that begins `at` bytes from here, and read all of it into the buffer.

        Returns the end, from here, and whether msgspec cannot check the value; no end where it is too long to hold.
        Raises MalformedJson, with an offset from the value's first byte, where it is not JSON.
        """
        buffer = self._buffer
        while True:
            end, is_unusual, problem = value_end(buffer.text, buffer.pos + at)
            available = len(buffer.text) - buffer.pos - at
            if end is not None and (end < available or buffer.ended):
                return at + end, is_unusual
            if problem not in ("", TRUNCATED) or buffer.ended:
                return self._scanned_end(at)
            if available > self.limit:
                return (None, False) if problem else self._scanned_end(at)
            buffer.more()

    def _scanned_end(self, at: int) -> tuple[int | None, bool]:
        """Do as `end_of_value` does, for a value that msgspec cannot decode."""
        buffer = self._buffer
        begin = buffer.offset + at
        if self._scanned_value[0] == begin:
            # A line is checked as a whole before its values are read.
            return self._scanned_value[1] - buffer.offset, True
        scanner = ValueScanner()
        scanned = 0
        while True:
            end = self._scanned(scanner, at + scanned)
            if end is not None:
                self._scanned_value = begin, buffer.offset + at + scanned + end
                return at + scanned + end, True
            scanned = len(buffer.text) - buffer.pos - at
            if scanned > self.limit or not buffer.more():
                return None, False

    def spool(self, scanner: ValueScanner | None, reason: str) -> None:
        """Reject a record that is too long to hold, keeping its bytes on disk: to its end, or to the line's."""
        buffer = self._buffer
        raw = SpooledRaw()
        start = buffer.offset
        end = None
        most = min(self.limit * SPOOL_FACTOR, max(self.limit, MOST_SPOOLED))
        try:
            while end is None and (buffer.pos < len(buffer.text) or buffer.more()):
                piece = buffer.text[buffer.pos :]
                end = line_end(piece, 0) if scanner is None else scanner.feed(piece)
                raw.write(piece if end is None else piece[:end])
                buffer.pos += len(piece) if end is None else end
                if len(raw) > most:
                    raise UnreadableFile(f"one record is longer than {most} bytes: split it", start)
            if end is None and scanner is not None:
                scanner.feed(b"", last=True)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", start + problem.offset) from None
        self._builder.reject(reason, raw)

    def _scanned(self, scanner: ValueScanner, at: int) -> int | None:
        """Scan from `at` bytes on, to the buffer's end; return the value's length from there if it ends."""
        buffer = self._buffer
        return scanned(scanner, buffer.text, buffer.pos + at, last=buffer.ended)


def several(text: Text) -> Raws:
    """Split a text into values, white space between them or nothing. Raises BrokenValue, and what msgspec raises."""
    return (by_nothing(text) if len(text) >= COMPILED_FROM_BYTES else None) or _ONE.decode_lines(text)


def longest(raws: Raws) -> int:
    """Return how many bytes the longest record has."""
    return raws.longest if isinstance(raws, Slices) else max((memoryview(raw).nbytes for raw in raws), default=0)


def line_end(text: bytes, start: int) -> int | None:
    """Return where the line of `start` ends: before LF, CR LF or CR. None where `text` holds no end of it."""
    match = _LINE_END.search(text, start)
    return match.start() if match else None


def holds_too_many(raw: bytes) -> bool:
    """Tell whether a record holds more values than may be parsed one by one."""
    if raw.count(b",") + raw.count(b"{") + raw.count(b"[") <= MAX_VALUES:
        return False
    return sum(1 for _ in islice(_VALUE.finditer(raw), MAX_VALUES + 1)) > MAX_VALUES
