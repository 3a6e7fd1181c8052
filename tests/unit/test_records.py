"""Every input form gives the same records, however it is cut; what is bad is rejected alone, or the file whole."""

from __future__ import annotations

import gzip
import io
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.documents.decompress import Source
from chalicelib.documents.records import Records
from chalicelib.errors import UnreadableFile
from tests.examples import examples
from tests.unit.compiled_splitting import short_texts_are_split_either_way as short_texts_are_split_either_way
from tests.unit.reading import FORMS, WRAPPINGS, Trickle, pretty, raw_of, read

texts = st.text(max_size=8) | st.sampled_from(['},{"order_id":1', "]", "a\nb", '"', "\\", "é😀", "}\n{", "\u2028"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
orders = st.builds(lambda number, rest: {"order_id": number, **rest}, st.integers(), st.dictionaries(texts, values))
records = st.lists(orders, min_size=1, max_size=12).map(lambda result: [json.dumps(each).encode() for each in result])
chunks = st.sampled_from([1, 2, 3, 7, 20, 64, 333, 4096, 1 << 21])

A, B, C = b'{"order_id":1}', b'{"order_id":2,"x":[1,{"y":"}"}]}', b'{"order_id":"3"}'


@pytest.mark.thorough
@examples(40, many=100)
@given(records, st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(WRAPPINGS)), chunks, st.booleans())
def test_every_form_gives_the_same_records_for_any_chunk_size(
    sent: list[bytes], form: str, wrapping: str, chunk_bytes: int, pretty_printed: bool
) -> None:
    laid_out = [pretty(each) if pretty_printed else each for each in sent]
    result = read(WRAPPINGS[wrapping](FORMS[form](laid_out)), chunk_bytes)
    assert [msgspec.json.decode(each) for each in result.raws] == [msgspec.json.decode(each) for each in sent]
    assert result.raws == laid_out
    assert not result.rejected


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("wrapping", sorted(WRAPPINGS))
def test_a_stream_that_trickles_is_read_all_the_same(form: str, wrapping: str) -> None:
    assert read(WRAPPINGS[wrapping](FORMS[form]([A, B, C])), 16, stream=Trickle).raws == [A, B, C]


@pytest.mark.parametrize("chunk_bytes", [1, 10, 1 << 21])
@pytest.mark.parametrize("file", [b"[]", b" [ \n ] ", b'{"orders":[]}', b'{"a":1,"orders":[ ],"b":2}'])
def test_an_empty_array_is_a_good_file_without_orders(file: bytes, chunk_bytes: int) -> None:
    assert read(file, chunk_bytes).numbers == []


EMPTY = [b"", b"\xef\xbb\xbf", b" \n\t ", gzip.compress(b"", mtime=0), gzip.compress(b"\n", mtime=0)]


@pytest.mark.parametrize("file", EMPTY)
def test_a_file_without_a_value_is_rejected_whole(file: bytes) -> None:
    with pytest.raises(UnreadableFile, match="holds nothing"):
        read(file)


@pytest.mark.parametrize("chunk_bytes", [1, 10, 1 << 21])
def test_one_order_is_a_file(chunk_bytes: int) -> None:
    assert read(B, chunk_bytes).raws == [B]
    assert read(pretty(B) + b"\n", chunk_bytes).raws == [pretty(B)]


@pytest.mark.parametrize("chunk_bytes", [1, 10, 1 << 21])
def test_an_object_with_an_order_id_is_an_order_though_it_has_a_list_of_orders_too(chunk_bytes: int) -> None:
    order = b'{"order_id":1,"orders":[{"order_id":2}]}'
    assert read(order, chunk_bytes).raws == [order]
    with pytest.raises(UnreadableFile, match="not clear which orders are meant"):
        read(b'{"orders":[{"order_id":2}],"order_id":1}', chunk_bytes)


def test_an_object_without_the_array_is_one_record() -> None:
    for order in (b'{"orders":{"order_id":1}}', b'{"orders":null}', b'{"data":[{"order_id":1}]}', b"{}"):
        assert read(order).raws == [order]


@pytest.mark.parametrize("chunk_bytes", [1, 10, 1 << 21])
def test_envelopes_one_after_the_other_are_all_read(chunk_bytes: int) -> None:
    page = b'{"page":1,"orders":[' + A + b"," + B + b'],"next":null}\n'
    assert read(page * 3, chunk_bytes).raws == [A, B] * 3


@pytest.mark.parametrize("chunk_bytes", [1, 9, 40, 1 << 21])
@pytest.mark.parametrize("bad", [b"null", b"1", b"-0.5e3", b"true", b'"text"', b"[]", b'[{"order_id":9}]'])
def test_an_element_that_is_no_object_is_a_record_of_its_own(bad: bytes, chunk_bytes: int) -> None:
    for form in ("array", "envelope", "spaced array", "newline-delimited", "CRLF", "array with an element a line"):
        assert read(FORMS[form]([A, bad, B]), chunk_bytes).raws == [A, bad, B], form
    assert read(FORMS["newline-delimited"]([bad, A, B]), chunk_bytes).raws == [bad, A, B]


BAD_LINES = [
    *(b"oops", b'{"order_id":1', b'{"order_id":1}}', b'{"order_id":01}', b"{'a':1}", b'{"a":"\x01"}', b'{"a":"\\x"}'),
    *(b'{"a":NaNa}', b'{"a":1,}', b"]", b"}", b",", b'{"order_id":1},', b'{"order_id":1} trailing', b'"open', b"nul"),
    *(
        b'{"order_id":1}{"order_id":',
        b"[" * 3000,
        b'{"a":' * 3000,
        b'{"a":\t1}\x00',
        b"\x7f",
        "é".encode(),
        b"1e",
        b"-",
    ),
    *(b'{"order_id":7}{"order_id":8}{', b"//", b"[1 2]", b'{"a":"\\ud800",}', b'{"a":"\\ud800"} x', b"[{", b'{"a":['),
]


@pytest.mark.parametrize("chunk_bytes", [1, 9, 64, 1 << 21])
@pytest.mark.parametrize("bad", BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_line_that_is_not_json_is_rejected_alone_with_its_bytes(bad: bytes, chunk_bytes: int) -> None:
    for end in (b"\n", b"\r\n"):
        for at in (1, 2, 3):
            lines = [A, B, C]
            lines.insert(at, bad)
            result = read(end.join(lines) + end, chunk_bytes)
            assert result.raws == [A, B, C]
            assert [(each.record_number, raw_of(each)) for each in result.rejected] == [(at + 1, bad)]
    assert result.reasons[0].startswith(("the line is not JSON: ", "the line goes on after its record"))


def test_the_first_line_may_be_the_bad_one() -> None:
    result = read(b"oops\n" + A + b"\n" + B)
    assert (result.raws, [raw_of(each) for each in result.rejected]) == ([A, B], [b"oops"])


@pytest.mark.parametrize("chunk_bytes", [1, 50, 1000, 1 << 21])
def test_pretty_printed_records_among_lines_are_whole_records(chunk_bytes: int) -> None:
    spread = b'{\n "order_id": 4,\n "products": [\n]\n}'
    text = b"\n".join([A, spread, B + b" " + spread, b"oops", spread, C])
    result = read(text, chunk_bytes)
    assert result.raws == [A, spread, B, spread, spread, C]
    assert [raw_of(each) for each in result.rejected] == [b"oops"]


@pytest.mark.parametrize("chunk_bytes", [1000, 1 << 21])
def test_lines_longer_than_what_is_looked_at_first_are_known_as_lines(chunk_bytes: int) -> None:
    long = b'{"order_id":1,"x":"' + b"y" * 200_000 + b'"}'
    result = read(b"\n".join([long, b"oops", long, A]), chunk_bytes)
    assert (result.raws, [raw_of(each) for each in result.rejected]) == ([long, long, A], [b"oops"])


FILE = b'[{"order_id":1,"x":"\xc3\xa9"}, {"order_id":2}]'


@pytest.mark.parametrize("chunk_bytes", [1, 5, 1 << 21])
@pytest.mark.parametrize("cut", range(1, len(FILE)))
def test_an_array_cut_at_any_byte_rejects_the_file_at_its_end(cut: int, chunk_bytes: int) -> None:
    with pytest.raises(UnreadableFile) as refusal:
        read(FILE[:cut], chunk_bytes)
    at = cut - 1 if cut == FILE.index(b"\xc3\xa9") + 1 else cut
    assert refusal.value.byte_offset == at


BROKEN_ARRAYS = [
    (b"[%s %s]" % (A, B), len(A) + 2, "expected ',' or ']'"),
    (b"[%s,]" % A, len(A) + 2, "expected a value, found ']'"),
    (b"[,%s]" % A, 1, "expected a value, found ','"),
    (b"[%s,,%s]" % (A, B), len(A) + 2, "expected a value, found ','"),
    (b'[%s,{"a" 1}]' % A, len(A) + 7, "expected ':'"),
    (b"[%s,{'a':1}]" % A, len(A) + 3, "expected a key in quotes"),
    (b'[%s,{"a":NaM}]' % A, len(A) + 7, "expected a value, found 'N'"),
    (b'[%s,{"a":01}]' % A, len(A) + 7, "'01' is not a JSON number"),
    (b'[%s,{"a":"\x01"}]' % A, len(A) + 8, "control character 0x01"),
    (b'[%s,{"a":"\\q"}]' % A, len(A) + 8, "is not an escape"),
    (b"[%s}" % A, len(A) + 1, "expected ',' or ']'"),
    (b"[%s] x" % A, len(A) + 3, "goes on after its array"),
    (b"[%s][%s]" % (A, B), len(A) + 2, "goes on after its array"),
    (b'{"orders":[%s]' % A, len(A) + 12, "expected ',' or '}'"),
    (b'{"orders":[%s],"a"}' % A, len(A) + 16, "expected a key and ':'"),
    (b'{"orders":[%s],"a":1} x' % A, len(A) + 20, "expected a value, found 'x'"),
    (b'{"orders":[%s,]}' % A, len(A) + 12, "expected a value"),
    (b"nonsense", 0, "expected a value, found 'n'"),
    (b"order_id,total\n1,2\n", 0, "expected a value, found 'o'"),
    (b"<html>", 0, "expected a value, found '<'"),
    (A + b'{"a":}' + B, len(A) + 5, "expected a value"),
]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 21])
@pytest.mark.parametrize(("file", "offset", "reason"), BROKEN_ARRAYS)
def test_a_syntax_error_outside_lines_rejects_the_file_and_names_the_byte(
    file: bytes, offset: int, reason: str, chunk_bytes: int
) -> None:
    for before in (b"", b"\xef\xbb\xbf", b" \n"):
        with pytest.raises(UnreadableFile) as refusal:
            read(before + file, chunk_bytes)
        assert reason in str(refusal.value)
        assert refusal.value.byte_offset == len(before) + offset


