"""Which column plays a role best: by its name, how deep it is, and whether its values are different."""

from __future__ import annotations

import re
from collections.abc import Callable

from chalicelib.propose import words
from chalicelib.propose.fields import Field, Kind
from chalicelib.propose.node import Node
from chalicelib.propose.proposal import Column

NEARLY = 20
"""How many ranks further back what is in nearly all documents stands than what is in all of them."""

_LANGUAGE = re.compile(r"[a-z]{2}(?: [a-z]{2})?")


def is_of_goods(column: Column) -> bool:
    """Tell whether what a column is the name of is the line, or goods, and not a tax or a discount."""
    each = column.field
    return each is not None and all(
        set(words.words(key)) & words.GOODS or words.words(key)[-1:] == ("name",) for key in each.keys[:-1]
    )


def first_of(columns: list[Column], listed: tuple[str, ...], fits: Callable[[Column], bool]) -> str:
    """Return the name of the column whose words come first in `listed`, the shallowest of equals; empty where none."""
    best: tuple[int, int, bool, int] | None = None
    name = ""
    for position, column in enumerate(columns):
        each = column.field
        if each is None or each.kind is not Kind.SCALAR or not fits(column):
            continue
        ranks = [rank for text in _spellings(each) if (rank := place_of(text, listed)) is not None]
        if not ranks:
            continue
        order = (len(each.keys), min(ranks), bool(words.MINOR & set(each.all_words)), position)
        if best is None or order < best:
            best, name = order, column.name
    return name


def _spellings(each: Field) -> list[str]:
    """Return the words that may name a field: its own, and where it is the amount in an object, the object's."""
    own = " ".join(words.without_minor(tuple(each.joined.split())))
    above = [" ".join(words.words(key)) for key in each.keys[:-1]]
    if own in ("", "amount", "value", "n") or _LANGUAGE.fullmatch(own):
        return above or [own]
    return [own]


def place_of(text: str, listed: tuple[str, ...]) -> int | None:
    """Return the position of a text in a list, None where it is not in it."""
    return listed.index(text) if text in listed else None


def date_rank(column: Column, listed: tuple[str, ...]) -> int | None:
    """Return how far back a name stands among those of dates; one in UTC before the same in a local time."""
    each = column.field
    assert each is not None
    own = [word for word in words.words(each.keys[-1]) if word not in ("gmt", "utc")]
    rank = place_of(" ".join(own), listed)
    if rank is None:
        return None
    is_utc = len(own) < len(words.words(each.keys[-1]))
    return 4 * rank + 200 * (len(each.keys) - 1) - is_utc


def node_of(column: Column) -> Node:
    """Return what is known of the values of a column that is read from the document."""
    assert column.field is not None
    return column.field.node


def is_unique(column: Column) -> bool:
    """Tell whether all values are different, as far as they were counted."""
    node = node_of(column)
    return len(node.distinct) >= min(node.scalars or node.present, node.most_distinct)


def demand(column: Column) -> None:
    """Take a column and require it: without it, a document is rejected."""
    column.is_taken = True
    column.declared["required"] = True
    column.declared.pop("null", None)


def distinct_values(node: Node) -> str:
    """Say how many values are different."""
    if node.scalars > len(node.distinct) == node.most_distinct:
        return f"different in the first {len(node.distinct)}"
    return "different in each" if len(node.distinct) >= node.scalars else f"{len(node.distinct)} different"
