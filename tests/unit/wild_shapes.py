"""Files in the shapes that shops, tills, marketplaces and exports send, with made-up values: `WILD`, by name."""

from __future__ import annotations

import gzip
import json
from typing import Any


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _lines(*values: Any) -> bytes:
    return b"".join(_json(value) + b"\n" for value in values)


def _money(amount: int, currency: str = "USD") -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


def _etsy(amount: int) -> dict[str, Any]:
    return {"amount": amount, "divisor": 100, "currency_code": "USD"}


ETSY = [
    {
        "receipt_id": 1000 + i,
        "receipt_type": 0,
        "seller_user_id": 5,
        "buyer_user_id": 70 + i,
        "buyer_email": None if i else "b@example.com",
        "name": "A B",
        "status": "Paid",
        "is_paid": True,
        "create_timestamp": 1706684800 + i,
        "created_timestamp": 1706684800 + i,
        "update_timestamp": 1706684900,
        "gift_message": "",
        "grandtotal": _etsy(2500 + i),
        "total_price": _etsy(2000),
        "transactions": [
            {
                "transaction_id": 11 + i,
                "title": "Mug",
                "quantity": 2,
                "sku": "M-1",
                "product_id": 9,
                "price": _etsy(1000),
                "shipped_timestamp": None,
                "variations": [{"property_id": 1, "formatted_name": "Colour", "formatted_value": "red"}],
            }
        ],
        "refunds": [] if i else [{"amount": _etsy(100), "created_timestamp": 1706685000, "reason": "late"}],
    }
    for i in range(3)
]

EBAY = [
    {
        "orderId": f"12-0{i}-3",
        "legacyOrderId": f"12-0{i}",
        "creationDate": "2024-03-01T10:11:12.000Z",
        "lastModifiedDate": "2024-03-02T10:11:12.000Z",
        "orderFulfillmentStatus": "FULFILLED",
        "buyer": {"username": f"buyer{i}", "taxAddress": {"postalCode": "01234", "countryCode": "US"}},
        "pricingSummary": {
            "priceSubtotal": {"value": "10.0", "currency": "USD"},
            "deliveryCost": {"value": "0.0", "currency": "USD"},
            "total": {"value": "10.0", "currency": "USD"},
        },
        "cancelStatus": {"cancelState": "NONE_REQUESTED", "cancelRequests": []},
        "paymentSummary": {
            "payments": [
                {
                    "paymentMethod": "EBAY",
                    "paymentReferenceId": "p",
                    "paymentDate": "2024-03-01T10:11:13.000Z",
                    "amount": {"value": "10.0", "currency": "USD"},
                }
            ],
            "refunds": [],
        },
        "lineItems": [
            {
                "lineItemId": f"100{i}",
                "legacyItemId": "1100",
                "title": "Lamp",
                "sku": "L-1",
                "lineItemCost": {"value": "10.0", "currency": "USD"},
                "quantity": 1,
                "total": {"value": "10.0", "currency": "USD"},
                "taxes": [{"taxType": "STATE_SALES_TAX", "amount": {"value": "0.83", "currency": "USD"}}],
            }
        ],
        "salesRecordReference": str(100 + i),
        "totalFeeBasisAmount": {"value": "10.0", "currency": "USD"},
    }
    for i in range(2)
]

SQUARE = [
    {
        "id": f"CAISEN{i}",
        "location_id": "L1",
        "customer_id": None if i else "C1",
        "created_at": f"2024-05-1{i}T16:30:49.614Z",
        "updated_at": f"2024-05-1{i}T16:31:49Z",
        "state": "COMPLETED",
        "version": 4 + i,
        "line_items": [
            {
                "uid": f"u{i}{n}",
                "catalog_object_id": "OBJ",
                "quantity": "1.5" if n else "1",
                "name": "Coffee",
                "variation_name": "",
                "base_price_money": _money(300),
                "gross_sales_money": _money(300 + 150 * n),
                "total_tax_money": _money(0),
                "total_money": _money(300 + 150 * n),
                "modifiers": [{"uid": "m", "name": "oat", "base_price_money": _money(50)}] if n else [],
            }
            for n in range(2)
        ],
        "taxes": [{"uid": "t", "name": "VAT", "percentage": "7.25", "applied_money": _money(20)}],
        "total_money": _money(750),
        "tenders": [{"id": f"t{i}", "type": "CARD", "amount_money": _money(750), "card_details": {"status": "OK"}}],
    }
    for i in range(2)
]


