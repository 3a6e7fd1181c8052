"""Makes a file of orders for measurements: seeded, with realistic sizes, skew and unicode."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

CATEGORIES = ["Kitchen", "Lighting", "Stationery", "Home", "Garden", "Toys", "Sport", "Bücher", "Électronique", "食品"]
NAMES = ["Ada Moreau", "Ben Okafor", "Carla Jensen", "Dev Patel", "Eva Novák", "José Núñez", "Zoë Šimek", "李 小龍"]
STREETS = ["Rue des Lilas", "Marina Road", "Havnegade", "MG Road", "Dlouhá", "Calle Mayor", "Hauptstraße"]
PRODUCTS, CUSTOMERS = 5_000, 40_000
A_MEGABYTE = 1620
"""About how many orders make a megabyte of the array."""
START = datetime(2024, 1, 1)
DAYS = 366


def orders(count: int, seed: int = 7, days: int = DAYS) -> Iterator[dict[str, Any]]:
    """Return `count` orders, as a shop would have them: few products sell often, some customers come back."""
    draw = random.Random(seed)
    products = [
        (
            f"SKU-{i:05d}",
            f"{draw.choice(['Small', 'Large', 'Grüne', 'Classic', 'Deluxe'])} {draw.choice(CATEGORIES)} item {i}",
            draw.choice(CATEGORIES),
            draw.randrange(99, 30_000) / 100,
        )
        for i in range(PRODUCTS)
    ]
    for number in range(count):
        placed = START + timedelta(days=days * number // count, seconds=draw.randrange(86_400))
        customer = min(int(draw.paretovariate(0.6)), CUSTOMERS) if draw.random() < 0.5 else draw.randrange(CUSTOMERS)
        name = NAMES[customer % len(NAMES)]
        lines = [
            (products[min(int(draw.paretovariate(0.7)), PRODUCTS) - 1], draw.choice([1, 1, 1, 2, 3, 5]))
            for _ in range(draw.choice([1, 1, 2, 2, 3, 4, 6, 7]))
        ]
        yield {
            "order_id": 10_000_000 + number,
            "order_date": placed.isoformat() + "Z",
            "total_amount": round(sum(product[3] * quantity for product, quantity in lines), 2),
            "customer": {
                "customer_id": customer,
                "name": f"{name} {customer}",
                "email": f"customer{customer}@example.com",
                "address": f"{customer % 97 + 1} {STREETS[customer % len(STREETS)]}, {20_000 + customer}",
            },
            "products": [
                {
                    "product_id": product[0],
                    "name": product[1],
                    "category": product[2],
                    "price": product[3],
                    "quantity": q,
                }
                for product, q in lines
            ],
        }


def dirty(clean: Iterator[dict[str, Any]], broken: float, unknown: float, seed: int = 11) -> Iterator[dict[str, Any]]:
    """Break a share of the orders, each in one of the usual ways, and give another share fields nobody knows."""
    draw = random.Random(seed)
    for order in clean:
        chance = draw.random()
        if chance < broken:
            _break(order, draw.randrange(6))
        elif chance < broken + unknown:
            _extend(order, draw.randrange(4))
        yield order


def _break(order: dict[str, Any], way: int) -> None:
    if way == 0:
        del order["order_id"]
    elif way == 1:
        order["order_date"] = "yesterday"
    elif way == 2:
        order["total_amount"] = "about forty"
    elif way == 3:
        order["products"][-1]["quantity"] = 2.5
    elif way == 4:
        order["products"][0]["price"] = True
    else:
        order["customer"] = "a guest"


def _extend(order: dict[str, Any], way: int) -> None:
    if way == 0:
        order["gift_note"] = "Zum Geburtstag, alles Gute"
    elif way == 1:
        order["customer"]["loyalty"] = {"tier": "gold", "points": 1250}
    elif way == 2:
        order["products"][0]["discount"] = 0.15
    else:
        order["coupons"] = ["SUMMER", "FREESHIP"]


def write(
    path: Path,
    count: int,
    *,
    lines: bool = False,
    broken: float = 0.0,
    unknown: float = 0.0,
    copies: int = 1,
    days: int = DAYS,
) -> None:
    """Write `count` orders, `copies` times over, as one array, or a line each.

    A share of `broken` of them breaks the contract, and `unknown` of them have a field that it does not name.
    """
    between = "\n" if lines else ", "
    with path.open("w", encoding="utf-8") as file:
        file.write("" if lines else "[")
        made = orders(count, days=days)
        if broken or unknown:
            made = dirty(made, broken, unknown)
        for number, order in enumerate(made):
            file.write((between if number else "") + json.dumps(order, ensure_ascii=False))
    if copies > 1:
        _repeat(path, between.encode(), copies)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" if lines else "]\n")


def _repeat(path: Path, between: bytes, copies: int) -> None:
    once = path.read_bytes().removeprefix(b"[")
    with path.open("ab") as file:
        for _ in range(copies - 1):
            file.write(between)
            file.write(once)