OTHERS = [
    *("[{}]".encode("utf-16"), "[{}]".encode("utf-16-le"), "[{}]".encode("utf-16-be"), "[{}]".encode("utf-32")),
    *(b"PK\x03\x04zip", b"\x28\xb5\x2f\xfdzstd", b"BZh9", b"\xfd7zXZ\x00", b"PAR1PAR1", b"\x00\x00\x00\x00"),
]


@pytest.mark.parametrize("data", OTHERS)
@pytest.mark.parametrize("wrapping", ["plain", "gzip"])
def test_what_is_no_utf8_text_is_rejected_at_its_first_byte_with_a_remedy(data: bytes, wrapping: str) -> None:
    with pytest.raises(UnreadableFile, match=r"(save it as UTF-8|send JSON)") as refusal:
        read(WRAPPINGS[wrapping](data))
    assert refusal.value.byte_offset == 0


NOT_UTF8 = [b"\xff", b"\xc3(", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc0\xaf"]


@pytest.mark.parametrize("chunk_bytes", [1, 2, 5, 1 << 21])
@pytest.mark.parametrize("bad", NOT_UTF8)
def test_bytes_that_are_not_utf8_reject_the_file_and_are_named(bad: bytes, chunk_bytes: int) -> None:
    before = '[{"x":"é'.encode()
    with pytest.raises(UnreadableFile, match="not UTF-8") as refusal:
        read(before + bad + b'"}]', chunk_bytes)
    assert refusal.value.byte_offset == len(before)


@pytest.mark.parametrize("member", ["one", "two"])
def test_gzip_cut_at_any_byte_rejects_the_file(member: str) -> None:
    whole = gzip.compress(FILE) if member == "one" else gzip.compress(FILE[:20]) + gzip.compress(FILE[20:])
    for cut in range(len(whole)):
        with pytest.raises(UnreadableFile) as refusal:
            read(whole[:cut], 16)
        if "truncated" in str(refusal.value):
            assert str(refusal.value).endswith(f"end too early: send it again (at byte {cut})")


def test_a_damaged_gzip_file_rejects_the_file_or_leaves_it_as_it_was() -> None:
    whole = gzip.compress(b"\n".join([A, B, C] * 20), mtime=0)
    for at in range(10, len(whole)):
        with pytest.raises(UnreadableFile):
            read(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])


