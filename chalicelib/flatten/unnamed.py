"""The fields of a document that no column takes: kept as JSON, keyed by their path."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from itertools import takewhile
from typing import Any

from msgspec import Struct, field

from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.paths import JsonPath, Key
from chalicelib.flatten.follow import follow, generic_path, holds, listed
from chalicelib.flatten.json_text import RepeatedKey, below, compact, repeated_key
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.values import is_null

MOST_NEAR_MISSES = 20
"""How many keys are remembered that are nearly the contract's."""

_MOST_OTHERS, _LONGEST_KEY = 1000, 100
"""How many keys of an object the contract may not name until no more are looked at, and how long these may be: who
sends a million keys does not pay for each."""

_SEPARATORS = re.compile(r"[\s_\ufeff\u200b-]+")

Fields = dict[str, str]
"""JSON texts of unnamed fields, by their path."""


class Node(Struct, dict=True):
    """What a contract names below an object: by key the nodes below, and what is read from the key's own value.

    `is_object` says that an object is due, of which only parts are read. A value is named where a column reads it as
    its only path. `choices` are columns that read it as one of several paths, each with that path: the first of a
    column's paths that holds a value is the one it takes. `lists` are the tables' lists that the key's value is.
    `others` holds keys that were seen and are not the contract's.
    """

    children: dict[str, Node] = field(default_factory=dict)
    is_object: bool = False
    is_named: bool = False
    choices: list[tuple[Column, JsonPath]] = field(default_factory=list)
    lists: list[tuple[Table, int]] = field(default_factory=list)
    others: set[str] = field(default_factory=set)

    @cached_property
    def folded(self) -> dict[str, str]:
        """The keys by what is left of them without case, spaces and underscores."""
        return {_folded(key): key for key in self.children}

    @cached_property
    def makes_rows_of_all(self) -> bool:
        """Whether the key's value is a list of which each element makes a row of some table, whatever it is."""
        return any(table.lists[level].where is None and level + 1 == table.depth for table, level in self.lists)

    @cached_property
    def flat(self) -> frozenset[str]:
        """The keys whose values are taken whole."""
        return frozenset(key for key, node in self.children.items() if node.is_named)


class UnnamedFields:
    """Collects the unnamed fields of documents and of elements of their lists."""

    def __init__(self, contract: Contract, observations: Observations) -> None:
        self._observations = observations
        self.roots: dict[JsonPath | None, Node] = {}
        """What the contract names in the document, and in the elements of its lists, by their paths."""
        for table in contract.tables:
            for column in table.columns:
                for path in column.paths:
                    self._name(column, path)
                for path in column.referred:
                    self._know_object(path.list_path, path.relative[:-1])
            for level, rows in enumerate(table.lists):
                outer = table.lists[level - 1].path if level else None
                node = self._node(outer, rows.steps)
                if node is not None:
                    node.lists.append((table, level))

    def reader(self, rows: JsonPath | None) -> Callable[[Any, str], Fields]:
        """Return what reads the unnamed fields of a document (`rows` is None), or of an element of the list `rows`.

        It is given the document or element, and the path of it with its number, empty for the document, else ending
        with a dot; fields are keyed by the path without numbers. It raises RejectedDocument for a key that is given
        twice, and for what no JSON text can hold.
        """
        root = self.roots.setdefault(rows, Node())
        generic = f"{generic_path(rows)}." if rows else ""

        def read(element: Any, prefix: str) -> Fields:
            fields: Fields = {}
            if isinstance(element, dict):
                self._collect(element, root, prefix, generic, fields, element)
            return fields

        return read

    def _collect(
        self, value: dict[str, Any], node: Node, path: str, generic: str, fields: Fields, element: Any
    ) -> None:
        if isinstance(value, RepeatedKey):
            raise repeated_key(value, path)
        if value.keys() <= node.flat:
            return
        for key, inner in value.items():
            child = node.children.get(key)
            if child is None:
                self.note_in(key, node, generic)
                fields[below(generic, key)] = compact(inner, below(path, key))
            elif inner is not None and not child.is_named and not (child.choices and _is_chosen(child, element)):
                self._collect_known(inner, child, below(path, key), below(generic, key), fields, element)

    def _collect_known(self, value: Any, node: Node, path: str, generic: str, fields: Fields, element: Any) -> None:
        """Collect from a value that the contract knows, and that no column takes whole."""
        if node.makes_rows_of_all:
            return
        if node.lists:
            unused = [each for each in listed(value) if not _makes_rows(each, node.lists)]
            if unused:
                fields[generic] = compact(unused, path)
        elif node.is_object and isinstance(value, dict):
            self._collect(value, node, f"{path}.", f"{generic}.", fields, element)
        elif value not in ("", [], False) or not node.is_object:
            fields[generic] = compact(value, path)

    def note_around(self, path: str) -> None:
        """Remember the path of what lies around a document, on no path of the contract."""
        self._observations.note_around(path)

    def note_in(self, key: str, node: Node, generic: str) -> None:
        """Remember a key that `node` does not have: as a near miss if it has one that is nearly the same."""
        if key in node.others or len(key) > _LONGEST_KEY or len(node.others) >= _MOST_OTHERS:
            return
        node.others.add(key)
        self._observations.note_unnamed(below(generic, key))
        meant = node.folded.get(_folded(key))
        near_misses = self._observations.near_misses
        if meant is not None and len(near_misses) < MOST_NEAR_MISSES:
            near_misses[generic + key] = generic + meant

    def _name(self, column: Column, path: JsonPath) -> None:
        node = self._node(path.list_path, path.relative)
        if node is None:
            return
        if len(column.paths) == 1:
            node.is_named = True
        elif all(each.list_path == path.list_path for each in column.paths):
            node.choices.append((column, path))

    def _know_object(self, rows: JsonPath | None, steps: tuple[Any, ...]) -> None:
        node = self._node(rows, steps)
        if node is not None:
            node.is_object = True

    def _node(self, rows: JsonPath | None, steps: tuple[Any, ...]) -> Node | None:
        """Return the node of a value that lies below keys alone; None for one of which only an element is read.

        What such a value lies in is known all the same, so that only the list itself is an unnamed field.
        """
        keys = list(takewhile(lambda step: isinstance(step, Key), steps))
        if len(keys) < len(steps):
            self._know_object(rows, tuple(keys[:-1]))
            return None
        node = self.roots.setdefault(rows, Node())
        for step in steps:
            node.is_object = True
            node = node.children.setdefault(step.name, Node())
        return node


def _is_chosen(node: Node, element: Any) -> bool:
    """Tell whether a value of `element` is what a column takes, of several that it may take."""
    return any(_chosen(column, element) == path for column, path in node.choices)


def _chosen(column: Column, element: Any) -> JsonPath | None:
    """Return the first of a column's paths, all from `element`, that holds a value; None where none does."""
    for path in column.paths:
        if not is_null(follow(element, path.relative, "", strictly=False)[0], column.nulls):
            return path
    return None


def _makes_rows(element: Any, lists: list[tuple[Table, int]]) -> bool:
    """Tell whether an element of a list makes a row of one of the tables whose list it is, or of a list below it."""
    for table, level in lists:
        where = table.lists[level].where
        if where is not None and not holds(element, where):
            continue
        if level + 1 == table.depth:
            return True
        below, _ = follow(element, table.lists[level + 1].steps, "", strictly=False)
        if any(_makes_rows(each, [(table, level + 1)]) for each in listed(below)):
            return True
    return False


def _folded(key: str) -> str:
    return _SEPARATORS.sub("", key).casefold()
