"""Cuts a stream of JSON into raw records, batch by batch, whatever form the file has.

A file is an array of orders, an object that holds the array (`{"orders": [...]}`), or orders one after the other:
a line each, pretty-printed, or with nothing between them. Records are found by decoding, never by guessing: a guessed
boundary only counts once msgspec has decoded everything before it, and without a guess the records are taken one by
one. Memory is bounded by the batch and by the longest record allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec

from chalicelib.errors import UnreadableFile, shown
from chalicelib.json_scan import WHITESPACE, MalformedJson, ValueScanner
from chalicelib.refused import Refused, SpooledRaw
from chalicelib.sources import Source
from chalicelib.window import Window

CHUNK_BYTES = 1024 * 1024
"""How much is cut at a time: large enough to amortise each call, small enough for caches and a Lambda of 512 MB."""

HEAD_BYTES = 64 * 1024
HEAD_LINES = 4
"""How much is looked at, at least, to tell whether records are a line each."""

MAX_BATCH_RECORDS = 20_000
"""A batch of more would take much memory, however short its records are."""

LEARNED_FROM = 8
"""How many records are taken one by one to learn what stands between them."""

SPOOL_FACTOR = 16
"""A record of more than this many times the limit is not set aside but refuses the file: the disk is bounded too."""

_ONE = msgspec.json.Decoder(msgspec.Raw)
_MANY = msgspec.json.Decoder(list[msgspec.Raw])
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_TRUNCATED = "truncated"
_SPACE = re.compile(rb"[ \t\r\n]*")
_SCANNED_FIRST = 1024

Raw = bytes | msgspec.Raw


@dataclass
class Batch:
    """Records that were read together.

    `numbers[i]` is the record number of `raws[i]`, from 1; what is in `refused` has numbers of its own. `odd` holds
    the positions in `raws` of records that are JSON but that msgspec could not check: for the strict decoder only.
    """

    numbers: list[int] = field(default_factory=list)
    raws: list[Raw] = field(default_factory=list)
    odd: set[int] = field(default_factory=set)
    refused: list[Refused] = field(default_factory=list)

    @property
    def read(self) -> int:
        """How many records the batch accounts for."""
        return len(self.raws) + len(self.refused)


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
        self._envelope = envelope
        self._order_key = order_key
        self._delimiter = b""
        self._lines = False
        self._more_elements = True
        self._number = 1
        # Bytes that may be looked at in vain for the end of what a line begins: else each of a million lines with an
        # open bracket would be followed for as long as a record may be.
        self._patience = max_record_bytes

    def __iter__(self) -> Iterator[Batch]:
        w = self._window
        if not w.skip():
            raise UnreadableFile("the file holds nothing: send at least an empty array", w.offset)
        if w.here == b"[" and not self._is_line_of_its_own():
            yield from self._array()
        elif w.here == b"{" and self._finds_envelope():
            while True:
                yield from self._array()
                self._leave_envelope()
                if not w.skip() or not (w.here == b"{" and self._finds_envelope()):
                    break
        else:
            yield from self._stream()
        if w.skip():
            raise UnreadableFile(f"the file goes on after its array of orders, with {w.shown()}", w.offset)

    # One record after the other -----------------------------------------------------------------------------------

    def _stream(self) -> Iterator[Batch]:
        w = self._window
        self._lines = _has_line_of_its_own(self._head())
        while w.skip():
            w.refill()
            guess = 0 if self._lines else self._guessed_cut()
            cut = len(w.text) if w.ended else guess or w.text.rfind(b"\n", w.pos) + 1
            raws = self._decoded(cut, _ONE.decode_lines) if cut > w.pos else None
            if raws:
                w.pos = cut
                yield from self._batches(raws)
            else:
                yield self._stepped(self._step_in_stream)

    def _step_in_stream(self, batch: Batch) -> bool:
        w = self._window
        if self._lines:
            return self._step_over_line(batch)
        try:
            self._take_value(batch)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", w.offset + problem.offset) from None
        return w.skip(grow=False)

    def _step_over_line(self, batch: Batch) -> bool:
        """Take what the line at hand holds or begins; refuse the line alone if it is not JSON."""
        w = self._window
        end = w.text.find(b"\n", w.pos)
        while end < 0 and not w.ended:
            if batch.read:
                return False
            if len(w.text) - w.pos > self._limit or not w.more():
                break
            end = w.text.find(b"\n", w.pos)
        if end < 0 and not w.ended:
            self._spool(batch, None)
            return w.skip(grow=False)
        length = (len(w.text) if end < 0 else end) - w.pos
        raws = self._decoded(w.pos + length, _ONE.decode_lines)
        if raws is not None:
            batch.raws += raws
            batch.numbers += range(self._number, self._number + len(raws))
            self._number += len(raws)
            w.pos += length
        else:
            self._take_what_begins_here(batch, length)
        return w.skip(grow=False)

    def _take_what_begins_here(self, batch: Batch, length: int) -> None:
        """Take the records of the line at hand, of which the last may go on beyond it, or refuse the line alone."""
        w = self._window
        found: list[tuple[int, int, bool]] = []
        at: int | None = 0
        try:
            while at is not None:
                end, odd = self._end_of_value(at) if self._patience > 0 else self._end_in_line(at, length)
                if end is None:
                    raise MalformedJson(f"what begins here does not end within {self._limit} bytes", self._limit)
                end = at + len(w.text[w.pos + at : w.pos + end].rstrip(WHITESPACE))
                found.append((at, end, odd))
                at = self._next_in_line(end)
        except MalformedJson as problem:
            assert at is not None
            self._patience -= max(0, at + problem.offset - length)
            line = w.text[w.pos : w.pos + length].rstrip(b"\r")
            if found:
                after = repr(shown(line[at : at + 40], 20))
                reason = f"the line goes on after its record, with {after}: send one record a line"
            else:
                reason = f"the line is not JSON: {problem.reason} (byte {problem.offset} of the line)"
            batch.refused.append(Refused(self._number, "", reason, line))
            self._number += 1
            w.pos += length
            return
        for start, end, odd in found:
            self._put(batch, w.text[w.pos + start : w.pos + end], odd)
        w.pos += found[-1][1]

    def _end_in_line(self, at: int, length: int) -> tuple[int | None, bool]:
        w = self._window
        end = ValueScanner().feed(w.text[w.pos + at : w.pos + length], last=True)
        return None if end is None else at + end, True

    def _next_in_line(self, end: int) -> int | None:
        """Return where the line goes on after the record that ends at `end` from here, or None where it does not."""
        w = self._window
        while True:
            after = _after_space(w.text, w.pos + end)
            if b"\n" in w.text[w.pos + end : after]:
                return None
            if after < len(w.text):
                return after - w.pos
            if w.ended or after - w.pos > 2 * self._limit or not w.more():
                return None

    def _head(self) -> bytes:
        """Return what the records begin with: enough bytes and lines to tell whether each line is a record."""
        w = self._window
        while len(w.text) - w.pos < HEAD_BYTES and w.more():
            pass
        end = w.pos + HEAD_BYTES
        if w.text.count(b"\n", w.pos, end) >= HEAD_LINES:
            return w.text[w.pos : end]
        while len(w.text) - w.pos <= self._limit and w.text.count(b"\n", w.pos) < HEAD_LINES and w.more():
            pass
        end = w.pos
        for _ in range(HEAD_LINES):
            end = w.text.find(b"\n", end, w.pos + self._limit) + 1 or w.pos + self._limit
        return w.text[w.pos : max(end, w.pos + HEAD_BYTES)]

    # Elements of an array -----------------------------------------------------------------------------------------

    def _array(self) -> Iterator[Batch]:
        w = self._window
        w.pos += 1
        if w.skip() and w.here == b"]":
            w.pos += 1
            return
        more = True
        while more:
            if not w.skip():
                raise UnreadableFile("the file ends inside its array of orders: it is truncated", w.offset)
            w.refill()
            cut = self._guessed_cut()
            raws = self._decoded(cut, _elements) if cut > w.pos else None
            if raws:
                w.pos = cut
                yield from self._batches(raws)
                more = self._comma()
            else:
                yield self._stepped(self._step_in_array)
                more = self._more_elements

    def _step_in_array(self, batch: Batch) -> bool:
        w = self._window
        try:
            self._take_value(batch)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", w.offset + problem.offset) from None
        self._more_elements = self._comma()
        return self._more_elements and w.skip(grow=False)

    def _comma(self) -> bool:
        """Step over what follows an element: True after a comma, False after the end of the array."""
        w = self._window
        if not w.skip():
            raise UnreadableFile("the file ends inside its array of orders: it is truncated", w.offset)
        if w.here not in (b",", b"]"):
            raise UnreadableFile(f"not JSON: expected ',' or ']' after an order, found {w.shown()}", w.offset)
        more = w.here == b","
        w.pos += 1
        return more

    # The object around the array ----------------------------------------------------------------------------------

    def _is_line_of_its_own(self) -> bool:
        """Tell whether the array at hand is one line among others of a newline-delimited file."""
        w = self._window
        while len(w.text) - w.pos < HEAD_BYTES and w.more():
            pass
        head_end = w.pos + HEAD_BYTES
        end = w.text.find(b"\n", w.pos, head_end)
        if end < 0 or not w.text[end:head_end].strip(WHITESPACE) or w.text[w.pos : end].rstrip(WHITESPACE)[-1:] != b"]":
            return False
        try:
            _ONE.decode(memoryview(w.text)[w.pos : end])
        except (msgspec.DecodeError, RecursionError):
            return False
        return True

    def _finds_envelope(self) -> bool:
        """Stand at the array inside the object at hand and return True, or stay where we are and return False."""
        w = self._window
        while True:
            found, complete = self._look_for_envelope()
            if found:
                w.pos = found
                return True
            if complete or len(w.text) - w.pos > self._limit or not w.more():
                return False

    def _look_for_envelope(self) -> tuple[int, bool]:
        """Return the array's position, or 0, and whether the bytes in view sufficed to tell."""
        w = self._window
        view = memoryview(w.text)
        at = _after_space(w.text, w.pos + 1)
        while w.text[at : at + 1] == b'"':
            end, why = _value_end(view[at:])
            if end is None:
                return 0, why != _TRUNCATED
            key, at = _text_of(w.text[at : at + end]), at + end
            if w.text[at : at + 1] != b":":
                return 0, at < len(w.text)
            at = _after_space(w.text, at + 1)
            if key == self._order_key:
                return 0, True
            if key == self._envelope and w.text[at : at + 1] == b"[":
                return at, True
            end, why = _value_end(view[at:])
            if end is None:
                return 0, why != _TRUNCATED
            at = _after_space(w.text, at + end)
            if w.text[at : at + 1] != b",":
                return 0, at < len(w.text)
            at = _after_space(w.text, at + 1)
        return 0, at < len(w.text)

    def _leave_envelope(self) -> None:
        w = self._window
        while w.skip() and w.here == b",":
            w.pos += 1
            w.skip()
            quoted = self._passed() if w.here == b'"' else b""
            key = _text_of(quoted)
            if key is None or not w.skip() or w.here != b":":
                raise UnreadableFile(f"not JSON: expected a key and ':' after {self._envelope!r}", w.offset)
            if key in (self._envelope, self._order_key):
                raise UnreadableFile(
                    f"key {key!r} follows the array {self._envelope!r} in one object, so that it is not clear which "
                    "orders are meant: send the array alone",
                    w.offset,
                )
            w.pos += 1
            w.skip()
            self._passed()
        if w.here != b"}":
            found = w.shown() if w.here else "the file's end"
            raise UnreadableFile(f"not JSON: expected ',' or '}}' after {self._envelope!r}, found {found}", w.offset)
        w.pos += 1

    def _passed(self) -> bytes:
        """Step over a value that is no record, and return it."""
        w = self._window
        scratch, number = Batch(), self._number
        try:
            self._take_value(scratch)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", w.offset + problem.offset) from None
        self._number = number
        return bytes(scratch.raws[0]) if scratch.raws else b""

    # Shared -------------------------------------------------------------------------------------------------------

    def _batches(self, raws: list[msgspec.Raw]) -> Iterator[Batch]:
        for start in range(0, len(raws), MAX_BATCH_RECORDS):
            some: list[Raw] = list(raws[start : start + MAX_BATCH_RECORDS])
            numbers = list(range(self._number, self._number + len(some)))
            self._number += len(some)
            yield Batch(numbers, some)

    def _guessed_cut(self) -> int:
        """Return where the last record in view seems to end, by what stood between the records so far, or 0."""
        w = self._window
        return w.text.rfind(self._delimiter, w.pos) + 1 if self._delimiter else 0

    def _decoded(self, cut: int, decode: Callable[[memoryview], list[msgspec.Raw]]) -> list[msgspec.Raw] | None:
        """Decode all records up to `cut`, or return None where that is not a whole number of sound records."""
        w = self._window
        try:
            raws = decode(memoryview(w.text)[w.pos : cut])
        except (msgspec.DecodeError, RecursionError):
            return None
        if cut - w.pos > self._limit and any(len(bytes(raw)) > self._limit for raw in raws):
            return None
        return raws

    def _stepped(self, step: Callable[[Batch], bool]) -> Batch:
        """Take records one by one until the bytes in view are used up."""
        w = self._window
        batch = Batch()
        end = w.offset + w.chunk_bytes
        while step(batch) and w.pos < len(w.text) and w.offset < end and batch.read < MAX_BATCH_RECORDS:
            if len(batch.raws) == LEARNED_FROM and not self._delimiter and not self._lines:
                self._learn(batch)
                if self._delimiter:
                    return batch
        self._learn(batch)
        return batch

    def _learn(self, batch: Batch) -> None:
        """Remember what stands between the last two records, and how the last one begins."""
        w = self._window
        if len(batch.raws) < 2 or not bytes(batch.raws[-1]).startswith(b"{"):
            return
        last, before = bytes(batch.raws[-1]), bytes(batch.raws[-2])
        if b":" not in last[:80]:
            return
        start = w.text.rfind(last, 0, w.pos)
        end = w.text.rfind(before, 0, start) + len(before) if start > 0 else -1
        head = last[: last.find(b":") + 1]
        if 0 < end <= start and not w.text[end:start].strip(WHITESPACE + b",") and before.endswith(b"}"):
            self._delimiter = b"}" + w.text[end:start] + head

    def _take_value(self, batch: Batch) -> None:
        """Take the value at hand as the next record. Raises MalformedJson where it is not JSON."""
        w = self._window
        end, odd = self._end_of_value(0)
        if end is None:
            self._spool(batch, None if self._lines else ValueScanner())
            return
        self._put(batch, w.text[w.pos : w.pos + end].rstrip(WHITESPACE), odd)
        w.pos += end

    def _put(self, batch: Batch, raw: bytes, odd: bool) -> None:
        if len(raw) > self._limit:
            batch.refused.append(Refused(self._number, "", self._too_long(), raw))
        else:
            if odd:
                batch.odd.add(len(batch.raws))
            batch.raws.append(raw)
            batch.numbers.append(self._number)
        self._number += 1

    def _end_of_value(self, at: int) -> tuple[int | None, bool]:
        """Find the end of the value that begins `at` bytes from here, bringing it all into view.

        Returns the end, from here, and whether msgspec could not check the value; no end where it is too long to hold.
        Raises MalformedJson, with an offset from the value's first byte, where it is not JSON.
        """
        w = self._window
        while True:
            end, why = _value_end(memoryview(w.text)[w.pos + at :])
            held = len(w.text) - w.pos - at
            if end is not None and (end < held or w.ended):
                return at + end, False
            if (end is not None or why == _TRUNCATED) and held <= self._limit and w.more():
                continue
            if why != _TRUNCATED or w.ended:
                end = self._scanned(at)
                if end is not None:
                    return at + end, True
                if held <= self._limit and w.more():
                    continue
            return None, False

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

    def _too_long(self) -> str:
        return f"the order is longer than {self._limit} bytes: split it, or raise ETL_MAX_RECORD_BYTES"

    def _spool(self, batch: Batch, scanner: ValueScanner | None) -> None:
        """Refuse a record that is too long to hold, keeping its bytes on disk: to its end, or to the line's."""
        w = self._window
        raw = SpooledRaw()
        start = w.offset
        end = None
        try:
            while end is None and (w.pos < len(w.text) or w.more()):
                piece = w.text[w.pos :]
                end = _line_end(piece) if scanner is None else scanner.feed(piece)
                raw.write(piece if end is None else piece[:end])
                w.pos += len(piece) if end is None else end
                if len(raw) > self._limit * SPOOL_FACTOR:
                    raise UnreadableFile(
                        f"one order is longer than {self._limit * SPOOL_FACTOR} bytes: split it", start
                    )
            if end is None and scanner is not None:
                scanner.feed(b"", last=True)
        except MalformedJson as problem:
            raise UnreadableFile(f"not JSON: {problem.reason}", start + problem.offset) from None
        batch.refused.append(Refused(self._number, "", self._too_long(), raw))
        self._number += 1


