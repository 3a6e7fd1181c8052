"""Finds where one JSON value ends, byte by byte and in pieces, however long or deep it is.

msgspec checks the same grammar a hundred times faster, but not values that are deeper than the interpreter's stack,
longer than memory, or that hold escapes of lone surrogates. This scanner is asked about those, and about where exactly
a text stops being JSON. It keeps a stack of open brackets, one byte a level, and nothing else of what it has read.
"""

from __future__ import annotations

import re
from itertools import islice

from chalicelib.errors import shown

WHITESPACE = b" \t\r\n"
CUT_OFF = "the text ends in the middle of a value"

_SPACE = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_ESCAPE = re.compile(rb'\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})')
_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SCALAR = (
    rb"(?:-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+|true|false|null|NaN|-?Infinity|"
    rb'"[^"\\\x00-\x1f]*+")[ \t\r\n]*+'
)
_MEMBER = rb'[ \t\r\n]*+"[^"\\\x00-\x1f]*+"[ \t\r\n]*+:[ \t\r\n]*+' + _SCALAR + rb"(?=[,}])"
_ELEMENTS = re.compile(rb"(?:,[ \t\r\n]*+" + _SCALAR + rb"(?=[,\]])){1,1000}+")
"""Numbers, literals and plain texts in an array, each with the comma before it: a thousand are one step."""
_MEMBERS = re.compile(rb"(?:," + _MEMBER + rb"){1,1000}+")
"""Such values in an object, each with its key and the comma before it."""
_FIRST_MEMBER = re.compile(_MEMBER)
_OPENINGS = re.compile(rb'(?:[ \t\r\n]*+(?:\[|\{[ \t\r\n]*+"[^"\\\x00-\x1f\[{]*+"[ \t\r\n]*+:)){2,1000}+')
"""Arrays that begin in one another, and objects with the key that the next one has: a thousand are one step."""
_ENDINGS = re.compile(rb"[]}](?:[ \t\r\n]*+[]}]){1,999}+")
"""The ends of arrays and objects in one another."""
_ENDING = re.compile(rb"[]}]")
_NOT_OPENING = bytes(byte for byte in range(256) if byte not in b"[{")
_OPENED_BY = bytes.maketrans(b"]}", b"[{")
_NUMBER_BYTES = re.compile(rb"[-+.0-9eE]*")
_LONGEST_NUMBER = 65536
_LITERALS = {word[0]: word for word in (b"true", b"false", b"null", b"NaN", b"Infinity")}
_MINUS_INFINITY = b"-Infinity"
_OPEN, _CLOSE = b"{[", b"}]"
_QUOTE, _BACKSLASH, _COMMA, _COLON = b'"\\,:'


class MalformedJson(ValueError):
    """The text is not JSON. `offset` counts bytes from the value's first."""

    def __init__(self, reason: str, offset: int) -> None:
        self.reason = reason
        self.offset = offset
        super().__init__(f"{reason} (byte {offset})")


