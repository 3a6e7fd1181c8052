"""What is at one path of the documents, and below it: counts, lengths and hashes, never a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from chalicelib.propose.value_counts import Dates, Numbers

MOST_DISTINCT = 64


class Node(Struct):
    """One path. `items` is the node of a list's elements; `children` those of an object's keys, in order of arrival."""

    present: int = 0
    nulls: int = 0
    true: int = 0
    false: int = 0
    integers: int = 0
    floats: int = 0
    texts: int = 0
    empty_texts: int = 0
    boolean_texts: int = 0
    currency_texts: int = 0
    written_amounts: int = 0
    """Texts that are amounts as people write them, and no numbers."""
    json_texts: int = 0
    """Texts that are JSON by their first and last character."""
    objects: int = 0
    empty_objects: int = 0
    lists: int = 0
    empty_lists: int = 0
    longest_list: int = 0
    longest_text: int = 0
    numbers: Numbers | None = None
    """Of JSON numbers."""
    text_numbers: Numbers | None = None
    """Of texts that are numbers."""
    dates: Dates | None = None
    """Of texts that are dates."""
    number_dates: Dates | None = None
    """Of numbers, and texts of digits, that may be dates."""
    children: dict[str, Node] = field(default_factory=dict)
    items: Node | None = None
    is_map: bool = False
    truncated: bool = False
    """Depth or number of paths went beyond the bound below here."""
    distinct: set[int] = field(default_factory=set)
    most_distinct: int = MOST_DISTINCT
    description: str = ""
    declared: str = ""
    """What a JSON Schema says of it: its description, and its type in words; nothing of what is read from documents."""
    names: dict[str, int] | None = None
    """Of a list of names and values: how many lists hold each name. For a contract, see `stable_names`."""

    @property
    def values(self) -> int:
        """How many are neither null nor an empty text, object or list."""
        return self.present - self.nulls - self.empty_texts - self.empty_objects - self.empty_lists

    @property
    def scalars(self) -> int:
        """How many are a text that is not empty, a number or a boolean."""
        return self.true + self.false + self.integers + self.floats + self.texts - self.empty_texts

    @property
    def filled(self) -> int:
        """How many are neither null nor an empty text."""
        return self.scalars + self.objects + self.lists

    @property
    def identifiers(self) -> int:
        """How many are a text that is not empty, or a whole number."""
        return self.integers + self.texts - self.empty_texts

    @property
    def stable_names(self) -> tuple[str, ...]:
        """The names that are in every other list of names and values, and in two: they stand for keys."""
        lists = self.lists - self.empty_lists
        return tuple(name for name, times in (self.names or {}).items() if times >= 2 and 2 * times >= lists)

    @property
    def all_numbers(self) -> Numbers:
        """Numbers and numeric texts together."""
        both = Numbers()
        for each in (self.numbers, self.text_numbers):
            if each is not None:
                both.merge(each)
        return both

    @property
    def is_numeric(self) -> bool:
        """Tell whether all values are numbers or numeric texts, and there are some."""
        return 0 < self.scalars == self.all_numbers.count and not self.objects and not self.lists

    @property
    def all_dates(self) -> int:
        """How many are dates: texts and numbers, those that stand for none or are ambiguous aside."""
        texts = self.dates.settled if self.dates is not None else {}
        numbers = self.number_dates.count if self.number_dates is not None else 0
        return numbers + sum(
            count for name, count in texts.items() if name != "none" and not name.startswith("ambiguous")
        )

    def dates_after(self, year: int) -> int:
        """Return how many dates are later than a year."""
        return sum(each.after(year) for each in (self.dates, self.number_dates) if each is not None)

    @property
    def element(self) -> Node:
        """The node of a list's elements, with objects that stand in the list's stead where it has one element."""
        element = Node()
        if self.items is not None:
            element.merge(self.items)
        if self.objects and self.lists:
            alone = Node(present=self.objects, objects=self.objects, empty_objects=self.empty_objects)
            alone.children = self.children
            element.merge(alone)
        return element

    def merge(self, other: Node) -> None:
        """Add another's counts; its children stay its own where this node has none of their name."""
        for name in _COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_list = max(self.longest_list, other.longest_list)
        self.longest_text = max(self.longest_text, other.longest_text)
        self.numbers = _merged(self.numbers, other.numbers, Numbers)
        self.text_numbers = _merged(self.text_numbers, other.text_numbers, Numbers)
        self.dates = _merged(self.dates, other.dates, Dates)
        self.number_dates = _merged(self.number_dates, other.number_dates, Dates)
        self.is_map |= other.is_map
        self.description = self.description or other.description
        self.declared = self.declared or other.declared
        self.truncated |= other.truncated
        self.most_distinct = max(self.most_distinct, other.most_distinct)
        self.distinct = set(list(self.distinct | other.distinct)[: self.most_distinct])
        if other.items is not None:
            self.items = _copied(self.items, other.items)
        for key, child in other.children.items():
            self.children[key] = _copied(self.children.get(key), child)
        if other.names:
            self.names = {**other.names, **(self.names or {})}


_COUNTS = (
    "present",
    "nulls",
    "true",
    "false",
    "integers",
    "floats",
    "texts",
    "empty_texts",
    "boolean_texts",
    "currency_texts",
    "json_texts",
    "written_amounts",
    "objects",
    "empty_objects",
    "lists",
    "empty_lists",
)


def _merged(mine: Any, other: Any, kind: type[Any]) -> Any:
    if mine is None and other is None:
        return None
    both = kind()
    for each in (mine, other):
        if each is not None:
            both.merge(each)
    return both


def _copied(mine: Node | None, other: Node) -> Node:
    both = Node()
    if mine is not None:
        both.merge(mine)
    both.merge(other)
    return both


def nodes(node: Node) -> Iterator[Node]:
    """Return a node and all below it."""
    yield node
    for child in node.children.values():
        yield from nodes(child)
    if node.items is not None:
        yield from nodes(node.items)
