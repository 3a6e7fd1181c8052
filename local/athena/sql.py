"""Athena's SQL (Trino) as DuckDB's: parameters put in place, and what differs in silence written out."""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.tokens import TokenType

from local.athena.lake import MalformedQuery, QueryError

CATALOG = "awsdatacatalog"


def parse(sql: str, parameters: Sequence[str]) -> exp.Expression:
    """Return the query's syntax tree with the execution parameters in place of each `?`.

    Raises MalformedQuery when the text is not one SQL statement, QueryError when the parameters do not fit.
    """
    return _one(_filled(sql, parameters))


def _one(sql: str) -> exp.Expression:
    try:
        statements = [statement for statement in sqlglot.parse(sql, read="athena") if statement is not None]
    except SqlglotError as problem:
        error = (getattr(problem, "errors", None) or [{}])[0]
        reason = error.get("description") or "the query cannot be read"
        raise MalformedQuery(f"line {error.get('line', 1)}:{error.get('col', 1)}: {reason}") from None
    if len(statements) != 1:
        raise MalformedQuery(f"Only one sql statement is allowed. Got: {sql}")
    return statements[0]


def _filled(sql: str, parameters: Sequence[str]) -> str:
    try:
        tokens = sqlglot.tokenize(sql, read="athena")
    except SqlglotError as problem:
        raise MalformedQuery(f"line 1:1: {problem}") from None
    placeholders = [token for token in tokens if token.token_type is TokenType.PLACEHOLDER]
    if len(placeholders) != len(parameters):
        raise QueryError(
            "INVALID_PARAMETER_USAGE",
            f"Incorrect number of parameters: expected {len(placeholders)} but found {len(parameters)}",
        )
    for token, parameter in zip(reversed(placeholders), reversed(parameters), strict=True):
        sql = f"{sql[: token.start]}({_constant(parameter)}){sql[token.end + 1 :]}"
    return sql


def _constant(parameter: str) -> str:
    """Return an execution parameter as SQL without comments. It is an expression, and names no column."""
    try:
        tree = _one(f"SELECT {parameter}")
    except MalformedQuery as problem:
        raise QueryError("INVALID_PARAMETER_USAGE", f"{parameter}: {problem}") from None
    clauses = {name for name, value in tree.args.items() if value}
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or clauses != {"expressions"}:
        raise QueryError("INVALID_PARAMETER_USAGE", f"{parameter} is not one expression")
    if tree.find(exp.Column, exp.Star, exp.Subquery):
        raise QueryError("INVALID_PARAMETER_USAGE", f"{parameter} is not a constant")
    return str(tree.expressions[0].sql(dialect="athena", comments=False))


def real_tables(tree: exp.Expression) -> list[exp.Table]:
    """Return the references to tables and views, without those to the query's own WITH names."""
    sources = (source for scope in traverse_scope(tree) for source in scope.sources.values())
    return list({id(source): source for source in sources if isinstance(source, exp.Table)}.values())


def qualify_tables(tree: exp.Expression, database: str) -> set[tuple[str, str]]:
    """Write the database before each table that lacks it, in place, and return all (database, table).

    Raises QueryError for another catalog, and for functions of DuckDB that read files.
    """
    names: set[tuple[str, str]] = set()
    for table in real_tables(tree):
        if not isinstance(table.this, exp.Identifier):
            raise QueryError("FUNCTION_NOT_FOUND", f"line 1:1: Table function {table.sql()} not registered")
        if table.catalog and table.catalog.lower() != CATALOG:
            raise QueryError("CATALOG_NOT_FOUND", f"line 1:15: Catalog '{table.catalog}' not found")
        name, in_database = table.name.lower(), (table.db or database).lower()
        if not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
        table.set("this", exp.to_identifier(name, quoted=True))
        table.set("db", exp.to_identifier(in_database, quoted=True))
        table.set("catalog", None)
        names.add((in_database, name))
    for column in tree.find_all(exp.Column):
        # With the table aliased to its bare name, database.table.column has to lose its database.
        column.set("db", None)
        column.set("catalog", None)
    return names


def to_duckdb(tree: exp.Expression) -> str:
    """Return the query in DuckDB's dialect. Division and order of NULLs are settings of the connection."""
    named = _name_columns(tree.copy())
    return str(named.transform(_translated).sql(dialect="duckdb", comments=False))


def _translated(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Struct):
        # sqlglot names the fields after the columns, and DuckDB does not compare structs of different names.
        values = [each.expression if isinstance(each, exp.PropertyEQ) else each for each in node.expressions]
        return exp.Anonymous(this="ROW", expressions=values)
    if isinstance(node, (exp.ArgMax, exp.ArgMin)):
        # DuckDB's arg_max passes over rows whose value is NULL, Trino's max_by does not.
        name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
        return exp.Anonymous(this=name, expressions=[node.this, node.expression])
    if isinstance(node, exp.Cast) and node.to.is_type(exp.DataType.Type.DECIMAL) and not node.to.expressions:
        return exp.cast(node.this, _decimal(node.this))
    if isinstance(node, exp.DataType) and node.is_type(exp.DataType.Type.TIMESTAMP) and node.expressions:
        # DuckDB reads timestamp(3) as another type, with other functions.
        return exp.DataType.build("timestamp")
    return node


def _decimal(value: exp.Expression) -> str:
    """Return the type of `DECIMAL '1.20'`, its own digits; of a cast to a bare DECIMAL, (38,0)."""
    match = re.fullmatch(r"[+-]?(\d*)(?:\.(\d*))?", value.name) if value.is_string else None
    if match is None:
        return "DECIMAL(38, 0)"
    scale = len(match[2] or "")
    return f"DECIMAL({min(38, max(1, len(match[1].lstrip('0')) + scale, scale))}, {scale})"


def _name_columns(tree: exp.Expression) -> exp.Expression:
    """Give the outermost columns without a name Athena's names: _col0, _col1."""
    select = tree
    while isinstance(select, (exp.SetOperation, exp.Subquery)):
        select = select.this
    if isinstance(select, exp.Select):
        for position, each in enumerate(select.expressions):
            if not isinstance(each, (exp.Alias, exp.Column, exp.Star, exp.Dot)):
                select.expressions[position].replace(exp.alias_(each.copy(), f"_col{position}", quoted=True))
    return tree
