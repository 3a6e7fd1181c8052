"""Which fields stand in a table's `extra_fields`, how often and as what, and the column that would take each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from chalicelib.contracts.contract import Table
from chalicelib.contracts.paths import Each, JsonPath, Key, PathError, Step, parse
from chalicelib.propose.column_types import typed
from chalicelib.propose.contract_text import toml_value
from chalicelib.propose.fields import Field, Scope
from chalicelib.propose.names import Names
from chalicelib.propose.node import Node
from chalicelib.propose.profile import Profile
from chalicelib.propose.scopes import scopes

MOST_PATHS = 10_000
"""How many paths of extra_fields are remembered; fields under others are counted as left out."""

_TOKEN = re.compile(r'\.?(?:\["((?:[^"\\]|\\.)*)"\]|(\[\])|([^.\[\]"\s]+))')


@dataclass(frozen=True)
class UnnamedField:
    """A field that no column takes: its path as a contract has it, in how many of `total` documents or elements it has
    a value, its JSON types, the line of contract.toml that declares a column, and what to look at before it is used."""

    path: str
    count: int
    total: int
    types: tuple[str, ...]
    line: str
    look: str


class UnnamedFields:
    """Profiles the unnamed fields of one table's rows: the document's once a document, those of its lists once a row.

    No value is kept, and memory is bounded by the number of paths.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.documents = 0
        self.left_out = 0
        self._profiles: dict[JsonPath | None, Profile] = {None: Profile()}
        self._paths: dict[str, JsonPath | None] = {}
        self._document: object = None

    def add(self, document: object, extra_fields: str | None) -> None:
        """Add one row: `document` tells one document from the next, whose rows follow one another."""
        is_first = document != self._document
        self._document = document
        self.rows += 1
        self.documents += is_first
        try:
            value = json.loads(extra_fields, parse_float=Decimal) if extra_fields else {}
        except (ValueError, RecursionError):
            self.left_out += 1
            return
        by_list: dict[JsonPath | None, dict[str, Any]] = {None: {}}
        for text, inner in value.items():
            path = self._path(text)
            if path is None:
                self.left_out += 1
            else:
                _put(by_list.setdefault(path.list_path, {}), path, inner)
        for rows, fields in by_list.items():
            if rows is not None or is_first:
                self._profiles.setdefault(rows, Profile()).add(fields)

    def of(self, table: Table) -> list[UnnamedField]:
        """Return the fields with a column of `table` for each, the most frequent first."""
        names = Names(tuple(table.by_name))
        fields = [
            _named(each, scope, self.documents if rows is None else self.rows, names)
            for rows, profile in self._profiles.items()
            for each, scope in _fields(rows, profile)
            if each.node.values
        ]
        return sorted(fields, key=lambda each: (-each.count / each.total, each.path))

    def _path(self, text: str) -> JsonPath | None:
        """Return the path that a key of extra_fields writes, None for one that no contract can."""
        if text not in self._paths:
            if len(self._paths) == MOST_PATHS:
                return None
            self._paths[text] = _parsed(text)
        return self._paths[text]


def _fields(rows: JsonPath | None, profile: Profile) -> Iterator[tuple[Field, Scope]]:
    """Yield the fields of the document, or of the elements of `rows`, with their paths from the document's root."""
    above = rows.steps if rows else ()
    scope = scopes(profile.root, profile.documents)[0]
    for each in scope.fields:
        paths = tuple(JsonPath((*above, *path.steps)) for path in each.paths)
        yield replace(each, paths=paths, above=(*above, *each.above)), scope


def _named(of: Field, scope: Scope, total: int, names: Names) -> UnnamedField:
    kind = typed(of, scope)
    paths = [str(path) for path in of.paths]
    declared = {"path": paths[0] if len(paths) == 1 else paths, "type": kind.type, **kind.options}
    line = f"{names.name(of.keys[-1], '_'.join(of.keys))} = {toml_value(declared)}"
    look = kind.look
    if of.node.items is not None and of.node.items.objects:
        look = f"a list of objects: its elements make rows of a table with rows = {toml_value(f'{paths[0]}[]')}"
    return UnnamedField(paths[0], of.node.present - of.node.nulls, total, _types(of.node), line, look)


def _types(node: Node) -> tuple[str, ...]:
    """Return the JSON types of a field's values."""
    counts = {
        "array": node.lists,
        "boolean": node.true + node.false,
        "integer": node.integers,
        "number": node.floats,
        "object": node.objects,
        "string": node.texts,
    }
    return tuple(name for name, count in counts.items() if count)


def _put(fields: dict[str, Any], path: JsonPath, value: Any) -> None:
    """Put a value into nested objects, at the keys of its path below the innermost list."""
    *keys, last = [step.name for step in path.relative if isinstance(step, Key)]
    for key in keys:
        inner = fields.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        fields = inner
    fields[last] = value


def _parsed(text: str) -> JsonPath | None:
    steps: list[Step] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return None
        position = match.end()
        quoted, each, bare = match.groups()
        steps.append(Each() if each else Key(bare if quoted is None else json.loads(f'"{quoted}"')))
    path = JsonPath(tuple(steps))
    try:
        return path if path.relative and parse(str(path)) == path else None
    except PathError:
        return None
