"""Collects the names of what lies beside the documents, in the objects around their array."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from chalicelib.documents.path_tree import PathTree, path_text
from chalicelib.errors import shown

MOST_NAMES = 40
"""How many are collected: in a file that holds more, they are values rather than names."""

LONGEST_NAME = 100

Objects = Sequence[Mapping[str, bytes | msgspec.Raw]]

_KINDS = {"{": "object", "[": "array", '"': "text", "t": "boolean", "f": "boolean", "n": "null"}


class Beside:
    """Names of members beside the array, each with the kind of JSON that it holds: null only where it never differs."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[PathTree, str], str] = {}

    @property
    def is_full(self) -> bool:
        """Whether no other name is collected."""
        return len(self._kinds) >= MOST_NAMES

    @property
    def kinds(self) -> dict[str, str]:
        """The kinds by the paths of the names."""
        return {
            str(shown(path_text((*node.keys, key)), LONGEST_NAME)): kind for (node, key), kind in self._kinds.items()
        }

    def add(self, node: PathTree, key: str, first: int) -> None:
        """Add a member of `node`, whose value begins with the byte `first`."""
        self._put(node, key, _KINDS.get(chr(first), "number"))

    def add_all(self, node: PathTree, objects: Objects, keys: Iterable[str]) -> None:
        """Add the members that have these keys in any of the objects."""
        for key in keys:
            if self._kinds.get((node, key), "null") == "null":
                values = [bytes(each[key]) for each in objects if key in each]
                self.add(node, key, next((value for value in values if value != b"null"), b"null")[0])

    def merge(self, other: Beside) -> None:
        """Add what another has collected."""
        for (node, key), kind in other._kinds.items():
            self._put(node, key, kind)

    def _put(self, node: PathTree, key: str, kind: str) -> None:
        key = key[: LONGEST_NAME + 1]
        if not self.is_full or (node, key) in self._kinds:
            self._kinds[node, key] = kind if self._kinds.get((node, key), "null") == "null" else self._kinds[node, key]
