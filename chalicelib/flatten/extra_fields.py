"""Reads the fields that the contract does not name, of a document whose columns are proven sound.

`StrictDecoder.extra_fields` does the same and takes three times as long: it makes an object of every value, where this
one opens only the objects that hold such fields, and copies the rest as it was sent. What it may miss is a key that is
given twice; so it counts keys, and leaves a document whose keys do not add up to the strict way.

The count is sound because no key is in it twice: of the objects that are opened, each key once; of values that are
copied, each quote that a colon follows, in objects and in texts alike, as the document's keys are counted (proof.py);
of lines that are not opened, one key for each value that was parsed. So it is never more than the document's keys, and
where it is as many, none was given twice or passed over, whatever the keys are called. What the columns hold is not
proven here: the fast way has done so before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from chalicelib.contracts.model import Contract
from chalicelib.flatten.json_text import compact, json_path, merged_text, object_text, parse
from chalicelib.flatten.strict import LineList, Node, StrictDecoder
from chalicelib.flatten.values import RejectedDocument

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_KEY = re.compile(rb'"[ \t\r\n]*:')

Fields = dict[str, msgspec.Raw]
Texts = list[str | None]


class _Uncertain(Exception):
    """The keys do not add up: the strict way decides."""


class ExtraFields:
    """Reads the extra fields of documents of `contract`."""

    def __init__(self, contract: Contract, strict: StrictDecoder) -> None:
        self._lines = contract.lines
        self._strict = strict

    def read(self, raw: bytes, keys: int, in_lines: Sequence[int], most_bytes: int) -> tuple[str | None, Texts]:
        """Return the extra fields as `StrictDecoder.extra_fields` does, and raise what it raises.

        `keys` says how many keys the document has at most, in all its objects together, `in_lines` how many each line
        has at least.
        """
        try:
            return self._read(raw, keys, in_lines, most_bytes)
        except (_Uncertain, RejectedDocument, msgspec.DecodeError, RecursionError):
            return self._strict.extra_fields(raw, most_bytes)

    def _read(self, raw: bytes, keys: int, in_lines: Sequence[int], most_bytes: int) -> tuple[str | None, Texts]:
        extra: dict[str, str] = {}
        array, count = self._unnamed(_OBJECT.decode(raw), self._strict.document_node, "", extra)
        text = object_text(extra)
        if len((text or "").encode()) * len(in_lines) > most_bytes:
            raise _Uncertain
        if count + sum(in_lines) == keys:
            # The lines have no others, so that they need not be opened.
            return text, [text] * len(in_lines)
        lines = _OBJECTS.decode(array) if array is not None and bytes(array) != b"null" else []
        texts = []
        flat = self._strict.line_node.flat
        for line in lines:
            if line.keys() <= flat:
                # As nearly all lines are.
                count += len(line)
                texts.append(text)
                continue
            own: dict[str, str] = {}
            count += self._unnamed(line, self._strict.line_node, f"{self._lines}[].", own)[1]
            texts.append(merged_text(text, own))
        if count != keys:
            raise _Uncertain
        return text, texts

    def _unnamed(
        self, members: Fields, node: Node, generic: str, extra: dict[str, str]
    ) -> tuple[msgspec.Raw | None, int]:
        """Fill `extra` from one object; return the list of lines if it is in there, and how many keys there are."""
        count = len(members)
        if members.keys() <= node.flat:
            return None, count
        lines = None
        for key, value in members.items():
            if key in node.flat:
                continue
            expected = node.get(key)
            if expected is None:
                if key not in node.unknown:
                    self._strict.note(key, node, generic)
                raw = bytes(value)
                extra[json_path(generic, key)] = _compact(raw)
                count += len(_KEY.findall(raw)) if b":" in raw else 0
            elif isinstance(expected, LineList):
                lines = value
            elif bytes(value) != b"null":
                inner, keys = self._unnamed(_OBJECT.decode(value), expected, f"{generic}{key}.", extra)
                lines = lines if inner is None else inner
                count += keys
        return lines, count


def _compact(raw: bytes) -> str:
    """Return a value without white space, as `compact` does; most have none and stay as they are."""
    if raw[0] in b"{[" or b"\\" in raw:
        return compact(parse(raw))
    return raw.decode()
