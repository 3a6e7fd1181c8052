"""What a change of a contract means for the rows that are there: what readers see, what a replay makes anew, what is
refused.

Parquet files are not rewritten when a contract changes. Athena reads their columns by name, so that an added column is
NULL in them, a renamed one reads NULL from every older file, and one of another type fails the query (HIVE_BAD_DATA).
https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from msgspec import Struct

from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.description import origin_of
from chalicelib.contracts.sources import FromDocument

REMEDY = "give the new shape a column name of its own, or its contract a table of its own"

WIDENED = frozenset(
    {
        *(("tinyint", wider) for wider in ("smallint", "int", "bigint")),
        *(("smallint", wider) for wider in ("int", "bigint")),
        ("int", "bigint"),
        ("float", "double"),
    }
)
"""Pairs of Glue types of which Athena reads the first as the second.

https://docs.aws.amazon.com/athena/latest/ug/updates-changing-column-type.html lists these, and texts as integers, which
Parquet has not. Neither bigint as double nor a decimal as one of another scale is in it: newer versions of Trino read
the first, and with the second older values may no longer fit 18 digits."""


class Effect(Enum):
    """What follows from a change."""

    COMPATIBLE = "compatible"
    """The rows that are there stay right."""
    REPLAY = "replay"
    """The rows that are there were made by the old rule, until a replay makes them anew."""
    REFUSED = "refused"
    """Queries of what is there would fail or lose rows or values: the contract has to be changed in another way."""


class Change(Struct, frozen=True):
    """One change: what it is a change of, as `table.column`, and what it means, with the remedy where it is refused."""

    effect: Effect
    subject: str
    message: str


def changes(old: Contract, new: Contract) -> list[Change]:
    """Return every change from one contract to another that a reader, a sender or an operator could notice."""
    result = [*_of_documents(old, new)]
    before = {table.name: table for table in old.tables}
    after = {table.name: table for table in new.tables}
    for name, table in before.items():
        if name not in after:
            result.append(_without_table(table, [t for t in new.tables if t.name not in before]))
    for name, table in after.items():
        if name in before:
            result += _of_table(before[name], table)
        else:
            message = "is new: it has the rows of documents that are loaded from now on, and after a replay of all"
            result.append(Change(Effect.REPLAY, name, message))
    return result


def catalog_changes(
    columns: Mapping[str, str], partition: Mapping[str, str], table: Table, renamed: Mapping[str, str] | None = None
) -> list[Change]:
    """Return what a table's columns change of those that the catalog has: `columns` and `partition` map names to types.

    `renamed` has the new names of columns that are gone, where they can be recognised.
    """
    declared = {column.name: column.glue_type for column in table.file_columns}
    result = []
    for name, old_type in columns.items():
        effect, message = _column(name, old_type, declared.get(name), (renamed or {}).get(name))
        if message:
            result.append(Change(effect, f"{table.name}.{name}", message))
    for name, new_type in declared.items():
        if name not in columns:
            message = f"column {name} ({new_type}) is new: it is NULL in the rows that are there"
            if isinstance(table[name].source, FromDocument) and name not in (*table.identity, table.version):
                message += ", whose values, where they were sent, stand in extra_fields: a replay fills it"
            result.append(Change(Effect.COMPATIBLE, f"{table.name}.{name}", message))
    expected = {table.partition.name: table.partition.glue_type}
    if {k: _normalized(v) for k, v in partition.items()} != expected:
        message = f"the partition would change from {_shown(partition)} to {_shown(expected)}: {REMEDY}"
        result.append(Change(Effect.REFUSED, table.name, message))
    return result


def _column(name: str, old: str, new: str | None, renamed: str | None) -> tuple[Effect, str]:
    if new is None:
        gone = f"column {name} ({old}) is not in the contract any more"
        if renamed is not None:
            gone += f": it would be called {renamed}, which reads NULL from the files that are there, and queries of "
            return Effect.REFUSED, f"{gone}{name} would fail; keep the name, or declare both"
        gone += ": queries of it would fail, and a renamed column reads NULL from the files that are there"
        return Effect.REFUSED, f"{gone}; bring it back, or {REMEDY}"
    types = _normalized(old), _normalized(new)
    if types[0] == types[1]:
        return Effect.COMPATIBLE, ""
    if types in WIDENED:
        return Effect.COMPATIBLE, f"column {name} changes from {old} to {new}, as which Athena reads the older files"
    return Effect.REFUSED, (
        f"column {name} would change from {old} to {new}: Athena cannot read the files that are there with another "
        f"type; {REMEDY}, and replay"
    )


def _of_documents(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield the changes of what a document is."""
    replay = "the rows that are there were made by the old rule until they are loaded again"
    rules: list[tuple[str, Any, Any]] = [
        ("identity", ", ".join(old.identity), ", ".join(new.identity)),
        ("date", old.date, new.date),
        ("records", _listed(old.records), _listed(new.records)),
        ("at", str(old.at or ""), str(new.at or "")),
    ]
    for key, before, after in rules:
        if before != after:
            yield Change(Effect.REPLAY, f"document.{key}", f"changes from {before!r} to {after!r}: {replay}")
    if old.version != new.version:
        message = f"changes from {old.version!r} to {new.version!r}: the views choose the latest version by it at once"
        yield Change(Effect.COMPATIBLE, "document.version", message)
    if old.date_is_fixed != new.date_is_fixed:
        state = "a document with versions in two months would stand in both" if new.date_is_fixed else "views read all"
        message = f"changes to {str(new.date_is_fixed).lower()}: {state}"
        yield Change(Effect.COMPATIBLE, "document.date_is_fixed", message)
    if old.incoming != new.incoming:
        message = (
            f"changes from {old.incoming!r} to {new.incoming!r}: what lies in the old folder stays loaded, and belongs "
            "to this contract no more when it is loaded again; move it before a replay"
        )
        yield Change(Effect.COMPATIBLE, "document.incoming", message)
    if old.earliest != new.earliest:
        yield _of_earliest(old, new)
    if old.main.name != new.main.name and old.main.name in {table.name for table in new.tables}:
        message = (
            f"the main table changes from {old.main.name} to {new.main.name}, which has the unnamed fields: {replay}"
        )
        yield Change(Effect.REPLAY, new.main.name, message)


