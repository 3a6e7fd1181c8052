"""A contract as a tree of keys: what the fast way has the parser read, and where each key of a document belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from chalicelib.contracts.contract import Column, Contract, CurrencyAt, DigitsAt, DivisorAt, FromDocument, FromRecord
from chalicelib.contracts.paths import JsonPath, Key
from chalicelib.flatten.follow import generic_path
from chalicelib.flatten.json_text import below

_UNNAMEABLE = re.compile(r"[\"\\\x00-\x1f]")
"""What no key may have that msgspec is to look for."""

ROOT = ""
"""The level of the documents; the others are named by the path of their list, ending with `[]`."""


@dataclass(eq=False)
class Node:
    """A value of a record: an object with `children` by key, a list of rows with `items`, or a leaf.

    `number` is its own in the layout, `level` the one that it belongs to, `path` its path from there with a dot behind.
    A leaf is read by `columns`, as a number also where only `is_number` says so; one that is not `named` by any is read
    because a column depends on it, and is an unnamed field all the same. `is_picked` says that columns are read from
    single elements of a list here, which stays an unnamed field as a whole (see picked_columns.py). `is_element` says
    that it is an element of a list, `is_around` that it lies around the document, where nothing is an unnamed field.
    """

    number: int
    level: str
    path: str = ""
    children: dict[str, Node] = field(default_factory=dict)
    items: Node | None = None
    is_leaf: bool = False
    named: bool = False
    is_number: bool = False
    columns: list[Column] = field(default_factory=list)
    is_picked: bool = False
    is_element: bool = False
    is_around: bool = False

    @property
    def is_aside(self) -> bool:
        """Whether it is an unnamed field, though something of it is read."""
        is_read = self.is_picked or self.is_leaf
        return is_read and not self.named and self.items is None and not self.is_around

    @property
    def is_parsed(self) -> bool:
        """Whether the parser reads anything of it."""
        return self.is_leaf or self.items is not None or any(child.is_parsed for child in self.children.values())


class Unsupported(Exception):
    """The fast way cannot read by this contract."""


class Layout:
    """The tree of a contract. Raises Unsupported for one that the parser cannot read."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.nodes: list[Node] = []
        self.levels: dict[str, Node] = {}
        self.picked: list[Column] = []
        """Columns that are read at elements of lists."""
        self._above: dict[str, str] = {}
        self.record = self._node(ROOT)
        self.document = self.record
        for step in contract.at.steps if contract.at else ():
            if not isinstance(step, Key):
                raise Unsupported
            self.document.is_around = True
            self.document = self._child(self.document, step.name, around=True)
        self.document.is_around = False
        self.document.path = ""
        self.levels[ROOT] = self.document
        for table in contract.tables:
            if any(rows.where for rows in table.lists):
                raise Unsupported
            for rows in table.lists:
                self._list(rows.path)
            for column in table.columns:
                self._add(column)
        for node in self.nodes:
            if ((node.is_leaf or node.is_picked) and node.children) or (node.is_leaf and node.items):
                raise Unsupported

    def leaf(self, path: JsonPath, *, of_record: bool = False) -> Node:
        """Return the leaf at a path."""
        node = self.record if of_record else self.levels[str(path.list_path or ROOT)]
        for step in path.relative:
            assert isinstance(step, Key)
            node = node.children[step.name]
        return node

    def enclosing(self, level: str) -> str:
        """Return the level above one that is a list's."""
        return self._above[level]

    @property
    def leaves(self) -> Iterator[Node]:
        """All leaves."""
        return (node for node in self.nodes if node.is_leaf)

    def _add(self, column: Column) -> None:
        source = column.source
        if not isinstance(source, FromDocument | FromRecord):
            return
        if len({path.list_path for path in source.paths}) > 1:
            raise Unsupported
        of_record = isinstance(source, FromRecord)
        if of_record and len(source.paths) > 1:
            # Nothing around the document is an unnamed field, also not the value that is not chosen.
            raise Unsupported
        if not all(isinstance(step, Key) for path in source.paths for step in path.relative):
            self._pick(column, source.paths, of_record)
            return
        for path in source.paths:
            leaf = self._leaf(path, of_record=of_record)
            leaf.named = True
            leaf.columns.append(column)
        if isinstance(column.minor_units, CurrencyAt | DigitsAt | DivisorAt):
            leaf = self._leaf(column.minor_units.path)
            leaf.is_number = leaf.is_number or not isinstance(column.minor_units, CurrencyAt)

    def _pick(self, column: Column, paths: tuple[JsonPath, ...], of_record: bool) -> None:
        if column.minor_units is not None or any(first_keys(path) == path.relative for path in paths):
            raise Unsupported
        for path in paths:
            node = self.record if of_record else self._list(path.list_path)
            for key in first_keys(path):
                node = self._outer(node, key.name) if of_record else self._child(node, key.name)
            node.is_picked = True
            node.is_around = of_record
        self.picked.append(column)

    def picked_at(self, path: JsonPath, *, of_record: bool = False) -> Node:
        """Return the node of the list that a path first goes to an element of."""
        node = self.record if of_record else self.levels[str(path.list_path or ROOT)]
        for key in first_keys(path):
            node = node.children[key.name]
        return node

    def _leaf(self, path: JsonPath, *, of_record: bool = False) -> Node:
        node = self.record if of_record else self._list(path.list_path)
        for step in path.relative:
            if not isinstance(step, Key):
                raise Unsupported
            node = self._outer(node, step.name) if of_record else self._child(node, step.name)
        node.is_leaf = True
        return node

    def _list(self, path: JsonPath | None) -> Node:
        """Return the node of the elements of a list of rows, or of the document where there is no list."""
        if path is None:
            return self.document
        name = str(path)
        if name not in self.levels:
            node = self._list(JsonPath(path.steps[:-1]).list_path)
            for step in JsonPath(path.steps[:-1]).relative:
                if not isinstance(step, Key):
                    raise Unsupported
                node = self._child(node, step.name)
            node.items = self._node(name)
            node.items.path = f"{generic_path(path)}."
            node.items.is_element = True
            self._above[name] = node.level
            self.levels[name] = node.items
        return self.levels[name]

    def _outer(self, node: Node, name: str) -> Node:
        """Return the node of a key around the document."""
        if node is self.document:
            # What is read as lying around the document, and lies in it, is an unnamed field of it all the same.
            raise Unsupported
        return self._child(node, name, around=True)

    def _child(self, node: Node, name: str, *, around: bool = False) -> Node:
        if name not in node.children:
            if _UNNAMEABLE.search(name):
                raise Unsupported
            child = self._node(node.level)
            child.path = f"{below(node.path, name)}."
            child.is_around = around
            node.children[name] = child
        return node.children[name]

    def _node(self, level: str) -> Node:
        node = Node(len(self.nodes), level)
        self.nodes.append(node)
        return node


def first_keys(path: JsonPath) -> tuple[Key, ...]:
    """Return the keys that a path begins with, from its level on."""
    return tuple(step for step in takewhile(lambda step: isinstance(step, Key), path.relative) if isinstance(step, Key))
