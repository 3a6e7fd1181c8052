"""What keys mean, by the words they are made of: `AmazonOrderId` is an identifier, `date_paid_gmt` a date."""

from __future__ import annotations

import re
from functools import lru_cache

from chalicelib.propose import role_names


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text."""
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")

IDENTIFIER = word_set(
    "id ids uuid guid oid gid ulid key number no nr num code ref reference sku skus gtin ean upc asin isbn barcode "
    "zip postcode postal phone mobile fax token serial vat iban bic tracking handle fingerprint hash imei"
)
PARTY = word_set(
    "customer customers buyer user client member guest shopper purchaser payer partner consumer subscriber contact "
    "patron recipient"
)
GOODS = word_set("product item sku article variant variation asin listing material goods service title")
MONEY = word_set(
    "amount amounts total totals subtotal price prices cost costs tax taxes vat discount discounts shipping fee fees "
    "paid due balance refund refunded tip tips charge charged revenue sales net gross money credit debit surcharge "
    "grandtotal amt duty duties handling wrapping worth spent spend gmv commission deposit cents minor "
    "micros cash owed payout"
)
_NOT_MONEY = word_set(
    "id ids qty quantity count number no num rate rates percent percentage pct ratio weight code codes type class "
    "status method name url included inclusive includes taxable exempt currency address country days provider lines "
    "set label email phone grams digits exponent fraction precision attempt attempts divisor scale factor points "
    "reason line1 line2 carrier service description title setup refundable chargeable payable collectible region zip "
    "postcode city state version year month ship items units exchange decimals"
)
_BUT_MONEY = word_set("price amount cost money cents")
MINOR = word_set("cent cents minor pence micros")
"""Words of a key whose amounts are in minor units of their currency, or in millionths."""
QUANTITY = word_set("quantity qty quantities units pieces")
_PARTIAL = word_set(
    "canceled cancelled refunded shipped invoiced returned fulfillable fulfilled backordered current min max available "
    "stock received allocated remaining restocked removed"
)
_DATE_LAST = word_set(
    "at on date time timestamp ts datetime created updated modified start end since until expires expiry gmt utc day "
    "millis ms seconds placed ordered purchased processed when dt tstamp"
)
FLAG_FIRST = word_set("is has was can should allow allows enabled")
CURRENCY = word_set("currency ccy")


@lru_cache(maxsize=20_000)
def words(key: str) -> tuple[str, ...]:
    """Return the words of a key, in lower case: those of `SellerSKU` are seller and sku."""
    return tuple(word.lower() for word in _WORD.findall(key[:200]))


def is_identifier(of: tuple[str, ...]) -> bool:
    """Tell whether the words name an identifier, whose digits do not count anything."""
    return bool(of) and (of[-1] in IDENTIFIER or of[-2:] in {("id", "string"), ("ref", "value")})


def is_money(of: tuple[str, ...]) -> bool:
    """Tell whether the words name an amount of money."""
    given = set(of)
    if (
        not given & MONEY
        or of[0] in FLAG_FIRST
        or of[-1] in ("at", "on", "date", "by", "order", "person", "channel", "item")
    ):
        return False
    excluded = given & _NOT_MONEY
    return not excluded or (excluded <= {"items", "service", "set", "lines", "ship"} and bool(given & _BUT_MONEY))


def without_minor(of: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words without those that say minor units: total for total_cents, price for price_in_cents."""
    others = [each for each in of if each not in MINOR]
    return tuple(others[:-1] if len(others) < len(of) and others[-1:] == ["in"] else others)


def is_quantity(of: tuple[str, ...]) -> bool:
    """Tell whether the words name how many units."""
    return bool(set(of) & QUANTITY)


def is_whole_quantity(of: tuple[str, ...]) -> bool:
    """Tell whether the words name how many units were ordered, not how many of them were shipped or returned."""
    return " ".join(of) in role_names.QUANTITIES or (is_quantity(of) and not set(of) & _PARTIAL)


def is_date(of: tuple[str, ...]) -> bool:
    """Tell whether the words name a point in time, so that a number under them may be one."""
    return bool(of) and (of[-1] in _DATE_LAST or of[0] in ("date", "timestamp") or "timestamp" in of)


def is_currency(of: tuple[str, ...]) -> bool:
    """Tell whether the words name a currency's code."""
    return bool(of) and (
        of[-1] in CURRENCY or (of[-1] in ("code", "iso", "id", "value", "name") and "currency" in of[-3:-1])
    )
