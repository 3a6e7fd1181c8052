"""Contracts that are proposed from shapes that systems send, made up here: one for each way to say the same."""

from __future__ import annotations

import pytest

from chalicelib.contracts.values import CurrencyAt, Dates, DivisorAt, FixedDigits, Nulls, Strptime
from tests.unit.proposed_shapes import ORDER, SHAPES
from tests.unit.proposing import Proposed, lines, proposed, refused


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_recognised_and_loads(name: str) -> None:
    content, expected = SHAPES[name]
    made = proposed(content)
    contract = made.contract
    found = (
        ".".join(made.layout.records),
        ".".join(made.layout.at),
        made.rows,
        ",".join(contract.identity),
        contract.date,
    )
    assert found == expected
    assert refused(contract, made.documents) == []
    assert refused(made.everything, made.documents) == []
    again = proposed(made.sample.encode())
    assert again.layout == made.layout
    assert refused(contract, again.documents) == []


def shape(name: str) -> Proposed:
    return proposed(SHAPES[name][0])


def test_money_of_square_is_in_minor_units_of_its_currency() -> None:
    units = shape("square").column["total_money"].minor_units
    assert isinstance(units, CurrencyAt)
    assert str(units.path) == "total_money.currency"
    line = shape("square").column["base_price_money"].minor_units
    assert isinstance(line, CurrencyAt)
    assert str(line.path) == "line_items[].base_price_money.currency"


def test_an_amount_with_a_divisor_is_divided_by_it() -> None:
    assert isinstance(shape("etsy").column["grandtotal"].minor_units, DivisorAt)


def test_a_divisor_that_is_no_power_of_ten_divides_nothing() -> None:
    made = proposed([{"id": 1, "date": "2024-01-02", "total": {"amount": 500, "divisor": 12, "currency_code": "USD"}}])
    assert made.column["total"].minor_units is None


def test_integers_beside_a_currency_stay_as_sent_and_are_said_to_be_looked_at() -> None:
    made = proposed([{"id": 1, "date": "2024-01-02", "total": 1099, "currency": "USD"}])
    assert made.column["total"].minor_units is None
    assert 'LOOK at total: whole numbers only: if they are cents, add digits = { currency = "currency" }' in made.text


def test_amounts_whose_name_says_cents_are_divided() -> None:
    made = proposed([{"id": 1, "date": "2024-01-02", "total_cents": 1099, "fee_micros": 1_500_000}])
    assert made.column["total"].minor_units == FixedDigits(2)
    assert (made.column["fee"].minor_units, made.column["fee"].scale) == (FixedDigits(6), 6)


def test_one_line_that_is_no_list_is_a_list_of_one() -> None:
    assert [shape(name).contract.main.one_or_many for name in ("xml", "xml, one line", "lightspeed", "square")] == [
        True
    ] * 3 + [False]


def test_keys_with_dots_quotes_and_brackets_are_written_in_quotes_and_their_columns_never_collide() -> None:
    made = shape("keys")
    paths = {name: str(column.paths[0]) for name, column in made.column.items() if column.paths}
    assert paths["order_id"] == '"order.id"'
    assert paths["order_id_2"] == "order_id"
    assert paths["order_date"] == '"order \\"date\\""'
    assert paths["a_b_c_d"] == '"a[b]"."c.d"'
    assert paths["sku_x"] == '"line.items"[]."sku \\"x\\""'
    assert paths["field"] == "日本"


def test_rows_two_lists_deep_come_with_a_table_of_what_encloses_them() -> None:
    made = shape("toast")
    assert [str(table.rows) for table in made.contract.tables] == [
        *("checks[].selections[]", "checks[]", "checks[].payments[]")
    ]
    assert str(getattr(made.column["check_number"].source, "of", "")) == "checks[]"
    assert made.column["quantity"].scale == 4


def test_lines_of_several_kinds_are_said_to_be_looked_at() -> None:
    assert any("2 kinds by their DetailType" in look for look in shape("quickbooks").proposal.looks)


def test_a_reference_is_an_identifier_and_its_name_stays_beside_it() -> None:
    proposal = shape("quickbooks").proposal
    assert (proposal.party, proposal.total) == ("customer_ref_value", "total_amt")


def test_names_of_a_list_of_names_and_values_become_columns_to_take() -> None:
    params = [{"key": "currency", "value": {"string_value": "EUR"}}, {"key": "value", "value": {"double_value": 1.5}}]
    made = proposed(lines(*[{"event_id": f"e{i}", "event_date": "20240105", "event_params": params} for i in range(3)]))
    taken = made.everything.main.by_name["event_params_currency"]
    assert str(taken.paths[0]) == "event_params[key=currency].value.string_value"
    assert "event_params_currency" not in made.contract.main.by_name


