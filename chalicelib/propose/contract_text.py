"""Writes a proposal as contract.toml: with comments, and the columns that are not taken commented out."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from chalicelib.contracts.paths import quoted_key
from chalicelib.propose.proposal import Column, Proposal, Table

_WIDTH = 118
_LONGEST_PAD = 60
_HEAD = (
    "A column that is commented out stays in extra_fields: delete its leading # to take it. Look at what is marked "
    "LOOK."
)


def written(proposal: Proposal) -> str:
    """Return the text of contract.toml."""
    return "\n".join(_lines(proposal)) + "\n"


def _lines(p: Proposal) -> Iterator[str]:
    yield from _comment(f"Proposed from {p.source}. {_HEAD}")
    for limit in p.limits:
        yield from _comment(f"NOT EXPRESSED: {limit}")
    for look in p.looks:
        yield from _comment(f"LOOK: {look}")
    yield ""
    yield f"description = {toml_value(p.description or f'Documents of {p.name}.')}"
    yield ""
    yield "[document]"
    if p.records:
        path = ".".join(quoted_key(key) for key in p.records)
        yield f"records = {toml_value([path])}  # the array that holds the documents"
    if p.at:
        yield f"at = {toml_value(p.at)}  # from each record to its document"
    identity: str | list[str] = p.identity[0] if len(p.identity) == 1 else p.identity
    yield from _with_reason(f"identity = {toml_value(identity)}", p.reasons.get("identity", ""))
    yield from _with_reason(f"date = {toml_value(p.date)}", p.reasons.get("date", ""))
    yield f"incoming = {toml_value(p.name + '/')}  # the folder that its files are dropped in"
    if p.version:
        yield from _with_reason(f"version = {toml_value(p.version)}", p.reasons.get("version", ""))
    if p.earliest:
        yield f"earliest = {p.earliest}"
    for table in p.tables:
        yield ""
        yield from _table(p, table)


def _table(p: Proposal, table: Table) -> Iterator[str]:
    mark = "" if table.is_taken else "# "
    if not table.is_taken:
        yield from _comment(f"To take this list, delete the leading # of the lines from [tables.{table.name}] on.")
    for comment in table.comments:
        yield from _comment(comment)
    if table is p.main and "rows" in p.reasons:
        yield from _comment(f"The main table: {p.reasons['rows']}: goods, a quantity, an amount.")
    yield f"{mark}[tables.{table.name}]"
    yield f"{mark}description = {toml_value(table.description)}"
    if table.scope.parent is not None:
        yield f"{mark}rows = {toml_value(table.scope.path)}"
    if any(scope.one_or_many for scope in table.scope.chain):
        yield f"{mark}one_or_many = true"
    yield f"{mark}latest = {toml_value(table.latest)}"
    if table.documents:
        yield f"{mark}documents = {toml_value(table.documents)}"
    yield ""
    yield f"{mark}[tables.{table.name}.columns]"
    declared = [f"{column.name} = {toml_value(column.declared)}" for column in table.columns]
    width = max((len(each) for each in declared if len(each) <= _LONGEST_PAD), default=0)
    for column, text in zip(table.columns, declared, strict=True):
        yield from _column(table, column, text, width)


def _column(table: Table, column: Column, text: str, width: int) -> Iterator[str]:
    is_active = column.is_taken and table.is_taken
    if column.look and is_active:
        yield from _comment(f"LOOK at {column.name}: {column.look}.")
    comment = _printable(column.comment + (f"; LOOK: {column.look}" if column.look and not is_active else ""))
    if not table.is_taken and not column.is_taken:
        mark = "# # "
    else:
        mark = "" if is_active else "# "
    yield f"{mark}{text:<{width}}  # {comment}" if comment else f"{mark}{text}"


def _with_reason(line: str, reason: str) -> Iterator[str]:
    yield f"{line}  # {_printable(reason)}" if reason else line


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(_printable(text), _WIDTH - 2, break_long_words=False, break_on_hyphens=False):
        yield f"# {line}"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it, on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return str(value)


def _text(text: str) -> str:
    """Return a text in quotes: in single ones, which have no escapes, where it has double quotes or backslashes."""
    is_literal = ('"' in text or "\\" in text) and "'" not in text and text.isprintable()
    if is_literal:
        return f"'{text}'"
    # TOML's basic texts have JSON's escapes, but for DEL and what is not of the basic plane.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
