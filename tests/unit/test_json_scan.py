"""The scanner agrees with the parsers on what is JSON, and where it ends, in whatever pieces it is fed."""

from __future__ import annotations

import json
import random
import sys

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.documents.json_scan import MalformedJson, ValueScanner
from tests.examples import examples

ONE = msgspec.json.Decoder(msgspec.Raw)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
NASTY = [b'"', b"\\", b"\\u12", b"\\ud83d", b"{", b"}", b"[", b"]", b",", b":", b"0", b"-", b".", b"e", b"+", b"tru"]
NASTY += [b"\x00", b"\n", b"nul", b"1e5", b"01", b" ", b"\x1f", b"/", b"\\/", b"\\x", b"null", b"false", b"\xc3\xa9"]
NUMBER_BYTES = [bytes([byte]) for byte in b"0123456789.eE+-"]


def scanned(text: bytes, cuts: list[int]) -> int | None:
    """Return where the value in `text` ends, fed in pieces, or None where it is malformed."""
    scanner, ends = ValueScanner(), [*sorted(cuts), len(text)]
    start = 0
    try:
        for i, end in enumerate(ends):
            inside = scanner.feed(text[start:end], last=i == len(ends) - 1)
            if inside is not None:
                return start + inside
            start = end
    except MalformedJson:
        return None
    raise AssertionError("the last piece tells")


def end_by_msgspec(text: bytes) -> int | None:
    """Return the same as `scanned`, from msgspec: the longest prefix that is one value, without spaces behind it."""
    try:
        return len(text.rstrip(b" \t\r\n")) if ONE.decode(text) is not None else None
    except msgspec.DecodeError as error:
        if "trailing characters" not in str(error):
            return None
        return len(text[: int(str(error).rpartition(" ")[2][:-1]) - 1].rstrip(b" \t\r\n"))


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    text = json.dumps(draw(documents), ensure_ascii=draw(st.booleans())).encode()
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(st.sampled_from([b"", *NASTY])) + text[start + draw(st.integers(0, 2)) :]
    return text


def is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.thorough
@examples(280, many=700)
@given(mutated(), st.lists(st.integers(0, 60), max_size=6))
@example(b"12", [1])
@example(b"-", [])
@example(b'"\\u00e9"', [3, 4, 5])
@example(b'{"a":[1,{}],"b":"\\\\"} rest', [2, 9])
def test_it_ends_where_msgspec_says_and_breaks_where_msgspec_breaks(text: bytes, cuts: list[int]) -> None:
    cuts = [cut for cut in cuts if cut <= len(text)]
    # Lone surrogates are JSON to the grammar, but not to msgspec.
    if not is_utf8(text) or b"\\u" in text:
        return
    assert_same(scanned(text, cuts), end_by_msgspec(text), text)


@pytest.mark.thorough
@examples(280, many=700)
@given(mutated(), st.lists(st.integers(0, 60), max_size=6))
def test_it_agrees_with_the_standard_library_escapes_of_surrogates_included(text: bytes, cuts: list[int]) -> None:
    if not is_utf8(text):
        return
    decoded = text.decode()
    start = len(decoded) - len(decoded.lstrip(" \t\r\n"))
    try:
        _, end = json.JSONDecoder(parse_constant=_reject).raw_decode(decoded, start)
        expected: int | None = len(decoded[:end].encode())
    except (ValueError, RecursionError):
        expected = None
    assert_same(scanned(text, [cut for cut in cuts if cut <= len(text)]), expected, text)


def assert_same(result: int | None, expected: int | None, text: bytes) -> None:
    # Parsers stop where a number stops being one: to them `01` is a 0, and more.
    if result is None and expected is not None and text[expected - 1 : expected].isdigit():
        assert text[expected : expected + 1] in NUMBER_BYTES
    else:
        assert result == expected


def _reject(name: str) -> None:
    raise ValueError(name)


def followed(text: bytes, size: int) -> tuple[int | None, str, int, int]:
    """Return where the value in `text` ends, or why it does not and where, and how deep it is; fed in such pieces."""
    scanner = ValueScanner()
    try:
        for start in range(0, len(text), size):
            end = scanner.feed(text[start : start + size], last=start + size >= len(text))
            if end is not None:
                return start + end, "", 0, scanner.depth
    except MalformedJson as problem:
        return None, problem.reason, problem.offset, scanner.depth
    raise AssertionError("the last piece tells")


