"""What is at each path of the documents: how often, of which types, how long. Counts and lengths, never a value.

Memory is bounded whatever the file: by the number of paths, the depth, and the hashes kept for distinct values. An
object with very many keys is a map keyed by id: its values are profiled together, and its keys forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from chalicelib.contracts.currencies import MINOR_UNIT_DIGITS
from chalicelib.propose import scalars
from chalicelib.propose.node import Node, nodes
from chalicelib.propose.value_counts import Dates, Numbers

MOST_NODES = 6_000
"""How many paths are profiled; keys beyond are counted as left out."""
MOST_DEPTH = 14
MOST_KEYS = 300
"""An object with more different keys, most of them seldom there, is a map keyed by id."""
OFTEN = 10
"""Of the keys of an object with too many, those are kept that are in one of so many objects."""
MOST_IDENTITIES = 20_000
"""For how many values of a path that may be the identity it is proven that they are distinct."""
IDENTITY_PATHS = 40
IDENTITY_DEPTH = 3
LONGEST_KEY = 200
MOST_NAMES = 40

_NAME = re.compile(r"[a-z_][A-Za-z_.:\-]{0,48}", re.ASCII)
"""A name of a list of names and values that may be kept: no digits, spaces or capital first, as people have."""
_IDENTITY_KEY = re.compile(r"(?i)(?:id|key|no|nr|num|number|code|ref|reference|name|oid|guid|ulid|pk|sk)$|^[SN]$")
NAME_KEYS = ("key", "name", "Key", "Name")
VALUE_KEYS = ("value", "values", "Value", "val", "stringValue", "string_value")


def profiles(documents: Iterable[tuple[Any, Any]], at: tuple[str, ...]) -> tuple[Profile, Profile | None]:
    """Return the profile of documents, given as (record, document), and that of the records around them.

    There is nothing around them where `at`, the keys from a record to its document, is empty.
    """
    profile, outer = Profile(), Profile() if at else None
    for record, document in documents:
        profile.add(document)
        if outer is not None and isinstance(document, dict):
            outer.add(record)
    return profile, outer


class Profile:
    """The profile of documents that are added one by one."""

    def __init__(self) -> None:
        self.root = Node()
        self.documents = 0
        self.not_objects = 0
        self.is_declared = False
        """Whether it is of a JSON Schema, with the description of its documents, and what to look at."""
        self.description = ""
        self.looks: list[str] = []
        self.left_out = 0
        """How many keys went uncounted because there were too many paths."""
        self._nodes = 1
        self._identities = 0

    def add(self, document: Any) -> None:
        """Count a document, as `json` decodes it with Decimal for fractions."""
        if not isinstance(document, dict):
            self.not_objects += 1
            return
        self.documents += 1
        self._add(self.root, document, 0)

    def _add(self, node: Node, value: Any, depth: int) -> None:
        node.present += 1
        if value is None:
            node.nulls += 1
        elif isinstance(value, str):
            self._add_text(node, value)
        elif isinstance(value, bool):
            node.true += value
            node.false += not value
        elif isinstance(value, int | Decimal):
            self._add_number(node, value)
        elif isinstance(value, dict):
            self._add_object(node, value, depth)
        elif isinstance(value, list):
            self._add_list(node, value, depth)

    def _add_object(self, node: Node, value: dict[str, Any], depth: int) -> None:
        node.objects += 1
        node.empty_objects += not value
        if node.is_map:
            for child in value.values():
                assert node.items is not None
                self._add(node.items, child, depth + 1)
            return
        for key, child in value.items():
            below = node.children.get(key)
            if below is None:
                below = self._new(depth, key) if len(key) <= LONGEST_KEY else None
                if below is None:
                    node.truncated = True
                    self.left_out += 1
                    continue
                node.children[key] = below
            self._add(below, child, depth + 1)
        if len(node.children) > MOST_KEYS and _is_sparse(node):
            self._forget_keys(node)

    def _add_list(self, node: Node, value: list[Any], depth: int) -> None:
        node.lists += 1
        node.empty_lists += not value
        node.longest_list = max(node.longest_list, len(value))
        if not value:
            return
        if node.items is None:
            node.items = self._new(depth)
        if node.items is None:
            node.truncated = True
            return
        for element in value:
            self._add(node.items, element, depth + 1)
        if isinstance(value[0], dict):
            _add_names(node, value)

    def _add_text(self, node: Node, text: str) -> None:
        node.texts += 1
        node.longest_text = max(node.longest_text, len(text))
        if not text:
            node.empty_texts += 1
            return
        self._add_distinct(node, text)
        if len(text) <= 82 and scalars.NUMERIC_TEXT.fullmatch(text):
            node.text_numbers = node.text_numbers or Numbers()
            number = Decimal(text)
            node.text_numbers.add(number, text)
            if len(text) <= 19 and text.isdigit():
                _add_number_date(node, int(text), text)
            return
        shape = scalars.date_of_text(text)
        if shape is not None:
            node.dates = node.dates or Dates()
            node.dates.add(shape)
        elif len(text) == 3 and text.upper() in MINOR_UNIT_DIGITS:
            node.currency_texts += 1
        elif text in ("true", "false"):
            node.boolean_texts += 1
        elif text[0] in "{[" and text[-1] in "}]":
            node.json_texts += 1
        elif len(text) <= 24 and scalars.WRITTEN_AMOUNT.fullmatch(text):
            node.written_amounts += 1

    def _add_number(self, node: Node, number: int | Decimal) -> None:
        is_integer = isinstance(number, int)
        node.integers += is_integer
        node.floats += not is_integer
        node.numbers = node.numbers or Numbers()
        node.numbers.add(number)
        self._add_distinct(node, number)
        if number.adjusted() < 20 if isinstance(number, Decimal) else number.bit_length() < 64:
            _add_number_date(node, int(number), str(int(number)))

    def _add_distinct(self, node: Node, value: str | int | Decimal) -> None:
        if len(node.distinct) < node.most_distinct:
            node.distinct.add(hash(value))

    def _new(self, depth: int, key: str = "") -> Node | None:
        if self._nodes >= MOST_NODES or depth >= MOST_DEPTH:
            return None
        self._nodes += 1
        node = Node()
        if depth <= IDENTITY_DEPTH and self._identities < IDENTITY_PATHS and _IDENTITY_KEY.search(key):
            self._identities += 1
            node.most_distinct = MOST_IDENTITIES
        return node

    def _forget_keys(self, node: Node) -> None:
        """Forget seldom keys; an object without any other is a map, whose values are profiled together."""
        often = {key: child for key, child in node.children.items() if OFTEN * child.present >= node.objects}
        seldom = [child for key, child in node.children.items() if key not in often]
        self._nodes -= sum(1 for child in seldom for _ in nodes(child))
        node.children = often
        if often:
            node.truncated = True
            self.left_out += len(seldom)
            return
        together = Node()
        for child in seldom:
            together.merge(child)
        self._nodes += sum(1 for _ in nodes(together))
        node.is_map, node.items = True, together


def _is_sparse(node: Node) -> bool:
    return 2 * sum(child.present for child in node.children.values()) < len(node.children) * node.objects


def _add_number_date(node: Node, number: int, text: str) -> None:
    shape = scalars.date_of_number(number, text)
    if shape is not None:
        node.number_dates = node.number_dates or Dates()
        node.number_dates.add(shape)


def _add_names(node: Node, elements: list[Any]) -> None:
    """Count the names of a list of names and values, as they stand for keys; names that may be anything do not."""
    names: set[str] = set()
    for element in elements:
        if not isinstance(element, dict) or not any(key in element for key in VALUE_KEYS):
            return
        name = next((element[key] for key in NAME_KEYS if isinstance(element.get(key), str)), None)
        if name is None:
            return
        if _NAME.fullmatch(name):
            names.add(name)
    node.names = {} if node.names is None else node.names
    for name in names:
        if name in node.names or len(node.names) < MOST_NAMES:
            node.names[name] = node.names.get(name, 0) + 1
