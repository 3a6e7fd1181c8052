"""Files in the shapes that shops, tills, marketplaces and exports send, with made-up values: `WILD`, by name."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.unit.shop_shapes import (
    CSV,
    EBAY,
    ETSY,
    GA4,
    GRAPHQL,
    LIGHTSPEED,
    PRESTASHOP,
    SAP,
    SQUARE,
    WALMART,
    as_json,
    as_lines,
    etsy_amount,
    money,
)

LINE = {"sku": "a", "quantity": 2, "unit_price": 10}


ORDER: dict[str, Any] = {
    "order_id": 1,
    "created_at": "2024-01-02T03:04:05Z",
    "customer": {"id": 5, "name": "x"},
    "total": 20,
    "currency": "EUR",
    "items": [LINE],
}


def _later(**changed: Any) -> list[dict[str, Any]]:
    """Return orders of which the last has something that no earlier one has."""
    return [*({**ORDER, "order_id": 100 + i} for i in range(30)), {**ORDER, "order_id": 900, **changed}]


def _later_line(**changed: Any) -> list[dict[str, Any]]:
    return _later(items=[{**LINE, **changed}])


SNS = {
    "Type": "Notification",
    "MessageId": "m-1",
    "TopicArn": "arn:aws:sns:eu-west-1:1:orders",
    "Message": json.dumps(ORDER),
    "Timestamp": "2024-01-02T03:04:06.000Z",
}


WILD: dict[str, bytes] = {
    "etsy": as_json({"count": 3, "results": ETSY}),
    "ebay": as_json({"href": "https://x.example", "total": 2, "limit": 50, "offset": 0, "orders": EBAY}),
    "square": as_json({"orders": SQUARE, "cursor": "c"}),
    "square_webhook": as_json(
        {
            "merchant_id": "M",
            "type": "order.updated",
            "event_id": "e",
            "data": {"id": "x", "object": {"order": SQUARE[1]}},
        }
    ),
    "lightspeed": as_json(LIGHTSPEED),
    "prestashop": as_json(PRESTASHOP),
    "sap": as_json(SAP),
    "walmart": as_json(WALMART),
    "ga4": as_lines(*GA4),
    "shopify_graphql": as_json(GRAPHQL),
    "csv": as_json(CSV),
    "csv_lines": as_lines(*CSV),
    "lines_gzip": gzip.compress(as_lines(*({**ORDER, "order_id": i} for i in range(5)))),
    "crlf_and_bom": b"\xef\xbb\xbf" + as_lines(ORDER, {**ORDER, "order_id": 2}).replace(b"\n", b"\r\n"),
    "pretty_concatenated": b"\n".join(json.dumps({**ORDER, "order_id": i}, indent=2).encode() for i in range(3)),
    "pages_on_lines": as_lines({"page": 1, "data": [ORDER]}, {"page": 2, "data": [{**ORDER, "order_id": 2}]}),
    "after_the_array": as_json({"orders": [ORDER, {**ORDER, "order_id": 2}], "meta": {"next": None, "ids": [1, 2]}}),
    "sns": as_lines(SNS, {**SNS, "MessageId": "m-2", "Message": json.dumps({**ORDER, "order_id": 2})}),
    "cdc": as_lines(
        *({"before": None, "after": {**ORDER, "order_id": i}, "op": "c", "ts_ms": 1704164645000 + i} for i in range(3))
    ),
    "kafka_connect": as_lines({"schema": {"type": "struct", "optional": False}, "payload": ORDER}),
    # What only a later document has.
    "later_fraction_of_a_quantity": as_json(_later_line(quantity=0.5)),
    "later_text_for_an_amount": as_json(_later(total="n/a")),
    "later_numeric_text_for_an_amount": as_json(_later(total="20.55")),
    "later_many_decimals": as_json(_later(total=20.123456)),
    "later_large_amount": as_json(_later(total=123456789012345.5)),
    "later_huge_amount": as_json(_later(total=10**30)),
    "later_text_identity": as_json([{**ORDER, "order_id": i} for i in range(5)] + [{**ORDER, "order_id": "A-9"}]),
    "later_without_identity": as_json([{**ORDER, "id": i} for i in range(5)] + [{**ORDER, "order_id": None, "id": 77}]),
    "later_without_date": as_json(_later(created_at=None)),
    "later_empty_date": as_json(_later(created_at="")),
    "later_date_of_another_format": as_json(_later(created_at="2024-01-02")),
    "later_epoch_for_a_date": as_json(_later(created_at=1704164645)),
    "later_no_date": as_json(_later(created_at="yesterday")),
    "later_date_long_ago": as_json(_later(created_at="1899-12-31")),
    "later_object_for_a_text": as_json(_later(currency={"code": "EUR"})),
    "later_text_for_an_object": as_json(_later(customer="guest")),
    "later_list_for_an_object": as_json(_later(customer=[])),
    "later_object_for_the_lines": as_json(_later(items=LINE)),
    "later_text_for_the_lines": as_json(_later(items="none")),
    "later_empty_text_for_the_lines": as_json(_later(items="")),
    "later_list_for_a_line": as_json(_later(items=[[1, 2]])),
    "later_boolean_for_an_amount": as_json(_later(total=False)),
    "later_true_for_an_amount": as_json(_later(total=True)),
    "later_boolean_for_a_text": as_json(_later(currency=True)),
    "later_number_for_a_text": as_json(_later(currency=978)),
    "later_price_that_is_too_long_for_a_product": as_json(_later_line(unit_price=99999999999999, quantity=99999)),
    "later_price_with_decimals": as_json(_later_line(unit_price="10.123456789", quantity=2.25)),
    "later_exponent": as_json(_later_line(unit_price="1e2")),
    "later_infinite": as_json(_later_line(unit_price="NaN")),
    "later_space_around_a_number": as_json(_later(total=" 20.5 ")),
    "later_comma_in_a_number": as_json(_later(total="1,234.50")),
    "later_day_that_is_none": as_json(_later(created_at="2024-02-30T00:00:00Z")),
    "later_hour_that_is_none": as_json(_later(created_at="2024-02-20T25:00:00Z")),
    "later_dotted_day_that_is_none": as_json(
        [{**ORDER, "order_id": i, "ordered_on": ["01.02.2024", "31.02.2024"][i]} for i in range(2)]
    ),
    "later_compact_day_that_is_none": as_json(
        [{**ORDER, "order_id": i, "order_date": [20240102, 20240231][i]} for i in range(2)]
    ),
    "later_rfc_day_that_is_none": as_json(
        [
            {
                **ORDER,
                "order_id": i,
                "shipped_date": ["Fri, 02 Feb 2024 10:00:00 +0000", "Fri, 31 Feb 2024 10:00:00 +0000"][i],
            }
            for i in range(2)
        ]
    ),
    "later_dotnet_beyond_the_calendar": as_json(
        [
            {**ORDER, "order_id": i, "shipped_date": ["/Date(1706745600000)/", "/Date(9999999999999999)/"][i]}
            for i in range(2)
        ]
    ),
    "later_year_0": as_json(
        [{**ORDER, "order_id": i, "shipped_date": ["2024-01-01", "0000-01-01"][i]} for i in range(2)]
    ),
    "later_epoch_of_another_size": as_json(
        [
            {**ORDER, "order_id": i, "created_at": 1704164645 * 1000**i, "shipped_at": [1704164645, 20240102][i]}
            for i in range(2)
        ]
    ),
    "later_text_for_a_typed_list": as_lines(
        *(
            {"id": {"S": f"o{i}"}, "total": {"N": "2.5"}, "items": {"L": [{"M": {"sku": {"S": "a"}}}]}}
            for i in range(3)
        ),
        {"id": {"S": "o9"}, "total": {"N": "2.5"}, "items": "none"},
    ),
    "an_amount_in_cents_without_its_currency": as_json(
        [{**ORDER, "order_id": i, "tax_cents": 100, "currency": None if i == 2 else "EUR"} for i in range(4)]
        + [{key: each for key, each in ORDER.items() if key != "total"}]
    ),
    "later_compact_iso": as_json(_later(created_at="20240102T030405Z")),
    "later_leap_second": as_json(_later(created_at="2016-12-31T23:59:60Z")),
    "later_24_hours": as_json(_later(created_at="2016-12-31T24:00:00Z")),
    "later_long_fraction": as_json(_later(created_at="2016-12-31T23:00:00.1234567891234Z")),
    "later_offset_of_seconds": as_json(_later(created_at="2016-12-31T23:00:00+01:00:30")),
    "later_zone_name": as_json(_later(created_at="2016-12-31T23:00:00+01:00[Europe/Berlin]")),
    "later_week_date": as_json(_later(created_at="2016-W52-1")),
    "later_date_far_ahead": as_json(_later(created_at="2099-12-31")),
    "later_update_far_ahead": as_json([{**ORDER, "order_id": i, "updated_at": f"{9999 - i}-12-31"} for i in range(3)]),
    "later_update_before_christ": as_json([{**ORDER, "order_id": i, "updated_at": i * -(10**14)} for i in range(3)]),
    "later_unknown_currency": as_json({"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": money(5, "XXX")}]}),
    "later_currency_of_no_code": as_json({"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": money(5, "")}]}),
    "later_null_for_money": as_json({"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": None}]}),
    "later_amount_without_currency": as_json(
        {"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": {"amount": 5}}]}
    ),
    "later_yen": as_json({"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": money(5, "JPY")}]}),
    "later_divisor_of_nothing": as_json(
        [*ETSY, {**ETSY[0], "receipt_id": 7, "grandtotal": {**etsy_amount(5), "divisor": 0}}]
    ),
    "later_divisor_that_is_missing": as_json([*ETSY, {**ETSY[0], "receipt_id": 7, "grandtotal": {"amount": 5}}]),
    "later_text_in_a_further_list": as_json([*ETSY, {**ETSY[0], "receipt_id": 7, "refunds": ["none"]}]),
    "later_object_for_a_further_list": as_json([*ETSY, {**ETSY[0], "receipt_id": 7, "refunds": {}}]),
    "later_empty_identity": as_json([*({**ORDER, "id": i} for i in range(5)), {**ORDER, "order_id": "", "id": 9}]),
    "same_identity": as_json([ORDER, ORDER, {**ORDER, "total": 5}]),
    "keys_of_other_case": as_json([ORDER, {**ORDER, "order_id": 3, "Total": 5, "TOTAL": "x"}]),
    "an_array_of_one": as_json([ORDER]),
    "one_document": as_json(ORDER),
    "without_anything": as_json([{"a": 1}, {"b": "x"}, {}]),
    "without_a_date": as_json([{"order_id": i, "total": 1.5, "items": ORDER["items"]} for i in range(3)]),
    "lists_of_scalars": as_json(
        [{**ORDER, "order_id": i, "tags": ["a", 1, None][: i + 1], "sizes": [1.5]} for i in range(3)]
    ),
    "two_lists_of_lines": as_json([{**ORDER, "order_id": i, "returned_items": [LINE] * i} for i in range(3)]),
    "three_lists_deep": as_json(
        [
            {
                **ORDER,
                "order_id": i,
                "checks": [
                    {"id": 1, "items": [{"sku": "s", "price": 1, "quantity": 1, "mods": [{"id": 4, "price": 1}]}]}
                ]
                * i,
            }
            for i in range(3)
        ]
    ),
    "long_texts_and_keys": as_json([{**ORDER, "note": "n" * 5000, "k" * 300: 1, "ключ ✓": "ж", "a b": {"c.d": [1]}}]),
    "later_64_bits": as_json(_later_line(quantity=2**63)),
    "flags_as_numbers": as_json([{**ORDER, "order_id": i, "is_paid": i % 2, "paid": bool(i)} for i in range(3)]),
    "later_flag": as_json([{**ORDER, "order_id": i, "is_paid": i} for i in range(4)]),
    "mixed_flag": as_json([{**ORDER, "order_id": i, "is_paid": [True, "true", 0, "yes"][i]} for i in range(4)]),
}
