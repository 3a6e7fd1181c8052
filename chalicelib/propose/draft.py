"""A proposal in the making: what it is made of, and what its parts have in common."""

from __future__ import annotations

from chalicelib.contracts.paths import JsonPath, Key
from chalicelib.propose.column_types import typed
from chalicelib.propose.fields import Field, Scope
from chalicelib.propose.layout import Layout
from chalicelib.propose.names import Names
from chalicelib.propose.profile import Profile
from chalicelib.propose.proposal import Column, Proposal, Table
from chalicelib.propose.scopes import scopes
from chalicelib.propose.typed import Typed

LINEAGE = ("extra_fields", "source_key", "source_version", "source_modified_at", "record_number")
OF_DOCUMENTS = ("line_count", "line_total", "lines_without_amount", "row_number", "line_number")


class Draft:
    """A proposal, and what it is made of.

    `scopes` are the document and the elements of its lists, `outer` the record around it. `left_out` counts paths that
    are too many to be listed, `columns` those that became columns. `names` are those of the main table's columns.
    """

    def __init__(self, profile: Profile, outer: Profile | None, layout: Layout, name: str, latest_year: int) -> None:
        self.latest_year = latest_year
        self.documents = profile.documents
        self.scopes = scopes(profile.root, profile.documents)
        self.outer = scopes(outer.root, outer.documents)[0] if outer is not None else None
        self.keyed_by_id = layout.keyed_by_id
        self.left_out = profile.left_out
        self.columns = 0
        at = str(JsonPath(tuple(map(Key, layout.at)))) if layout.at else ""
        self.proposal = Proposal(name, layout.records, at, 0 if profile.is_declared else profile.documents)
        self.proposal.description = profile.description
        self.proposal.looks += profile.looks
        self.names = Names((*LINEAGE, *OF_DOCUMENTS, self.proposal.month))
        self._types: dict[int, Typed] = {}
        self._always = "required" if profile.is_declared else "in every document"

    @property
    def document(self) -> Scope:
        """The document itself."""
        return self.scopes[0]

    def typed(self, each: Field, scope: Scope) -> Typed:
        """Return the type of a field of a scope."""
        if id(each) not in self._types:
            self._types[id(each)] = typed(each, scope)
        return self._types[id(each)]

    def is_money(self, column: Column, scope: Scope) -> bool:
        """Tell whether a column of a scope is money."""
        return column.field is not None and self.typed(column.field, scope).is_money

    def document_columns(self, main: Table) -> list[Column]:
        """Return the columns that are read of the document itself, and not of a list's elements."""
        return [c for c in main.columns if c.field is not None and c.field in self.document.fields]

    def in_documents(self, count: int) -> str:
        """Say in how many documents a value is."""
        return self._always if count >= self.documents else f"in {count} of {self.documents} documents"

    def missing(self, role: str, column: Column, count: int) -> list[str]:
        """Say that the few documents without a value for a role are rejected."""
        lacking = self.documents - count
        if lacking <= 0:
            return []
        are = "the other is" if lacking == 1 else "the others are"
        path = column.declared.get("path", column.declared.get("outer"))
        return [f"{role}: {path} is in {count} of {self.documents} documents: {are} rejected"]
