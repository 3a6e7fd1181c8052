"""Reads the fields that the contract does not name, of an order whose columns are known to be sound.

`StrictDecoder.extra_fields` does the same and takes three times as long: it makes an object of every value, where this
one only opens the objects that hold what it looks for, and copies the rest as it was sent. What it may miss is a key
that is given twice; so it counts, and leaves an order whose keys do not add up to the strict way.

The count is sound because no key is in it twice: of the objects that are opened, each key once; of values that are
copied, each quote that a colon follows, in objects and in texts alike, as the order's keys were counted (see proof.py);
of lines that are not opened, one key for each value that was parsed. So it is never more than the order's keys, and
where it is as many, none was given twice or passed over, whatever the keys are called. What the columns hold is not
proven here: the fast way has done so before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from chalicelib.contracts.model import Contract
from chalicelib.flatten.strict import (
    Lines,
    Node,
    RejectedOrder,
    StrictDecoder,
    below,
    compact,
    object_text,
    parsed,
    with_own,
)

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_KEY = re.compile(rb'"[ \t\r\n]*:')

Fields = dict[str, msgspec.Raw]
Texts = list[str | None]


class _Unsure(Exception):
    """What was found is for the strict way to judge."""


class ExtraFields:
    """Reads the extra fields of orders of `contract`."""

    def __init__(self, contract: Contract, strict: StrictDecoder) -> None:
        self._lines = contract.lines
        self._strict = strict

    def read(self, raw: bytes, keys: int, in_lines: Sequence[int], most_bytes: int) -> tuple[str | None, Texts]:
        """Return the extra fields as `StrictDecoder.extra_fields` does, and raise what it raises.

        `keys` says how many keys the order has at most, in all its objects together, `in_lines` how many each line
        has at least.
        """
        try:
            return self._read(raw, keys, in_lines, most_bytes)
        except (_Unsure, RejectedOrder, msgspec.DecodeError, RecursionError):
            return self._strict.extra_fields(raw, most_bytes)

    def _read(self, raw: bytes, keys: int, in_lines: Sequence[int], most_bytes: int) -> tuple[str | None, Texts]:
        extra: dict[str, str] = {}
        listed, count = self._unknown(_OBJECT.decode(raw), self._strict.order_node, "", extra)
        text = object_text(extra)
        if len((text or "").encode()) * len(in_lines) > most_bytes:
            raise _Unsure
        if count + sum(in_lines) == keys:
            # The lines have no others, so that they need not be opened.
            return text, [text] * len(in_lines)
        lines = _OBJECTS.decode(listed) if listed is not None and bytes(listed) != b"null" else []
        found = []
        flat = self._strict.line_node.flat
        for line in lines:
            if line.keys() <= flat:
                # As nearly all lines are.
                count += len(line)
                found.append(text)
                continue
            own: dict[str, str] = {}
            count += self._unknown(line, self._strict.line_node, f"{self._lines}[].", own)[1]
            found.append(with_own(text, own))
        if count != keys:
            raise _Unsure
        return text, found

    def _unknown(
        self, found: Fields, node: Node, generic: str, extra: dict[str, str]
    ) -> tuple[msgspec.Raw | None, int]:
        """Fill `extra` from one object; return the list of lines if it is in there, and how many keys there are."""
        count = len(found)
        if found.keys() <= node.flat:
            return None, count
        lines = None
        for key, value in found.items():
            if key in node.flat:
                continue
            known = node.get(key)
            if known is None:
                if key not in node.others:
                    self._strict.note(key, node, generic)
                raw = bytes(value)
                extra[below(generic, key)] = _compact(raw)
                count += len(_KEY.findall(raw)) if b":" in raw else 0
            elif isinstance(known, Lines):
                lines = value
            elif bytes(value) != b"null":
                inner, keys = self._unknown(_OBJECT.decode(value), known, f"{generic}{key}.", extra)
                lines = lines if inner is None else inner
                count += keys
        return lines, count


def _compact(raw: bytes) -> str:
    """Return a value without white space, as `compact` does; most have none and stay as they are."""
    if raw[0] in b"{[" or b"\\" in raw:
        return compact(parsed(raw))
    return raw.decode()
