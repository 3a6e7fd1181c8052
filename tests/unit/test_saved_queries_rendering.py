"""A rendered parameter is one SQL literal with the caller's value, whatever the caller sends."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
import sqlglot
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlglot import exp
from sqlglot.tokens import TokenType

from chalicelib.queries.parameters import MAX_EXPRESSION, READ, Parameter, render

HOSTILE = [
    "'",
    "''",
    "\\'",
    "' OR 1=1 --",
    "'; DROP TABLE t; --",
    "/*",
    "*/",
    "--",
    "?",
    "${table}",
    ":from",
    "\\",
    '"',
    "`",
    "％",
    "ʼ",
]
texts = st.text() | st.lists(st.sampled_from(HOSTILE) | st.text(max_size=3)).map("".join)


def only_expression(rendered: str) -> exp.Expression:
    """Return the one expression of a query that has nothing else in its WHERE."""
    statements = sqlglot.parse(f"SELECT a FROM t WHERE b = {rendered}", read="athena")
    assert len(statements) == 1
    tree = statements[0]
    assert isinstance(tree, exp.Select)
    assert not tree.args.get("limit")
    assert [table.name for table in tree.find_all(exp.Table)] == ["t"]
    equal = tree.args["where"].this
    assert isinstance(equal, exp.EQ)
    return equal.expression


def parameter(type_: str) -> Parameter:
    examples = {"text": "a", "integer": "1", "decimal": "1", "date": "2024-01-01", "month": "2024-01"}
    return Parameter("p", type_, "", examples[type_], required=True)


@settings(deadline=None)
@given(texts)
@example("' OR 'a' = 'a")
@example("\\")
@example("'")
def test_text_is_one_string_literal_of_the_same_value(raw: str) -> None:
    try:
        value = parameter("text").value(raw)
    except ValueError:
        return
    rendered = render(value)
    assert 1 <= len(rendered) <= MAX_EXPRESSION
    tokens = sqlglot.tokenize(rendered, read="athena")
    assert [token.token_type for token in tokens] == [TokenType.STRING]
    literal = only_expression(rendered)
    assert isinstance(literal, exp.Literal)
    assert literal.is_string
    assert literal.this == raw


@settings(deadline=None)
@given(texts, st.sampled_from(["integer", "decimal", "date", "month"]))
def test_text_that_is_not_of_the_type_never_gets_through(raw: str, type_: str) -> None:
    try:
        value = parameter(type_).value(raw)
    except ValueError:
        return
    assert raw.isascii()
    only_expression(render(value))


@settings(deadline=None)
@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_an_integer_is_one_number(number: int) -> None:
    rendered = render(parameter("integer").value(str(number)))
    expression = only_expression(rendered)
    inner = expression.this if isinstance(expression, exp.Neg) else expression
    assert isinstance(inner, exp.Literal)
    assert not inner.is_string
    assert int(rendered) == number


@settings(deadline=None)
@given(st.decimals(min_value=-(10**14) + 1, max_value=10**14 - 1, places=4))
def test_a_decimal_is_a_typed_literal_with_all_its_digits(number: Decimal) -> None:
    expression = only_expression(render(parameter("decimal").value(f"{number:f}")))
    assert isinstance(expression, exp.Cast)
    assert expression.to.is_type(exp.DataType.Type.DECIMAL)
    assert Decimal(expression.this.this) == number


@settings(deadline=None)
@given(st.dates())
def test_a_date_is_a_typed_literal(day: date) -> None:
    expression = only_expression(render(parameter("date").value(day.isoformat())))
    assert isinstance(expression, exp.Cast)
    assert expression.to.is_type(exp.DataType.Type.DATE)
    assert expression.this.this == day.isoformat()


@pytest.mark.parametrize(
    "raw", ["NaN", "Infinity", "-inf", "1e5", "0x10", "1.", ".5", "1.23456", "1" * 15, "+1", "--1"]
)
def test_a_decimal_that_is_not_plain_and_finite_is_rejected(raw: str) -> None:
    with pytest.raises(ValueError):
        READ["decimal"](raw)
