"""What propose takes for documents, dates, parties, currencies and tables in shapes of systems, with made-up values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.json_schema import json_schema
from chalicelib.contracts.reading import read
from chalicelib.propose.__main__ import main
from tests.contracts import ORDERS
from tests.unit.proposing import lines, proposed, refused


def usd(value: str) -> dict[str, str]:
    return {"currency": "USD", "value": value}


def change(number: int) -> dict[str, Any]:
    row = {"id": number, "purchaser": 7, "quantity": 1 + number, "total": f"{number}.50", "updated": 1710000000000}
    source = {"version": "2.1", "connector": "c", "name": "dbz", "ts_ms": 1710000000000, "db": "d", "pos": number}
    return {"schema": {"type": "struct"}, "payload": {"before": None, "after": row, "source": source, "op": "u"}}


def test_the_row_after_a_change_is_the_document_and_not_what_is_said_of_its_source() -> None:
    made = proposed(lines(*map(change, range(1, 6))))
    assert (made.layout.at, made.contract.identity) == (("payload", "after"), ("id",))
    assert refused(made.contract, made.documents) == []


DATED = {"number": "n", "total": "7.00", "lines": [{"sku": "x", "qty": 2, "price": "3.50"}]}


@pytest.mark.parametrize("key", ["timeStamp", "placed", "signed"])
def test_the_only_date_of_every_document_is_its_date_whatever_its_name(key: str) -> None:
    made = proposed([{**DATED, "number": f"n{i}", key: f"2024-07-0{i + 1}T10:00:00Z"} for i in range(3)])
    assert made.contract.date == {"timeStamp": "time_stamp"}.get(key, key)
    assert any(look.startswith("date: ") for look in made.proposal.looks) == (key == "signed")


@pytest.mark.parametrize("key", ["birthDate", "dueDate", "estimatedDelivery", "updatedAt"])
def test_a_date_of_something_else_does_not_date_the_document(key: str) -> None:
    made = proposed([{**DATED, "number": f"n{i}", key: f"2024-07-0{i + 1}"} for i in range(3)])
    assert made.contract.date == "source_modified_at"


def test_the_currency_of_the_total_is_taken_and_not_that_of_another_amount() -> None:
    summary = {"delivery": usd("1.00"), "total": usd("9.00")}
    made = proposed([{"orderId": f"o{i}", "created": "2024-07-05", "summary": summary} for i in range(3)])
    assert (made.proposal.total, made.proposal.currency) == ("summary_total", "summary_total_currency")
    assert "summary_total_currency" in made.queries["shop_by_month"]


def test_a_currency_by_its_name_beside_an_id_is_one() -> None:
    currency = {"id": "1", "refName": "USD"}
    made = proposed([{"id": i, "created": "2024-07-05", "total": 5.5, "currency": currency} for i in range(3)])
    assert made.proposal.currency == "currency_ref_name"


def test_the_party_is_who_bought_and_not_who_sold() -> None:
    made = proposed([{"id": i, "created": "2024-07-05", "seller_user_id": 1, "buyer_user_id": i} for i in range(3)])
    assert made.proposal.party == "buyer_user_id"


def test_amounts_below_the_list_around_the_rows_have_a_table() -> None:
    unit = {
        "reference_id": "r",
        "amount": usd("9.00"),
        "items": [{"sku": "s", "quantity": "2", "unit_amount": usd("4.50")}],
        "payments": {"captures": [{"id": "c", "amount": usd("9.00")}]},
    }
    made = proposed([{"id": f"o{i}", "create_time": "2024-07-05T00:00:00Z", "units": [unit]} for i in range(3)])
    rows = [str(table.rows) for table in made.contract.tables]
    assert rows == ["units[].items[]", "units[]", "units[].payments.captures[]"]


def test_amounts_below_rows_that_have_none_have_a_table() -> None:
    charge = {"chargeType": "PRODUCT", "chargeAmount": {"currency": "USD", "amount": 50.13}}
    line = {"lineNumber": "1", "item": {"sku": "K"}, "orderLineQuantity": {"amount": "1"}, "charges": [charge]}
    made = proposed([{"orderId": f"o{i}", "orderDate": 1577390400000, "orderLines": [line]} for i in range(3)])
    assert [str(table.rows) for table in made.contract.tables] == ["orderLines[]", "orderLines[].charges[]"]


def test_a_message_in_a_message_in_a_text_is_read() -> None:
    def record(number: int) -> dict[str, Any]:
        order = {**DATED, "number": f"n{number}", "placed": "2024-07-05T10:00:00Z"}
        message = json.dumps({"Type": "Notification", "MessageId": "m", "Message": json.dumps({"order": order})})
        return {"messageId": f"m{number}", "body": message, "eventSource": "aws:sqs"}

    made = proposed({"Records": [record(i) for i in range(3)]})
    assert (made.layout.at, made.contract.date) == (("body", "Message", "order"), "placed")
    assert refused(made.contract, made.documents) == []


def test_two_references_that_may_identify_a_document_are_both_named() -> None:
    events = [{"merchantReference": f"m{i}", "pspReference": f"p{i}", "eventDate": "2024-07-05"} for i in range(3)]
    (look,) = proposed(events).proposal.looks
    assert look == (
        "identity: merchant_reference was taken, and psp_reference would do as well: documents with the same replace "
        "one another"
    )


SCHEMA = {
    "title": "Invoice",
    "required": ["id", "issued"],
    "properties": {
        "id": {"type": "string", "description": "Identifies\n the invoice."},
        "issued": {"type": "string", "format": "date-time"},
        "status": {"enum": ["open", "paid"]},
        "rate": {"type": "number", "multipleOf": 0.00001},
        "customer": {"$ref": "customer.json#/definitions/c"},
        "attributes": {"type": "object", "patternProperties": {"^x": {"type": "string"}}},
        "lines": {"type": "array", "items": {"$ref": "#/definitions/lines/0"}},
    },
    "definitions": {"lines": [{"properties": {"sku": {"type": "string"}, "price": {"type": "number"}}}]},
}


def from_schema(schema: Any, folder: Path) -> Path:
    (folder / "x.json").write_text(json.dumps(schema))
    assert main([str(folder / "x.json"), "--schema", "-o", str(folder / "x" / "contract.toml")]) == 0
    return folder / "x" / "contract.toml"


def test_what_a_schema_says_of_its_properties_goes_along(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = from_schema(SCHEMA, tmp_path)
    contract, text = read(file), file.read_text()
    assert (contract.description, contract.main["id"].description) == ("Invoice", "Identifies the invoice.")
    assert (contract.date, str(contract.main.rows), contract.main["rate"].scale) == ("issued", "lines[]", 5)
    assert "# optional, string, one of open, paid" in text
    assert '# attributes = { path = "attributes", type = "json" }' in text
    assert "# Proposed from a JSON Schema." in text
    assert "look: customer.json#/definitions/c is not in the schema" in capsys.readouterr().err


def test_a_contract_comes_back_from_the_schema_that_it_is_exported_as(tmp_path: Path) -> None:
    contract = read(from_schema(json_schema(ORDERS), tmp_path))
    assert (contract.identity, contract.date, contract.main.rows) == (ORDERS.identity, ORDERS.date, ORDERS.main.rows)
    assert (contract.main["total_amount"].type, contract.main["order_date"].type) == (Type.DECIMAL, Type.TIMESTAMP)


def test_a_list_whose_elements_have_the_documents_own_key_holds_no_documents() -> None:
    def check(number: int) -> dict[str, Any]:
        selection = {"guid": f"s{number}", "displayName": "Burger", "quantity": 1.0, "price": 8.75}
        return {"guid": f"c{number}", "amount": 17.5, "totalAmount": 18.9, "selections": [selection]}

    orders = [{"guid": f"o{i}", "openedDate": "2024-06-01T17:05:06Z", "checks": [check(i)]} for i in range(4)]
    made = proposed(lines(*orders))
    assert (made.layout.records, made.rows) == ((), "checks[].selections[]")
    assert made.contract.date == "opened_date"


def test_documents_in_an_object_with_an_identity_of_its_own_are_found() -> None:
    line = {"Description": "Golf balls", "Quantity": 5.0, "UnitAmount": 1.1, "LineAmount": 5.5}
    invoices = [{"InvoiceID": f"i{i}", "Date": "2024-06-01", "Total": 5.5, "LineItems": [line]} for i in range(3)]
    made = proposed({"Id": "page", "DateTimeUTC": "2024-06-01T17:05:06Z", "Invoices": invoices})
    assert (made.layout.records, made.contract.identity) == (("Invoices",), ("invoice_id",))


def test_that_a_load_takes_other_documents_than_were_found_is_said_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines_of = [{"sku": "a", "quantity": 1, "price": 5.5}]
    orders = [{"id": f"o{i}", "date": "2024-06-01", "total": 5.5, "customer": "c", "items": lines_of} for i in range(3)]
    (tmp_path / "x.json").write_text(json.dumps({"id": "page", "orders": orders}))
    assert main([str(tmp_path / "x.json"), "-o", str(tmp_path / "x" / "contract.toml")]) == 1
    said = capsys.readouterr().err
    assert "for id itself counts as a document" in said


@pytest.mark.parametrize("amount", ["1.234,56", "12,50", "€ 5", "1 234,50 EUR", "$1,234.50", "-7,5"])
def test_an_amount_as_people_write_it_is_text_and_said_to_be_looked_at(amount: str) -> None:
    made = proposed([{"id": f"o{i}", "date": "2024-06-01", "total": amount} for i in range(3)])
    assert made.column["total"].type is Type.TEXT
    assert "LOOK at total: 3 of 3 are amounts with a decimal comma" in made.text.replace("\n# ", " ")


@pytest.mark.parametrize("text", ["free", "A-12", "12 pieces"])
def test_a_text_that_is_no_amount_is_not_said_to_be_one(text: str) -> None:
    made = proposed([{"id": f"o{i}", "date": "2024-06-01", "total": text} for i in range(3)])
    assert "decimal comma" not in made.text
