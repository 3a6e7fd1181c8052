"""Which type and options make every value of a field load, and what a person has to look at.

Where two readings are possible, the one that changes nothing is taken: an amount that may be cents stays as it was
sent, a date without a zone is read as UTC, digits with leading zeros stay text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.contracts.paths import JsonPath, Key
from chalicelib.propose import scalars, words
from chalicelib.propose.counting import is_nearly_all
from chalicelib.propose.fields import Field, Kind, Scope
from chalicelib.propose.profile import Dates, Node, Numbers, orders_of

PRECISION = 18
SCALE = 4
_DIGITS_KEYS = frozenset(
    ("fraction digits", "precision", "exponent", "decimals", "decimal places", "minor units", "minor unit", "digits")
)
_FEW_DIGITS = frozenset(map(hash, range(SCALE + 1)))
_POWERS_OF_TEN = frozenset(hash(10**digits) for digits in range(SCALE + 1))
"""Hashes, as a node has them, of how amounts may be divided and still fit a decimal of the usual scale."""
LEAST_MARKERS = 5
MARKER_TIMES = 5
"""How often 0 stands, and how much more often than another value on average, where it means none."""
_NO_ID = frozenset(("parent", "variation", "variant"))
_ISO = frozenset(("iso", "iso local", "iso date"))


@dataclass
class Typed:
    """A type with its options, in a contract's words; `why` is said in the column's comment, `look` is a warning."""

    type: str
    options: dict[str, Any] = field(default_factory=dict)
    why: str = ""
    look: str = ""
    is_money: bool = False
    is_said: bool = False
    """Whether the command says `look`, too, and not only the contract."""

    def warned(self, look: str) -> Typed:
        """Return it with a warning more, which the command says, too; as it is where there is none."""
        if look:
            self.look, self.is_said = "; ".join(filter(None, (look, self.look))), True
        return self


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
        return Typed("json", _nulls(node, []), why[of.kind]).warned(_object_look(node))
    for reading in (_boolean, _date, _number_date, _money, _identifier, _number):
        found = reading(of, scope)
        if found is not None:
            return found
    if node.objects or node.lists:
        return Typed("json", _nulls(node, []), "values of several kinds")
    nulls: list[Any] = [False] if _false_is_none(node) else []
    almost = _almost(of)
    text = Typed("text", {"null": nulls} if nulls else {})
    return text.warned(almost) if almost else replace(text, look=_date_look(of) or _amount_look(of))


def _object_look(node: Node) -> str:
    """Say that few values which are no objects keep the fields of the others from being columns."""
    if not node.scalars + node.lists or 2 * node.objects < node.filled:
        return ""
    return f"an object in {node.objects} of {node.filled}: its fields are no columns, as the other values have none"


def _breaking(count: int, node: Node) -> int | None:
    """Return how many values are not among those that fit a type: none or few; None where it is not the type."""
    count += node.false if _false_is_none(node) else 0
    return node.filled - count if count == node.filled or is_nearly_all(count, node.filled) else None


def _rejecting(breaking: int, node: Node, kind: str, instead: str = "make it text to take them") -> str:
    """Say that the few values that break a type are rejected."""
    if not breaking:
        return ""
    are = "the other is" if breaking == 1 else "the others are"
    instead = instead.replace("them", "it") if breaking == 1 else instead
    return f"{kind} in {node.filled - breaking} of {node.filled}: {are} rejected; {instead}"


def _almost(of: Field) -> str:
    """Say that a field which stays text is a date, or a number, in most of its values."""
    node = of.node
    dates = node.dates.count - node.dates.formats.get("none", 0) if node.dates is not None else 0
    numbers = node.all_numbers.count if words.is_money(of.words) or node.numbers is not None else 0
    count, kind = (dates, "a date") if dates >= numbers else (numbers, "a number")
    if not node.filled / 2 <= count < node.filled:
        return ""
    return f"{kind} in {count} of {node.filled}, too few for its type: kept as text"


def _amount_look(of: Field) -> str:
    node = of.node
    if not (node.written_amounts and words.is_money(of.words)):
        return ""
    return (
        f"{node.written_amounts} of {node.scalars} are amounts with a decimal comma, separators or a currency, which "
        "no decimal column takes: have them sent as 1234.56"
    )


def _boolean(of: Field, scope: Scope) -> Typed | None:
    node = of.node
    if node.true + node.false + node.boolean_texts == node.scalars:
        return Typed("boolean", _nulls(node, []))
    is_flag = bool({*of.all_words[:1]} & words.FLAG_FIRST or {"is", "has"} & set(of.words))
    if is_flag and node.numbers is not None and node.numbers.count == node.numbers.flags == node.scalars:
        return Typed("boolean", _nulls(node, []), "only 0 and 1")
    return None


def _false_is_none(node: Node) -> bool:
    return bool(node.false and not node.true and node.scalars > node.false)


def _nulls(node: Node, more: list[Any]) -> dict[str, Any]:
    """Return the option `null` for values that mean none; nothing where there are no such values."""
    none = [*more, *([""] if node.empty_texts else []), *([False] if _false_is_none(node) else [])]
    return {"null": none} if none else {}


def _date(of: Field, scope: Scope) -> Typed | None:
    node, dates = of.node, of.node.dates
    mixed = _mixed_dates(of)
    if mixed is not None or dates is None:
        return mixed
    settled = dates.settled
    formats = {each for each in settled if not each.startswith("ambiguous")}
    breaking = _breaking(sum(settled[each] for each in formats), node)
    if breaking is None or formats == {"none"} or (breaking and words.is_identifier(of.words)):
        return None
    few = "; ".join(filter(None, (_rejecting(breaking, node, "a date"), _order_look(dates))))
    zeros = [mask.replace("9", "0") for mask in dates.masks] if "none" in formats else []
    zeros = [zero for zero in zeros if zero.startswith("0000-00-00")]
    options = {} if formats - {"none"} <= _ISO else {"format": _formats(formats - {"none"})}
    options |= _nulls(node, zeros)
    is_day = formats - {"none"} == {"iso date"}
    local = settled.get("iso local", 0) + sum(n for name, n in settled.items() if name.startswith("%"))
    look = ""
    in_utc = [key for key in of.siblings if key.lower() in (f"{of.keys[-1].lower()}_{end}" for end in ("gmt", "utc"))]
    if in_utc:
        return Typed("date" if is_day else "timestamp", options, f"a local time; {in_utc[0]} is in UTC").warned(few)
    if local and not {"gmt", "utc"} & set(of.words):
        look = (
            f"no offset in {local} of {dates.count}: read as UTC; if it is the local time of a place, add "
            'zone = "Europe/Berlin" or the like'
        )
    return Typed("date" if is_day else "timestamp", options, f"dates as {_masks(dates)}", look).warned(few)


def _mixed_dates(of: Field) -> Typed | None:
    """Return a timestamp of values that are dates as texts and as numbers, such as MongoDB's."""
    node, texts, numbers = of.node, of.node.dates, of.node.number_dates
    if not (texts and numbers and words.is_date(of.all_words)) or node.all_numbers.count != numbers.count:
        return None
    breaking = _breaking(texts.count + numbers.count, node)
    if breaking is None:
        return None
    formats = set(texts.formats) | set(numbers.formats)
    if any(each.startswith("ambiguous") or each == "none" for each in formats) or len(numbers.formats) > 1:
        return None
    why = f"dates as {_masks(texts)} and numbers"
    kind = Typed("timestamp", {"format": _formats(formats)} | _nulls(node, []), why)
    return kind.warned(_rejecting(breaking, node, "a date"))


