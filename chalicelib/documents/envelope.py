"""Reads envelopes: objects that hold an array of documents, as in `{"page": 1, "orders": [...], "next": null}`.

The array may lie deeper, at any path of keys. An object that has its identity before the array is a document. One that
has it after the array, or that has two arrays, or a key on the way to the array twice, is ambiguous. Envelopes may be
as many as documents: those of a block are opened together (see open_envelopes.py). One that is longer than memory is
read as a stream.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chalicelib.documents.array import read_array
from chalicelib.documents.batches import BatchBuilder
from chalicelib.documents.beside import Beside
from chalicelib.documents.buffer import MARKS, Buffer
from chalicelib.documents.json_scan import ValueScanner
from chalicelib.documents.members import HEAD, KEY, AmbiguousEnvelope, MemberKind, ObjectWalk
from chalicelib.documents.open_envelopes import EnvelopeOpener
from chalicelib.documents.path_tree import KeyPath, PathTree, path_text
from chalicelib.documents.value_end import value_end
from chalicelib.documents.value_reader import ValueReader, several
from chalicelib.errors import UnreadableFile


class EnvelopeReader:
    """Reads objects that may have the array at one of the paths `records`, or an identity.

    `identity` has, for each column of it, the paths where it may be. `beside` collects what lies beside the arrays.
    """

    def __init__(
        self,
        buffer: Buffer,
        values: ValueReader,
        builder: BatchBuilder,
        *,
        records: Sequence[KeyPath],
        identity: Sequence[Sequence[KeyPath]],
    ) -> None:
        self.beside = Beside()
        self._buffer = buffer
        self._values = values
        self._builder = builder
        self._root = PathTree.of(records, identity)
        self._opener = EnvelopeOpener(self._root, tuple(records), self.beside)
        self._has_records = bool(records)
        self._looked: tuple[int, MemberKind, int, ObjectWalk] | None = None
        paths = " and ".join(" or ".join(repr(path_text(path)) for path in paths) for paths in identity if paths)
        begins = f"begins neither with {paths}, as an order, nor" if paths else "does not begin"
        arrays = " or ".join(repr(path_text(path)) for path in records)
        self.neither = (
            f"the object is longer than {values.limit} bytes, and {begins} with an array {arrays}, within them: "
            "send orders, or raise ETL_MAX_RECORD_BYTES"
        )
        self.opened = self._opener.opened
        self.array_of = self._opener.array_of
        self.may_open = self._opener.may_open

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

    def check_all(self, text: bytes) -> None:
        """Raise AmbiguousEnvelope where one of the values that a text is made of is one."""
        at = 0
        end: int | None = 0 if self._opener.mentioned(text) else None
        while end is not None and at < len(text):
            marks = MARKS.match(text, at)
            at = marks.end() if marks else at
            end = value_end(text, at)[0] or ValueScanner().feed(text[at:])
            if end is not None:
                self._opener.array_of(text[at : at + end])
                at += end

    def is_envelope(self, raw: bytes) -> bool:
        """Tell whether `raw`, a value, is an object around an array of documents, ambiguous or not."""
        try:
            return self._opener.array_of(raw) is not None
        except AmbiguousEnvelope:
            return True

    def read_value(self) -> Iterator[None]:
        """Read the current value: the elements of an envelope's array, or one record.

        Raises UnreadableFile for a syntax error.
        """
        buffer = self._buffer
        too_long = None
        if buffer.here == b"{":
            kind, array, walk = self._look()
            self._looked = None
            if kind is MemberKind.ENVELOPE:
                buffer.pos += array
                yield from read_array(self._values, buffer)
                self._leave(walk)
                self._values.learn(buffer.pos)
                return
            too_long = None if kind is MemberKind.DOCUMENT else self.neither
        self._values.read_or_raise(too_long)
        yield

    def look(self) -> MemberKind:
        """Tell what the current object is: an envelope, or a document, or neither."""
        return self._look()[0]

    def _look(self) -> tuple[MemberKind, int, ObjectWalk]:
        """Do as `look` does; return also where in it the envelope's array is, and the walk to there.

        What was looked at and not read yet is not walked again: it may be all of a long object.
        """
        if self._looked is None or self._looked[0] != self._buffer.offset:
            self._looked = (self._buffer.offset, *self._walked())
        return self._looked[1:]

    def _walked(self) -> tuple[MemberKind, int, ObjectWalk]:
        buffer = self._buffer
        walk = ObjectWalk(self._root)
        if not self._has_records:
            return MemberKind.DOCUMENT, 0, walk
        at = 1
        while True:
            kind, end = walk.scan(buffer.text, buffer.pos + at)
            at = end - buffer.pos
            if kind is not None:
                return kind, at, walk
            if len(buffer.text) - buffer.pos > self._values.limit or not buffer.more():
                return MemberKind.UNKNOWN, 0, walk

    def _leave(self, walk: ObjectWalk) -> None:
        """Step over what follows the array in its object, of any length. Raises UnreadableFile."""
        buffer = self._buffer
        while True:
            buffer.refill()
            kind, at = walk.scan(buffer.text, buffer.pos)
            if kind in (MemberKind.ENVELOPE, MemberKind.DOCUMENT):
                raise UnreadableFile(str(walk.ambiguous()), buffer.offset)
            buffer.pos = at
            if kind is MemberKind.END:
                break
            # The next member does not fit into the buffer, or is not JSON: it is read in pieces.
            if not walk.is_at_key:
                self._require_comma(walk)
            elif not buffer.skip() or buffer.here != b"}" or not walk.may_end:
                self._pass_member(walk)
        buffer.pos += 1
        self.beside.merge(walk.beside)

    def _require_comma(self, walk: ObjectWalk) -> None:
        buffer = self._buffer
        if not buffer.skip() or buffer.here not in (b",", b"}"):
            actual = buffer.shown() if buffer.here else "the file's end"
            raise UnreadableFile(f"not JSON: expected ',' or '}}' after {walk.name!r}, found {actual}", buffer.offset)

    def _pass_member(self, walk: ObjectWalk) -> None:
        buffer = self._buffer
        is_key = buffer.skip() and buffer.here == b'"'
        while (
            (key := KEY.match(buffer.text, buffer.pos)) is None
            and len(buffer.text) - buffer.pos < walk.longest_key
            and buffer.more()
        ):
            pass
        begin = buffer.offset
        if is_key:
            self._values.step_over()
        if not is_key or not buffer.skip() or buffer.here != b":":
            raise UnreadableFile(f"not JSON: expected a key and ':' after {walk.name!r}", buffer.offset)
        buffer.pos += 1
        buffer.skip()
        while len(buffer.text) - buffer.pos < HEAD and buffer.more():
            pass
        kind = walk.meet(key[0] if key else None, buffer.text[buffer.pos : buffer.pos + HEAD])
        if kind is MemberKind.DEEPER:
            buffer.pos += 1
        elif kind is not None:
            raise UnreadableFile(str(walk.ambiguous()), begin)
        else:
            self._values.step_over()
            walk.leave_value()
