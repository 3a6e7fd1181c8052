"""What is at each path of the documents: how often, of which types, how long. Counts and lengths, never a value.

Memory is bounded whatever the file: by the number of paths, the depth, and the hashes kept for distinct values. An
object with very many keys is a map keyed by id: its values are profiled together, and its keys forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from chalicelib.contracts.currencies import MINOR_UNIT_DIGITS
from chalicelib.propose import scalars
from chalicelib.propose.scalars import DateShape

MOST_NODES = 6_000
"""How many paths are profiled; keys beyond are counted as left out."""
MOST_DEPTH = 14
MOST_KEYS = 300
"""An object with more different keys, most of them seldom there, is a map keyed by id."""
OFTEN = 10
"""Of the keys of an object with too many, those are kept that are in one of so many objects."""
MOST_DISTINCT = 64
MOST_IDENTITIES = 20_000
"""For how many values of a path that may be the identity it is proven that they are distinct."""
IDENTITY_PATHS = 40
IDENTITY_DEPTH = 3
MOST_KINDS = 12
MOST_YEARS = 100
LONGEST_KEY = 200
MOST_NAMES = 40

_INTEGER_64 = 2**63
_NAME = re.compile(r"[a-z_][A-Za-z_.:\-]{0,48}", re.ASCII)
"""A name of a list of names and values that may be kept: no digits, spaces or capital first, as people have."""
_IDENTITY_KEY = re.compile(r"(?i)(?:id|key|no|nr|num|number|code|ref|reference|name|oid|guid|ulid|pk|sk)$|^[SN]$")
NAME_KEYS = ("key", "name", "Key", "Name")
VALUE_KEYS = ("value", "values", "Value", "val", "stringValue", "string_value")


_NUMBER_COUNTS = ("count", "fractions", "noisy", "zeros", "flags", "beyond_64_bit", "leading_zeros", "exponents")


@dataclass(slots=True)
class Numbers:
    """Numbers of one path, JSON numbers or texts."""

    count: int = 0
    whole: int = 0
    decimals: int = 0
    fractions: int = 0
    noisy: int = 0
    zeros: int = 0
    flags: int = 0
    """How many are 0 or 1."""
    beyond_64_bit: int = 0
    leading_zeros: int = 0
    exponents: int = 0

    def add(self, number: int | Decimal, text: str = "") -> None:
        """Count one finite number; `text` is how it was written where it was a text."""
        length = scalars.digits(number)
        self.count += 1
        self.whole = max(self.whole, length.whole)
        self.decimals = max(self.decimals, length.decimals)
        self.fractions += length.decimals > 0
        self.noisy += length.noisy
        self.zeros += not number
        self.flags += number == 0 or number == 1
        self.beyond_64_bit += not -_INTEGER_64 < number < _INTEGER_64
        self.leading_zeros += len(text) > 1 and text[0] == "0" and text[1].isdigit()
        self.exponents += "e" in text or "E" in text

    def merge(self, other: Numbers) -> None:
        """Add another's counts."""
        self.whole, self.decimals = max(self.whole, other.whole), max(self.decimals, other.decimals)
        for name in _NUMBER_COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def orders_of(name: str) -> tuple[str, ...]:
    """Return the formats that an ambiguous one may be, month first and day first; nothing for any other."""
    if not name.startswith("ambiguous "):
        return ()
    separator, clock = name.removeprefix("ambiguous ")[0], name.removeprefix("ambiguous ")[1:]
    return tuple(separator.join((*order, "%Y")) + clock for order in (("%m", "%d"), ("%d", "%m")))


@dataclass(slots=True)
class Dates:
    """Values of one path that are dates by their shape, by format."""

    formats: dict[str, int] = field(default_factory=dict)
    masks: dict[str, None] = field(default_factory=dict)
    years: dict[int, int] = field(default_factory=dict)
    """How many are of each year, as far as there is room."""
    first_year: int = 9999
    last_year: int = 0

    def after(self, year: int) -> int:
        """Return how many are later than a year."""
        return max(sum(count for each, count in self.years.items() if each > year), self.last_year > year)

    @property
    def count(self) -> int:
        """How many values are dates."""
        return sum(self.formats.values())

    @property
    def settled(self) -> dict[str, int]:
        """How many are of each format, ambiguous ones as those read that can be read in but one way.

        Where day and month of 05/06/2024 could be either, 13/06/2024 settles it, if such are one in four of the
        others and none has the other order.
        """
        settled = {name: count for name, count in self.formats.items() if not name.startswith("ambiguous")}
        for name, count in self.formats.items():
            orders = orders_of(name)
            proven = [each for each in orders if each in settled]
            if len(proven) == 1 and 4 * self.formats[proven[0]] >= count:
                settled[proven[0]] += count
            elif orders:
                settled[name] = count
        return settled

    def add(self, shape: DateShape, count: int = 1) -> None:
        """Count a date."""
        if shape.format not in self.formats and len(self.formats) >= MOST_KINDS:
            return
        self.formats[shape.format] = self.formats.get(shape.format, 0) + count
        if len(self.masks) < 3:
            self.masks[shape.mask] = None
        if shape.format != "none":
            self._add_year(shape.year, count)
            self.first_year = min(self.first_year, shape.year)
            self.last_year = max(self.last_year, shape.year)

    def _add_year(self, year: int, count: int) -> None:
        if year in self.years or len(self.years) < MOST_YEARS:
            self.years[year] = self.years.get(year, 0) + count

    def merge(self, other: Dates) -> None:
        """Add another's counts."""
        for year, count in other.years.items():
            self._add_year(year, count)
        for name, count in other.formats.items():
            if name in self.formats or len(self.formats) < MOST_KINDS:
                self.formats[name] = self.formats.get(name, 0) + count
        self.masks.update(dict.fromkeys(list(other.masks)[: max(0, 3 - len(self.masks))]))
        self.first_year = min(self.first_year, other.first_year)
        self.last_year = max(self.last_year, other.last_year)


@dataclass(slots=True)
class Node:
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
            known = node.children.get(key)
            if known is None:
                known = self._new(depth, key) if len(key) <= LONGEST_KEY else None
                if known is None:
                    node.truncated = True
                    self.left_out += 1
                    continue
                node.children[key] = known
            self._add(known, child, depth + 1)
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


def nodes(node: Node) -> Iterator[Node]:
    """Return a node and all below it."""
    yield node
    for child in node.children.values():
        yield from nodes(child)
    if node.items is not None:
        yield from nodes(node.items)


def _is_sparse(node: Node) -> bool:
    return 2 * sum(child.present for child in node.children.values()) < len(node.children) * node.objects


def _add_number_date(node: Node, number: int, text: str) -> None:
    shape = scalars.date_of_number(number, text)
    if shape is not None:
        node.number_dates = node.number_dates or Dates()
        node.number_dates.add(shape)


def _add_names(node: Node, elements: list[Any]) -> None:
    """Count the names of a list of names and values, as they stand for keys; names that may be anything do not."""
    found: set[str] = set()
    for element in elements:
        if not isinstance(element, dict) or not any(key in element for key in VALUE_KEYS):
            return
        name = next((element[key] for key in NAME_KEYS if isinstance(element.get(key), str)), None)
        if name is None:
            return
        if _NAME.fullmatch(name):
            found.add(name)
    node.names = {} if node.names is None else node.names
    for name in found:
        if name in node.names or len(node.names) < MOST_NAMES:
            node.names[name] = node.names.get(name, 0) + 1
