"""What keys mean, by the words they are made of: `AmazonOrderId` is an identifier, `date_paid_gmt` a date."""

from __future__ import annotations

import re
from functools import lru_cache


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

LINES = {
    "line items": 10,
    "lineitems": 10,
    "order items": 10,
    "order lines": 10,
    "order line": 9,
    "orderline": 9,
    "orderlines": 9,
    "items": 8,
    "item": 7,
    "products": 8,
    "product": 6,
    "lines": 8,
    "line": 7,
    "selections": 8,
    "positions": 8,
    "sale lines": 9,
    "sales lines": 9,
    "invoice lines": 9,
    "register sale products": 10,
    "transactions": 4,
    "details": 4,
    "sale line": 8,
    "sale item": 8,
    "order item": 8,
    "line item": 8,
    "invoice line": 8,
    "invoice item": 8,
    "sale products": 8,
    "rows": 5,
    "articles": 7,
    "cart items": 8,
    "basket": 5,
    "entries": 4,
}
"""Names of lists that make the rows of an order, and how much each says so."""

IDENTITIES = (
    "id",
    "uuid",
    "guid",
    "order id",
    "invoice id",
    "sale id",
    "transaction id",
    "receipt id",
    "checkout id",
    "amazon order id",
    "purchase order id",
    "document id",
    "entity id",
    "event id",
    "order number",
    "order no",
    "order key",
    "invoice number",
    "receipt number",
    "document number",
    "increment id",
    "number",
    "order",
    "sales order",
    "order ref",
    "order reference",
    "reference",
    "key",
    "code",
    "name",
)
"""Names of what identifies a document, the surest first."""

DATES = (
    "order date",
    "date ordered",
    "ordered at",
    "order placed at",
    "placed at",
    "date placed",
    "placed on",
    "purchase date",
    "purchased at",
    "date order",
    "order created at",
    "order time",
    "order timestamp",
    "created",
    "created at",
    "date created",
    "create date",
    "create time",
    "creation date",
    "creation time",
    "created date",
    "created time",
    "created date time",
    "creation date time",
    "order date time",
    "date add",
    "date added",
    "added at",
    "created on",
    "create timestamp",
    "created timestamp",
    "creation timestamp",
    "creation tsz",
    "sale date",
    "sale time",
    "sold at",
    "transaction date",
    "transaction time",
    "txn date",
    "invoice date",
    "issue date",
    "issued at",
    "document date",
    "booking date",
    "opened date",
    "open date",
    "opened at",
    "business date",
    "event timestamp",
    "event time",
    "event date",
    "collector tstamp",
    "timestamp",
    "ts",
    "time stamp",
    "date",
    "datetime",
    "date time",
    "time",
    "placed",
    "ordered",
    "purchased",
    "sold",
    "issued",
    "processed at",
    "submitted at",
    "submitted on",
    "completed at",
    "date completed",
    "paid at",
    "date paid",
    "effective at",
    "received at",
)
"""Names of a document's own date, the surest first."""

VERSIONS = (
    "updated at",
    "updated",
    "update time",
    "updated time",
    "updated on",
    "date updated",
    "updated date",
    "update date",
    "update timestamp",
    "updated timestamp",
    "date modified",
    "modified at",
    "modified",
    "modified date",
    "modified on",
    "last modified",
    "last modified at",
    "last modified date",
    "last updated",
    "last updated at",
    "last updated time",
    "last update date",
    "last update time",
    "last changed",
    "changed at",
    "write date",
    "date last modified",
    "last updated date",
    "last modified time",
    "last modified date time",
    "last modified on",
    "last change date",
    "last change date time",
    "updated date time",
    "date upd",
    "system modstamp",
    "version",
    "revision",
    "etag version",
)
"""Names of what grows with each version of a document."""

