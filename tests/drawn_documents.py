"""Records as a contract asks for them, and some that break it, from a seed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.contract import Column, Contract
from chalicelib.contracts.paths import Each, Index, JsonPath, Key, Step, Where
from chalicelib.contracts.sources import FromRecord
from chalicelib.contracts.values import CurrencyAt, Dates, DigitsAt, DivisorAt, Strptime

_JUNK: tuple[Any, ...] = (
    *(None, None, "", "", False, [], {}, 0, 1, -1, 2.5, True, False, "x", "0", "1e3", "2024-07-05", [None], [{}]),
    *(10**18, 1e30, "12.345678", "007", ["x"], "EUR", "\u00e9", 20240705, 1710000000, 2.0000000001),
)
_BY_TYPE: dict[Type, tuple[Any, ...]] = {
    Type.IDENTIFIER: ("a-1", 7, "007", 10**20),
    Type.TEXT: ("text", 1.5, True, "", "x y"),
    Type.JSON: ({"a": [1, 2]}, "text", 5, [True]),
    Type.DECIMAL: (5, "12.34", 0.1, -3, "1e2", 99999999, "99999999999999", 0),
    Type.INTEGER: (5, "12", 2.0, -3, 9223372036854775807, 0),
    Type.DOUBLE: (5, "12.34", 0.1, 1e300),
    Type.BOOLEAN: (True, False, "true", "false", 0, 1, 1.0),
}
_BY_FORMAT: dict[Dates, tuple[Any, ...]] = {
    Dates.ISO: ("2024-07-05", "20240705", "2024-07-05T10:00:00Z", "2024-07-05 10:00", "2024-07-05T10:00:00.123+0200"),
    Dates.EPOCH_SECONDS: (1710000000, "1710000000", 1.71e9),
    Dates.EPOCH_MILLISECONDS: (1710000000000, "1.71e12"),
    Dates.EPOCH_MICROSECONDS: (1710000000000000,),
    Dates.EPOCH_NANOSECONDS: (1710000000000000000,),
    Dates.EPOCH_DAYS: (19900, "19900.5"),
    Dates.DOTNET: ("/Date(1710000000000)/", "/Date(1710000000000+0100)/"),
    Dates.RFC2822: ("Fri, 05 Jul 2024 10:00:00 +0000",),
    Dates.YYYYMMDD: ("20240705", 20240705),
}
_BY_PATTERN = {"%d/%m/%Y": "05/07/2024", "%Y-%m-%d %H:%M:%S %z": "2024-07-05 10:00:00 +0200"}


@dataclass
class _Node:
    """What a contract reads at a value: the values that fit it, and what is below by the step to it."""

    values: list[Any] = field(default_factory=list)
    below: dict[Step, _Node] = field(default_factory=dict)


def drawn_record(contract: Contract, seed: int, ugliness: float) -> Any:
    """Return a record: of each value this share is missing, null, or something that may not fit."""
    chance = random.Random(seed)
    document = _value(_tree(contract, outer=False), chance, ugliness)
    if contract.at is None:
        return document
    record = _value(_tree(contract, outer=True), chance, ugliness)
    return _put(record if isinstance(record, dict) else {}, contract.at.steps, document, chance, ugliness)


def _tree(contract: Contract, outer: bool) -> _Node:
    root = _Node()
    for table in contract.tables:
        if table.rows and not outer:
            _at(root, table.rows)
        for column in table.columns:
            source = column.source
            paths = source.paths if isinstance(source, FromRecord) else column.paths
            if isinstance(source, FromRecord) is not outer:
                continue
            for path in paths:
                _at(root, path).values += _fitting(column)
            for path in column.referred:
                of: dict[Any, tuple[Any, ...]] = {
                    CurrencyAt: ("EUR", "JPY"),
                    DivisorAt: (100, 1, "10"),
                    DigitsAt: (2, 0, "3"),
                }
                _at(root, path).values += of[type(column.minor_units)]
    return root


def _at(node: _Node, path: JsonPath) -> _Node:
    for step in path.steps:
        node = node.below.setdefault(step, _Node())
    return node


def _fitting(column: Column) -> list[Any]:
    nulls = [*column.nulls.texts, *column.nulls.booleans, *(float(each) for each in column.nulls.numbers)]
    if column.type in _BY_TYPE:
        return [*_BY_TYPE[column.type], *nulls]
    values = [
        _BY_PATTERN[form.pattern] if isinstance(form, Strptime) else value
        for form in column.formats
        for value in (("",) if isinstance(form, Strptime) else _BY_FORMAT[form])
    ]
    return [*values, *nulls]


def _value(node: _Node, chance: random.Random, ugliness: float) -> Any:
    if chance.random() < ugliness:
        return chance.choice(_JUNK)
    keys = {step: inner for step, inner in node.below.items() if isinstance(step, Key)}
    lists = {step: inner for step, inner in node.below.items() if not isinstance(step, Key)}
    if node.values and (not node.below or chance.random() < 0.3):
        return chance.choice(node.values)
    if lists and (not keys or chance.random() < 0.5):
        return _array(lists, chance, ugliness)
    return _object(keys, chance, ugliness)


def _object(keys: dict[Key, _Node], chance: random.Random, ugliness: float) -> dict[str, Any]:
    value = {}
    for step, inner in keys.items():
        if chance.random() >= ugliness / 2:
            value[step.name] = _value(inner, chance, ugliness)
    if chance.random() < 0.1:
        value["unnamed"] = chance.choice(_JUNK)
    return value


def _array(lists: dict[Each | Index | Where, _Node], chance: random.Random, ugliness: float) -> Any:
    array: list[Any] = []
    for step, inner in lists.items():
        for _ in range(chance.randint(0, 2) if isinstance(step, Each) else chance.randint(0, 1)):
            array.append(_value(inner, chance, ugliness))
        if isinstance(step, Index) and chance.random() < 0.8:
            array += [chance.choice(({}, None)) for _ in range(step.position + 1 - len(array))]
            array[step.position] = _value(inner, chance, ugliness)
        if isinstance(step, Where) and chance.random() < 0.9:
            inner = inner.below.get(Each(), inner)
            element = _value(inner, chance, ugliness)
            if isinstance(element, dict):
                array.append(_put(element, tuple(map(Key, step.keys)), _looked_for(step, chance), chance, 0))
    if len(array) == 1 and isinstance(array[0], dict) and chance.random() < 0.2:
        return array[0]
    return array


def _looked_for(where: Where, chance: random.Random) -> Any:
    values: list[Any] = [where.text]
    values += [] if where.number is None else [float(where.number)]
    values += [] if where.boolean is None else [where.boolean]
    return chance.choice(values)


def _put(around: Any, steps: tuple[Step, ...], value: Any, chance: random.Random, ugliness: float) -> Any:
    """Return what is around with a value at `steps` of it; on the way a text of JSON may stand."""
    if not steps:
        return value if ugliness == 0 or chance.random() < 0.7 else json.dumps(value)
    step, *rest = steps
    following = tuple(rest)
    if isinstance(step, Key):
        members = around if isinstance(around, dict) else {}
        inner = _put(members.get(step.name), following, value, chance, ugliness)
        result: Any = {**members, step.name: inner}
    elif isinstance(step, Index):
        elements = [*(around if isinstance(around, list) else [])]
        elements += [None] * (step.position + 1 - len(elements))
        elements[step.position] = _put(elements[step.position], following, value, chance, ugliness)
        result = elements
    else:
        assert isinstance(step, Where)
        element = _put({}, following, value, chance, ugliness)
        element = _put(element if isinstance(element, dict) else {}, tuple(map(Key, step.keys)), step.text, chance, 0)
        result = [{}, element]
    return result
