"""The date of a document, whose month it belongs to, and what tells its later version."""

from __future__ import annotations

from chalicelib.propose import comments, role_names, words
from chalicelib.propose.column_types import typed
from chalicelib.propose.counting import is_nearly_all
from chalicelib.propose.draft import Draft
from chalicelib.propose.explanations import is_of_party, no_date
from chalicelib.propose.field_columns import column_name, paths_of
from chalicelib.propose.fields import Field
from chalicelib.propose.node import Node
from chalicelib.propose.proposal import Column, Table
from chalicelib.propose.ranking import NEARLY, date_rank, demand, node_of, place_of
from chalicelib.propose.typed import Typed

_NOT_OWN_DATE = words.word_set(
    "birth birthday dob due expiry expires expired expiration valid until end ended start started delivery deliver "
    "delivered ship shipped shipping estimated expected promised scheduled updated update modified changed last next "
    "cancel canceled cancelled refunded returned deleted closed exported synced paid settled"
)
"""Words of dates that a document has beside its own."""


def find_date(draft: Draft, main: Table) -> None:
    """Find the column that dates a document, and require it; where there is none, the file's time has to do."""
    p = draft.proposal
    dated = [c for c in main.columns if _is_date(draft, c) and not is_of_party(c)]
    ranked = sorted(
        (rank + (0 if node_of(c).all_dates == draft.documents else 4 * NEARLY), i)
        for i, c in enumerate(dated)
        if (rank := date_rank(c, role_names.DATES)) is not None
    )
    full = [dated[i] for _, i in ranked if _dates_documents(draft, node_of(dated[i]))]
    column = full[0] if full else _outer_date(draft, main)
    if column is None:
        column = next((c for c in dated if _may_be_own_date(draft, c)), None)
        if column is not None:
            p.looks.append(f"date: {column.name} was taken; no date is by its name the document's own")
    if column is None:
        why, hint = no_date(draft.document_columns(main), draft.documents, draft.latest_year)
        p.reasons["date"] = f"{why}: the file's own last-modified time chooses the month"
        p.looks.append(f"date: {p.reasons['date']}{hint}")
        return
    demand(column)
    p.date = column.name
    node = node_of(column)
    first = min(each.first_year for each in (node.dates, node.number_dates) if each)
    p.looks += draft.missing("date", column, node.all_dates)
    if late := node.dates_after(draft.latest_year):
        p.looks.append(
            f"date: {column.name} is after {draft.latest_year} in {late} of {draft.documents} documents, which no "
            "load takes: rejected"
        )
    path = column.declared.get("path", column.declared.get("outer"))
    p.reasons["date"] = f"{path}: {draft.in_documents(node.all_dates)}"
    if first < 2000:
        p.earliest = f"{max(first, 1):04}-01-01"
        p.looks.append(f"earliest: the sample has documents from before 2000, so that it is {p.earliest}")
    others = [c.name for c in full[1:3]]
    if others:
        p.reasons["date"] += f"; {', '.join(others)} would do as well"


def _is_date(draft: Draft, column: Column) -> bool:
    each = column.field
    return each is not None and each in draft.document.fields and column.type in ("date", "timestamp")


def _may_be_own_date(draft: Draft, column: Column) -> bool:
    each = column.field
    assert each is not None
    is_other = _NOT_OWN_DATE & set(each.all_words)
    return len(each.keys) == 1 and not is_other and _dates_documents(draft, each.node)


def _dates_documents(draft: Draft, node: Node) -> bool:
    """Tell whether a node has the date of every document, or nearly every, those too far ahead not counted."""
    dated = node.all_dates - node.dates_after(draft.latest_year)
    return dated == node.present == draft.documents or is_nearly_all(dated, draft.documents)


def _outer_date(draft: Draft, main: Table) -> Column | None:
    """Return a date of the record around the document, as a new column."""
    if draft.outer is None or not draft.proposal.at:
        return None
    best: tuple[int, Field, Typed] | None = None
    inside = f"{draft.proposal.at}."
    for each in draft.outer.fields:
        kind = typed(each, draft.outer)
        rank = place_of(each.joined, role_names.DATES)
        is_outside = not str(each.paths[0]).startswith(inside)
        if is_outside and kind.type == "timestamp" and rank is not None and _dates_documents(draft, each.node):
            best = min(best, (rank, each, kind), key=lambda one: one[0]) if best else (rank, each, kind)
    if best is None:
        return None
    _, each, kind = best
    name = draft.names.name(column_name(each), "_".join(each.keys))
    declared = {"outer": paths_of(each), "type": kind.type, **kind.options}
    column = Column(
        name,
        declared,
        f"of the record around the document; {comments.of_column(each, kind)}",
        kind.look,
        True,
        kind.is_said,
        each,
    )
    main.columns.insert(0, column)
    return column


def find_version(draft: Draft, main: Table) -> None:
    """Find the column that grows with each version of a document, if there is one."""
    p = draft.proposal
    ranked: list[tuple[int, int]] = []
    for position, column in enumerate(main.columns):
        each = column.field
        if each is None or each not in draft.document.fields or len(each.keys) > 1 or column.name == p.date:
            continue
        rank = date_rank(column, role_names.VERSIONS)
        if rank is not None and column.type in ("timestamp", "date", "integer") and 2 * each.node.values >= each.base:
            ranked.append((rank, position))
    if not ranked:
        return
    column = main.columns[min(ranked)[1]]
    column.is_taken = True
    p.version = column.name
    p.reasons["version"] = f"{column.declared['path']}: the later of two is the newer"
