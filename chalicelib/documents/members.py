"""Reads the members of an object up to the one that decides whether it is an envelope or a document."""

from __future__ import annotations

import enum
import json
import re

import msgspec

from chalicelib.documents.beside import Beside
from chalicelib.documents.path_tree import PathTree
from chalicelib.documents.slices import BrokenValue
from chalicelib.documents.value_end import TRUNCATED, value_end
from chalicelib.documents.value_reader import several

KEY = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"')
HEAD = 2
"""How many bytes of a value tell whether it decides."""

_SPACE = re.compile(rb"[ \t\r\n]*+")
_KEY_AND_COLON = re.compile(rb"(%b)[ \t\r\n]*+:[ \t\r\n]*+" % KEY.pattern)
_BEGINS_IDENTITY = tuple(bytes([byte]) for byte in b"-0123456789[")
_BEGINS = {str: b'"', float: b"0", bool: b"t", type(None): b"null", dict: b"{", list: b"["}
_LENIENT = json.JSONDecoder(parse_int=float)
_TEXT = msgspec.json.Decoder(str)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class MemberKind(enum.Enum):
    """What the decisive member of an object is, or what else ends the search for it."""

    ENVELOPE = enum.auto()
    DOCUMENT = enum.auto()
    END = enum.auto()
    UNKNOWN = enum.auto()
    DEEPER = enum.auto()


class AmbiguousEnvelope(ValueError):
    """An object holds the array, and a key that makes it unclear which orders are meant."""

    def __init__(self, path: str, array: str, *, is_document: bool) -> None:
        super().__init__(
            f"key {path!r} follows the array {array!r} in one object, so that it is not clear which orders are "
            f"meant: send the array alone{', or in an order the key before it' if is_document else ''}"
        )


class _Due(enum.Enum):
    """What is due at the current position: a member or the object's end, a member, a comma or the object's end."""

    FIRST = enum.auto()
    NEXT = enum.auto()
    COMMA = enum.auto()