def test_a_name_that_may_be_a_persons_is_never_written() -> None:
    people = [{"name": "Ada Lovelace", "value": 1}, {"name": "Ada", "value": 2}, {"name": "ada42", "value": 2}]
    made = proposed(lines(*[{"id": i, "created_at": "2024-01-02", "people": people} for i in range(3)]))
    assert "ada" not in (made.text + made.sample).lower().replace("metadata", "")


def test_keys_that_are_values_are_never_written() -> None:
    documents = [
        {
            "id": i,
            "created_at": "2024-01-02",
            "by_mail": {f"p{i}@example.org": {"n": 1}},
            "by_name": {name: {"n": 1, "m": 2}},
        }
        for i, name in enumerate(("Ada", "Grace", "Edsger", "Alan"))
    ]
    made = proposed(lines(*documents))
    assert not any(name in made.text + made.sample for name in ("Ada", "Grace", "Edsger", "Alan", "example.org"))


def test_false_that_stands_for_none_is_null() -> None:
    made = proposed(
        [{"id": 1, "date": "2024-01-02", "country": False}, {"id": 2, "date": "2024-01-02", "country": "FR"}]
    )
    assert made.column["country"].nulls == Nulls(booleans=frozenset((False,)))


def test_dates_are_recognised_in_all_their_formats() -> None:
    made = proposed(
        [
            {
                "id": number,
                "created_at": "2024-01-02 03:04:05",
                "paid_at": "0000-00-00 00:00:00" if number % 2 else "2024-01-02 03:04:05",
                "shipped_at": f"{number}.12.2024",
                "us": f"{number}/13/2024 10:11",
                "due_date": f"0{number}/02/2024",
                "seen_at": 1710000000123 + number,
                "updated_at": str(1710000000 + number),
                "order_day": 20240100 + number,
                "closed_at": 0 if number % 2 else 1710000000,
            }
            for number in range(1, 5)
        ]
    )
    formats = {name: column.formats for name, column in made.column.items() if column.formats}
    assert formats == {
        "created_at": (Dates.ISO,),
        "paid_at": (Dates.ISO,),
        "shipped_at": (Strptime("%d.%m.%Y"),),
        "us": (Strptime("%m/%d/%Y %H:%M"),),
        "seen_at": (Dates.EPOCH_MILLISECONDS,),
        "updated_at": (Dates.EPOCH_SECONDS,),
        "order_day": (Dates.YYYYMMDD,),
        "closed_at": (Dates.EPOCH_SECONDS,),
    }
    assert "day and month cannot be told apart" in made.text
    assert refused(made.contract, made.documents) == []


def test_numbers_get_the_type_that_keeps_every_digit() -> None:
    made = proposed(
        [
            {
                "id": 1,
                "date": "2024-01-02",
                "price": 0.1 + 0.2,
                "crypto_amount": "0.000000000000000001",
                "big": 10**30,
                "zip": "0123",
            },
            {"id": 2, "date": "2024-01-02", "price": 3, "crypto_amount": "1", "big": 1, "zip": "01234"},
        ]
    )
    types = {name: made.column[name].type.value for name in ("price", "crypto_amount", "big", "zip")}
    assert types == {"price": "decimal", "crypto_amount": "text", "big": "text", "zip": "identifier"}


LIMITS = {
    "the lines are a map keyed by id": [
        {"id": i, "created_at": "2024-01-02", "items": {f"sku-{i}": {"qty": 1, "price": 2.5}}} for i in range(2)
    ],
    "the lines are ids only": [{"id": 1, "created_at": "2024-01-02", "order_lines": [7, 8]}],
    "the lines are behind a link": [{"id": 1, "created_at": "2024-01-02", "line_items": {"href": "/orders/1/lines"}}],
    "the documents are a map keyed by id": {"1001": {**ORDER, "orderId": "1001"}, "1002": {**ORDER, "orderId": "1002"}},
    "header and lines are separate records": lines(
        *[{"rec": "H", "order_no": str(i), "order_date": "2024-01-02", "customer": "c"} for i in range(2)],
        *[{"rec": "L", "order": str(i), "sku": "a", "qty": 1, "price": 5} for i in range(2)],
    ),
}


@pytest.mark.parametrize("words", LIMITS)
def test_what_no_contract_can_express_is_said(words: str) -> None:
    assert [limit[: len(words)] for limit in proposed(LIMITS[words]).proposal.limits] == [words]


def test_lines_that_are_sent_one_by_one_do_not_replace_one_another() -> None:
    made = proposed(
        lines(*[{"order_id": 1, "order_date": "2024-01-02", "sku": s, "qty": 1, "price": 5} for s in "abc"])
    )
    assert made.contract.identity == ("source_key", "record_number")
    assert any("name both" in look for look in made.proposal.looks)


def test_documents_that_come_again_are_said_to_replace_one_another() -> None:
    made = proposed(
        lines(*[{"order_id": 1, "order_date": "2024-01-02", "updated_at": f"2024-01-0{n}"} for n in (2, 3)])
    )
    assert made.contract.identity == ("order_id",)
    assert any("the later replaces the earlier" in look for look in made.proposal.looks)
