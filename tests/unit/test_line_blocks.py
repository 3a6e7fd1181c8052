"""Lines are split at once by compiled code, those that are broken between the others, and as one by one."""

from __future__ import annotations

import io
import random

import pytest

from chalicelib.contracts import registry
from chalicelib.documents import line_splitter, lines, value_end
from chalicelib.errors import UnreadableFile
from chalicelib.flatten.flattener import records_of
from chalicelib.native_library import library
from tests.unit.reading import raw_of, read

ORDERS = registry.contract("orders")
A = b'{"order_id":1,"a":[1,2,{"b":null}],"c":"x\\u00e9 \xc3\xa9"}'
TWO = b'{"order_id":1} {"order_id":2}'
LONE = b'{"x":"\\ud800","order_id":1}'

ORDERS_OF = b'{"orders":['
PIECES = [
    *(A, TWO, LONE, b'{"order_id":"2", "x": "more than eight bytes \\" \\\\ "}', b'{\n "order_id": 4,\n "b": [\n1]}'),
    *(ORDERS_OF, ORDERS_OF + A + b",", b"]}", b'{"orders":[]}', b'{"orders":[],"orders":[]}', b"[" * 400 + b"]" * 400),
    *(b'{"orders":[{"order_id":1}],"ord\x9frs":[{}]}', b'{"orders":[{}]}'),
    *(b'{"order_id":1,"orders":[{}]}', b'{"orders":[],"order_id":1}', b'{"orders":[],"x":"\\ud800"}'),
    *(b'{"x":"\\ud800","orders":[' + A + b"]}", b'{"a":1,"b":NaN,"orders":[{"order_id":NaN},{}],"c":"\\udc00"}'),
    *(b'{"orders":[],"x":NaN,"order_id":1}', b'{"x":' + b"[" * 3000 + b"]" * 3000 + b',"orders":[{}]}'),
    *(b'{"order_id":NaN}', b'{"a":"\xff"}', b'{"a":', b",", b"\r", b"\r\n", b"x", b"{", b"[", b'"', b"1", b" ", b"\t"),
    *(b"\0", b"\xef\xbb\xbf", b"\xef\xbb", b"\xff", b"\xc3", b"}", b"]", b"\\", b"\\u", b'"\\u12\n"', b'"abc\\'),
    *(b'"\\ud800"', b'"\\ud800\\udc00"', b'"\\ud800\\u12', b'"\x01"', b'"\xf0\x9f\x98\x80 \xed\xa0\x80"'),
    *(b'"\xe0\x80\x80"', b'"\xf4\x90\x80\x80"', b'"\xc0\x80"', b"NaN", b"-Infinity", b"Infinity", b"-I", b"tru"),
    *(b"true", b"nullx", b"01", b"1.5.3", b"-", b"null"),
]  # fmt: skip


def outcome(file: bytes, chunk_bytes: int) -> object:
    try:
        result = read(file, chunk_bytes)
    except UnreadableFile as problem:
        return problem.reason.split(":")[0]
    return (
        result.records,
        [(each.record_number, each.reason, raw_of(each)) for each in result.rejected],
        result.unchecked,
        result.beside,
    )


@pytest.mark.parametrize("room", [(2, 3), (20_000, 5_000)])
def test_lines_of_any_kind_are_read_as_without_compiled_code(
    room: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line_splitter, "MOST_VALUES", room[0])
    monkeypatch.setattr(line_splitter, "MOST_BROKEN", room[1])
    rng = random.Random(5)
    rejected = 0
    for _ in range(400):
        some = [*rng.sample(PIECES, rng.randrange(2, 12)), b"\n", b"\n", A]
        file = rng.choice((b"", A + b"\n")) + b"".join(rng.choices(some, k=rng.choice((3, 6, 14, 40))))
        for chunk_bytes in (1, 64, 1 << 21):
            for module in (lines, value_end):
                monkeypatch.setattr(module, "library", lambda: None)
            expected = outcome(file, chunk_bytes)
            for module in (lines, value_end):
                monkeypatch.setattr(module, "library", library)
            assert outcome(file, chunk_bytes) == expected, (file, chunk_bytes)
            rejected += isinstance(expected, tuple) and bool(expected[1])
    assert rejected > 500


