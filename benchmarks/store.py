"""Documents of Shopify's shape, drawn from a seed: about 60 fields each, most of which store.toml does not name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.orders import END, YEAR, money, texts

CONTRACT = Path(__file__).with_name("store.toml")
COUNTRIES = {"US": "USD", "CA": "CAD", "FR": "EUR", "JP": "JPY", "CZ": "CZK"}


def store(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Return `count` documents of a year, day by day, with what is optional missing or null in some of them."""
    draw = random.Random(f"store {seed}")
    maker = _Store(draw)
    for number in range(count):
        placed = END - timedelta(days=YEAR - YEAR * number // count) + timedelta(seconds=draw.randrange(86_400))
        yield maker.document(4_500_000_000_000 + number * 32_768, number + 1001, placed)


class _Store:
    """Draws documents: what texts there are is drawn once, what each document has of them every time."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.names, self.titles, self.notes = (
            texts(draw, 2_000, 1, 2),
            texts(draw, 3_000, 2, 7),
            texts(draw, 500, 3, 20),
        )
        self.codes = [f"{draw.getrandbits(64):016x}" for _ in range(1_000)]

    def document(self, identity: int, number: int, placed: datetime) -> dict[str, Any]:
        draw = self.draw
        country, currency = draw.choice(list(COUNTRIES.items()))
        lines = [self.line(identity + i, country, currency) for i in range(draw.choice([1, 1, 1, 2, 2, 3, 5]))]
        subtotal = sum(float(line["price"]) * line["quantity"] for line in lines)
        shipping = draw.choice([0.0, 4.9, 12.5])
        email = f"{draw.choice(self.codes)[:9]}@example.com" if draw.random() < 0.95 else ""
        totals = {"subtotal_price": subtotal, "total_price": subtotal + shipping, "total_discounts": 0.0}
        totals |= {"total_tax": subtotal * 0.06, "current_total_price": subtotal + shipping}
        document = {
            "id": identity,
            "admin_graphql_api_id": f"gid://shopify/Order/{identity}",
            "app_id": 580111,
            "browser_ip": f"192.0.2.{draw.randrange(256)}",
            "buyer_accepts_marketing": draw.random() < 0.3,
            "cancel_reason": None,
            "cancelled_at": None,
            "cart_token": draw.choice(self.codes),
            "checkout_id": identity + 1,
            "checkout_token": draw.choice(self.codes),
            "client_details": {
                "accept_language": "en-US",
                "browser_height": None,
                "user_agent": draw.choice(self.notes),
            },
            "closed_at": None,
            "confirmed": True,
            "contact_email": email,
            "created_at": _time(placed, draw),
            "currency": currency,
            **{name: f"{amount:.2f}" for name, amount in totals.items()},
            **{f"{name}_set": _set(amount, currency) for name, amount in totals.items()},
            "customer_locale": draw.choice(["en", "fr-CA", "cs", None]),
            "device_id": None,
            "discount_codes": [{"code": draw.choice(self.names), "amount": "1.00", "type": "fixed"}]
            * draw.randrange(2),
            "email": email,
            "estimated_taxes": False,
            "financial_status": draw.choice(["paid", "paid", "pending", "refunded", "partially_refunded"]),
            "fulfillment_status": draw.choice(["fulfilled", None]),
            "landing_site": f"/products/{draw.choice(self.codes)}?utm_source=mail&ref={number}",
            "location_id": None,
            "name": f"#{number}",
            "note": draw.choice(self.notes) if draw.random() < 0.2 else None,
            "note_attributes": [{"name": "gift", "value": draw.choice(self.names)}] * draw.randrange(2),
            "number": number - 1000,
            "order_number": number,
            "order_status_url": f"https://shop.example.com/orders/{draw.choice(self.codes)}/authenticate?key=1",
            "payment_gateway_names": ["bogus"],
            "phone": None,
            "presentment_currency": currency,
            "processed_at": _time(placed, draw),
            "referring_site": draw.choice(["", None, "https://www.example.org/"]),
            "source_name": draw.choice(["web", "pos", "580111"]),
            "tags": ", ".join(draw.sample(self.names, draw.randrange(3))),
            "taxes_included": False,
            "test": False,
            "token": draw.choice(self.codes),
            "total_line_items_price": f"{subtotal:.2f}",
            "total_shipping_price_set": _set(shipping, currency),
            "total_weight": draw.randrange(5_000),
            "updated_at": _time(placed + timedelta(hours=draw.randrange(200)), draw),
            "user_id": None,
            "customer": self.customer(identity, email),
            "billing_address": self.address(country),
            "shipping_address": self.address(country) if draw.random() < 0.93 else None,
            "line_items": lines,
            "shipping_lines": [{"id": identity + 9, "title": draw.choice(self.names), "price": f"{shipping:.2f}"}],
            "refunds": [],
        }
        if draw.random() < 0.05:
            del document["customer"], document["discount_codes"]
        return document

    def line(self, identity: int, country: str, currency: str) -> dict[str, Any]:
        draw = self.draw
        price, product = money(draw), draw.randrange(len(self.titles))
        tax = {"channel_liable": False, "price": f"{price * 0.06:.2f}", "rate": 0.06, "title": f"{country} tax"}
        line = {
            "id": identity * 3 + product,
            "admin_graphql_api_id": f"gid://shopify/LineItem/{identity}",
            "fulfillable_quantity": 1,
            "fulfillment_status": None,
            "gift_card": False,
            "grams": draw.randrange(2_000),
            "name": f"{self.titles[product]} - {draw.choice(self.names)}",
            "price": f"{price:.2f}",
            "price_set": _set(price, currency),
            "product_exists": True,
            "product_id": 7_000_000 + product,
            "properties": [],
            "quantity": draw.choice([1, 1, 1, 2, 4]),
            "requires_shipping": True,
            "sku": f"SKU-{product:05d}" if product % 50 else None,
            "taxable": True,
            "title": self.titles[product],
            "total_discount": "0.00",
            "variant_id": 9_000_000 + product,
            "vendor": self.names[product % 40],
            "tax_lines": [{**tax, "price_set": _set(price * 0.06, currency)}] * draw.choice([0, 1, 1, 2]),
        }
        if product % 9 == 0:
            del line["properties"], line["grams"]
        return line

    def customer(self, identity: int, email: str) -> dict[str, Any]:
        draw = self.draw
        return {
            "id": 6_000_000 + identity % 30_011,
            "email": email,
            "first_name": draw.choice(self.names),
            "last_name": draw.choice(self.names),
            "state": "disabled",
            "verified_email": True,
            "tax_exempt": False,
            "email_marketing_consent": {"state": "not_subscribed", "opt_in_level": None},
            "default_address": self.address("US"),
        }

    def address(self, country: str) -> dict[str, Any]:
        draw = self.draw
        return {
            "first_name": draw.choice(self.names),
            "address1": f"{draw.randrange(1, 300)} {draw.choice(self.names)}",
            "city": draw.choice(self.names),
            "zip": f"{draw.randrange(100_000):05d}",
            "country_code": country,
            "latitude": round(draw.uniform(-60, 60), 7),
        }


def _set(amount: float, currency: str) -> dict[str, Any]:
    """Return an amount as the shop and the buyer see it."""
    each = {"amount": f"{amount:.2f}", "currency_code": currency}
    return {"shop_money": each, "presentment_money": each}


def _time(when: datetime, draw: random.Random) -> str:
    return f"{when.isoformat()}{'-05:00' if when.month in (1, 2, 11, 12) else '-04:00'}"