def _sale(i: int, sold: Any) -> dict[str, Any]:
    return {
        "saleID": str(i),
        "timeStamp": "2024-01-22T15:58:27+00:00",
        "createTime": "2024-01-22T15:58:20+00:00",
        "completed": "true",
        "discountPercent": "0",
        "calcTotal": "12.5",
        "total": "12.5",
        "customerID": "0" if i == 1 else "17",
        "SaleLines": {"SaleLine": sold},
    }


def _sold(i: int) -> dict[str, Any]:
    return {"saleLineID": str(i), "unitQuantity": "2", "unitPrice": "6.25", "itemID": "5", "tax": "true"}


LIGHTSPEED = {
    "@attributes": {"count": "2", "offset": "0"},
    "Sale": [_sale(1, _sold(1)), _sale(2, [_sold(2), _sold(3)]), _sale(3, "")],
}


def _presta(i: int, rows: Any) -> dict[str, Any]:
    return {
        "id": str(i),
        "id_customer": {"@xlink:href": "https://shop.example/api/customers/1", "#text": "1"},
        "id_currency": {"@xlink:href": "https://shop.example/api/currencies/1", "#text": "1"},
        "reference": f"XKBKNABJ{i}",
        "date_add": "2024-02-03 16:37:19",
        "date_upd": "2024-02-03 16:37:20",
        "invoice_date": "0000-00-00 00:00:00",
        "valid": "0",
        "note": None,
        "total_paid": "61.800000",
        "total_products": "59.800000",
        "associations": {"order_rows": {"@nodeType": "order_row", "order_row": rows}},
    }


def _presta_row(i: int) -> dict[str, Any]:
    return {
        "id": str(i),
        "product_id": {"#text": "2"},
        "product_quantity": "1",
        "product_name": "Sweater",
        "product_reference": "demo_3",
        "product_price": "35.900000",
        "unit_price_tax_incl": "35.900000",
    }


PRESTASHOP = {
    "prestashop": {
        "@xmlns:xlink": "http://www.w3.org/1999/xlink",
        "orders": {"order": [_presta(1, _presta_row(1)), _presta(2, [_presta_row(2), _presta_row(3)])]},
    }
}

SAP = {
    "d": {
        "results": [
            {
                "__metadata": {"id": f"https://s.example/A_SalesOrder('{i}')", "type": "API.A_SalesOrderType"},
                "SalesOrder": str(i),
                "SalesOrderType": "OR",
                "SoldToParty": "0017100001",
                "CreationDate": "/Date(1706745600000)/",
                "LastChangeDateTime": "/Date(1706745600000+0000)/",
                "TotalNetAmount": "52.65",
                "TransactionCurrency": "USD",
                "PricingDate": None,
                "to_Item": {
                    "results": [
                        {
                            "SalesOrder": str(i),
                            "SalesOrderItem": "10",
                            "Material": "TG11",
                            "RequestedQuantity": "3",
                            "NetAmount": "52.65",
                            "MaterialGroup": "L001",
                        }
                    ]
                },
            }
            for i in range(1, 3)
        ]
    }
}

WALMART = {
    "list": {
        "meta": {"totalCount": 1, "limit": 10, "nextCursor": "?x"},
        "elements": {
            "order": [
                {
                    "purchaseOrderId": f"179{i}",
                    "customerOrderId": f"500{i}",
                    "customerEmailId": "x@relay.example",
                    "orderDate": 1709287872000 + i,
                    "shippingInfo": {"phone": "555", "estimatedDeliveryDate": 1709700000000},
                    "orderLines": {
                        "orderLine": [
                            {
                                "lineNumber": "1",
                                "item": {"productName": "Chair", "sku": "C-1"},
                                "charges": {
                                    "charge": [
                                        {
                                            "chargeType": "PRODUCT",
                                            "chargeAmount": {"currency": "USD", "amount": 54.0 + i / 4},
                                            "tax": {
                                                "taxName": "Tax1",
                                                "taxAmount": {"currency": "USD", "amount": 4.32},
                                            },
                                        }
                                    ]
                                },
                                "orderLineQuantity": {"unitOfMeasurement": "EACH", "amount": "1"},
                                "statusDate": 1709287872000,
                            }
                        ]
                    },
                }
                for i in range(2)
            ]
        },
    }
}


