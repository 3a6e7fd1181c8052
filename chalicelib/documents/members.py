"""Reads the members of an object up to the one that decides whether it is an envelope or a document."""

from __future__ import annotations

import enum
import json
import re

import msgspec

from chalicelib.documents.value_reader import TRUNCATED, several, value_end

KEY = re.compile(rb'"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"')
_SPACE = re.compile(rb"[ \t\r\n]*+")
_COLON = re.compile(rb"[ \t\r\n]*+:[ \t\r\n]*+")
_PLAIN_MEMBERS = (
    rb'(?:[ \t\r\n]*+"(?!(?:%b)")[^"\\\x00-\x1f]*+"[ \t\r\n]*+:[ \t\r\n]*+'
    rb'(?:"[^"\\\x00-\x1f]*+"|[-+.0-9A-Za-z]++|\{\}|\[\])[ \t\r\n]*+,){1,1000}+'
)
"""Members with other keys and without depth, each with its comma: msgspec checks what this lets pass."""


class MemberKind(enum.Enum):
    """What the decisive member of an object is, or what else ends the search for it."""

    ENVELOPE = enum.auto()
    DOCUMENT = enum.auto()
    END = enum.auto()
    UNKNOWN = enum.auto()


class AmbiguousEnvelope(ValueError):
    """An object holds the array, and a key that makes it unclear which orders are meant."""

    def __init__(self, key: str, envelope: str) -> None:
        super().__init__(
            f"key {key!r} follows the array {envelope!r} in one object, so that it is not clear which orders are "
            "meant: send the array alone"
        )


class MemberScanner:
    """Reads members of objects that may hold an array under `envelope`; `identity_key` begins an identity's path."""

    def __init__(self, *, envelope: str, identity_key: str) -> None:
        self._envelope = envelope
        self._identity_key = identity_key
        quoted = [json.dumps(key, ensure_ascii=False)[1:-1].encode() for key in (envelope, identity_key)]
        self.longest_key = 2 + 6 * max(len(key) for key in quoted)
        self._plain_members = re.compile(_PLAIN_MEMBERS % b"|".join(re.escape(key) for key in quoted))

    def scan(self, text: bytes, at: int, *, any_value: bool = False) -> tuple[MemberKind | None, int]:
        """Read an object's members from `at` on to the first that decides what the object is.

        Returns its kind and position: an envelope's array, or with `any_value` whatever its key has; the object's
        end. UNKNOWN is for what is not JSON, or nothing that msgspec can check, and None for a text that ends before:
        both come with the beginning of the member in question.
        """
        view = memoryview(text)
        while True:
            if (run := self._plain_members.match(text, at)) is not None:
                try:
                    several(b'{%b"":0}' % text[at : run.end()])
                except msgspec.DecodeError:
                    return MemberKind.UNKNOWN, at
                at = run.end()
            begin = _after_space(text, at)
            key = KEY.match(text, begin)
            colon = _COLON.match(text, key.end()) if key else None
            if key is None or colon is None or colon.end() == len(text):
                return (None, at) if _may_go_on(text, begin) else (MemberKind.UNKNOWN, at)
            name = _key_text(key[0])
            if name == self._identity_key:
                return MemberKind.DOCUMENT, begin
            if name == self._envelope and (any_value or text[colon.end()] == ord("[")):
                return MemberKind.ENVELOPE, colon.end()
            end, why = value_end(view[colon.end() :])
            if end is None:
                return (None if why == TRUNCATED else MemberKind.UNKNOWN), at
            after = colon.end() + end
            if text[after : after + 1] == b"}":
                return MemberKind.END, after
            if text[after : after + 1] != b",":
                return (None if after == len(text) else MemberKind.UNKNOWN), at
            at = after + 1

    def kind_of(self, quoted: bytes) -> MemberKind:
        """Return the kind of the member with this key, as it stands in the file."""
        name = _key_text(quoted)
        if name == self._identity_key:
            return MemberKind.DOCUMENT
        return MemberKind.ENVELOPE if name == self._envelope else MemberKind.UNKNOWN

    def ambiguous(self, kind: MemberKind) -> AmbiguousEnvelope:
        """Return the error for a member of this kind, an array or a document's, behind the array."""
        return AmbiguousEnvelope(self._identity_key if kind is MemberKind.DOCUMENT else self._envelope, self._envelope)


def _may_go_on(text: bytes, begin: int) -> bool:
    """Tell whether the member that begins here is only cut off."""
    key = KEY.match(text, begin)
    rest = _after_space(text, key.end()) if key else len(text)
    return text[begin : begin + 1] in (b"", b'"') and (rest == len(text) or text[rest : rest + 1] == b":")


def _after_space(text: bytes, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _key_text(quoted: bytes) -> str | None:
    try:
        return str(json.loads(quoted))
    except ValueError:
        return None
