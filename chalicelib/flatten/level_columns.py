"""Makes the columns that are read at a path, each as long as its level has elements."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from chalicelib.contracts.contract import (
    Column,
    CurrencyAt,
    DivisorAt,
    FixedDigits,
    FromDocument,
    FromRecord,
    Product,
    Table,
    Type,
)
from chalicelib.contracts.currencies import MINOR_UNIT_DIGITS
from chalicelib.contracts.paths import JsonPath
from chalicelib.flatten import columns, date_values, values
from chalicelib.flatten.columns import Bools, Int64s
from chalicelib.flatten.conversion import converted, exact_digits, whole, without_nulls
from chalicelib.flatten.lax_parser import Level
from chalicelib.flatten.layout import ROOT, Layout
from chalicelib.flatten.schema import arrow_type

Made = dict[tuple[str, str], pa.Array]
"""Columns by the names of their table and themselves."""


class LevelColumns:
    """Makes columns of the contract of a layout; documents dated after `latest_ms` are left to the strict way."""

    def __init__(self, layout: Layout, latest_ms: int) -> None:
        self._layout = layout
        self._contract = layout.contract
        self._latest_ms = latest_ms
        self._earliest_ms = date_values.ms_of(self._contract.earliest)

    def make(self, levels: dict[str, Level], good: Bools, picked: Mapping[Column, tuple[pa.Array, Bools]]) -> Made:
        """Return all columns that are read at a path, and clear `good` for documents with what is not certain."""
        made: Made = {}
        for table in self._contract.tables:
            for column in table.columns:
                if isinstance(column.source, FromDocument | FromRecord):
                    name, level = level_of(column, levels)
                    fine: Bools = level.present.copy()
                    if column in picked:
                        array, certain = picked[column]
                        fine &= certain
                    else:
                        array = self._column(column, name, levels, fine)
                    if column == self._contract.date_column:
                        self._check_date(column, array, fine)
                    made[table.name, column.name] = array
                    good[level.documents[~fine]] = False
            for column in table.products:
                self._multiply(table, column, levels, made, good)
        return made

    def not_chosen(self, levels: dict[str, Level]) -> dict[int, Bools]:
        """Return for leaves that are one of several paths of columns the documents whose value no column takes."""
        chosen_by_any: dict[int, Bools] = {}
        leaves = [leaf for leaf in self._layout.leaves if leaf.level == ROOT and leaf.columns]
        choices = {leaf.number for leaf in leaves if all(len(_paths(column)) > 1 for column in leaf.columns)}
        if not choices:
            return {}
        root = levels[ROOT]
        for column in {column for leaf in leaves if leaf.number in choices for column in leaf.columns}:
            free: Bools = np.ones(len(root), dtype=np.bool_)
            for path in _paths(column):
                number = self._layout.leaf(path, of_record=isinstance(column.source, FromRecord)).number
                valid = columns.validity(without_nulls(root.arrays[number], column.nulls, root.present.copy()))
                chosen = free.copy() if valid is None else free & valid
                chosen_by_any[number] = chosen_by_any.get(number, np.zeros(len(root), dtype=np.bool_)) | chosen
                free &= ~chosen
        held = {number: columns.validity(root.arrays[number]) for number in choices}
        return {n: ~chosen_by_any[n] if valid is None else ~chosen_by_any[n] & valid for n, valid in held.items()}

    def _column(self, column: Column, name: str, levels: dict[str, Level], fine: Bools) -> pa.Array:
        array = self._chosen(column, levels[name], fine)
        valid = columns.validity(array)
        if column.required:
            fine &= valid if valid is not None else True
            if array.type == pa.string():
                fine &= columns.lengths(array) > 0
        if column.type is Type.DECIMAL:
            made = self._decimal(column, name, array, levels, fine)
        else:
            made = converted(column, array, fine)
        return made

    def _check_date(self, column: Column, array: pa.Array, fine: Bools) -> None:
        ms = columns.numbers(array) if column.type is Type.TIMESTAMP else _days(array) * date_values.MILLISECONDS_A_DAY
        fine &= (ms >= self._earliest_ms) & (ms <= self._latest_ms)

    def _chosen(self, column: Column, level: Level, fine: Bools) -> pa.Array:
        """Return the first value of the column's paths; where two hold one, the strict way tells what the other is."""
        assert isinstance(column.source, FromDocument | FromRecord)
        of_record = isinstance(column.source, FromRecord)
        chosen: pa.Array | None = None
        for path in column.source.paths:
            leaf = self._layout.leaf(path, of_record=of_record)
            array = without_nulls(level.arrays[leaf.number], column.nulls, fine)
            if chosen is None:
                chosen = array
                continue
            first = columns.validity(chosen)
            has = np.ones(len(array), np.bool_) if first is None else first
            if level.parents is not level.documents:
                self._leave_others(level, leaf.number, array, has, fine)
            if array.type != chosen.type:
                array, chosen = columns.as_text(array), columns.as_text(chosen)
            chosen = columns.choose(has, chosen, array)
        assert chosen is not None
        return chosen

    @staticmethod
    def _leave_others(level: Level, leaf: int, array: pa.Array, has: Bools, fine: Bools) -> None:
        """Clear `fine` where an element's value is not the one that is chosen: an unnamed field, for the strict way."""
        sent, valid = columns.validity(level.arrays[leaf]), columns.validity(array)
        chosen = ~has if valid is None else valid & ~has
        fine &= chosen if sent is None else chosen | ~sent

    def _decimal(self, column: Column, name: str, array: pa.Array, levels: dict[str, Level], fine: Bools) -> pa.Array:
        digits: int | Int64s = 0
        units = column.minor_units
        valid = columns.validity(array)
        if isinstance(units, FixedDigits):
            digits = units.digits
        elif units is not None:
            needed: Bools = np.ones(len(array), np.bool_) if valid is None else valid
            given = self._lifted(units.path, name, levels)
            if isinstance(units, CurrencyAt):
                digits = exact_digits(given, MINOR_UNIT_DIGITS, fine, needed)
            else:
                certain: Bools = np.ones(len(array), np.bool_)
                digits = whole(given, 0, certain, is_decimal=False)
                if isinstance(units, DivisorAt):
                    digits, is_power = _logarithm(digits)
                    certain &= is_power
                powers_of_ten = columns.validity(given)
                fine &= (certain if powers_of_ten is None else certain & powers_of_ten) | ~needed
        numbers = whole(array, (column.scale or 0) - np.asarray(digits), fine, is_decimal=True)
        return columns.column(arrow_type(column), numbers, valid)

    def _lifted(self, path: JsonPath, name: str, levels: dict[str, Level]) -> pa.Array:
        """Return the values at a path of this level or of one above it, for each element of this level."""
        above = str(path.list_path or ROOT)
        array = levels[above].arrays[self._layout.leaf(path).number]
        return array if above == name else columns.take(array, ancestors(name, above, self._layout, levels))

    def _multiply(self, table: Table, column: Column, levels: dict[str, Level], made: Made, good: Bools) -> None:
        assert isinstance(column.source, Product)
        ones = [table[factor] for factor in column.source.factors]
        names = [self._level_name(table, each) for each in ones]
        deepest = max(names, key=lambda each: each.count("[]"))
        arrays = [
            made[table.name, each.name]
            if name == deepest
            else columns.take(made[table.name, each.name], ancestors(deepest, name, self._layout, levels))
            for each, name in zip(ones, names, strict=True)
        ]
        fine: Bools = np.ones(len(levels[deepest]), np.bool_)
        made[table.name, column.name] = product(column, ones, arrays, fine)
        good[levels[deepest].documents[~fine]] = False

    def _level_name(self, table: Table, column: Column) -> str:
        level = table.level(column)
        return str(table.lists[level - 1].path) if level else ROOT


