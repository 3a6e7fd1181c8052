"""Takes JSON values from a window: many at once where a guess at their borders is right, else one by one.

A guess only counts once msgspec has decoded everything before it. Values that msgspec cannot check are left to the
scanner (see json_scan.py). Memory is bounded by the window's chunk and by the longest record allowed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

import msgspec

from chalicelib.documents.batches import Gatherer
from chalicelib.documents.buffer import Window, is_utf8
from chalicelib.documents.json_scan import WHITESPACE, MalformedJson, ValueScanner
from chalicelib.documents.rejected import SpooledRaw
from chalicelib.errors import UnreadableFile

SPOOL_FACTOR = 16
MOST_SPOOLED = 96 * 1024 * 1024
"""A record of more than this many times the limit, or of more bytes, quarantines the file: the disk is bounded too.
Two may lie there at once, beside the Parquet files, on the 512 MB of a Lambda."""

MAX_VALUES = 400_000
"""How many values and keys one record may hold: parsed one by one, a value takes a hundred bytes and more."""

COUNTED_FROM_BYTES = 1024 * 1024
"""A shorter record cannot hold so many that it matters."""

FEW = 16
"""A block of fewer values was not worth its guess."""

LEAST_REACH = 4096
"""How many bytes a guess is made in, at least."""

MOST_SINGLES = 4096
"""How many values are taken one by one, at most, before a block is tried again."""

NOT_UTF8 = "not UTF-8 text: save the file as UTF-8"

_BETWEEN_BYTES = 80
_ONE = msgspec.json.Decoder(msgspec.Raw)
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
TRUNCATED = "truncated"
_BETWEEN = re.compile(rb"[ \t\r\n]*+,?[ \t\r\n]*+")
_VALUE = re.compile(rb'(?:[^",{\[]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"?)*+[,{\[]?', re.DOTALL)
"""Up to what begins a value, outside of texts, or to the end: it matches everywhere, so that no byte is met twice."""
_LINE_END = re.compile(rb"[\r\n]")
_SCANNED_FIRST = 1024


Text = bytes | memoryview
Decode = Callable[[Text], list[msgspec.Raw]]


class Values:
    """The values of a window, each of which becomes a record. What is not UTF-8 is rejected."""

    def __init__(self, window: Window, gatherer: Gatherer, max_record_bytes: int) -> None:
        self.limit = max_record_bytes
        self.too_long = f"the order is longer than {max_record_bytes} bytes: split it, or raise ETL_MAX_RECORD_BYTES"
        self._window = window
        self._gatherer = gatherer
        self._delimiter = b""
        self._tail = 1
        # How many bytes a guess is made in, fewer after one that was wrong; and how many values to take one by one
        # until the next: wrong guesses cost no more than the values in between.
        self._reach = window.chunk_bytes
        self._wait = 0
        self._singles = 0

    def take_block(self, decode: Decode) -> bool:
        """Take as many values as a guess allows; False where there is no guess, or a wrong one."""
        w = self._window
        block = self.block(decode, w.pos, len(w.text))
        if block is None:
            return False
        self._gatherer.add_all(block[0])
        w.pos = block[1]
        return True

    def block(self, decode: Decode, start: int, stop: int) -> tuple[list[msgspec.Raw], int] | None:
        """Decode as many values from `start` on as a guess allows, and return them and where they end."""
        if self._singles > 0:
            self._singles -= 1
            return None
        w = self._window
        stop = min(stop, start + self._reach)
        cut = w.text.rfind(self._delimiter, start, stop) + self._tail if self._delimiter else 0
        raws = self.decoded(decode, memoryview(w.text)[start:cut]) if cut > start else None
        if raws is not None and len(raws) >= FEW:
            self._wait, self._reach = 0, min(2 * self._reach, w.chunk_bytes)
        else:
            self._wait, self._reach = min(2 * self._wait + 1, MOST_SINGLES), max(self._reach // 4, LEAST_REACH)
        self._singles = self._wait
        return (raws, cut) if raws else None

    def decoded(self, decode: Decode, text: Text) -> list[msgspec.Raw] | None:
        """Decode a text, or return None where it is not a whole number of sound records."""
        if self._window.not_utf8 is not None and not is_utf8(bytes(text)):
            return None
        try:
            raws = decode(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        if len(text) > self.limit and any(memoryview(raw).nbytes > self.limit for raw in raws):
            return None
        return raws

    def take(self, too_long: str | None = None) -> None:
        """Take the value at hand as the next record; `too_long` is why, if it is longer than a record may be.

        Raises MalformedJson where it is not JSON, with an offset from the value's first byte.
        """
        w = self._window
        end, odd = self.end_of_value(0)
        if end is None:
            self.spool(ValueScanner(), too_long or self.too_long)
            return
        raw = w.text[w.pos : w.pos + end].rstrip(WHITESPACE)
        self.learn(w.pos + len(raw))
        w.pos += end
        if len(raw) > self.limit:
            self._gatherer.reject(too_long or self.too_long, raw)
        elif self._window.not_utf8 is not None and not is_utf8(raw):
            self._gatherer.reject(NOT_UTF8, raw)
        elif len(raw) > COUNTED_FROM_BYTES and holds_too_many(raw):
            self._gatherer.reject(f"the order holds more than {MAX_VALUES} values: split it", raw)
        else:
            self._gatherer.add(raw, odd)

    def take_or_give_up(self, too_long: str | None = None) -> None:
        """Take the value at hand; raise UnreadableFile where it is not JSON."""
        start = self._window.offset
        try:
            self.take(too_long)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", start + problem.offset) from None

    def step_over(self) -> None:
        """Step over the value at hand, of any length. Raises UnreadableFile where it is not JSON."""
        w = self._window
        start = w.offset
        end, _ = value_end(memoryview(w.text)[w.pos :])
        if end is not None and (w.pos + end < len(w.text) or w.ended):
            w.pos += end
            return
        scanner = ValueScanner()
        try:
            end = None
            while end is None and (w.pos < len(w.text) or w.more()):
                end = scanner.feed(w.text[w.pos :])
                w.pos = len(w.text) if end is None else w.pos + end
            if end is None:
                scanner.feed(b"", last=True)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", start + problem.offset) from None

    def learn(self, end: int) -> None:
        """Remember what stands between the value that ends at `end` in the window's text and the next one."""
        text = self._window.text
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
        """Find the end of the value that begins `at` bytes from here, bringing it all into view.

        Returns the end, from here, and whether msgspec could not check the value; no end where it is too long to hold.
        Raises MalformedJson, with an offset from the value's first byte, where it is not JSON.
        """
        w = self._window
        while True:
            end, why = value_end(memoryview(w.text)[w.pos + at :])
            held = len(w.text) - w.pos - at
            if end is not None and (end < held or w.ended):
                return at + end, False
            if (end is not None or why == TRUNCATED) and held <= self.limit and w.more():
                continue
            if why != TRUNCATED or w.ended:
                end = self._scanned(at)
                if end is not None:
                    return at + end, True
                if held <= self.limit and w.more():
                    continue
            return None, False

    def spool(self, scanner: ValueScanner | None, reason: str) -> None:
        """Reject a record that is too long to hold, keeping its bytes on disk: to its end, or to the line's."""
        w = self._window
        raw = SpooledRaw()
        start = w.offset
        end = None
        most = min(self.limit * SPOOL_FACTOR, max(self.limit, MOST_SPOOLED))
        try:
            while end is None and (w.pos < len(w.text) or w.more()):
                piece = w.text[w.pos :]
                end = line_end(piece, 0) if scanner is None else scanner.feed(piece)
                raw.write(piece if end is None else piece[:end])
                w.pos += len(piece) if end is None else end
                if len(raw) > most:
                    raise UnreadableFile(f"one record is longer than {most} bytes: split it", start)
            if end is None and scanner is not None:
                scanner.feed(b"", last=True)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", start + problem.offset) from None
        self._gatherer.reject(reason, raw)

    def _scanned(self, at: int) -> int | None:
        """Ask the scanner for the end of the value `at` bytes from here, within the bytes in view."""
        w = self._window
        scanner, start = ValueScanner(), w.pos + at
        begun, size = start, _SCANNED_FIRST
        while True:
            piece = w.text[start : start + size]
            start += len(piece)
            end = scanner.feed(piece, last=w.ended and start == len(w.text))
            if end is not None:
                return start - len(piece) + end - begun
            if start == len(w.text):
                return None
            size *= 2


def value_end(view: memoryview) -> tuple[int | None, str]:
    """Return where the first value of `view` ends, spaces behind it included, or None and why it is not known."""
    try:
        _ONE.decode(view)
    except msgspec.DecodeError as problem:
        text = str(problem)
        if match := _TRAILING.search(text):
            # The number counts the byte that trails as read already.
            return int(match[1]) - 1, ""
        return None, TRUNCATED if TRUNCATED in text else text
    except RecursionError:
        return None, "too deep"
    return len(view), ""


def several(text: Text) -> list[msgspec.Raw]:
    """Decode values that follow each other, with white space between them or with nothing."""
    return _ONE.decode_lines(text)


def line_end(text: bytes, start: int) -> int | None:
    """Return where the line ends that `start` is in: before LF, CR LF or CR. None where no end is in view."""
    match = _LINE_END.search(text, start)
    return match.start() if match else None


def holds_too_many(raw: bytes) -> bool:
    """Tell whether a record holds more values than may be parsed one by one."""
    if raw.count(b",") + raw.count(b"{") + raw.count(b"[") <= MAX_VALUES:
        return False
    return sum(1 for _ in islice(_VALUE.finditer(raw), MAX_VALUES + 1)) > MAX_VALUES
