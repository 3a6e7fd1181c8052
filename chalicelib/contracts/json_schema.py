"""A contract as JSON Schema, so that a sender can check a document before it is sent.

Every document that is accepted is valid. Not every valid one is accepted, since a schema cannot say all. What it leaves
open, and the documents that it takes though they are rejected for it:

- numbers: more decimals than a column's scale, a decimal in an integer column, `1.0` as an identifier, which a schema
  has for an integer, a number too small for a float, one too large where minor units come from the document, products
  that do not fit;
- dates: days that no calendar has, dates before `earliest` or a year after the file, texts that are no RFC 2822 date or
  do not match a strptime pattern;
- minor units: an unknown currency, a divisor that is no power of ten, too many digits; any of them, or none, where it
  lies outside of the list's element that has the amount, or the amount is in an element chosen by `[key=value]`;
- numbers that mean NULL in a required column;
- elements chosen by `[key=value]`: that it is the first which counts, and a condition on numbers;
- columns with several paths that lie in different lists;
- JSON inside a text, whose schema validators show and do not apply;
- keys that are given twice, nesting deeper than 128 levels, half characters, rows of more than 32 MB.

Fields that a column does not name are allowed everywhere: they are kept in `extra_fields`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from msgspec.structs import replace

from chalicelib.contracts.contract import Column, Contract, RowList, Table
from chalicelib.contracts.paths import Index, JsonPath, Key, Where
from chalicelib.contracts.schema_values import (
    Schema,
    any_of,
    decimals_schema,
    documented,
    has_value,
    merged,
    number,
    value_schema,
)
from chalicelib.contracts.sources import FromDocument, FromRecord
from chalicelib.contracts.values import FixedDigits

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_DOCUMENT = {"$ref": "#/$defs/document"}
_JSON_TEXT: Schema = {"type": ["string"], "contentMediaType": "application/json"}

_NOTHING: Schema = {"type": ["null", "string", "boolean"], "maxLength": 0, "not": {"const": True}}
"""What programs write where an object or an array is due and they have none."""

_FAR = 100
"""Positions from here on are not written out."""

Steps = Sequence[Key | Index | Where]


def json_schema(contract: Contract) -> Schema:
    """Return the schema of one record, as a file holds it: of the document, or of what has it at `at`.

    The document's own is at `$defs.document` where it lies in a record. See the module for what it leaves open.
    """
    document = _document(contract)
    head: Schema = {"$schema": DIALECT, "title": contract.name}
    if contract.description:
        head["description"] = contract.description
    if contract.at is None:
        return head | _plain(document)
    record = _holder(contract.at.relative)
    for _, column in contract.columns():
        if isinstance(column.source, FromRecord):
            record = merged(record, _column(column, column.source.paths))
    return head | _plain(record) | {"$defs": {"document": _plain(document)}}


def _document(contract: Contract) -> Schema:
    document: Schema = {"type": ["object"]}
    for table in contract.tables:
        document = merged(document, _level(table, 0))
    return document


def _level(table: Table, level: int) -> Schema:
    """Return what a table needs of the document (level 0) or of an element of one of its lists."""
    schema: Schema = {}
    for column in table.at_level(level):
        source = column.source
        # Which of paths in several lists is read depends on more than one element.
        if isinstance(source, FromDocument) and all(path.level == level for path in source.paths):
            schema = merged(merged(schema, _column(column, source.paths)), _decimals(column, source.paths))
    if level < table.depth:
        schema = merged(schema, _list(table, table.lists[level], _level(table, level + 1)))
    return schema


def _list(table: Table, rows: RowList, element: Schema) -> Schema:
    """Return what has a list of rows at the steps of `rows`, of objects unless a column is the element itself."""
    lists = [each.path for each in table.lists]
    is_own = lists.index(rows.path) + 1 == table.depth
    if not (is_own and any(not path.relative for column in table.at_level(table.depth) for path in column.paths)):
        element = merged({"type": ["object"]}, element)
    if rows.where is not None and element:
        element = {"if": _matches(rows.where, certainly=True), "then": element}
    array: Schema = _NOTHING | {"type": ["array", *_NOTHING["type"]]}
    if element:
        array["items"] = element
    if table.one_or_many:
        array = any_of(array, merged({"type": ["object"]}, element))
    return _valid(rows.steps, array)


def _column(column: Column, paths: tuple[JsonPath, ...]) -> Schema:
    """Return what holds a fitting value, or none where none is due, at the first of `paths` that holds any."""
    if len(paths) == 1:
        value = value_schema(column) | documented(column)
        schema = _valid(paths[0].relative, value)
        return merged(schema, _holds(paths[0].relative, value)) if column.required else schema
    value = value_schema(replace(column, required=False)) | documented(column)
    earlier: list[Schema] = []
    schema = {}
    for path in paths:
        schema = merged(schema, any_of(_valid(path.relative, value, strictly=False), *earlier))
        earlier.append(_holds(path.relative, has_value(column.nulls, also_empty=True)))
    if column.required:
        schema = merged(schema, {"anyOf": [_holds(path.relative, has_value(column.nulls)) for path in paths]})
    return schema


def _decimals(column: Column, paths: tuple[JsonPath, ...]) -> Schema:
    """Return what says how many decimals an amount in minor units has, if it has the amount."""
    units = column.minor_units
    if units is None or isinstance(units, FixedDigits) or units.path.level != paths[0].level:
        return {}
    if not all(_is_told_exactly(step) for path in paths for step in path.relative):
        return {}
    value = has_value(column.nulls, certainly=True)
    amount = any_of(*(_holds(path.relative, value) for path in paths))
    return {"if": amount, "then": _holds(units.path.relative, decimals_schema(units))}


def _is_told_exactly(step: Key | Index | Where) -> bool:
    """Tell whether only what has a value at a step is what `_holds` returns for it."""
    return isinstance(step, Key) or (isinstance(step, Index) and step.position < _FAR)


def _valid(steps: Steps, value: Schema, *, strictly: bool = True) -> Schema:
    """Return what `steps` can be followed in, to a `value` or to nothing.

    Null, false, an empty text and, where an object is due, an empty array are as good as nothing. Where it is not
    `strictly`, so is anything else that cannot be stepped into.
    """
    if not steps:
        return value
    step, *following = steps
    inner = _valid(following, value, strictly=strictly)
    if isinstance(step, Key):
        kinds: Schema = {"type": ["object", *_NOTHING["type"], "array"], "maxItems": 0}
        schema: Schema = {"properties": {step.name: inner}}
    else:
        kinds = {"type": ["array", *_NOTHING["type"]]}
        schema = _at_index(step.position, inner) if isinstance(step, Index) else {}
        if isinstance(step, Where) and inner:
            chosen = merged(_matches(step, certainly=False), inner)
            schema = {"if": {"contains": _matches(step, certainly=True)}, "then": {"contains": chosen}}
    return _NOTHING | kinds | schema if strictly else schema


def _holds(steps: Steps, value: Schema) -> Schema:
    """Return what has a `value` at `steps`."""
    if not steps:
        return value
    step, *following = steps
    inner = _holds(following, value)
    match step:
        case Key(name):
            return {"type": ["object"], "required": [name], "properties": {name: inner}}
        case Index(position):
            return {"type": ["array"], "minItems": position + 1} | _at_index(position, inner)
        case Where():
            return {"type": ["array"], "contains": merged(_matches(step, certainly=False), inner)}


def _at_index(position: int, inner: Schema) -> Schema:
    """Return what has `inner` at a position, where there is one."""
    return {"prefixItems": [*({} for _ in range(position)), inner]} if inner and position < _FAR else {}


def _matches(where: Where, *, certainly: bool) -> Schema:
    """Return what an element that a condition chooses looks like.

    With `certainly` nothing else does: numbers are left out, of which two may be equal as floats and not as written.
    """
    values: list[object] = [where.text]
    if where.boolean is not None:
        values.append(where.boolean)
    equal: Schema = {"enum": values}
    if where.number is not None and not certainly:
        exact = number(where.number)
        if exact is None:
            equal = any_of(equal, {"type": ["number"]})
        else:
            values.append(exact)
    return reduce(
        lambda inner, key: {"type": ["object"], "required": [key], "properties": {key: inner}},
        reversed(where.keys),
        equal,
    )


def _holder(steps: Steps) -> Schema:
    """Return what has the document at `steps`; what lies there may also be its JSON as a text."""
    if not steps:
        return _DOCUMENT
    step, *following = steps
    text = _JSON_TEXT if following else _JSON_TEXT | {"contentSchema": _DOCUMENT}
    return _holds([step], any_of(_holder(following), text))


def _plain(schema: Schema) -> Schema:
    """Return a schema as people write it: one type as a text, nothing that says nothing."""
    plain = {key: _plain_value(value) for key, value in schema.items()}
    kinds = plain.get("type")
    if isinstance(kinds, list):
        plain["type"] = kinds[0] if len(kinds) == 1 else kinds
        for kind, key in (("string", "maxLength"), ("array", "maxItems"), ("string", "minLength")):
            if kind not in kinds:
                plain.pop(key, None)
        if "boolean" not in kinds and plain.get("not") == {"const": True}:
            del plain["not"]
    return plain


def _plain_value(value: object) -> object:
    match value:
        case dict():
            return _plain(value)
        case list():
            return [_plain_value(each) for each in value]
    return value
