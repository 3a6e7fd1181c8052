"""Where the documents are in a file: the array that holds them (`records`) and the path from each record (`at`).

Every object of the first values is judged by what a document has: an identity, a date, a total, lines. The best, the
shallowest of equals, is the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from chalicelib.propose import role_names, scalars, words
from chalicelib.propose.json_values import decode

MOST_DEPTH = 5
FEW = 12
MOST_ELEMENTS = 5
MOST_TEXT = 1024 * 1024

DYNAMODB = frozenset(("S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"))
MONGODB = frozenset(("$oid", "$date", "$numberDecimal", "$numberInt", "$numberLong", "$numberDouble", "$uuid"))
LIST_KEYS = ("edges", "nodes", "data", "items", "item", "elements", "results", "records")
"""Keys that hold a list in an object that is about nothing else."""
OLD = frozenset(("before", "old", "previous", "oldimage", "previous_attributes", "original"))

_WEAK_IDENTITIES = frozenset(("name", "key", "code"))
"""Names of what identifies a document, and of much else."""

_ENVELOPES = (
    ("detail-type", "detail"),
    ("specversion", "data"),
    ("eventSource",),
    ("before", "after"),
    ("Type", "Message"),
)
"""Keys of objects that events come in: none of them is a document. Of two, the second holds the document."""

_ID_LIKE = re.compile(
    r"\d+|-(?=[^\d]{0,100}\d)[\w-]+|(?=[^\d]{0,100}\d)[\w:.-]{12,}|[^@]*@.*|[A-Za-z]{1,8}[-_:#]\d[\w-]*"
)


class Layout(Struct, frozen=True):
    """Keys from the top of a value to the array of records, and from a record to its document; empty where it is it."""

    records: tuple[str, ...] = ()
    at: tuple[str, ...] = ()
    keyed_by_id: tuple[str, ...] | None = None
    """The path of a map keyed by id that the documents are in: no contract reads them."""

    def documents(self, value: Any) -> Iterator[tuple[Any, Any]]:
        """Return (record, document) for each record of a top-level value; the document is None where there is none."""
        array = _get(value, self.records) if self.records else None
        for record in array if isinstance(array, list) else [value]:
            yield record, _get(record, self.at)


class _Candidate(Struct):
    layout: Layout
    score: float
    parents: list[dict[str, Any]] = field(default_factory=list)


def find(values: list[Any], in_array: bool = False) -> Layout:
    """Return where documents are, told from a file's first values.

    `in_array` says that the values are elements of an array at the top: then no other array holds documents.
    """
    scores: dict[Layout, float] = {}
    kept: dict[Layout, _Candidate] = {}
    for value in values[:FEW]:
        seen: dict[Layout, float] = {}
        for candidate in _candidates(value, Layout(), [], 0, in_array):
            if candidate.score > seen.get(candidate.layout, -99):
                seen[candidate.layout] = candidate.score
                kept.setdefault(candidate.layout, candidate)
        for layout, score in seen.items():
            scores[layout] = scores.get(layout, 0) + score
    if not scores:
        return Layout()
    best = max(scores, key=lambda layout: (scores[layout], -len(layout.records) - len(layout.at)))
    keyed = _keyed_by_id(best, kept[best], in_array)
    return Layout(best.records, best.at, keyed) if keyed is not None else best


def _candidates(
    value: Any, layout: Layout, parents: list[dict[str, Any]], depth: int, in_array: bool
) -> Iterator[_Candidate]:
    value = _parsed(value)
    if not isinstance(value, dict) or depth > MOST_DEPTH:
        return
    yield _Candidate(layout, score(value) - 0.6 * depth - _loss(value, parents, layout), parents)
    for key, child in list(value.items())[:200]:
        if key.lower() in OLD or typed(value):
            continue
        child = _parsed(child)
        if isinstance(child, dict):
            below = Layout(layout.records, (*layout.at, key))
            yield from _candidates(child, below, [*parents, value], depth + 1, in_array)
        elif isinstance(child, list) and not layout.records and not in_array:
            below = Layout((*layout.at, key), ())
            for element in child[:MOST_ELEMENTS]:
                yield from _candidates(element, below, [*parents, value], depth + 1, in_array)


def _loss(document: dict[str, Any], parents: list[dict[str, Any]], layout: Layout) -> float:
    """Return what speaks against a document inside an object: that object has an id, or lists, which it has not."""
    if not parents:
        return 0
    parent = parents[-1]
    around = plain({key: value for key, value in parent.items() if not layout.at or key != layout.at[-1]})
    if not isinstance(around, dict) or _is_envelope(parent):
        payloads = {keys[1] for keys in _ENVELOPES if len(keys) > 1 and all(key in parent for key in keys)}
        return 4 if payloads and layout.at and layout.at[-1] not in payloads else 0
    has_id, has_date, has_money, has_list = _traits(around)
    if not layout.at and layout.records:
        # An object that has the identity of its elements counts as a document itself, whatever lists it holds.
        key = _identity_key(document)
        is_same = key is not None and key == _identity_key(parents[0])
        return (8 if is_same else 3) if has_id and (has_date or has_money) else 0
    own = plain(document)
    own_id, _, _, own_list = _traits(own) if isinstance(own, dict) else (False,) * 4
    return 4 * (has_id and not own_id) + 4 * (has_list and not own_list)


def _identity_key(value: dict[str, Any]) -> str | None:
    """Return the key that identifies an object, by the names of identities."""
    own = plain(value)
    candidates = [
        (role_names.IDENTITIES.index(name), key)
        for key, each in (own.items() if isinstance(own, dict) else ())
        if (name := " ".join(words.words(key))) in role_names.IDENTITIES and _is_id(words.words(key), each)
    ]
    return min(candidates)[1] if candidates else None


def _traits(value: dict[str, Any]) -> tuple[bool, bool, bool, bool]:
    """Tell whether an object has an identity, a date, an amount, a list of objects."""
    split = [(words.words(key), each) for key, each in value.items()]
    return (
        any(_is_id(of, each) for of, each in split),
        any(_is_date(of, each) for of, each in split),
        any(_is_amount(of, each) for of, each in split),
        any(_list(each) for each in value.values()),
    )


def _is_envelope(value: dict[str, Any]) -> bool:
    return any(all(key in value for key in keys) for keys in _ENVELOPES)


def _parsed(value: Any) -> Any:
    """Return the object that a text holds as JSON, anything else as it is."""
    if isinstance(value, str) and len(value) <= MOST_TEXT and value[:1] in ("{", "[") and value[-1:] in ("}", "]"):
        try:
            return decode(value)
        except (ValueError, RecursionError):
            return value
    return value


def _get(value: Any, path: tuple[str, ...]) -> Any:
    value = _parsed(value) if path else value
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = _parsed(value[key])
    return value


def typed(value: Any) -> bool:
    """Tell whether an object is one value with its type around it, as DynamoDB and MongoDB write it."""
    if not isinstance(value, dict) or len(value) != 1:
        return False
    key = next(iter(value))
    return key in DYNAMODB or key in MONGODB


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value without the types that DynamoDB and MongoDB write around it."""
    if depth > MOST_DEPTH or not isinstance(value, dict | list):
        return value
    if isinstance(value, list):
        return [plain(each, depth + 1) for each in value[:MOST_ELEMENTS]]
    if typed(value):
        return plain(next(iter(value.values())), depth)
    return {key: plain(each, depth + 1) for key, each in list(value.items())[:200]}


