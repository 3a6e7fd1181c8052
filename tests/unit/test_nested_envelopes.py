"""The array of documents may lie at any of several paths; what an object is does not depend on how it is cut."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.paths import parse
from chalicelib.contracts.sources import FromDocument
from chalicelib.documents.beside import MOST_NAMES
from chalicelib.documents.path_tree import KeyPath
from chalicelib.errors import UnreadableFile
from chalicelib.flatten.flattener import records_of
from tests.contracts import ORDERS
from tests.examples import examples
from tests.unit.reading import Read, Trickle, raw_of, read

CHUNKS = [1, 7, 40, 333, 1 << 21]
NODE_ID = [[("node", "id")]]
NODES = ['{"node":{"id":1,"edges":[1]},"cursor":"a"}', '{"cursor":"b","node":{"name":"]}","id":"2"}}']
EDGES = [("data", "orders", "edges"), ("items",)]


def page_of(nodes: list[str]) -> str:
    """Return a page whose array is two objects deep, among other members."""
    array = ",".join(nodes)
    orders = f'{{"edges":[{array}],"pageInfo":{{"next":null}}}}'
    return f'{{"meta":{{"n":[1]}},"data":{{"shop":"x","orders":{orders}}},"next":null}}'


def nodes_read(file: str, chunk_bytes: int) -> list[str]:
    result = read(file.encode(), chunk_bytes, records=EDGES, identity=NODE_ID)
    assert not result.rejected
    return [raw.decode() for raw in result.raws]


@pytest.mark.parametrize("chunk_bytes", CHUNKS)
@pytest.mark.parametrize("between", ["\n", "", "\r\n", " "])
def test_pages_with_a_nested_array_may_stand_among_documents_and_other_pages(between: str, chunk_bytes: int) -> None:
    page = page_of(NODES)
    pieces = [page, NODES[0], f'{{"items":[{NODES[1]}]}}', page, page_of([]), page]
    expected = [*NODES, NODES[0], NODES[1], *NODES, *NODES]
    assert nodes_read(between.join(pieces), chunk_bytes) == expected
    spread = between.join(json.dumps(json.loads(piece), indent=1) for piece in pieces)
    assert [json.loads(each) for each in nodes_read(spread, chunk_bytes)] == list(map(json.loads, expected))


@pytest.mark.parametrize("chunk_bytes", [64, 1000, 1 << 21])
def test_a_page_that_is_longer_than_a_record_may_be_is_read_as_a_stream(chunk_bytes: int) -> None:
    file = page_of(NODES * 500)[:-1] + ',"z":{"t":"' + "y" * 9000 + '"}}'
    result = read(file.encode(), chunk_bytes, records=EDGES, identity=NODE_ID, max_record_bytes=2000)
    assert [raw.decode() for raw in result.raws] == NODES * 500
    assert result.beside == {
        "meta": "object", "data.shop": "text", "data.orders.pageInfo": "object", "next": "null", "z": "object",
    }  # fmt: skip


@pytest.mark.parametrize("chunk_bytes", CHUNKS)
def test_an_object_with_a_value_at_the_identitys_path_is_a_document(chunk_bytes: int) -> None:
    for document in ('{"node":{"id":1},"items":[{}]}', '{"node":{"id":"a"},"data":{"orders":{"edges":[]}}}'):
        assert nodes_read(document, chunk_bytes) == [document]
        assert nodes_read(f"{document}\n{document}", chunk_bytes) == [document] * 2
    for value in ("null", '""', "{}", "false"):
        for node in (f'{{"id":{value}}}', f'{{"x":1, "id" : {value} }}', value):
            page = f'{{"node":{node},"items":[{NODES[0]}]}}'
            assert nodes_read(page, chunk_bytes) == NODES[:1]
            assert nodes_read(f"{page}\n{page}", chunk_bytes) == NODES[:1] * 2


@pytest.mark.parametrize("chunk_bytes", CHUNKS)
def test_all_columns_of_an_identity_make_a_document_and_one_of_them_does_not(chunk_bytes: int) -> None:
    identity: list[list[KeyPath]] = [[("tenant",)], [("id",), ("invoice", "id")]]
    document = b'{"tenant":"a","invoice":{"id":1},"lines":[1]}'
    page = b'{"tenant":"a","lines":[%s]}' % document
    for between in (b"\n", b""):
        result = read(between.join([page, document, page]), chunk_bytes, records=[("lines",)], identity=identity)
        assert result.raws == [document] * 3


@pytest.mark.parametrize("chunk_bytes", CHUNKS)
def test_without_a_path_to_records_an_object_is_a_document(chunk_bytes: int) -> None:
    page = b'{"orders":[{"order_id":1}]}'
    assert read(page, chunk_bytes, records=[]).raws == [page]
    assert read(page + b"\n" + page, chunk_bytes, records=[], identity=[]).raws == [page] * 2


@pytest.mark.parametrize("chunk_bytes", CHUNKS)
@pytest.mark.parametrize(
    ("tail", "key"),
    [
        ('"items":[]', "items"),
        ('"items":{},"data":null', "data"),
        ('"x":"' + "y" * 100 + '","data":{"orders":{}}', "data"),
        ('"node":{"x":[{}],"id":5}', "node.id"),
        ('"node":{"x":"' + "y" * 100 + '","\\u0069d":5}', "node.id"),
    ],
)
def test_what_makes_an_object_ambiguous_is_named(tail: str, key: str, chunk_bytes: int) -> None:
    page = page_of(NODES[:1])[:-1] + f",{tail}}}"
    reason = f"key '{key}' follows the array 'data.orders.edges' in one object, so that it is not clear"
    with pytest.raises(UnreadableFile) as refusal:
        read(page.encode(), chunk_bytes, records=EDGES, identity=NODE_ID)
    assert reason in str(refusal.value)
    result = read(f"{NODES[0]}\n{page}\n{NODES[1]}".encode(), chunk_bytes, records=EDGES, identity=NODE_ID)
    assert [raw.decode() for raw in result.raws] == NODES
    assert raw_of(result.rejected[0]) == page.encode()
    assert result.reasons[0].startswith(reason)


@pytest.mark.parametrize("chunk_bytes", [1, 30, 1 << 21])
@pytest.mark.parametrize(
    "cut",
    [b"]", b"]}", b"]}}", b"]}},", b'],"a', b']},"a":1', b"]x", b"]}]", b']}},"a":}', b"],}", b']}},"a":1,}}', b']"a"'],
)
def test_a_page_that_breaks_off_or_is_not_json_behind_its_array_quarantines_the_file(
    cut: bytes, chunk_bytes: int
) -> None:
    page = b'{"data":{"orders":{"edges":[' + NODES[0].encode() + cut
    with pytest.raises(UnreadableFile):
        read(page, chunk_bytes, records=EDGES, identity=NODE_ID)


@pytest.mark.parametrize("chunk_bytes", [64, 1 << 21])
def test_documents_a_line_each_inside_of_a_page_are_not_lines_of_their_own(chunk_bytes: int) -> None:
    """They have a list under the key that is the page's array."""
    document = b'{"id":1,"items":[{"sku":"a"}]}'
    page = b'{"items":[\n' + b",\n".join([document] * 300) + b"\n]}\n"
    result = read(page, chunk_bytes, records=[("items",)], identity=[[("id",)]], max_record_bytes=3000)
    assert result.raws == [document] * 300


