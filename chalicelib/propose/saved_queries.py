"""Saved queries for a proposed contract, as the files in its folder `queries`: what was recognised can be asked."""

from __future__ import annotations

from msgspec import Struct

from chalicelib.propose.proposal import Proposal

_LAST_DAY = "2099-12-31"


class _Parameter(Struct, frozen=True):
    name: str
    fields: tuple[tuple[str, str], ...]


def written(proposal: Proposal) -> dict[str, str]:
    """Return the text of each query's file, by the query's name."""
    queries = {"preview": _preview(proposal), "by_month": _by_month(proposal), "lines_of": _lines_of(proposal)}
    main = proposal.main
    if proposal.party:
        queries["by_party"] = _by_party(proposal)
    if main.goods_id or main.goods_name:
        queries["top_items"] = _top_items(proposal)
    if proposal.total and main.line_amount and main.scope.parent is not None:
        queries["total_mismatches"] = _total_mismatches(proposal)
    return {f"{proposal.name}_{name}": text for name, text in queries.items()}


def _preview(p: Proposal) -> str:
    return _query(
        "Ten rows as they lie in the table",
        "Any ten rows of the raw table, every column. Documents that came again may show in an old version.",
        (),
        f"SELECT\n{_listed([c.name for c in p.main.taken_columns()])}\nFROM ${{table}}\nLIMIT 10",
    )


def _by_month(p: Proposal) -> str:
    keys = [p.month, *_currency(p)]
    columns = [*keys, "COUNT(*) AS document_count", *_sums(p)]
    return _query(
        "Documents by month",
        f"How many documents there are in each month{_and_total(p)}, oldest first.",
        _range(p),
        f"SELECT\n{_listed(columns)}\nFROM {_documents(p)}\n{_in_range(p)}\n"
        f"GROUP BY {', '.join(keys)}\nORDER BY {', '.join(keys)}",
        chart=f"bar x={p.month} y={_measure(p)}",
    )


def _by_party(p: Proposal) -> str:
    keys = [p.party, *_currency(p)]
    columns = list(keys)
    if p.party_name:
        latest = f"MAX_BY({p.party_name}, {p.date}) FILTER (WHERE {p.party_name} IS NOT NULL)"
        columns.append(f"{latest} AS {p.party_name}")
    columns += ["COUNT(*) AS document_count", *_sums(p), f"MIN({p.date}) AS first_date", f"MAX({p.date}) AS last_date"]
    order = _measure(p)
    return _query(
        f"Documents by {p.party}",
        f"How many documents there are of each {p.party}{_and_total(p)}, most first. Those without one are one row.",
        _range(p),
        f"SELECT\n{_listed(columns)}\nFROM {_documents(p)}\n{_in_range(p)}\n"
        f"GROUP BY {', '.join(keys)}\nORDER BY {order} DESC NULLS LAST, {p.party} NULLS LAST",
        chart=f"bar x={p.party_name or p.party} y={order}",
    )


def _top_items(p: Proposal) -> str:
    main = p.main
    key = main.goods_id or main.goods_name
    keys = [key, *_currency(p)]
    inner = list(keys)
    if main.goods_name and main.goods_name != key:
        latest = f"MAX_BY({main.goods_name}, {p.date}) FILTER (WHERE {main.goods_name} IS NOT NULL)"
        inner.append(f"{latest} AS {main.goods_name}")
    if main.line_amount:
        inner.append(f"SUM({main.line_amount}) AS line_amount_sum")
    if main.quantity:
        inner.append(f"SUM(CAST({main.quantity} AS decimal(38, 4))) AS quantity_sum")
    inner.append("COUNT(*) AS line_count")
    order = "line_amount_sum" if main.line_amount else "quantity_sum" if main.quantity else "line_count"
    names = [each.rsplit(" AS ", 1)[-1] for each in inner]
    rank = f"ROW_NUMBER() OVER (ORDER BY {order} DESC NULLS LAST, {', '.join(keys)}) AS item_rank"
    limit = _Parameter(
        "limit",
        (
            ("type", "integer"),
            ("description", "How many rows."),
            ("default", "10"),
            ("minimum", "1"),
            ("maximum", "1000"),
            ("example", "5"),
        ),
    )
    is_line = "    AND line_number IS NOT NULL\n" if main.scope.parent is not None else ""
    sums = f"  SELECT\n{_listed(inner, 4)}\n  FROM {main.latest}\n{_in_range(p, 2)}\n{is_line}"
    grouped = f"{_indented(sums)}    GROUP BY {', '.join(keys)}"
    ranked = f"  SELECT\n    {rank},\n{_listed(names, 4)}\n  FROM (\n{grouped}\n  ) AS items"
    return _query(
        f"Top {key}",
        f"The {key} with the largest {order.removesuffix('_sum').replace('_', ' ')}, first to last.",
        (limit, *_range(p)),
        f"SELECT\n{_listed(['item_rank', *names])}\nFROM (\n{ranked}\n) AS ranked\n"
        "WHERE item_rank <= :limit\nORDER BY item_rank",
        chart=f"bar x={main.goods_name or key} y={order}",
    )


