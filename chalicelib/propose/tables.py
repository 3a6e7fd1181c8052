"""The tables of a proposal: the main one, and those of further lists, which may be commented out."""

from __future__ import annotations

from chalicelib.errors import shown
from chalicelib.propose import comments
from chalicelib.propose.counting import counted
from chalicelib.propose.draft import LINEAGE, OF_DOCUMENTS, Draft
from chalicelib.propose.field_columns import add_columns
from chalicelib.propose.fields import Scope, is_line
from chalicelib.propose.names import Names, singular, snake_case
from chalicelib.propose.proposal import Column, Table
from chalicelib.propose.roles import name_line_roles
from chalicelib.propose.rows import look_at_kinds

MOST_TABLES = 5
MOST_COMMENTED_TABLES = 12


def table_of(draft: Draft, scope: Scope, *, is_main: bool, names: Names | None = None) -> Table:
    """Return the table of a scope's elements, with its columns; `names` are those of the tables further to the main."""
    p = draft.proposal
    part = "_".join(snake_case(scope.name) for scope in reversed(scope.chain[:-1])) if scope.parent else ""
    if is_main:
        latest = f"{p.name}_{part}" if part else f"{p.name}_latest"
        table = Table(f"{p.name}_raw", scope, latest=latest, documents=f"{p.name}_documents" if part else "")
    else:
        assert names is not None
        latest = names.name(f"{p.name}_{part}")
        table = Table(names.name(f"{latest}_raw"), scope, latest=latest)
    item = singular(snake_case(scope.name)) if scope.parent else "document"
    table.description = (
        f"One row per document and element of {shown(scope.path, 120)}." if scope.parent else "One row per document."
    )
    table.comments = comments.of_table(scope)
    column_names = draft.names if is_main else Names((*LINEAGE, *OF_DOCUMENTS, p.month, *p.identity, p.date, p.version))
    if scope.parent is None:
        add_columns(draft, table, scope, column_names, prefix="")
        if is_line(scope.element):
            name_line_roles(draft, table, column_names)
        _add_origins(draft, table)
        return table
    if is_main:
        add_columns(draft, table, draft.document, column_names, prefix="")
    else:
        table.columns += [Column(name, dict(p.main.column(name).declared)) for name in _repeated(draft)]
    for around in reversed(scope.chain[1:-1]):
        add_columns(draft, table, around, column_names, prefix=singular(snake_case(around.name)), brief=True)
        number = column_names.name(f"{singular(snake_case(around.name))}_number")
        table.columns.append(Column(number, {"from": "row_number", "of": around.path}))
    table.columns.append(Column("line_number", {"from": "row_number"}, "the position in the document, from 1"))
    add_columns(draft, table, scope, column_names, prefix=item)
    name_line_roles(draft, table, column_names)
    if is_main:
        look_at_kinds(draft, scope)
        p.looks += [
            f"rows: {each.path} holds objects but for {counted(each.others, 'other value')}: documents with such "
            "are rejected"
            for each in scope.chain
            if each.others
        ]
    _add_origins(draft, table)
    return table


def further_tables(draft: Draft, rows: Scope | None) -> None:
    """Add the tables of the lists that do not make the main rows; those that are not taken are commented out."""
    p = draft.proposal
    names = Names((p.main.name, p.main.latest, p.main.documents))
    active = commented = 0
    for scope in draft.scopes[1:]:
        if scope is rows:
            continue
        is_around = rows is not None and scope in rows.chain
        has_numbers = any(draft.typed(each, scope).is_money for each in scope.fields if len(each.keys) <= 2)
        is_near = scope.level == 1 or (rows is not None and scope.parent in _carriers(draft, rows))
        is_taken = not scope.is_names and (is_around or (is_near and has_numbers))
        is_taken = is_taken and active < MOST_TABLES and not (scope.others and not is_around)
        if not is_taken and commented >= MOST_COMMENTED_TABLES:
            continue
        active, commented = active + is_taken, commented + (not is_taken)
        table = table_of(draft, scope, is_main=False, names=names)
        table.is_taken = is_taken
        p.tables.append(table)


def _carriers(draft: Draft, rows: Scope) -> list[Scope]:
    """Return the lists whose elements' own lists are tables too: those around the rows, rows without amounts."""
    main = draft.proposal.main
    return [*rows.chain[1:-1], *([] if main.price or main.line_amount else [rows])]


def _repeated(draft: Draft) -> list[str]:
    """Return the main table's columns that every table has: identity, date and version."""
    p = draft.proposal
    names = dict.fromkeys((*p.identity, p.date, *([p.version] if p.version else [])))
    return [name for name in names if name not in LINEAGE]


def _add_origins(draft: Draft, table: Table) -> None:
    table.columns.append(Column("extra_fields", {"from": "extra_fields"}, "all that is not named, as JSON"))
    table.columns += [Column(name, {"from": name}) for name in LINEAGE[1:]]
    table.columns.append(Column(draft.proposal.month, {"from": "month"}, "the partition"))
