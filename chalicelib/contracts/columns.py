"""Reads the columns of a contract.toml, each on its own: `{ path = "customer.name", type = "text" }`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from chalicelib.contracts.column_types import DATED, DECIMAL_PRECISION, DECIMAL_SCALE, DECLARABLE, MAX_SCALE, Type
from chalicelib.contracts.contract import Column
from chalicelib.contracts.paths import JsonPath
from chalicelib.contracts.sections import Section, kind, near
from chalicelib.contracts.sources import (
    DESCRIPTIONS,
    ORIGIN_TYPES,
    FromDocument,
    FromRecord,
    Origin,
    Product,
    RowNumber,
)
from chalicelib.contracts.values import (
    CurrencyAt,
    DateFormat,
    Dates,
    DigitsAt,
    DivisorAt,
    FixedDigits,
    MinorUnits,
    Nulls,
    Strptime,
)

LONGEST_DESCRIPTION = 255
"""Characters of a column's comment: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html"""

KINDS = ("path", "outer", "from", "product")
_READ = ("type", "required", "description", "null", "scale", "divide_by", "digits", "format", "zone")
_TYPES = {each.value: each for each in DECLARABLE}
_OTHER_NAMES = {
    Type.TEXT: "string str varchar char",
    Type.IDENTIFIER: "id key uuid",
    Type.JSON: "object array list map struct variant",
    Type.DECIMAL: "number numeric money amount currency price",
    Type.INTEGER: "int bigint long smallint int64 int32",
    Type.DOUBLE: "float real float64",
    Type.BOOLEAN: "bool",
    Type.TIMESTAMP: "datetime time timestamptz",
}
_MEANT = {name: each for each, names in _OTHER_NAMES.items() for name in names.split()}
_FROM = {"row_number": RowNumber} | {each.value: each for each in Origin}
_ZONED = (Dates.ISO, Dates.RFC2822, Dates.YYYYMMDD)
"""The formats, beside patterns, in which a date may have no offset."""


def read_column(name: str, section: Section, rows: JsonPath | None) -> Column | None:
    """Return the column that a section declares in a table with these `rows`, or None where it has a fault."""
    before = len(section.faults.listed)
    given = [each for each in KINDS if each in section.values]
    if len(given) != 1:
        said = f"has {' and '.join(given)}" if given else "says nothing of where its values come from"
        hint = "".join(near(key, KINDS) for key in section.values if key not in (*KINDS, *_READ, "of"))
        section.add(None, f"{said}{hint}: give it one of {', '.join(KINDS)}")
        return None
    match given[0]:
        case "path":
            column = _value(name, section, FromDocument(section.paths("path")))
        case "outer":
            column = _value(name, section, FromRecord(section.paths("outer")))
        case "from":
            column = _origin(name, section, rows)
        case _:
            column = _product(name, section)
    return column if len(section.faults.listed) == before else None


def _value(name: str, section: Section, source: FromDocument | FromRecord) -> Column | None:
    declared = _type(section)
    elsewhere = {"of": 'is for columns from = "row_number": leave it out'}
    allowed = [KINDS[isinstance(source, FromRecord)], "type", "required", "description", "null"]
    if declared in (Type.DECIMAL, None):
        allowed += ["scale", "divide_by", "digits"]
    if declared in (*DATED, None):
        allowed += ["format", "zone"]
    for key in _READ:
        kinds = "decimal columns" if key in ("scale", "divide_by", "digits") else "dates and timestamps"
        elsewhere[key] = f"is for {kinds}, and the column is {declared.value if declared else ''}: leave it out"
    section.unknown(allowed, elsewhere)
    if declared is None:
        return None
    decimal, dated = declared is Type.DECIMAL, declared in DATED
    scale = section.integer("scale", 0, MAX_SCALE) if decimal else None
    formats = _formats(section) if dated else ()
    return Column(
        name,
        declared,
        source,
        description=section.description(LONGEST_DESCRIPTION),
        required=section.boolean("required"),
        scale=DECIMAL_SCALE if decimal and scale is None else scale,
        nulls=_nulls(section),
        minor_units=_minor_units(section) if decimal else None,
        formats=formats,
        zone=_zone(section, formats) if dated else None,
    )


