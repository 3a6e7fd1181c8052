"""Gives the tables of a contract the columns that every table has, whether it declares them or not."""

from __future__ import annotations

from msgspec.structs import replace

from chalicelib.contracts.checks import Draft
from chalicelib.contracts.column_types import MAX_SCALE, Type
from chalicelib.contracts.contract import Column, Contract, Table, in_order
from chalicelib.contracts.sources import DESCRIPTIONS, LINEAGE, ORIGIN_TYPES, Origin, Product, RowNumber

MONTH = "month"
"""The partition of a table that declares none, where the main table declares none either."""


def complete(contract: Contract, draft: Draft) -> Contract:
    """Return the contract with all columns, and with what follows from others: the date that is not declared, required
    columns, the scales of products. Notes in `draft` what cannot be completed."""
    main = _with_origins(contract.main, MONTH, draft)
    if not contract.date:
        modified = next((c.name for c in main.columns if c.source is Origin.SOURCE_MODIFIED_AT), "")
        contract = replace(contract, date=modified)
    main = replace(main, identity=contract.identity, version=contract.version)
    main = _required(main, (*contract.identity, contract.date), draft)
    partition = next((c.name for c in main.columns if c.source is Origin.MONTH), MONTH)
    others = [_other(table, main, partition, draft) for table in contract.tables[1:]]
    return replace(contract, tables=tuple(_scaled(table) for table in (main, *others)))


def _with_origins(table: Table, partition: str, draft: Draft) -> Table:
    columns = list(table.columns)
    own = RowNumber(table.rows.plain) if table.rows else None
    if table.documents and own and all(column.source != own for column in columns):
        columns.append(Column("row_number", Type.ROW_NUMBER, own, DESCRIPTIONS[RowNumber]))
    for origin in (Origin.EXTRA_FIELDS, *LINEAGE, Origin.MONTH):
        if all(column.source is not origin for column in columns):
            name = partition if origin is Origin.MONTH else origin.value
            columns.append(Column(name, ORIGIN_TYPES[origin], origin, DESCRIPTIONS[origin]))
    return _named_once(table, columns, draft)


def _named_once(table: Table, columns: list[Column], draft: Draft) -> Table:
    """Return the table with those columns that a column was not declared under the name of."""
    declared = {column.name for column in table.columns} | draft.unread_of(table.name)
    own = {id(column) for column in table.columns}
    added = [column for column in columns if id(column) not in own]
    for column in added:
        if column.name in declared and (table.name, column.name) not in draft.unread:
            draft.faults.add(
                ("tables", table.name, "columns", column.name),
                f"the table has a column of this name by itself ({_said(column)}): give yours another name, or declare "
                "that one under another",
            )
    left_out = {id(column) for column in added if column.name in declared}
    return replace(table, columns=tuple(column for column in columns if id(column) not in left_out))


def _said(column: Column) -> str:
    match column.source:
        case Origin():
            return f'from = "{column.source.value}"'
        case RowNumber():
            return 'from = "row_number"'
        case _:
            return "the main table's identity or version"


def _required(main: Table, names: tuple[str, ...], draft: Draft) -> Table:
    columns = []
    for column in main.columns:
        if column.name in names and not isinstance(column.source, Origin):
            if draft.declared.get((main.name, column.name), {}).get("required") is False:
                at = ("tables", main.name, "columns", column.name, "required")
                draft.faults.add(at, "is false, and identity and date are always required: leave it out")
            column = replace(column, required=True)
        columns.append(column)
    return replace(main, columns=tuple(columns))


def _other(table: Table, main: Table, partition: str, draft: Draft) -> Table:
    table = _with_origins(table, partition, draft)
    columns = list(table.columns)
    names: list[str] = []
    for name in (*main.identity, *([main.version] if main.version else [])):
        of_main = next((column for column in main.columns if column.name == name), None)
        same = [column.name for column in columns if of_main and _same(column, of_main)]
        names.append(name if name in same or not same else same[0])
        if of_main and not same:
            columns.insert(len(names) - 1, of_main)
    identity, version = names[: len(main.identity)], names[len(main.identity) :]
    table = _named_once(table, columns, draft)
    return replace(table, identity=tuple(identity), version=version[0] if version else None)


def _same(column: Column, of_main: Column) -> bool:
    """Tell whether a column has the same values as one of the main table."""
    same = replace(column, name=of_main.name, description=of_main.description, required=of_main.required)
    return same == of_main


def _scaled(table: Table) -> Table:
    """Return the table with the scale of each product that declares none: the sum of its factors', at most 9."""
    scales = {column.name: column.scale or 0 for column in table.columns}
    for column in in_order(table.columns):
        if column.scale is None and isinstance(column.source, Product):
            scales[column.name] = min(MAX_SCALE, sum(scales.get(factor, 0) for factor in column.source.factors))
    columns = (
        replace(column, scale=scales[column.name]) if isinstance(column.source, Product) else column
        for column in table.columns
    )
    return replace(table, columns=tuple(columns))
