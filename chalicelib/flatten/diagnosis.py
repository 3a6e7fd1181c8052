"""What a sender may have meant: why a document lacks a required column, and keys that are nearly the contract's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from chalicelib.contracts.model import Column, Contract
from chalicelib.errors import shown

MOST_NEAR_MISSES = 20
"""How many keys are remembered that are nearly the contract's."""

_MOST_UNKNOWN, _LONGEST_KEY = 1000, 100
"""How many keys of an object the contract may not name until no more are compared, and how long these may be: who
sends a million keys does not pay for each."""

_MOST_NAMED = 5
"""How many of a document's keys a reason names."""

_SEPARATORS = re.compile(r"[\s_\ufeff\u200b-]+")


class NearMisses:
    """Keys that differ from the contract's only in case, spaces or underscores.

    `paths` holds the path of each, with the path that the contract names.
    """

    def __init__(self) -> None:
        self.paths: dict[str, str] = {}

    def note(self, key: str, unknown: set[str], folded: dict[str, str], generic: str) -> None:
        """Compare a key with those that the contract names in the same object: `folded` (see `folded_keys`).

        `unknown` holds the keys that were compared before, and `generic` is the object's path, ending with a dot.
        """
        if len(key) > _LONGEST_KEY or len(unknown) >= _MOST_UNKNOWN:
            return
        unknown.add(key)
        meant = folded.get(_folded(key))
        if meant is not None and len(self.paths) < MOST_NEAR_MISSES:
            self.paths[generic + key] = generic + meant


def folded_keys(keys: Iterable[str]) -> dict[str, str]:
    """Return keys by what remains of them without case, spaces and underscores."""
    return {_folded(key): key for key in keys}


def missing_value(document: dict[str, Any], column: Column, contract: Contract, named: Collection[str]) -> str:
    """Return why a required column has no value; where the identity is missing, also what the document holds instead.

    `named` has the keys of a document that the contract names.
    """
    state = _state(document, contract.steps(column))
    reason = f"{state}: an order needs its {column.name}"
    if state != "missing" or column.name != contract.order_id:
        return reason
    if not document:
        return f"{reason}, and this object is empty"
    reason += f"; its key{'s are' if len(document) > 1 else ' is'} {_listed(list(document))}"
    return reason + _remedy({key: value for key, value in document.items() if key not in named}, document, contract)


def _remedy(unnamed: dict[str, Any], document: dict[str, Any], contract: Contract) -> str:
    """Return what to send where a document looks like an envelope of documents, or nothing."""
    envelope = contract.envelope
    for key, value in unnamed.items():
        if _is_array_of_objects(value):
            holder = f"; its key {shown(key, 40)!r} holds an array of {len(value)} objects"
            return f"{holder}: send the array alone, or under {envelope!r}"
    if len(unnamed) < len(document) or not all(isinstance(value, dict) for value in document.values()):
        return ""
    if len(document) == 1:
        return ", which holds an object: send that object alone"
    return f", each of which holds an object: send them as an array, alone or under {envelope!r}"


def _state(document: dict[str, Any], steps: Iterable[str]) -> str:
    value: object = document
    for key in steps:
        if not isinstance(value, dict) or key not in value:
            return "missing"
        value = value[key]
    return "null" if value is None else "empty"


def _listed(keys: list[str]) -> str:
    first = ", ".join(repr(shown(key, 40)) for key in keys[:_MOST_NAMED])
    return f"{first} and {len(keys) - _MOST_NAMED} more" if len(keys) > _MOST_NAMED else first


def _is_array_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _folded(key: str) -> str:
    return _SEPARATORS.sub("", key).casefold()
