"""What a column may hold: its type, the JSON that the type takes, and how Glue and Arrow write it."""

from __future__ import annotations

from enum import Enum

DECIMAL_PRECISION = 18
DECIMAL_SCALE = 4
"""The scale of a decimal column that declares none."""
MAX_SCALE = 9


class Type(Enum):
    """What a column holds. All but ROW_NUMBER and MONTH may be declared."""

    IDENTIFIER = "identifier"
    TEXT = "text"
    JSON = "json"
    DECIMAL = "decimal"
    INTEGER = "integer"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"
    ROW_NUMBER = "row number"
    MONTH = "month"


DECLARABLE = tuple(each for each in Type if each not in (Type.ROW_NUMBER, Type.MONTH))
NUMERIC = (Type.DECIMAL, Type.INTEGER)
"""The types that are exact numbers: those of a product's factors."""
DATED = (Type.DATE, Type.TIMESTAMP)

TAKES: dict[Type, str] = {
    Type.IDENTIFIER: "text or integer",
    Type.TEXT: "text; a number or boolean as it was sent",
    Type.JSON: "anything, as compact JSON; text as it is",
    Type.DECIMAL: "number or numeric text",
    Type.INTEGER: "integral number or text; `2.0` is 2, `2.5` is rejected",
    Type.DOUBLE: "number or numeric text",
    Type.BOOLEAN: '`true`, `false`, `"true"`, `"false"`, 0 and 1',
    Type.DATE: "ISO 8601 date or date-time",
    Type.TIMESTAMP: "ISO 8601 date or date-time, `Z` or offset converted to UTC",
    Type.ROW_NUMBER: "",
    Type.MONTH: "`YYYY-MM`",
}
"""The JSON that each type takes, in words; for dates where no `formats` are declared."""

GLUE: dict[Type, str] = {
    Type.IDENTIFIER: "string",
    Type.TEXT: "string",
    Type.JSON: "string",
    Type.INTEGER: "bigint",
    Type.DOUBLE: "double",
    Type.BOOLEAN: "boolean",
    Type.DATE: "date",
    Type.TIMESTAMP: "timestamp",
    Type.ROW_NUMBER: "int",
    Type.MONTH: "string",
}
"""How Glue and Athena write each type; a decimal also has its scale."""
ARROW: dict[Type, str] = {
    Type.IDENTIFIER: "string",
    Type.TEXT: "string",
    Type.JSON: "string",
    Type.INTEGER: "int64",
    Type.DOUBLE: "double",
    Type.BOOLEAN: "bool",
    Type.DATE: "date32[day]",
    Type.TIMESTAMP: "timestamp[ms]",
    Type.ROW_NUMBER: "int32",
    Type.MONTH: "string",
}
"""How Arrow writes each type (`str` of it); a decimal also has its scale."""
