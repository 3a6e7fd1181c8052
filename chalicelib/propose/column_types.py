"""Which type and options make every value of a field load, and what a person has to look at.

Where two readings are possible, the one that changes nothing is taken: an amount that may be cents stays as it was
sent, a date without a zone is read as UTC, digits with leading zeros stay text.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from chalicelib.propose import words
from chalicelib.propose.date_types import date, date_look, number_date
from chalicelib.propose.fields import Field, Kind, Scope
from chalicelib.propose.money_types import amount_look, money
from chalicelib.propose.node import Node
from chalicelib.propose.typed import (
    Typed,
    breaking_count,
    decimal_options,
    false_is_none,
    noise,
    nulls,
    rejecting,
    zeros_of,
)
from chalicelib.propose.value_counts import Numbers

LEAST_MARKERS = 5
MARKER_TIMES = 5
"""How often 0 stands, and how much more often than another value on average, where it means none."""
_NO_ID = frozenset(("parent", "variation", "variant"))


def typed(of: Field, scope: Scope) -> Typed:
    """Return the type of a field of a scope."""
    node = of.node
    if of.kind is Kind.EMPTY or (of.kind is Kind.SCALAR and not node.scalars):
        is_text = node.texts and not node.objects and not node.lists
        return Typed("text" if is_text else "json", why="without a value in the sample")
    if of.kind is not Kind.SCALAR:
        why = {Kind.LIST: "a list", Kind.MAP: "an object whose keys are ids", Kind.MIXED: "values of several kinds"}
        if of.names:
            return Typed("text", why="a value beside its name")
        return Typed("json", nulls(node, []), why[of.kind]).warned(_object_look(node))
    for reading in (_boolean, date, number_date, money, _identifier, _number):
        kind = reading(of, scope)
        if kind is not None:
            return kind
    if node.objects or node.lists:
        return Typed("json", nulls(node, []), "values of several kinds")
    almost = _almost(of)
    text = Typed("text", {"null": [False]} if false_is_none(node) else {})
    return text.warned(almost) if almost else replace(text, look=date_look(of) or amount_look(of))


def _object_look(node: Node) -> str:
    """Say that few values which are no objects keep the fields of the others from being columns."""
    if not node.scalars + node.lists or 2 * node.objects < node.filled:
        return ""
    return f"an object in {node.objects} of {node.filled}: its fields are no columns, as the other values have none"


def _almost(of: Field) -> str:
    """Say that a field which stays text is a date, or a number, in most of its values."""
    node = of.node
    dates = node.dates.count - node.dates.formats.get("none", 0) if node.dates is not None else 0
    numbers = node.all_numbers.count if words.is_money(of.words) or node.numbers is not None else 0
    count, kind = (dates, "a date") if dates >= numbers else (numbers, "a number")
    if not node.filled / 2 <= count < node.filled:
        return ""
    return f"{kind} in {count} of {node.filled}, too few for its type: kept as text"


def _boolean(of: Field, scope: Scope) -> Typed | None:
    node = of.node
    if node.true + node.false + node.boolean_texts == node.scalars:
        return Typed("boolean", nulls(node, []))
    is_flag = bool({*of.all_words[:1]} & words.FLAG_FIRST or {"is", "has"} & set(of.words))
    if is_flag and node.numbers is not None and node.numbers.count == node.numbers.flags == node.scalars:
        return Typed("boolean", nulls(node, []), "only 0 and 1")
    return None


def _identifier(of: Field, scope: Scope) -> Typed | None:
    node = of.node
    breaking = breaking_count(node.identifiers, node)
    if not words.is_identifier(of.words) or breaking is None:
        return None
    none: list[Any] = []
    is_party = bool(set(of.all_words) & (words.PARTY | _NO_ID)) and of.words[-1] == "id"
    why, look = "", ""
    if is_party and node.all_numbers.zeros:
        none, look = _none_or_zero(node, zeros_of(node))
        why = "0 means none" if none else ""
    kind = Typed("identifier", nulls(node, none), why).warned(look)
    return kind.warned(rejecting(breaking, node, "an identifier", "mend them"))


def _none_or_zero(node: Node, zeros: list[Any]) -> tuple[list[Any], str]:
    """Return the zeros that mean none, which are far more frequent than other values; and what to look at."""
    count, option = node.all_numbers.zeros, f"null = {json.dumps(zeros)}"
    others, kinds = node.scalars - count, max(1, len(node.distinct) - len(zeros))
    if others and not (count >= LEAST_MARKERS and count * kinds >= MARKER_TIMES * others):
        return [], f"0 in {count} of {node.scalars} stays 0: if it means none, add {option}"
    return zeros, f"0 in {count} of {node.scalars} is read as none: if 0 is one of them, delete {option}"


def _number(of: Field, scope: Scope) -> Typed | None:
    """Return the type of numbers; of texts of digits only where their name or their decimals say that they count."""
    node, numbers = of.node, of.node.all_numbers
    breaking = breaking_count(numbers.count, node)
    if not numbers.count or breaking is None:
        return None
    if breaking and node.text_numbers and not words.is_quantity(of.words):
        return None
    few = rejecting(breaking, node, "a number")
    if not of.is_number and node.text_numbers and not _counts(of, node.text_numbers):
        return None
    if not numbers.fractions and not node.floats and not numbers.beyond_64_bit and not numbers.exponents:
        look = ""
        if words.is_whole_quantity(of.words):
            look = 'whole in all of the sample; if goods are sold by weight, type = "decimal"'
        return Typed("integer", nulls(node, []), look=look).warned(few)
    fit = decimal_options(numbers)
    if fit is None:
        if node.text_numbers or numbers.beyond_64_bit:
            return Typed("text", nulls(node, []), look="more digits than an exact decimal of 18 has: kept as text")
        return Typed("double", nulls(node, []), "more decimals than a decimal has").warned(few)
    return Typed("decimal", {**fit, **nulls(node, [])}, noise(numbers)).warned(few)


def _counts(of: Field, texts: Numbers) -> bool:
    return not texts.leading_zeros and (bool(texts.fractions) or words.is_quantity(of.words))