def test_a_gzip_file_that_expands_beyond_the_limit_is_rejected_without_reading_on() -> None:
    bomb = gzip.compress(b"[" + b" " * 5_000_000) + gzip.compress(b" " * 5_000_000) * 50
    stream = io.BytesIO(bomb)
    with pytest.raises(UnreadableFile, match="expands to more than 1000000 bytes") as refusal:
        read(bomb, 64 * 1024, max_decompressed_bytes=1_000_000, stream=lambda _: stream)
    assert refusal.value.byte_offset == 1_000_000
    assert stream.tell() < len(bomb)


def test_the_limit_on_decompressed_bytes_is_no_limit_on_plain_files() -> None:
    assert len(read(b"[" + b" " * 2000 + A + b"]", max_decompressed_bytes=1000).raws) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"1 2", "JSON is malformed: trailing characters (byte 3)"),
        (b'{"a":1} x', "JSON is malformed: trailing characters (byte 9)"),
        (b'"a":1', "JSON is malformed: trailing characters (byte 4)"),
        (b'{"a"', "Input data was truncated"),
        (b"nul", "Input data was truncated"),
        (b"", "Input data was truncated"),
    ],
)
def test_msgspec_words_its_errors_as_records_reads_them(text: bytes, message: str) -> None:
    with pytest.raises(msgspec.DecodeError) as error:
        msgspec.json.Decoder(msgspec.Raw).decode(text)
    assert str(error.value) == message


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 2_097_152])
@pytest.mark.parametrize("form", ["array", "lines"])
def test_a_constant_that_is_no_json_spoils_its_record_alone(constant: bytes, chunk_bytes: int, form: str) -> None:
    unchecked = b'{"order_id":9,"price":%s}' % constant
    file = b"[" + b",".join([A, unchecked, B]) + b"]" if form == "array" else b"\n".join([A, unchecked, B])
    records = Records(
        Source(io.BytesIO(file), 1 << 30),
        max_record_bytes=1 << 20,
        records=[("orders",)],
        identity=[[("order_id",)]],
        chunk_bytes=chunk_bytes,
    )
    raws = [bytes(raw) for batch in records for raw in batch.raws]
    assert raws == [A, unchecked, B]


