"""Follows a path of a contract from a parsed document, or from an element of one of its lists."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from chalicelib.contracts.paths import Each, Index, JsonPath, Key, Where
from chalicelib.flatten.json_text import RejectedDocument, below
from chalicelib.flatten.scalars import NumberText, kind

Steps = Sequence[Key | Index | Where]


def follow(value: Any, steps: Steps, prefix: str, *, strictly: bool = True) -> tuple[Any, str]:
    """Return the value that `steps` lead to from `value`, None where there is none, and its path below `prefix`.

    `prefix` is empty or ends with a dot. An empty text, `false` or an empty list where an object is due, and an empty
    text or `false` where a list is, is as good as none: so programs write that they have none. Raises RejectedDocument
    where something else stands on the way; with `strictly` false there is none then.
    """
    path = prefix
    for position, step in enumerate(steps):
        if value is None:
            break
        here = path.removesuffix(".")
        if isinstance(step, Key):
            if not isinstance(value, dict):
                if _is_none(value) or value == [] or not strictly:
                    value = None
                    break
                raise RejectedDocument(here, f"expected an object, found {kind(value)}")
            value = value.get(step.name)
            path = below(path, step.name)
        else:
            if not isinstance(value, list):
                if _is_none(value) or not strictly:
                    value = None
                    break
                raise RejectedDocument(here, f"expected an array, found {kind(value)}")
            index = step.position if isinstance(step, Index) else _first(value, step)
            value = value[index] if index is not None and index < len(value) else None
            path = f"{here}[{index}]"
        if position + 1 < len(steps) and isinstance(steps[position + 1], Key):
            path += "."
    return value, path


def holds(element: Any, where: Where) -> bool:
    """Tell whether an element of a list holds the value that a step looks for."""
    for key in where.keys:
        element = element.get(key) if isinstance(element, dict) else None
    if isinstance(element, bool):
        return element is where.boolean
    if isinstance(element, NumberText):
        return where.number is not None and len(element) <= 40 and Decimal(element) == where.number
    return isinstance(element, str) and element == where.text


def _first(elements: list[Any], where: Where) -> int | None:
    return next((i for i, element in enumerate(elements) if holds(element, where)), None)


def _is_none(value: Any) -> bool:
    """Tell whether a value that is no object or list is a way to write that there is none."""
    return value is False or (isinstance(value, str) and value == "" and not isinstance(value, NumberText))


def generic_path(path: JsonPath) -> str:
    """Return a path as `extra_fields` has it: keys as `below` writes them, `[]` for the elements of a list."""
    text = ""
    for step in path.steps:
        if isinstance(step, Key):
            text = below(f"{text}." if text else "", step.name)
        elif isinstance(step, Each):
            text += "[]"
    return text


def listed(value: Any) -> list[Any]:
    """Return the elements of a list of rows. An object is a list of one; what says that there is nothing has none."""
    return value if isinstance(value, list) else [value] if isinstance(value, dict) else []