def test_what_lies_beside_the_documents_is_named_and_no_more_of_it_than_names() -> None:
    many = ",".join(f'"{i}":{{}}' for i in range(100_000))
    for file in (f'{{{many},"orders":[]}}', f'{{"orders":[],{many}}}', f'{{"orders":[]}}\n{{{many},"orders":[]}}'):
        assert len(read(file.encode(), max_record_bytes=1 << 24).beside) == MOST_NAMES
    pages = '{"a.b":null,"orders":[],"x":1}\n' * 3 + '{"a.b":[],"orders":[],"\\ud800":true}\n{"order_id":1,"no":1}\n'
    assert read(pages.encode()).beside == {'"a.b"': "array", "x": "number", "\\ud800": "boolean"}


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 21])
def test_the_remedy_for_an_ambiguous_object_fits_what_follows_its_array(chunk_bytes: int) -> None:
    lines = b'{"order_id":1}\n{"orders":[],"order_id":2}\n{"orders":[],"orders":[]}\n'
    reasons = read(lines, chunk_bytes).reasons
    assert reasons[0].endswith("meant: send the array alone, or in an order the key before it")
    assert reasons[1].endswith("meant: send the array alone")


def contract_of(records: list[str], at: str, *identity: str) -> Contract:
    columns = {f"order_{i}": replace(ORDERS.main["order_id"], name=f"order_{i}") for i in range(len(identity))}
    columns = {
        name: replace(column, source=FromDocument(tuple(map(parse, paths.split("|")))))
        for (name, column), paths in zip(columns.items(), identity, strict=True)
    }
    table = replace(ORDERS.main, columns=(*columns.values(), *ORDERS.main.columns))
    paths = tuple(map(parse, records))
    return replace(ORDERS, tables=(table,), records=paths, at=parse(at) if at else None, identity=tuple(columns))


