"""Why a document has no value where it needs one, in words that say what it holds instead."""

from __future__ import annotations

from typing import Any

from chalicelib.contracts.contract import Column, Contract
from chalicelib.contracts.paths import JsonPath, Key
from chalicelib.errors import shown

_MOST_NAMED = 5
"""How many of a document's keys a reason names."""


def absence(element: Any, column: Column, contract: Contract, path: JsonPath) -> str:
    """Say that a required column has no value; of a document without its identity, also what it holds instead."""
    if path.level:
        return f"each element of {path.list_path} needs its {column.name}"
    state = _state(element, path)
    reason = f"{state}: a document needs its {column.name}"
    if state != "missing" or column.name not in contract.identity or not isinstance(element, dict):
        return reason
    if not element:
        return f"{reason}, and this object is empty"
    reason += f"; its key{'s are' if len(element) > 1 else ' is'} {_named(list(element))}"
    for key, value in element.items():
        if _is_array_of_objects(value) and not any(path.steps[0] == Key(key) for path in _paths(contract)):
            return f"{reason}; its key {shown(key, 40)!r} holds an array of {len(value)} objects: name it in records"
    if all(isinstance(value, dict) for value in element.values()):
        if len(element) == 1:
            return f"{reason}, which holds an object: name it in at, or send that object alone"
        return f"{reason}, each of which holds an object: send them as an array"
    return reason


def _paths(contract: Contract) -> list[JsonPath]:
    return [path for _, column in contract.columns() for path in column.paths]


def _state(element: Any, path: JsonPath) -> str:
    value = element
    for step in path.steps:
        if not isinstance(step, Key) or not isinstance(value, dict) or step.name not in value:
            return "missing"
        value = value[step.name]
    return "null" if value is None else "empty"


def _named(keys: list[str]) -> str:
    few = ", ".join(repr(shown(key, 40)) for key in keys[:_MOST_NAMED])
    return f"{few} and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else few


def _is_array_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)