class ObjectWalk:
    """Reads the members of one object, and of the objects in it that paths of `root` lead through, in their sequence.

    `array` is where the array is, once it was met; `beside` has the names of the members that no path leads through.
    """

    def __init__(self, root: PathTree) -> None:
        self.array: PathTree | None = None
        self.beside = Beside()
        self._columns = root.columns
        self._identified: set[int] = set()
        self._open = [root]
        self._way: list[PathTree] = []
        self._due = _Due.FIRST
        self._decisive = root

    @property
    def is_at_key(self) -> bool:
        """Whether a member is due at the current position, rather than a comma."""
        return self._due is not _Due.COMMA

    @property
    def may_end(self) -> bool:
        """Whether an object may end at the current position."""
        return self._due is not _Due.NEXT

    @property
    def longest_key(self) -> int:
        """How many bytes a key that matters here takes at most."""
        return self._open[-1].longest_key

    @property
    def name(self) -> str:
        """The path of the array."""
        return self.array.path if self.array else ""

    def ambiguous(self) -> AmbiguousEnvelope:
        """Return the error for a decisive member behind the array."""
        repeats = self._decisive.is_array or self._decisive in self._way
        return AmbiguousEnvelope(self._decisive.path, self.name, is_document=not repeats)

    def scan(self, text: bytes, at: int) -> tuple[MemberKind | None, int]:
        """Go on from `at` to the next member that decides what the object is.

        Returns its kind and position: an envelope's array, or whatever repeats a key on the way to it; the object's
        end. UNKNOWN is for what is not JSON, or too deep, and None for a text that ends before: both come with where to
        go on, a member's beginning or what follows one.
        """
        while True:
            due = self._due
            if due is not _Due.COMMA and (run := self._open[-1].plain_members.match(text, at)) is not None:
                if not self._pass_run(run[0]):
                    return MemberKind.UNKNOWN, at
                at, due = run.end(), self._due
            begin = _after_space(text, at)
            here = text[begin : begin + 1]
            if here == b"}" and due is not _Due.NEXT:
                if len(self._open) == 1:
                    return MemberKind.END, begin
                self._open.pop()
                self._due, at = _Due.COMMA, begin + 1
            elif due is not _Due.COMMA:
                kind, after = self._member(text, begin)
                if kind is not MemberKind.DEEPER:
                    return kind, at if kind in (None, MemberKind.UNKNOWN) else after
                at = after
            elif here == b",":
                self._due, at = _Due.NEXT, begin + 1
            else:
                return (MemberKind.UNKNOWN if here else None), begin

    def _member(self, text: bytes, begin: int) -> tuple[MemberKind | None, int]:
        """Read a member: DEEPER, and where to go on, for one that decides nothing; otherwise as `scan` does."""
        head = _KEY_AND_COLON.match(text, begin)
        if head is None or head.end() == len(text):
            return (None if _may_go_on(text, begin) else MemberKind.UNKNOWN), begin
        start = head.end()
        kind = self.meet(head[1], text[start : start + HEAD])
        if kind is MemberKind.DEEPER:
            return kind, start + 1
        if kind is not None:
            return kind, begin if kind is MemberKind.DOCUMENT else start
        end, _, why = value_end(text, start)
        if end is None or start + end == len(text):
            # A number that ends where the text does may go on, and an object does so behind any value.
            return (None if end is not None or why == TRUNCATED else MemberKind.UNKNOWN), begin
        self._due = _Due.COMMA
        return MemberKind.DEEPER, start + end

    def meet(self, quoted: bytes | None, head: bytes) -> MemberKind | None:
        """Tell what a member is, by its key as the file has it and the first HEAD bytes of its value.

        DEEPER says that the walk goes on inside of the value, an object. None is for a member that decides nothing;
        whoever has passed its value calls `leave_value`.
        """
        member = self._member_of(quoted, head) if quoted is not None else None
        if member is None:
            return None
        self._decisive = member
        if member in self._way:
            return MemberKind.ENVELOPE
        first = head[:1]
        if first == b"[" and member.is_array:
            if self.array is None:
                self.array, self._way = member, [*self._open[1:], member]
                self._due = _Due.COMMA
            return MemberKind.ENVELOPE
        if member.identities and _holds_identity(head):
            self._identified |= member.identities
            if len(self._identified) == self._columns:
                return MemberKind.DOCUMENT
        if first == b"{" and member.below:
            self._open.append(member)
            self._due = _Due.FIRST
            return MemberKind.DEEPER
        return None

    def _member_of(self, quoted: bytes, head: bytes) -> PathTree | None:
        """Return the member with a key, or None where no path leads through it; it lies beside the array then."""
        node = self._open[-1]
        member = node.by_quoted.get(quoted)
        if member is not None or (self.beside.is_full and b"\\" not in quoted):
            return member
        try:
            name = _name(quoted)
        except ValueError:
            return None
        member = node.below.get(name)
        if member is None and head:
            self.beside.add(node, name, head[0])
        return member

    def leave_value(self) -> None:
        """Go on behind the value of a member."""
        self._due = _Due.COMMA

    def _pass_run(self, members: bytes) -> bool:
        """Check members that no path leads through; False where they are not JSON."""
        text = b'{%b"":0}' % members
        try:
            if self.beside.is_full:
                several(text)
            else:
                self._add_run(_OBJECT.decode(text))
        except (BrokenValue, msgspec.DecodeError):
            # NaN and infinities are no JSON for msgspec.
            try:
                self._add_run({key: _BEGINS[type(value)] for key, value in _LENIENT.decode(text.decode()).items()})
            except ValueError:
                return False
        except UnicodeDecodeError:
            return False
        self._due = _Due.NEXT
        return True

    def _add_run(self, run: dict[str, bytes] | dict[str, msgspec.Raw]) -> None:
        del run[""]
        self.beside.add_all(self._open[-1], [run], run)


def _name(quoted: bytes) -> str:
    """Return a key without its quotes and escapes. Raises ValueError where it is not UTF-8."""
    try:
        return _TEXT.decode(quoted)
    except msgspec.DecodeError:
        # Half of a pair of surrogates is none for msgspec.
        return str(json.loads(quoted))


def _holds_identity(head: bytes) -> bool:
    """Tell whether a value that begins so can be an identity: a number, a text that is not empty, or a list.

    A list counts for an identity that is read from an element of it.
    """
    return head[:1] in _BEGINS_IDENTITY or (head[:1] == b'"' and head not in (b'"', b'""'))


def _may_go_on(text: bytes, begin: int) -> bool:
    """Tell whether the member that begins here is only cut off."""
    key = KEY.match(text, begin)
    rest = _after_space(text, key.end()) if key else len(text)
    return text[begin : begin + 1] in (b"", b'"') and (rest == len(text) or text[rest : rest + 1] == b":")


def _after_space(text: bytes, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
