"""Reading ahead hands out the same bytes, raises the same errors, and never runs off with more than a block."""

from __future__ import annotations

import io
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.documents.prefetch import ReadAhead
from tests.examples import examples


class Broken:
    """A stream that breaks after so many bytes, and remembers what was asked of it."""

    def __init__(self, good: int, problem: BaseException) -> None:
        self.asked = 0
        self._good = good
        self._problem = problem

    def read(self, size: int, /) -> bytes:
        self.asked += 1
        if self._good == 0:
            raise self._problem
        size = min(size, self._good)
        self._good -= size
        return b"x" * size


@pytest.mark.thorough
@examples(80, many=200)
@given(st.binary(max_size=200), st.integers(1, 50), st.lists(st.integers(1, 70), min_size=1))
def test_the_bytes_are_those_of_the_stream_in_pieces_no_longer_than_asked(
    data: bytes, block: int, sizes: list[int]
) -> None:
    ahead = ReadAhead(io.BytesIO(data), block)
    got = b""
    while piece := ahead.read(sizes[len(got) % len(sizes)]):
        assert len(piece) <= max(sizes)
        got += piece
    assert got == data
    assert ahead.read(10) == b""


@pytest.mark.parametrize("problem", [EOFError("cut short"), KeyboardInterrupt()])
def test_an_error_is_raised_behind_the_bytes_before_it(problem: BaseException) -> None:
    ahead = ReadAhead(Broken(20, problem), block_bytes=10)
    assert ahead.read(15) + ahead.read(15) == b"x" * 20
    with pytest.raises(type(problem)):
        ahead.read(1)


def test_only_one_block_is_read_ahead() -> None:
    stream = Broken(1000, EOFError())
    ahead = ReadAhead(stream, block_bytes=10)
    ahead.read(10)
    ahead.read(10)
    assert stream.asked <= 3


def test_a_small_file_starts_no_thread_and_a_large_one_ends_its_own() -> None:
    before = set(threading.enumerate())
    small, large = ReadAhead(io.BytesIO(b"[]"), block_bytes=10), ReadAhead(io.BytesIO(b"x" * 100), block_bytes=10)
    assert small.read(10) == b"[]"
    assert set(threading.enumerate()) == before
    large.read(10)
    (thread,) = set(threading.enumerate()) - before
    del large
    thread.join(5)
    assert not thread.is_alive()