def _number_date(of: Field, scope: Scope) -> Typed | None:
    node, dates = of.node, of.node.number_dates
    if dates is None or not words.is_date(of.all_words) or len(dates.formats) > 1:
        # Numbers of two sizes cannot be told apart: the first format would take them all.
        return None
    zeros = node.all_numbers.zeros
    breaking = _breaking(dates.count + zeros, node)
    if breaking is None or dates.count + zeros != node.all_numbers.count:
        # A number that is no date by its size would be taken for one.
        return None
    none: list[Any] = []
    if zeros:
        none = [zero for zero, count in ((0, _zeros(node.numbers)), ("0", _zeros(node.text_numbers))) if count]
    options = {"format": _formats(set(dates.formats))} | _nulls(node, none)
    kind = Typed("timestamp", options, f"{next(iter(dates.formats))} by their size")
    return kind.warned(_rejecting(breaking, node, "a date"))


def _zeros(numbers: Numbers | None) -> int:
    return numbers.zeros if numbers else 0


def _formats(formats: set[str]) -> str | list[str]:
    named = sorted({"iso" if each in _ISO else each for each in formats})
    return named[0] if len(named) == 1 else named


def _masks(dates: Dates) -> str:
    return ", ".join(dates.masks)


def _order_look(dates: Dates) -> str:
    """Say that day and month of some dates are read as those of others that can be read in but one way."""
    settled = dates.settled
    for name, count in dates.formats.items():
        if name not in settled:
            (order,) = (each for each in orders_of(name) if each in settled)
            first = "day" if order.startswith("%d") else "month"
            return f"{first} first, as in {dates.formats[order]}: {count} others could be read either way"
    return ""