@pytest.mark.parametrize(
    ("contract", "documents", "envelopes"),
    [
        (contract_of(["a.b"], "", "id"), ['{"id":1,"a":{"b":[]}}'], ['{"a":{"b":[{}]}}', '{"a":{"id":1,"b":[{}]}}']),
        (contract_of(["a"], "node", "id"), ['{"node":{"id":1},"a":[]}'], ['{"id":1,"a":[{}]}', '{"node":1,"a":[{}]}']),
        (contract_of(["a"], "", "id|x.id"), ['{"x":{"id":1},"a":[]}', '{"id":1,"a":[]}'], ['{"x":{},"a":[{}]}']),
        (contract_of(["a"], "", "id", "x"), ['{"x":1,"id":1,"a":[]}'], ['{"id":1,"a":[{}]}', '{"x":1,"a":[{}]}']),
        (contract_of(["a"], "", "ids[0].id"), ['{"ids":[{}],"a":[]}'], ['{"ids":{},"a":[{}]}']),
        (contract_of(["a"], "text.more", "id"), ['{"text":"{}"}'], ['{"text":"{\\"id\\":1}","a":[{}]}']),
        (contract_of([], "", "id"), ['{"orders":[{}]}', '{"id":1}'], []),
    ],
)  # fmt: skip
def test_the_paths_are_those_of_the_contract(contract: Contract, documents: list[str], envelopes: list[str]) -> None:
    for texts, expected in ((documents, documents), (envelopes, ["{}"] * len(envelopes))):
        if texts:
            batches = records_of(io.BytesIO("\n".join(texts).encode()), 1 << 20, 1 << 20, contract)
            assert [bytes(raw).decode() for batch in batches for raw in batch.raws] == expected


# Objects of few keys, so that paths often lead somewhere, and a reading of them that knows only json.loads. Infinity is
# what many programs write and msgspec does not take: it is no value that an identity could have.

KEYS = ["a", "b", "é", 'c"', "x.y"]
paths = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(tuple)
scalars = st.sampled_from([None, True, 0, -1.5, "", "s", "a", '{"a":[', "]", math.inf])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "z"]), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from([*KEYS, "z"]), values, min_size=1, max_size=4)


@st.composite
def around(draw: st.DrawFn, path: KeyPath) -> dict[str, Any]:
    """Return an object with an array at `path`."""
    value: Any = draw(st.lists(objects | scalars, max_size=4))
    for key in reversed(path):
        value = dict(draw(st.permutations([*draw(objects).items(), (key, value)])))
    return value if isinstance(value, dict) else {}


Reference = tuple[str, list[Any]]


