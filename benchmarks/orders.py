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
START = datetime(2024, 1, 1)
DAYS = 366


def orders(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
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
        placed = START + timedelta(days=DAYS * number // count, seconds=draw.randrange(86_400))
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


def write(path: Path, count: int, *, lines: bool = False) -> None:
    """Write `count` orders as one array, or a line each."""
    with path.open("w", encoding="utf-8") as file:
        for number, order in enumerate(orders(count)):
            if not lines:
                file.write("[" if number == 0 else ", ")
            file.write(json.dumps(order, ensure_ascii=False))
            if lines:
                file.write("\n")
        if not lines:
            file.write("]\n" if count else "[]\n")
