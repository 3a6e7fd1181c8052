"""Writes contracts as contract.toml, for tests that read them back."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from typing import Any

from chalicelib.contracts.column_types import DECIMAL_SCALE
from chalicelib.contracts.contract import EARLIEST, Column, Contract, Table
from chalicelib.contracts.sources import FromDocument, FromRecord, Origin, Product, RowNumber
from chalicelib.contracts.values import CurrencyAt, Dates, DigitsAt, DivisorAt, FixedDigits


def as_toml(contract: Contract) -> str:
    """Return the text of a contract.toml that declares this contract."""
    return dumped(values(contract))


def dumped(top: dict[str, Any]) -> str:
    """Return TOML text of values: a header for each table down to the columns, which are inline."""
    lines: list[str] = []

    def write(at: tuple[str, ...], table: dict[str, Any]) -> None:
        inline = {k: v for k, v in table.items() if not isinstance(v, dict) or at[2:] == ("columns",)}
        if at:
            lines.append(f"[{'.'.join(map(_text, at))}]")
        lines.extend(f"{_text(key)} = {_value(value)}" for key, value in inline.items())
        for key, value in table.items():
            if key not in inline:
                write((*at, key), value)

    write((), top)
    return "\n".join(lines) + "\n"


def values(contract: Contract) -> dict[str, Any]:
    """Return what a contract.toml says, as TOML values."""
    document: dict[str, Any] = {
        "records": [str(path) for path in contract.records],
        "at": str(contract.at or ""),
        "identity": contract.identity[0] if len(contract.identity) == 1 else list(contract.identity),
        "date": contract.date,
        "incoming": contract.incoming,
        "earliest": contract.earliest if contract.earliest != EARLIEST else None,
        "version": contract.version,
        "date_is_fixed": contract.date_is_fixed or None,
    }
    return {
        "description": contract.description,
        "document": _without_none(document),
        "tables": {table.name: _table(table) for table in contract.tables},
    }


def _table(table: Table) -> dict[str, Any]:
    said = {
        "description": table.description,
        "rows": str(table.rows) if table.rows else None,
        "latest": table.latest,
        "documents": table.documents,
        "one_or_many": table.one_or_many or None,
        "columns": {column.name: _column(column) for column in table.columns},
    }
    return _without_none(said)


def _column(column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {}
    match column.source:
        case FromDocument(paths) | FromRecord(paths):
            texts = [str(path) for path in paths]
            said["path" if isinstance(column.source, FromDocument) else "outer"] = texts if texts[1:] else texts[0]
            said["type"] = column.type.value
            said["scale"] = column.scale if column.scale != DECIMAL_SCALE else None
        case RowNumber(of):
            said |= {"from": "row_number", "of": str(of)}
        case Product(factors):
            said |= {"product": list(factors), "scale": column.scale}
        case Origin():
            said["from"] = column.source.value
    said["required"] = column.required or None
    nulls = [*sorted(column.nulls.texts), *sorted(column.nulls.numbers), *sorted(column.nulls.booleans)]
    said["null"] = nulls or None
    match column.minor_units:
        case FixedDigits(digits):
            said["digits"] = digits
        case DivisorAt(path):
            said["divide_by"] = str(path)
        case DigitsAt(path):
            said["digits"] = str(path)
        case CurrencyAt(path):
            said["digits"] = {"currency": str(path)}
    said["format"] = [each.value if isinstance(each, Dates) else each.pattern for each in column.formats] or None
    said["zone"] = column.zone
    said["description"] = column.description
    return _without_none(said)


def _without_none(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if value is not None}


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _text(value)
        case Decimal() if value == value.to_integral_value():
            return str(int(value))
        case int() | Decimal() | datetime.date():
            return str(value)
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{ {', '.join(f'{_text(key)} = {_value(each)}' for key, each in value.items())} }}"
    raise TypeError(value)