@pytest.mark.parametrize("chunk_bytes", [1, 5, 64, 1 << 21])
@pytest.mark.parametrize(
    "bad", [b'{"order_id":"M\xfcller"}', b"\xff", b'{"a":"\xe2\x82"}', b'"\xed\xa0\x80"', b"\xc0\xaf"]
)
def test_a_line_that_is_not_utf8_is_rejected_alone(bad: bytes, chunk_bytes: int) -> None:
    spread = '{\n"order_id": "é"\n}'.encode()
    for end in (b"\n", b"\r\n", b"\r"):
        for lines in ([A, bad, spread, B], [bad, A, B], [A, B, bad], [A, bad, bad, B]):
            result = read(end.join(lines), chunk_bytes)
            assert result.raws == [each for each in lines if each != bad]
            assert {raw_of(each) for each in result.rejected} == {bad}
            assert result.reasons[0].startswith("the line is not UTF-8 text: save the file as UTF-8 (byte ")


@pytest.mark.parametrize("chunk_bytes", [1, 5, 1 << 21])
def test_a_record_that_stops_being_utf8_beyond_its_line_is_rejected_by_lines(chunk_bytes: int) -> None:
    result = read(b'%s\n{"order_id":\n"\xff"}\n%s' % (A, B), chunk_bytes)
    assert result.raws == [A, B]
    assert [raw_of(each) for each in result.rejected] == [b'{"order_id":', b'"\xff"}']


