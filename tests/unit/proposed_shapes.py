"""Shapes that systems send, made up here, one for each way to say the same, and what a contract makes of each."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.proposing import lines

ORDER = {
    "orderId": "o1",
    "orderDate": "2024-02-03T04:05:06Z",
    "customerId": "c",
    "total": 20.0,
    "items": [{"sku": "a", "quantity": 2, "price": 10.0}],
}


USD = {"currency": "USD"}


SQUARE = {
    "orders": [
        {
            "id": "CAISENgvlJ6jLWAzERDzjyHVybY",
            "created_at": "2020-05-18T16:30:49.614Z",
            "updated_at": "2020-05-18T16:30:49.614Z",
            "line_items": [
                {
                    "uid": "945986d1",
                    "catalog_object_id": "CZ",
                    "quantity": "1",
                    "name": "maintenance",
                    "base_price_money": {"amount": 30000, **USD},
                    "total_money": {"amount": 30000, **USD},
                }
            ],
            "total_money": {"amount": 27000, **USD},
            "tenders": [{"id": "t1", "amount_money": {"amount": 27000, **USD}, "type": "CARD"}],
        }
    ],
    "cursor": "x",
}


ETSY_MONEY = {"amount": 500, "divisor": 100, "currency_code": "USD"}


ETSY = {
    "count": 1,
    "results": [
        {
            "receipt_id": 1,
            "buyer_user_id": 1,
            "status": "paid",
            "created_timestamp": 1706684800,
            "update_timestamp": 1706684801,
            "grandtotal": ETSY_MONEY,
            "transactions": [{"transaction_id": 1, "title": "s", "quantity": 1, "price": ETSY_MONEY, "sku": "s"}],
        }
    ],
}


LIGHTSPEED = {
    "@attributes": {"count": "1"},
    "Sale": {
        "saleID": "1",
        "createTime": "2014-01-22T15:58:27+00:00",
        "updateTime": "2014-01-22T15:58:27+00:00",
        "total": "12.50",
        "customerID": "0",
        "SaleLines": {"SaleLine": {"saleLineID": "1", "unitQuantity": "2", "unitPrice": "6.25", "itemID": "5"}},
    },
}


def graphql_order(number: int, edges: list[Any]) -> dict[str, Any]:
    return {
        "cursor": "a",
        "node": {
            "id": f"gid://shop/Order/{number}",
            "createdAt": "2026-01-05T10:00:00Z",
            "totalPriceSet": {"shopMoney": {"amount": "150.00", "currencyCode": "USD"}},
            "lineItems": {"edges": edges},
        },
    }


GRAPHQL_LINE = {
    "node": {"title": "t", "quantity": 2, "sku": "s1", "originalUnitPriceSet": {"shopMoney": {"amount": "75.00"}}}
}


GRAPHQL = {"data": {"orders": {"edges": [graphql_order(1, [GRAPHQL_LINE]), graphql_order(2, [])], "pageInfo": {}}}}


XML_LINE = {"Sku": "a", "Qty": "1", "Price": "3.00"}


XML_ORDERS = [
    {"OrderNo": "1", "OrderDate": "2024-01-02", "Total": "3.00", "Items": {"Item": XML_LINE}},
    {"OrderNo": "2", "OrderDate": "2024-01-03", "Total": "5.00", "Items": {"Item": [XML_LINE, XML_LINE]}},
]


TOAST = [
    {
        "guid": "g1",
        "openedDate": "2024-01-02T10:11:12.000+0000",
        "modifiedDate": "2024-01-02T10:11:12.000+0000",
        "businessDate": 20240102,
        "checks": [
            {
                "guid": "c1",
                "amount": 20.5,
                "selections": [{"guid": "s1", "displayName": "Pizza", "quantity": 1.5, "price": 20.5}],
                "payments": [{"guid": "p1", "amount": 22.0}],
            }
        ],
    }
]


PAYPAL = {
    "id": "5O1",
    "create_time": "2018-04-01T21:18:49Z",
    "purchase_units": [
        {
            "reference_id": "d1",
            "amount": {"currency_code": "USD", "value": "100.00"},
            "items": [{"name": "T", "quantity": "1", "unit_amount": {"currency_code": "USD", "value": "90.00"}}],
        }
    ],
    "payer": {"payer_id": "Q"},
}


QUICKBOOKS = {
    "QueryResponse": {
        "Invoice": [
            {
                "Id": "130",
                "TxnDate": "2014-09-19",
                "CurrencyRef": {"value": "USD", "name": "United States Dollar"},
                "TotalAmt": 362.07,
                "CustomerRef": {"value": "12", "name": "Jeff"},
                "Line": [
                    {
                        "Id": "1",
                        "Amount": 275.0,
                        "DetailType": "A",
                        "A": {"ItemRef": {"value": "5"}, "UnitPrice": 275, "Qty": 1},
                    },
                    {"Amount": 275.0, "DetailType": "B", "B": {}},
                ],
            }
        ],
    },
    "time": "2015-07-24T10:48:27.082-07:00",
}


JSON_API = {
    "data": [
        {
            "type": "orders",
            "id": str(number),
            "attributes": {
                "createdAt": "2024-01-02T00:00:00Z",
                "totalAmount": "5.00",
                "lineItems": [{"sku": "a", "quantity": 1, "unitPrice": "5.00"}],
            },
        }
        for number in range(2)
    ],
    "links": {},
}


XERO = {
    "Id": "x",
    "Status": "OK",
    "Invoices": [
        {
            "InvoiceID": "i1",
            "Date": "/Date(1518685950940+0000)/",
            "Total": 20.0,
            "CurrencyCode": "NZD",
            "LineItems": [{"ItemCode": "12", "Quantity": 1.0, "UnitAmount": 20.0, "LineAmount": 20.0}],
        }
    ],
}


KEYS = [
    {
        "order.id": str(number),
        'order "date"': "2024-01-02T00:00:00Z",
        "a[b]": {"c.d": 1.5, "c d": 2},
        "Größe": 3,
        "": 4,
        "日本": "x",
        "order_id": "z",
        "line.items": [{'sku "x"': "a", "qty": 1, "price.net": 2.5}],
    }
    for number in range(2)
]


EVENT = {"specversion": "1.0", "id": "e", "source": "s", "type": "order.created", "time": "2024-01-02T00:00:00Z"}


STRIPE_INVOICE = {
    "object": "invoice",
    "created": 1704412800,
    "currency": "eur",
    "livemode": False,
    "total": 1050,
    "lines": {
        "object": "list",
        "data": [{"id": "il", "amount": 1050, "quantity": 1, "currency": "eur", "description": "d"}],
    },
}


MONGO = {
    "_id": {"$oid": "5f1"},
    "createdAt": {"$date": {"$numberLong": "1704412800000"}},
    "total": {"$numberDecimal": "12.50"},
}


WALMART = {
    "list": {
        "meta": {"totalCount": 1},
        "elements": {
            "order": [
                {
                    "purchaseOrderId": "1",
                    "orderDate": 1570000000000,
                    "orderLines": {
                        "orderLine": [
                            {
                                "lineNumber": "1",
                                "item": {"productName": "a", "sku": "s"},
                                "charges": {"charge": [{"chargeAmount": {"currency": "USD", "amount": 10.5}}]},
                                "orderLineQuantity": {"unitOfMeasurement": "EACH", "amount": "1"},
                            }
                        ]
                    },
                }
            ]
        },
    }
}


SAP_LINE = {"SalesOrderItem": "10", "Material": "TG11", "RequestedQuantity": "3", "NetAmount": "52.65"}


SAP = {
    "d": {
        "results": [
            {
                "SalesOrder": "1",
                "CreationDate": "/Date(1470009600000)/",
                "TotalNetAmount": "52.65",
                "TransactionCurrency": "USD",
                "to_Item": {"results": [SAP_LINE]},
            }
        ]
    }
}


SHAPES: dict[str, tuple[Any, tuple[str, str, str, str, str]]] = {
    "square": (SQUARE, ("orders", "", "line_items[]", "id", "created_at")),
    "etsy": (ETSY, ("results", "", "transactions[]", "receipt_id", "created_timestamp")),
    "lightspeed": (LIGHTSPEED, ("", "Sale", "SaleLines.SaleLine[]", "sale_id", "create_time")),
    "graphql": (GRAPHQL, ("data.orders.edges", "node", "lineItems.edges[]", "id", "created_at")),
    "xml": ({"Orders": {"Order": XML_ORDERS}}, ("Orders.Order", "", "Items.Item[]", "order_no", "order_date")),
    "xml, one line": (XML_ORDERS[:1], ("", "", "Items.Item[]", "order_no", "order_date")),
    "toast": (TOAST, ("", "", "checks[].selections[]", "guid", "opened_date")),
    "paypal": (PAYPAL, ("", "", "purchase_units[].items[]", "id", "create_time")),
    "quickbooks": (QUICKBOOKS, ("QueryResponse.Invoice", "", "Line[]", "id", "txn_date")),
    "json:api": (JSON_API, ("data", "", "attributes.lineItems[]", "id", "created_at")),
    "xero": (XERO, ("Invoices", "", "LineItems[]", "invoice_id", "date_value")),
    "keys": (KEYS, ("", "", '"line.items"[]', "order_id", "order_date")),
    "walmart": (
        WALMART,
        ("list.elements.order", "", "orderLines.orderLine[]", "purchase_order_id", "order_date"),
    ),
    "sap": (SAP, ("d.results", "", "to_Item.results[]", "sales_order", "creation_date")),
    "sns": (
        {"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "m", "Message": json.dumps(ORDER)}}]},
        ("Records", "Sns.Message", "items[]", "order_id", "order_date"),
    ),
    "sns in sqs": (
        {"Records": [{"body": json.dumps({"Type": "Notification", "Message": json.dumps(ORDER)})}]},
        ("Records", "body.Message", "items[]", "order_id", "order_date"),
    ),
    "cloudevents": (
        lines(
            *[{**EVENT, "id": f"e{i}", "data": {"order_id": f"o{i}", "lines": [{"sku": "x", "qty": 1}]}} for i in "ab"]
        ),
        ("", "data", "lines[]", "order_id", "time_value"),
    ),
    "debezium": (
        lines(
            *[
                {"payload": {"before": None, "after": {"id": i, "order_date": "2024-01-02", "total": 1.5}}}
                for i in (1, 2)
            ]
        ),
        ("", "payload.after", "", "id", "order_date"),
    ),
    "stripe's events": (
        lines(
            *[
                {"id": i, "object": "event", "created": 1704412800, "data": {"object": {"id": i, **STRIPE_INVOICE}}}
                for i in "ab"
            ]
        ),
        ("", "data.object", "lines.data[]", "id", "created"),
    ),
    "dynamodb's stream": (
        {
            "Records": [
                {
                    "eventSource": "aws:dynamodb",
                    "dynamodb": {"NewImage": {"orderId": {"S": "o"}, "total": {"N": "5.5"}}},
                }
            ]
        },
        ("Records", "dynamodb.NewImage", "", "order_id", "source_modified_at"),
    ),
    "mongodb, as written by several drivers": (
        lines(MONGO, {**MONGO, "_id": {"$oid": "5f2"}, "createdAt": {"$date": "2024-01-02T00:00:00Z"}, "total": 7}),
        ("", "", "", "id", "created_at"),
    ),
    "one order a line, flat": (
        lines(*[{"order_id": i, "order_date": "2024-01-02", "sku": "a", "qty": 1, "price": 5} for i in range(3)]),
        ("", "", "", "order_id", "order_date"),
    ),
}
