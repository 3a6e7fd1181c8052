"""Documents of shops and of what stands between them, after what each documents."""

from __future__ import annotations

import json
from typing import Any


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def as_lines(*values: Any) -> bytes:
    return b"".join(as_json(value) + b"\n" for value in values)


def money(amount: int, currency: str = "USD") -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


def etsy_amount(amount: int) -> dict[str, Any]:
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
        "grandtotal": etsy_amount(2500 + i),
        "total_price": etsy_amount(2000),
        "transactions": [
            {
                "transaction_id": 11 + i,
                "title": "Mug",
                "quantity": 2,
                "sku": "M-1",
                "product_id": 9,
                "price": etsy_amount(1000),
                "shipped_timestamp": None,
                "variations": [{"property_id": 1, "formatted_name": "Colour", "formatted_value": "red"}],
            }
        ],
        "refunds": [] if i else [{"amount": etsy_amount(100), "created_timestamp": 1706685000, "reason": "late"}],
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
                "base_price_money": money(300),
                "gross_sales_money": money(300 + 150 * n),
                "total_tax_money": money(0),
                "total_money": money(300 + 150 * n),
                "modifiers": [{"uid": "m", "name": "oat", "base_price_money": money(50)}] if n else [],
            }
            for n in range(2)
        ],
        "taxes": [{"uid": "t", "name": "VAT", "percentage": "7.25", "applied_money": money(20)}],
        "total_money": money(750),
        "tenders": [{"id": f"t{i}", "type": "CARD", "amount_money": money(750), "card_details": {"status": "OK"}}],
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
