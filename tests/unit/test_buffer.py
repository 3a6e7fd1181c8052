"""The window tells exactly where a source stops being UTF-8, however it is cut into pieces."""

from __future__ import annotations

import codecs
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.documents import buffer
from chalicelib.documents.buffer import Buffer, holds
from chalicelib.errors import UnreadableFile
from chalicelib.native_library import library
from tests.examples import examples

CHARACTERS = st.sampled_from(["a", "é", "中", "😀", "\x7f", " "])
DAMAGE = st.sampled_from([0x41, 0x80, 0xA0, 0xC0, 0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF])


class Pieces:
    """A source that hands out these pieces, one a read."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.position = 0
        self._pieces = [piece for piece in pieces if piece]

    def read(self, size: int, /) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        self.position += len(piece)
        return piece


def where_it_breaks(pieces: list[bytes]) -> int | None:
    window = Buffer(Pieces(pieces), chunk_bytes=4)
    window.require_utf8()
    try:
        while window.more():
            window.pos = len(window.text)
    except UnreadableFile as problem:
        return problem.byte_offset
    return None


def where_python_says(text: bytes) -> int | None:
    try:
        codecs.decode(text, "utf-8")
    except UnicodeDecodeError as problem:
        return problem.start
    return None


@pytest.mark.thorough
@examples(160, many=400)
@given(
    st.lists(CHARACTERS, min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 40), DAMAGE), max_size=2),
    st.data(),
)
def test_broken_characters_are_found_where_they_begin(
    characters: list[str], damage: list[tuple[int, int]], data: st.DataObject
) -> None:
    text = bytearray("".join(characters).encode())
    for at, byte in damage:
        text[at % len(text)] = byte
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=3)))
    pieces = [bytes(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert where_it_breaks(pieces) == where_python_says(bytes(text))


def is_utf8(text: bytes) -> bool:
    return where_python_says(text) is None


@pytest.mark.parametrize("before", [15, 62])
def test_any_two_bytes_are_judged_as_python_does_within_and_across_blocks(before: int) -> None:
    compiled = library()
    assert compiled is not None
    for pair in range(1 << 16):
        text = b"x" * before + pair.to_bytes(2) + b"y"
        assert compiled.is_utf8(text, len(text)) == is_utf8(text), text
        assert compiled.is_utf8(text, len(text) - 1) == is_utf8(text[:-1]), text


@pytest.mark.parametrize("before", [0, 13, 61, 64])
def test_three_and_four_bytes_at_the_edges_of_their_ranges_are_judged_as_python_does(before: int) -> None:
    compiled = library()
    assert compiled is not None
    for some in product(b"\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc2\xdf\xe0\xe1\xed\xef\xf0\xf1\xf4\xf5\xff", repeat=3):
        for last in b"A\x80\xbf\xc2":
            text = b"x" * before + bytes([*some, last])
            assert compiled.is_utf8(text, len(text)) == is_utf8(text), text


@given(text=st.text(max_size=400), at=st.integers(0, 1000), byte=DAMAGE | st.none())
def test_long_texts_are_judged_as_python_does(text: str, at: int, byte: int | None) -> None:
    data = bytearray(text.encode("utf-8", "surrogatepass") * 3 or b"x")
    if byte is not None:
        data[at % len(data)] = byte
    assert buffer.is_utf8(bytes(data)) == is_utf8(bytes(data))
    assert buffer.is_utf8(bytes(data), len(data) // 2) == is_utf8(bytes(data[: len(data) // 2]))


def test_a_chunk_that_begins_within_a_character_is_checked_without_making_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = "中".encode() * 1000
    checked: list[int] = []
    real = buffer.is_utf8

    def noted(piece: bytes, end: int | None = None) -> bool:
        checked.append(len(piece))
        return real(piece, end)

    monkeypatch.setattr(buffer, "is_utf8", noted)
    assert where_it_breaks([text[:1000], text[1000:2000], text[2000:]]) is None
    assert checked == [1000, 998, 999]


def test_nothing_is_checked_behind_the_first_byte_that_is_not_utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    for first in (b"x" * 300 + b"\xff", "中".encode()[:2]):
        checked: list[bytes] = []
        window = Buffer(Pieces([first, b"A" + b"y" * 999, b"z" * 1000]), chunk_bytes=4)
        with monkeypatch.context() as patched:
            patched.setattr(buffer, "is_utf8", lambda piece, end=None, checked=checked: checked.append(piece) or False)
            while window.more():
                pass
        assert window.not_utf8 == len(first.rstrip(b"\xff\xe4\xb8"))
        assert not any(b"y" in piece or b"z" in piece for piece in checked)


@given(text=st.text('ab"\\', max_size=300), phrase=st.text('ab"\\', max_size=4))
def test_a_phrase_is_found_wherever_it_stands(text: str, phrase: str) -> None:
    data = text.encode()
    assert holds(data, phrase.encode()) == (phrase in text)
    assert holds(memoryview(data)[1:-1], phrase.encode()) == (phrase in text[1:-1])


@pytest.mark.parametrize("length", range(60, 132))
def test_a_phrase_is_found_at_the_end_of_a_text_of_any_length(length: int) -> None:
    assert holds(b'"orders'.rjust(length), b'"orders')
    assert not holds(b'"orders'.rjust(length), b'"orders"')
