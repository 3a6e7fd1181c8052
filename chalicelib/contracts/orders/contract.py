"""Orders of the shop: one row per order and product. For orders of another shape, change this file and its queries."""

from __future__ import annotations

from pathlib import Path

from chalicelib.contracts.model import Column, Contract, From, Type

ORDERS = Contract(
    name="orders",
    table="orders_parquet_datalake",
    folder=Path(__file__).parent,
    columns=(
        Column("order_id", Type.IDENTIFIER, "order_id", "Identifies the order, across files.", required=True),
        Column("order_date", Type.TIMESTAMP, "order_date", "When the order was placed, UTC.", required=True),
        Column("total_amount", Type.DECIMAL, "total_amount", "The order's declared total: repeats on each row."),
        Column("customer_id", Type.IDENTIFIER, "customer.customer_id", "The customer; NULL for a guest."),
        Column("customer_name", Type.TEXT, "customer.name", "The customer's name."),
        Column("customer_email", Type.TEXT, "customer.email", "The customer's e-mail address."),
        Column("customer_address", Type.JSON_TEXT, "customer.address", "The customer's address."),
        Column("line_number", Type.POSITION, From.LINE_NUMBER, "NULL for an order without products."),
        Column("product_id", Type.IDENTIFIER, "products[].product_id", "The product of this line."),
        Column("product_name", Type.TEXT, "products[].name", "The product's name."),
        Column("product_category", Type.TEXT, "products[].category", "The product's category."),
        Column("price", Type.DECIMAL, "products[].price", "The price of one unit."),
        Column("quantity", Type.INTEGER, "products[].quantity", "How many units."),
        Column("line_amount", Type.DECIMAL, From.LINE_AMOUNT, "Additive; NULL if either factor is."),
        Column("extra_fields", Type.JSON_TEXT, From.EXTRA_FIELDS, "NULL if none: nothing that was sent is dropped."),
        Column("source_key", Type.TEXT, From.SOURCE_KEY, "Which object the row came from."),
        Column("source_version", Type.TEXT, From.SOURCE_VERSION, "Which version of that object."),
        Column("source_modified_at", Type.TIMESTAMP, From.SOURCE_MODIFIED_AT, "Latest wins orders by it."),
        Column("record_number", Type.INTEGER, From.RECORD_NUMBER, "Which order of the object."),
        Column("order_month", Type.MONTH, From.ORDER_MONTH, "The partition key."),
    ),
)
