"""The command that proposes a contract: what it reads, writes, says and how it ends; and that its memory is bounded."""

from __future__ import annotations

import gzip
import io
import json
import random
import sys
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlglot

from chalicelib.contracts.column_types import Type
from chalicelib.contracts.reading import read, read_text
from chalicelib.propose import head, json_schema
from chalicelib.propose.__main__ import main
from chalicelib.propose.contract_text import written
from chalicelib.propose.layout import Layout
from chalicelib.propose.names import Names, singular, snake_case
from chalicelib.propose.node import nodes
from chalicelib.propose.profile import MOST_NODES, Profile
from chalicelib.propose.recognition import propose
from chalicelib.propose.sample import HEAD_BYTES
from chalicelib.propose.scalars import date_of_text, digits
from chalicelib.propose.words import words
from chalicelib.queries import saved
from tests.unit.proposing import PAYLOADS, lines, payload, proposed

ORDER = {"id": 1, "created_at": "2024-01-02T00:00:00Z", "total": 5.5, "items": [{"sku": "a", "qty": 1, "price": 5.5}]}


def order(number: int, **more: Any) -> dict[str, Any]:
    return {**ORDER, "id": number, **more}


# The command


def test_a_contract_its_sample_and_its_queries_are_written_into_its_folder(tmp_path: Path) -> None:
    target = tmp_path / "shop" / "contract.toml"
    assert main([str(PAYLOADS / "woocommerce.json"), "-o", str(target), "--name", "shop"]) == 0
    contract = read(target)
    assert (contract.name, contract.main.name) == ("shop", "shop_raw")
    assert len(json.loads((target.parent / "sample.json").read_text())) == 3
    queries = {path.stem for path in (target.parent / "queries").iterdir()}
    names = ("preview", "by_month", "by_party", "top_items", "lines_of", "total_mismatches")
    assert queries == {f"shop_{name}" for name in names}


def test_the_contract_goes_to_standard_output_and_what_is_said_to_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([str(PAYLOADS / "woocommerce.json")]) == 0
    out, err = capsys.readouterr()
    assert tomllib.loads(out)["document"]["identity"] == "id"
    assert "rows: line_items[]" in err
    assert "identity: id (id: in every document, different in each)" in err


