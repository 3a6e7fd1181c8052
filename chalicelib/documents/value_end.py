"""Finds where one JSON value ends in a text: by compiled code, or without it by msgspec and the scanner."""

from __future__ import annotations

import re

import msgspec

from chalicelib.documents.json_scan import MalformedJson, ValueScanner
from chalicelib.native_library import IS_CUT_OFF, library

DEEPEST = 2048
"""How deep a value may be nested whose end is looked for, as compiled code has it."""

TRUNCATED = "truncated"

_ONE = msgspec.json.Decoder(msgspec.Raw)
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_SPACE = re.compile(rb"[ \t\r\n]*+")
_SCANNED_FIRST = 1024


def value_end(text: bytes, at: int = 0) -> tuple[int | None, bool, str]:
    """Return how many bytes the value at `at` takes, white space around it included, and whether it is unusual.

    None and the reason where it is broken, goes on behind the text, or is so deep that it is not looked at.
    """
    compiled = library()
    if compiled is not None:
        result = compiled.end_of_value(text, at, len(text))
        if result >= 0:
            return (result >> 1) - at, bool(result & 1), ""
        if result == IS_CUT_OFF:
            return None, False, TRUNCATED
    view = memoryview(text)[at:]
    try:
        _ONE.decode(view)
    except msgspec.DecodeError as problem:
        reason = str(problem)
        if match := _TRAILING.search(reason):
            # The number counts the byte that trails as read already.
            return int(match[1]) - 1, False, ""
        reason = TRUNCATED if TRUNCATED in reason else reason
    except RecursionError:
        reason = "too deep"
    else:
        return len(view), False, ""
    return (None, False, reason) if compiled is not None else _unusual_end(text, at, reason)


def _unusual_end(text: bytes, at: int, reason: str) -> tuple[int | None, bool, str]:
    """Do as `value_end` does for a value that msgspec cannot check, for this reason.

    Half of a pair of surrogates is cut off for msgspec where the text soon ends, and a number's point is broken.
    """
    scanner = ValueScanner()
    try:
        end = scanned(scanner, text, at, last=False)
    except MalformedJson:
        return None, False, reason
    if end is None or scanner.depth > DEEPEST:
        return None, False, TRUNCATED if end is None else reason
    space = _SPACE.match(text, at + end)
    return space.end() - at if space else end, True, ""


def scanned(scanner: ValueScanner, text: bytes, start: int, *, last: bool) -> int | None:
    """Scan a text from `start` on; return the value's length from there if it ends. Raises MalformedJson."""
    begun, size = start, _SCANNED_FIRST
    while True:
        piece = text[start : start + size]
        start += len(piece)
        end = scanner.feed(piece, last=last and start == len(text))
        if end is not None:
            return start - len(piece) + end - begun
        if start == len(text):
            return None
        size *= 2
