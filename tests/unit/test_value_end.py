"""A value that the text cuts off is not taken for a broken one, with and without compiled code."""

from __future__ import annotations

import pytest

from chalicelib.documents import value_end

VALUES = (
    b'"\\ud800"',
    b'"a\\ud83d\\ude00b\xc3\xa9"',
    b"[-1.5e+10,NaN,-Infinity,true,null,Infinity,0.5E-3,false]",
    b'{"\\ud800x":{"k":"\\ud800","z":false}}',
    b'["s\\u00e9\\\\\\"", "\\udc00\\ud800"]',
)


@pytest.fixture(params=["compiled", "not compiled"], autouse=True)
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "not compiled":
        monkeypatch.setattr(value_end, "library", lambda: None)


@pytest.mark.parametrize("value", VALUES)
def test_what_is_cut_off_anywhere_is_said_to_be(value: bytes) -> None:
    for size in range(1, len(value)):
        assert value_end.value_end(value[:size]) == (None, False, value_end.TRUNCATED), value[:size]
    assert value_end.value_end(b" " + value + b" ,", 1)[0] == len(value) + 1


@pytest.mark.parametrize("value", [b"tRu", b"nul,", b"1.,", b"-x", b"[1.5.", b'"\\x', b"[}", b'{"a":tx', b"Nax"])
def test_what_is_broken_is_not_said_to_be_cut_off(value: bytes) -> None:
    end, is_unusual, why = value_end.value_end(value + b" " * 9)
    assert (end, is_unusual) == (None, False)
    assert why != value_end.TRUNCATED