def _elements(text: memoryview) -> list[msgspec.Raw]:
    return _MANY.decode(b"".join((b"[", text, b"]")))


def _value_end(view: memoryview) -> tuple[int | None, str]:
    """Return where the first value of `view` ends, spaces behind it included, or None and why it is not known."""
    try:
        _ONE.decode(view)
    except msgspec.DecodeError as problem:
        text = str(problem)
        if match := _TRAILING.search(text):
            # The number counts the byte that trails as read already.
            return int(match[1]) - 1, ""
        return None, _TRUNCATED if _TRUNCATED in text else text
    except RecursionError:
        return None, "too deep"
    return len(view), ""


def _has_line_of_its_own(head: bytes) -> bool:
    """Tell whether some line of `head` is an object by itself, at the margin: then records are a line each."""
    for line in head.split(b"\n"):
        if line.startswith(b"{") and line.rstrip(WHITESPACE).endswith(b"}"):
            try:
                _ONE.decode(line)
            except (msgspec.DecodeError, RecursionError):
                continue
            return True
    return False


def _line_end(piece: bytes) -> int | None:
    end = piece.find(b"\n")
    return None if end < 0 else end


def _after_space(text: bytes, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _text_of(quoted: bytes) -> str | None:
    try:
        return str(json.loads(quoted))
    except ValueError:
        return None
