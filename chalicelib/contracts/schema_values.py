"""What JSON Schema says of one value of a column, and how two schemas of one value become one."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from chalicelib.contracts.column_types import DECIMAL_PRECISION, TAKES, Type
from chalicelib.contracts.contract import Column
from chalicelib.contracts.values import CurrencyAt, DateFormat, Dates, DigitsAt, DivisorAt, FixedDigits, Nulls

Schema = dict[str, Any]
"""A JSON Schema, or a part of one; the empty one takes anything."""

NUMERIC_TEXT = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_ISO_TEXT = (
    r"^[0-9]{4}-?[0-9]{2}-?[0-9]{2}([Tt ][0-9]{2}:?[0-9]{2}(:?[0-9]{2}([.,][0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)
_DOTNET_TEXT = r"^\\?/Date\(-?[0-9]{1,15}([+-][0-9]{4})?\)\\?/$"
_MOST_DIGITS = 22
"""The greatest power of ten that a 64-bit float holds exactly, as many validators read numbers."""

_NUMBER: Schema = {"type": ["number", "string"], "pattern": NUMERIC_TEXT}
_BY_TYPE: dict[Type, Schema] = {
    Type.IDENTIFIER: {"type": ["string", "integer"]},
    Type.TEXT: {"type": ["string", "number", "boolean"]},
    Type.JSON: {},
    Type.INTEGER: _NUMBER | {"minimum": -(2**63), "maximum": 2**63},
    Type.DOUBLE: _NUMBER,
    Type.BOOLEAN: {"enum": [True, False, "true", "false", 0, 1]},
}
_BY_FORMAT: dict[DateFormat, Schema] = {
    Dates.ISO: {"type": ["string"], "pattern": _ISO_TEXT},
    Dates.DOTNET: {"type": ["string"], "pattern": _DOTNET_TEXT},
    Dates.YYYYMMDD: {
        "type": ["string", "integer"],
        "pattern": "^[0-9]{8}$",
        "minimum": 10_000_000,
        "maximum": 99_999_999,
    },
}
_TEXT: Schema = {"type": ["string"], "minLength": 1}


def value_schema(column: Column) -> Schema:
    """Return the schema of the values that a column takes, those that mean NULL included where NULL may be."""
    schema = _typed(column)
    if column.required:
        if "type" in schema and not column.nulls:
            return schema | {"minLength": 1}
        return merged(schema, has_value(column.nulls))
    nulls: Schema = {"enum": [None, *sorted(column.nulls.texts), *sorted(column.nulls.booleans)]}
    numbers = [number(each) for each in sorted(column.nulls.numbers)]
    if None in numbers:
        # A validator that reads numbers as floats could not compare them with this one.
        return any_of(schema, nulls, {"type": ["number"]})
    nulls["enum"] += numbers
    if "type" in schema and len(nulls["enum"]) == 1:
        return schema | {"type": [*schema["type"], "null"]}
    return any_of(schema, nulls)


def decimals_schema(units: CurrencyAt | DigitsAt | DivisorAt) -> Schema:
    """Return the schema of what says how many decimals an amount in minor units has."""
    return _TEXT if isinstance(units, CurrencyAt) else _NUMBER | {"minimum": int(isinstance(units, DivisorAt))}


def documented(column: Column) -> Schema:
    """Return what tells people of a column's values."""
    takes = TAKES[column.type] if column.minor_units is None else f"{TAKES[column.type]}, in minor units"
    if column.type in (Type.DATE, Type.TIMESTAMP) and column.formats != (Dates.ISO,):
        formats = (each.value if isinstance(each, Dates) else each.pattern for each in column.formats)
        takes = f"a date, {' or '.join(formats)}"
    return {"description": f"{column.description.rstrip('.')}. Takes {takes}.".removeprefix(". ")}


