"""Columns for the fields of a document or of an element: their names, and which of them are taken."""

from __future__ import annotations

from chalicelib.propose import comments, role_names, words
from chalicelib.propose.draft import Draft
from chalicelib.propose.fields import Field, Kind, Scope
from chalicelib.propose.names import Names, snake_case
from chalicelib.propose.proposal import Column, Table
from chalicelib.propose.typed import Typed

FEW_FIELDS = 25
"""A document, or an element, of no more fields has all its values taken."""
MOST_COLUMNS = 1_000
"""Columns that are written, those commented out too: a contract.toml has at most a million bytes."""
LONGEST_PATH = 300
_CATEGORY = words.word_set("channel source type category brand vendor method country region warehouse location store")


def add_columns(draft: Draft, table: Table, scope: Scope, names: Names, prefix: str, brief: bool = False) -> None:
    """Add a column for each field of a scope; with `brief` for what identifies its elements alone."""
    small = len([each for each in scope.fields if each.kind is Kind.SCALAR]) <= FEW_FIELDS and not brief
    lists = {each.path for each in draft.scopes[1:] if not each.is_names}
    for each in scope.fields:
        if each.kind is Kind.LIST and f"{each.paths[0]}[]" in lists:
            continue
        if brief and not (len(each.keys) == 1 and words.is_identifier(each.words) and each.kind is Kind.SCALAR):
            continue
        if draft.columns >= MOST_COLUMNS or max(len(str(path)) for path in each.paths) > LONGEST_PATH:
            draft.left_out += 1
            continue
        draft.columns += 1
        kind = draft.typed(each, scope)
        own = column_name(each)
        of_list = f"{prefix}_{own}" if prefix else "_".join(snake_case(key) for key in each.keys)
        whole = [snake_case(key) for key in each.keys]
        by_whole = "_".join((prefix, *whole) if prefix else whole)
        spelled = (of_list, by_whole) if brief else (own, of_list, by_whole)
        if kind.options.keys() & {"digits", "divide_by"} and _without_minor(own) != own:
            others = {column_name(other) for other in scope.fields if other is not each}
            spelled = (*(name for name in map(_without_minor, spelled) if name not in others), *spelled)
        name = names.name(*spelled)
        declared: dict[str, object] = {"path": paths_of(each), "type": kind.type, **kind.options}
        if each.node.description:
            declared["description"] = each.node.description
        is_taken = _is_taken(each, scope, kind, small)
        comment = comments.of_column(each, kind)
        table.columns.append(Column(name, declared, comment, kind.look, is_taken, kind.is_said, each))


def take_currencies(draft: Draft, table: Table) -> None:
    """Take the currencies that stand beside amounts that are taken: one tells nothing without the other."""
    fields = [c.field for c in table.taken_columns() if c.field is not None]
    beside = {id(each.parent) for each in fields if draft.typed(each, table.scope).is_money}
    for column in table.columns:
        each = column.field
        if each is not None and id(each.parent) in beside and words.is_currency(words.words(each.keys[-1])):
            column.is_taken = column.is_taken or bool(each.node.currency_texts)


def _is_taken(each: Field, scope: Scope, kind: Typed, small: bool) -> bool:
    """Tell whether a field becomes a column; the others stay in `extra_fields`, and in the text, commented out."""
    if each.kind is not Kind.SCALAR or kind.type == "json" or each.names:
        return False
    if "null" in kind.options and each.node.all_numbers.zeros == each.node.scalars:
        return False
    of, depth = each.all_words, len(each.keys)
    if small and depth <= 2:
        return True
    if kind.is_money or kind.type == "boolean":
        return kind.is_money and depth <= 3
    if set(of) & words.PARTY and depth <= 2:
        return of[-1] in ("id", "name", "email", "number", "firstname", "lastname")
    if scope.level:
        return depth <= 2 and (
            words.is_quantity(of) or words.is_identifier(of) or each.joined in role_names.GOODS_NAMES or depth == 1
        )
    return depth == 1 and (
        words.is_identifier(of)
        or words.is_quantity(of)
        or words.is_currency(of)
        or kind.type in ("timestamp", "date")
        or each.joined in role_names.STATUSES
        or bool(set(of[-1:]) & _CATEGORY)
        or of[-1:] == ("email",)
    )


def column_name(each: Field) -> str:
    """Return the name of a field by its keys; the amount in an object of money has the object's name."""
    parts = [part for key in each.keys if (part := snake_case(key.lstrip("$")))]
    is_amount = len(parts) > 1 and parts[-1] in ("amount", "value", "cent_amount")
    if is_amount and any(words.is_currency(words.words(key)) for key in each.siblings):
        parts.pop()
    return "_".join(parts) or "field"


def _without_minor(name: str) -> str:
    """Return the name of a column whose values are no longer in minor units."""
    return "_".join(words.without_minor(tuple(name.split("_")))) or "amount"


def paths_of(each: Field) -> str | list[str]:
    paths = [str(path) for path in each.paths]
    return paths[0] if len(paths) == 1 else paths
