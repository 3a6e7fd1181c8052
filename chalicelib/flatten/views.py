"""The rows of each table as the elements of its lists, level by level, in a batch whose values an index tells."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from chalicelib.contracts.contract import Contract, RowList, Table
from chalicelib.contracts.sources import RowNumber
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.plan import Plan, PlanNode, list_node, paths_of
from chalicelib.flatten.plan_values import PlanValues, is_everyone
from chalicelib.flatten.table_rows import Level

_OBJECT, _ARRAY, _NULL = b"{[n"


class View(Struct, frozen=True):
    """Elements that a table steps into, or makes rows of: `members` are their numbers among the values of `node`.

    `parents` says which element of the view above encloses each, `documents` which record it is of.
    """

    node: PlanNode
    members: Int64s
    parents: Int64s
    documents: Int64s

    def __len__(self) -> int:
        return len(self.members)

    @property
    def level(self) -> Level:
        """The view as a level, of which rows are made."""
        return Level(self.parents, self.documents)


Lists = tuple[RowList, ...]


class Views:
    """The views of all tables of a contract. Clears `good` for records that the strict way has to judge."""

    def __init__(self, contract: Contract, plan: Plan, values: PlanValues, good: Bools) -> None:
        self._contract = contract
        self._values = values
        self._good = good
        self._views: dict[tuple[Lists, bool], View] = {}
        self._of: dict[tuple[str, int], View] = {}
        everyone = np.arange(len(good))
        walk = values.walk(plan.record, contract.at.relative if contract.at else (), everyone)
        good &= ~walk.strange & (values.first(values.at(walk.node, walk.here)) == _OBJECT)
        self.document = View(walk.node, walk.here, everyone, everyone)

    def of(self, table: Table, level: int) -> View:
        """Return a table's view of one of its levels."""
        if (table.name, level) in self._of:
            return self._of[table.name, level]
        view = self._of[table.name, level] = self.lists(table.lists[:level], one_or_many=table.one_or_many)
        if level and not _takes_scalars(table, level):
            is_other = self._values.first(self._values.at(view.node, view.members)) != _OBJECT
            if is_other.any():
                self._good[view.documents[is_other]] = False
        return view

    def lists(self, lists: Lists, *, one_or_many: bool) -> View:
        """Return the elements of the last of some lists, each below the one before it."""
        if not lists:
            return self.document
        key = lists, one_or_many
        if key not in self._views:
            self._views[key] = self._elements(self.lists(lists[:-1], one_or_many=one_or_many), lists[-1], one_or_many)
        return self._views[key]

    def numbers(self, table: Table, number: RowNumber) -> tuple[Int64s, Bools]:
        """Return the number of each element of a row number's level in a table, and which elements have one."""
        counting = self._contract.counts(number)
        lists = counting.lists if counting else _unfiltered(table.lists[: number.of.level])
        counted = self.lists(lists, one_or_many=(counting or table).one_or_many)
        totals = np.bincount(counted.documents, minlength=len(self._good))
        rank = np.arange(len(counted)) - (np.cumsum(totals) - totals)[counted.documents] + 1
        view = self.of(table, number.of.level)
        if view is counted:
            return rank, np.ones(len(view), dtype=np.bool_)
        members = view.members
        numbers = np.zeros(max(int(members.max(initial=-1)), int(counted.members.max(initial=-1))) + 1, dtype=np.int64)
        numbers[counted.members] = rank
        made = numbers[members] if len(members) else numbers[:0]
        return made, made > 0

    def stepped_into(self) -> dict[PlanNode, Bools]:
        """Return for the elements of each list of rows, by their node, which of them some table steps into."""
        masks: dict[PlanNode, Bools] = {}
        for table in self._contract.tables:
            for level in range(1, table.depth + 1):
                view = self.of(table, level)
                count = len(self._values.elements[view.node])
                masks.setdefault(view.node, np.zeros(count, dtype=np.bool_))[view.members] = True
        return masks

    def used(self) -> dict[PlanNode, Bools]:
        """Return for each list of rows which of its elements make a row of some table, or enclose one that does."""
        used: dict[PlanNode, Bools] = {}
        for table in self._contract.tables:
            rows: Bools | None = None
            for level in range(table.depth, 0, -1):
                view = self.of(table, level)
                outer = self.of(table, level - 1)
                here = np.ones(len(view), np.bool_) if rows is None else rows
                node = list_node(outer.node, table.lists[level - 1])
                assert node.items is not None
                mask = used.setdefault(node, np.zeros(len(self._values.elements[node.items]), dtype=np.bool_))
                mask[view.members[here]] = True
                rows = np.zeros(len(outer), dtype=np.bool_)
                rows[view.parents[here]] = True
        return used

    def _elements(self, outer: View, rows: RowList, one_or_many: bool) -> View:
        values = self._values
        walk = values.walk(outer.node, rows.steps, outer.members)
        node, here = walk.node, walk.here
        assert node.items is not None
        spans = values.at(node, here)
        first = values.first(spans)
        is_other = (first != _ARRAY) & (first != _NULL)
        if is_other.any():
            is_other &= ~values.is_empty(spans, list_due=True)
        strange = walk.strange | is_other
        if one_or_many and node.takes_one:
            strange &= first != _OBJECT
        if strange.any():
            self._good[outer.documents[strange]] = False
        elements = values.elements[node.items]
        if rows.where is None and here is outer.members and is_everyone(here, len(values.spans(node).starts)):
            # All elements of the list, of all that may have one.
            return View(node.items, np.arange(len(elements)), elements.parents, elements.documents)
        owner = np.full(len(values.spans(node).starts), -1, dtype=np.int64)
        owner[here[here >= 0]] = np.flatnonzero(here >= 0)
        parents = owner[elements.parents] if len(owner) else elements.parents
        keep = parents >= 0
        if rows.where is not None:
            keep &= values.holding(node.items, rows.where)
        members = np.flatnonzero(keep)
        return View(node.items, members, parents[members], outer.documents[parents[members]])


def ancestors(views: list[View], level: int, above: int) -> Int64s:
    """Return for each element of a level which one of the level `above` it lies in; `views` are those of one table."""
    elements = np.arange(len(views[level]))
    for view in reversed(views[above + 1 : level + 1]):
        elements = view.parents[elements]
    return elements


def _takes_scalars(table: Table, level: int) -> bool:
    """Tell whether elements of a level may be something else than objects, since a column reads them as they are."""
    return level == table.depth and any(
        path.level == level and not path.relative for column in table.columns for path in paths_of(column)
    )


def _unfiltered(lists: Lists) -> Lists:
    return tuple(replace(rows, where=None) for rows in lists)
