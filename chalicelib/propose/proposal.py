"""A proposed contract, before it is text: tables, columns, and what a person should look at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from chalicelib.propose.counting import counted
from chalicelib.propose.fields import Field, Scope


class Column(Struct, eq=False):
    """A column. `declared` is what the contract says of it, in order; one that is not `is_taken` is commented out.

    `comment` says how often it is there and why it is what it is; `look` what a person has to look at.
    """

    name: str
    declared: dict[str, Any]
    comment: str = ""
    look: str = ""
    is_taken: bool = True
    is_said: bool = False
    """Whether the command says its look, too, and not only the contract."""
    field: Field | None = None

    @property
    def type(self) -> str:
        """The column's type; empty for one that is not read from the document."""
        return str(self.declared.get("type", ""))


class Table(Struct, eq=False):
    """A table; its roles name columns, empty where there is none."""

    name: str
    scope: Scope
    columns: list[Column] = field(default_factory=list)
    latest: str = ""
    documents: str = ""
    description: str = ""
    is_taken: bool = True
    comments: list[str] = field(default_factory=list)
    quantity: str = ""
    price: str = ""
    line_amount: str = ""
    goods_id: str = ""
    goods_name: str = ""

    def column(self, name: str) -> Column:
        """Return the column of this name. Raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def taken_columns(self) -> Iterator[Column]:
        """Return the columns that are not commented out."""
        return (column for column in self.columns if column.is_taken)


class Proposal(Struct):
    """A contract to write. `limits` says what of the file no contract can express; `looks` what to look at.

    `documents` counts those that were read: none where it is made from a JSON Schema, of which `description` is.
    `date` is a column of the main table, the first of `tables`; the partition's name is `month`.
    """

    name: str
    records: tuple[str, ...]
    at: str
    documents: int
    description: str = ""
    identity: list[str] = field(default_factory=list)
    date: str = "source_modified_at"
    month: str = "document_month"
    version: str = ""
    earliest: str = ""
    total: str = ""
    currency: str = ""
    status: str = ""
    party: str = ""
    party_name: str = ""
    tables: list[Table] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    looks: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)
    is_readable: bool = True
    """Whether the contract reads documents at all; where it does not, `limits` says why."""

    @property
    def source(self) -> str:
        """What it was made from, in words."""
        return counted(self.documents, "document") if self.documents else "a JSON Schema"

    def looked_at(self) -> list[tuple[str, Column]]:
        """Return the columns with something to look at, the commented ones too, under the names they are said by."""
        return [
            (column.name if table is self.main else f"{table.name}.{column.name}", column)
            for table in self.tables
            for column in table.columns
            if column.look
        ]

    def looks_to_say(self) -> dict[str, list[str]]:
        """Return what the command says of columns of tables that are taken, each with the names of those.

        Of commented columns it says why JSON is all that they could be.
        """
        columns = [column for table in self.tables if table.is_taken for column in table.columns]
        shown = {id(column) for column in columns if column.is_taken or column.type == "json"}
        said: dict[str, list[str]] = {}
        for name, column in self.looked_at():
            if column.is_said and id(column) in shown:
                said.setdefault(column.look, []).append(name)
        return said

    def marked(self) -> list[str]:
        """Return what each line of the contract that is marked LOOK is about: a column, or a part of the document."""
        return [*(look.partition(": ")[0] for look in self.looks), *(name for name, _ in self.looked_at())]

    @property
    def main(self) -> Table:
        """The table whose rows are the documents' lines, or the documents."""
        return self.tables[0]
