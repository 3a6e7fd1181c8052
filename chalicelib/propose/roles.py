"""What columns are to a document and to its lines: total, currency, party; quantity, price, goods."""

from __future__ import annotations

from chalicelib.propose import role_names, words
from chalicelib.propose.draft import Draft
from chalicelib.propose.fields import Kind
from chalicelib.propose.names import Names
from chalicelib.propose.proposal import Column, Table
from chalicelib.propose.ranking import first_of, is_of_goods, node_of
from chalicelib.propose.scalars import MOST_DECIMALS
from chalicelib.propose.typed import PRECISION, SCALE

_OTHER_CURRENCY = words.word_set("base default store presentment settlement global customer price adjustment")
"""Words of a currency that the totals of a document are not in."""
_NOT_PARTY = words.word_set("order seller merchant vendor store shop staff employee created updated modified")
"""Words of a customer's, or user's, field that is not about whom a document is for."""


def name_roles(draft: Draft, main: Table) -> None:
    """Name the document's total, its currency, its status, and whom it is for."""
    p = draft.proposal
    document = draft.document_columns(main)
    p.total = first_of(document, role_names.TOTALS, lambda c: c.type == "decimal" and draft.is_money(c, draft.document))
    currencies = [c for c in document if c.field and words.is_currency(c.field.all_words) and node_of(c).currency_texts]
    of_total = main.column(p.total).field if p.total else None
    around_total = of_total.keys[:-1] if of_total else ()

    def distance(column: Column) -> tuple[bool, int, bool]:
        """Return how far a currency is from the total: that of another amount is not the total's."""
        assert column.field is not None
        keys = column.field.keys
        return keys[:-1] != around_total, len(keys), bool(_OTHER_CURRENCY & set(column.field.all_words))

    currencies.sort(key=distance)
    p.currency = currencies[0].name if currencies else ""
    p.status = next((c.name for c in document if c.is_taken and c.field and c.field.joined in role_names.STATUSES), "")
    parties = [c for c in document if c.field and set(c.field.all_words) & words.PARTY and c.field.kind is Kind.SCALAR]
    parties = [c for c in parties if c.field and not _NOT_PARTY & set(c.field.all_words)]
    for end in (("id", "value"), ("number", "no"), ("email",)):
        party = next((c for c in parties if c.field and c.field.all_words[-1] in end and c.type != "json"), None)
        if party is None:
            alone = [c for c in document if c.field and c.type in ("identifier", "text") and len(c.field.keys) == 1]
            is_alone = (
                c for c in alone if c.field and "id" in end and set(words.words(c.field.keys[0])) <= words.PARTY
            )
            party = next(is_alone, None)
        if party is not None and node_of(party).scalars:
            p.party = party.name
            break
    named = [c for c in parties if c.field and c.field.all_words[-1] == "name" and len(c.field.all_words) <= 3]
    p.party_name = next((c.name for c in named if c.type == "text" and c.name != p.party), "")
    for name in (p.total, p.currency, p.party, p.party_name):
        if name:
            main.column(name).is_taken = True


def name_line_roles(draft: Draft, table: Table, names: Names) -> None:
    """Name what the columns of a line are, and add the amount of a line that has none of its own."""
    scope = table.scope
    columns = [c for c in table.columns if c.field is not None and c.field in scope.fields]
    table.quantity = first_of(columns, role_names.QUANTITIES, lambda c: c.type in ("integer", "decimal"))
    table.price = first_of(columns, role_names.PRICES, lambda c: draft.is_money(c, scope))
    table.line_amount = first_of(
        columns, role_names.LINE_TOTALS, lambda c: draft.is_money(c, scope) and c.name != table.price
    )
    table.goods_id = first_of(columns, role_names.GOODS_IDS, lambda c: c.type in ("identifier", "text", "integer"))
    table.goods_name = first_of(columns, role_names.GOODS_NAMES, lambda c: c.type == "text" and is_of_goods(c))
    for name in (table.quantity, table.price, table.line_amount, table.goods_id, table.goods_name):
        if name:
            table.column(name).is_taken = True
    if table.price and table.quantity:
        factors = [table.column(table.price), table.column(table.quantity)]
        scale = sum(int(c.declared.get("scale", SCALE)) if c.type == "decimal" else 0 for c in factors)
        whole = sum(node_of(c).all_numbers.whole for c in factors)
        if scale <= MOST_DECIMALS and whole + scale <= PRECISION:
            comment = "exact; rejected where it does not fit"
            name = names.name("line_amount", "computed_line_amount")
            table.columns.append(Column(name, {"product": [table.price, table.quantity]}, comment))
            table.line_amount = table.line_amount or name