def reference(value: dict[str, Any], records: list[KeyPath], identity: list[list[KeyPath]]) -> Reference:
    """Return whether an object is a document, an envelope or ambiguous, and what is to be read from it."""
    columns = [paths for paths in identity if paths]
    identified: set[int] = set()
    arrays: list[Any] = []
    for path, each in members(value, ()):
        if path in records and isinstance(each, list):
            arrays.append(each)
            if len(arrays) > 1:
                return "ambiguous", []
        elif isinstance(each, list) or (isinstance(each, str) and each) or (type(each) in (int, float) and each < 9):
            identified |= {i for i, paths in enumerate(columns) if path in paths}
            if columns and any(path in paths for paths in columns) and len(identified) == len(columns):
                return ("ambiguous", []) if arrays else ("document", [value])
    return ("envelope", arrays[0]) if arrays else ("document", [value])


def members(value: dict[str, Any], way: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    for key, each in value.items():
        yield (*way, key), each
        if isinstance(each, dict):
            yield from members(each, (*way, key))


def beside(value: dict[str, Any], all_paths: list[KeyPath], way: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    for key, each in value.items():
        path = (*way, key)
        through = [other for other in all_paths if other[: len(path)] == path]
        if not through:
            yield path, each
        elif isinstance(each, dict) and any(len(other) > len(path) for other in through):
            yield from beside(each, all_paths, path)


@st.composite
def files(draw: st.DrawFn) -> tuple[list[KeyPath], list[list[KeyPath]], list[dict[str, Any]]]:
    records = draw(st.lists(paths, min_size=1, max_size=3, unique=True))
    identity = draw(st.lists(st.lists(paths, min_size=1, max_size=2, unique=True), max_size=2))
    pieces = st.lists(objects | st.sampled_from(records).flatmap(around), min_size=1, max_size=6)
    return records, identity, draw(pieces)


def file_of(pieces: list[dict[str, Any]], join: str, indent: int | None, ascii_only: bool, spaces: str) -> bytes:
    separators = (f"{spaces},{spaces}", f"{spaces}:{spaces}")
    texts = [json.dumps(each, indent=indent, ensure_ascii=ascii_only, separators=separators) for each in pieces]
    return join.join(texts).encode()


class AmbiguousFile(Exception):
    """A file that is refused because an object in it is ambiguous."""


def unambiguous(file: bytes, chunk_bytes: int, records: list[KeyPath], identity: list[list[KeyPath]]) -> Read:
    try:
        return read(file, chunk_bytes, records=records, identity=identity)
    except UnreadableFile as problem:
        if "not clear which orders are meant" in problem.reason:
            raise AmbiguousFile from problem
        raise


@pytest.mark.thorough
@examples(80, many=500)
@given(
    files(),
    st.sampled_from(["\n", "\r\n", "", " "]),
    st.sampled_from([None, None, 0, 2]),
    st.booleans(),
    st.sampled_from(["", " ", "\t "]),
    st.sampled_from(CHUNKS),
)
@example(([("a", "b")], [[("a", "z")]], [{"a": {"b": [{}], "z": None}}] * 2), "\n", None, False, "", 1)
def test_what_is_read_is_what_a_plain_reading_of_each_object_says(
    drawn: tuple[list[KeyPath], list[list[KeyPath]], list[dict[str, Any]]],
    join: str,
    indent: int | None,
    ascii_only: bool,
    spaces: str,
    chunk_bytes: int,
) -> None:
    records, identity, pieces = drawn
    expected = [reference(piece, records, identity) for piece in pieces]
    file = file_of(pieces, join, indent, ascii_only, spaces)
    try:
        result = unambiguous(file, chunk_bytes, records, identity)
    except AmbiguousFile:
        assert any(kind == "ambiguous" for kind, _ in expected)
        return
    if any(kind == "ambiguous" for kind, _ in expected):
        assert any("not clear which orders are meant" in reason for reason in result.reasons)
    else:
        assert not result.rejected
        assert [json.loads(raw) for raw in result.raws] == [each for _, read in expected for each in read]
        named = [
            path
            for piece, (kind, _) in zip(pieces, expected, strict=True)
            if kind == "envelope"
            for path, _ in beside(piece, [*records, *(path for paths in identity for path in paths)], ())
        ]
        assert len(result.beside) == min(len(set(named)), MOST_NAMES)
    assert read(file, stream=Trickle, records=records, identity=identity) == result
