"""What a contract says twice, or one way here and another there: the faults that no line has alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from chalicelib.contracts.column_types import DATED, NUMERIC, Type
from chalicelib.contracts.contract import Column, Contract, Table, in_order
from chalicelib.contracts.paths import JsonPath, Key, Step
from chalicelib.contracts.sections import Faults, near
from chalicelib.contracts.sources import FromDocument, FromRecord, Origin, Product, RowNumber
from chalicelib.contracts.toml_lines import Location
from chalicelib.contracts.values import DivisorAt
from chalicelib.errors import shown

_IDENTITY_TYPES = (Type.IDENTIFIER, Type.TEXT, Type.INTEGER, Type.DATE, Type.TIMESTAMP)
_IDENTITY_ORIGINS = (Origin.SOURCE_KEY, Origin.SOURCE_VERSION, Origin.RECORD_NUMBER)
_VERSION_TYPES = (*DATED, *NUMERIC, Type.DOUBLE)
_OF_DOCUMENTS = ("line_count", "line_total", "lines_without_amount")
"""The columns that a view `documents` adds."""

Steps = tuple[Step, ...]


class Draft(Struct):
    """What is known of a contract while it is read: its faults, and what of it could not be read.

    `declared` has the TOML values of each column, `unread` the columns that have a fault of their own, both by table
    and name; `without_rows` the tables whose rows have one.
    """

    faults: Faults
    declared: dict[tuple[Any, str], dict[str, Any]] = field(default_factory=dict)
    unread: set[tuple[Any, str]] = field(default_factory=set)
    without_rows: set[str] = field(default_factory=set)

    def unread_of(self, table: str) -> set[str]:
        """Return the names of a table's columns that could not be read."""
        return {name for owner, name in self.unread if owner == table}


def check(contract: Contract, draft: Draft) -> None:
    """Note in `draft` every contradiction of a contract whose columns are complete."""
    for check_contract in (_names, _roles, _ways):
        for at, problem in check_contract(contract, draft):
            draft.faults.add(at, problem)
    for table in contract.tables:
        for check_table in (_table, _outer, _levels, _products):
            for at, problem in check_table(contract, table, draft):
                draft.faults.add(("tables", table.name, *at), problem)


Problems = Iterator[tuple[Location, str]]


def _names(contract: Contract, draft: Draft) -> Problems:
    owners = {table.name: f"table {table.name}" for table in contract.tables}
    for table in contract.tables:
        for key, view in (("latest", table.latest), ("documents", table.documents)):
            if view is None:
                continue
            if view in owners:
                yield ("tables", table.name, key), f"is {view!r}, the name of {owners[view]} too: use another"
            owners.setdefault(view, f"view {key} of table {table.name}")


def _roles(contract: Contract, draft: Draft) -> Problems:
    main = contract.main
    for name in contract.identity:
        yield from _role(main, draft, "identity", name, _IDENTITY_TYPES, _IDENTITY_ORIGINS)
    if len(set(contract.identity)) < len(contract.identity):
        yield ("document", "identity"), "names a column twice: leave one out"
    if contract.date:
        yield from _role(main, draft, "date", contract.date, DATED, (Origin.SOURCE_MODIFIED_AT,))
    if contract.version is not None:
        yield from _role(main, draft, "version", contract.version, _VERSION_TYPES, ())
    fixed_by = next((column for column in main.columns if column.name == contract.date), None)
    if contract.date_is_fixed and fixed_by and fixed_by.source is Origin.SOURCE_MODIFIED_AT:
        problem = "is true, and the date is the file's, which is another in each version: leave it out, or name a date"
        yield ("document", "date_is_fixed"), problem


def _role(
    main: Table, draft: Draft, role: str, name: str, types: tuple[Type, ...], origins: tuple[Origin, ...]
) -> Problems:
    if (main.name, name) in draft.unread:
        return
    at = ("document", role)
    named = f"names {shown(name)!r}"
    column = next((column for column in main.columns if column.name == name), None)
    if column is None:
        names = [column.name for column in main.columns]
        yield at, f"{named}, no column of the main table {main.name}{near(name, names)}: declare it there"
    elif isinstance(column.source, Origin):
        if column.source not in origins:
            yield at, f'{named}, which comes from "{column.source.value}": name a column that is read at a path'
    elif isinstance(column.source, RowNumber | Product):
        yield at, f"{named}, which is no value of the document: name a column that is read at a path"
    elif column.type not in types:
        listed = ", ".join(each.value for each in types)
        yield at, f"{named}, which is {column.type.value}: declare it as one of {listed}"
    elif any(path.level for path in column.paths):
        yield at, f"{named}, which is read from a list, many times a document: name a column of the document itself"


def _table(contract: Contract, table: Table, draft: Draft) -> Problems:
    if table.rows is None and table.name not in draft.without_rows:
        for key, given in (("one_or_many", table.one_or_many), ("documents", table.documents)):
            if given:
                yield (key,), "is for tables with rows: leave it out, or give the table rows"
    for origin in Origin:
        names = [column.name for column in table.columns if column.source is origin]
        for name in names[1:]:
            yield ("columns", name, "from"), f"is {origin.value!r}, which {names[0]} is already: leave one out"
    for column in table.columns if table.documents else ():
        of_document = isinstance(column.source, FromRecord) or any(path.level == 0 for path in column.paths)
        if of_document and column.name in _OF_DOCUMENTS:
            yield ("columns", column.name), f"the view {table.documents} adds a column of this name: use another"


