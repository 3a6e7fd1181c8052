"""Reads the elements of an array of documents."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chalicelib.documents.buffer import Buffer, Text
from chalicelib.documents.slices import COMPILED_FROM_BYTES, by_commas, whole_by_commas
from chalicelib.documents.value_reader import Raws, ValueReader
from chalicelib.errors import UnreadableFile

ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


def read_array(values: ValueReader, buffer: Buffer) -> Iterator[None]:
    """Read the elements of the array at the current position, and step over its end.

    Pauses after each block of elements, so that full batches can be handed over. Raises UnreadableFile for a syntax
    error, and where the file ends before the array does.
    """
    buffer.pos += 1
    if buffer.skip() and buffer.here == b"]":
        buffer.pos += 1
        return
    more = True
    while more:
        if not buffer.skip():
            raise _truncated(buffer)
        buffer.refill()
        if not values.read_block(elements, whole_by_commas):
            values.read_or_raise()
        yield
        more = _comma(buffer)


def elements(text: Text) -> Raws:
    """Split a text into values that are separated by commas. Raises BrokenValue, and what msgspec raises."""
    compiled = by_commas(text) if len(text) >= COMPILED_FROM_BYTES else None
    return compiled or ELEMENTS.decode(b"".join((b"[", text, b"]")))


def elements_of(array: bytes) -> Raws | None:
    """Return the elements of an array that is known to be JSON; None where they are too many to be split at once."""
    try:
        return ELEMENTS.decode(array)
    except (msgspec.DecodeError, RecursionError):
        # Some are what msgspec cannot check.
        return by_commas(memoryview(array)[1:-1])


def _comma(buffer: Buffer) -> bool:
    """Step over what follows an element: True after a comma, False after the end of the array."""
    if not buffer.skip():
        raise _truncated(buffer)
    if buffer.here not in (b",", b"]"):
        raise UnreadableFile(f"not JSON: expected ',' or ']' after an order, found {buffer.shown()}", buffer.offset)
    more = buffer.here == b","
    buffer.pos += 1
    return more


def _truncated(buffer: Buffer) -> UnreadableFile:
    return UnreadableFile("the file ends inside its array of orders: it is truncated", buffer.offset)