def _param(key: str, **value: Any) -> dict[str, Any]:
    none = {"string_value": None, "int_value": None, "float_value": None, "double_value": None}
    return {"key": key, "value": none | value}


GA4 = [
    {
        "event_date": "20240115",
        "event_timestamp": str(1705276800000000 + i),
        "event_name": "purchase",
        "event_params": [
            _param("ga_session_id", int_value=str(1700 + i)),
            _param("currency", string_value="USD"),
            _param("value", double_value=25.5),
            *([_param("coupon", string_value="X")] if i else []),
        ],
        "user_pseudo_id": f"10{i}.20{i}",
        "ecommerce": {"transaction_id": f"T-{i}", "total_item_quantity": "2", "purchase_revenue": 25.5},
        "items": [
            {
                "item_id": "S1",
                "item_name": "Shirt",
                "price": 12.75,
                "quantity": "2",
                "item_revenue": 25.5,
                "item_params": [],
            }
        ],
    }
    for i in range(3)
]


def _node(i: int, n: int) -> dict[str, Any]:
    sold = {
        "id": f"gid://shopify/LineItem/{i}",
        "title": "Tea",
        "quantity": 2,
        "sku": None,
        "originalUnitPriceSet": {"shopMoney": {"amount": "75.0", "currencyCode": "USD"}},
    }
    return {
        "cursor": "e",
        "node": {
            "id": f"gid://shopify/Order/{i}",
            "name": f"#{i}",
            "createdAt": "2024-01-05T10:00:00Z",
            "updatedAt": "2024-01-05T11:00:00Z",
            "displayFinancialStatus": "PAID",
            "customer": None if i == 1 else {"id": "gid://shopify/Customer/1", "email": "a@example.com"},
            "totalPriceSet": {"shopMoney": {"amount": "150.0", "currencyCode": "USD"}},
            "lineItems": {"edges": [{"node": sold}] * n, "pageInfo": {"hasNextPage": False}},
            "tags": [],
        },
    }


GRAPHQL = {
    "data": {"orders": {"edges": [_node(1, 2), _node(2, 0), _node(3, 1)], "pageInfo": {"hasNextPage": False}}},
    "extensions": {"cost": {"requestedQueryCost": 12}},
}