TOTALS = (
    "order total",
    "grand total",
    "grandtotal",
    "total amt",
    "total amount",
    "amount total",
    "total price",
    "total price set",
    "total inc tax",
    "total gross",
    "total money",
    "total",
    "total paid",
    "total cost",
    "order amount",
    "amount due",
    "amount",
    "net amount",
    "total net amount",
    "total sum",
    "value",
)
"""Names of a document's declared total, the surest first."""

PRICES = (
    "unit price",
    "unit price set",
    "original unit price set",
    "original unit price",
    "price per unit",
    "unit amount",
    "unit cost",
    "base price money",
    "price",
    "price money",
    "selling price",
    "sale price",
    "sales price",
)
"""Names of the price of one unit, the surest first; Amazon's ItemPrice is that of the line."""

LINE_TOTALS = (
    "line total",
    "line amount",
    "row total",
    "total price",
    "total",
    "total money",
    "amount",
    "item price",
    "price total",
    "total amount",
    "net amount",
    "line item cost",
    "line item amount",
    "subtotal",
)
"""Names of a line's own amount, the surest first."""

QUANTITIES = (
    "quantity",
    "qty",
    "quantity ordered",
    "qty ordered",
    "ordered quantity",
    "unit quantity",
    "item quantity",
    "count",
    "units",
    "order line quantity",
    "line quantity",
    "requested quantity",
)

GOODS_IDS = (
    "product id",
    "item id",
    "sku",
    "seller sku",
    "asin",
    "variant id",
    "variation id",
    "listing id",
    "article id",
    "article number",
    "product code",
    "item code",
    "catalog object id",
    "material",
    "item ref",
    "code",
)
GOODS_NAMES = ("product name", "name", "title", "item name", "product title", "display name", "description", "label")
STATUSES = frozenset(("status", "state", "order status", "order state", "financial status", "payment status"))


@lru_cache(maxsize=20_000)
def words(key: str) -> tuple[str, ...]:
    """Return the words of a key, in lower case: those of `SellerSKU` are seller and sku."""
    return tuple(word.lower() for word in _WORD.findall(key[:200]))


def is_identifier(of: tuple[str, ...]) -> bool:
    """Tell whether the words name an identifier, whose digits do not count anything."""
    return bool(of) and (of[-1] in IDENTIFIER or of[-2:] in {("id", "string"), ("ref", "value")})


def is_money(of: tuple[str, ...]) -> bool:
    """Tell whether the words name an amount of money."""
    found = set(of)
    if (
        not found & MONEY
        or of[0] in FLAG_FIRST
        or of[-1] in ("at", "on", "date", "by", "order", "person", "channel", "item")
    ):
        return False
    excluded = found & _NOT_MONEY
    return not excluded or (excluded <= {"items", "service", "set", "lines", "ship"} and bool(found & _BUT_MONEY))


def without_minor(of: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words without those that say minor units: total for total_cents, price for price_in_cents."""
    left = [each for each in of if each not in MINOR]
    return tuple(left[:-1] if len(left) < len(of) and left[-1:] == ["in"] else left)


def is_quantity(of: tuple[str, ...]) -> bool:
    """Tell whether the words name how many units."""
    return bool(set(of) & QUANTITY)


def is_whole_quantity(of: tuple[str, ...]) -> bool:
    """Tell whether the words name how many units were ordered, not how many of them were shipped or returned."""
    return " ".join(of) in QUANTITIES or (is_quantity(of) and not set(of) & _PARTIAL)


def is_date(of: tuple[str, ...]) -> bool:
    """Tell whether the words name a point in time, so that a number under them may be one."""
    return bool(of) and (of[-1] in _DATE_LAST or of[0] in ("date", "timestamp") or "timestamp" in of)


def is_currency(of: tuple[str, ...]) -> bool:
    """Tell whether the words name a currency's code."""
    return bool(of) and (
        of[-1] in CURRENCY or (of[-1] in ("code", "iso", "id", "value", "name") and "currency" in of[-3:-1])
    )
