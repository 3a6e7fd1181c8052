"""The keys that lead, in an object around documents, to the array of them, or in a document to its identity."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import msgspec

from chalicelib.contracts.paths import JsonPath, Key

KeyPath = tuple[str, ...]
"""Keys from the root of an object to a value, at least one."""

_PLAIN_MEMBERS = (
    rb'(?:[ \t\r\n]*+"(?!(?:%b)")[^"\\\x00-\x1f]*+"[ \t\r\n]*+:[ \t\r\n]*+'
    rb'(?:"[^"\\\x00-\x1f]*+"|[-+.0-9A-Za-z]++|\{\}|\[\])[ \t\r\n]*+,){1,1000}+'
)
"""Members with other keys and without depth, each with its comma: msgspec checks what this lets pass."""


class PathTree:
    """An object that paths lead through, or begin at: `below` has the next keys of those paths.

    `keys` lead to here from the root. `is_array` says that documents may be in an array
    here, and `identities` which columns of the identity may have their value here. `columns` is how many these are in
    all, in the root alone.
    """

    def __init__(self, keys: KeyPath = ()) -> None:
        self.keys = keys
        self.is_array = False
        self.identities: set[int] = set()
        self.columns = 0
        self.below: dict[str, PathTree] = {}

    @cached_property
    def path(self) -> str:
        """The way to here from the root, as a contract writes it."""
        return path_text(self.keys)

    @classmethod
    def of(cls, records: Sequence[KeyPath], identity: Sequence[Sequence[KeyPath]]) -> PathTree:
        """Return the tree of the paths of `records`, and of the paths at which each column of `identity` may be."""
        root = cls()
        for path in records:
            root._at(path).is_array = True
        columns = [paths for paths in identity if paths]
        for column, paths in enumerate(columns):
            for path in paths:
                root._at(path).identities.add(column)
        root.columns = len(columns)
        return root

    def _at(self, path: KeyPath) -> PathTree:
        node = self
        for key in path:
            node = node.below.setdefault(key, PathTree((*node.keys, key)))
        return node

    @cached_property
    def by_quoted(self) -> dict[bytes, PathTree]:
        """What is below, by the keys in quotes as JSON most often has them."""
        return {b'"%b"' % quoted(key): node for key, node in self.below.items()}

    @cached_property
    def plain_members(self) -> re.Pattern[bytes]:
        """Matches members that no path leads through."""
        return re.compile(_PLAIN_MEMBERS % b"|".join(re.escape(quoted(key)) for key in self.below))

    @cached_property
    def longest_key(self) -> int:
        """How many bytes a key of `below` takes at most, however it is spelled."""
        return 2 + 6 * max((len(key.encode()) for key in self.below), default=0)

    @cached_property
    def decoder(self) -> msgspec.json.Decoder[Any] | None:
        """Decodes the members of `below`, in their sequence, as `Raw`: empty for those that are not there.

        None where msgspec takes no such keys.
        """
        if not all(key.isprintable() and quoted(key) == key.encode() for key in self.below):
            return None
        names = {f"member_{i}": key for i, key in enumerate(self.below)}
        members = [(name, msgspec.Raw, msgspec.Raw()) for name in names]
        return msgspec.json.Decoder(msgspec.defstruct("_Members", members, rename=names, gc=False))


def path_text(keys: KeyPath) -> str:
    """Return keys as a contract writes the path of them."""
    return str(JsonPath(tuple(map(Key, keys))))


def quoted(key: str) -> bytes:
    """Return a key as JSON most often has it, without the quotes."""
    return json.dumps(key, ensure_ascii=False)[1:-1].encode()
