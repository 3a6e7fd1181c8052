"""A third reading of orders, by docs/contract.md and the standard library alone: nothing of the product is in it.

What the two ways of the product make of an order is compared with this, so that a fault that both share is seen too.
Speed is no matter here; each rule stands as the contract words it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

EXACT = Context(prec=3000, Emin=-999999, Emax=999999)
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})-([0-9]{2})|([0-9]{2})([0-9]{2}))"
    r"(?:[Tt ]([0-9]{2})"
    r"(?::([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?|([0-9]{2})(?:([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)"
    r"(?:[Zz]|([+-])([0-9]{2})(?::?([0-9]{2}))?)?)?"
)


class Number(str):
    """A JSON number as its digits."""


class Rejected(Exception):
    """The order breaks the contract."""


def rows_of(record: str, record_number: int, latest: datetime) -> list[dict[str, Any]]:
    """Return the rows of one order. Raises Rejected."""
    order = json.loads(
        record, parse_int=Number, parse_float=Number, parse_constant=_no_number, object_pairs_hook=_without_repeats
    )
    if not isinstance(order, dict):
        raise Rejected("not an object")
    customer = _object(order.get("customer"))
    products = order.get("products") or []
    if not isinstance(products, list) or isinstance(order.get("products"), (str, bool, dict)):
        raise Rejected("products")
    whole = {
        "order_id": _required(_optional(_identifier, order.get("order_id"))),
        "order_date": _optional(_date, _required(order.get("order_date"))),
        "total_amount": _optional(_money, order.get("total_amount")),
        "customer_id": _optional(_identifier, customer.get("customer_id")),
        "customer_name": _optional(_text, customer.get("name")),
        "customer_email": _optional(_text, customer.get("email")),
        "customer_address": _optional(_text_or_json, customer.get("address")),
        "record_number": record_number,
    }
    if not datetime(2000, 1, 1) <= whole["order_date"] <= latest:
        raise Rejected("order_date is out of range")
    extra = _extra(order, "", {"order_id", "order_date", "total_amount", "customer", "products"})
    extra |= _extra(customer, "customer", {"customer_id", "name", "email", "address"})
    rows = [whole | _line(line, i + 1, extra) for i, line in enumerate(products)]
    return rows or [whole | _line({}, None, extra)]


def read(records: list[str], modified: datetime) -> tuple[list[dict[str, Any]], list[int]]:
    """Return the rows of a file's records, and the numbers of those that are rejected."""
    rows, rejected = [], []
    for number, record in enumerate(records, 1):
        try:
            rows += rows_of(record, number, latest_after(modified))
        except Rejected:
            rejected.append(number)
    return rows, rejected


def cells(row: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return what a row of the product has under these names, as `rows_of` has it."""
    return {name: extra_fields(row[name]) if name == "extra_fields" else row[name] for name in names}


def _line(line: Any, number: int | None, extra: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(line, dict):
        raise Rejected("a product is no object")
    price, quantity = _optional(_money, line.get("price")), _optional(_integer, line.get("quantity"))
    amount = None if price is None or quantity is None else EXACT.multiply(price, Decimal(quantity))
    if amount is not None and abs(amount) >= 10**14:
        raise Rejected("the amount is too large")
    own = extra | _extra(line, "products[]", {"product_id", "name", "category", "price", "quantity"})
    return {
        "line_number": number,
        "product_id": _optional(_identifier, line.get("product_id")),
        "product_name": _optional(_text, line.get("name")),
        "product_category": _optional(_text, line.get("category")),
        "price": price,
        "quantity": quantity,
        "line_amount": amount,
        "extra_fields": own or None,
    }


def extra_fields(text: str | None) -> Any:
    """Return a cell of extra fields as `rows_of` has it."""
    return None if text is None else json.loads(text, parse_int=Number, parse_float=Number)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for i, (key, value) in enumerate(pairs):
        if value is not None and key in keys[i + 1 :]:
            raise Rejected(f"{key} is repeated")
    return dict(pairs)


def _no_number(name: str) -> Any:
    raise Rejected(name)


def _optional(read: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else read(value)


def _required(value: Any) -> Any:
    if value is None or value == "":
        raise Rejected("missing")
    return value


def _object(value: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Rejected("not an object")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Rejected("not a text")
    if re.search("[\ud800-\udfff]", value):
        raise Rejected("half of a surrogate pair")
    return str(value)


def _identifier(value: Any) -> str:
    if isinstance(value, Number) and not re.fullmatch("-?[0-9]+", value):
        raise Rejected("not an integer")
    return _text(value)


def _text_or_json(value: Any) -> str:
    return _compact(value) if isinstance(value, (dict, list)) else _text(value)


def _compact(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_compact(key)}:{_compact(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_compact, value)) + "]"
    return json.dumps(value, ensure_ascii=isinstance(value, str) and bool(re.search("[\ud800-\udfff]", value)))


def _money(value: Any) -> Decimal:
    cent = _whole(value, 4, lambda exact, lost: lost <= EXACT.multiply(abs(exact), Decimal("1e-9")))
    if abs(cent) >= 10**18:
        raise Rejected("too large")
    return EXACT.scaleb(cent, -4)


def _integer(value: Any) -> int:
    def is_noise(exact: Decimal, lost: Decimal) -> bool:
        return lost <= min(EXACT.multiply(abs(exact), Decimal("1e-9")), Decimal("1e-6"))

    whole = int(_whole(value, 0, is_noise))
    if not -(2**63) <= whole < 2**63:
        raise Rejected("too large")
    return whole


def _whole(value: Any, scale: int, is_noise: Callable[[Decimal, Decimal], bool]) -> Decimal:
    if not isinstance(value, str) or not NUMBER.fullmatch(value):
        raise Rejected("not a number")
    exact = EXACT.scaleb(EXACT.create_decimal(value), scale)
    if abs(exact) > 10**30:
        raise Rejected("too large")
    whole = exact.to_integral_value(ROUND_HALF_EVEN, EXACT)
    if not is_noise(exact, abs(EXACT.subtract(exact, whole))):
        raise Rejected("too many decimals")
    return whole


def _date(value: Any) -> datetime:
    match = None if isinstance(value, Number) or not isinstance(value, str) else DATE.fullmatch(value)
    if match is None:
        raise Rejected("not a date")
    year, month, day, month_, day_, hour, minute, second, part, minute_, second_, part_, sign, off, off_ = (
        match.groups()
    )
    if int(off or 0) > 23 or int(off_ or 0) > 59:
        raise Rejected("not an offset")
    fraction = (part or part_ or "0").ljust(3, "0")[:3]
    offset = timedelta(hours=int(off or 0), minutes=int(off_ or 0))
    try:
        here = datetime(
            *(int(year), int(month or month_), int(day or day_)),
            *(int(hour or 0), int(minute or minute_ or 0), int(second or second_ or 0), int(fraction) * 1000),
        )
        return here + offset if sign == "-" else here - offset
    except (ValueError, OverflowError):
        raise Rejected("not a date") from None


def _extra(members: dict[str, Any], path: str, named: set[str]) -> dict[str, Any]:
    extra = {}
    for key, value in members.items():
        if key not in named:
            if re.fullmatch(r'[^.\[\]"\s]+', key):
                extra[f"{path}.{key}" if path else key] = value
            else:
                extra[f"{path}[{_compact(key)}]"] = value
    return extra


def latest_after(modified: datetime) -> datetime:
    """Return the latest date of an order in a file of this time, which is in UTC: one year after."""
    return modified.astimezone(UTC).replace(tzinfo=None, year=modified.year + 1)
