"""What is too long, too deep or too many stays within time, memory and disk, and hurts no neighbour."""

from __future__ import annotations

import contextlib
import io
import json
import tracemalloc
from collections.abc import Callable

import pytest

from chalicelib.documents import value_reader
from chalicelib.documents.records import MAX_BATCH_RECORDS, SPOOL_FACTOR
from chalicelib.documents.rejected import SpooledRaw
from chalicelib.errors import UnreadableFile
from chalicelib.flatten.flattener import records_of
from tests.contracts import ORDERS
from tests.unit.compiled_splitting import short_texts_are_split_either_way as short_texts_are_split_either_way
from tests.unit.growth import assert_linear
from tests.unit.reading import raw_of, read

A, B = b'{"order_id":1}', b'{"order_id":2}'
LIMIT = 2000


def long_order(length: int) -> bytes:
    return b'{"order_id":9,"x":"' + b"\xc3\xa9" * ((length - 21) // 2) + b"y" * ((length - 21) % 2) + b'"}'


JOINS = {"array": (b"[", b",", b"]"), "lines": (b"", b"\n", b"\n"), "envelope": (b'{"orders":[', b",", b"]}")}


@pytest.mark.parametrize("chunk_bytes", [16, 700, 3000, 1 << 21])
@pytest.mark.parametrize("form", sorted(JOINS))
@pytest.mark.parametrize("length", [LIMIT - 1, LIMIT, LIMIT + 1, LIMIT * 3, LIMIT * SPOOL_FACTOR - 2])
def test_an_order_over_the_limit_is_rejected_alone_and_keeps_its_bytes(
    form: str, length: int, chunk_bytes: int
) -> None:
    head, join, tail = JOINS[form]
    long = long_order(length)
    assert len(long) == length
    result = read(head + join.join([A, B, long, A, B]) + tail, chunk_bytes, max_record_bytes=LIMIT)
    if length <= LIMIT:
        assert result.raws == [A, B, long, A, B]
        return
    assert result.raws == [A, B, A, B]
    assert [(each.record_number, raw_of(each)) for each in result.rejected] == [(3, long)]
    assert result.reasons == [f"the order is longer than {LIMIT} bytes: split it, or raise ETL_MAX_RECORD_BYTES"]


@pytest.mark.parametrize("form", sorted(JOINS))
def test_what_is_much_longer_than_memory_may_hold_waits_on_disk(form: str) -> None:
    head, join, tail = JOINS[form]
    long = long_order(100_001 * 3)
    result = read(head + join.join([A, B, long, A]) + tail, 100, max_record_bytes=100_000)
    assert result.raws == [A, B, A]
    assert isinstance(result.rejected[0].raw, SpooledRaw)
    line = json.loads(b"".join(result.rejected[0].json_line()))
    assert (line["record_number"], line["raw"].encode()) == (3, long)


@pytest.mark.parametrize("form", sorted(JOINS))
def test_an_order_too_long_for_the_disk_rejects_the_file(form: str) -> None:
    head, join, tail = JOINS[form]
    limit = 100_000
    file = head + join.join([A, B, long_order(limit * SPOOL_FACTOR * 2), A]) + tail
    with pytest.raises(UnreadableFile, match="one record is longer than 1600000 bytes: split it") as refusal:
        read(file, 100, max_record_bytes=limit)
    assert refusal.value.byte_offset == file.index(b'{"order_id":9')


def test_what_lies_on_disk_is_bounded_however_long_a_record_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_reader, "MOST_SPOOLED", 300_000)
    for limit, most in ((100_000, 300_000), (400_000, 400_000)):
        with pytest.raises(UnreadableFile, match=f"one record is longer than {most} bytes: split it"):
            read(b"[" + long_order(most + limit) + b"]", 100, max_record_bytes=limit)


@pytest.mark.parametrize("cut", [LIMIT + 50, LIMIT * 3])
def test_a_truncated_order_over_the_limit_rejects_an_array(cut: int) -> None:
    with pytest.raises(UnreadableFile, match="ends in the middle of a value"):
        read((b"[" + long_order(LIMIT * 5))[:cut], 100, max_record_bytes=LIMIT)


@pytest.mark.parametrize("chunk_bytes", [64, 5000, 1 << 21])
@pytest.mark.parametrize("depth", [200, 1_100, 20_000])
@pytest.mark.parametrize("form", sorted(JOINS))
def test_deep_nesting_is_a_record_for_the_strict_way(form: str, depth: int, chunk_bytes: int) -> None:
    head, join, tail = JOINS[form]
    deep = b'{"order_id":3,"x":' + b'[{"a":' * depth + b"1" + b"}]" * depth + b"}"
    result = read(head + join.join([A, deep, B]) + tail, chunk_bytes)
    assert result.raws == [A, deep, B]
    assert depth < 20_000 or result.unchecked == {2}