def score(document: dict[str, Any]) -> float:
    """Return how much an object has of what makes a document: identity, date, total, lines, a party, many fields."""
    value = plain(document)
    if not isinstance(value, dict):
        return 0
    split = {key: words.words(key) for key in value}
    has_id, has_date, has_money, _ = _traits(value)
    is_weak = not any(_is_id(of, value[key]) and " ".join(of) not in _WEAK_IDENTITIES for key, of in split.items())
    lists = [elements for each in value.values() if (elements := _list(each))]
    has_lines = any(_is_line(element) for each in lists for element in each[:2])
    named_lines = any(" ".join(split[key]) in role_names.LINES and _list(each) for key, each in value.items())
    has_party = any(set(each) & words.PARTY for each in split.values())
    is_line = _is_line(value) and not lists
    return (
        (1.5 if is_weak else 3) * has_id
        + 2 * has_date
        + 2 * has_money
        + 2 * bool(lists)
        + (2 if has_id else 1) * has_lines
        + (1 * named_lines if has_id else 0)
        + has_party
        + min(len(value), 20) / 10
        - 3 * is_line
        - 6 * _is_envelope(value)
    )


def _is_id(of: tuple[str, ...], value: Any) -> bool:
    return (
        isinstance(value, str | int)
        and not isinstance(value, bool)
        and value != ""
        and (
            " ".join(of) in role_names.IDENTITIES
            or (bool(of) and of[-1] in ("id", "uuid") and not set(of) & words.PARTY)
        )
    )


def _is_date(of: tuple[str, ...], value: Any) -> bool:
    if isinstance(value, str) and scalars.date_of_text(value):
        return True
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return is_number and words.is_date(of) and scalars.date_of_number(value, str(value)) is not None


def _is_amount(of: tuple[str, ...], value: Any) -> bool:
    if isinstance(value, dict):
        return words.is_money(of) and any(words.is_currency(words.words(key)) for key in value)
    if isinstance(value, bool) or value is None:
        return False
    is_number = not isinstance(value, str | list) or (isinstance(value, str) and scalars.NUMERIC_TEXT.fullmatch(value))
    return bool(is_number) and words.is_money(of)


def _is_line(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    split = [words.words(key) for key in value]
    if len(split) == 1 and isinstance(next(iter(value.values())), dict):
        return _is_line(next(iter(value.values())))
    has_quantity = any(words.is_quantity(each) for each in split)
    has_price = any(words.is_money(each) for each in split)
    has_goods = any(set(each) & words.GOODS for each in split)
    return has_quantity + has_price + has_goods >= 2


def _list(value: Any) -> list[Any]:
    """Return the objects of a list, also behind one key such as edges or data."""
    if isinstance(value, dict) and not any(_is_id(words.words(key), each) for key, each in value.items()):
        value = next((value[key] for key in LIST_KEYS if key in value), None)
    return value if isinstance(value, list) and value and isinstance(value[0], dict) else []


def is_id_like(key: str) -> bool:
    """Tell whether a key looks like a value, an id or an address, rather than like a field's name."""
    return len(key) > 100 or _ID_LIKE.fullmatch(key) is not None


def _keyed_by_id(layout: Layout, best: _Candidate, in_array: bool) -> tuple[str, ...] | None:
    """Return the path of the map whose keys are ids and whose values are the documents, if that is so."""
    path = layout.at
    for depth, parent in enumerate(best.parents[-len(path) :] if path else []):
        key = path[depth]
        child = plain(parent.get(key))
        siblings = [
            other
            for name, other in parent.items()
            if name != key and name.lower() not in OLD and isinstance(other, dict) and _alike(child, plain(other))
        ]
        if is_id_like(key) and (siblings or len(parent) == 1):
            return path[:depth]
        if siblings and depth == len(path) - 1 and all(score(each) > 4 for each in siblings):
            return path[:depth]
    return None


def _alike(one: Any, other: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    return 2 * len(one.keys() & other.keys()) >= len(one.keys() | other.keys()) > 0