class ValueScanner:
    """Follows one JSON value, fed in pieces, to its last byte.

    `feed(piece, last)` returns how many bytes of the piece belong to the value once it has ended, or None when more is
    needed; `last` says that no piece follows. It raises MalformedJson where the grammar of RFC 8259 is broken, but it
    steps over NaN, Infinity and -Infinity, which many programs write: whoever reads the value rejects it for them.
    `depth` is the deepest nesting met so far.
    """

    def __init__(self) -> None:
        self.depth = 0
        self._stack = bytearray()
        self._expect = "value"
        self._in_string = False
        self._carry = b""
        self._fed = 0

    def feed(self, piece: bytes, last: bool = False) -> int | None:
        """Go on with the next piece; see the class."""
        text = self._carry + piece
        carried = len(self._carry)
        start = self._fed - carried
        pos = 0
        while True:
            try:
                pos, ended = self._token(text, pos, last)
            except MalformedJson as problem:
                raise MalformedJson(problem.reason, start + problem.offset) from None
            if ended:
                self._fed = start + pos
                return pos - carried
            if pos < 0:
                break
        rest = -pos - 1
        if last:
            raise MalformedJson(CUT_OFF, start + len(text))
        self._carry = text[rest:]
        self._fed += len(piece)
        return None

    def _token(self, text: bytes, pos: int, last: bool) -> tuple[int, bool]:
        """Read one token at `pos`: (position after it, whether the value has ended), or (-1 - rest, False)."""
        if self._in_string:
            return self._string(text, pos)
        pos = _end(_SPACE, text, pos)
        if pos == len(text):
            return -1 - pos, False
        byte = text[pos]
        expect = self._expect
        if (byte == _CLOSE[1] and expect == "value or end") or (byte == _CLOSE[0] and expect == "key or end"):
            return self._close(byte, text, pos)
        if expect in ("value", "value or end"):
            return self._value(byte, text, pos, last)
        return self._punctuation(byte, text, pos)

    def _punctuation(self, byte: int, text: bytes, pos: int) -> tuple[int, bool]:
        expect = self._expect
        if expect in ("key", "key or end"):
            if byte != _QUOTE:
                raise MalformedJson(f"expected a key in quotes, found {_at(text, pos)}", pos)
            self._in_string = True
            return pos + 1, False
        if expect == "colon":
            if byte != _COLON:
                raise MalformedJson(f"expected ':' after the key, found {_at(text, pos)}", pos)
            self._expect = "value"
            return pos + 1, False
        if byte == _COMMA:
            in_array = self._stack[-1:] == b"["
            if (run := (_ELEMENTS if in_array else _MEMBERS).match(text, pos)) is not None:
                return run.end(), False
            self._expect = "value" if in_array else "key"
            return pos + 1, False
        return self._close(byte, text, pos)

    def _value(self, byte: int, text: bytes, pos: int, last: bool) -> tuple[int, bool]:
        if byte in _OPEN:
            if (run := _OPENINGS.match(text, pos)) is not None:
                opened = run[0].translate(None, _NOT_OPENING)
                self._stack += opened
                self.depth = max(self.depth, len(self._stack))
                self._expect = "value or end" if opened.endswith(b"[") else "value"
                return run.end(), False
            self._stack.append(byte)
            self.depth = max(self.depth, len(self._stack))
            if byte == _OPEN[0] and (member := _FIRST_MEMBER.match(text, pos + 1)) is not None:
                self._expect = "comma or end"
                return member.end(), False
            self._expect = "key or end" if byte == _OPEN[0] else "value or end"
            return pos + 1, False
        if byte == _QUOTE:
            self._expect = "string"
            self._in_string = True
            return pos + 1, False
        if byte in _LITERALS:
            word = _LITERALS[byte]
            piece = text[pos : pos + len(word)]
            if piece == word:
                return self._done(pos + len(word))
            if word.startswith(piece) and not last:
                return -1 - pos, False
        elif byte in b"-0123456789":
            return self._number(text, pos, last)
        raise MalformedJson(f"expected a value, found {_at(text, pos)}", pos)

    def _number(self, text: bytes, pos: int, last: bool) -> tuple[int, bool]:
        if text[pos : pos + 2] in (b"-I", b"-"):
            piece = text[pos : pos + len(_MINUS_INFINITY)]
            if piece == _MINUS_INFINITY:
                return self._done(pos + len(piece))
            if _MINUS_INFINITY.startswith(piece) and not last:
                return -1 - pos, False
        end = _end(_NUMBER_BYTES, text, pos)
        if end == len(text) and not last and end - pos <= _LONGEST_NUMBER:
            return -1 - pos, False
        match = _NUMBER.match(text, pos)
        if match is None or match.end() != end:
            raise MalformedJson(f"{shown(text[pos:end], 40)!r} is not a JSON number", pos)
        return self._done(end)

    def _string(self, text: bytes, pos: int) -> tuple[int, bool]:
        pos = _end(_PLAIN, text, pos)
        if pos == len(text):
            return -1 - pos, False
        byte = text[pos]
        if byte == _QUOTE:
            self._in_string = False
            if self._expect in ("key", "key or end"):
                self._expect = "colon"
                return pos + 1, False
            return self._done(pos + 1)
        if byte == _BACKSLASH:
            match = _ESCAPE.match(text, pos)
            if match:
                return match.end(), False
            if len(text) - pos < 6 and _could_be_escape(text[pos:]):
                return -1 - pos, False
            raise MalformedJson(f"{shown(text[pos : pos + 2])!r} is not an escape that JSON knows", pos)
        raise MalformedJson(f"control character {byte:#04x} inside a text: escape it", pos)

    def _close(self, byte: int, text: bytes, pos: int) -> tuple[int, bool]:
        run = _ENDINGS.match(text, pos)
        if run is not None and (fitting := self._fitting(run[0].translate(_OPENED_BY, WHITESPACE))):
            del self._stack[-fitting:]
            return self._done(next(islice(_ENDING.finditer(text, pos), fitting - 1, None)).end())
        opened = self._stack[-1:]
        expected = _CLOSE[_OPEN.index(opened)]
        if byte != expected:
            raise MalformedJson(f"expected ',' or {chr(expected)!r}, found {_at(text, pos)}", pos)
        self._stack.pop()
        return self._done(pos + 1)

    def _fitting(self, opened_by: bytes) -> int:
        """Return how many of the innermost arrays and objects end by brackets whose counterparts are `opened_by`."""
        innermost = bytes(self._stack[: -len(opened_by) - 1 : -1])
        if opened_by.startswith(innermost):
            return len(innermost)
        return next(i for i, (given, due) in enumerate(zip(opened_by, innermost, strict=False)) if given != due)

    def _done(self, pos: int) -> tuple[int, bool]:
        self._expect = "comma or end"
        return pos, not self._stack


def _end(pattern: re.Pattern[bytes], text: bytes, pos: int) -> int:
    match = pattern.match(text, pos)
    return match.end() if match else pos


def _at(text: bytes, pos: int) -> str:
    """Return the character at a position as a message quotes it; a byte where it is no character."""
    for size in (1, 2, 3, 4):
        try:
            return repr(shown(text[pos : pos + size].decode()))
        except UnicodeDecodeError:
            continue
    return repr(shown(text[pos : pos + 1]))


def _could_be_escape(start: bytes) -> bool:
    return re.fullmatch(rb"\\(?:u[0-9a-fA-F]{0,3})?", start) is not None