def _lines_of(p: Proposal) -> str:
    parameters = []
    conditions = []
    for name in p.identity:
        is_number = p.main.column(name).type == "integer" or name == "record_number"
        parameters.append(
            _Parameter(
                name,
                (
                    ("type", "integer" if is_number else "text"),
                    ("description", f"The {name} of the document."),
                    ("required", "yes"),
                    ("example", "1001"),
                ),
            )
        )
        conditions.append(f"{name} = :{name}")
    order = "\nORDER BY line_number" if p.main.scope.parent is not None else ""
    columns = _listed([c.name for c in p.main.taken_columns()])
    return _query(
        "The rows of one document",
        "Every row of the latest version of one document. No row means that no such document was loaded.",
        tuple(parameters),
        f"SELECT\n{columns}\nFROM {p.main.latest}\nWHERE " + "\n  AND ".join(conditions) + order,
    )


def _total_mismatches(p: Proposal) -> str:
    keys = ", ".join(p.identity)
    inner = [*p.identity, f"MAX({p.date}) AS document_date", f"MAX({p.total}) AS declared_total"]
    inner.append(f"COALESCE(SUM({p.main.line_amount}), 0) AS line_sum")
    tolerance = _Parameter(
        "tolerance",
        (
            ("type", "decimal"),
            ("description", "Differences up to this amount are not shown."),
            ("default", "0"),
            ("minimum", "0"),
            ("maximum", "99999999999999"),
            ("example", "0.01"),
        ),
    )
    grouped = f"  SELECT\n{_listed(inner, 4)}\n  FROM {p.main.latest}\n{_in_range(p, 2)}\n  GROUP BY {keys}"
    columns = [*p.identity, "document_date", "declared_total", "line_sum", "declared_total - line_sum AS difference"]
    return _query(
        "Documents whose total is not the sum of their lines",
        f"Documents whose {p.total} differs from the sum of {p.main.line_amount}, widest difference first. Shipping, "
        "tax and discounts do that.",
        (tolerance, *_range(p)),
        f"SELECT\n{_listed(columns)}\nFROM (\n{grouped}\n) AS documents\n"
        "WHERE ABS(declared_total - line_sum) > :tolerance\n"
        f"ORDER BY ABS(declared_total - line_sum) DESC, {keys}",
    )


def _query(title: str, description: str, parameters: tuple[_Parameter, ...], sql: str, chart: str = "") -> str:
    lines = [f"-- title: {title}", f"-- description: {description}", *([f"-- chart: {chart}"] if chart else [])]
    for parameter in parameters:
        lines.append(f"-- parameter: {parameter.name}")
        lines += [f"--   {key}: {value}" for key, value in parameter.fields]
    return "\n".join([*lines, sql]) + "\n"


def _range(p: Proposal) -> tuple[_Parameter, ...]:
    first = p.earliest or "2000-01-01"
    ends = (("from", "First day of the range, UTC.", first), ("to", "Last day of the range, UTC, included.", _LAST_DAY))
    return tuple(
        _Parameter(
            name,
            (
                ("type", "date"),
                ("description", description),
                ("default", default),
                ("minimum", first),
                ("maximum", _LAST_DAY),
                ("example", "2024-07-01" if name == "from" else "2024-07-31"),
            ),
        )
        for name, description, default in ends
    )


def _in_range(p: Proposal, indent: int = 0) -> str:
    lines = (
        f"WHERE {p.month} BETWEEN :from.month AND :to.month",
        f"  AND {p.date} >= :from",
        f"  AND {p.date} < :to.next_day",
    )
    return "\n".join(" " * indent + line for line in lines)


def _documents(p: Proposal) -> str:
    """Return the view with one row a document."""
    return p.main.documents or p.main.latest


def _currency(p: Proposal) -> list[str]:
    return [p.currency] if p.currency and p.total else []


def _measure(p: Proposal) -> str:
    """Return the column of a summary by which it is ordered and drawn."""
    return "total_amount_sum" if p.total else "document_count"


def _sums(p: Proposal) -> list[str]:
    return [f"SUM({p.total}) AS total_amount_sum"] if p.total else []


def _and_total(p: Proposal) -> str:
    if not p.total:
        return ""
    return f" and currency, and the sum of {p.total}" if _currency(p) else f", and the sum of {p.total}"


def _listed(columns: list[str], indent: int = 2) -> str:
    return ",\n".join(" " * indent + column for column in columns)


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
