"""What identifies a document: a column that is in all of them and different in each, the surest name first."""

from __future__ import annotations

from chalicelib.propose import role_names, words
from chalicelib.propose.counting import is_nearly_all
from chalicelib.propose.draft import Draft
from chalicelib.propose.explanations import no_identity
from chalicelib.propose.fields import Kind, is_line
from chalicelib.propose.proposal import Column, Table
from chalicelib.propose.ranking import NEARLY, demand, distinct_values, is_unique, node_of, place_of

UNSURE_IDENTITY = 15
"""From which rank on a name says little of whether it identifies a document."""


def find_identity(draft: Draft, main: Table) -> None:
    """Find the column, or the two, that identify a document; where there are none, its place in its file does."""
    p = draft.proposal
    ranked = _ranked_identities(draft, main)
    if ranked and is_line(draft.document.element) and not is_unique(ranked[0]):
        p.looks.append(
            f"identity: several records have the same {ranked[0].name}, as lines of one document do that are sent "
            f"one by one: if {ranked[0].name} and another column tell them apart, name both"
        )
    elif ranked:
        column = ranked[0]
        demand(column)
        p.identity = [column.name]
        node = node_of(column)
        p.looks += draft.missing("identity", column, node.identifiers)
        if not is_unique(column):
            again = node.scalars - len(node.distinct)
            p.looks.append(
                f"identity: {again} of {node.scalars} documents have the {column.name} of another: the later "
                "replaces the earlier as a whole"
            )
        elif (
            node.identifiers == draft.documents
            and (_identity_rank(draft, column) or 0) >= UNSURE_IDENTITY
            and (others := [each.name for each in ranked[1:3] if is_unique(each)])
        ):
            p.looks.append(
                f"identity: {column.name} was taken, and {' and '.join(others)} would do as well: documents with "
                "the same replace one another"
            )
        elif draft.documents == 1:
            p.looks.append(f"identity: {column.name} by its name alone, as the sample has one document")
        if len(column.field.keys if column.field else ()) > 1 and (almost := _almost_identity(draft, main)):
            p.looks.append(f"identity: {column.name} was taken, as no key of the document itself is in all{almost}")
        differs = "" if node.declared else f", {distinct_values(node)}"
        p.reasons["identity"] = f"{column.declared['path']}: {draft.in_documents(node.identifiers)}{differs}"
        return
    pair = _pair(draft, main)
    if pair:
        p.identity = [column.name for column in pair]
        p.reasons["identity"] = "the two keys of the documents"
        return
    p.identity = ["source_key", "record_number"]
    almost = _almost_identity(draft, main)
    columns = draft.document_columns(main)
    p.reasons["identity"] = no_identity(columns, draft.documents, is_one_named=bool(almost or ranked))
    p.looks.append(
        "identity: no field identifies a document, so that its place in its file does, and a document that comes "
        f"again in another file is another one: name the column, or columns, that tell{almost}"
    )


def _almost_identity(draft: Draft, main: Table) -> str:
    """Say which field named like an identity is in most documents, but in too few."""
    ranked = [(_identity_rank(draft, c, draft.documents / 2), i) for i, c in enumerate(main.columns)]
    there = [(rank, main.columns[i]) for rank, i in ranked if rank is not None and is_unique(main.columns[i])]
    partly = [each for each in there if node_of(each[1]).identifiers < draft.documents]
    if not partly:
        return ""
    best = min(partly, key=lambda each: each[0])[1]
    count = node_of(best).identifiers
    return f" ({best.declared['path']} is {draft.in_documents(count)}, {distinct_values(node_of(best))})"


def _ranked_identities(draft: Draft, main: Table) -> list[Column]:
    ranked: list[tuple[float, int, Column]] = []
    for position, column in enumerate(main.columns):
        rank = _identity_rank(draft, column)
        if rank is not None:
            ranked.append((rank, position, column))
    return [column for _, _, column in sorted(ranked, key=lambda each: each[:2])]


def _identity_rank(draft: Draft, column: Column, least: float | None = None) -> float | None:
    """Return how unlikely a column is the identity, None where it cannot be.

    It has to be in all documents, or nearly all; in `least` where that is given.
    """
    each = column.field
    if each is None or each not in draft.document.fields or each.kind is not Kind.SCALAR or len(each.keys) > 2:
        return None
    node = each.node
    is_full = node.identifiers == node.present == draft.documents
    is_enough = is_nearly_all(node.identifiers, draft.documents) if least is None else node.identifiers >= least
    if not (is_full or is_enough) or column.type not in ("identifier", "text", "integer"):
        return None
    differs = is_unique(column)
    if not is_full and not (differs or is_nearly_all(len(node.distinct), node.identifiers)):
        return None
    rank = place_of(each.joined, role_names.IDENTITIES)
    if rank is None and each.joined.endswith((" id", " reference")) and not set(each.words) & words.PARTY:
        rank = 15 if each.joined.endswith("order id") else 40
    is_partys = any(set(words.words(key)) & words.PARTY for key in each.keys[:-1])
    if rank is None or (not differs and rank > 20) or is_partys:
        return None
    if node.longest_text > 100 or (each.joined in ("name", "key", "code") and len(each.keys) > 1):
        return None
    return rank + 50 * (len(each.keys) - 1) + (0 if differs else 200) + (0 if is_full else NEARLY)


def _pair(draft: Draft, main: Table) -> list[Column]:
    """Return the two columns that DynamoDB calls partition key and sort key."""
    pair = []
    for names in (("pk", "partition key"), ("sk", "sort key")):
        column = next((c for c in main.columns if c.field and c.field.joined in names), None)
        if column is None or node_of(column).scalars != draft.documents:
            return []
        pair.append(column)
    for column in pair:
        demand(column)
    return pair
