from pathlib import Path

from chalicelib.contracts.model import Column, Contract, From, Type

ORDERS = Contract(
    name="orders",
    table="orders_parquet_datalake",
    folder=Path(__file__).parent,
    lines="items",
    envelope="purchases",
    order_id="purchase_id",
    order_date="placed_at",
    unit_price="unit_price",
    quantity="quantity",
    columns=(
        Column("purchase_id", Type.IDENTIFIER, "id", "Identifies the purchase.", required=True),
        Column("placed_at", Type.TIMESTAMP, "placedAt", "When it was placed, UTC.", required=True),
        Column("grand_total", Type.DECIMAL, "grandTotal", "Declared total: repeats on each row."),
        Column("buyer_number", Type.IDENTIFIER, "buyer.number", "The buyer."),
        Column("ship_city", Type.TEXT, "shipping.address.city", "Where it goes."),
        Column("ship_zip", Type.TEXT, "shipping.address.zip", "Where it goes."),
        Column("item_number", Type.POSITION, From.LINE_NUMBER, "NULL for a purchase without items."),
        Column("sku", Type.IDENTIFIER, "items[].product.sku", "What was bought."),
        Column("unit_price", Type.DECIMAL, "items[].unitPrice", "The price of one."),
        Column("quantity", Type.INTEGER, "items[].qty", "How many."),
        Column("item_amount", Type.DECIMAL, From.LINE_AMOUNT, "Additive."),
        Column("extra_fields", Type.JSON_TEXT, From.EXTRA_FIELDS, "Whatever else was sent."),
        Column("source_key", Type.TEXT, From.SOURCE_KEY, "Which object."),
        Column("source_version", Type.TEXT, From.SOURCE_VERSION, "Which version of it."),
        Column("source_modified_at", Type.TIMESTAMP, From.SOURCE_MODIFIED_AT, "Latest wins."),
        Column("record_number", Type.INTEGER, From.RECORD_NUMBER, "Which record of it."),
        Column("order_month", Type.MONTH, From.ORDER_MONTH, "The partition key."),
    ),
)
