"""Compiled code splits a text into the records that msgspec finds in it, and into none where that finds a fault."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.documents.slices import BrokenValue, Slices, by_commas, by_nothing, whole_by_commas
from chalicelib.documents.value_reader import ValueReader
from tests.unit.reading import read

ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
LINES = msgspec.json.Decoder(msgspec.Raw)
WHITE = st.text(" \t\r\n", max_size=2)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.text('aé"\\\n/\x7f\U0001f600', max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=12), VALUES, max_size=4)
Split = Callable[[bytes], Slices | None]


def msgspec_by_commas(text: bytes) -> list[bytes]:
    return [bytes(raw) for raw in ARRAY.decode(b"[%b]" % text)]


def msgspec_by_nothing(text: bytes) -> list[bytes]:
    return [bytes(raw) for raw in LINES.decode_lines(text)]


def parser_finds(parser: Callable[[bytes], list[bytes]], text: bytes) -> bool:
    """Tell whether a parser finds whole values in a text, or nothing at all; the last may have a comma behind it."""
    try:
        parser(text.rstrip(b" \t\r\n,") if parser is msgspec_by_commas else text)
    except msgspec.DecodeError:
        return not text.strip()
    return True


def holds_unusual(split: Split, text: bytes) -> bool:
    """Tell whether all of a text is split, and some of it is what msgspec cannot check."""
    found = split(text.rstrip(b" \t\r\n,"))
    return found is not None and found.unusual is not None


BOTH = [(by_commas, msgspec_by_commas), (by_nothing, msgspec_by_nothing)]


@st.composite
def texts(draw: st.DrawFn, values: st.SearchStrategy[Any], between: st.SearchStrategy[str]) -> tuple[bytes, int]:
    """Draw a text of some values, written in one of the ways that JSON has, and how many they are."""
    drawn = draw(st.lists(values, min_size=1, max_size=6))
    ways: list[dict[str, Any]] = [{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}]
    written = []
    for value in drawn:
        text = json.dumps(value, **draw(st.sampled_from(ways)))
        written += [draw(WHITE), text, draw(WHITE), draw(between)]
    return "".join(written[:-1]).encode("utf-8", "replace"), len(drawn)


@given(texts(VALUES, st.just(",")))
def test_values_with_commas_between_are_found_where_msgspec_finds_them(drawn: tuple[bytes, int]) -> None:
    text, count = drawn
    found = by_commas(text)
    assert found is not None
    assert list(found) == msgspec_by_commas(text)
    assert len(found) == count


@given(texts(OBJECTS | st.lists(VALUES, max_size=3), st.sampled_from(["", "\n", "\r\n", " "])))
def test_objects_with_white_space_or_nothing_between_are_found_where_msgspec_finds_them(
    drawn: tuple[bytes, int],
) -> None:
    text, count = drawn
    found = by_nothing(text)
    assert found is not None
    assert list(found) == msgspec_by_nothing(text)
    assert len(found) == count


@pytest.mark.parametrize(("split", "parser"), BOTH)
def test_what_msgspec_finds_a_fault_in_is_never_split(split: Split, parser: Callable[[bytes], list[bytes]]) -> None:
    """Each text is one of many with some of its bytes changed, left out, doubled or cut off."""
    rng = random.Random(11)
    odd = b'{}[]",:\\/ \t\n\r\x00\x1f0123456789-+.eEtrufalsn\xc3\xa9d8'
    seeds = [
        b'{"a": 1.5e3, "b": [true, false, null, "x\\u00e9\\n\\ud83d\\ude00"], "c": {"d": {}, "e": []}}',
        b'{"long": "0123456789abcdef", "x": 0.125}',
        b'{"n": [-0, 0.0, 1E+2, -12.5e-3], "s": "\\"\\\\\\/\\b\\f\\r\\t", "deep": [[[[{"x": [1]}]]]]}',
        b'{"\xc3\xa9": "\xf0\x9f\x98\x80 and more than eight bytes", "": ""}',
    ]
    between = b"," if split is by_commas else b"\n"
    outcomes = {"split": 0, "faults": 0}
    for _ in range(6000):
        text = bytearray(between.join(rng.choices(seeds, k=rng.randrange(1, 4))))
        for _ in range(rng.choice((0, 1, 1, 2, 3))):
            at = rng.randrange(len(text))
            match rng.randrange(4):
                case 0:
                    text[at] = rng.choice(odd)
                case 1:
                    del text[at : at + rng.randrange(1, 3)]
                case 2:
                    text[at:at] = bytes(rng.choices(odd, k=rng.randrange(1, 3)))
                case _:
                    del text[at:]
            text = text or bytearray(b" ")
        try:
            found = split(bytes(text))
        except BrokenValue as problem:
            found, whole = None, bytes(text[: problem.offset])
        else:
            whole = b""
        assert parser_finds(parser, whole) or holds_unusual(split, whole), text
        try:
            expected = parser(bytes(text))
        except msgspec.DecodeError:
            outcomes["faults"] += 1
            assert not found or found.unusual is not None, text
        else:
            outcomes["split"] += bool(found)
            assert not found or list(found) == expected, text
    assert min(outcomes.values()) > 500


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 01}',
        b'{"a": "tab\there"}',
        b'{"a": .5}',
        b'{"a": 1.}',
        b'{"a": tru}',
        b'{"a" 1}',
        b'{"a": 1,}',
        b'{"a": 1]',
        b'{"a": "unfinished',
        b'{"a": "\\',
        b'{"a": "\\u12',
        b'{"a": -',
        b'{"a": 1e',
        b"{",
    ],
)
def test_what_is_broken_is_said_with_where_it_begins(text: bytes) -> None:
    for before, split in ((b' {"id": 1} ', by_nothing), (b' {"id": 1} , ', by_commas)):
        with pytest.raises(BrokenValue) as caught:
            split(before + text)
        assert caught.value.offset == len(before)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": "\\ud83d"}',
        b'{"a": "\\ude00"}',
        b'{"a": "\\ud83d\\n"}',
        b'{"a": "\\ud83d\\ud83d"}',
        b"[" * 600 + b"]" * 600,
        b'{"a": NaN}',
        b'{"a": [-Infinity, Infinity]}',
    ],
)
def test_what_msgspec_cannot_check_is_marked_between_commas_and_broken_without_them(text: bytes) -> None:
    found = by_commas(b' {"id": 1} , %b,2' % text)
    assert found is not None
    assert list(found) == [b'{"id": 1}', text, b"2"]
    assert found.unusual is not None
    assert found.unusual.tolist() == [False, True, False]
    assert found[:1].unusual is not None
    with pytest.raises(BrokenValue) as caught:
        by_nothing(b' {"id": 1} ' + text)
    assert caught.value.offset == 11


def test_scalars_that_no_comma_separates_are_left_to_another_parser_and_so_are_very_many_values() -> None:
    assert by_nothing(b"1 2") is None
    assert by_nothing(b'"a""b"') is None
    assert list(by_commas(b"1 , 2") or []) == [b"1", b"2"]
    assert by_commas(b"") is None
    assert by_nothing(b"") is None
    with pytest.raises(BrokenValue):
        by_commas(b"1,2,")
    assert by_commas(b",".join([b"1"] * 1000)) is None


def test_slices_are_a_sequence_and_say_how_they_begin_and_how_long_they_are() -> None:
    text = b'  {"id": 1}, {"id": "x"} ,{"id":-2}'
    found = by_commas(text)
    assert found is not None
    assert list(found) == [b'{"id": 1}', b'{"id": "x"}', b'{"id":-2}']
    assert list(found[1:]) == [b'{"id": "x"}', b'{"id":-2}']
    assert found.longest == 11
    assert found.begin_with(b'{"id":', b" -")
    assert not found.begin_with(b'{"id":', b" ")
    assert not found.begin_with(b'{"id": ', b'1"-')
    assert not found[2:].begin_with(b'{"id":-2}', b" ")
    data, starts, ends = found[1:].padded(b"##")
    assert data == b'##{"id": "x"} ,{"id":-2}##'
    assert [data[start:end] for start, end in zip(starts, ends, strict=True)] == list(found[1:])
    assert found[3:].padded(b"##")[0] == b"####"


@pytest.mark.parametrize("behind", [b"", b",", b" , ", b', {"id": 3', b', "x', b"]", b" ]} x", b", ]", b", 1", b",NaN"])
def test_of_a_text_that_goes_on_those_values_are_found_that_are_whole(behind: bytes) -> None:
    sound = [b'{"id": 1}', b'"\\ud800"', b"-2"]
    found = whole_by_commas(b", ".join(sound) + behind)
    assert found is not None
    # Of what ends where the text does nobody knows whether it goes on.
    assert list(found) == (sound[:2] if behind == b"" else sound)
    assert whole_by_commas(behind) is None


def test_elements_whose_keys_are_never_the_same_are_read_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = 0
    read_one = ValueReader.read_one

    def counted(self: ValueReader, too_long: str | None = None) -> None:
        nonlocal alone
        alone += 1
        read_one(self, too_long)

    monkeypatch.setattr(ValueReader, "read_one", counted)
    file = b"[" + b",".join(b'{"%d": 1}' % i for i in range(40_000)) + b"]"
    assert list(read(file).records.values()) == [b'{"%d": 1}' % i for i in range(40_000)]
    assert alone < 20
