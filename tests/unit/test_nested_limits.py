"""What nested envelopes cost is in proportion to their bytes, whatever they are made of."""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Callable

import pytest

from chalicelib.documents.path_tree import KeyPath
from chalicelib.errors import UnreadableFile
from tests.unit.growth import assert_linear
from tests.unit.hostile import elements, filled, numbered
from tests.unit.reading import read

DOCUMENT = b'{"id":1,"a":[{"a":1}]}'
PAGE = b'{"m":1,"a":{"a":{"a":[' + DOCUMENT + b"]}}}"
RECORDS: list[KeyPath] = [("a", "a", "a"), ("b",), ("a", "c"), *((f"d{i}", "a") for i in range(20))]
LIMIT = 1 << 23

NESTED: dict[str, Callable[[int], bytes]] = {
    "pages a line each": lambda n: filled(PAGE + b"\n", n),
    "pages with nothing between": lambda n: filled(PAGE, n),
    "empty pages": lambda n: filled(b'{"a":{"a":{"a":[]}}}\n', n),
    "empty pages with escaped keys": lambda n: filled(b'{"a":{"\\u0061":{"a":[]}}}\n', n),
    "pages of both paths": lambda n: filled(PAGE + b'\n{"b":[1]}\n', n),
    "pages whose array comes twice": lambda n: filled(b'{"a":{"a":{"a":[]},"a":{"a":[]}}}\n', n),
    "pages that are cut off": lambda n: PAGE + b"\n" + filled(b'{"a":{"a":{"a":[\n', n),
    "pages in an array": lambda n: elements(PAGE, n),
    "documents whose identity comes last": lambda n: filled(b'{"x":[{"a":1,"a":2}],"a":{"c":1},"id":7}\n', n),
    "documents with the array's keys inside": lambda n: filled(b'{"x":{"a":{"a":{"a":[]}}},"id":7}\n', n),
    "open objects": lambda n: filled(b'{"a":', n),
    "objects in objects": lambda n: b'{"a":' * (n // 6) + b"1" + b"}" * (n // 6),
    "objects in objects in a page": lambda n: b'{"a":{"x":' + b'{"a":' * (n // 6) + b"1" + b"}" * (n // 6) + b"}}",
    "objects in objects behind the array": lambda n: (
        b'{"a":{"a":{"a":[],"x":' + b'{"a":' * (n // 6) + b"1" + b"}" * (n // 6) + b"}}}"
    ),
    "many keys before the array": lambda n: b'{"a":{"a":{' + filled(b'"x":1,', n) + b'"a":[' + DOCUMENT + b"]}}}",
    "many other keys before the array": lambda n: b'{"a":{"a":{' + numbered('"%d":[1],', n) + b'"a":[]}}}',
    "many keys behind the array": lambda n: b'{"a":{"a":{"a":[]},' + numbered('"%d":[],', n) + b'"x":1}}',
    "many objects on the way": lambda n: b"{" + filled(b'"a":{"c":{}},', n) + b'"a":{"a":{"a":[]}}}',
    "many objects on the way, behind the array": lambda n: b'{"b":[]' + filled(b',"a":{"a":{}}', n) + b"}",
    "spaces": lambda n: b'{"a":{' + filled(b" ", n) + b'"a":{"a":[]' + filled(b" ", n) + b"}}" + filled(b" ", n) + b"}",
}  # fmt: skip

REJECTED = ("pages whose array comes twice", "pages that are cut off")
"""Of which nothing is read: rejecting costs many times what reading does."""


def read_nested(file: bytes) -> None:
    with contextlib.suppress(UnreadableFile):
        read(file, records=RECORDS, identity=[[("id",)]], max_record_bytes=LIMIT)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", NESTED)
@pytest.mark.parametrize("part", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_nested_envelopes_are_read_in_linear_time(kind: str, part: int) -> None:
    size = 50_000 if kind in REJECTED else 200_000
    assert_linear(lambda size: read_nested(NESTED[kind](size)), size // part)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("objects in objects", marks=pytest.mark.slow),
        pytest.param("many other keys before the array", marks=pytest.mark.slow),
        "many keys behind the array",
    ],
)
def test_an_envelope_of_much_else_is_not_kept_in_memory_key_by_key(kind: str) -> None:
    size = 1_000_000
    file = NESTED[kind](size)
    tracemalloc.start()
    try:
        read_nested(file)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 10 * size