def _date_look(of: Field) -> str:
    dates = of.node.dates
    if dates is None:
        return ""
    ambiguous = next((each for each in dates.settled if each.startswith("ambiguous")), None)
    if ambiguous and dates.count == of.node.scalars:
        month_first, day_first = orders_of(ambiguous)
        return f'day and month cannot be told apart: type = "timestamp", format = "{month_first}" or "{day_first}"'
    return f"{dates.count} of {of.node.scalars} are dates, the others are not"


def _money(of: Field, scope: Scope) -> Typed | None:
    node = of.node
    numbers = node.all_numbers
    breaking = _breaking(numbers.count, node)
    if not words.is_money(of.words) or not numbers.count or breaking is None:
        return None
    minor = _minor_units(of, scope, numbers)
    fit = _decimal(numbers)
    if fit is None:
        return Typed("text", _nulls(node, [])).warned("too many digits for an exact decimal of 18: kept as text")
    options = {**fit, **minor.options, **_nulls(node, [])}
    kind = Typed("decimal", options, minor.why or _noise(numbers), minor.look, is_money=True, is_said=minor.is_said)
    return kind.warned(_rejecting(breaking, node, "a number"))


def _decimal(numbers: Numbers) -> dict[str, Any] | None:
    """Return the option `scale`, nothing where the usual one fits; None where no exact decimal does."""
    scale = max(SCALE, numbers.decimals)
    if numbers.whole + scale > PRECISION:
        scale = PRECISION - numbers.whole
    if scale > scalars.MOST_DECIMALS or scale < numbers.decimals:
        return None
    return {} if scale == SCALE else {"scale": scale}


def _noise(numbers: Numbers) -> str:
    return f"floating-point noise in {numbers.noisy}" if numbers.noisy else ""


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


def _identifier(of: Field, scope: Scope) -> Typed | None:
    node = of.node
    breaking = _breaking(node.identifiers, node)
    if not words.is_identifier(of.words) or breaking is None:
        return None
    none: list[Any] = []
    is_party = bool(set(of.all_words) & (words.PARTY | _NO_ID)) and of.words[-1] == "id"
    why, look = "", ""
    if is_party and node.all_numbers.zeros:
        zeros = [zero for zero, count in ((0, _zeros(node.numbers)), ("0", _zeros(node.text_numbers))) if count]
        none, look = _none_or_zero(node, zeros)
        why = "0 means none" if none else ""
    kind = Typed("identifier", _nulls(node, none), why).warned(look)
    return kind.warned(_rejecting(breaking, node, "an identifier", "mend them"))


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
    breaking = _breaking(numbers.count, node)
    if not numbers.count or breaking is None:
        return None
    if breaking and node.text_numbers and not words.is_quantity(of.words):
        return None
    few = _rejecting(breaking, node, "a number")
    if not of.is_number and node.text_numbers and not _counts(of, node.text_numbers):
        return None
    if not numbers.fractions and not node.floats and not numbers.beyond_64_bit and not numbers.exponents:
        look = ""
        if words.is_whole_quantity(of.words):
            look = 'whole in all of the sample; if goods are sold by weight, type = "decimal"'
        return Typed("integer", _nulls(node, []), look=look).warned(few)
    fit = _decimal(numbers)
    if fit is None:
        if node.text_numbers or numbers.beyond_64_bit:
            return Typed("text", _nulls(node, []), look="more digits than an exact decimal of 18 has: kept as text")
        return Typed("double", _nulls(node, []), "more decimals than a decimal has").warned(few)
    return Typed("decimal", {**fit, **_nulls(node, [])}, _noise(numbers)).warned(few)


def _counts(of: Field, texts: Numbers) -> bool:
    return not texts.leading_zeros and (bool(texts.fractions) or words.is_quantity(of.words))