def _paths(column: Column) -> tuple[JsonPath, ...]:
    return column.source.paths if isinstance(column.source, FromDocument | FromRecord) else ()


def product(column: Column, factors: list[Column], arrays: list[pa.Array], fine: Bools) -> pa.Array:
    """Return the product of two columns, and clear `fine` where it does not fit."""
    one, other = (columns.numbers(array) for array in arrays)
    excess = sum(each.scale or 0 for each in factors) - (column.scale or 0)
    fits = np.abs(one.astype(np.float64) * other) * 10.0 ** max(-excess, 0) < 9.2e18
    units = one * other
    if excess > 0:
        fits &= units % 10**excess == 0
        units = units // 10**excess
    else:
        units = units * 10**-excess
    fits &= np.abs(units) <= values.MAX_UNITS
    first, second = (columns.validity(array) for array in arrays)
    valid = second if first is None else first if second is None else first & second
    fine &= fits if valid is None else fits | ~valid
    return columns.column(arrow_type(column), np.where(fits, units, 0), valid)


def level_of(column: Column, levels: dict[str, Level]) -> tuple[str, Level]:
    """Return the level that a column is read at."""
    assert isinstance(column.source, FromDocument | FromRecord)
    name = ROOT if isinstance(column.source, FromRecord) else str(column.source.paths[0].list_path or ROOT)
    return name, levels[name]


def ancestors(name: str, above: str, layout: Layout, levels: dict[str, Level]) -> Int64s:
    """Return for each element of a level which of the level `above` it lies in."""
    if above == ROOT:
        return levels[name].documents
    elements = np.arange(len(levels[name]))
    while name != above:
        elements = levels[name].parents[elements]
        name = layout.enclosing(name)
    return elements


def _days(array: pa.Array) -> Int64s:
    return columns.numbers(array.cast(pa.int32()).cast(pa.int64()))


def _logarithm(powers: Int64s) -> tuple[Int64s, Bools]:
    """Return the digits of powers of ten, and which numbers are some."""
    powers_of_ten = 10 ** np.arange(19, dtype=np.int64)
    digits = np.searchsorted(powers_of_ten, powers)
    return digits, powers_of_ten[np.minimum(digits, 18)] == powers