def _type(section: Section) -> Type | None:
    listed = ", ".join(_TYPES)
    if "type" not in section.values:
        section.add(None, f"has no type: give it one of {listed}")
        return None
    text = section.text("type", f"write one of {listed} in quotes")
    if text is None or text in _TYPES:
        return None if text is None else _TYPES[text]
    precise = re.fullmatch(r"(?:decimal|numeric|number)\((\d+)(?:, *(\d+))?\)", text, re.ASCII)
    if precise:
        remedy = f'write type = "decimal", scale = {precise[2] or 0}; the precision is {DECIMAL_PRECISION}'
    else:
        meant = _MEANT.get(text.lower())
        hint = f" (did you mean {meant.value}?)" if meant else near(text, _TYPES)
        remedy = f"no type{hint}: use {listed}"
    section.add("type", f"is {kind(text)}: {remedy}")
    return None


def _origin(name: str, section: Section, rows: JsonPath | None) -> Column | None:
    text = section.text("from", f"write one of {', '.join(_FROM)} in quotes")
    follows = 'follows from "from": leave it out'
    elsewhere = dict.fromkeys(_READ, follows) | {"of": 'is for columns from = "row_number": leave it out'}
    numbers_rows = text == "row_number"
    section.unknown(["from", *(["of"] if numbers_rows else []), "description"], elsewhere)
    if text is None:
        return None
    if text not in _FROM:
        section.add("from", f"is {kind(text)}{near(text, _FROM)}: use one of {', '.join(_FROM)}")
        return None
    description = section.description(LONGEST_DESCRIPTION)
    if not numbers_rows:
        origin = Origin(text)
        return Column(name, ORIGIN_TYPES[origin], origin, description or DESCRIPTIONS[origin])
    of = section.path("of") if "of" in section.values else rows
    if of is None:
        if rows is None:
            section.add("from", "numbers rows, and the table has one row a document: give it rows, or leave this out")
        return None
    of = of.plain
    return Column(name, Type.ROW_NUMBER, RowNumber(of), description or DESCRIPTIONS[RowNumber])


def _product(name: str, section: Section) -> Column | None:
    follows = "does not apply to a product: leave it out"
    section.unknown(["product", "type", "scale", "description"], dict.fromkeys((*_READ, "of"), follows))
    if section.values.get("type", "decimal") != "decimal":
        section.add("type", f"is {kind(section.values['type'])}, and a product is a decimal: leave it out")
    factors = section.values["product"]
    named = isinstance(factors, list) and len(factors) == 2 and all(isinstance(each, str) for each in factors)
    if not named:
        section.add("product", 'is not a list of two columns\' names: write product = ["price", "quantity"]')
        return None
    return Column(
        name,
        Type.DECIMAL,
        Product((factors[0], factors[1])),
        description=section.description(LONGEST_DESCRIPTION),
        scale=section.integer("scale", 0, MAX_SCALE),
    )


def _nulls(section: Section) -> Nulls:
    remedy = 'write a list of the JSON values that mean NULL, such as [0, "", false]'
    values = section.values.get("null", [])
    if not isinstance(values, list) or ("null" in section.values and not values):
        section.add("null", f"is {kind(values) if values != [] else 'an empty list'}: {remedy}")
        return Nulls()
    for position, value in enumerate(values):
        if not isinstance(value, str | int | Decimal) or (isinstance(value, Decimal) and not value.is_finite()):
            section.faults.add(
                (*section.at, "null", position), f"is {kind(value)}: {remedy}; null itself is always one"
            )
    numbers = [each for each in values if isinstance(each, int | Decimal) and not isinstance(each, bool)]
    return Nulls(
        frozenset(each for each in values if isinstance(each, str)),
        frozenset(Decimal(each) for each in numbers if Decimal(each).is_finite()),
        frozenset(each for each in values if isinstance(each, bool)),
    )


