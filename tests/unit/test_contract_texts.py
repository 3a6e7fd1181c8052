"""What a contract is written with: paths, currencies, the lines of TOML, names."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from chalicelib.contracts.currencies import MINOR_UNIT_DIGITS
from chalicelib.contracts.paths import Each, Index, Key, Where, parse
from chalicelib.contracts.reading import as_name, read
from chalicelib.contracts.toml_lines import line_of, lines
from tests.contracts import ORDERS_FILE

PATHS = {
    "customer.name": (Key("customer"), Key("name")),
    "checks[].selections[].price": (Key("checks"), Each(), Key("selections"), Each(), Key("price")),
    "prices[0].value": (Key("prices"), Index(0), Key("value")),
    "event_params[key=currency].value.string_value": (
        *(Key("event_params"), Where(("key",), "currency")),
        *(Key("value"), Key("string_value")),
    ),
    '"ship.to".city': (Key("ship.to"), Key("city")),
    '"a \\"quoted\\" [key]"': (Key('a "quoted" [key]'),),
    "_id.$oid": (Key("_id"), Key("$oid")),
    "detail-type": (Key("detail-type"),),
    "a[k.b=5].c": (Key("a"), Where(("k", "b"), "5", Decimal(5)), Key("c")),
    'a["k=1"="x y"]': (Key("a"), Where(("k=1",), "x y")),
    'a[k="5"]': (Key("a"), Where(("k",), "5")),
    "a[k=true]": (Key("a"), Where(("k",), "true", boolean=True)),
    "a[][]": (Key("a"), Each(), Each()),
    '""': (Key(""),),
    "straße.名前": (Key("straße"), Key("名前")),
}


@pytest.mark.parametrize("text", PATHS)
def test_a_path_is_read_step_by_step_and_printed_as_it_was_written(text: str) -> None:
    assert parse(text).steps == PATHS[text]
    assert str(parse(text)) == text


def test_minor_units_of_currencies_are_those_of_iso_4217() -> None:
    expected = {"USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "KWD": 3, "TND": 3, "CLF": 4, "UYW": 4, "ISK": 0, "HUF": 2}
    assert {code: MINOR_UNIT_DIGITS[code] for code in expected} == expected
    assert len(MINOR_UNIT_DIGITS) == 179
    assert all(re.fullmatch("[A-Z]{3}", code) for code in MINOR_UNIT_DIGITS)
    assert not {"XAU", "XXX", "XTS", "XDR"} & MINOR_UNIT_DIGITS.keys()


def test_the_lines_of_a_toml_text_are_found_whatever_it_holds() -> None:
    text = """\
# [not.a.table]
top = 1 # a = 2
'quoted "key"' . inner = \"\"\"
[no] = "header" \\\"""
\"\"\"
[a."b.c"] # here
x = [
  1, # one
  [2, { y = '#', z = "]" }],
]
inline = { k = 2024-01-01 00:00:00, l.m = [ ] }
[[a.list]]
x = 1
[[a.list]]
x = 2
"""
    by_location = lines(text)
    assert by_location[("top",)] == 2
    assert by_location[('quoted "key"', "inner")] == 3
    assert by_location[("a", "b.c")] == 6
    assert by_location[("a", "b.c", "x", 0)] == 8
    assert by_location[("a", "b.c", "x", 1, 1, "z")] == 9
    assert by_location[("a", "b.c", "inline", "l", "m")] == 11
    assert by_location[("a", "list", 0, "x")] == 13
    assert by_location[("a", "list", 1, "x")] == 15
    assert line_of(by_location, ("a", "b.c", "missing", "deeper")) == 6
    assert line_of(by_location, ("nothing",)) is None


@pytest.mark.parametrize(
    ("text", "name"), [("orders", "orders"), ("My Shop", "my_shop"), ("2024", "contract_2024"), ("é", "contract")]
)
def test_a_file_of_any_name_makes_a_contract_with_a_name(text: str, name: str) -> None:
    assert as_name(text) == name


def test_the_name_is_that_of_the_folder_or_the_file(tmp_path: Path) -> None:
    text = ORDERS_FILE.read_text()
    (tmp_path / "shop").mkdir()
    for file in (tmp_path / "shop/contract.toml", tmp_path / "Other Shop.toml"):
        file.write_text(text)
    assert read(tmp_path / "shop/contract.toml").name == "shop"
    assert read(tmp_path / "Other Shop.toml").name == "other_shop"
    assert read(tmp_path / "Other Shop.toml", "mine").name == "mine"


def test_a_file_with_a_byte_order_mark_and_other_line_ends_is_read(tmp_path: Path) -> None:
    file = tmp_path / "shop.toml"
    file.write_bytes(b"\xef\xbb\xbf" + ORDERS_FILE.read_bytes().replace(b"\n", b"\r\n"))
    assert read(file, "orders") == replace(read(ORDERS_FILE), folder=tmp_path)