@pytest.mark.parametrize("chunk_bytes", [7, 1 << 21])
@pytest.mark.parametrize("form", sorted(JOINS))
def test_lone_surrogates_are_a_record_for_the_strict_way(form: str, chunk_bytes: int) -> None:
    head, join, tail = JOINS[form]
    lone = b'{"order_id":"\\ud800"}'
    result = read(head + join.join([A, lone, B]) + tail, chunk_bytes)
    assert result.raws == [A, lone, B]
    assert result.unchecked == {2}


SPACE = b" \n\t\r" * 1_000_000


@pytest.mark.parametrize(
    "file",
    [
        *(SPACE + A + b"\n" + B, A + SPACE + B, A + b"\n" + B + SPACE, b"[" + SPACE + A + b"," + B + b"]"),
        *(b"[" + A + SPACE + b"," + B + b"]", b"[" + A + b"," + B + SPACE + b"]", b"[" + A + b"," + B + b"]" + SPACE),
        *(b'{"orders":' + SPACE + b"[" + A + b"," + B + b"]}", b"{" + SPACE + b'"orders":[' + A + b"," + B + b"]}"),
        *(b'{"a"' + SPACE + b':1,"orders":[' + A + b"," + B + b"]}", b"[" + A + b"," + SPACE + B + b"]"),
    ],
    ids=range(11),
)
@pytest.mark.parametrize("chunk_bytes", [5000, 1 << 21])
def test_any_amount_of_white_space_is_passed_over(file: bytes, chunk_bytes: int) -> None:
    assert read(file, chunk_bytes, max_record_bytes=8 << 20).raws == [A, B]


def test_white_space_beyond_any_record_is_not_held() -> None:
    file = b"[" + A + b" " * 30_000_000 + b"," + B + b"]"
    tracemalloc.start()
    try:
        read(file, 1 << 16)
        assert tracemalloc.get_traced_memory()[1] < len(file) // 2
    finally:
        tracemalloc.stop()


def test_batches_hold_a_bounded_number_of_records_however_short_they_are() -> None:
    for file in (b"[" + b",".join([b"1"] * 70_000) + b"]", b"{}\n" * 70_000, b"x\n" + b"{}\n" * 10 + b"x\n" * 30_000):
        sizes = [batch.read for batch in records_of(io.BytesIO(file), 1 << 20, 1 << 30, ORDERS)]
        assert max(sizes) <= MAX_BATCH_RECORDS
        assert sum(sizes) == (70_000 if b"x" not in file else 30_011)


SLOW: dict[str, Callable[[int], bytes]] = {
    "many broken lines": lambda n: A + b"\n" + b"x\n" * n,
    "many lines that open a bracket": lambda n: A + b"\n" + b"[\n" * n,
    "many lines that open an object": lambda n: A + b"\n" + b'{"a":\n' * n,
    "many lines that go on": lambda n: A + b"\n" + b'{"a":1} ,\n' * n,
    "many lone surrogates": lambda n: b"[" + b",".join([b'{"a":"\\ud800"}'] * n) + b"]",
    "many elements that are no objects": lambda n: b"[" + b",".join([b"1"] * n) + b"]",
    "many open brackets": lambda n: b"[" + A + b"," + b"[" * n * 2,
    "many envelopes": lambda n: b'{"orders":[]}' * n,
    "many keys before the array": lambda n: b"{" + b'"a":1,' * n + b'"orders":[' + A + b"]}",
    "many escapes in a key": lambda n: b'{"' + b'\\"' * n + b'":1,"orders":[' + A + b"]}",
    "a long key that never ends": lambda n: b'{"' + b"a" * n * 20,
    "a delimiter that misleads": lambda n: (
        b"[" + b",".join([b'{"id":1,"lines":[{"id":1},{"id":2}]}', b'{"id":1,"x":"},{\\"id\\":"}'] * n) + b"]"
    ),
    "many records a line, one broken": lambda n: A + b"\n" + A * n + b"x\n",
}


@pytest.mark.thorough
@pytest.mark.parametrize("what", sorted(SLOW))
def test_time_grows_with_the_length_of_a_hostile_file_and_not_with_its_square(what: str) -> None:
    def read_file(size: int) -> None:
        with contextlib.suppress(UnreadableFile):
            read(SLOW[what](size), 1 << 18, max_record_bytes=1 << 18)

    assert_linear(read_file, 3_000)


def test_time_grows_with_the_length_of_an_order_in_small_chunks_and_not_with_its_square() -> None:
    def read_order(size: int) -> None:
        file = b"[" + A + b"," + long_order(size) + b"," + B + b"]"
        assert len(read(file, 512, max_record_bytes=16 << 20).raws) == 3

    assert_linear(read_order, 1_000_000)
