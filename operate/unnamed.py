"""Which fields stand in a table's `extra_fields`, how often and as what, and the column that would take each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chalicelib.contracts.contract import DECIMAL_PRECISION, MAX_SCALE, Table, Type
from chalicelib.contracts.names import name_fault
from chalicelib.contracts.paths import Each, JsonPath, Key, PathError, Step, parse
from chalicelib.errors import shown
from chalicelib.flatten import date_values
from chalicelib.flatten.json_text import RejectedDocument, parsed
from chalicelib.flatten.scalars import InvalidValue, NumberText

MOST_FIELDS = 1000
"""How many fields are counted; those that come later are not, and that is said."""

_TOKEN = re.compile(r'\.?(?:\["((?:[^"\\]|\\.)*)"\]|(\[\])|([^.\[\]"\s]+))')
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]+\.([0-9]+)", re.ASCII)
_LEADING_ZERO = re.compile(r"-?0[0-9]", re.ASCII)
_IDENTIFYING = re.compile(r"(?:^|_)(?:id|ids|key|code|number|no|sku|ean|gtin|zip|postcode|phone)$")
_LONGEST_NAME = 60


@dataclass
class Field:
    """What was sent under one path: how often with a value, as which JSON types, and what all texts look like.

    `decimals` and `digits` are the most that a number has. `texts` are `date`, `time`, `number` or `text`.
    """

    count: int = 0
    kinds: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    decimals: int = 0
    digits: int = 0
    leading_zeros: bool = False

    def add(self, value: Any) -> None:
        """Count a value that is not null."""
        self.count += 1
        if isinstance(value, bool):
            self.kinds.add("boolean")
        elif isinstance(value, NumberText):
            self.kinds.add("number" if self._is_measured(value) else "float")
        elif isinstance(value, str):
            self.kinds.add("text")
            self.texts.add(self._shape(value))
        else:
            self.kinds.add("array" if isinstance(value, list) else "object")

    def _is_measured(self, text: str) -> bool:
        """Note the digits of a number; tell whether it has no more than a decimal column takes."""
        match = _DECIMAL.fullmatch(text)
        if match is None and not _WHOLE.fullmatch(text):
            return False
        self.leading_zeros |= bool(_LEADING_ZERO.match(text))
        self.decimals = max(self.decimals, len(match[1]) if match else 0)
        self.digits = max(self.digits, len(text.lstrip("-").partition(".")[0]))
        return True

    def _shape(self, text: str) -> str:
        try:
            date_values.timestamp_ms(text)
        except InvalidValue:
            return "number" if self._is_measured(text) else "text"
        # Eight digits are more often a number.
        return "number" if text.isdecimal() and self._is_measured(text) else "time" if len(text) > 10 else "date"

    def proposed(self, name: str) -> str:
        """Return the type, and the options, of a column that takes every value that was counted."""
        if self.kinds & {"array", "object"}:
            return _typed(Type.JSON)
        if self.kinds == {"boolean"}:
            return _typed(Type.BOOLEAN)
        if self.kinds == {"text"} and self.texts == {"date"}:
            return _typed(Type.DATE)
        if self.kinds == {"text"} and self.texts <= {"date", "time"}:
            return _typed(Type.TIMESTAMP)
        if self.kinds == {"number"}:
            return _typed(Type.IDENTIFIER) if _IDENTIFYING.search(name) and not self.decimals else self._numeric()
        if self.kinds <= {"number", "text"} and self.texts == {"number"} and self.decimals:
            return self._numeric()
        if self.kinds <= {"number", "float"} and "float" in self.kinds:
            return _typed(Type.DOUBLE)
        if self.kinds == {"number", "text"} and not self.decimals:
            return _typed(Type.IDENTIFIER)
        return _typed(Type.TEXT)

    def _numeric(self) -> str:
        """Return a whole number or a decimal; a text where zeros before the digits mean something."""
        if self.leading_zeros:
            return _typed(Type.TEXT)
        scale = max(4, self.decimals)
        if not self.decimals:
            return _typed(Type.INTEGER)
        if scale > MAX_SCALE or self.digits + scale > DECIMAL_PRECISION:
            return _typed(Type.DOUBLE) if self.kinds == {"number"} else _typed(Type.TEXT)
        return _typed(Type.DECIMAL) + (f", scale = {scale}" if scale != 4 else "")


class UnnamedCounts:
    """Counts the unnamed fields of one table: those of the document once a document, those of its lists once a row."""

    def __init__(self) -> None:
        self.fields: dict[str, Field] = {}
        self.documents = 0
        self.rows = 0
        self.left_out = 0
        self._document: object = None

    def add(self, document: object, extra_fields: str | None) -> None:
        """Count one row: `document` tells one document from the next, whose rows follow one another."""
        self.rows += 1
        is_first = document != self._document
        self._document = document
        self.documents += is_first
        if extra_fields is None:
            return
        try:
            value = parsed(extra_fields.encode())
        except RejectedDocument:
            return
        for path, inner in value.items() if isinstance(value, dict) else ():
            if is_first or "[]" in path:
                self._count(path, inner)

    def _count(self, path: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                self._count(f"{path}[{json.dumps(key)}]", inner)
        elif value is not None:
            if path not in self.fields and len(self.fields) == MOST_FIELDS:
                self.left_out += 1
                return
            self.fields.setdefault(path, Field()).add(value)

    def of(self, path: str) -> int:
        """Return how many there are of what may have a field: documents, or rows where it is a list's."""
        return self.rows if "[]" in path.removesuffix("[]") else self.documents


