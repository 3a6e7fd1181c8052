"""The beginning of a JSON value that is too long to be seen whole: closed where it was cut, so that it can be read."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from chalicelib.propose.json_values import decode

_TOKEN = re.compile(rb'[ \t\r\n]*+(?:([{}\[\]:,])|("[^"\\]*+(?:\\.[^"\\]*+)*+")|([-+.0-9A-Za-z]++))', re.DOTALL)


_CLOSER = {b"{": b"}", b"[": b"]"}


@dataclass(frozen=True)
class Head:
    """A value as far as it goes. `arrays` has the byte offset of each array that is still open, by the keys to it."""

    value: Any
    is_whole: bool
    arrays: dict[tuple[str, ...], int]


def read(text: bytes) -> Head | None:
    """Read the first value of a text, or as much of it as is there; None where that is not JSON."""
    opened: list[tuple[bytes, int]] = []
    keys: list[str | None] = []
    position = end = 0
    closing: list[bytes] = []
    last: bytes | None = None
    for match in _TOKEN.finditer(text):
        if match.start() != position:
            break
        position = match.end()
        token = match[1] or match[2] or match[3]
        if token in _CLOSER:
            opened.append((token, match.end() - 1))
            keys.append(None)
        elif token in (b"}", b"]"):
            if not opened or _CLOSER[opened.pop()[0]] != token:
                return None
            keys.pop()
        elif token == b":" and keys and last is not None:
            keys[-1] = _text(last)
        if token not in (b":", b",") and (token in b"{}[]" or not _is_key(last, opened)):
            end, closing = match.end(), [_CLOSER[each] for each, _ in reversed(opened)]
        last = token
        if not opened:
            break
    if last is None:
        return None
    return _closed(text[:end] + b"".join(closing), opened, keys)


def _closed(text: bytes, opened: list[tuple[bytes, int]], keys: list[str | None]) -> Head | None:
    try:
        value = decode(text)
    except (ValueError, RecursionError):
        return None
    arrays = {
        tuple(key for key in keys[:depth] if key is not None): offset
        for depth, (token, offset) in enumerate(opened)
        if token == b"[" and None not in keys[:depth]
    }
    return Head(value, not opened, arrays)


def _is_key(last: bytes | None, opened: list[tuple[bytes, int]]) -> bool:
    """Tell whether a text that follows `last` is a key, or a text or number that may go on beyond the cut."""
    return bool(opened) and opened[-1][0] == b"{" and last != b":"


def _text(quoted: bytes) -> str | None:
    try:
        return str(json.loads(quoted))
    except ValueError:
        return None
