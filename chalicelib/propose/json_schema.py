"""From a JSON Schema to a profile, as if documents of its shape had been read: a contract can then be proposed from it.

A schema knows types, formats and what is required, but neither how long numbers are nor how often a value is there: a
property that is required counts as always there, any other as there in half of the documents. What its descriptions
say goes along.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chalicelib.contracts.currencies import MINOR_UNIT_DIGITS
from chalicelib.errors import shown
from chalicelib.propose.node import Node
from chalicelib.propose.profile import MOST_DEPTH, MOST_NODES, Profile
from chalicelib.propose.scalars import DateShape
from chalicelib.propose.value_counts import Dates, Numbers

COUNT = 100
"""How many documents the profile seems to be of: enough to write shares as whole numbers."""

MOST_STEPS = 50_000
"""How many references and alternatives are followed: those of a few lines may be without end."""

_FORMATS = {
    "date-time": DateShape("iso", "9999-99-99T99:99:99Z", 2024),
    "date": DateShape("iso date", "9999-99-99", 2024),
}
_SOME_DIGITS = 6
LONGEST_DESCRIPTION = 255
MOST_LISTED, LONGEST_LISTED = 6, 30
"""How many values of an enum are shown, where none is longer."""


def profile_of(schema: Any) -> Profile:
    """Return the profile of documents that a schema describes: of its elements, where it describes an array."""
    profile = Profile()
    builder = _Builder(schema)
    shape = builder.resolved(schema)
    if "items" in shape and "properties" not in shape:
        shape = builder.resolved(shape["items"])
    builder.add(profile.root, shape, COUNT, 0)
    if not profile.root.objects:
        return profile
    profile.documents = COUNT
    profile.left_out = builder.left_out
    profile.is_declared = True
    profile.description = _description(shape)
    profile.looks += [
        f"{reference} is not in the schema: what it describes stays in extra_fields" for reference in builder.outside
    ]
    return profile


class _Builder:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._nodes = 0
        self._steps = 0
        self.left_out = 0
        self.outside: dict[str, None] = {}
        """References that lead to nothing inside the schema."""

    def resolved(self, schema: Any, seen: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return a schema with what it refers to, and with its alternatives together."""
        if not isinstance(schema, dict) or len(seen) > MOST_DEPTH or self._steps >= MOST_STEPS:
            return {}
        self._steps += 1
        reference = schema.get("$ref")
        together: dict[str, Any] = {}
        if isinstance(reference, str) and reference not in seen:
            together = dict(self.resolved(self._target(reference), (*seen, reference)))
        own = {key: value for key, value in schema.items() if key not in ("$ref", "allOf", "anyOf", "oneOf")}
        together = _merged(together, own)
        for key in ("allOf", "anyOf", "oneOf"):
            for part in schema[key] if isinstance(schema.get(key), list) else ():
                also = self.resolved(part, (*seen, key))
                together = _merged(together, also if key == "allOf" else {**also, "required": []})
        return together

    def add(self, node: Node, schema: dict[str, Any], count: int, depth: int) -> None:
        """Count `count` values of a schema."""
        types = list(_types(schema))
        node.description = _description(schema)
        node.declared = _declared(schema)
        node.present += count
        # Different in each value, and from those of other paths.
        node.distinct.update(range(2 * COUNT * self._nodes, 2 * COUNT * self._nodes + min(count, COUNT)))
        some = [each for each in types if each != "null"]
        if len(some) < len(types):
            node.nulls += count // 2
            count -= count // 2
        if not some:
            node.nulls = node.present
            return
        for position, each in enumerate(some):
            share = count // len(some) + (position < count % len(some))
            self._add_type(node, each, schema, share, depth)

    def _add_type(self, node: Node, name: str, schema: dict[str, Any], count: int, depth: int) -> None:
        if name == "object":
            self._add_object(node, schema, count, depth)
        elif name == "array":
            self._add_list(node, schema, count, depth)
        elif name == "boolean":
            node.true += count
        elif name in ("integer", "number"):
            node.numbers = node.numbers or Numbers()
            _count_numbers(node.numbers, schema, name, count)
            node.integers += count if name == "integer" else 0
            node.floats += count if name == "number" else 0
        else:
            _add_text(node, schema, count)

    def _add_object(self, node: Node, schema: dict[str, Any], count: int, depth: int) -> None:
        node.objects += count
        properties = schema.get("properties")
        required = schema.get("required")
        named = (
            set(required) if isinstance(required, list) and all(isinstance(each, str) for each in required) else set()
        )
        for key, below in properties.items() if isinstance(properties, dict) else ():
            child = self._new(depth)
            if child is None:
                node.truncated = True
                continue
            node.children[key] = child
            self.add(child, self.resolved(below), count if key in named else max(1, count // 2), depth + 1)
        if not node.children:
            # Its keys are not said: they may be any.
            node.is_map = True
            patterns = schema.get("patternProperties")
            below = [schema.get("additionalProperties"), *(patterns.values() if isinstance(patterns, dict) else ())]
            some = next((each for each in below if isinstance(each, dict)), None)
            node.items = self._new(depth) if some is not None else None
            if node.items is not None:
                self.add(node.items, self.resolved(some), count, depth + 1)

    def _add_list(self, node: Node, schema: dict[str, Any], count: int, depth: int) -> None:
        node.lists += count
        node.longest_list = 2
        items = schema.get("items", schema.get("prefixItems"))
        if isinstance(items, list):
            items = {"anyOf": items}
        if isinstance(items, dict):
            node.items = self._new(depth)
            if node.items is not None:
                self.add(node.items, self.resolved(items), 2 * count, depth + 1)

    def _new(self, depth: int) -> Node | None:
        if self._nodes >= MOST_NODES or depth >= MOST_DEPTH:
            self.left_out += 1
            return None
        self._nodes += 1
        return Node(most_distinct=COUNT)

    def _target(self, reference: str) -> Any:
        """Return what a reference inside the schema names; nothing for any other."""
        target = self._root if reference.startswith("#") else None
        for part in reference[1:].split("/")[1:]:
            part = part.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and part.isdecimal() and int(part) < len(target):
                target = target[int(part)]
            else:
                target = target.get(part) if isinstance(target, dict) else None
        if not isinstance(target, dict | bool) and len(self.outside) < MOST_LISTED:
            self.outside.setdefault(str(shown(reference, 120)))
        return target


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = {**one, **other}
    properties = [each["properties"] for each in (one, other) if isinstance(each.get("properties"), dict)]
    if properties:
        both["properties"] = {key: value for each in properties for key, value in each.items()}
    required = [each["required"] for each in (one, other) if isinstance(each.get("required"), list)]
    if required:
        both["required"] = [each for names in required for each in names]
    types = [each for schema in (one, other) for each in _types(schema) if "type" in schema]
    if types:
        both["type"] = list(dict.fromkeys(types))
    return both


def _types(schema: dict[str, Any]) -> Iterator[str]:
    named = schema.get("type")
    if isinstance(named, str):
        yield named
    elif isinstance(named, list):
        # An empty text, and false alone, stand for none.
        none = {"string": schema.get("maxLength") == 0, "boolean": schema.get("not") == {"const": True}}
        yield from (each for each in named if isinstance(each, str) and not (len(named) > 1 and none.get(each)))
    elif "properties" in schema or "additionalProperties" in schema:
        yield "object"
    elif "items" in schema:
        yield "array"
    elif isinstance(schema.get("enum"), list):
        yield from dict.fromkeys(_type_of(each) for each in schema["enum"])
    elif "const" in schema:
        yield _type_of(schema["const"])
    elif schema.get("format") or schema.get("pattern"):
        yield "string"
    else:
        yield "null"


def _type_of(value: Any) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _count_numbers(numbers: Numbers, schema: dict[str, Any], name: str, count: int) -> None:
    numbers.count += count
    numbers.whole = max(numbers.whole, _SOME_DIGITS)
    step = schema.get("multipleOf")
    if name == "number" and not (isinstance(step, int) and step > 0):
        exponent = step.as_tuple().exponent if isinstance(step, Decimal) and 0 < step < 1 else -2
        numbers.decimals = max(numbers.decimals, -exponent if isinstance(exponent, int) else 2)
        numbers.fractions += count


def _add_text(node: Node, schema: dict[str, Any], count: int) -> None:
    node.texts += count
    listed = schema.get("enum")
    shape = _FORMATS.get(str(schema.get("format"))) or _shape_of(schema.get("pattern"))
    if _takes_only(schema.get("pattern"), "12.50", "7"):
        node.text_numbers = node.text_numbers or Numbers()
        _count_numbers(node.text_numbers, schema, "number", count)
    if shape is not None:
        node.dates = node.dates or Dates()
        node.dates.add(shape, count)
        return
    codes = isinstance(listed, list) and listed and all(str(each).upper() in MINOR_UNIT_DIGITS for each in listed)
    if codes or schema.get("pattern") in ("^[A-Z]{3}$", "^[a-z]{3}$"):
        node.currency_texts += count


def _shape_of(pattern: Any) -> DateShape | None:
    """Return the shape of dates that a pattern is of; None for any other."""
    if _takes_only(pattern, "2024-07-05T10:15:00Z"):
        return _FORMATS["date-time"]
    return _FORMATS["date"] if _takes_only(pattern, "2024-07-05") else None


def _takes_only(pattern: Any, *texts: str) -> bool:
    """Tell whether a pattern takes these texts, and neither a word nor an identifier."""
    if not isinstance(pattern, str) or len(pattern) > LONGEST_DESCRIPTION:
        return False
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError):
        return False
    return all(map(compiled.search, texts)) and not any(map(compiled.search, ("word", "A-7 b")))


def _description(schema: dict[str, Any]) -> str:
    """Return what a schema says of itself, on one line."""
    text = schema.get("description", schema.get("title", ""))
    return str(shown(" ".join(text.split()), LONGEST_DESCRIPTION)) if isinstance(text, str) else ""


def _declared(schema: dict[str, Any]) -> str:
    """Return the type that a schema declares, in words."""
    types = list(dict.fromkeys(_types(schema)))
    parts = [" or ".join(types) if types != ["null"] or "type" in schema else "of any type"]
    if isinstance(schema.get("format"), str):
        parts.append(str(shown(schema["format"], LONGEST_LISTED)))
    listed = schema.get("enum")
    if isinstance(listed, list):
        values = [str(each) for each in listed[:MOST_LISTED] if each is not None]
        if all(len(each) <= LONGEST_LISTED for each in values):
            parts.append(f"one of {', '.join(values)}{' and others' * (len(listed) > MOST_LISTED)}")
    return ", ".join(parts)
