"""Envelopes may be many, and stand among orders: they give the orders that they hold, at the cost of those."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.documents.decompress import Source
from chalicelib.documents.records import Records
from chalicelib.errors import UnreadableFile
from chalicelib.flatten.flattener import records_of
from tests.contracts import ORDERS
from tests.examples import examples
from tests.unit.reading import WRAPPINGS, pretty, raw_of, read

A, B, C = b'{"order_id":1}', b'{"order_id":2,"x":"\\"orders\\":[}"}', b'{"order_id":3,"orders":[{"order_id":4}]}'
JOINS = [b"\n", b"\r\n", b"\r", b"", b" \n\n", b"\xef\xbb\xbf", b"\n\xef\xbb\xbf"]

orders = st.sampled_from([A, B, C])
others = st.sampled_from([b"", b'"page":1,', b'"meta":{"orders":[1],"n":[{}]},', b'"a":"}",', b'"order":[],"x":null,'])
envelopes = st.tuples(others, st.lists(orders, max_size=3), others, st.sampled_from([b'"orders"', b'"\\u006frders"']))


def laid_out(piece: bytes | tuple[bytes, list[bytes], bytes, bytes]) -> tuple[bytes, list[bytes]]:
    """Return an order or envelope as text, and the orders in it."""
    if isinstance(piece, bytes):
        return piece, [piece]
    before, result, after, key = piece
    rest = b"," + after.rstrip(b",") if after else b""
    return b"{" + before + key + b": [" + b" ,".join(result) + b"]" + rest + b"}", result


@pytest.mark.thorough
@examples(160, many=400)
@given(
    st.lists(orders | envelopes, min_size=1, max_size=10),
    st.sampled_from(JOINS),
    st.sampled_from(["plain", "gzip", "gzip of many members"]),
    st.sampled_from([1, 7, 40, 333, 1 << 21]),
    st.booleans(),
)
def test_orders_and_envelopes_may_follow_each_other_in_any_form(
    pieces: list[bytes | tuple[bytes, list[bytes], bytes, bytes]],
    join: bytes,
    wrapping: str,
    chunk_bytes: int,
    spread: bool,
) -> None:
    texts = [laid_out(each)[0] for each in pieces]
    expected = [json.loads(order) for each in pieces for order in laid_out(each)[1]]
    file = join.join(pretty(each) if spread and b"\\u006f" not in each else each for each in texts)
    result = read(WRAPPINGS[wrapping](file), chunk_bytes)
    assert [json.loads(each) for each in result.raws] == expected
    assert not result.rejected


@pytest.mark.parametrize("between", [b"\n", b""])
@pytest.mark.parametrize("envelope", [b'{"orders":[%s]}' % A, b'{"orders":[]}'])
def test_many_small_envelopes_make_few_batches(envelope: bytes, between: bytes) -> None:
    file = io.BytesIO((envelope + between) * 50_000)
    batches = list(records_of(file, 1 << 20, 1 << 30, ORDERS))
    assert sum(batch.read for batch in batches) == (50_000 if A in envelope else 0)
    assert len(batches) <= 6


@pytest.mark.parametrize("chunk_bytes", [1, 9, 64, 1 << 21])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"oops", "the line is not JSON: expected a value, found 'o' (byte 0 of the line)"),
        (b'{"orders":[{"order_id":7},}]}', "the line is not JSON: expected a value, found '}' (byte 26 of the line)"),
        (b'{"orders":[{"order_id":7}', "the line is not JSON: the text ends in the middle of a value (byte 24 of the"),
        (b'{"orders":[{"order_id":7}]} x', "the line goes on after its record, with 'x': send one record a line"),
        (b'{"orders":[{"order_id":"\xff"}]}', "the line is not UTF-8 text: save the file as UTF-8 (byte 24 of"),
        (b'{"orders":[{"order_id":7}],"orders":[]}', "key 'orders' follows the array 'orders' in one object"),
        (b'{"orders":[{"order_id":7}],"a":{},"order_id":7}', "key 'order_id' follows the array 'orders'"),
    ],
)  # fmt: skip
def test_a_bad_line_between_lines_that_are_envelopes_is_rejected_alone(
    bad: bytes, reason: str, chunk_bytes: int
) -> None:
    good = b'{"page":1,"orders":[%s,%s]}' % (A, B)
    result = read(b"\n".join([good, good, bad, good]), chunk_bytes)
    assert result.raws == [A, B] * 3
    assert [(each.record_number, raw_of(each)) for each in result.rejected] == [(5, bad)]
    assert result.reasons[0].startswith(reason)


@pytest.mark.parametrize("chunk_bytes", [1, 50, 1 << 21])
def test_what_keeps_one_order_of_an_envelope_from_being_read_spoils_that_order_alone(chunk_bytes: int) -> None:
    unchecked = b'{"order_id":5,"price":NaN}'
    line = b'{"orders":[%s,%s]}' % (A, unchecked)
    result = read(b"\n".join([line, line, B]), chunk_bytes)
    assert result.raws == [A, unchecked, A, unchecked, B]


@pytest.mark.parametrize("chunk_bytes", [1, 50, 1 << 21])
@pytest.mark.parametrize("between", [b"\n", b"", b"\n\n "])
@pytest.mark.parametrize("odd", [b'"\\ud800"', b"NaN", b"[-Infinity]", b"[" * 600 + b"]" * 600])
def test_what_few_parsers_take_may_lie_beside_the_array(odd: bytes, between: bytes, chunk_bytes: int) -> None:
    envelopes = [b'{"x":%s,"orders":[%s]}' % (odd, A), b'{"orders":[%s,%s],"y":1,"x":%s}' % (B, C, odd), A]
    result = read(between.join(envelopes), chunk_bytes)
    assert [bytes(raw) for raw in result.raws] == [A, B, C, A]
    assert not result.rejected
    assert result.beside.keys() == {"x", "y"}


@pytest.mark.parametrize("value", [b"12345", b"-1.5e10", b"NaN", b"-Infinity", b"true", b"null", b'"ab"', b"[1,2]"])
def test_a_value_beside_the_array_may_be_cut_anywhere_by_the_end_of_what_was_read(value: bytes) -> None:
    envelope = b'{\n"n":%b,\n"orders":[\n%b\n],"m":%b\n}' % (value, A, value)
    file = envelope + b"\n" + envelope
    for chunk_bytes in range(1, len(envelope)):
        result = read(file, chunk_bytes)
        assert ([bytes(raw) for raw in result.raws], result.rejected) == ([A, A], [])


@pytest.mark.parametrize("chunk_bytes", [1, 50, 1 << 21])
def test_a_line_with_two_arrays_is_rejected_alone_whatever_lies_beside_them(chunk_bytes: int) -> None:
    twice = b'{"orders":[%s],"x":"\\ud800","orders":[]}' % A
    result = read(b"\n".join([A, twice, B]), chunk_bytes)
    assert result.records == {1: A, 3: B}
    assert [raw_of(each) for each in result.rejected] == [twice]
    assert "not clear which orders are meant" in result.reasons[0]


@pytest.mark.parametrize("chunk_bytes", [16, 700, 1 << 21])
def test_an_envelope_whose_line_is_longer_than_an_order_may_be_is_read(chunk_bytes: int) -> None:
    many = b'{"page":1,"orders":[' + b",".join([A, B] * 400) + b'],"next":"' + b"n" * 5000 + b'"}'
    result = read(b"\n".join([A, many, b"oops", many, B]), chunk_bytes, max_record_bytes=2000)
    assert result.raws == [A, *[A, B] * 800, B]
    assert [raw_of(each) for each in result.rejected] == [b"oops"]


@pytest.mark.parametrize("chunk_bytes", [16, 700, 1 << 21])
def test_an_order_inside_an_envelope_that_is_not_utf8_is_rejected_alone_where_lines_are(chunk_bytes: int) -> None:
    bad = b'{"order_id":"\xfc"}'
    many = b'{"orders":[' + b",".join([A, bad, B] * 100) + b"]}"
    result = read(b"\n".join([A, many, B]), chunk_bytes, max_record_bytes=2000)
    assert result.raws == [A, *[A, B] * 100, B]
    assert {raw_of(each) for each in result.rejected} == {bad}


@pytest.mark.parametrize("file", ["alone", "among lines"])
def test_an_object_that_is_too_long_is_called_an_order_only_where_it_is_one(file: str) -> None:
    before = b"" if file == "alone" else A + b"\n" + A + b"\n"
    other = b'{"meta":"' + b"m" * 200_000 + b'","orders":[%s]}' % A
    result = read(before + other, 100, max_record_bytes=20_000)
    assert "split it" not in result.reasons[0]
    assert "begins neither with 'order_id', as an order, nor with an array 'orders', within them" in result.reasons[0]
    order = b'{"order_id":1,"meta":"' + b"m" * 30_000 + b'"}'
    assert read(before + order, 100, max_record_bytes=20_000).reasons[0].startswith("the order is longer than 20000 ")


@pytest.mark.parametrize("chunk_bytes", [1, 12, 1 << 21])
@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b',"a":1,}', "expected a key and ':' after 'orders'"),
        (b',"a":1 x}', "expected ',' or '}' after 'orders', found 'x}'"),
        (b',"a":01}', "'01' is not a JSON number"),
        (b',"a":1,"b":[}', "expected a value, found '}'"),
        (b',"a":1', "expected ',' or '}' after 'orders', found the file's end"),
        (b',"a":"\\ud800","order_id":3}', "key 'order_id' follows the array 'orders' in one object"),
        (b',"a":{},"\\u006frder_id":3}', "key 'order_id' follows the array 'orders' in one object"),
    ],
)
def test_what_follows_the_array_is_checked_to_the_objects_end(tail: bytes, reason: str, chunk_bytes: int) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        read(b'{"orders":[' + A + b"]" + tail, chunk_bytes)
    assert reason in str(refusal.value)


@pytest.mark.slow
@pytest.mark.parametrize("piece", [b"1 ", A + b" ", b'""'])
def test_a_line_of_many_values_is_not_kept_value_by_value(piece: bytes) -> None:
    """A tuple for each, or all of them decoded at once, took some hundred times the line's bytes."""
    size = 4_000_000
    file = A + b"\n" + piece * (size // len(piece)) + b"\n" + B
    tracemalloc.start()
    try:
        count = sum(batch.read for batch in records_of(io.BytesIO(file), 5_000_000, 1 << 30, ORDERS))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == size // len(piece) + 2
    assert most < 30 * size


@pytest.mark.parametrize("spelled", ["größe/%", r"gr\u00f6\u00DFe\/\u0025", r"gr\u00f6ße/%"])
def test_the_arrays_key_may_be_any_text_in_any_spelling(spelled: str) -> None:
    line = b'{"a":1,"%b":[%b]}\n' % (spelled.encode(), A)
    source = Source(io.BytesIO(line * 3), 1 << 20)
    records = Records(source, max_record_bytes=1000, records=[("größe/%",)], identity=[[("order_id",)]])
    assert [bytes(raw) for batch in records for raw in batch.raws] == [A] * 3


PIECES = [A, B, C, b'{"orders":[', b"]}", b'{"orders":[]}', b'{"orders":[%s,' % A, b",", b"\n", b"\r", b"\n", b"\r\n"]
PIECES += [b"x", b"{", b"[", b'"', b"1", b" ", b"\xef\xbb\xbf", b"\xff", b"\xc3", b'"\\ud800"', b"NaN", b'{"a":']
PIECES += [b'{"orders":[],"orders":[]}', b'{"order_id":1,"orders":[{}]}', b'{"orders":[],"order_id":1}', b"null", b"}"]
PIECES += [b'{"x":101,"orders":[', b'{"x":NaN,"orders":[', b"\n"]
PIECES += [b'{"x":NaN,"orders":[%s,%s]}' % (A, B), b'{"orders":[{"order_id":NaN}],"x":"\\udc00","orders":[]}']


def outcome(file: bytes, chunk_bytes: int) -> object:
    try:
        result = read(file, chunk_bytes)
    except UnreadableFile as problem:
        return problem.reason.split(":")[0]
    return result.records, [(each.record_number, each.reason, raw_of(each)) for each in result.rejected]


@pytest.mark.thorough
@examples(160, many=400)
@given(st.lists(st.sampled_from(PIECES), max_size=14), st.booleans())
def test_whatever_a_file_holds_it_is_read_the_same_in_chunks_of_any_size(pieces: list[bytes], lines: bool) -> None:
    file = (A + b"\n" if lines else b"") + b"".join(pieces)
    expected = outcome(file, 1 << 21)
    for chunk_bytes in (1, 5, 33):
        assert outcome(file, chunk_bytes) == expected