def has_value(nulls: Nulls, *, also_empty: bool = False, certainly: bool = False) -> Schema:
    """Return what takes every value that is none of NULL's (nor the empty text), and some numbers that are.

    Numbers that mean NULL are let through, since a float that equals one may be another number as it is written. With
    `certainly` they are not, nor is what equals one.
    """
    texts = nulls.texts if also_empty else nulls.texts | {""}
    absent: list[object] = [None, *sorted(texts), *sorted(nulls.booleans)]
    numbers = [number(each) for each in sorted(nulls.numbers)] if certainly else []
    if None in numbers:
        return {"not": any_of({"enum": absent}, {"type": ["number"]})}
    return {"not": {"enum": [*absent, *numbers]}}


def number(value: Decimal) -> int | float | None:
    """Return a number as JSON has it, None where a float cannot hold it."""
    if value == value.to_integral_value():
        return int(value) if abs(value) < 2**53 else None
    return float(value) if Decimal(repr(float(value))) == value else None


def any_of(*schemas: Schema) -> Schema:
    """Return what takes whatever one of them takes."""
    return {} if {} in schemas else schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def merged(one: Schema, other: Schema) -> Schema:
    """Return what takes what both take, written as one schema as far as their keywords allow."""
    if one == other or not other:
        return one
    both = dict(one)
    rest: Schema = {}
    for key, value in other.items():
        if key in both and both[key] != value:
            unified = _unified(key, both[key], value)
            if unified is None:
                rest[key] = value
            else:
                both[key] = unified
        elif _NEVER_TOGETHER.get(key) in both:
            rest[key] = value
        else:
            both[key] = value
    if "if" in rest or "then" in rest:
        rest |= {"if": other["if"], "then": other["then"]}
    if rest and rest not in both.get("allOf", []):
        both["allOf"] = [*both.get("allOf", []), rest]
    return both


_NEVER_TOGETHER = {"items": "prefixItems", "prefixItems": "items"}
"""`items` speaks of the elements after those of `prefixItems`: in one schema with it, it would not speak of these."""


def _unified(key: str, one: Any, other: Any) -> Any:
    """Return the value of a keyword that two schemas have, or None where they cannot be one."""
    match key:
        case "description":
            return one
        case "type":
            integers = ["integer"] if "number" in one and "integer" in other else []
            kinds = [each for each in one if each in other or (each == "integer" and "number" in other)]
            return [*kinds, *integers] or None
        case "properties":
            return one | {name: merged(one.get(name, {}), schema) for name, schema in other.items()}
        case "required":
            return list(dict.fromkeys((*one, *other)))
        case "prefixItems":
            pairs: Iterable[tuple[Schema, Schema]] = zip_longest(one, other, fillvalue={})
            return [merged(*pair) for pair in pairs]
        case "items":
            return merged(one, other)
        case "allOf":
            return [*one, *(each for each in other if each not in one)]
        case "minItems" | "minLength" | "minimum":
            return max(one, other)
        case "maxItems" | "maxLength" | "maximum":
            return min(one, other)
    return None


def _typed(column: Column) -> Schema:
    """Return what a column takes that is not NULL."""
    match column.type:
        case Type.DECIMAL:
            return _decimal(column)
        case Type.DATE | Type.TIMESTAMP:
            return any_of(*{str(each): each for each in map(_dated, column.formats)}.values())
    return _BY_TYPE[column.type]


def _decimal(column: Column) -> Schema:
    """Return what a decimal takes. Its scale is not there: floats have no decimals, so that multipleOf cannot tell."""
    units = column.minor_units
    if units is not None and not isinstance(units, FixedDigits):
        return _NUMBER
    digits = DECIMAL_PRECISION - (column.scale or 0) + (units.digits if units else 0)
    return _NUMBER | ({"minimum": -(10**digits), "maximum": 10**digits} if digits <= _MOST_DIGITS else {})


def _dated(form: DateFormat) -> Schema:
    if form in _BY_FORMAT:
        return _BY_FORMAT[form]
    return _NUMBER if isinstance(form, Dates) and form.value.startswith("epoch_") else _TEXT
