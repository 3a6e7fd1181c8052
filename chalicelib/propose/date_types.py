"""Values that are dates: as texts, as numbers, or as both."""

from __future__ import annotations

from chalicelib.propose import words
from chalicelib.propose.fields import Field, Scope
from chalicelib.propose.typed import Typed, breaking_count, nulls, rejecting, zeros_of
from chalicelib.propose.value_counts import Dates, orders_of

_ISO = frozenset(("iso", "iso local", "iso date"))


def date(of: Field, scope: Scope) -> Typed | None:
    """Return the type of texts that are dates, also mixed with numbers that are; None for what are none."""
    node, dates = of.node, of.node.dates
    mixed = _mixed_dates(of)
    if mixed is not None or dates is None:
        return mixed
    settled = dates.settled
    formats = {each for each in settled if not each.startswith("ambiguous")}
    breaking = breaking_count(sum(settled[each] for each in formats), node)
    if breaking is None or formats == {"none"} or (breaking and words.is_identifier(of.words)):
        return None
    few = "; ".join(filter(None, (rejecting(breaking, node, "a date"), _order_look(dates))))
    zeros = [mask.replace("9", "0") for mask in dates.masks] if "none" in formats else []
    zeros = [zero for zero in zeros if zero.startswith("0000-00-00")]
    options = {} if formats - {"none"} <= _ISO else {"format": _formats(formats - {"none"})}
    options |= nulls(node, zeros)
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
    breaking = breaking_count(texts.count + numbers.count, node)
    if breaking is None:
        return None
    formats = set(texts.formats) | set(numbers.formats)
    if any(each.startswith("ambiguous") or each == "none" for each in formats) or len(numbers.formats) > 1:
        return None
    why = f"dates as {_masks(texts)} and numbers"
    kind = Typed("timestamp", {"format": _formats(formats)} | nulls(node, []), why)
    return kind.warned(rejecting(breaking, node, "a date"))


def number_date(of: Field, scope: Scope) -> Typed | None:
    """Return the type of numbers that are dates by their name and size, None for what are none."""
    node, dates = of.node, of.node.number_dates
    if dates is None or not words.is_date(of.all_words) or len(dates.formats) > 1:
        # Numbers of two sizes cannot be told apart: the first format would take them all.
        return None
    zeros = node.all_numbers.zeros
    breaking = breaking_count(dates.count + zeros, node)
    if breaking is None or dates.count + zeros != node.all_numbers.count:
        # A number that is no date by its size would be taken for one.
        return None
    options = {"format": _formats(set(dates.formats))} | nulls(node, zeros_of(node))
    kind = Typed("timestamp", options, f"{next(iter(dates.formats))} by their size")
    return kind.warned(rejecting(breaking, node, "a date"))


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


def date_look(of: Field) -> str:
    """Say why dates stay text; nothing where there are none."""
    dates = of.node.dates
    if dates is None:
        return ""
    ambiguous = next((each for each in dates.settled if each.startswith("ambiguous")), None)
    if ambiguous and dates.count == of.node.scalars:
        month_first, day_first = orders_of(ambiguous)
        return f'day and month cannot be told apart: type = "timestamp", format = "{month_first}" or "{day_first}"'
    return f"{dates.count} of {of.node.scalars} are dates, the others are not"
