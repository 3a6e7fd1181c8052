"""Opens envelopes that are in memory as a whole: the documents in their arrays, many envelopes at once."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

import msgspec

from chalicelib.documents.array import ELEMENTS
from chalicelib.documents.batches import Raw
from chalicelib.documents.beside import Beside
from chalicelib.documents.buffer import Text, holds
from chalicelib.documents.members import MemberKind, ObjectWalk
from chalicelib.documents.path_tree import KeyPath, PathTree, quoted
from chalicelib.documents.slices import Slices
from chalicelib.documents.value_end import value_end
from chalicelib.documents.value_reader import Raws

_ARRAYS = msgspec.json.Decoder(list[list[msgspec.Raw]])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_BEGINS_NUMBER = b"-0123456789"
_MOST_BESIDE_BYTES = 64 * 1024
"""How many bytes may lie beside an array whose envelope is decoded at once: of more, the members are walked."""


class EnvelopeOpener:
    """Opens envelopes with an array of documents at one of `records`; `root` has these paths and the identity's."""

    def __init__(self, root: PathTree, records: tuple[KeyPath, ...], beside: Beside) -> None:
        self._root = root
        self._records = records
        self._beside = beside
        self._mentions = {key: b'"%b"' % quoted(key) for path in records for key in path}
        self._mentions_of_paths = [[self._mentions[key] for key in path] for path in records]
        # Another spelling of a key has at least one of its characters as an escape.
        codes = "|".join(sorted({f"{ord(c):02x}" for key in self._mentions for c in key})).encode()
        are_words = all(re.fullmatch(r"\w+", key, re.ASCII) for key in self._mentions)
        self._escape = re.compile(rb"\\u00(?:%b)" % codes if are_words else rb"\\", re.IGNORECASE)
        self._escape_begins = rb"\u00" if are_words else b"\\"
        firsts = [key for key, node in root.below.items() if root.columns == 1 and node.identities and not node.below]
        names = b"|".join(re.escape(quoted(key)) for key in firsts)
        self._document_head = re.compile(rb'\{[ \t\r\n]*"(?:%b)"[ \t\r\n]*:[ \t\r\n]*+' % names) if firsts else None

    def mentioned(self, text: Text) -> bool:
        """Tell whether the keys of the array's path may be among those of `text`."""
        if not self._records:
            return False
        for mentions in self._mentions_of_paths:
            for mention in mentions:
                if not holds(text, mention):
                    break
            else:
                return True
        return self._escaped(text)

    def _escaped(self, text: Text) -> bool:
        """Tell whether such a key may be among the keys of `text` in another spelling."""
        return holds(text, self._escape_begins) and self._escape.search(text) is not None

    def _are_documents(self, raws: Raws, text: Text) -> bool:
        """Tell whether all records begin with an identity, in the same way, without looking further."""
        head = self._document_head.match(bytes(raws[0])) if raws and self._document_head else None
        if head is None:
            return False
        is_text = head.string[head.end() : head.end() + 1] == b'"'
        firsts = b'"' if is_text else _BEGINS_NUMBER
        return _begin_with(raws, head[0], firsts) and not (is_text and holds(text, head[0] + b'""'))

    def may_open(self, raws: Raws, text: Text) -> bool:
        """Tell whether some of the records may be envelopes; `text` holds them."""
        # How each record begins is seen in a tenth of the time that it takes to look for keys.
        return not self._are_documents(raws, text) and self.mentioned(text)

    def opened(self, raws: Raws, text: Text) -> Raws:
        """Return the records that `raws` are, with the elements of each envelope in its stead.

        `text` is what `raws` were decoded from. Raises AmbiguousEnvelope.
        """
        if not self.may_open(raws, text):
            return raws
        if (arrays := self._plain_arrays(bytes(text), len(raws))) is not None:
            return list(chain.from_iterable(_ARRAYS.decode(b"[%b]" % b",".join(arrays))))
        records: list[msgspec.Raw] = []
        for raw in raws:
            array = self.array_of(raw) if memoryview(raw)[0] == ord("{") else None
            if array is None:
                records.append(raw if isinstance(raw, msgspec.Raw) else msgspec.Raw(raw))
            else:
                records += ELEMENTS.decode(array)
        return records

    def array_of(self, raw: Raw) -> bytes | None:
        """Return the array of an envelope, or None for a document and anything else. Raises AmbiguousEnvelope."""
        text = bytes(raw)
        if not text.startswith(b"{") or not self.mentioned(text):
            return None
        if self._escaped(text):
            return self._walked(text)
        try:
            arrays = _arrays_below(self._root, raw)
        except (msgspec.DecodeError, RecursionError):
            arrays = None
        if arrays is None or len(arrays) > 1:
            return self._walked(text)
        array = bytes(arrays[0]) if arrays else b""
        is_once = True
        for key in self._mentions.values():
            is_once = is_once and text.count(key) - array.count(key) <= 1
        if not is_once or (array and len(text) - len(array) > _MOST_BESIDE_BYTES):
            return self._walked(text)
        if array and not self._beside.is_full:
            self._add_beside(self._root, raw)
        return array or None

    def _plain_arrays(self, text: bytes, count: int) -> list[msgspec.Raw] | None:
        """Return the arrays of a text that holds `count` envelopes, all of one path, its keys once in each.

        None of any other text.
        """
        path = self._only_path(text, count)
        if path is None or self._escaped(text):
            return None
        beside = Beside()
        node = self._root
        try:
            objects = _OBJECT.decode_lines(text)
            for position, key in enumerate(path, 1):
                keys: set[str] = set().union(*objects)
                if keys & node.below.keys() != {key} or not all(key in each for each in objects):
                    return None
                beside.add_all(node, objects, keys - {key})
                values = [each[key] for each in objects]
                node = node.below[key]
                if position < len(path):
                    objects = _OBJECTS.decode(b"[%b]" % b",".join(values))
        except (msgspec.DecodeError, RecursionError):
            return None
        if not all(memoryview(value)[0] == ord("[") for value in values):
            return None
        self._beside.merge(beside)
        return values

    def _only_path(self, text: bytes, count: int) -> KeyPath | None:
        """Return the path whose keys are `count` times in a text that has no other key of a path."""
        counts = [(key, text.count(mention)) for key, mention in self._mentions.items()]
        keys = {key for key, times in counts if times == count}
        paths = [path for path in self._records if keys.issuperset(path)]
        if len(paths) != 1 or any(times for key, times in counts if key not in paths[0]):
            return None
        return paths[0]

    def _add_beside(self, node: PathTree, raw: Raw) -> None:
        members = _OBJECT.decode(raw)
        self._beside.add_all(node, [members], members.keys() - node.below.keys())
        for key, member in node.below.items():
            if member.below and bytes(members.get(key, b"")).startswith(b"{"):
                self._add_beside(member, members[key])

    def _walked(self, text: bytes) -> bytes | None:
        """Do as `array_of` does, by reading the keys in their sequence."""
        walk = ObjectWalk(self._root)
        kind, start = walk.scan(text, 1)
        if kind is not MemberKind.ENVELOPE:
            return None
        length, _, _ = value_end(text, start)
        if length is None:
            return None
        kind, _ = walk.scan(text, start + length)
        if kind in (MemberKind.ENVELOPE, MemberKind.DOCUMENT):
            raise walk.ambiguous()
        if kind is not MemberKind.END:
            return None
        self._beside.merge(walk.beside)
        return text[start : start + length].rstrip()


def _begin_with(raws: Raws, head: bytes, firsts: bytes) -> bool:
    """Tell whether all records begin with `head`, and with one of the bytes `firsts` behind it."""
    if isinstance(raws, Slices):
        return raws.begin_with(head, firsts)
    heads = tuple(head + bytes([byte]) for byte in firsts)
    return all(bytes(raw).startswith(heads) for raw in raws)


def _arrays_below(node: PathTree, raw: Raw) -> list[msgspec.Raw] | None:
    """Return the arrays that paths lead to; None where the sequence of the keys has to decide.

    Raises msgspec.DecodeError and RecursionError.
    """
    if node.decoder is None:
        return None
    members: Any = node.decoder.decode(raw)
    arrays: list[msgspec.Raw] = []
    for member, value in zip(node.below.values(), msgspec.structs.astuple(members), strict=True):
        first = bytes(memoryview(value)[:1])
        if member.is_array and first == b"[":
            arrays.append(value)
        elif member.identities and first:
            return None
        elif member.below and first == b"{":
            below = _arrays_below(member, value)
            if below is None:
                return None
            arrays += below
    return arrays