def _outer(contract: Contract, table: Table, draft: Draft) -> Problems:
    for column in table.columns:
        if not isinstance(column.source, FromRecord) or (table.name, column.name) not in draft.declared:
            continue
        if contract.at is None:
            yield ("columns", column.name, "outer"), "nothing is around the document, as at is empty: write path"
        for path in (*column.source.paths, *column.referred):
            if path.level:
                problem = f"{str(path)!r} steps through a list, and a record has one value: write [0] or [key=value]"
                yield ("columns", column.name, "outer"), problem


def _levels(contract: Contract, table: Table, draft: Draft) -> Problems:
    """Check that the lists that columns step through are those of their table's rows."""
    if table.name in draft.without_rows:
        return
    lists = [each.path for each in table.lists]
    for column in table.columns:
        if isinstance(column.source, RowNumber) and column.source.of not in lists:
            problem = f"is {str(column.source.of)!r}: use one of the lists on the way to the rows, {_listed(lists)}"
            yield ("columns", column.name, "of"), problem
        level = max((path.level for path in column.paths), default=0)
        for key, path in _written(column) if isinstance(column.source, FromDocument) else ():
            if path.plain != path:
                problem = f"{str(path)!r} has a condition before []: only rows have; write {path.plain}"
                yield ("columns", column.name, key), problem
            elif path.list_path is not None and path.list_path not in lists:
                steps = f"{str(path)!r} steps through {path.list_path}"
                if table.rows is None:
                    remedy = "the table has one row a document"
                else:
                    remedy = f"the rows of the table come from {table.rows}"
                remedy += f': take one element with [0] or [key=value], or make a table with rows = "{path.list_path}"'
                yield ("columns", column.name, key), f"{steps}, and {remedy}"
            elif path.level > level:
                problem = (
                    f"{str(path)!r} steps through {path.list_path}, and the amount does not: name a path beside it"
                )
                yield ("columns", column.name, key), problem


def _listed(lists: list[JsonPath]) -> str:
    return ", ".join(map(str, lists)) or "of which the table has none"


def _written(column: Column) -> Iterator[tuple[str, JsonPath]]:
    """Yield the paths that a column is made of, each with the key that it is declared at."""
    for path in column.paths:
        yield "path", path
    for path in column.referred:
        yield ("divide_by" if isinstance(column.minor_units, DivisorAt) else "digits"), path


def _products(contract: Contract, table: Table, draft: Draft) -> Problems:
    by_name = {column.name: column for column in table.columns}
    circular = by_name.keys() - {column.name for column in in_order(table.columns)}
    for column in table.columns:
        if not isinstance(column.source, Product):
            continue
        at = ("columns", column.name, "product")
        for factor in column.source.factors:
            if (table.name, factor) in draft.unread:
                continue
            other = by_name.get(factor)
            if other is None:
                yield at, f"names {shown(factor)!r}, no column of the table{near(factor, by_name)}: declare it there"
            elif other.type not in NUMERIC or isinstance(other.source, Origin):
                said = f'comes from "{other.source.value}"' if isinstance(other.source, Origin) else other.type.value
                yield at, f"names {factor!r}, which is {said}: a factor is a decimal or an integer read at a path"
            elif isinstance(other.source, Product) and factor in circular:
                yield at, f"names {factor!r}, which is made of itself in the end: break the circle"


def _ways(contract: Contract, draft: Draft) -> Problems:
    """Check that nothing has to be a value and an object, or an object and a list, in one document.

    A column of type json takes anything, and one with several paths passes over what it cannot step into: neither
    contradicts anything. What is a list of one in JSON made of XML may be an object as well.
    """
    below: dict[Steps, str] = {}
    objects: dict[Steps, str] = {}
    arrays: dict[Steps, tuple[Location, str]] = {}
    one_or_many = {t.rows.steps[:-1] for t in contract.tables if t.rows and t.one_or_many}
    entries = list(_entries(contract))
    for at, path, _ in entries:
        steps = path.plain.steps
        for end in range(1, len(steps)):
            prefix = steps[:end]
            below.setdefault(prefix, str(path))
            if isinstance(steps[end], Key):
                objects.setdefault(prefix, str(path))
            elif prefix not in one_or_many:
                arrays.setdefault(prefix, (at, str(path)))
    for at, path, takes_all in entries:
        other = below.get(path.plain.steps)
        if other is not None and not takes_all:
            yield at, f"{str(path)!r} is a value here and holds others at {other!r}: make it json, or leave one out"
    for prefix, (at, listed) in arrays.items():
        if prefix in objects:
            problem = f"is a list in {listed!r} and an object in {objects[prefix]!r}: one of the paths is wrong"
            yield at, f"{str(JsonPath(prefix))!r} {problem}"


def _entries(contract: Contract) -> Iterator[tuple[Location, JsonPath, bool]]:
    """Yield where a path is declared, the path, and whether anything may be there."""
    for table in contract.tables:
        if table.rows is not None:
            yield ("tables", table.name, "rows"), table.rows, True
        for column in table.columns:
            if isinstance(column.source, FromDocument) and len(column.paths) == 1:
                for key, path in _written(column):
                    json = key == "path" and column.type is Type.JSON
                    yield ("tables", table.name, "columns", column.name, key), path, json
