"""Orders for measurements, drawn from a seed: their names, texts and gaps are nobody's to count on.

`orders` has the sample's shape: what the contract names and no more. `widened` adds fields that it does not name.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

PRODUCTS, CUSTOMERS = 5_000, 40_000
A_MEGABYTE = 1490
"""About how many orders make a megabyte."""
END = datetime(2025, 1, 1)
YEAR, SIX_YEARS = 366, 2192
"""In days before END: 12 and 72 months."""

SYLLABLES = re.findall("..", "anbedaelfigohuixkalominoorpéqurasutaünvéwiyozuñišoça")
LETTERS = ["李", "小龍", "дом", "Ελ", "日本", "ø"]
UNUSUAL = ['"', "\\", "\n", "\t", "/", "é\u0301", "😀", "\u2028", "<b>", "[", "},{"]
NAMES = tuple(
    f"{first}{second}"
    for first in ("gift", "tax", "ship", "utm_", "origin", "device", "loyalty")
    for second in ("Code", "_at", "Note", "Value", "s", "", "_id")
)


def texts(draw: random.Random, count: int, least: int, most: int) -> list[str]:
    """Return texts of so many words: a few with other scripts, with what JSON escapes, or with its punctuation."""
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(800)]
    words += [draw.choice(words[:200]) + draw.choice(LETTERS) for _ in range(40)]
    made = []
    for _ in range(count):
        text = " ".join(draw.choices(words, k=draw.randint(least, most))).capitalize()
        if draw.random() < 0.04:
            at = draw.randrange(len(text))
            text = text[:at] + draw.choice(UNUSUAL) + text[at:]
        made.append(text)
    return made


def money(draw: random.Random) -> float:
    """Return an amount such as a price is: mostly small."""
    return round(min(draw.lognormvariate(3, 1.2), 90_000.0) + 0.5, draw.choice([0, 1, 2, 2, 2]))


def orders(count: int, seed: int = 7, days: int = YEAR, *, in_any_order: bool = False) -> Iterator[dict[str, Any]]:
    """Return `count` orders of the `days` before END, as a shop has them, day by day or in any order.

    Few products sell often, some customers come back, and one in thirty orders lacks something that is optional.
    """
    draw = random.Random(seed)
    names, titles = texts(draw, 6_000, 1, 3), texts(draw, PRODUCTS, 2, 7)
    streets, categories = texts(draw, 2_000, 1, 3), texts(draw, 30, 1, 2)
    products = [(f"SKU-{i:05d}", titles[i], draw.choice(categories), money(draw)) for i in range(PRODUCTS)]
    for number in range(count):
        day = draw.randrange(days) if in_any_order else days * number // count
        placed = END - timedelta(days=days - day) + timedelta(seconds=draw.randrange(86_400))
        buyer = min(int(draw.paretovariate(0.6)), CUSTOMERS) if draw.random() < 0.5 else draw.randrange(CUSTOMERS)
        lines: list[dict[str, Any]] = []
        for _ in range(draw.choice([1, 1, 2, 2, 3, 4, 6, 7])):
            product = products[min(int(draw.paretovariate(0.7)), PRODUCTS) - 1]
            parts = zip(("product_id", "name", "category", "price"), product, strict=True)
            lines.append({**dict(parts), "quantity": draw.choice([1, 1, 1, 2, 3, 5])})
        order: dict[str, Any] = {
            "order_id": 10_000_000 + number,
            "order_date": placed.isoformat() + "Z",
            "total_amount": round(sum(line["price"] * line["quantity"] for line in lines), 2),
            "customer": {
                "customer_id": buyer,
                "name": names[buyer % len(names)],
                "email": f"customer{buyer}@example.com",
                "address": f"{buyer % 97 + 1} {streets[buyer % len(streets)]}, {20_000 + buyer}",
            },
            "products": lines,
        }
        if draw.random() < 1 / 30:
            _leave_out(order, draw)
        yield order


def _leave_out(order: dict[str, Any], draw: random.Random) -> None:
    """Take away what an order may lack: a guest has no customer, an old order no address or no products."""
    way = draw.randrange(6)
    if way == 0:
        del order["customer"]
    elif way == 1:
        order["customer"] = None
    elif way == 2:
        order["products"] = []
    elif way == 3:
        order["total_amount"] = None
    elif way == 4:
        del order["customer"]["address"]
    else:
        order["customer"]["email"] = order["products"][0]["category"] = None


def widened(clean: Iterator[dict[str, Any]], seed: int = 7) -> Iterator[dict[str, Any]]:
    """Give each order about 14 fields that nobody names: of its own, of its customer and of each of its products.

    The seed draws their names, what they hold, which of them are optional, and where among the others they stand.
    """
    draw = random.Random(f"wide {seed}")
    names = draw.sample(NAMES, 16)
    document, customer, line = (
        {name: _values(draw, position) for position, name in enumerate(level)}
        for level in (names[:7], names[7:11], names[11:])
    )
    optional = {names[1], names[4], names[8], names[12]}
    positions = {name: draw.random() for name in NAMES}

    def extended(element: dict[str, Any], fields: dict[str, list[Any]]) -> dict[str, Any]:
        more = {
            name: draw.choice(values) for name, values in fields.items() if name not in optional or draw.random() < 0.5
        }
        own = {name: (number + 0.5) / len(element) for number, name in enumerate(element)}
        keys = sorted([*own, *more], key=lambda name: own.get(name, positions.get(name, 0.0)))
        return {name: more[name] if name in more else element[name] for name in keys}

    for order in clean:
        if order.get("customer"):
            order["customer"] = extended(order["customer"], customer)
        order["products"] = [extended(product, line) for product in order["products"]]
        yield extended(order, document)


def _values(draw: random.Random, position: int) -> list[Any]:
    """Return what one field holds in many documents: each field has a kind, the first of a level an object."""
    short, long = texts(draw, 300, 1, 2), texts(draw, 300, 4, 12)
    kind = draw.randrange(8) if position else 0
    keys = draw.sample(NAMES, 3)
    choices: list[list[Any]] = [
        [{keys[0]: text, keys[1]: draw.randrange(10_000), keys[2]: {"value": money(draw)}} for text in short],
        short,
        long,
        [draw.randrange(10 ** draw.randint(1, 9)) for _ in range(300)],
        [money(draw) for _ in range(300)],
        [True, False, False, None],
        [draw.sample(short, draw.randrange(4)) for _ in range(300)],
        [[{"code": text, "amount": money(draw)}] * draw.randrange(3) for text in short],
    ]
    return choices[kind]
