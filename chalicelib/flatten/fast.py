"""The fast way to decode a batch: compiled code looks up every key in the contract's plan, and reads values in place.

What cannot be proven sound is left to the strict way, each document for itself; property tests hold the two against
each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec.structs import replace

from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.paths import JsonPath
from chalicelib.contracts.sources import FromDocument, FromRecord, Product, RowNumber
from chalicelib.contracts.values import FixedDigits
from chalicelib.flatten import columns, date_values, values
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.decoded import Decoded, Proven, dates_of
from chalicelib.flatten.document_reader import DocumentReader, TooMany
from chalicelib.flatten.opened import Opener
from chalicelib.flatten.plain_columns import PlainColumns
from chalicelib.flatten.plan import Plan, PlanNode, paths_of
from chalicelib.flatten.plan_unnamed import UnnamedTexts
from chalicelib.flatten.plan_values import PlanValues, Spans, is_everyone
from chalicelib.flatten.products import product
from chalicelib.flatten.readers import digits_at
from chalicelib.flatten.scalars import InvalidValue
from chalicelib.flatten.span_columns import SpanColumns
from chalicelib.flatten.table_rows import (
    PART_BYTES,
    Level,
    Made,
    TooLarge,
    most_bytes,
    row_sizes,
    rows_of,
)
from chalicelib.flatten.unnamed import UnnamedFields
from chalicelib.flatten.views import View, Views, ancestors
from chalicelib.native_library import library

Raw = bytes | msgspec.Raw


class Unsupported(Exception):
    """There is no compiled code for this machine."""


class FastDecoder:
    """Decodes batches of records of `contract`; documents dated after `latest_ms` are left to the strict way.

    What documents have beside the contract is noted with `fields`. Raises Unsupported where there is no compiled code.
    """

    def __init__(self, contract: Contract, latest_ms: int, fields: UnnamedFields) -> None:
        compiled = library()
        if compiled is None:
            raise Unsupported
        self._library = compiled
        self._contract = contract
        self._dates = date_values.ms_of(contract.earliest), latest_ms
        self._plan = Plan(contract, fields)
        self._reader = DocumentReader(compiled, self._plan, fields)
        self._unnamed = UnnamedTexts(compiled, self._plan, fields)
        self._opener = Opener(contract, self._plan)
        self._same = _same_columns(contract)
        self._plain = PlainColumns(compiled, contract, self._plan, self._same)

    def decode(self, raws: Sequence[Raw], proven: Proven | None = None) -> Decoded | None:
        """Decode those of `raws`, each a JSON value, that can be proven sound; None when none can. Raises TooLarge.

        What is proven of them on the way is set in `proven`.
        """
        try:
            batch, good = self._reader.read(raws)
        except TooMany:
            if len(raws) == 1:
                return None
            raise TooLarge from None
        proven = proven or Proven.nothing(len(raws))
        proven.sound[:] = good
        opened = self._opener.open(batch)
        if opened:
            return self.decode([opened.get(i, raw) for i, raw in enumerate(raws)])
        views = Views(self._contract, self._plan, batch, good)
        by_table = [[views.of(table, level) for level in range(table.depth + 1)] for table in self._contract.tables]
        spans = SpanColumns(self._library, batch.data)
        reader = _Columns(self._contract, self._plan, batch, views, good, self._dates, spans, self._same)
        made: Made = {}
        for table, own in zip(self._contract.tables, by_table, strict=True):
            self._plain.make(table, own, batch, made)
            reader.make(table, own, made)
        proven.certain[:] = reader.certain
        if not good.any():
            return None
        fields = self._unnamed.make(batch, views, reader.chosen, good)
        every = []
        for table, own in zip(self._contract.tables, by_table, strict=True):
            names = ["", *(str(rows.path) for rows in table.lists)]
            levels = {name: view.level for name, view in zip(names, own, strict=True)}
            texts = {name: _texts_of(view, fields[name]) for name, view in zip(names, own, strict=True)}
            every.append((table, levels, texts))
        fits = _fitting(every, made, good)
        if not good.any() or not fits.all():
            # What one document would repeat so often is for the strict way to judge, before it is made.
            return self._without(good & fits, raws)
        tables = [rows_of(self._library, self._contract, table, levels, made, texts) for table, levels, texts in every]
        for rows in tables:
            rows.keep(good)
        dates = dates_of(self._contract, made)
        return Decoded(np.flatnonzero(good), None if dates is None else dates[good], tables)

    def _without(self, chosen: Bools, raws: Sequence[Raw]) -> Decoded | None:
        """Decode the chosen of the records alone."""
        positions = np.flatnonzero(chosen)
        decoded = self.decode([raws[i] for i in positions.tolist()]) if len(positions) else None
        if decoded is not None:
            decoded.positions = positions[decoded.positions]
        return decoded


def _fitting(every: Sequence[tuple[Table, dict[str, Level], dict[str, pa.Array]]], made: Made, good: Bools) -> Bools:
    """Tell of which documents rows may be made: of all where they fit together, else of the good ones that are small.

    Raises TooLarge where the rows of these are too much together.
    """
    # Where all rows together cannot be too much, what those of each document take need not be reckoned.
    most = sum(most_bytes(table, levels, made, texts) for table, levels, texts in every)
    if most <= min(PART_BYTES, values.MAX_ROWS_BYTES):
        return np.ones(len(good), dtype=np.bool_)
    sizes = np.sum([row_sizes(table, levels, made, texts) for table, levels, texts in every], axis=0)
    is_small: Bools = sizes <= values.MAX_ROWS_BYTES
    if is_small.all() and int(sizes.sum()) <= PART_BYTES:
        return is_small
    fits: Bools = good & is_small
    if int(sizes[fits].sum()) > PART_BYTES and np.count_nonzero(good) > 1:
        raise TooLarge
    return fits


def _texts_of(view: View, fields: pa.Array) -> pa.Array:
    """Return the unnamed fields of a view's elements, given those of all elements of its node."""
    if is_everyone(view.members, len(fields)):
        return fields
    return columns.take(fields, np.maximum(view.members, 0)) if len(fields) else pa.nulls(len(view), pa.string())


