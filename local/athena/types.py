"""Comparisons that Athena refuses and DuckDB would make: text with a number, a date with text, and so on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from local.athena.lake import QueryError

FAMILIES: tuple[tuple[str, set[exp.DataType.Type]], ...] = (
    ("text", set(exp.DataType.TEXT_TYPES)),
    ("number", set(exp.DataType.NUMERIC_TYPES)),
    ("time", set(exp.DataType.TEMPORAL_TYPES)),
    ("boolean", {exp.DataType.Type.BOOLEAN}),
)
OPERATORS = {"eq": "=", "neq": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}

Schema = Mapping[str, Mapping[str, Mapping[str, str]]]
"""database -> table -> column -> Athena's name of its type."""


def check_comparisons(tree: exp.Expression, schema: Schema) -> None:
    """Raise QueryError (TYPE_MISMATCH) for a comparison of values that Athena does not convert.

    What cannot be typed passes: this finds mistakes, it does not prove that there are none.
    """
    try:
        qualified = qualify(tree.copy(), schema=schema, dialect="athena", validate_qualify_columns=False)
        annotated = annotate_types(qualified, schema=schema, dialect="athena")
    except (SqlglotError, RecursionError):
        return
    for operator, first, second in _comparisons(annotated):
        one, other = _family(first), _family(second)
        if one and other and one != other:
            raise QueryError(
                "TYPE_MISMATCH",
                f"line 1:1: Cannot apply operator: {_name(first)} {operator} {_name(second)}",
            )


def _comparisons(tree: exp.Expression) -> Iterator[tuple[str, exp.Expression, exp.Expression]]:
    for node in tree.walk():
        if node.key in OPERATORS:
            yield OPERATORS[node.key], node.this, node.expression
        elif isinstance(node, exp.Between):
            yield "BETWEEN", node.this, node.args["low"]
            yield "BETWEEN", node.this, node.args["high"]
        elif isinstance(node, exp.In):
            for each in node.expressions:
                yield "IN", node.this, each


def _family(value: exp.Expression) -> str | None:
    kind = value.type.this if isinstance(value.type, exp.DataType) else None
    return next((name for name, types in FAMILIES if kind in types), None)


def _name(value: exp.Expression) -> str:
    return str(value.type.sql("athena")).lower() if isinstance(value.type, exp.DataType) else "unknown"
