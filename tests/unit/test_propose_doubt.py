"""What propose does where nearly all of a file fits, or where it cannot tell: what it takes, and what it says."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.values import Nulls, Strptime
from chalicelib.propose.__main__ import main
from tests.unit.proposing import lines, payload, proposed, refused


def order(number: int, **more: Any) -> dict[str, Any]:
    date = f"2024-01-{number % 28 + 1:02}T10:00:00Z"
    return {"order_id": f"o{number}", "order_date": date, "total_amount": 12.5, "note": "n", **more}


def orders(count: int, **of: Any) -> list[dict[str, Any]]:
    """Return orders of which three have a fault each: no identity, a date in words, an amount that is none."""
    made = [order(number) for number in range(count)]
    del made[3]["order_id"]
    made[4]["order_date"] = of.get("date", "soon")
    made[5]["total_amount"] = of.get("amount", "n/a")
    return made


def said(tmp_path: Path, capsys: pytest.CaptureFixture[str], documents: list[dict[str, Any]]) -> tuple[int, str]:
    source = tmp_path / "shop.json"
    source.write_bytes(lines(*documents))
    status = main([str(source)])
    return status, capsys.readouterr().err


# Nearly all


@pytest.mark.parametrize("odd", [{}, {"date": [], "amount": {}}, {"date": 5, "amount": True}])
def test_three_faulty_documents_of_400_leave_identity_date_and_money_to_the_others(odd: dict[str, Any]) -> None:
    made = proposed(lines(*orders(400, **odd)))
    assert (made.contract.identity, made.contract.date) == (("order_id",), "order_date")
    assert made.column["total_amount"].type is Type.DECIMAL


def test_what_nearly_all_documents_have_is_said_to_reject_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, err = said(tmp_path, capsys, orders(400))
    assert "look: identity: order_id is in 399 of 400 documents: the other is rejected" in err
    assert "look: date: order_date is in 399 of 400 documents: the other is rejected" in err
    assert "look at total_amount: a number in 399 of 400: the other is rejected; make it text to take it" in err
    assert "400 read, 397 loaded, 3 rejected" in err
    assert status == 1


def test_a_fault_in_one_document_of_ten_takes_the_safe_side_and_says_what_nearly_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = proposed(lines(*orders(10)))
    assert (made.contract.identity, made.contract.date) == (("source_key", "record_number"), "source_modified_at")
    assert made.column["total_amount"].type is Type.TEXT
    status, err = said(tmp_path, capsys, orders(10))
    assert "order_id is in 9 of 10 documents, different in each" in err
    assert "(`order_date` is a date in 9 of 10 documents)" in err
    assert "look at total_amount: a number in 9 of 10" in err
    assert status == 0


def test_an_identity_in_all_documents_is_preferred_to_one_in_nearly_all() -> None:
    made = proposed(lines(*({**each, "order_number": number} for number, each in enumerate(orders(400)))))
    assert made.contract.identity == ("order_number",)


def test_a_field_of_texts_that_are_mostly_digits_stays_text() -> None:
    made = proposed(lines(*(order(number, size="XL" if number == 7 else str(number)) for number in range(100))))
    assert made.column["size"].type is Type.TEXT


# 0 that may mean none


@pytest.mark.parametrize("of", [int, str])
def test_a_customer_0_that_is_as_frequent_as_others_stays_a_customer(of: type) -> None:
    made = proposed(lines(*(order(number, customer_id=of(number % 999)) for number in range(1998))))
    assert made.column["customer_id"].nulls == Nulls()
    assert any("0 in 2 of 1998 stays 0" in column.look for _, column in made.proposal.looked_at())


def test_a_0_that_is_far_more_frequent_than_any_customer_is_none_and_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = [order(number, customer_id=number if number % 3 else 0) for number in range(90)]
    assert proposed(lines(*several)).column["customer_id"].nulls == Nulls(numbers=frozenset((Decimal(0),)))
    assert "look at customer_id: 0 in 30 of 90 is read as none" in said(tmp_path, capsys, several)[1]


# Minor units


def test_whole_numbers_read_as_minor_units_are_said_to_be_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = [order(number, total_cents=12346, tax_cents=946, currency="EUR") for number in range(3)]
    err = said(tmp_path, capsys, several)[1]
    assert "look at total, tax: whole numbers read as minor units, with the decimals of their currency: check" in err
    assert "LOOK at total: whole numbers read as minor units" in proposed(several).text


@pytest.mark.parametrize("key", ["total_cents", "totalInCents", "total_minor", "TotalPence"])
def test_an_amount_in_cents_is_named_as_what_it_becomes_and_is_the_total(key: str) -> None:
    made = proposed([{"id": number, "created_at": "2024-01-02", key: 12346} for number in range(3)])
    assert made.proposal.total == "total"


def test_an_amount_in_cents_keeps_its_key_where_the_name_is_another_fields() -> None:
    made = proposed([{"id": number, "created_at": "2024-01-02", "total_cents": 100, "total": 1.5} for number in (1, 2)])
    assert {"total", "total_cents"} <= made.column.keys()
    assert made.proposal.total == "total"


def test_a_rate_per_cent_is_not_divided() -> None:
    made = proposed([{"id": number, "created_at": "2024-01-02", "discount_per_cent": 10} for number in (1, 2)])
    assert made.column["discount_per_cent"].minor_units is None


@pytest.mark.parametrize("name", ["amazon_items", "commercetools", "stripe_invoice", "dynamodb_export"])
def test_a_currency_is_taken_wherever_the_amount_beside_it_is(name: str) -> None:
    for table in payload(name).proposal.tables:
        amounts = {id(c.field.parent) for c in table.columns if c.field and c.is_taken and c.type == "decimal"}
        beside = [c for c in table.columns if c.field and id(c.field.parent) in amounts and c.field.node.currency_texts]
        assert [c.name for c in beside if not c.is_taken] == []


def test_the_currencies_of_two_payloads_are_taken_with_their_amounts() -> None:
    amazon, commercetools = payload("amazon_items"), payload("commercetools")
    assert {"buyer_info_gift_wrap_price", "buyer_info_gift_wrap_price_currency_code"} <= amazon.column.keys()
    assert {"price_value", "price_value_currency_code"} <= commercetools.column.keys()


# What is said is true


def test_a_field_that_would_identify_documents_is_named_where_no_key_is_like_an_identity() -> None:
    made = proposed([{"Bestell-Nr": f"B{number}", "order_date": "2024-01-02", "n": 1} for number in range(30)])
    assert made.proposal.reasons["identity"] == (
        "no key is named like an identity; `Bestell-Nr` is in every document and different in each"
    )
    alike = proposed([{"Bestell-Nr": "B", "order_date": "2024-01-02", "n": 1} for _ in range(30)])
    assert alike.proposal.reasons["identity"] == "no field is in every document and different in each"


def test_a_date_whose_day_and_month_cannot_be_told_apart_is_said_to_be_one() -> None:
    made = proposed([{"id": number, "orderDate": f"0{number}/02/2024"} for number in range(1, 9)])
    assert made.proposal.reasons["date"] == (
        "`orderDate` is a date in every document, and day and month cannot be told apart: "
        "the file's own last-modified time chooses the month"
    )


def test_a_date_that_no_load_takes_is_said_to_be_too_far_ahead() -> None:
    made = proposed([{"id": number, "order_date": "9999-12-31"} for number in range(1, 9)])
    assert "`order_date` is a date in every document, and some are after 2027" in made.proposal.reasons["date"]


@pytest.mark.parametrize("of", [{"customer_created_at": "2020-01-02"}, {"customer": {"created_at": "2020-01-02"}}])
def test_a_date_of_the_customer_is_no_date_of_the_document_and_not_offered_as_one(of: dict[str, Any]) -> None:
    made = proposed([{"id": number, "total": 1.5, **of} for number in range(1, 9)])
    assert made.contract.date == "source_modified_at"
    assert "no date is by its name the document's own" in made.proposal.reasons["date"]
    assert not any("customer" in look for look in made.proposal.looks)
    dated = proposed([{"id": number, "order_date": "2024-01-02", **of} for number in range(1, 9)])
    assert dated.proposal.reasons["date"] == "order_date: in every document"


@pytest.mark.parametrize("elements", [[{"x": 1, "y": "b"}], [{"x": 1}, "text"]])
def test_a_list_whose_elements_make_no_rows_is_named(
    elements: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = [order(number, remarks=elements) for number in range(3)]
    assert (
        "look: lists: remarks[] has elements that make no rows: it stays in extra_fields"
        in (said(tmp_path, capsys, several)[1])
    )
    assert "LOOK: lists: remarks[] has elements" in proposed(several).text


# How many lines are marked, and counts of one


def test_how_many_lines_are_marked_and_of_which_columns_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = [order(number, total=12346, tax=946, remarks=[{"x": 1}]) for number in range(30)]
    err = said(tmp_path, capsys, several)[1]
    assert "3 lines are marked LOOK: lists, total, tax\n" in err
    assert len(re.findall("LOOK(?: at|:)", proposed(several).text)) == 3


def test_counts_of_one_are_said_in_the_singular(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = {**order(1), "total_amount": 1.5, "tags": ["a"], "lines": [{"sku": "a", "qty": 1, "price": 2.5}]}
    err = said(tmp_path, capsys, [one])[1]
    text = proposed([one]).text
    assert err.startswith("1 document\n")
    assert "shop_raw: 1 row\n" in err
    assert "1 column is commented out in the contract, and its fields stay" in err
    assert "up to 1 digit and 1 decimal" in text
    assert "lines[]: 1 element in 1 document." in text
    assert re.findall(r"\b1 (?:documents|elements|decimals|digits|columns|tables|rows|lines)\b", err + text) == []


def test_a_customers_id_never_identifies_a_document() -> None:
    several = [order(number, customer={"id": number}) for number in range(40)]
    for each in several[::4]:
        del each["order_id"]
    made = proposed(lines(*several))
    assert made.contract.identity == ("source_key", "record_number")
    assert any("(order_id is in 30 of 40 documents, different in each)" in look for look in made.proposal.looks)


@pytest.mark.parametrize("fault", ["none", ["x"]])
def test_a_list_of_lines_makes_the_rows_though_one_document_has_none(
    fault: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = [order(number, items=[{"sku": "a", "qty": 1, "price": 2.5}]) for number in range(60)]
    several[7]["items"] = fault
    assert proposed(lines(*several)).rows == "items[]"
    err = said(tmp_path, capsys, several)[1]
    assert "look: rows: items[] holds objects but for 1 other value: documents with such are rejected" in err
    assert "60 read, 59 loaded, 1 rejected" in err


@pytest.mark.parametrize(
    ("date", "pattern"), [("{day:02}/{month:02}/2024", "%d/%m/%Y"), ("{month}-{day}-2024 10:11", "%m-%d-%Y %H:%M")]
)
def test_dates_that_can_be_read_in_but_one_way_settle_those_that_cannot(date: str, pattern: str) -> None:
    days = [{"day": number % 28 + 1, "month": number % 12 + 1} for number in range(60)]
    several = [order(number, order_date=date.format(**of)) for number, of in enumerate(days)]
    made = proposed(lines(*several))
    assert (made.contract.date, made.column["order_date"].formats) == ("order_date", (Strptime(pattern),))
    (look,) = (column.look for _, column in made.proposal.looked_at())
    assert "others could be read either way" in look
    assert "no offset in 60 of 60" in look
    assert refused(made.contract, made.documents) == []


def test_one_date_too_far_ahead_leaves_the_date_to_the_other_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = [order(number) for number in range(60)]
    several[7]["order_date"] = "9999-12-31T00:00:00Z"
    assert proposed(lines(*several)).contract.date == "order_date"
    err = said(tmp_path, capsys, several)[1]
    assert "in 1 of 60 documents, which no load takes: rejected" in err
    assert "60 read, 59 loaded, 1 rejected" in err


def test_an_object_that_a_few_documents_have_as_a_text_is_said_to_give_no_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    several = [order(number, customer={"id": number}) for number in range(60)]
    several[7]["customer"] = "guest"
    status, err = said(tmp_path, capsys, several)
    assert "look at customer: an object in 59 of 60: its fields are no columns" in err
    assert status == 0
