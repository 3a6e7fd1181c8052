"""Contracts that are proposed from shapes of real documents: what is recognised, and that all values load."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from chalicelib.contracts.sources import FromRecord
from chalicelib.contracts.values import CurrencyAt, Dates, DigitsAt, Nulls
from chalicelib.queries import saved
from tests.unit.proposing import PAYLOADS, payload, proposed, refused

NOT_READABLE = ("firebase_map", "shopify_bulk")
ALL = sorted(path.name.split(".")[0] for path in PAYLOADS.iterdir())
READABLE = [name for name in ALL if name not in NOT_READABLE]


def test_every_payload_is_tried() -> None:
    assert len(ALL) == 15


@pytest.mark.parametrize("name", READABLE)
def test_all_values_of_a_payload_load_by_the_contract_that_is_proposed(name: str) -> None:
    made = payload(name)
    assert refused(made.contract, made.documents) == []


@pytest.mark.parametrize("name", READABLE)
def test_all_values_load_when_every_commented_column_and_table_is_taken(name: str) -> None:
    made = payload(name)
    everything = made.everything
    assert refused(everything, made.documents) == []
    declared = sum(len(table.columns) for table in made.proposal.tables)
    assert sum(len(table.columns) for table in everything.tables) >= declared


@pytest.mark.parametrize("name", READABLE)
def test_the_sample_has_the_shape_of_the_file_and_loads(name: str) -> None:
    made = payload(name)
    again = proposed(made.sample.encode())
    assert again.layout == made.layout
    assert len(again.documents) == 3
    assert refused(made.contract, again.documents) == []
    assert again.contract.main.rows == made.contract.main.rows


@pytest.mark.parametrize("name", READABLE)
def test_no_value_of_the_file_gets_into_contract_queries_or_sample(name: str) -> None:
    made = payload(name)
    keys: set[str] = set()
    values: set[str] = set()

    def gather(value: Any) -> None:
        if isinstance(value, dict):
            keys.update(value)
            for each in value.values():
                gather(each)
        elif isinstance(value, list):
            for each in value:
                gather(each)
        elif isinstance(value, str) and len(value) > 4:
            values.add(value)

    for record, _ in made.documents:
        gather(record)
    texts = "\n".join((made.text, made.sample, *made.queries.values()))
    leaked = {each for each in values - keys if re.search(rf"(?<![\w.]){re.escape(each)}(?![\w.])", texts)}
    assert {each for each in leaked if not re.fullmatch(r"[\w-]+ [123]|order", each)} == set(), "made-up texts aside"


@pytest.mark.parametrize("name", READABLE)
def test_the_saved_queries_are_read_by_the_product(name: str) -> None:
    made = payload(name)
    views = {*made.contract.views}
    for query, text in made.queries.items():
        read = saved.parse(query, text.replace("${table}", '"etl"."table"'))
        assert read.bind({p.name: p.example for p in read.parameters}).sql
        assert any(f"FROM {view}\n" in text for view in views) or "${table}" in text
    assert {"shop_preview", "shop_by_month", "shop_lines_of"} <= made.queries.keys()


ROWS = {
    "amazon_items": "OrderItems[]",
    "amazon_orders": "",
    "bigcommerce": "",
    "commercetools": "lineItems[]",
    "dynamodb_export": "items.L[]",
    "eventbridge": "items[]",
    "magento": "items[]",
    "mongodb_relaxed": "items[]",
    "odoo": "",
    "shopify_rest": "",
    "shopify_single": "line_items[]",
    "stripe_invoice": "lines.data[]",
    "woocommerce": "line_items[]",
}


def test_the_list_of_lines_makes_the_rows() -> None:
    assert {name: payload(name).rows for name in READABLE} == ROWS


def test_the_array_of_documents_and_the_way_to_each_are_found() -> None:
    places = {
        name: (".".join(made.layout.records), ".".join(made.layout.at)) for name in READABLE if (made := payload(name))
    }
    assert places == {
        "amazon_items": ("", "payload"),
        "amazon_orders": ("payload.Orders", ""),
        "bigcommerce": ("", ""),
        "commercetools": ("results", ""),
        "dynamodb_export": ("", "Item"),
        "eventbridge": ("", "detail"),
        "magento": ("items", ""),
        "mongodb_relaxed": ("", ""),
        "odoo": ("", ""),
        "shopify_rest": ("orders", ""),
        "shopify_single": ("", "order"),
        "stripe_invoice": ("", ""),
        "woocommerce": ("", ""),
    }


def test_identity_date_and_version_are_recognised() -> None:
    found = {name: (c.identity, c.date, c.version) for name in READABLE if (c := payload(name).contract)}
    assert found == {
        "amazon_items": (("amazon_order_id",), "source_modified_at", None),
        "amazon_orders": (("amazon_order_id",), "purchase_date", "last_update_date"),
        "bigcommerce": (("id",), "date_created", "date_modified"),
        "commercetools": (("id",), "created_at", "last_modified_at"),
        "dynamodb_export": (("order_id",), "order_date", None),
        "eventbridge": (("order_id",), "time_value", None),
        "magento": (("entity_id",), "created_at", "updated_at"),
        "mongodb_relaxed": (("id",), "sale_date", None),
        "odoo": (("id",), "date_order", None),
        "shopify_rest": (("id",), "created_at", "updated_at"),
        "shopify_single": (("id",), "created_at", "updated_at"),
        "stripe_invoice": (("id",), "created", None),
        "woocommerce": (("id",), "date_created_gmt", "date_modified_gmt"),
    }


def test_total_currency_and_party_are_recognised() -> None:
    found = {name: (p.total, p.currency, p.party) for name in READABLE if (p := payload(name).proposal)}
    assert found == {
        "amazon_items": ("", "", ""),
        "amazon_orders": ("order_total", "order_total_currency_code", ""),
        "bigcommerce": ("total_inc_tax", "currency_code", "customer_id"),
        "commercetools": ("total_price", "total_price_currency_code", "customer_id"),
        "dynamodb_export": ("total_amount", "", "user_id"),
        "eventbridge": ("amount", "", "customer_id"),
        "magento": ("grand_total", "order_currency_code", "customer_id"),
        "mongodb_relaxed": ("", "", "customer_email"),
        "odoo": ("amount_total", "", ""),
        "shopify_rest": ("total_price", "currency", "customer_id"),
        "shopify_single": ("total_price", "currency", "customer_id"),
        "stripe_invoice": ("total", "currency", "customer"),
        "woocommerce": ("total", "currency", "customer_id"),
    }


def test_lists_with_amounts_of_their_own_are_tables_of_their_own() -> None:
    tables = [table.name for table in payload("woocommerce").contract.tables]
    assert tables == ["shop_raw", "shop_tax_lines_raw", "shop_shipping_lines_raw", "shop_refunds_raw"]
    assert payload("woocommerce").contract["shop_refunds_raw"].identity == ("id",)


def test_a_customer_of_number_0_is_none_only_where_0_is_far_more_frequent_than_others() -> None:
    made = payload("woocommerce")
    assert made.column["customer_id"].nulls == Nulls()
    assert "LOOK at customer_id: 0 in 1 of 2 stays 0: if it means none, add null = [0]." in made.text


def test_a_date_in_utc_is_preferred_to_the_local_one_beside_it() -> None:
    made = payload("woocommerce")
    assert made.contract.date == "date_created_gmt"
    assert "date_created_gmt is in UTC" in made.text


def test_a_local_date_is_read_as_utc_and_said_to_be_looked_at() -> None:
    made = payload("magento")
    assert made.column["created_at"].zone == "UTC"
    assert "LOOK at created_at: no offset in 1 of 1" in made.text


def test_amounts_of_minor_units_take_the_decimals_beside_them() -> None:
    price = payload("commercetools").column["total_price"]
    assert isinstance(price.minor_units, DigitsAt)
    assert str(price.minor_units.path) == "totalPrice.fractionDigits"


def test_stripes_integers_are_minor_units_of_their_currency() -> None:
    made = payload("stripe_invoice")
    units = made.column["total"].minor_units
    assert isinstance(units, CurrencyAt)
    assert str(units.path) == "currency"
    assert str(made.column["amount"].minor_units) == str(CurrencyAt(made.column["line_currency"].paths[0]))


def test_epochs_and_rfc_2822_are_recognised() -> None:
    assert payload("stripe_invoice").column["created"].formats == (Dates.EPOCH_SECONDS,)
    assert payload("bigcommerce").column["date_created"].formats == (Dates.RFC2822,)


def test_an_empty_text_is_null_where_a_date_is_due() -> None:
    made = payload("bigcommerce")
    assert "date_shipped" in made.text
    assert refused(made.everything, made.documents) == []


def test_a_date_beside_the_document_is_taken_from_the_record_around_it() -> None:
    made = payload("eventbridge")
    assert isinstance(made.contract.date_column.source, FromRecord)


def test_documents_from_before_2000_set_the_earliest_date() -> None:
    assert payload("amazon_orders").contract.earliest.isoformat() == "1970-01-01"


def test_types_around_values_are_stepped_through_and_leave_the_names_alone() -> None:
    made = payload("dynamodb_export")
    assert [str(path) for path in made.column["price"].paths] == ["items.L[].M.price.N"]
    mongo = payload("mongodb_relaxed")
    assert [str(path) for path in mongo.column["sale_date"].paths] == ["saleDate.$date"]
    assert [str(path) for path in mongo.column["price"].paths] == ["items[].price.$numberDecimal"]


LIMITS = {
    "bigcommerce": "the lines are behind a link",
    "firebase_map": "the documents are a map keyed by id",
    "odoo": "the lines are ids only",
    "shopify_bulk": "header and lines are separate records, joined by the key '__parentId'",
}


def test_what_cannot_be_expressed_is_said_in_words() -> None:
    said = {name: payload(name).proposal.limits for name in ALL}
    assert {name: limits[0][: len(LIMITS[name])] for name, limits in said.items() if limits} == LIMITS
    assert not any(payload(name).proposal.is_readable for name in NOT_READABLE)


def test_the_sample_is_json() -> None:
    assert json.loads(payload("woocommerce").sample)[0]["line_items"][0]["name"] == "name 1"
