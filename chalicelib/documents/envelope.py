"""Finds the array of documents inside the object around it, as in `{"page": 1, "orders": [...], "next": null}`.

An object that has the identity's key before the array is a document. One that has it after the array, or the array
twice, is ambiguous. Envelopes may be as many as documents: those of a block are opened together, by msgspec.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec

from chalicelib.documents.array import ELEMENTS, read_array
from chalicelib.documents.batches import BatchBuilder, Raw
from chalicelib.documents.buffer import Buffer
from chalicelib.documents.members import KEY, AmbiguousEnvelope, MemberKind, MemberScanner
from chalicelib.documents.value_reader import Text, ValueReader, several, value_end
from chalicelib.errors import UnreadableFile

_ARRAYS = msgspec.json.Decoder(list[list[msgspec.Raw]])


class EnvelopeReader:
    """Reads objects with the array under the key `envelope`; `identity_key` begins an identity's path."""

    def __init__(
        self, buffer: Buffer, values: ValueReader, builder: BatchBuilder, *, envelope: str, identity_key: str
    ) -> None:
        self._buffer = buffer
        self._values = values
        self._builder = builder
        self._envelope = envelope
        self.neither = (
            f"the object is longer than {values.limit} bytes, and begins neither with {identity_key!r}, as an order, "
            f"nor with an array {envelope!r}, within them: send orders, or raise ETL_MAX_RECORD_BYTES"
        )
        quoted = [json.dumps(key, ensure_ascii=False)[1:-1].encode() for key in (envelope, identity_key)]
        self._members = MemberScanner(envelope=envelope, identity_key=identity_key)
        self._document_head = re.compile(rb'\{[ \t\r\n]*"%b"[ \t\r\n]*:' % re.escape(quoted[1]))
        self._mention = b'"%b"' % quoted[0]
        # Another spelling of the key has at least one of its characters as an escape.
        codes = "|".join(sorted({f"{ord(c):02x}" for c in envelope})).encode()
        is_word = re.fullmatch(r"\w+", envelope, re.ASCII)
        self._escape = re.compile(rb"\\u00(?:%b)" % codes if is_word else rb"\\", re.IGNORECASE)
        members = [(name, msgspec.Raw, msgspec.Raw()) for name in ("array", "identity")]
        envelope_type = msgspec.defstruct(
            "_Envelope", members, rename={"array": envelope, "identity": identity_key}, gc=False
        )
        self._decoder = msgspec.json.Decoder(envelope_type)

    def mentioned(self, text: bytes) -> bool:
        """Tell whether the array's key may be among the keys of `text`."""
        return self._mention in text or self._escaped(text)

    def _escaped(self, text: bytes) -> bool:
        """Tell whether the array's key may be among the keys of `text` in another spelling."""
        return b"\\" in text and self._escape.search(text) is not None

    def _are_documents(self, raws: list[msgspec.Raw]) -> bool:
        """Tell whether all records begin with the identity's key, without looking further."""
        head = self._document_head.match(bytes(raws[0])) if raws else None
        return head is not None and all(bytes(raw).startswith(head[0]) for raw in raws)

    def opened(self, raws: list[msgspec.Raw], text: Text) -> list[msgspec.Raw]:
        """Return the records that `raws` are, with the elements of each envelope in its stead.

        `text` is what `raws` were decoded from. Raises AmbiguousEnvelope.
        """
        if self._are_documents(raws) or not self.mentioned(whole := bytes(text)):
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
            envelopes: list[Any] = self._decoder.decode_lines(text)
        except (msgspec.DecodeError, RecursionError):
            return None
        arrays = [bytes(each.array) for each in envelopes]
        are_plain = all(array[:1] == b"[" for array in arrays) and not any(bytes(each.identity) for each in envelopes)
        return arrays if are_plain else None

    def read_block(self, stop: int) -> bool:
        """Read as many of the values before `stop` as a guess covers; False where there is no guess, or a wrong one."""
        buffer = self._buffer
        block = self._values.block(several, buffer.pos, stop)
        if block is None:
            return False
        raws, cut = block
        try:
            records = self.opened(raws, memoryview(buffer.text)[buffer.pos : cut])
        except AmbiguousEnvelope:
            return False
        self._builder.add_all(records)
        buffer.pos = cut
        return True

    def check(self, raw: bytes) -> None:
        """Raise AmbiguousEnvelope where `raw` is one."""
        if raw.startswith(b"{") and self.mentioned(raw):
            self._array_of(raw)

    def read_value(self) -> Iterator[None]:
        """Read the current value: the elements of an envelope's array, or one record.

        Raises UnreadableFile for a syntax error.
        """
        buffer = self._buffer
        too_long = None
        if buffer.here == b"{":
            kind, array = self.look()
            if kind is MemberKind.ENVELOPE:
                buffer.pos = array
                yield from read_array(self._values, buffer)
                self._leave()
                self._values.learn(buffer.pos)
                return
            too_long = None if kind is MemberKind.DOCUMENT else self.neither
        self._values.read_or_raise(too_long)
        yield

    def look(self) -> tuple[MemberKind, int]:
        """Tell what the current object is: an envelope, with the position of its array, or a document, or neither."""
        buffer = self._buffer
        at = 1
        while True:
            kind, end = self._members.scan(buffer.text, buffer.pos + at)
            if kind is not None:
                return kind, end
            at = end - buffer.pos
            if len(buffer.text) - buffer.pos > self._values.limit or not buffer.more():
                return MemberKind.UNKNOWN, 0

    def _array_of(self, raw: Raw) -> bytes | None:
        """Return the array of an envelope, or None for a document and anything else. Raises AmbiguousEnvelope."""
        try:
            seen: Any = self._decoder.decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return None
        array = bytes(seen.array)
        if array[:1] != b"[" and not self._repeated(raw):
            return None
        if not bytes(seen.identity) and not self._repeated(raw):
            return array
        return self._followed(bytes(raw))

    def _repeated(self, raw: Raw) -> bool:
        text = bytes(raw)
        return text.count(self._mention) > 1 or self._escaped(text)

    def _followed(self, text: bytes) -> bytes | None:
        """Do as `_array_of` does, by reading the keys in their sequence."""
        kind, start = self._members.scan(text, 1)
        if kind is not MemberKind.ENVELOPE:
            return None
        length, _ = value_end(memoryview(text)[start:])
        assert length is not None, "the object was decoded whole"
        comma = text.find(b",", start + length)
        if comma >= 0:
            kind, _ = self._members.scan(text, comma + 1, any_value=True)
            if kind in (MemberKind.ENVELOPE, MemberKind.DOCUMENT):
                raise self._members.ambiguous(kind)
        return text[start : start + length].rstrip()

    def _leave(self) -> None:
        """Step over what follows the array in its object, of any length. Raises UnreadableFile."""
        buffer = self._buffer
        while buffer.skip() and buffer.here == b",":
            buffer.pos += 1
            buffer.refill()
            kind, at = self._members.scan(buffer.text, buffer.pos, any_value=True)
            if kind in (MemberKind.ENVELOPE, MemberKind.DOCUMENT):
                raise UnreadableFile(str(self._members.ambiguous(kind)), buffer.offset)
            buffer.pos = at
            if kind is MemberKind.END:
                break
            # The next member does not fit into the buffer, or is not JSON: it is read in pieces.
            self._pass_member()
        if buffer.here != b"}":
            actual = buffer.shown() if buffer.here else "the file's end"
            raise UnreadableFile(
                f"not JSON: expected ',' or '}}' after {self._envelope!r}, found {actual}", buffer.offset
            )
        buffer.pos += 1

    def _pass_member(self) -> None:
        buffer = self._buffer
        is_key = buffer.skip() and buffer.here == b'"'
        while (
            (key := KEY.match(buffer.text, buffer.pos)) is None
            and len(buffer.text) - buffer.pos < self._members.longest_key
            and buffer.more()
        ):
            pass
        begin = buffer.offset
        if is_key:
            self._values.step_over()
        if not is_key or not buffer.skip() or buffer.here != b":":
            raise UnreadableFile(f"not JSON: expected a key and ':' after {self._envelope!r}", buffer.offset)
        kind = self._members.kind_of(key[0]) if key else MemberKind.UNKNOWN
        if kind is not MemberKind.UNKNOWN:
            raise UnreadableFile(str(self._members.ambiguous(kind)), begin)
        buffer.pos += 1
        buffer.skip()
        self._values.step_over()