def _of_earliest(old: Contract, new: Contract) -> Change:
    moves = f"changes from {old.earliest} to {new.earliest}"
    if new.earliest < old.earliest:
        message = f"{moves}: documents that were rejected for their date load after a replay"
        return Change(Effect.REPLAY, "document.earliest", message)
    if (new.earliest.year, new.earliest.month) == (old.earliest.year, old.earliest.month):
        return Change(Effect.COMPATIBLE, "document.earliest", f"{moves}: older documents are rejected from now on")
    message = (
        f"{moves}: the months before it would vanish from queries, since the projection begins there; keep the date"
    )
    return Change(Effect.REFUSED, "document.earliest", message)


def _without_table(table: Table, added: Iterable[Table]) -> Change:
    paths = {column.source for column in table.columns if isinstance(column.source, FromDocument)}
    heir = next(
        (
            each.name
            for each in added
            if each.rows == table.rows and paths <= {column.source for column in each.columns}
        ),
        None,
    )
    if heir:
        message = f"is gone, and {heir} has its columns: queries of {table.name} would fail, and its rows stay there; "
        return Change(Effect.REFUSED, table.name, f"{message}keep the name, or declare both and replay")
    message = "is gone: queries of it would fail; keep it, or move the rest to a contract of its own"
    return Change(Effect.REFUSED, table.name, message)


def _of_table(old: Table, new: Table) -> Iterator[Change]:
    """Yield the changes of a table that both contracts have."""
    replay = "the rows that are there were made by the old rule until they are loaded again"
    if old.rows != new.rows:
        message = f"rows change from {old.rows or 'documents'} to {new.rows or 'documents'}: {replay}"
        yield Change(Effect.REPLAY, new.name, message)
    if old.one_or_many != new.one_or_many:
        state = "is a list of one" if new.one_or_many else "is rejected"
        yield Change(Effect.COMPATIBLE, new.name, f"an object where {new.rows} is due {state} from now on")
    for key, before, after in (("latest", old.latest, new.latest), ("documents", old.documents, new.documents)):
        if before == after:
            continue
        if before is None:
            yield Change(Effect.COMPATIBLE, new.name, f"the view {after} ({key}) is new")
        else:
            ends = f"the view {before} ({key}) {f'would be called {after}' if after else 'is gone'}"
            yield Change(Effect.REFUSED, new.name, f"{ends}: queries of it would fail; keep its name")
    types = {column.name: column.glue_type for column in old.file_columns}
    partition = {old.partition.name: old.partition.glue_type}
    listed = catalog_changes(types, partition, new, dict(_renamed(old, new)))
    yield from listed
    refused = {each.subject for each in listed if each.effect is Effect.REFUSED}
    for column in new.file_columns:
        subject = f"{new.name}.{column.name}"
        if column.name in types:
            if subject not in refused:
                yield from _of_rules(old[column.name], column, subject)
        elif column.required:
            message = "is required: a document without it is rejected from now on"
            yield Change(Effect.COMPATIBLE, subject, message)


def _renamed(old: Table, new: Table) -> Iterator[tuple[str, str]]:
    """Yield the old and the new name of columns that have the same values under another name."""
    added = [column for column in new.file_columns if column.name not in old.by_name]
    for column in old.file_columns:
        if column.name not in new.by_name:
            same = (each.name for each in added if (each.source, each.glue_type) == (column.source, column.glue_type))
            name = next(same, None)
            if name:
                yield column.name, name


def _of_rules(old: Column, new: Column, subject: str) -> Iterator[Change]:
    """Yield how the values of a column are made in another way."""
    rules: list[tuple[str, Any, Any]] = [
        ("type", old.type.value, new.type.value),
        ("source", origin_of(old), origin_of(new)),
        ("null", old.nulls, new.nulls),
        ("divide_by or digits", old.minor_units, new.minor_units),
        ("format", old.formats, new.formats),
        ("zone", old.zone, new.zone),
    ]
    changed = [
        f"{key} from {before} to {after}" if isinstance(before, str) and isinstance(after, str) else key
        for key, before, after in rules
        if before != after
    ]
    if changed:
        message = f"another {', another '.join(changed)}: the rows that are there were made by the old rule until they "
        yield Change(Effect.REPLAY, subject, f"{message}are loaded again")
    if old.required != new.required:
        message = "is required: a document without it is rejected" if new.required else "may be NULL"
        yield Change(Effect.COMPATIBLE, subject, f"{message} from now on")


def _listed(paths: Iterable[object]) -> str:
    return " or ".join(map(str, paths))


def _normalized(glue_type: str) -> str:
    return glue_type.lower().replace(" ", "")


def _shown(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {glue_type}" for name, glue_type in columns.items()) or "none"