NESTING = [b"[", b"[[", b"{", b'{"a":', b'{ "" : ', b'{"a[{":', b'{"\\n":', b"]", b"]]", b"}", b"} ]", b"1", b",", b" "]
NESTING += [b'"k":', b'"\\ud800"']


@pytest.mark.thorough
@examples(300, many=3000)
@given(st.lists(st.sampled_from(NESTING), max_size=30), st.sampled_from([0, 1, 3, 1500]), st.booleans())
@example([b"[", b"[", b"]", b"}"], 0, False)
@example([b"]"], 3, False)
def test_many_brackets_in_one_step_make_the_same_as_one_after_another(
    parts: list[bytes], depth: int, closes: bool
) -> None:
    nested = b'[{"a":' * depth
    text = nested + b"".join(parts) + b"}]" * (depth if closes else 0)
    if text:
        assert followed(text, len(text)) == followed(text, 1)


def test_pieces_never_matter() -> None:
    rng = random.Random(5)
    for text in (
        b'[1.5e+3, {"k\\u00e9y": [true, null, "\\ud800"]}, -0]x',
        b'{"a":"' + b"z" * 50 + b'"',
        b"[1 2]",
        b"nulx",
    ):
        whole = scanned(text, [])
        for _ in range(200):
            assert scanned(text, rng.sample(range(len(text)), rng.randrange(len(text)))) == whole
        assert scanned(text, list(range(1, len(text)))) == whole


def test_the_depth_is_counted_and_costs_a_byte_a_level() -> None:
    scanner = ValueScanner()
    assert scanner.feed(b"[" * 100_000 + b"]" * 100_000 + b",") == 200_000
    assert scanner.depth == 100_000


@pytest.mark.parametrize("element", [b"1", b'""', b"-0.5e7", b"null"])
def test_a_megabyte_of_short_elements_is_stepped_over_many_at_a_time(element: bytes) -> None:
    text = b"[" + (element + b",") * (1_000_000 // (len(element) + 1)) + element + b"]"
    calls: list[str] = []
    sys.setprofile(lambda frame, event, arg: calls.append(event))
    try:
        end = ValueScanner().feed(text)
    finally:
        sys.setprofile(None)
    assert end == len(text)
    assert len(calls) < text.count(b",") / 20


@pytest.mark.parametrize(
    ("text", "offset", "reason"),
    [
        (b'{"a":1,}', 7, "expected a key in quotes, found '}'"),
        (b"[1,]", 3, "expected a value, found ']'"),
        (b"[1}", 2, "expected ',' or ']', found '}'"),
        (b'{"a"]', 4, "expected ':' after the key, found ']'"),
        (b'"\x1f"', 1, "control character 0x1f"),
        (b'"\\u12g4"', 1, "is not an escape that JSON knows"),
        (b"[tru]", 1, "expected a value, found 't'"),
        (b"[-]", 1, "'-' is not a JSON number"),
        (b'[0,1,"a",true ,-]', 15, "'-' is not a JSON number"),
        (b"[0,1,01]", 5, "'01' is not a JSON number"),
        (b"[0,1 2]", 5, "expected ',' or ']', found '2'"),
        (b'[0,"a"', 6, "ends in the middle"),
        (b'{"a":0,1]', 7, "expected a key in quotes, found '1'"),
        (b"[1.]", 1, "'1.' is not a JSON number"),
        (b'{"a":', 5, "ends in the middle"),
        (b'"abc', 4, "ends in the middle"),
    ],
)
def test_an_error_names_the_byte_and_what_is_there(text: bytes, offset: int, reason: str) -> None:
    for size in (1, 3, len(text)):
        scanner = ValueScanner()
        pieces = [text[start : start + size] for start in range(0, len(text), size)]
        with pytest.raises(MalformedJson) as error:
            [scanner.feed(piece, last=i == len(pieces) - 1) for i, piece in enumerate(pieces)]
        assert reason in error.value.reason
        assert error.value.offset == offset
