"""Orders that break the contract in the usual ways, as JSON texts, and files all of whose orders do."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Order = dict[str, Any]


def _without_identity(order: Order) -> None:
    del order["order_id"]


def _bad_number(order: Order) -> None:
    order["total_amount"] = "about forty"


def _wrong_type(order: Order) -> None:
    order["customer"] = "a guest"


def _unknown_date(order: Order) -> None:
    order["order_date"] = "yesterday"


def _fraction(order: Order) -> None:
    order["products"] = [{"quantity": 2.5}]


def _renamed_identity(order: Order) -> None:
    order["orderId"] = order.pop("order_id")


def _money_as_object(order: Order) -> None:
    order["total_amount"] = {"amount": order["total_amount"], "currency": "EUR"}


ELEMENTS: dict[str, Callable[[Order], None]] = {
    "missing identity": _without_identity,
    "bad number": _bad_number,
    "wrong type": _wrong_type,
    "unknown date": _unknown_date,
    "fraction for an integer": _fraction,
}
"""What may be wrong with one order of many."""

SHAPES: dict[str, Callable[[Order], None]] = {
    "identity renamed": _renamed_identity,
    "money became an object": _money_as_object,
}
"""What is wrong with all orders once their sender has changed their shape."""


def broken(texts: Iterable[str], share: float, kinds: Iterable[Callable[[Order], None]], seed: int) -> Iterator[str]:
    """Break a share of the orders, in one of the ways each."""
    draw, ways = random.Random(f"broken {seed}"), list(kinds)
    for text in texts:
        if draw.random() >= share:
            yield text
            continue
        order = json.loads(text)
        draw.choice(ways)(order)
        yield json.dumps(order, ensure_ascii=False)


def broken_lines(texts: Iterable[str], share: float, seed: int) -> Iterator[str]:
    """Cut a share of the lines in their midst: they are no JSON any more."""
    draw = random.Random(f"lines {seed}")
    for text in texts:
        yield text if draw.random() >= share else text[: draw.randrange(len(text) // 4, len(text) - 1)]