def _same_columns(contract: Contract) -> dict[tuple[str, str], tuple[str, str]]:
    """Return columns of documents that read what one of a table before reads, in the same way, with that one."""
    first: dict[Column, tuple[str, str]] = {}
    same = {}
    for table in contract.tables:
        for column in table.columns:
            if isinstance(column.source, FromDocument | FromRecord) and table.level(column) == 0:
                key = table.name, column.name
                one = first.setdefault(replace(column, name="", description=""), key)
                if one != key:
                    same[key] = one
    return same


class _Columns:
    """Makes the columns of one batch, and clears `good` for documents with what is not certain."""

    def __init__(
        self,
        contract: Contract,
        plan: Plan,
        batch: PlanValues,
        views: Views,
        good: Bools,
        dates: tuple[int, int],
        spans: SpanColumns,
        same: Mapping[tuple[str, str], tuple[str, str]],
    ) -> None:
        self._contract = contract
        self._plan = plan
        self._batch = batch
        self._views = views
        self._good = good
        self._dates = dates
        self._spans = spans
        self._same = same
        self.certain: Int64s = np.full(len(good), len(contract.main.columns))
        """How many of the main table's columns, from the first, are certain of each document."""

    def make(self, table: Table, views: list[View], made: Made) -> None:
        """Make the columns of a table that documents give and are not made, each as long as its level has elements."""
        for column in table.columns:
            key = table.name, column.name
            if key in self._same:
                made[key] = made[self._same[key]]
            elif isinstance(column.source, RowNumber):
                numbers, has = self._views.numbers(table, column.source)
                made[key] = columns.column(pa.int32(), numbers, None if has.all() else has)
            elif key not in made and isinstance(column.source, FromDocument | FromRecord):
                view = views[table.level(column)]
                fine: Bools = np.ones(len(view), dtype=np.bool_)
                made[key] = self._read(table, column, views, fine)
                self._doubt(table, column, view, fine)
        if table is self._contract.main and (ms := dates_of(self._contract, made)) is not None:
            self._doubt(table, self._contract.date_column, views[0], (ms >= self._dates[0]) & (ms <= self._dates[1]))
        for column in table.products:
            assert isinstance(column.source, Product)
            level = table.level(column)
            factors = [table[name] for name in column.source.factors]
            arrays = [
                made[table.name, each.name]
                if table.level(each) == level
                else columns.take(made[table.name, each.name], ancestors(views, level, table.level(each)))
                for each in factors
            ]
            fine = np.ones(len(views[level]), dtype=np.bool_)
            made[table.name, column.name] = product(column, factors, arrays, fine)
            self._good[views[level].documents[~fine]] = False

    def _doubt(self, table: Table, column: Column, view: View, fine: Bools) -> None:
        """Leave the documents of a view's elements that are not fine, for a table's column, to the strict way."""
        if fine.all():
            return
        doubted = view.documents[~fine]
        self._good[doubted] = False
        if table is self._contract.main:
            number = table.columns.index(column)
            self.certain[doubted] = np.minimum(self.certain[doubted], number)

    def chosen(self, column: Column, node: PlanNode) -> Mapping[JsonPath, Bools]:
        """Return which values of a level's node have a column's value at each of its paths: at the first with one."""
        elements = np.arange(len(self._batch.elements[node.counting]))
        free = np.ones(len(elements), dtype=np.bool_)
        chosen = {}
        for path in column.paths:
            walk = self._batch.walk(node, path.relative, elements)
            spans = self._spans.without_nulls(self._batch.at(walk.node, walk.here), column.nulls)
            chosen[path] = free & (spans.starts >= 0)
            free &= ~chosen[path]
        return chosen

    def _read(self, table: Table, column: Column, views: list[View], fine: Bools) -> pa.Array:
        level = table.level(column)
        of_record = isinstance(column.source, FromRecord)
        values = [self._at(path, views, level, of_record=of_record) for path in paths_of(column)]
        chosen = self._spans.chosen(column, values, fine)
        if column.minor_units is not None:
            return self._minor_units(column, chosen, views, level, fine)
        return self._spans.column(column, chosen, fine)

    def _at(self, path: JsonPath, views: list[View], level: int, of_record: bool = False) -> tuple[Spans, Bools]:
        """Return the values at a path for each element of a level, which may lie below the path's."""
        view = views[path.level]
        if of_record:
            walk = self._batch.walk(self._plan.record, path.relative, np.arange(len(view)))
        else:
            walk = self._batch.walk(view.node, path.relative, view.members)
        if level == path.level:
            return self._batch.at(walk.node, walk.here), walk.strange
        elements = ancestors(views, level, path.level)
        return self._batch.at(walk.node, walk.here[elements]), walk.strange[elements]

    def _minor_units(self, column: Column, chosen: Spans, views: list[View], level: int, fine: Bools) -> pa.Array:
        units = column.minor_units
        assert units is not None
        needed = chosen.starts >= 0
        if isinstance(units, FixedDigits):
            return self._spans.decimals(column, chosen, np.full(len(fine), units.digits), fine)
        spans, strange = self._at(units.path, views, level)
        fine &= ~strange | ~needed

        def digits(value: Any) -> int:
            try:
                return digits_at(units, value, "")
            except InvalidValue:
                return -1

        exponents = np.array(self._spans.distinct(spans, digits), dtype=np.int64)
        fine &= (exponents >= 0) | ~needed
        usable = needed & fine
        sent = Spans(np.where(usable, chosen.starts, -1), chosen.ends)
        return self._spans.decimals(column, sent, np.maximum(exponents, 0), fine)
