"""Values that are amounts of money: exact decimals, and whole numbers that may be minor units."""

from __future__ import annotations

from typing import Any

from chalicelib.contracts.paths import JsonPath, Key
from chalicelib.propose import words
from chalicelib.propose.fields import Field, Scope
from chalicelib.propose.node import Node
from chalicelib.propose.typed import SCALE, Typed, breaking_count, decimal_options, noise, nulls, rejecting
from chalicelib.propose.value_counts import Numbers

_DIGITS_KEYS = frozenset(
    ("fraction digits", "precision", "exponent", "decimals", "decimal places", "minor units", "minor unit", "digits")
)
_FEW_DIGITS = frozenset(map(hash, range(SCALE + 1)))
_POWERS_OF_TEN = frozenset(hash(10**digits) for digits in range(SCALE + 1))
"""Hashes, as a node has them, of how amounts may be divided and still fit a decimal of the usual scale."""


def money(of: Field, scope: Scope) -> Typed | None:
    """Return the type of amounts of money, None for what are none."""
    node = of.node
    numbers = node.all_numbers
    breaking = breaking_count(numbers.count, node)
    if not words.is_money(of.words) or not numbers.count or breaking is None:
        return None
    minor = _minor_units(of, scope, numbers)
    fit = decimal_options(numbers)
    if fit is None:
        return Typed("text", nulls(node, [])).warned("too many digits for an exact decimal of 18: kept as text")
    options = {**fit, **minor.options, **nulls(node, [])}
    kind = Typed("decimal", options, minor.why or noise(numbers), minor.look, is_money=True, is_said=minor.is_said)
    return kind.warned(rejecting(breaking, node, "a number"))


def _minor_units(of: Field, scope: Scope, numbers: Numbers) -> Typed:
    """Return the option that makes an amount of minor units one of the currency, and why; or what to look at."""
    none = Typed("decimal")
    if numbers.fractions or (of.node.text_numbers and not of.is_number and of.node.text_numbers.count):
        return none
    for key, sibling in of.siblings.items():
        path = str(JsonPath((*of.above, Key(key))))
        if sibling.is_numeric and _is_beside(of, sibling):
            if " ".join(words.words(key)) in _DIGITS_KEYS and sibling.distinct <= _FEW_DIGITS:
                why = f"whole numbers, with their decimals in {key}"
                return _in_minor({"digits": path}, why, f"with the decimals that {key} says")
            if words.words(key)[-1:] == ("divisor",) and sibling.distinct <= _POWERS_OF_TEN:
                return _in_minor({"divide_by": path}, f"whole numbers, with {key}", f"divided by {key}")
    currency = _currency_path(of, scope)
    if "micros" in of.words:
        return _in_minor({"scale": 6, "divide_by": 1_000_000}, "millionths, by its name", "divided by 1000000")
    is_named = bool(words.MINOR & set(of.words)) and "per" not in of.words
    is_square = len(of.keys) > 1 and words.words(of.keys[-2])[-1:] == ("money",)
    if is_named or is_square or _is_stripe(scope):
        why = "cents, by its name" if is_named else "minor units, as Square and Stripe write money"
        if currency:
            return _in_minor({"digits": {"currency": currency}}, why, "with the decimals of their currency")
        return _in_minor({"divide_by": 100}, why, "divided by 100, as no currency beside it tells the decimals")
    if numbers.count > numbers.zeros and numbers.whole >= 3:
        by = f'digits = {{ currency = "{currency}" }}' if currency else "divide_by = 100"
        return Typed("decimal", look=f"whole numbers only: if they are cents, add {by}; as it is, they stay as sent")
    return none


def _in_minor(options: dict[str, Any], why: str, by: str) -> Typed:
    """Return a decimal of whole numbers that are read as minor units, which is said."""
    look = f"whole numbers read as minor units, {by}: check one against an invoice"
    return Typed("decimal", options, why).warned(look)


def _is_stripe(scope: Scope) -> bool:
    children = scope.chain[-1].element.children
    return "livemode" in children and "object" in children


def _currency_path(of: Field, scope: Scope) -> str:
    """Return the path of the currency that is always there where the amount is, the nearest first."""
    for key, sibling in of.siblings.items():
        if _is_currency(key, sibling) and _is_beside(of, sibling):
            return str(JsonPath((*of.above, Key(key))))
    for around in scope.chain:
        for each in around.fields:
            steps = each.paths[0].steps
            if _is_currency(each.keys[-1], each.node) and each.node.present == around.count and len(each.keys) <= 2:
                return str(JsonPath(steps))
    return ""


def _is_beside(of: Field, sibling: Node) -> bool:
    """Tell whether a sibling has a value wherever the field may have one: in every object that they are in."""
    return sibling.scalars == sibling.present == of.parent.objects - of.parent.empty_objects


def _is_currency(key: str, node: Node) -> bool:
    return words.is_currency(words.words(key)) and 0 < node.currency_texts == node.scalars == node.present


def amount_look(of: Field) -> str:
    """Say that texts are amounts as people write them, which no decimal column takes; nothing where none is."""
    node = of.node
    if not (node.written_amounts and words.is_money(of.words)):
        return ""
    return (
        f"{node.written_amounts} of {node.scalars} are amounts with a decimal comma, separators or a currency, which "
        "no decimal column takes: have them sent as 1234.56"
    )
