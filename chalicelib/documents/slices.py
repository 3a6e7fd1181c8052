"""Records that lie side by side in one text: found by compiled code, made bytes only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import msgspec
import numpy as np
import numpy.typing as npt

from chalicelib.native_library import BY_COMMAS, BY_NOTHING, library

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

COMPILED_FROM_BYTES = 16 * 1024
"""Of a shorter text msgspec has found all records by the time that compiled code is called: ten microseconds."""

_BYTES_A_RECORD, _FEW = 8, 64
"""Of records that are shorter, and more than a few, there may be too many for the room that is made for them."""

_MOST_AT_ONCE = 256 * 1024
"""How many bytes are split, at most, of a text of which the last value is not whole."""

_UNCERTAIN = -1
"""What `split_values` returns instead of a count; less than that, a value is broken."""


class BrokenValue(ValueError):
    """A value is not JSON, or not whole, or so deep that it is not looked at; it begins at `offset` in its text."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class Slices(Sequence[bytes]):
    """The bytes of `text` from each of `starts` to the same of `ends`, which ascend and do not overlap.

    `unusual` marks those that are JSON, but that msgspec cannot check; None where there are none.
    """

    __slots__ = ("ends", "starts", "text", "unusual")

    def __init__(self, text: memoryview, starts: Int64s, ends: Int64s, unusual: Bools | None = None) -> None:
        self.text = text
        self.starts = starts
        self.ends = ends
        self.unusual = unusual

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> Slices: ...
    def __getitem__(self, index: int | slice) -> bytes | Slices:
        if isinstance(index, slice):
            unusual = None if self.unusual is None else self.unusual[index]
            return Slices(self.text, self.starts[index], self.ends[index], unusual)
        return bytes(self.text[self.starts[index] : self.ends[index]])

    def __iter__(self) -> Iterator[bytes]:
        return (bytes(self.text[i:j]) for i, j in zip(self.starts.tolist(), self.ends.tolist(), strict=True))

    @property
    def is_of_all(self) -> bool:
        """Whether `text` is all of the object that it lies in, so that the same position in both is the same byte."""
        return len(self.text) == len(memoryview(self.text.obj))

    @property
    def covered(self) -> memoryview:
        """The text from the first to the end of the last."""
        return self.text[self.starts[0] : self.ends[-1]] if len(self) else self.text[:0]

    @property
    def longest(self) -> int:
        """How many bytes the longest has."""
        return int((self.ends - self.starts).max(initial=0))

    def padded(self, padding: bytes) -> tuple[bytes, Int64s, Int64s]:
        """Return a text that holds all, with `padding` before and behind them, and where each begins and ends in it."""
        if not len(self):
            return 2 * padding, self.starts, self.ends
        first = int(self.starts[0])
        moved = len(padding) - first
        return b"".join((padding, self.text[first : self.ends[-1]], padding)), self.starts + moved, self.ends + moved

    def begin_with(self, head: bytes, next_bytes: bytes) -> bool:
        """Tell whether all begin with `head`, and with one of `next_bytes` behind it."""
        size = len(head) + 1
        if not len(self) or int((self.ends - self.starts).min()) < size:
            return not len(self)
        data = np.frombuffer(self.text, dtype=np.uint8)
        heads = data[self.starts[:, np.newaxis] + np.arange(size)]
        is_next = np.zeros(256, dtype=np.bool_)
        is_next[list(next_bytes)] = True
        return bool((heads[:, :-1] == np.frombuffer(head, dtype=np.uint8)).all() and is_next[heads[:, -1]].all())


def together(parts: Sequence[Sequence[bytes | msgspec.Raw]]) -> Slices | None:
    """Return parts that are slices of one whole text, each behind those before, as one; None of any others."""
    slices = [part for part in parts if isinstance(part, Slices)]
    whole = slices[0].text if slices else None
    if whole is None or len(slices) < len(parts):
        return None
    if any(part.text.obj is not whole.obj or not part.is_of_all for part in slices):
        return None
    starts, ends = (np.concatenate(each) for each in zip(*((part.starts, part.ends) for part in slices), strict=True))
    return Slices(whole, starts, ends)


def by_commas(text: bytes | memoryview) -> Slices | None:
    """Return the values of a text, with a comma between each and the next. Raises BrokenValue.

    None where there are too many, or no compiled code: they are for another parser to find.
    """
    return _split(text, BY_COMMAS)


def whole_by_commas(text: bytes | memoryview) -> Slices | None:
    """Return the first values of a text that are whole, where it goes on behind its end; None where it has none."""
    text = text[:_MOST_AT_ONCE]
    capacity = len(text) // 2 + _FEW
    try:
        # What ends where the text does may go on.
        values = _split(text, BY_COMMAS, capacity)
        return (values[:-1] or None) if values else None
    except BrokenValue as problem:
        before = bytes(text[: problem.offset]).rstrip(b" \t\r\n").removesuffix(b",")
    return _split(before, BY_COMMAS, capacity) or None


def by_nothing(text: bytes | memoryview) -> Slices | None:
    """Do as `by_commas` does for values with white space between them, or nothing. Scalars are for another parser.

    What is unusual is broken here: it may be an envelope, which is another parser's to open.
    """
    return _split(text, BY_NOTHING)


def _split(text: bytes | memoryview, form: int, capacity: int | None = None) -> Slices | None:
    compiled = library()
    if compiled is None or not len(text):
        return None
    capacity = capacity or len(text) // _BYTES_A_RECORD + _FEW
    starts, ends = np.empty(capacity, dtype=np.int64), np.empty(capacity, dtype=np.int64)
    marks = np.empty(capacity, dtype=np.bool_)
    data = np.frombuffer(text, dtype=np.uint8)
    addresses = (each.ctypes.data for each in (starts, ends, marks))
    count = compiled.split_values(data.ctypes.data, len(text), form, *addresses, capacity)
    if count < _UNCERTAIN:
        raise BrokenValue(-2 - count)
    if count == _UNCERTAIN:
        return None
    unusual = marks[:count].copy() if marks[:count].any() else None
    if unusual is not None and form == BY_NOTHING:
        raise BrokenValue(int(starts[unusual.argmax()]))
    # Copies, since what is not used of the arrays would stay as long as they do.
    return Slices(memoryview(text), starts[:count].copy(), ends[:count].copy(), unusual)