CSV = [
    {
        "Order ID": str(1000 + i),
        "Order Date": "2024-03-05",
        "Ship Date": "" if i == 2 else "2024-03-07",
        "Customer ID": f"CG-{i}",
        "Customer Name": "C G",
        "Postal Code": "01089",
        "Product Name": "Stapler",
        "Sales": f"{12.5 * i:.3f}",
        "Quantity": str(i),
        "Discount": "0.2",
        "Profit": "-1.25",
    }
    for i in range(4)
]

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
    "etsy": _json({"count": 3, "results": ETSY}),
    "ebay": _json({"href": "https://x.example", "total": 2, "limit": 50, "offset": 0, "orders": EBAY}),
    "square": _json({"orders": SQUARE, "cursor": "c"}),
    "square_webhook": _json(
        {
            "merchant_id": "M",
            "type": "order.updated",
            "event_id": "e",
            "data": {"id": "x", "object": {"order": SQUARE[1]}},
        }
    ),
    "lightspeed": _json(LIGHTSPEED),
    "prestashop": _json(PRESTASHOP),
    "sap": _json(SAP),
    "walmart": _json(WALMART),
    "ga4": _lines(*GA4),
    "shopify_graphql": _json(GRAPHQL),
    "csv": _json(CSV),
    "csv_lines": _lines(*CSV),
    "lines_gzip": gzip.compress(_lines(*({**ORDER, "order_id": i} for i in range(5)))),
    "crlf_and_bom": b"\xef\xbb\xbf" + _lines(ORDER, {**ORDER, "order_id": 2}).replace(b"\n", b"\r\n"),
    "pretty_concatenated": b"\n".join(json.dumps({**ORDER, "order_id": i}, indent=2).encode() for i in range(3)),
    "pages_on_lines": _lines({"page": 1, "data": [ORDER]}, {"page": 2, "data": [{**ORDER, "order_id": 2}]}),
    "after_the_array": _json({"orders": [ORDER, {**ORDER, "order_id": 2}], "meta": {"next": None, "ids": [1, 2]}}),
    "sns": _lines(SNS, {**SNS, "MessageId": "m-2", "Message": json.dumps({**ORDER, "order_id": 2})}),
    "cdc": _lines(
        *({"before": None, "after": {**ORDER, "order_id": i}, "op": "c", "ts_ms": 1704164645000 + i} for i in range(3))
    ),
    "kafka_connect": _lines({"schema": {"type": "struct", "optional": False}, "payload": ORDER}),
    # What only a later document has.
    "later_fraction_of_a_quantity": _json(_later_line(quantity=0.5)),
    "later_text_for_an_amount": _json(_later(total="n/a")),
    "later_numeric_text_for_an_amount": _json(_later(total="20.55")),
    "later_many_decimals": _json(_later(total=20.123456)),
    "later_large_amount": _json(_later(total=123456789012345.5)),
    "later_huge_amount": _json(_later(total=10**30)),
    "later_text_identity": _json([{**ORDER, "order_id": i} for i in range(5)] + [{**ORDER, "order_id": "A-9"}]),
    "later_without_identity": _json([{**ORDER, "id": i} for i in range(5)] + [{**ORDER, "order_id": None, "id": 77}]),
    "later_without_date": _json(_later(created_at=None)),
    "later_empty_date": _json(_later(created_at="")),
    "later_date_of_another_format": _json(_later(created_at="2024-01-02")),
    "later_epoch_for_a_date": _json(_later(created_at=1704164645)),
    "later_no_date": _json(_later(created_at="yesterday")),
    "later_date_long_ago": _json(_later(created_at="1899-12-31")),
    "later_object_for_a_text": _json(_later(currency={"code": "EUR"})),
    "later_text_for_an_object": _json(_later(customer="guest")),
    "later_list_for_an_object": _json(_later(customer=[])),
    "later_object_for_the_lines": _json(_later(items=LINE)),
    "later_text_for_the_lines": _json(_later(items="none")),
    "later_empty_text_for_the_lines": _json(_later(items="")),
    "later_list_for_a_line": _json(_later(items=[[1, 2]])),
    "later_boolean_for_an_amount": _json(_later(total=False)),
    "later_true_for_an_amount": _json(_later(total=True)),
    "later_boolean_for_a_text": _json(_later(currency=True)),
    "later_number_for_a_text": _json(_later(currency=978)),
    "later_price_that_is_too_long_for_a_product": _json(_later_line(unit_price=99999999999999, quantity=99999)),
    "later_price_with_decimals": _json(_later_line(unit_price="10.123456789", quantity=2.25)),
    "later_exponent": _json(_later_line(unit_price="1e2")),
    "later_infinite": _json(_later_line(unit_price="NaN")),
    "later_space_around_a_number": _json(_later(total=" 20.5 ")),
    "later_comma_in_a_number": _json(_later(total="1,234.50")),
    "later_day_that_is_none": _json(_later(created_at="2024-02-30T00:00:00Z")),
    "later_hour_that_is_none": _json(_later(created_at="2024-02-20T25:00:00Z")),
    "later_dotted_day_that_is_none": _json(
        [{**ORDER, "order_id": i, "ordered_on": ["01.02.2024", "31.02.2024"][i]} for i in range(2)]
    ),
    "later_compact_day_that_is_none": _json(
        [{**ORDER, "order_id": i, "order_date": [20240102, 20240231][i]} for i in range(2)]
    ),
    "later_rfc_day_that_is_none": _json(
        [
            {
                **ORDER,
                "order_id": i,
                "shipped_date": ["Fri, 02 Feb 2024 10:00:00 +0000", "Fri, 31 Feb 2024 10:00:00 +0000"][i],
            }
            for i in range(2)
        ]
    ),
    "later_dotnet_beyond_the_calendar": _json(
        [
            {**ORDER, "order_id": i, "shipped_date": ["/Date(1706745600000)/", "/Date(9999999999999999)/"][i]}
            for i in range(2)
        ]
    ),
    "later_year_0": _json(
        [{**ORDER, "order_id": i, "shipped_date": ["2024-01-01", "0000-01-01"][i]} for i in range(2)]
    ),
    "later_epoch_of_another_size": _json(
        [
            {**ORDER, "order_id": i, "created_at": 1704164645 * 1000**i, "shipped_at": [1704164645, 20240102][i]}
            for i in range(2)
        ]
    ),
    "later_text_for_a_typed_list": _lines(
        *(
            {"id": {"S": f"o{i}"}, "total": {"N": "2.5"}, "items": {"L": [{"M": {"sku": {"S": "a"}}}]}}
            for i in range(3)
        ),
        {"id": {"S": "o9"}, "total": {"N": "2.5"}, "items": "none"},
    ),
    "an_amount_in_cents_without_its_currency": _json(
        [{**ORDER, "order_id": i, "tax_cents": 100, "currency": None if i == 2 else "EUR"} for i in range(4)]
        + [{key: each for key, each in ORDER.items() if key != "total"}]
    ),
    "later_compact_iso": _json(_later(created_at="20240102T030405Z")),
    "later_leap_second": _json(_later(created_at="2016-12-31T23:59:60Z")),
    "later_24_hours": _json(_later(created_at="2016-12-31T24:00:00Z")),
    "later_long_fraction": _json(_later(created_at="2016-12-31T23:00:00.1234567891234Z")),
    "later_offset_of_seconds": _json(_later(created_at="2016-12-31T23:00:00+01:00:30")),
    "later_zone_name": _json(_later(created_at="2016-12-31T23:00:00+01:00[Europe/Berlin]")),
    "later_week_date": _json(_later(created_at="2016-W52-1")),
    "later_date_far_ahead": _json(_later(created_at="2099-12-31")),
    "later_update_far_ahead": _json([{**ORDER, "order_id": i, "updated_at": f"{9999 - i}-12-31"} for i in range(3)]),
    "later_update_before_christ": _json([{**ORDER, "order_id": i, "updated_at": i * -(10**14)} for i in range(3)]),
    "later_unknown_currency": _json({"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": _money(5, "XXX")}]}),
    "later_currency_of_no_code": _json({"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": _money(5, "")}]}),
    "later_null_for_money": _json({"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": None}]}),
    "later_amount_without_currency": _json(
        {"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": {"amount": 5}}]}
    ),
    "later_yen": _json({"orders": [*SQUARE, {**SQUARE[0], "id": "x", "total_money": _money(5, "JPY")}]}),
    "later_divisor_of_nothing": _json([*ETSY, {**ETSY[0], "receipt_id": 7, "grandtotal": {**_etsy(5), "divisor": 0}}]),
    "later_divisor_that_is_missing": _json([*ETSY, {**ETSY[0], "receipt_id": 7, "grandtotal": {"amount": 5}}]),
    "later_text_in_a_further_list": _json([*ETSY, {**ETSY[0], "receipt_id": 7, "refunds": ["none"]}]),
    "later_object_for_a_further_list": _json([*ETSY, {**ETSY[0], "receipt_id": 7, "refunds": {}}]),
    "later_empty_identity": _json([*({**ORDER, "id": i} for i in range(5)), {**ORDER, "order_id": "", "id": 9}]),
    "same_identity": _json([ORDER, ORDER, {**ORDER, "total": 5}]),
    "keys_of_other_case": _json([ORDER, {**ORDER, "order_id": 3, "Total": 5, "TOTAL": "x"}]),
    "an_array_of_one": _json([ORDER]),
    "one_document": _json(ORDER),
    "without_anything": _json([{"a": 1}, {"b": "x"}, {}]),
    "without_a_date": _json([{"order_id": i, "total": 1.5, "items": ORDER["items"]} for i in range(3)]),
    "lists_of_scalars": _json(
        [{**ORDER, "order_id": i, "tags": ["a", 1, None][: i + 1], "sizes": [1.5]} for i in range(3)]
    ),
    "two_lists_of_lines": _json([{**ORDER, "order_id": i, "returned_items": [LINE] * i} for i in range(3)]),
    "three_lists_deep": _json(
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
    "long_texts_and_keys": _json([{**ORDER, "note": "n" * 5000, "k" * 300: 1, "ключ ✓": "ж", "a b": {"c.d": [1]}}]),
    "later_64_bits": _json(_later_line(quantity=2**63)),
    "flags_as_numbers": _json([{**ORDER, "order_id": i, "is_paid": i % 2, "paid": bool(i)} for i in range(3)]),
    "later_flag": _json([{**ORDER, "order_id": i, "is_paid": i} for i in range(4)]),
    "mixed_flag": _json([{**ORDER, "order_id": i, "is_paid": [True, "true", 0, "yes"][i]} for i in range(4)]),
}
