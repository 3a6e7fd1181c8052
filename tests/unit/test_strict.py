"""The strict decoder: what an order becomes, and the path and the reason of each refusal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.flatten.flattener import Lineage
from chalicelib.flatten.json_text import MAX_DEPTH, RejectedDocument
from chalicelib.flatten.observations import Observations
from chalicelib.flatten.strict import StrictDecoder, read_columns
from chalicelib.flatten.unnamed import MOST_NEAR_MISSES
from chalicelib.flatten.values import MAX_ROWS_BYTES, ROW_BYTES
from tests.contracts import ORDERS

LINEAGE = Lineage("o.json", "v", datetime(2024, 2, 29, 12, 30, tzinfo=UTC))
DECODER = StrictDecoder(ORDERS, LINEAGE.latest_document_ms)
BEGIN = '{"order_id":1,"order_date":"2024-01-02"'


def order(fields: str = "", begin: str = BEGIN) -> dict[str, Any]:
    """Decode an order and return its values by name, with its rows as `lines`, and the `extra` of its first row."""
    (rows,) = DECODER.decode((begin + fields + "}").encode()).tables
    names = [column.name for column in read_columns(ORDERS.main)]
    made = [dict(zip(names, row, strict=True)) for row in rows]
    lines = [row | {"extra": row["extra_fields"]} for row in made if row["line_number"] is not None]
    return made[0] | {"lines": lines, "extra": made[0]["extra_fields"]}


def refusal(fields: str = "", begin: str = BEGIN, end: str = "}") -> tuple[str, str]:
    """Return the path and the reason for which an order is rejected."""
    with pytest.raises(RejectedDocument) as rejected:
        DECODER.decode((begin + fields + end).encode())
    return rejected.value.path, rejected.value.reason


def test_a_whole_order_fills_every_column() -> None:
    result = order(
        ',"total_amount":30.5,"customer":{"customer_id":"007","name":"Ann","email":"a@x","address":"Main St"},'
        '"products":[{"product_id":12,"name":"Pen","category":"Office","price":"1.25","quantity":2.0},{"price":3}]'
    )
    assert (result["order_id"], result["total_amount"], result["customer_id"]) == ("1", 305000, "007")
    assert (result["customer_name"], result["customer_email"], result["customer_address"]) == ("Ann", "a@x", "Main St")
    pen, other = result["lines"]
    assert (pen["product_id"], pen["product_name"], pen["product_category"]) == ("12", "Pen", "Office")
    assert (pen["price"], pen["quantity"], pen["line_amount"]) == (12500, 2, 25000)
    assert (other["price"], other["quantity"], other["line_amount"], other["product_id"]) == (30000, None, None, None)
    assert result["extra"] is None


@pytest.mark.parametrize(
    "fields",
    [
        "",
        ',"customer":""',
        ',"customer":[]',
        ',"customer":null',
        ',"customer":{}',
        ',"products":null',
        ',"products":[]',
    ],
)
def test_what_is_merely_missing_is_null(fields: str) -> None:
    result = order(fields)
    assert [result[name] for name in ("total_amount", "customer_id", "customer_name", "lines")] == [
        None,
        None,
        None,
        [],
    ]


def test_null_missing_empty_and_zero_are_told_apart() -> None:
    result = order(',"total_amount":0,"customer":{"customer_id":"","name":"","email":null}')
    assert (result["total_amount"], result["customer_id"], result["customer_name"]) == (0, "", "")
    assert result["customer_email"] is None


@pytest.mark.parametrize("column", ["order_id", "order_date"])
def test_a_required_value_that_is_missing_null_or_empty_rejects_the_order(column: str) -> None:
    whole = {"order_id": 1, "order_date": "2024-01-02"}
    path, reason = refusal(begin=json.dumps({k: v for k, v in whole.items() if k != column})[:-1])
    assert path == column
    assert reason.partition(";")[0] == f"missing: a document needs its {column}"
    assert refusal(begin=json.dumps(whole | {column: None})[:-1]) == (column, f"null: a document needs its {column}")
    path, reason = refusal(begin=json.dumps(whole | {column: ""})[:-1])
    assert path == column
    assert reason.startswith(("empty: a document needs its", "'' is not an ISO 8601 date"))


@pytest.mark.parametrize(
    ("sent", "hint"),
    [
        ("{}", ", and this object is empty"),
        ('{"a":1}', "; its key is 'a'"),
        (json.dumps(dict.fromkeys("abcdefgh")), "; its keys are 'a', 'b', 'c', 'd', 'e' and 3 more"),
        ('{"data":[]}', "; its key is 'data'"),
        ('{"data":[1]}', "; its key is 'data'"),
        ('{"products":[{"price":1}]}', "; its key is 'products'"),
        (
            '{"n":2,"data":[{"order_id":1},{}]}',
            "; its keys are 'n', 'data'; its key 'data' holds an array of 2 objects: name it in records",
        ),
        (
            '{"0":{"order_id":1},"1":{"order_id":2}}',
            "; its keys are '0', '1', each of which holds an object: send them as an array",
        ),
        (
            '{"order":{"order_id":1}}',
            "; its key is 'order', which holds an object: name it in at, or send that object alone",
        ),
    ],
)
def test_a_document_without_its_identity_is_rejected_with_what_it_holds_instead(sent: str, hint: str) -> None:
    assert refusal(begin=sent, end="") == ("order_id", f"missing: a document needs its order_id{hint}")


def test_keys_in_a_reason_are_printable_and_short() -> None:
    sent = json.dumps({"\n\u202e\x1b[0m": 1, "k" * 10_000: 2})
    _, reason = refusal(begin=sent, end="")
    assert reason.isprintable()
    assert len(reason) < 150


def test_keys_that_are_nearly_the_contracts_are_remembered_a_few_of_them() -> None:
    observations = Observations()
    decoder = StrictDecoder(ORDERS, LINEAGE.latest_document_ms, observations)
    fields = '"Customer":1,"customer":{"customer-id":1,"NAME ":2,"note":3},"total\u200bAmount":4,"x":{"order_id":1}'
    decoder.decode(f"{BEGIN},{fields}}}".encode())
    assert observations.near_misses == {
        "Customer": "customer",
        "customer.customer-id": "customer.customer_id",
        "customer.NAME ": "customer.name",
        "total\u200bAmount": "total_amount",
    }
    many = ",".join(f'"{" " * i}ORDER_ID":{i}' for i in range(99))
    decoder.decode(f"{BEGIN},{many}}}".encode())
    assert len(observations.near_misses) == MOST_NEAR_MISSES


@pytest.mark.parametrize(
    ("fields", "path", "reason"),
    [
        (',"total_amount":true', "total_amount", "expected a number, found true"),
        (',"total_amount":"x"', "total_amount", "'x' is not a finite number"),
        (',"total_amount":1.23456', "total_amount", "1.23456 has more than 4 decimals: round it"),
        (',"customer":[1]', "customer", "expected an object, found an array"),
        (',"customer":"Ann"', "customer", "expected an object, found the text 'Ann'"),
        (',"customer":{"name":{}}', "customer.name", "expected text, found an object"),
        (',"customer":{"customer_id":1.5}', "customer.customer_id", "1.5 is not an integer: send text or an integer"),
        (',"products":{}', "products", "expected an array, found an object"),
        (',"products":"none"', "products", "expected an array, found the text 'none'"),
        (',"products":[{},7]', "products[1]", "expected an object, found the number 7"),
        (',"products":[[1]]', "products[0]", "expected an object, found an array"),
        (',"products":[{},{"price":[1]}]', "products[1].price", "expected a number, found an array"),
        (',"products":[{"quantity":2.5}]', "products[0].quantity", "2.5 is not a whole number: send an integer"),
        (',"x":1,"x":2', "x", "the key appears twice in one object: send one of the values"),
        (',"customer":{"name":"a","name":"a"}', "customer.name", "the key appears twice in one object"),
        (',"products":[{"a":1,"a":2}]', "products[0].a", "the key appears twice in one object"),
        (',"x":[{"y":{"a b":1,"a b":2}}]', 'x["a b"]', "the key appears twice in one object"),
        (',"customer":{"name":"\\ud800"}', "customer.name", "the text holds half of a surrogate pair"),
        (',"x":NaN', "x", "NaN is not JSON: send a number, text or null"),
        (
            ',"total_amount":-Infinity',
            "total_amount",
            "expected a number, found -Infinity, which is not a finite number",
        ),
        (',"products":[{"price":99999999,"quantity":99999999}]', "products[0]", "price × quantity is too large"),
    ],
)
def test_a_refusal_names_the_path_and_the_reason(fields: str, path: str, reason: str) -> None:
    result = refusal(fields)
    assert result[0] == path
    assert result[1].startswith(reason)


@pytest.mark.parametrize("record", ["null", "1", "-1.5", '"text"', "true", "[]", '[{"order_id":1}]'])
def test_what_is_no_object_is_no_order(record: str) -> None:
    path, reason = refusal(begin=record, end="")
    assert path == ""
    assert reason.startswith("expected a JSON object, found ")


def test_a_null_before_or_after_drops_nothing_but_a_value_twice_would() -> None:
    assert order(',"total_amount":null,"total_amount":5')["total_amount"] == 50000
    assert order(',"x":null,"x":5')["extra"] == '{"x":5}'
    assert refusal(',"total_amount":5,"total_amount":null')[0] == "total_amount"


LATEST = "2025-02-28T12:30:00Z"


@pytest.mark.parametrize("date", ["2000-01-01", "1999-12-31T23:00:00-01:00", LATEST, "2025-02-28T13:30:00+01:00"])
def test_dates_from_the_year_2000_to_a_year_after_the_file_are_taken(date: str) -> None:
    assert order(begin=f'{{"order_id":1,"order_date":"{date}"')["order_date"] is not None


@pytest.mark.parametrize("date", ["1999-12-31T23:59:59.999Z", "2000-01-01T00:00:00+00:01", "2025-02-28T12:30:00.001Z"])
def test_dates_out_of_range_are_rejected_with_the_range(date: str) -> None:
    path, reason = refusal(begin=f'{{"order_id":1,"order_date":"{date}"')
    assert path == "order_date"
    assert "is out of range: send a date from 2000-01-01 to 2025-02-28" in reason


def test_every_unknown_field_is_kept_under_its_json_path() -> None:
    result = order(
        ',"currency":"EUR","a b":1,"a.b":2,"":3,"customer":{"vip":true,"tags":[1.50,"x",{"k":null}]},'
        '"products":[{"sku":"S","x":null},{}],"note":null,"deep":{"b":[],"c":{}}'
    )
    shared = {'["a b"]': 1, '["a.b"]': 2, '[""]': 3, "customer.vip": True, "customer.tags": [1.5, "x", {"k": None}]}
    shared |= {"currency": "EUR", "note": None, "deep": {"b": [], "c": {}}}
    first, second = (json.loads(line["extra"]) for line in result["lines"])
    assert first == shared | {"products[].sku": "S", "products[].x": None}
    assert second == shared
    assert '"customer.tags":[1.50,"x",{"k":null}]' in result["lines"][0]["extra"]


def test_extra_fields_of_an_order_without_lines_are_kept_on_its_one_row() -> None:
    assert order(',"x":1')["extra"] == '{"x":1}'


def test_text_in_extra_fields_survives_whatever_it_holds() -> None:
    for text in ('"\\ud800"', '"\\u0000\\n\\"\\\\"', '"é😀\u2028"', '"\ufffe"'):
        result = json.loads(order(f',"x":{text}')["extra"] or "")
        assert result["x"] == json.loads(text)
    assert json.loads(order(',"\\ud800":1')["extra"] or "") == {"\ud800": 1}


def test_an_address_that_is_an_object_is_compact_json_with_the_digits_that_were_sent() -> None:
    address = '{ "street" : "Main St", "zip" : 01E , "geo": [1.10, -2e0] }'.replace("01E", "1E0")
    result = order(f',"customer":{{"address": {address}}}')
    assert result["customer_address"] == '{"street":"Main St","zip":1E0,"geo":[1.10,-2e0]}'
    assert order(',"customer":{"address":12.50}')["customer_address"] == "12.50"
    assert order(',"customer":{"address":[]}')["customer_address"] == "[]"


@pytest.mark.parametrize("around", [',"x":%s', ',"customer":{"address":%s}', ',"products":[{"x":%s}]'])
def test_nesting_is_taken_to_its_limit_and_rejected_beyond(around: str) -> None:
    order(around % ("[" * MAX_DEPTH + "]" * MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 900, 100_000):
        for opened, closed in (("[", "]"), ('{"a":', "}")):
            path, reason = refusal(around % (opened * depth + ("1" if closed == "}" else "") + closed * depth))
            assert reason == f"nested deeper than {MAX_DEPTH} levels: send a flatter document"
            assert path in ("", "x", "customer.address", "products[0].x")


def test_line_amounts_are_exact() -> None:
    lines = order(
        ',"products":[{"price":0.1,"quantity":3},{"price":99999999999999.9999,"quantity":1},{"price":0.0001,"quantity":-7}]'
    )["lines"]
    assert [line["line_amount"] for line in lines] == [3000, 10**18 - 1, -7]


@pytest.mark.parametrize("field", ['"customer":{"name":"%s"}', '"unknown":"%s"', '"total_amount":1,"order_note":"%s"'])
def test_an_order_whose_rows_would_fill_the_memory_is_rejected(field: str) -> None:
    text = field % ("é" * 50_000)
    few = ",".join(["{}"] * 100)
    many = ",".join(["{}"] * (MAX_ROWS_BYTES // 100_000 + 1))
    assert len(order(f',{text},"products":[{few}]')["lines"]) == 100
    path, reason = refusal(f',{text},"products":[{many}]')
    assert path == "products[]"
    assert "since each repeats the document's texts: split the document" in reason


def test_of_elements_that_are_too_many_none_is_read() -> None:
    broken = '{"price":"x"}'
    many = ",".join([broken] + ["{}"] * (MAX_ROWS_BYTES // ROW_BYTES))
    path, reason = refusal(f',"products":[{many}]')
    assert path == "products[]"
    assert "split the document" in reason
    few = ",".join([broken] + ["{}"] * 1000)
    assert refusal(f',"products":[{few}]')[0] == "products[0].price"
