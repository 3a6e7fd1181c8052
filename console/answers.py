"""An answer of a saved query, as a table that sorts and a chart; the question as a line for curl. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from console.api import query_string

NUMERIC = ("tinyint", "smallint", "integer", "int", "bigint", "real", "float", "double", "decimal")
MOST_BARS, MOST_KINDS = 60, 6
"""Of one chart; and of texts of a column that tells series apart."""
MOST_LABEL, WITHOUT_SLANT = 16, 60
"""Characters of a label along x that are drawn; and of all of them that stand side by side on a page."""
GREY = "#8a94a6"
"""Axes and their labels: seen on a light and on a dark page."""

Row = Sequence[Any]
Column = Mapping[str, str]
Series = dict[str, list[Decimal | None]]


def is_numeric(type_: str) -> bool:
    """Tell whether values of one of Athena's types are numbers, however the API writes them."""
    return type_.lower().partition("(")[0].strip() in NUMERIC


def ranks(values: Sequence[Any], numeric: bool) -> list[int]:
    """Return each value's place in their order: numbers by what they are worth, NULL last."""

    def key(value: Any) -> tuple[int, Any]:
        if value is None:
            return (2, 0)
        if numeric and (number := _number(value)) is not None:
            return (0, number)
        return (1, str(value))

    order = sorted(set(map(key, values)))
    rank_of = {each: i for i, each in enumerate(order)}
    return [rank_of[key(value)] for value in values]


def table_columns(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return the columns of a QTable: cells by position, sorted by the ranks that `table_rows` puts beside them."""
    return [
        {
            "name": f"c{i}",
            "field": f"c{i}",
            "label": column["name"],
            "align": "right" if is_numeric(column["type"]) else "left",
            "sortable": True,
            ":sort": f"(a, b, x, y) => x.r{i} - y.r{i}",
            ":format": "value => value === null ? '–' : value",
        }
        for i, column in enumerate(columns)
    ]


def table_rows(columns: Sequence[Column], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return rows for `table_columns`: texts as they are, which Vue never takes for HTML."""
    ranked = [ranks([row[i] for row in rows], is_numeric(column["type"])) for i, column in enumerate(columns)]
    return [
        {"id": number}
        | {f"c{i}": None if value is None else str(value) for i, value in enumerate(row)}
        | {f"r{i}": of_column[number] for i, of_column in enumerate(ranked)}
        for number, row in enumerate(rows)
    ]


def chart_options(
    chart: Mapping[str, str], columns: Sequence[Column], rows: Sequence[Row], colours: Sequence[str]
) -> dict[str, Any] | None:
    """Return the chart that a saved query declares, as ECharts takes it; None where its columns are not there.

    Where several rows have one x, each kind of them is a series of its own: euros and yen are not one bar. Its texts
    are drawn on a canvas: none of them can be HTML.
    """
    names = [column["name"] for column in columns]
    if chart["x"] not in names or chart["y"] not in names or not rows:
        return None
    x, y = names.index(chart["x"]), names.index(chart["y"])
    labels, kinds = _drawn(columns, rows, x, y)
    line = {"lineStyle": {"color": GREY, "opacity": 0.25}}
    longest = min(max(map(len, labels)), MOST_LABEL)
    slanted = {"rotate": 30, "interval": 0} if longest > 8 and longest * len(labels) > WITHOUT_SLANT else {}
    series = [
        {
            "type": chart["type"],
            "name": kind or chart["y"],
            "data": [None if value is None else float(value) for value in values],
            "itemStyle": {"color": colours[i % len(colours)], "borderRadius": [3, 3, 0, 0]},
            "lineStyle": {"color": colours[i % len(colours)], "width": 2},
            "barMaxWidth": 56,
        }
        for i, (kind, values) in enumerate(kinds.items())
    ]
    return {
        "animation": False,
        "aria": {"enabled": True},
        "textStyle": {"fontFamily": "Roboto, system-ui, sans-serif"},
        "grid": {"left": 8, "right": 16, "top": 64 if len(kinds) > 1 else 40, "bottom": 8, "containLabel": True},
        "tooltip": {"trigger": "axis", "renderMode": "richText", "confine": True},
        "title": {"text": chart["y"], "textStyle": {"color": GREY, "fontSize": 12, "fontWeight": "normal"}, "left": 8},
        "legend": {"show": len(kinds) > 1, "top": 22, "left": 4, "type": "scroll", "textStyle": {"color": GREY}},
        "xAxis": {
            "type": "category",
            "data": labels,
            "axisLabel": {"color": GREY, "hideOverlap": True, "width": 110, "overflow": "truncate"} | slanted,
            "axisLine": line,
            "axisTick": {"show": False},
        },
        "yAxis": {"type": "value", "axisLabel": {"color": GREY}, "splitLine": line},
        "series": series,
    }


def _drawn(columns: Sequence[Column], rows: Sequence[Row], x: int, y: int) -> tuple[list[str], Series]:
    """Return the labels along x and the values of each series, one for each label.

    Where an x comes several times, columns of few texts tell the rows apart, and each of these kinds is a series. If
    they do not, each row is drawn by itself.
    """
    texts = [i for i, column in enumerate(columns) if i not in (x, y) and not is_numeric(column["type"])]
    texts = [i for i in texts if len({row[i] for row in rows}) <= MOST_KINDS]
    kinds = [" · ".join(_label(row[i]) for i in texts) for row in rows]
    labels = [_label(row[x]) for row in rows]
    values = [_number(row[y]) for row in rows]
    if len(set(labels)) == len(rows) or len(set(zip(labels, kinds, strict=True))) < len(rows):
        return labels[:MOST_BARS], {"": values[:MOST_BARS]}
    along = list(dict.fromkeys(labels))[:MOST_BARS]
    at = {(kind, label): value for kind, label, value in zip(kinds, labels, values, strict=True)}
    return along, {kind: [at.get((kind, label)) for label in along] for kind in dict.fromkeys(kinds)}


def _label(value: Any) -> str:
    return "–" if value is None else str(value)


def curl_line(url: str, region: str, query: Mapping[str, str | int], signs: bool) -> str:
    """Return a GET of the API as a line for a shell. It names variables with the secrets, and holds none."""
    address = shlex.quote(f"{url}{query_string(query)}")
    if not signs:
        return f'curl -sS -H "x-api-key: $API_KEY" {address}'
    return (
        'curl -sS --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" '
        '${AWS_SESSION_TOKEN:+-H "x-amz-security-token: $AWS_SESSION_TOKEN"} '
        f'--aws-sigv4 "aws:amz:{region}:execute-api" {address}'
    )


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
