"""Makes the columns that are read at one path of keys by one call of compiled code for all those of a level.

Most columns of most contracts are such. Where one has a value that is not certain, the column is left to `SpanColumns`,
which makes the same of the others.
"""

from __future__ import annotations

import ctypes
from collections.abc import Container, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Struct

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column, Contract, Table
from chalicelib.contracts.paths import Key
from chalicelib.contracts.sources import FromDocument
from chalicelib.contracts.values import FixedDigits
from chalicelib.flatten.columns import address, written_array
from chalicelib.flatten.plan import Plan, PlanNode
from chalicelib.flatten.plan_values import PlanValues
from chalicelib.flatten.schema import arrow_type
from chalicelib.flatten.span_columns import KINDS_OF_TEXT, PARTS_OF_NOISE, PARTS_OF_WHOLE_NOISE, is_of_instants
from chalicelib.flatten.table_rows import Made
from chalicelib.flatten.views import View
from chalicelib.native_library import COLUMN, DOUBLES, INSTANTS, LAID_OUT, UNITS, WAY, ColumnsStruct


class _PlainColumn(Struct, frozen=True):
    """A column, its Arrow type, and the values on the way to it: which of the ways of its level they are."""

    name: str
    kind: pa.DataType
    ways: frozenset[int]


class _PlainLevel(Struct, frozen=True):
    """The plain columns of one level of a table; `given` describes the ways, and each column behind them."""

    columns: tuple[_PlainColumn, ...]
    ways: int
    given: npt.NDArray[np.void]


class PlainColumns:
    """Makes the plain columns of a contract's tables, but for those in `left_out`, by table and name."""

    def __init__(
        self, library: ctypes.CDLL, contract: Contract, plan: Plan, left_out: Container[tuple[str, str]]
    ) -> None:
        self._library = library
        self._levels = {
            (table.name, level): _level(table, level, plan, left_out)
            for table in contract.tables
            for level in range(table.depth + 1)
        }

    def make(self, table: Table, views: Sequence[View], values: PlanValues, made: Made) -> None:
        """Make the plain columns of a table of which every value is certain; `views` are those of its levels."""
        for level, view in enumerate(views):
            for name, array in self._made(self._levels[table.name, level], view, values).items():
                made[table.name, name] = array

    def _made(self, plain: _PlainLevel, view: View, values: PlanValues) -> dict[str, pa.Array]:
        if not plain.columns:
            return {}
        given = plain.given.copy()
        elements = values.levels[view.node.counting]
        struct = ColumnsStruct(
            data=address(values.text),
            spans=elements.spans,
            starts=elements.starts,
            ends=elements.ends,
            members=address(view.members),
            columns=address(given),
            count=len(view),
            columns_count=len(given),
            width=elements.width,
        )
        room = np.empty(self._library.measure_columns(ctypes.byref(struct)), dtype=np.uint8)
        struct.out = address(room)
        self._library.read_columns(ctypes.byref(struct))
        doubts = given["doubts"].tolist()
        doubtful = {i for i in range(plain.ways) if doubts[i]}
        made = pa.py_buffer(room)
        laid_out = given[list(LAID_OUT)][plain.ways :].tolist()
        return {
            column.name: written_array(column.kind, len(view), made, each)
            for column, each, doubt in zip(plain.columns, laid_out, doubts[plain.ways :], strict=True)
            if not doubt and not column.ways & doubtful
        }


def _level(table: Table, level: int, plan: Plan, left_out: Container[tuple[str, str]]) -> _PlainLevel:
    """Return the plain columns of a table's level."""
    ways: dict[int, int] = {}
    columns, descriptions = [], []
    for column in table.columns:
        kind = _kind(column)
        if kind is None or table.level(column) != level or (table.name, column.name) in left_out:
            continue
        nodes = _nodes(column, plan)
        for node in nodes[:-1]:
            ways.setdefault(node.column, len(ways))
        columns.append(
            _PlainColumn(column.name, arrow_type(column), frozenset(ways[node.column] for node in nodes[:-1]))
        )
        digits = column.minor_units.digits if isinstance(column.minor_units, FixedDigits) else 0
        unit_noise = PARTS_OF_WHOLE_NOISE if column.type is Type.INTEGER else 0
        shift = (column.scale or 0) - digits
        descriptions.append((nodes[-1].column, kind, shift, column.required, PARTS_OF_NOISE, unit_noise, *_NOT_YET))
    descriptions_of_ways = [(number, WAY, 0, False, 0, 0, *_NOT_YET) for number in ways]
    return _PlainLevel(tuple(columns), len(ways), np.array(descriptions_of_ways + descriptions, dtype=COLUMN))


_NOT_YET = (0,) * 6


def _kind(column: Column) -> int | None:
    """Return what compiled code makes of a column's values, None where it is not plain."""
    source = column.source
    if not isinstance(source, FromDocument) or len(source.paths) > 1 or column.nulls:
        return None
    if not all(isinstance(step, Key) for step in source.paths[0].relative):
        return None
    if column.minor_units is not None and not isinstance(column.minor_units, FixedDigits):
        return None
    if column.type in KINDS_OF_TEXT:
        return KINDS_OF_TEXT[column.type]
    if column.type in (Type.DECIMAL, Type.INTEGER):
        return UNITS
    if column.type is Type.DOUBLE:
        return DOUBLES
    return INSTANTS if is_of_instants(column) else None


def _nodes(column: Column, plan: Plan) -> list[PlanNode]:
    """Return the values that a path of keys goes through, from the level's own to the column's."""
    path = column.paths[0]
    nodes = [plan.start(column, path)]
    for step in path.relative:
        assert isinstance(step, Key)
        nodes.append(nodes[-1].children[step.name])
    return nodes
