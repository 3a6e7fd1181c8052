"""Objects whose members are parsed once they are asked for: most of a document that is rejected never is."""

from __future__ import annotations

from itertools import islice
from typing import Any

import msgspec
from msgspec import Raw

from chalicelib.flatten.json_text import parsed
from chalicelib.flatten.scalars import NumberText

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_QUOTE, _BRACE, _BRACKET = b'"{['
_BEGINS_NUMBER = frozenset(b"-0123456789")


class UnreadObject(dict[str, Any]):
    """An object of which each member is the bytes that were sent until it is asked for."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if type(value) is Raw:
            value = self[key] = _value(value)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a member."""
        value = super().get(key, default)
        if type(value) is Raw:
            value = self[key] = _value(value)
        return value

    def items(self) -> Any:
        """Return the keys and values of all members."""
        self._read_all()
        return super().items()

    def values(self) -> Any:
        """Return the values of all members."""
        self._read_all()
        return super().values()

    def _read_all(self) -> None:
        for key, value in super().items():
            if type(value) is Raw:
                self[key] = _value(value)


def unread(raw: bytes) -> Any:
    """Do as `parsed` does with a text that is known to be JSON in whose objects no key is repeated."""
    return UnreadObject(_MEMBERS.decode(raw)) if raw.startswith(b"{") else parsed(raw)


def holding_arrays(members: dict[str, Any], most: int) -> list[tuple[str, bool]]:
    """Return the keys of arrays, and of objects in which an array may lie, among the first members.

    Each comes with whether it is an object. Nothing is parsed for this; an object that was parsed before is among them
    whatever it holds.
    """
    keys = []
    items = dict.items(members)
    for key, value in items if len(items) <= most else islice(items, most):
        if type(value) is Raw:
            first = memoryview(value)[0]
            if first == _BRACKET or (first == _BRACE and b"[" in bytes(value)):
                keys.append((key, first == _BRACE))
        elif isinstance(value, dict | list):
            keys.append((key, isinstance(value, dict)))
    return keys


def holds_objects_only(members: dict[str, Any]) -> bool:
    """Tell whether all members are objects; nothing is parsed for this."""
    return bool(members) and all(map(_is_object, dict.values(members)))


def _is_object(value: Any) -> bool:
    return memoryview(value)[0] == _BRACE if type(value) is Raw else isinstance(value, dict)


def _value(raw: Raw) -> Any:
    text = bytes(raw)
    if text[0] == _QUOTE and b"\\" not in text:
        return text[1:-1].decode()
    return NumberText(text.decode()) if text[0] in _BEGINS_NUMBER else unread(text)