def proposals(counts: UnnamedCounts, table: Table) -> Iterator[tuple[str, Field, str]]:
    """Yield the path of each field, the most frequent first, what was counted and a line for contract.toml.

    The line is a comment where no column can take the field: it says what can.
    """
    names = set(table.by_name)
    lists = {str(rows.path) for rows in table.lists}
    ordered = sorted(counts.fields.items(), key=lambda each: (-each[1].count / (counts.of(each[0]) or 1), each[0]))
    for text, each in ordered:
        path = _contract_path(text)
        if path is None:
            yield text, each, "# its key is one that no path can write: it stays in extra_fields"
            continue
        shown_path = str(path)
        listed = JsonPath((*path.steps, Each())) if path.steps[-1] != Each() else path
        if path.steps[-1] == Each() or (path.list_path is not None and str(path.list_path) not in lists):
            outer = str(path.list_path)
            yield (
                shown_path,
                each,
                f"# elements of {outer} that make no rows: a table with rows = {_toml(outer)} takes them",
            )
            continue
        name = _column_name(path, names)
        names.add(name)
        line = f"{name} = {{ path = {_toml(shown_path)}, {each.proposed(name)} }}"
        if "array" in each.kinds:
            line += f"  # or a table with rows = {_toml(str(listed))}"
        yield shown_path, each, line


def _contract_path(text: str) -> JsonPath | None:
    """Return the path of a field as a contract has it; None for a key that a path cannot write."""
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
        return path if steps and parse(str(path)) == path else None
    except (PathError, UnicodeEncodeError):
        return None


def _column_name(path: JsonPath, taken_names: Iterable[str]) -> str:
    """Return a name in snake case made of the keys after the last list, one that the table does not have."""
    keys = [step.name for step in path.relative if isinstance(step, Key)] or ["value"]
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", "_".join(keys))
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")[:_LONGEST_NAME].strip("_")
    name = name if re.match("[a-z]", name) else f"field_{name}".rstrip("_")
    name = f"{name}_value" if name_fault(name) else name
    names = set(taken_names)
    number = 2
    candidate = name
    while candidate in names:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def _typed(kind: Type) -> str:
    return f'type = "{kind.value}"'


def _toml(text: str) -> str:
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def described(path: str, each: Field, total: int) -> str:
    """Return how often a field is there, and as what."""
    kinds = " or ".join(sorted("number" if kind == "float" else kind for kind in each.kinds))
    return f"{each.count / (total or 1):7.1%}  {each.count:>9}  {shown(path, 60)}: {kinds}"