@pytest.mark.parametrize(
    "bad", [b"x", A[:-3], A + b"}", TWO + b" {", A.replace(b"\\u00e9", b"\\u00"), b"\xff", LONE[:-1]]
)
def test_lines_between_broken_ones_make_no_more_batches_than_a_file_without_these(bad: bytes) -> None:
    good = A[:-1] + b',"y":"' + b"y" * 300 + b'"}\n'
    sound = list(records_of(io.BytesIO(good * 20_000), 1 << 20, 1 << 30, ORDERS))
    mixed = list(records_of(io.BytesIO((good * 50 + bad + b"\n") * 400), 1 << 20, 1 << 30, ORDERS))
    assert len(mixed) <= len(sound) + 1
    assert {raw for batch in mixed for raw in map(bytes, batch.raws)} == {good[:-1]}
    assert [each.record_number for batch in mixed for each in batch.rejected] == list(range(51, 20_401, 51))
    assert {each.raw for batch in mixed for each in batch.rejected} == {bad}
    numbers = [sorted([*batch.numbers, *(each.record_number for each in batch.rejected)]) for batch in mixed]
    assert [number for each in numbers for number in each] == list(range(1, 20_401))


@pytest.mark.parametrize("chunk_bytes", [1000, 1 << 21])
def test_a_batch_ends_in_the_midst_of_a_block_of_short_lines(chunk_bytes: int) -> None:
    result = read(b'{"order_id":1}\n' + b"{}\nx\n{}\n" * 30_000, chunk_bytes)
    assert len(result.records) == 60_001
    assert [each.record_number for each in result.rejected] == list(range(3, 90_002, 3))


def test_what_ends_in_no_line_behind_it_is_soon_looked_for_in_its_own_line_only() -> None:
    """Lines that were sound earn another look."""
    spread = b'{"order_id":9,\n"x":1}\n'
    never = b'{"a":[\n' + b"1,\n" * 100_000 + b"x\n"
    result = read(A + b"\n" + never + spread)
    assert result.reasons[0] == "the line is not JSON: the text ends in the middle of a value (byte 5 of the line)"
    assert spread.rstrip() not in result.raws
    result = read(A + b"\n" + never + (A + b"\n") * 10_000 + spread)
    assert result.raws[-1] == spread.rstrip()


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 21])
def test_a_file_is_one_of_lines_where_each_holds_what_msgspec_cannot_check(chunk_bytes: int) -> None:
    result = read(b"\n".join([LONE, LONE, b"x", LONE]), chunk_bytes)
    assert (result.records, result.unchecked) == ({1: LONE, 2: LONE, 4: LONE}, {1, 2, 4})
    assert [each.record_number for each in result.rejected] == [3]


@pytest.mark.parametrize("inner", [b"", b"1", b"{}"])
@pytest.mark.parametrize("depth", [511, 512, 513, 2046, 2047, 2048, 2049])
def test_a_value_is_as_deep_with_compiled_code_as_without(
    depth: int, inner: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = b"[" * depth + inner + b"]" * depth
    compiled = value_end.value_end(b" " + value + b" ,", 1)
    monkeypatch.setattr(value_end, "library", lambda: None)
    # Where both look no further, msgspec does, up to the limit of recursion, which other tests may raise.
    assert value_end.value_end(b" " + value + b" ,", 1)[0] == compiled[0]


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 21])
def test_an_envelope_over_several_lines_with_a_key_that_is_not_utf8_is_rejected_line_by_line(chunk_bytes: int) -> None:
    lines = [A, b'{"orders":[', b'{"order_id":1}],"ord\x9frs":[{}]}', A]
    result = read(b"\n".join(lines), chunk_bytes)
    assert result.records == {1: A, 4: A}
    assert [raw_of(each) for each in result.rejected] == lines[1:3]
    assert result.reasons[0].startswith("what begins in the line is not UTF-8")


def test_a_first_line_that_is_an_envelope_and_not_utf8_is_rejected_alone() -> None:
    result = read(b'{"orders":[{"order_id":1}],"ord\x9frs":[{"order_id":2}]}\n{"orders":[' + A + b"]}")
    assert result.records == {2: A}
    assert [each.reason for each in result.rejected] == [
        "the line is not UTF-8 text: save the file as UTF-8 (byte 31 of the line)"
    ]
