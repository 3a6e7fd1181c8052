"""Reads what a ledger entry stores, field by field, as the types of its class say. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.errors import UnreadableEntry
from chalicelib.loading.outbox import Message

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def read_fields(cls: type[DataclassInstance], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored values of a class's fields. Raises UnreadableEntry for one that has to be there and is not."""
    values: dict[str, Any] = {}
    for each in fields(cls):
        if each.name in stored and each.name != "counts":
            values[each.name] = _field(each.name, str(each.type), stored[each.name])
        elif each.default is MISSING and each.default_factory is MISSING:
            raise UnreadableEntry(f"it has no {each.name!r}")
    return values


def _field(name: str, kind: str, value: Any) -> Any:
    """Return the value of a stored field. Raises UnreadableEntry where it is not of the field's type."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "tuple[str, ...]":
        fits = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
        value = tuple(value) if fits else value
    elif kind == "tuple[Message, ...]":
        fits = isinstance(value, list | tuple)
        value = tuple(map(Message.from_json, value)) if fits else value
    elif kind == "dict[str, int]":
        fits = isinstance(value, dict) and all(type(each) is int for each in value.values())
    elif value is None:
        fits = kind.endswith("| None")
    else:
        fits = {
            "str": isinstance(value, str),
            "bool": isinstance(value, bool),
            "int": is_number and isinstance(value, int),
            "float": is_number,
        }[kind.removesuffix(" | None")]
    if fits and name.endswith("_at") and value is not None:
        try:
            fits = datetime.fromisoformat(value).tzinfo is not None
        except ValueError:
            fits = False
    if not fits:
        raise UnreadableEntry(f"{name!r} is not {kind}")
    return value
