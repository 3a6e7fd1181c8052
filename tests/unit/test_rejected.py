"""A rejected record is written as one line of JSON from which its bytes can be had again."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from chalicelib.documents.rejected import RejectedRecord, SpooledRaw
from chalicelib.errors import shown


def written(raw: bytes, *, spooled: bool) -> dict[str, Any]:
    kept: bytes | SpooledRaw = raw
    if spooled:
        kept = SpooledRaw()
        kept.write(raw)
    line = b"".join(RejectedRecord(7, "a.b", 'say "why" é', kept).json_line())
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    result: dict[str, Any] = json.loads(line)
    assert (result["record_number"], result["path"], result["reason"]) == (7, "a.b", 'say "why" é')
    return result


@pytest.mark.parametrize("spooled", [False, True])
@pytest.mark.parametrize("raw", [b"", b'{"a":"\\"\x01\xc3\xa9\xf0\x9f\x98\x80"}', "é".encode() * 500_000])
def test_utf8_is_kept_as_text(raw: bytes, spooled: bool) -> None:
    result = written(raw, spooled=spooled)
    assert result["raw"].encode() == raw
    assert "raw_base64" not in result


@pytest.mark.parametrize("spooled", [False, True])
@pytest.mark.parametrize(
    "raw",
    [b"\xff", b"M\xfcller", b"\xe2\x82", b"x\xc3", b"\xc0\xaf", b"ab" * 500_000 + b"\xf0\x9f\x98" + b"c" * 900_001],
)
def test_what_is_not_utf8_is_kept_byte_for_byte_and_readable(raw: bytes, spooled: bool) -> None:
    result = written(raw, spooled=spooled)
    assert base64.b64decode(result["raw_base64"], validate=True) == raw
    assert result["raw"] == raw.decode("utf-8", "replace")


def test_what_a_message_shows_is_escaped_once() -> None:
    assert repr(shown(b"\xef\xbb")) == r"'\xef\xbb'"
    assert repr(shown("a\nb")) == r"'a\nb'"
    assert repr(shown("it's")) == '"it\'s"'
