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
FIELDS = """\
app_id browser_ip cancel_reason cancelled_at closed_at device_id landing_site_ref location_id phone user_id po_number
cart_token checkout_token token admin_graphql_api_id order_status_url landing_site confirmation_number source_url
buyer_accepts_marketing confirmed estimated_taxes tax_exempt taxes_included test company_account merchant_edited
subtotal_price total_price total_tax total_discounts current_total_price total_line_items_price current_total_tax
"""
SELDOM, TOKENS, FLAGS, TOTALS = (line.split() for line in FIELDS.splitlines())
"""Fields that are null in most documents, texts that are all different, booleans, and amounts."""


def store(count: int, seed: int = 7) -> Iterator[dict[str, Any]]:
    """Return `count` documents of a year, day by day, with what is optional missing or null in some of them."""
    draw = random.Random(f"store {seed}")
    maker = _Store(draw)
    order = list(maker.document(0, END))
    draw.shuffle(order)
    for number in range(count):
        placed = END - timedelta(days=YEAR - YEAR * number // count) + timedelta(seconds=draw.randrange(86_400))
        document = maker.document(number, placed)
        if draw.random() < 0.05:
            del document["customer"], document["discount_codes"]
        yield {key: document[key] for key in order if key in document}


class _Store:
    """Draws documents: their texts are drawn once, and which of them each has every time."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.names, self.titles, self.notes = (
            texts(draw, *size) for size in ((2000, 1, 2), (3000, 2, 7), (500, 3, 20))
        )
        self.codes = [f"{draw.getrandbits(64):016x}" for _ in range(1_000)]

    def document(self, number: int, placed: datetime) -> dict[str, Any]:
        draw, pick = self.draw, self.draw.choice
        identity = 4_500_000_000_000 + number * 32_768
        country, currency = pick(list(COUNTRIES.items()))
        lines = [self.line(identity + i, country, currency) for i in range(pick([1, 1, 1, 2, 2, 3, 5]))]
        total = sum(float(line["price"]) * line["quantity"] for line in lines)
        email = f"{pick(self.codes)[:9]}@example.com" if draw.random() < 0.95 else ""
        changed = placed + timedelta(hours=draw.randrange(200))
        return {
            **{name: pick(self.codes) if draw.random() < 0.1 else None for name in SELDOM},
            **{name: f"gid://{name}/{pick(self.codes)}?key={number}" for name in TOKENS},
            **{name: draw.random() < 0.2 for name in FLAGS},
            **dict.fromkeys(TOTALS, f"{total:.2f}"),
            **{f"{name}_set": _set(total, currency) for name in TOTALS},
            "id": identity,
            "name": f"#{number + 1001}",
            "order_number": number + 1001,
            "created_at": _time(placed),
            "processed_at": _time(placed),
            "updated_at": _time(changed),
            "currency": currency,
            "presentment_currency": currency,
            "customer_locale": pick(["en", "fr-CA", "cs", None]),
            "email": email,
            "contact_email": email,
            "financial_status": pick(["paid", "paid", "pending", "refunded", "partially_refunded"]),
            "fulfillment_status": pick(["fulfilled", None]),
            "note": pick(self.notes) if draw.random() < 0.2 else None,
            "note_attributes": [{"name": "gift", "value": pick(self.names)}] * draw.randrange(2),
            "discount_codes": [{"code": pick(self.names), "amount": "1.00", "type": "fixed"}] * draw.randrange(2),
            "tags": ", ".join(draw.sample(self.names, draw.randrange(3))),
            "total_shipping_price_set": _set(pick([0.0, 4.9, 12.5]), currency),
            "total_weight": draw.randrange(5_000),
            "client_details": {"accept_language": "en-US", "browser_height": None, "user_agent": pick(self.notes)},
            "customer": self.customer(identity, email),
            "billing_address": self.address(country),
            "shipping_address": self.address(country) if draw.random() < 0.93 else None,
            "shipping_lines": [{"id": identity + 9, "title": pick(self.names), "price": "4.90"}],
            "refunds": [],
            "line_items": lines,
        }

    def line(self, identity: int, country: str, currency: str) -> dict[str, Any]:
        draw, price, product = self.draw, money(self.draw), self.draw.randrange(len(self.titles))
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
            "product_id": 7_000_000 + product,
            "properties": [],
            "quantity": draw.choice([1, 1, 1, 2, 4]),
            "requires_shipping": True,
            "sku": f"SKU-{product:05d}" if product % 50 else None,
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
        return {
            "id": 6_000_000 + identity % 30_011,
            "email": email,
            "state": "disabled",
            "tax_exempt": False,
            "email_marketing_consent": {"state": "not_subscribed", "opt_in_level": None},
            "default_address": self.address("US"),
        }

    def address(self, country: str) -> dict[str, Any]:
        draw = self.draw
        return {
            "first_name": draw.choice(self.names),
            "address1": f"{draw.randrange(1, 300)} {draw.choice(self.names)}",
            "zip": f"{draw.randrange(100_000):05d}",
            "country_code": country,
            "latitude": round(draw.uniform(-60, 60), 7),
        }


def _set(amount: float, currency: str) -> dict[str, Any]:
    """Return an amount as the shop and the buyer see it."""
    each = {"amount": f"{amount:.2f}", "currency_code": currency}
    return {"shop_money": each, "presentment_money": each}


def _time(when: datetime) -> str:
    return f"{when.isoformat()}{'-05:00' if when.month in (1, 2, 11, 12) else '-04:00'}"
