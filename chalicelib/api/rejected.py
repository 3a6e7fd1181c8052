"""The rejected records of a source object, a page at a time, from the gzipped lines that its load left.

Memory holds one page, whatever was rejected: a record that is too long for an answer is cut while it is read.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

from chalicelib.api.requests import inner_token, page_token
from chalicelib.documents.decompress import ByteStream
from chalicelib.errors import DamagedRejections, RequestError, shown
from chalicelib.settings import MIB

RAW = b', "raw": "'
"""What separates a rejected record's reason from the record. Quotes within either are escaped."""
MAX_RAW = MIB // 4
"""Characters of a record that an answer has; the link to the quarantine has all of it."""
MAX_LINE = 12 * MAX_RAW + MIB // 16
"""Bytes of a line that are kept: a character may be written with twelve, such as an emoji."""
MAX_PAGE = 2 * MIB
"""Bytes of records, as an answer writes them, after which a page ends: with one more record Lambda takes it still."""
MOST_READ = 512 * MIB
"""Decompressed bytes that one call reads: what lies beyond is had by the link."""
PIECE = MIB
FIRST = re.compile(r"[0-9]{1,12}", re.ASCII)
"""Of a page, as a token has it."""
NUMBER = re.compile(rb'(?<!\\)"record_number": (\d+)')


def lines(stream: ByteStream) -> Iterator[tuple[bytes, bool]]:
    """Yield each line of a gzip stream, at most MAX_LINE bytes of it, and whether that is the whole line.

    Raises RequestError once MOST_READ bytes were read and more is asked for, EOFError for a stream that is cut off and
    zlib.error for a damaged one.
    """
    inflate = zlib.decompressobj(wbits=31)
    line, length, read = bytearray(), 0, 0
    while compressed := inflate.unconsumed_tail or stream.read(PIECE):
        plain = inflate.decompress(compressed, PIECE)
        read += len(plain)
        for piece in plain.splitlines(keepends=True):
            line += piece[: MAX_LINE - len(line)]
            length += len(piece)
            if piece.endswith(b"\n"):
                yield bytes(line), len(line) == length
                line.clear()
                length = 0
        if read > MOST_READ:
            problem = f"lies beyond the first {MOST_READ // MIB} MiB of rejected records: download the quarantine_url"
            raise RequestError({"page_token": problem})
    if not inflate.eof or length:
        raise EOFError


def page(stream: ByteStream, of: str, size: int, token: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """Return up to `size` records and the token of the next page, None on the last. `of` is the name of the file.

    Raises RequestError for a token of another file, and for a page that lies too far in; DamagedRejections for a file
    that is not as a load wrote it.
    """
    first = 0 if token is None else _first(token, of)
    records: list[dict[str, Any]] = []
    size_so_far = 0
    try:
        for line, is_whole in islice(lines(stream), first, None):
            if len(records) == size or size_so_far > MAX_PAGE:
                return records, page_token(f"{first + len(records)}\n{of}")
            records.append(_record(line, is_whole))
            # The body is a JSON text within JSON.
            size_so_far += len(json.dumps(json.dumps(records[-1])))
    except (EOFError, zlib.error, ValueError, KeyError, TypeError):
        raise DamagedRejections(of, first + len(records)) from None
    return records, None


def _first(token: str, of: str) -> int:
    first, _, file = inner_token(token).partition("\n")
    if file != of or not FIRST.fullmatch(first):
        problem = f"{shown(token)!r} is not a token of these records: the file was loaded anew; begin without one"
        raise RequestError({"page_token": problem})
    return int(first)


def _record(line: bytes, is_whole: bool) -> dict[str, Any]:
    """Return a line as the API gives it. `exact`: `raw` is what was sent, to the last character."""
    if is_whole:
        stored = json.loads(line)
        raw, exact = stored["raw"], not {"raw_base64", "raw_key"} & stored.keys()
    else:
        head, separator, rest = line.partition(RAW)
        number = NUMBER.search(line)
        unknown = {"record_number": int(number[1]) if number else None, "path": "", "reason": "too long to be shown"}
        stored = json.loads(head + b"}") if separator else unknown
        raw, exact = _beginning(rest), False
    cut = raw[:MAX_RAW]
    return {
        "record_number": stored["record_number"],
        "path": stored["path"],
        "reason": stored["reason"],
        "raw": cut,
        "exact": exact and len(cut) == len(raw),
    }


def _beginning(escaped: bytes) -> str:
    """Return the beginning of a JSON text that was cut off, perhaps within an escape."""
    for end in range(len(escaped), len(escaped) - 12, -1):
        try:
            text: str = json.loads(b'"' + escaped[:end] + b'"')
        except ValueError:
            continue
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return ""
