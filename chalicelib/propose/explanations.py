"""Why no field identifies a document, or dates it: what comes nearest, said so that one can name it."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.contracts.paths import quoted_key
from chalicelib.propose import role_names, words
from chalicelib.propose.fields import Field, Kind, Scope
from chalicelib.propose.node import Node
from chalicelib.propose.proposal import Column
from chalicelib.propose.ranking import date_rank, distinct_values, is_unique, node_of

MOST_NAMED = 3
MOST_LISTS = 8


def no_identity(columns: list[Column], documents: int, *, is_one_named: bool) -> str:
    """Say why none of the columns read of the document is its identity; `is_one_named` like one, which it cannot be."""
    full = [c for c in columns if c.field and c.field.kind is Kind.SCALAR and node_of(c).scalars == documents]
    unique = [c for c in full if is_unique(c)]
    if not unique:
        return "no field is in every document and different in each"
    kinds = ("identifier", "text", "integer")
    unique.sort(key=lambda c: (node_of(c).dates is not None, c.type not in kinds, c.type != "identifier"))
    are = f"{_named(unique)} {'is' if len(unique) == 1 else 'are'}"
    if is_one_named:
        return f"no key named like an identity is in every document and different in each; {are}"
    return f"no key is named like an identity; {are} in every document and {distinct_values(node_of(unique[0]))}"


def is_of_party(column: Column) -> bool:
    """Tell whether a date is a customer's, and not the document's."""
    return column.field is not None and bool(set(column.field.all_words) & words.PARTY)


def no_date(columns: list[Column], documents: int, latest_year: int) -> tuple[str, str]:
    """Say why none of the columns read of the document dates it, and which comes nearest."""
    dated = [c for c in columns if c.field and _dates(node_of(c), c.field) * 2 >= documents]
    own = [c for c in dated if not is_of_party(c)]
    full = [c for c in dated if c.field and _dates(node_of(c), c.field) == documents]
    if not full:
        best = min(
            own, key=lambda c: rank if (rank := date_rank(c, role_names.DATES)) is not None else 1000, default=None
        )
        if best is None or best.field is None:
            return "no date is in every document", ""
        count = _dates(node_of(best), best.field)
        return "no date is in every document", f" ({_named([best])} is a date in {count} of {documents} documents)"
    for column in full:
        node, is_in_every = node_of(column), f"{_named([column])} is a date in every document, and"
        if is_of_party(column) or (column.type in ("date", "timestamp") and not node.dates_after(latest_year)):
            continue
        if node.dates_after(latest_year):
            return f"{is_in_every} some are after {latest_year}, which no load takes", ""
        if node.dates is not None and any(each.startswith("ambiguous") for each in node.dates.settled):
            return f"{is_in_every} day and month cannot be told apart", ""
        return f"{is_in_every} its numbers are of several sizes", ""
    named = [c for c in full if not is_of_party(c)]
    hint = f" ({_named(named[:1])} is in every document)" if named else ""
    return "no date is by its name the document's own", hint


def lists_without_rows(scopes: list[Scope], with_rows: set[str]) -> list[str]:
    """Name the lists of objects that make no rows, those in the elements of such a list aside."""
    lists = [f"{each.paths[0]}[]" for scope in scopes for each in scope.fields if _holds_objects(each)]
    out = [path for path in lists if path not in with_rows]
    outermost = [path for path in out if not any(path.startswith(f"{other}.") for other in out)]
    if not outermost:
        return []
    more = f" and {len(outermost) - MOST_LISTS} more" if len(outermost) > MOST_LISTS else ""
    one = len(outermost) == 1
    return [
        f"lists: {', '.join(outermost[:MOST_LISTS])}{more} {'has' if one else 'have'} elements that make no rows: "
        f"{'it stays' if one else 'they stay'} in extra_fields"
    ]


def _holds_objects(each: Field) -> bool:
    items = each.node.items
    return each.kind in (Kind.LIST, Kind.MIXED) and each.node.lists > 0 and items is not None and items.objects > 0


def _dates(node: Node, of: Field) -> int:
    """Return how many values are dates of any format: numbers only where their key is one of a date."""
    texts = node.dates.count - node.dates.formats.get("none", 0) if node.dates is not None else 0
    numbers = node.number_dates.count if node.number_dates is not None and words.is_date(of.all_words) else 0
    return texts + numbers


def _named(columns: Iterable[Column]) -> str:
    names = [f"`{'.'.join(map(quoted_key, c.field.keys))}`" for c in columns if c.field][:MOST_NAMED]
    return ", ".join(names)
