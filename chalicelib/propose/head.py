"""The beginning of a JSON value that is too long to be seen whole: closed where it was cut, so that it can be read."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from chalicelib.propose.json_values import decode

_TOKEN = re.compile(rb'[ \t\r\n]*+(?:([{}\[\]:,])|("[^"\\]*+(?:\\.[^"\\]*+)*+")|([-+.0-9A-Za-z]++))', re.DOTALL)
_CLOSER = {b"{": b"}", b"[": b"]"}
_OPENER = {b"}": b"{", b"]": b"["}


class Head(Struct, frozen=True):
    """A value as far as it goes."""

    value: Any
    is_whole: bool


def read(text: bytes) -> Head | None:
    """Read the first value of a text, or as much of it as is there; None where that is not JSON."""
    opened: list[bytes] = []
    position = end = 0
    closing: list[bytes] = []
    last: bytes | None = None
    while (match := _TOKEN.match(text, position)) is not None:
        position = match.end()
        token = match[1] or match[2] or match[3]
        if token in _CLOSER:
            opened.append(token)
        elif token in _OPENER and (not opened or opened.pop() != _OPENER[token]):
            return None
        if token not in (b":", b",") and (token in b"{}[]" or not _is_key(last, opened)):
            end, closing = match.end(), [_CLOSER[each] for each in reversed(opened)]
        last = token
        if not opened:
            break
    if last is None:
        return None
    try:
        value = decode(text[:end] + b"".join(closing))
    except (ValueError, RecursionError):
        return None
    return Head(value, not opened)


def _is_key(last: bytes | None, opened: list[bytes]) -> bool:
    """Tell whether a text that follows `last` is a key, or a text or number that may go on beyond the cut."""
    return bool(opened) and opened[-1] == b"{" and last != b":"
