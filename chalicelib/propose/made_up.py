"""Documents in the shape of a profile with values that are made up: the contract's sample.json.

Nothing of the file gets in but keys, as the contract has them: every value is a number that counts up, a text made of
its key, or a date of July 2024.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.propose import words
from chalicelib.propose.fields import is_map
from chalicelib.propose.node import Node
from chalicelib.propose.profile import NAME_KEYS, Profile
from chalicelib.propose.proposal import Proposal

DOCUMENTS = 3
_FIRST = datetime(2024, 7, 5, 10, 30, tzinfo=UTC)
_MASK_DIGITS = "%Y%m%d%H%M%S"
_DIGITS_KEYS = frozenset(
    ("fraction digits", "precision", "exponent", "decimals", "decimal places", "minor units", "minor unit", "digits")
)


def written(profile: Profile, outer: Profile | None, proposal: Proposal, at: tuple[str, ...]) -> str:
    """Return the text of sample.json: made-up documents, wrapped as those of the file are."""
    records = []
    for number in range(1, DOCUMENTS + 1):
        maker = _Maker(number)
        document = maker.value(profile.root, "")
        record = document
        if outer is not None and at:
            record = _put(maker.value(outer.root, ""), outer.root, at, document)
        records.append(record)
    content: Any = records
    for key in reversed(proposal.records):
        content = {key: content}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _put(around: Any, node: Node | None, at: tuple[str, ...], document: Any) -> Any:
    """Return a record with the document at a path; a text on the way is JSON."""
    if not at:
        return document
    record = dict(around) if isinstance(around, dict) else {}
    child = node.children.get(at[0]) if node is not None else None
    below = _put(record.get(at[0]), child, at[1:], document)
    record[at[0]] = json.dumps(below) if child is not None and child.texts and not child.objects else below
    return record


class _Maker:
    """Makes the values of one document."""

    def __init__(self, number: int) -> None:
        self._document = number
        self._count = 0

    def value(self, node: Node, key: str) -> Any:
        """Return a value of a node's most frequent kind."""
        objects, lists = node.objects, node.lists
        if not node.present or node.present == node.nulls:
            return None
        if objects and objects >= max(lists, node.scalars):
            return self._object(node)
        if lists and lists >= node.scalars:
            return self._list(node, key)
        return self._scalar(node, key)

    def _object(self, node: Node) -> dict[str, Any]:
        if node.is_map:
            return {"id-1": self.value(node.items, "id")} if node.items is not None else {}
        if is_map(node):
            return {"id-1": self.value(next(iter(node.children.values())), "id")}
        keys = node.children
        if len(keys) > 1 and sum(child.present for child in keys.values()) == node.objects:
            # One key in each object, such as a value's type.
            keys = dict([max(keys.items(), key=lambda each: each[1].present)])
        made = {}
        for key, child in keys.items():
            if self._document == 1 or 2 * child.present >= node.objects:
                made[key] = self.value(child, key)
        return made

    def _list(self, node: Node, key: str) -> list[Any]:
        if node.items is None:
            return []
        count = min(2, node.longest_list)
        made = [self.value(node.items, key) for _ in range(count)]
        for name, element in zip(node.stable_names, made, strict=False):
            name_key = next((each for each in NAME_KEYS if isinstance(element, dict) and each in element), None)
            if name_key is not None:
                element[name_key] = name
        return made

    def _scalar(self, node: Node, key: str) -> Any:
        self._count += 1
        of = words.words(key)
        if node.dates is not None and node.dates.count * 2 >= node.scalars:
            return self._date(node)
        if node.number_dates is not None and node.number_dates.count and _is_date_number(node, of):
            return self._number_date(node)
        if node.integers + node.floats and node.integers + node.floats >= node.texts - node.empty_texts:
            return self._number(node, of)
        if node.true + node.false > node.texts - node.empty_texts:
            return node.true > 0 and self._document % 2 == 1
        return self._text(node, key, of)

    def _text(self, node: Node, key: str, of: tuple[str, ...]) -> str:
        filled = node.texts - node.empty_texts
        if not filled:
            return ""
        if node.text_numbers is not None and node.text_numbers.count == filled:
            text = str(self._number(node, of))
            return f"00{text}" if node.text_numbers.leading_zeros else text
        if node.boolean_texts == filled:
            return "true"
        if node.json_texts == filled:
            return "{}"
        if node.currency_texts and words.is_currency(of):
            return "EUR"
        if "email" in of or "mail" in of:
            return f"person{self._document}@example.com"
        if of and of[-1] in ("url", "href", "uri", "link"):
            return f"https://example.com/{self._document}"
        if words.is_identifier(of):
            return f"{key}-{self._document}{self._count:03}"
        return f"{key or 'value'} {self._document}"

    def _number(self, node: Node, of: tuple[str, ...]) -> int | float:
        numbers = node.all_numbers
        if " ".join(of) in _DIGITS_KEYS:
            return 2
        if of[-1:] == ("divisor",):
            return 100
        if numbers.count == numbers.zeros:
            return 0
        if numbers.count == numbers.flags:
            return 1
        if numbers.fractions:
            return round(self._document * 10 + 0.25 + self._count / 100, min(numbers.decimals, 2))
        if words.is_identifier(of):
            return 1000 * self._document + self._count
        return self._document if words.is_quantity(of) else 100 * self._document

    def _date(self, node: Node) -> str:
        assert node.dates is not None
        when = _FIRST + timedelta(days=self._document)
        formats = [each for each in node.dates.formats if each != "none"]
        mask = next((each for each in node.dates.masks), "")
        if not formats:
            return mask.replace("9", "0")
        match max(formats, key=lambda each: node.dates.formats[each] if node.dates else 0):
            case "rfc2822":
                return when.strftime("%a, %d %b %Y %H:%M:%S +0000")
            case "dotnet":
                return f"/Date({int(when.timestamp()) * 1000})/"
            case name if name.startswith("iso"):
                return _filled(next(each for each in node.dates.masks if each.startswith("9999-99-99")), when)
            case name if name.startswith("ambiguous "):
                separator, clock = name.removeprefix("ambiguous ")[0], name.removeprefix("ambiguous ")[1:]
                return when.strftime(separator.join(("%m", "%d", "%Y")) + clock)
            case name:
                return when.strftime(name)

    def _number_date(self, node: Node) -> int | str:
        assert node.number_dates is not None
        when = _FIRST + timedelta(days=self._document)
        seconds = int(when.timestamp())
        name = max(
            node.number_dates.formats, key=lambda each: node.number_dates.formats[each] if node.number_dates else 0
        )
        digits = {
            "epoch_seconds": seconds,
            "epoch_milliseconds": seconds * 1000,
            "epoch_microseconds": seconds * 1_000_000,
            "epoch_nanoseconds": seconds * 1_000_000_000,
            "yyyymmdd": int(when.strftime("%Y%m%d")),
        }[name]
        return str(digits) if node.texts > node.integers else digits


def _is_date_number(node: Node, of: tuple[str, ...]) -> bool:
    assert node.number_dates is not None
    is_all = node.number_dates.count + node.all_numbers.zeros == node.scalars
    return is_all and (words.is_date(of) or of[:1] == ("number",))


def _filled(mask: str, when: datetime) -> str:
    """Return a date as a mask has it: its digits one after another, then zeros for fractions and offsets."""
    digits = iter(when.strftime(_MASK_DIGITS))
    return "".join(next(digits, "0") if character == "9" else character for character in mask)
