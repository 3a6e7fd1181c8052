"""Why a document has no value where it needs one, in words that say what it holds instead."""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import lru_cache
from itertools import islice
from typing import Any

from chalicelib.contracts.contract import Column, Contract
from chalicelib.contracts.paths import JsonPath, Key
from chalicelib.errors import shown
from chalicelib.flatten.unread import holding_arrays, holds_objects_only

Keys = tuple[str, ...]

_MOST_NAMED = 5
"""How many of a document's keys a reason names."""
_LONGEST_KEY = 40
_LONGEST_KEPT = _LONGEST_KEY + 2
"""How many characters of a key a reason shows, and how many it takes to see that there are more."""
_MOST_LOOKED_AT = 1000
"""How many objects, and how many members of each, are looked at for an array of records."""
_MOST_KEYS_DEEP = 5
"""How many keys the path to it has at most."""


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
    reason += f"; its key{'s are' if len(element) > 1 else ' is'} {_named(element)}"
    if hint := _hint_at_array(element, contract.at, contract, contract.named_keys):
        return f"{reason}; {hint}"
    if holds_objects_only(element):
        if len(element) == 1:
            return f"{reason}, which holds an object: name it in at, or send that object alone"
        return f"{reason}, each of which holds an object: send them as an array"
    return reason


def no_document(record: Any, contract: Contract) -> str:
    """Say that a record has nothing at the contract's `at`, and what it holds instead."""
    hint = _hint_at_array(record, None, contract, frozenset()) if isinstance(record, dict) else ""
    return f"missing: the contract has the document there{'; ' if hint else ''}{hint}"


def _hint_at_array(value: dict[str, Any], at: JsonPath | None, contract: Contract, named: Set[Keys]) -> str:
    """Say where in `value`, which lies at `at` in its record, an array of objects is that is not among `named`.

    Returns nothing where there is none.
    """
    keys, count = next(_arrays_of_objects(value, named), ((), 0))
    if not keys:
        return ""
    steps = tuple(map(Key, keys))
    path = JsonPath((*(at.steps if at else ()), *steps))
    holds = f"its key {_path_shown(JsonPath(steps))!r} holds an array of {count} object{'s' if count > 1 else ''}"
    if path in contract.records:
        return f"{holds}, as records says, but is inside an array: send such objects one after the other"
    if at:
        return f"{holds}: name {_path_shown(path)!r} in records, and in at what is the document in each of them"
    return f"{holds}: name it in records"


def _arrays_of_objects(value: dict[str, Any], named: Set[Keys]) -> Iterator[tuple[Keys, int]]:
    """Yield the paths of keys to arrays of objects, the shortest first, and how many objects they hold.

    Of a large object it is a part that is looked at.
    """
    objects: list[tuple[Keys, dict[str, Any]]] = [((), value)]
    for above, each in objects:
        for key, is_object in holding_arrays(each, _MOST_LOOKED_AT):
            if is_object:
                if len(above) + 1 < _MOST_KEYS_DEEP and len(objects) < _MOST_LOOKED_AT:
                    objects.append(((*above, key), each[key]))
            elif (*above, key) not in named and _holds_objects(each[key]):
                yield (*above, key), len(each[key])


def _path_shown(path: JsonPath) -> str:
    return str(shown(path, 80))


def _state(element: Any, path: JsonPath) -> str:
    value = element
    for step in path.steps:
        if not isinstance(step, Key) or not isinstance(value, dict) or step.name not in value:
            return "missing"
        value = value[step.name]
    return "null" if value is None else "empty"


def _named(value: dict[str, Any]) -> str:
    return _shown_keys(tuple([key[:_LONGEST_KEPT] for key in islice(value, _MOST_NAMED)]), len(value))


@lru_cache(maxsize=256)
def _shown_keys(keys: Keys, count: int) -> str:
    """Return the first keys of an object as a reason has them, and how many more of `count` there are."""
    few = ", ".join(repr(shown(key, _LONGEST_KEY)) for key in keys)
    return f"{few} and {count - len(keys)} more" if count > len(keys) else few


def _holds_objects(array: list[Any]) -> bool:
    return bool(array) and all(isinstance(each, dict) for each in array)
