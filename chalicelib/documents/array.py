"""Reads the elements of an array of orders."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from chalicelib.documents.buffer import Window
from chalicelib.documents.value_reader import Text, Values
from chalicelib.errors import UnreadableFile

ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])


def read_array(values: Values, window: Window) -> Iterator[None]:
    """Take the elements of the array at hand, and step over its end.

    Pauses after each block of elements, so that what was taken can be handed over. Raises UnreadableFile for a syntax
    error, and where the file ends before the array does.
    """
    window.pos += 1
    if window.skip() and window.here == b"]":
        window.pos += 1
        return
    more = True
    while more:
        if not window.skip():
            raise _truncated(window)
        window.refill()
        if not values.take_block(elements):
            values.take_or_give_up()
        yield
        more = _comma(window)


def elements(text: Text) -> list[msgspec.Raw]:
    """Decode values with commas between them."""
    return ELEMENTS.decode(b"".join((b"[", text, b"]")))


def _comma(window: Window) -> bool:
    """Step over what follows an element: True after a comma, False after the end of the array."""
    if not window.skip():
        raise _truncated(window)
    if window.here not in (b",", b"]"):
        raise UnreadableFile(f"not JSON: expected ',' or ']' after an order, found {window.shown()}", window.offset)
    more = window.here == b","
    window.pos += 1
    return more


def _truncated(window: Window) -> UnreadableFile:
    return UnreadableFile("the file ends inside its array of orders: it is truncated", window.offset)
