"""Finds the array of orders inside the object around it, as in `{"page": 1, "orders": [...], "next": null}`.

An object that has the order's own key before the array is an order. One that has it after the array, or the array
twice, is ambiguous. Envelopes may be as many as orders: those of a block are opened together, by msgspec.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec

from chalicelib.documents.array import ELEMENTS, read_array
from chalicelib.documents.batches import Gatherer, Raw
from chalicelib.documents.buffer import Window
from chalicelib.documents.value_reader import TRUNCATED, Text, Values, several, value_end
from chalicelib.errors import UnreadableFile

_ARRAYS = msgspec.json.Decoder(list[list[msgspec.Raw]])
_KEY = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"')
_SPACE = re.compile(rb"[ \t\r\n]*+")
_COLON = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")
_PLAIN_MEMBERS = (
    rb'(?:[ \t\r\n]*+"(?!(?:%b)")[^"\\\x00-\x1f]*+"[ \t\r\n]*+:[ \t\r\n]*+'
    rb'(?:"[^"\\\x00-\x1f]*+"|[-+.0-9A-Za-z]++|\{\}|\[\])[ \t\r\n]*+,){1,1000}+'
)
"""Members with other keys and without depth, each with its comma: msgspec checks what this lets pass."""


class Found(enum.Enum):
    """What is met among the members of an object."""

    ENVELOPE = enum.auto()
    ORDER = enum.auto()
    END = enum.auto()
    UNKNOWN = enum.auto()


class AmbiguousEnvelope(ValueError):
    """An object holds the array, and a key that makes it unclear which orders are meant."""

    def __init__(self, key: str, envelope: str) -> None:
        super().__init__(
            f"key {key!r} follows the array {envelope!r} in one object, so that it is not clear which orders are "
            "meant: send the array alone"
        )


class Envelopes:
    """Objects with the array under the key `envelope`; `order_key` is the first key of the path to an order's id."""

    def __init__(self, window: Window, values: Values, gatherer: Gatherer, *, envelope: str, order_key: str) -> None:
        self._window = window
        self._values = values
        self._gatherer = gatherer
        self._envelope = envelope
        self._order_key = order_key
        self.neither = (
            f"the object is longer than {values.limit} bytes, and begins neither with {order_key!r}, as an order, nor "
            f"with an array {envelope!r}, within them: send orders, or raise ETL_MAX_RECORD_BYTES"
        )
        quoted = [json.dumps(key, ensure_ascii=False)[1:-1].encode() for key in (envelope, order_key)]
        self._longest_key = 2 + 6 * max(len(key) for key in quoted)
        self._plain_members = re.compile(_PLAIN_MEMBERS % b"|".join(re.escape(key) for key in quoted))
        self._order_head = re.compile(rb'\{[ \t\r\n]*"%b"[ \t\r\n]*:' % re.escape(quoted[1]))
        self._mention = b'"%b"' % quoted[0]
        # Another spelling of the key has at least one of its characters as an escape.
        codes = "|".join(sorted({f"{ord(c):02x}" for c in envelope})).encode()
        is_word = re.fullmatch(r"\w+", envelope, re.ASCII)
        self._escape = re.compile(rb"\\u00(?:%b)" % codes if is_word else rb"\\", re.IGNORECASE)
        members = [(name, msgspec.Raw, msgspec.Raw()) for name in ("array", "order")]
        kind = msgspec.defstruct("_Envelope", members, rename={"array": envelope, "order": order_key}, gc=False)
        self._decoder = msgspec.json.Decoder(kind)

    def mentioned(self, text: bytes) -> bool:
        """Tell whether the array's key may be among the keys of `text`."""
        return self._mention in text or self._escaped(text)

    def _escaped(self, text: bytes) -> bool:
        """Tell whether the array's key may be among the keys of `text` in another spelling."""
        return b"\\" in text and self._escape.search(text) is not None

    def _are_orders(self, raws: list[msgspec.Raw]) -> bool:
        """Tell whether all records begin with the order's own key, without looking further."""
        head = self._order_head.match(bytes(raws[0])) if raws else None
        return head is not None and all(bytes(raw).startswith(head[0]) for raw in raws)

    def opened(self, raws: list[msgspec.Raw], text: Text) -> list[msgspec.Raw]:
        """Return the records that `raws` are, with the elements of each envelope in its stead.

        `text` is what `raws` were decoded from. Raises AmbiguousEnvelope.
        """
        if self._are_orders(raws) or not self.mentioned(whole := bytes(text)):
            return raws
        if (arrays := self._plain_arrays(whole, len(raws))) is not None:
            return list(chain.from_iterable(_ARRAYS.decode(b"[%b]" % b",".join(arrays))))
        records: list[msgspec.Raw] = []
        for raw in raws:
            array = self._array_of(raw) if memoryview(raw)[0] == ord("{") else None
            if array is None:
                records.append(raw)
            else:
                records += ELEMENTS.decode(array)
        return records

    def _plain_arrays(self, text: bytes, count: int) -> list[bytes] | None:
        """Return the arrays of a text that holds `count` envelopes, the key once in each, and None of any other."""
        if text.count(self._mention) != count or self._escaped(text):
            return None
        try:
            found: list[Any] = self._decoder.decode_lines(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        arrays = [bytes(each.array) for each in found]
        are_plain = all(array[:1] == b"[" for array in arrays) and not any(bytes(each.order) for each in found)
        return arrays if are_plain else None

    def take_block(self, stop: int) -> bool:
        """Take as many of the values before `stop` as a guess allows; False where there is no guess, or a wrong one."""
        w = self._window
        block = self._values.block(several, w.pos, stop)
        if block is None:
            return False
        raws, cut = block
        try:
            records = self.opened(raws, memoryview(w.text)[w.pos : cut])
        except AmbiguousEnvelope:
            return False
        self._gatherer.add_all(records)
        w.pos = cut
        return True

    def check(self, raw: bytes) -> None:
        """Raise AmbiguousEnvelope where `raw` is one."""
        if raw.startswith(b"{") and self.mentioned(raw):
            self._array_of(raw)

    def read_value(self) -> Iterator[None]:
        """Take the value at hand: the elements of an envelope's array, or one record.

        Raises UnreadableFile for a syntax error.
        """
        w = self._window
        too_long = None
        if w.here == b"{":
            found, array = self.look()
            if found is Found.ENVELOPE:
                w.pos = array
                yield from read_array(self._values, w)
                self._leave()
                self._values.learn(w.pos)
                return
            too_long = None if found is Found.ORDER else self.neither
        self._values.take_or_give_up(too_long)
        yield

    def look(self) -> tuple[Found, int]:
        """Tell what the object at hand is: an envelope, with the position of its array, or an order, or neither."""
        w = self._window
        at = 1
        while True:
            found, end = self._members(w.text, w.pos + at)
            if found is not None:
                return found, end
            at = end - w.pos
            if len(w.text) - w.pos > self._values.limit or not w.more():
                return Found.UNKNOWN, 0

    def _array_of(self, raw: Raw) -> bytes | None:
        """Return the array of an envelope, or None for what is an order or anything else. Raises AmbiguousEnvelope."""
        try:
            seen: Any = self._decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return None
        array = bytes(seen.array)
        if array[:1] != b"[" and not self._repeated(raw):
            return None
        if not bytes(seen.order) and not self._repeated(raw):
            return array
        return self._followed(bytes(raw))

    def _repeated(self, raw: Raw) -> bool:
        text = bytes(raw)
        return text.count(self._mention) > 1 or self._escaped(text)

    def _followed(self, text: bytes) -> bytes | None:
        """Do as `_array_of` does, by following the keys in their order."""
        found, start = self._members(text, 1)
        if found is not Found.ENVELOPE:
            return None
        length, _ = value_end(memoryview(text)[start:])
        assert length is not None, "the object was decoded whole"
        comma = text.find(b",", start + length)
        if comma >= 0:
            found, _ = self._members(text, comma + 1, any_value=True)
            if found in (Found.ENVELOPE, Found.ORDER):
                raise self._ambiguous(found)
        return text[start : start + length].rstrip()

    def _members(self, text: bytes, at: int, *, any_value: bool = False) -> tuple[Found | None, int]:
        """Follow an object's members from `at` on to the first that tells what the object is.

        Returns what was found and where: an envelope's array, or with `any_value` whatever its key has; the object's
        end. UNKNOWN is for what is not JSON, or nothing that msgspec can check, and None for a text that ends before:
        both come with the beginning of the member in question.
        """
        view = memoryview(text)
        while True:
            if (run := self._plain_members.match(text, at)) is not None:
                try:
                    several(b'{%b"":0}' % text[at : run.end()])
                except msgspec.DecodeError:
                    return Found.UNKNOWN, at
                at = run.end()
            begin = _after_space(text, at)
            key = _KEY.match(text, begin)
            colon = _COLON.match(text, key.end()) if key else None
            if key is None or colon is None or colon.end() == len(text):
                return (None, at) if self._may_go_on(text, begin) else (Found.UNKNOWN, at)
            name = _text_of(key[0])
            if name == self._order_key:
                return Found.ORDER, begin
            if name == self._envelope and (any_value or text[colon.end()] == ord("[")):
                return Found.ENVELOPE, colon.end()
            end, why = value_end(view[colon.end() :])
            if end is None:
                return (None if why == TRUNCATED else Found.UNKNOWN), at
            after = colon.end() + end
            if text[after : after + 1] == b"}":
                return Found.END, after
            if text[after : after + 1] != b",":
                return (None if after == len(text) else Found.UNKNOWN), at
            at = after + 1

    def _may_go_on(self, text: bytes, begin: int) -> bool:
        """Tell whether the member that begins here is only cut off."""
        key = _KEY.match(text, begin)
        rest = _after_space(text, key.end()) if key else len(text)
        return text[begin : begin + 1] in (b"", b'"') and (rest == len(text) or text[rest : rest + 1] == b":")

    def _leave(self) -> None:
        """Step over what follows the array in its object, of any length. Raises UnreadableFile."""
        w = self._window
        while w.skip() and w.here == b",":
            w.pos += 1
            w.refill()
            found, at = self._members(w.text, w.pos, any_value=True)
            if found in (Found.ENVELOPE, Found.ORDER):
                raise UnreadableFile(str(self._ambiguous(found)), w.offset)
            w.pos = at
            if found is Found.END:
                break
            # The next member does not fit into view, or is not JSON: it is passed in pieces.
            self._pass_member()
        if w.here != b"}":
            found_here = w.shown() if w.here else "the file's end"
            raise UnreadableFile(
                f"not JSON: expected ',' or '}}' after {self._envelope!r}, found {found_here}", w.offset
            )
        w.pos += 1

    def _pass_member(self) -> None:
        w = self._window
        is_key = w.skip() and w.here == b'"'
        while (key := _KEY.match(w.text, w.pos)) is None and len(w.text) - w.pos < self._longest_key and w.more():
            pass
        begin = w.offset
        if is_key:
            self._values.step_over()
        if not is_key or not w.skip() or w.here != b":":
            raise UnreadableFile(f"not JSON: expected a key and ':' after {self._envelope!r}", w.offset)
        name = _text_of(key[0]) if key else None
        if name in (self._envelope, self._order_key):
            found = Found.ORDER if name == self._order_key else Found.ENVELOPE
            raise UnreadableFile(str(self._ambiguous(found)), begin)
        w.pos += 1
        w.skip()
        self._values.step_over()

    def _ambiguous(self, found: Found | None) -> AmbiguousEnvelope:
        return AmbiguousEnvelope(self._order_key if found is Found.ORDER else self._envelope, self._envelope)


def _after_space(text: bytes, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _text_of(quoted: bytes) -> str | None:
    try:
        return str(json.loads(quoted))
    except ValueError:
        return None