def test_the_name_is_that_of_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "My Orders-2024.json.gz"
    source.write_bytes(gzip.compress(json.dumps([ORDER]).encode()))
    assert main([str(source)]) == 0
    assert "[tables.my_orders_2024_raw]" in capsys.readouterr().out


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines(ORDER, order(2)))))
    assert main(["-", "--name", "piped"]) == 0
    assert "[tables.piped_raw]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words_said"),
    [
        ("firebase_map", "cannot be expressed: the documents are a map keyed by id"),
        ("shopify_bulk", "cannot be expressed: header and lines are separate records"),
        ("odoo", "cannot be expressed: the lines are ids only"),
        ("bigcommerce", "cannot be expressed: the lines are behind a link"),
    ],
)
def test_what_cannot_be_expressed_ends_with_1(name: str, words_said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(next(PAYLOADS.glob(f"{name}.*")))]) == 1
    out, err = capsys.readouterr()
    assert words_said in err
    assert bool(out) == (name in ("odoo", "bigcommerce")), "a contract is written where one reads the documents"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file holds nothing"),
        (b"[]", "there is no document in it"),
        (b"[1, 2]", "there is no document in it"),
        (b'[{"id": 1}, {"id": 2', "the text ends in the middle of a value"),
        (b"PK\x03\x04 and more", "a zip archive"),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_1_and_says_why(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "orders.json"
    source.write_bytes(content)
    assert main([str(source)]) == 1
    out, err = capsys.readouterr()
    assert (out, said in err) == ("", True), err


def test_a_file_that_is_not_there_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["/nowhere/orders.json"]) == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["x.json", "--name", "My Orders"], ["x.json", "-o", "/tmp"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_records_that_would_be_rejected_are_counted_and_end_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "orders.ndjson"
    source.write_bytes(lines(ORDER) + b"{oops\n" + lines(order(2)))
    assert main([str(source)]) == 1
    out, err = capsys.readouterr()
    assert "1 of 3 records were not read" in err
    assert "not read: the line is not JSON" in err
    assert "[tables.orders_raw]" in out


def test_files_that_are_there_stay_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "contract.toml"
    (tmp_path / "sample.json").write_text("mine")
    assert main([str(PAYLOADS / "woocommerce.json"), "-o", str(target)]) == 0
    assert (tmp_path / "sample.json").read_text() == "mine"
    assert "sample.json is there already, and stays as it is" in capsys.readouterr().err


def test_the_queries_are_sql() -> None:
    for name in ("woocommerce", "stripe_invoice", "amazon_orders", "mongodb_relaxed"):
        for text in payload(name).queries.values():
            query = saved.parse("q", text.replace("${table}", '"a"."b"'))
            assert sqlglot.parse_one(query.bind({p.name: p.example for p in query.parameters}).sql, dialect="athena")


def test_the_example_of_the_docs_is_what_the_command_says(capsys: pytest.CaptureFixture[str]) -> None:
    docs = (PAYLOADS.parents[1] / "docs" / "propose.md").read_text("utf-8")
    assert main([str(PAYLOADS / "woocommerce.json"), "--name", "shop"]) == 0
    out, err = capsys.readouterr()
    assert err in docs
    columns = docs.split("```toml\n")[1].split("```")[0].splitlines()
    assert [line for line in columns if line not in out.splitlines()] == []


# Files of any size


def test_the_array_is_found_in_an_object_that_is_longer_than_the_head(tmp_path: Path) -> None:
    filler = "x" * 1000
    orders = [order(number, note=filler) for number in range(2 * HEAD_BYTES // 1000)]
    made = proposed({"page": 1, "payload": {"Orders": orders, "next": None}}, max_record_bytes=100_000)
    assert made.layout == Layout(("payload", "Orders"))
    assert made.proposal.documents == len(orders)


def test_every_document_of_every_page_is_read() -> None:
    made = proposed(lines({"orders": [order(1), order(2)]}, {"orders": []}, {"orders": [order(3)]}, order(4)))
    assert made.layout == Layout(("orders",))
    assert made.proposal.documents == 4


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_beginning_is_closed_wherever_it_is_cut(cut: int) -> None:
    text = b'{"a": [1, {"b\\"": "c"}, null], "d": {"e": [{"f": -1.5e3}]}}'
    found = head.read(text[:cut])
    assert found is None or isinstance(found.value, dict)
    whole = head.read(text + b" and more")
    assert whole is not None
    assert (whole.is_whole, whole.value["a"][1]) == (True, {'b"': "c"})


def test_memory_is_bounded_whatever_the_keys_are() -> None:
    profile = Profile()
    numbers = random.Random(7)
    for number in range(3000):
        wide = {f"key{numbers.random()}": {f"below{numbers.random()}": number} for _ in range(20)}
        profile.add({"id": number, "wide": wide, **{f"field{numbers.random()}": 1 for _ in range(20)}})
    assert sum(1 for _ in nodes(profile.root)) <= MOST_NODES
    assert profile.root.children["id"].present == 3000
    assert profile.root.children["wide"].is_map
    assert all(len(node.distinct) <= node.most_distinct for node in nodes(profile.root))
    assert profile.left_out > 0
    made = written(propose(profile, None, Layout(), "shop"))
    assert read_text(made, "shop").identity == ("id",)
    assert len(made) < 1_000_000
    assert "# LOOK: paths: " in made
    assert "are too many, too deep or too long to be listed" in made


def test_a_document_as_deep_as_it_likes_is_profiled_to_a_depth() -> None:
    document: Any = 1
    for _ in range(200):
        document = {"a": [document]}
    made = proposed(lines({"id": 1, "deep": document}))
    assert made.contract.identity == ("id",)


def test_a_contract_of_very_many_paths_is_still_read() -> None:
    wide = {
        f"a_rather_long_name_of_a_field_number_{number}": {"amount": number, "currency": "EUR"}
        for number in range(2500)
    }
    made = proposed([{"id": 1, "created_at": "2024-01-02", **wide}])
    assert len(made.text) < 1_000_000
    assert made.contract.identity == ("id",)


@pytest.mark.parametrize(
    ("number", "whole", "decimals", "noisy"),
    [
        (0, 1, 0, False),
        (999_999_999_999_999, 15, 0, False),
        (-1000, 4, 0, False),
        (Decimal("12.50"), 2, 1, False),
        (Decimal("0.30000000000000004"), 1, 1, True),
        (Decimal("0.000000000000000001"), 1, 18, False),
        (Decimal("1e300"), 301, 0, False),
        (Decimal("1E-400"), 1, 400, False),
    ],
)
def test_the_length_of_a_number(number: int | Decimal, whole: int, decimals: int, noisy: bool) -> None:
    assert digits(number) == (whole, decimals, noisy)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("2024-02-03", ("iso date", "9999-99-99", 2024)),
        ("2024-02-03T04:05:06.123Z", ("iso", "9999-99-99T99:99:99.999Z", 2024)),
        ("2024-02-03 04:05", ("iso local", "9999-99-99 99:99", 2024)),
        ("Wed, 10 Jan 2018 21:05:30 +0000", ("rfc2822", "Aaa, 99 Aaa 9999 99:99:99 +9999", 2018)),
        ("/Date(1518685950940+0000)/", ("dotnet", "/Aaaa(9999999999999+9999)/", 2018)),
        ("31.12.2024", ("%d.%m.%Y", "99.99.9999", 2024)),
        ("12/31/2024 10:11:12", ("%m/%d/%Y %H:%M:%S", "99/99/9999 99:99:99", 2024)),
        ("2024-13-01", None),
        ("Ada Lovelace", None),
        ("+49 171 1234567", None),
    ],
)
def test_the_shape_of_a_date(text: str, shape: tuple[str, str, int] | None) -> None:
    assert date_of_text(text) == shape


# Names


def test_keys_become_names() -> None:
    names = {
        key: snake_case(key) for key in ("AmazonOrderId", "SellerSKU", "ip_address_v6", "Größe", "a.b c", "ISPUOrder")
    }
    assert names == {
        "AmazonOrderId": "amazon_order_id",
        "SellerSKU": "seller_sku",
        "ip_address_v6": "ip_address_v6",
        "Größe": "grosse",
        "a.b c": "a_b_c",
        "ISPUOrder": "ispu_order",
    }


def test_a_name_that_is_used_or_reserved_gets_another() -> None:
    names = Names(("id",))
    assert [names.name(each) for each in ("id", "id", "order", "2nd", "日本")] == [
        "id_2",
        "id_3",
        "order_value",
        "field_2nd",
        "field",
    ]
    assert names.name("id", "line_id") == "line_id"


def test_one_of_many_is_named() -> None:
    many = ("line_items", "taxes", "entries", "addresses", "status", "boxes", "branches")
    assert [singular(each) for each in many] == ["line_item", "tax", "entry", "address", "status", "box", "branch"]


def test_keys_are_made_of_words() -> None:
    assert words("AmazonOrderId") == ("amazon", "order", "id")
    assert words("SellerSKU") == ("seller", "sku")
    assert words("date_paid_gmt") == ("date", "paid", "gmt")


# JSON Schema

SCHEMA = {
    "type": "array",
    "items": {"$ref": "#/$defs/order"},
    "$defs": {
        "money": {"type": "number", "multipleOf": 0.01},
        "order": {
            "type": "object",
            "required": ["order_id", "created_at", "items"],
            "properties": {
                "order_id": {"type": "string"},
                "created_at": {"type": "string", "format": "date-time"},
                "birthday": {"type": ["string", "null"], "format": "date"},
                "currency": {"enum": ["EUR", "USD"]},
                "total": {"$ref": "#/$defs/money"},
                "is_paid": {"type": "boolean"},
                "parent": {"anyOf": [{"$ref": "#/$defs/order"}, {"type": "null"}]},
                "items": {
                    "type": "array",
                    "items": {
                        "allOf": [
                            {"type": "object", "properties": {"sku": {"type": "string"}}},
                            {"properties": {"quantity": {"type": "integer"}, "price": {"$ref": "#/$defs/money"}}},
                        ]
                    },
                },
            },
        },
    },
}


def test_a_json_schema_becomes_a_contract(tmp_path: Path) -> None:
    source, target = tmp_path / "order.schema.json", tmp_path / "order" / "contract.toml"
    source.write_text(json.dumps(SCHEMA))
    assert main([str(source), "--schema", "-o", str(target)]) == 0
    contract = read(target)
    assert (contract.identity, contract.date, str(contract.main.rows)) == (("order_id",), "created_at", "items[]")
    types = {name: column.type for name, column in contract.main.by_name.items()}
    assert types["birthday"] is Type.DATE
    assert types["total"] is Type.DECIMAL
    assert '# is_paid = { path = "is_paid", type = "boolean" }' in target.read_text()
    assert types["quantity"] is Type.INTEGER
    assert contract.main["line_amount"].scale == 4


def test_a_schema_that_describes_no_object_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "schema.json"
    source.write_text('{"type": "string"}')
    assert main([str(source), "--schema"]) == 1
    assert "the schema describes no object" in capsys.readouterr().err


def test_alternatives_that_refer_to_one_another_end() -> None:
    names = [f"s{number}" for number in range(12)]
    every = [{"$ref": f"#/$defs/{name}"} for name in names]
    schemas = {name: {"anyOf": every, "properties": {name: {"type": "string"}}} for name in names}
    assert set(json_schema.profile_of({"anyOf": every, "$defs": schemas}).root.children) == set(names)


def test_a_schema_that_refers_to_itself_ends() -> None:
    profile = json_schema.profile_of(
        {"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"a": {"$ref": "#/$defs/a"}}}}}
    )
    assert profile.documents
