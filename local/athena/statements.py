"""What kind of statement a text is, as Athena tells it, and what runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from local.athena.ddl import TextResult, catalog_statement, create_view
from local.athena.engine import Interruptible, SelectResult, select
from local.athena.lake import Lake, QueryError
from local.athena.sql import parse
from local.athena.tables import FileCache


@dataclass(frozen=True)
class StatementContext:
    """What a statement runs with.

    `cutoff` is the workgroup's limit in bytes; `started` is called with the connection, which may be interrupted.
    """

    lake: Lake
    cache: FileCache
    database: str
    cutoff: int | None
    started: Callable[[Interruptible], None]


@dataclass(frozen=True)
class Statement:
    """`kind` is DML, DDL or UTILITY; `run` raises QueryError or QueryCancelled."""

    kind: str
    substatement: str
    run: Callable[[StatementContext], SelectResult | TextResult]


def statement(sql: str, parameters: Sequence[str]) -> Statement:
    """Read a text. Raises MalformedQuery when it is not SQL, QueryError when the parameters do not fit.

    What the embedded Athena cannot do (CREATE TABLE AS, INSERT, UNLOAD, EXPLAIN) gives a statement that fails.
    """
    run = catalog_statement(sql)
    if run is not None:
        word = sql.split(maxsplit=1)[0].upper()
        return Statement("DDL" if word in ("DROP", "CREATE") else "UTILITY", word, lambda at: run(at.lake, at.database))
    tree = parse(sql, parameters)
    if isinstance(tree, exp.Query):
        return Statement(
            "DML",
            "SELECT",
            lambda at: select(at.lake, at.cache, tree, at.database, cutoff=at.cutoff, started=at.started),
        )
    if isinstance(tree, exp.Create) and tree.kind == "VIEW":
        return Statement("DDL", "CREATE_VIEW", lambda at: create_view(at.lake, at.cache, tree, sql, at.database))

    def refuse(at: StatementContext) -> TextResult:
        raise QueryError("NOT_SUPPORTED", "the embedded Athena runs SELECT, views, SHOW, DESCRIBE and DROP only")

    return Statement("DDL", tree.key.upper(), refuse)