def _minor_units(section: Section) -> MinorUnits | None:
    if "divide_by" in section.values and "digits" in section.values:
        section.add("digits", "says the same as divide_by: leave one of them out")
        return None
    if "divide_by" in section.values:
        return _divisor(section)
    return _digits(section) if "digits" in section.values else None


def _divisor(section: Section) -> MinorUnits | None:
    value = section.values["divide_by"]
    remedy = "write a power of ten such as 100, or the path of one"
    if isinstance(value, str):
        if value.isdecimal():
            section.add(
                "divide_by",
                f"is {kind(value)}: write the number without quotes; a key of digits stands in double quotes",
            )
            return None
        path = section.path("divide_by")
        return DivisorAt(path) if path else None
    if type(value) is int and re.fullmatch("10{0,18}", str(value) if 0 < value <= 10**18 else ""):
        return FixedDigits(len(str(value)) - 1)
    section.add("divide_by", f"is {kind(value)}: {remedy}")
    return None


def _digits(section: Section) -> MinorUnits | None:
    value = section.values["digits"]
    if type(value) is int and 0 <= value <= DECIMAL_PRECISION:
        return FixedDigits(value)
    if isinstance(value, str) and not value.isdecimal():
        path = section.path("digits")
        return DigitsAt(path) if path else None
    if isinstance(value, dict):
        inner = Section((*section.at, "digits"), value, section.faults)
        inner.unknown(["currency"], {})
        if "currency" not in value:
            inner.add(None, 'is a table without currency: write { currency = "amount.currency" }')
            return None
        path = inner.path("currency")
        return CurrencyAt(path) if path else None
    remedy = f'write a number from 0 to {DECIMAL_PRECISION}, the path of one, or {{ currency = "amount.currency" }}'
    section.add("digits", f"is {kind(value)}: {remedy}")
    return None


def _formats(section: Section) -> tuple[DateFormat, ...]:
    if "format" not in section.values:
        return (Dates.ISO,)
    names = [each.value for each in Dates]
    remedy = f"write one of {', '.join(names)}, a strptime pattern, or a list of these"
    formats: list[DateFormat] = []
    for position, text in section.texts("format", remedy):
        at = ("format", position) if isinstance(section.values["format"], list) else ("format",)
        if text in names:
            formats.append(Dates(text))
        elif "%" not in text:
            section.faults.add((*section.at, *at), f"is {kind(text)}, no format{near(text, names)}: {remedy}")
        elif problem := _pattern_fault(text):
            section.faults.add((*section.at, *at), f"is {kind(text)}: {problem}")
        else:
            formats.append(Strptime(text))
    return tuple(dict.fromkeys(formats))


def _pattern_fault(pattern: str) -> str | None:
    """Return what is wrong with a strptime pattern, by reading back what it writes."""
    try:
        for written in (datetime(2024, 2, 28, 23, 58, 57, 123456, UTC), datetime(2023, 1, 3, 4, 5, 6, 7, UTC)):
            if datetime.strptime(written.strftime(pattern), pattern).year != written.year:
                return "it has no year: add %Y or %y"
    except (ValueError, re.error) as problem:
        return f"not a pattern that Python's strptime reads back ({problem}): use %Y, %m, %d, %H, %M, %S, %f, %z"
    return None


@cache
def _zones() -> frozenset[str]:
    import zoneinfo

    return frozenset(zoneinfo.available_timezones())


def _zone(section: Section, formats: tuple[DateFormat, ...]) -> str:
    name = section.text("zone", 'write an IANA name such as "Europe/Berlin" in quotes')
    if name is None:
        return "UTC"
    import zoneinfo

    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        hint = near(name, _zones())
        section.add("zone", f"is {kind(name)}, no time zone of IANA's{hint}: use a name such as Europe/Berlin")
        return "UTC"
    if name != "UTC" and formats and not any(each in _ZONED or isinstance(each, Strptime) for each in formats):
        section.add("zone", f"is {kind(name)}, and the formats never lack an offset: leave zone out")
    return name
