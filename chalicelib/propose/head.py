"""The beginning of a JSON value that is too long to be seen whole: closed where it was cut, so that it can be read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from chalicelib.propose.json_values import decode

_TOKEN = re.compile(rb'[ \t\r\n]*+(?:([{}\[\]:,])|("[^"\\]*+(?:\\.[^"\\]*+)*+")|([-+.0-9A-Za-z]++))', re.DOTALL)


@dataclass(frozen=True)
class Head:
    """A value as far as it goes. `arrays` has the byte offset of each array that is still open, by the keys to it."""

    value: Any
    is_whole: bool
    arrays: dict[tuple[str, ...], int]


def read(text: bytes) -> Head | None:
    """Read the first value of a text, or as much of it as is there; None where that is not JSON."""
    closers: list[bytes] = []
    opened: list[tuple[bytes, int]] = []
    keys: list[str | None] = []
    end, closing = 0, b""
    last: bytes | None = None
    for match in _TOKEN.finditer(text):
        if match.start() != (0 if last is None else position):
            break
        position = match.end()
        token = match[1] or match[2] or match[3]
        if token in (b"{", b"["):
            opened.append((token, match.end() - 1))
            keys.append(None)
            closers.append(b"}" if token == b"{" else b"]")
        elif token in (b"}", b"]"):
            if not closers or closers.pop() != token:
                return None
            opened.pop()
            keys.pop()
        elif token == b":":
            assert last is not None
            if keys:
                keys[-1] = _text(last)
        if token in (b"{", b"[", b"}", b"]") or (token != b":" and token != b"," and not _is_key(last, opened)):
            end, closing = match.end(), b"".join(reversed(closers))
        last = token
        if not closers:
            break
    if last is None:
        return None
    try:
        value = decode(text[:end] + closing)
    except (ValueError, RecursionError):
        return None
    arrays = {
        tuple(key for key in keys[:depth] if key is not None): offset
        for depth, (token, offset) in enumerate(opened)
        if token == b"[" and None not in keys[:depth]
    }
    return Head(value, not closers, arrays)


def _is_key(last: bytes | None, opened: list[tuple[bytes, int]]) -> bool:
    """Tell whether a text that follows `last` is a key, or a text or number that may go on beyond the cut."""
    return bool(opened) and opened[-1][0] == b"{" and last != b":"


def _text(quoted: bytes) -> str | None:
    try:
        return str(json.loads(quoted))
    except ValueError:
        return None