@pytest.mark.parametrize("chunk_bytes", [1, 9, 64, 1 << 21])
@pytest.mark.parametrize("end", [b"\r", b"\r\r", b"\n\r"])
def test_cr_alone_ends_a_line(end: bytes, chunk_bytes: int) -> None:
    for ends in ([end] * 4, [b"\n", end, b"\r\n", end]):
        lines = [A, b'{"order_id":oops}', B, C]
        result = read(b"".join(line + each for line, each in zip(lines, ends, strict=True)), chunk_bytes)
        assert result.raws == [A, B, C]
        assert [(each.record_number, raw_of(each)) for each in result.rejected] == [(2, b'{"order_id":oops}')]


MARK = b"\xef\xbb\xbf"


@pytest.mark.parametrize("chunk_bytes", [1, 2, 9, 1 << 21])
@pytest.mark.parametrize("end", [b"\n", b"\r", b"", b" "])
def test_a_byte_order_mark_between_records_is_passed_over(end: bytes, chunk_bytes: int) -> None:
    marked = b'{"order_id":"' + MARK + b'"}'
    file = b"".join(MARK + record + end for record in (A, B, marked, MARK + C))
    assert read(file, chunk_bytes).raws == [A, B, marked, C]
    members = b"".join(gzip.compress(MARK + record + end) for record in (A, B, marked))
    assert read(members, chunk_bytes).raws == [A, B, marked]


def test_gzip_inside_gzip_says_so() -> None:
    with pytest.raises(UnreadableFile, match="gzip inside gzip: compress once") as refusal:
        read(gzip.compress(gzip.compress(A)))
    assert refusal.value.byte_offset == 0


@pytest.mark.parametrize("chunk_bytes", [1, 9, 1 << 21])
@pytest.mark.parametrize("line", [b"{", b"[", b'{"a":', b'"open', b'{"a":[1,', b'{"a":"b"'])
def test_a_line_that_is_cut_off_says_so_and_names_a_byte_of_its_own(line: bytes, chunk_bytes: int) -> None:
    result = read(A + b"\n" + (line + b"\n") * 3 + A, chunk_bytes)
    expected = f"the line is not JSON: the text ends in the middle of a value (byte {len(line) - 1} of the line)"
    assert result.reasons == [expected] * 3


def test_a_character_of_several_bytes_is_shown_as_one_and_escaped_once() -> None:
    result = read(A + "\né\n\u200b\n".encode())
    assert [reason.split(", ")[1] for reason in result.reasons] == [
        "found 'é' (byte 0 of the line)",
        "found '\\u200b' (byte 0 of the line)",
    ]
