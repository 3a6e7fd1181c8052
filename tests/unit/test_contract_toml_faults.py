"""Every fault of a contract.toml is named with its line and its remedy, all at once."""

# ruff: noqa: E501 (one line a fault)

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.contracts.reading import read, read_text
from chalicelib.errors import ContractError

GOOD = """\
description = "Orders."

[document]
records = ["data.orders"]
identity = "order_id"
date = "ordered_at"

[tables.lines]
rows = "lines[]"
latest = "lines_latest"
documents = "orders"

[tables.lines.columns]
order_id = { path = "id", type = "identifier" }
ordered_at = { path = "ordered", type = "timestamp" }
total = { path = "total", type = "decimal" }
sku = { path = "lines[].sku", type = "text" }
price = { path = "lines[].price", type = "decimal", scale = 6 }
quantity = { path = "lines[].quantity", type = "integer" }
amount = { product = ["price", "quantity"] }

[tables.notes]
rows = "notes[].parts[]"

[tables.notes.columns]
part = { path = "notes[].parts[].text", type = "text" }
note_number = { from = "row_number", of = "notes[]" }
"""


def problems(text: str) -> list[str]:
    """Return the faults of a text, none where it is a contract."""
    try:
        read_text(text, "shop")
    except ContractError as error:
        return error.problems
    return []


def changed(old: str, new: str) -> list[str]:
    """Return the faults of the good contract with one text replaced."""
    assert GOOD.count(old) == 1, old
    return problems(GOOD.replace(old, new))


def test_the_contract_that_these_tests_change_is_good() -> None:
    assert problems(GOOD) == []


AT_SKU = "contract.toml:17: tables.lines.columns.sku"
AT_PRICE = "contract.toml:18: tables.lines.columns.price"
AT_DATE = "contract.toml:15: tables.lines.columns.ordered_at"
SKU = 'path = "lines[].sku", type = "text"'
PRICE = 'path = "lines[].price", type = "decimal", scale = 6'
DATE = 'path = "ordered", type = "timestamp"'
FAULTS = {
    "an unknown key at the top": ('description = "Orders."', 'descripton = "x"', "contract.toml:1: descripton: unknown key (did you mean description?): use description, document, tables"),
    "an unknown key of the document": ("records = [", "record = [", "contract.toml:4: document.record: unknown key (did you mean records?)"),
    "an unknown key of a table": ('latest = "', 'lastest = "', "contract.toml:10: tables.lines.lastest: unknown key (did you mean latest?)"),
    "an unknown key of a column": (SKU, f"{SKU}, requierd = true", f"{AT_SKU}.requierd: unknown key (did you mean required?)"),
    "a key in the wrong case": (SKU, f"{SKU}, Required = true", f"{AT_SKU}.Required: unknown key (did you mean required?)"),
    "a column that is a text": ('sku = { path = "lines[].sku", type = "text" }', 'sku = "lines[].sku"', f'{AT_SKU}: is the text \'lines[].sku\': write {{ path = "…", type = "…" }}'),
    "a column without a source": (SKU, 'type = "text"', f"{AT_SKU}: says nothing of where its values come from: give it one of path, outer, from, product"),
    "a misspelt source": (SKU, 'paths = "lines[].sku", type = "text"', f"{AT_SKU}: says nothing of where its values come from (did you mean path?)"),
    "two sources": (SKU, f'{SKU}, from = "month"', f"{AT_SKU}: has path and from: give it one of"),
    "no type": (SKU, 'path = "lines[].sku"', f"{AT_SKU}: has no type: give it one of identifier, text, json, decimal"),
    "a type of other systems": (SKU, 'path = "lines[].sku", type = "varchar"', f"{AT_SKU}.type: is the text 'varchar': no type (did you mean text?): use identifier"),
    "a misspelt type": (SKU, 'path = "lines[].sku", type = "txt"', f"{AT_SKU}.type: is the text 'txt': no type (did you mean text?)"),
    "a decimal as SQL writes it": (PRICE, 'path = "lines[].price", type = "decimal(12,2)"', f'{AT_PRICE}.type: is the text \'decimal(12,2)\': write type = "decimal", scale = 2; the precision is 18'),
    "a type that is no text": (SKU, 'path = "lines[].sku", type = 3', f"{AT_SKU}.type: is the number 3: write one of identifier"),
    "a scale out of range": ("scale = 6", "scale = 10", f"{AT_PRICE}.scale: is the number 10: write a whole number from 0 to 9"),
    "a scale that is no number": ("scale = 6", 'scale = "2"', f"{AT_PRICE}.scale: is the text '2': write a whole number from 0 to 9"),
    "a scale of a text": (SKU, f"{SKU}, scale = 2", f"{AT_SKU}.scale: is for decimal columns, and the column is text: leave it out"),
    "a format of a text": (SKU, f'{SKU}, format = "iso"', f"{AT_SKU}.format: is for dates and timestamps, and the column is text: leave it out"),
    "a path that is none": (SKU, 'path = "lines[].", type = "text"', f"{AT_SKU}.path: 'lines[].' is no path: at character 9 the path ends where a key is due"),
    "a path with a space": (SKU, 'path = "lines[].ship to", type = "text"', f"{AT_SKU}.path: 'lines[].ship to' is no path: at character 13 ' ' follows a step"),
    "one of several paths that is none": (SKU, 'path = ["lines[].sku", "lines["], type = "text"', f"{AT_SKU}.path.1: 'lines[' is no path: at character 7"),
    "a path that is too deep": (SKU, f'path = "{"a." * 100}a", type = "text"', "is no path: at character 200 more than 100 steps begin"),
    "a condition that is too deep": (SKU, f'path = "a[{"a." * 100}a=x]", type = "text"', "is no path: at character 203 a bracket has neither nothing"),
    "the same path twice": (SKU, 'path = ["lines[].sku", "lines[].sku"], type = "text"', f"{AT_SKU}.path: has the path lines[].sku twice: leave one out"),
    "no path at all": (SKU, 'path = [], type = "text"', f"{AT_SKU}.path: is an empty list: write a path as text in quotes"),
    "a path that is a number": (SKU, 'path = 7, type = "text"', f"{AT_SKU}.path: is the number 7: write a path as text in quotes"),
    "required that is no boolean": (SKU, f'{SKU}, required = "yes"', f"{AT_SKU}.required: is the text 'yes': write true or false"),
    "a description that is no text": (SKU, f"{SKU}, description = 1", f"{AT_SKU}.description: is the number 1: write it as text in quotes"),
    "a description of several lines": (SKU, f'{SKU}, description = "a\\nb"', f"{AT_SKU}.description: has a line break or another control character: write it on one line"),
    "a description that Glue does not keep": (SKU, f'{SKU}, description = "{"a" * 256}"', f"{AT_SKU}.description: has 256 characters: Glue keeps at most 255"),
    "null that is no list": (SKU, f'{SKU}, null = ""', f"{AT_SKU}.null: is the text '': write a list of the JSON values that mean NULL"),
    "null without values": (SKU, f"{SKU}, null = []", f"{AT_SKU}.null: is an empty list"),
    "a null that is no scalar": (SKU, f"{SKU}, null = [0, []]", f"{AT_SKU}.null.1: is a list: write a list of the JSON values"),
    "a null that JSON has not": (SKU, f"{SKU}, null = [nan]", f"{AT_SKU}.null.0: is the number NaN"),
    "divide_by that is no power of ten": (PRICE, f"{PRICE}, divide_by = 60", f"{AT_PRICE}.divide_by: is the number 60: write a power of ten such as 100, or the path of one"),
    "divide_by in quotes": (PRICE, f'{PRICE}, divide_by = "100"', f"{AT_PRICE}.divide_by: is the text '100': write the number without quotes"),
    "divide_by of a fraction": (PRICE, f"{PRICE}, divide_by = 0.01", f"{AT_PRICE}.divide_by: is the number 0.01"),
    "divide_by and digits": (PRICE, f"{PRICE}, divide_by = 100, digits = 2", f"{AT_PRICE}.digits: says the same as divide_by: leave one of them out"),
    "digits out of range": (PRICE, f"{PRICE}, digits = -1", f"{AT_PRICE}.digits: is the number -1: write a number from 0 to 18"),
    "digits with another key": (PRICE, f'{PRICE}, digits = {{ curency = "c" }}', f"{AT_PRICE}.digits.curency: unknown key (did you mean currency?)"),
    "digits at another list": (PRICE, f'{PRICE}, digits = "notes[].digits"', f"{AT_PRICE}.digits: 'notes[].digits' steps through notes[], and the rows of the table come from lines[]"),
    "digits of an element for an amount of the document": (PRICE, 'path = "total", type = "decimal", digits = "lines[].digits"', f"{AT_PRICE}.digits: 'lines[].digits' steps through lines[], and the amount does not: name a path beside it"),
    "divide_by of an integer": ('type = "integer"', 'type = "integer", divide_by = 100', "contract.toml:19: tables.lines.columns.quantity.divide_by: is for decimal columns, and the column is integer"),
    "a format that is none": (DATE, f'{DATE}, format = "epoch"', f"{AT_DATE}.format: is the text 'epoch', no format"),
    "a pattern that strptime does not read": (DATE, f'{DATE}, format = ["iso", "%Y-%Q"]', f"{AT_DATE}.format.1: is the text '%Y-%Q': not a pattern that Python's strptime reads back"),
    "a pattern without a year": (DATE, f'{DATE}, format = "%d %B"', f"{AT_DATE}.format: is the text '%d %B': it has no year: add %Y or %y"),
    "a pattern with a directive twice": (DATE, f'{DATE}, format = "%Y-%m-%m"', f"{AT_DATE}.format: is the text '%Y-%m-%m': not a pattern"),
    "an unknown zone": (DATE, f'{DATE}, zone = "Europe/Berlim"', f"{AT_DATE}.zone: is the text 'Europe/Berlim', no time zone of IANA's (did you mean Europe/Berlin?)"),
    "a zone that leads out of the folder": (DATE, f'{DATE}, zone = "../etc/passwd"', f"{AT_DATE}.zone: is the text '../etc/passwd', no time zone"),
    "a zone for epochs": (DATE, f'{DATE}, format = "epoch_seconds", zone = "Europe/Berlin"', f"{AT_DATE}.zone: is the text 'Europe/Berlin', and the formats never lack an offset: leave zone out"),
    "from that is none": (SKU, 'from = "line_number"', f"{AT_SKU}.from: is the text 'line_number'"),
    "from with a type": (SKU, 'from = "month", type = "text"', f'{AT_SKU}.type: follows from "from": leave it out'),
    "of without a row number": (SKU, 'from = "month", of = "lines[]"', f'{AT_SKU}.of: is for columns from = "row_number": leave it out'),
    "the number of a list elsewhere": ('of = "notes[]"', 'of = "lines[]"', "contract.toml:27: tables.notes.columns.note_number.of: is 'lines[]': use one of the lists on the way to the rows, notes[], notes[].parts[]"),
    "a row number without rows": ('rows = "lines[]"\n', "", "contract.toml:16: tables.lines.columns.sku.path: 'lines[].sku' steps through lines[], and the table has one row a document"),
    "a product of one": ('["price", "quantity"]', '["price"]', "contract.toml:20: tables.lines.columns.amount.product: is not a list of two columns' names"),
    "a product of no column": ('["price", "quantity"]', '["pric", "quantity"]', "contract.toml:20: tables.lines.columns.amount.product: names 'pric', no column of the table (did you mean price?)"),
    "a product of a text": ('["price", "quantity"]', '["price", "sku"]', "contract.toml:20: tables.lines.columns.amount.product: names 'sku', which is text: a factor is a decimal or an integer"),
    "a product of itself": ('["price", "quantity"]', '["price", "amount"]', "contract.toml:20: tables.lines.columns.amount.product: names 'amount', which is made of itself in the end: break the circle"),
    "a product with an option": ('["price", "quantity"]', '["price", "quantity"], required = true', "contract.toml:20: tables.lines.columns.amount.required: does not apply to a product"),
    "a name in upper case": ("sku =", "SKU =", "contract.toml:17: tables.lines.columns.SKU: use lower-case letters, digits and underscores, a letter first"),
    "a reserved name": ("sku =", "order =", "contract.toml:17: tables.lines.columns.order: the name is a reserved word of Athena: use another, such as order_value"),
    "a name that is too long": ("sku =", f"{'s' * 256} =", "the name has 256 characters: use at most 255"),
    "a table's name": ("[tables.notes]", '[tables."my notes"]', 'contract.toml:22: tables.my notes: use lower-case letters'),
    "a view's name": ('"lines_latest"', '"Latest"', "contract.toml:10: tables.lines.latest: is the text 'Latest': use lower-case letters"),
    "a view with a table's name": ('"lines_latest"', '"notes"', "contract.toml:10: tables.lines.latest: is 'notes', the name of table notes too: use another"),
    "two views of one name": ('"lines_latest"', '"orders"', "contract.toml:11: tables.lines.documents: is 'orders', the name of view latest of table lines too"),
    "a column of the view of documents": ("total =", "line_total =", "contract.toml:16: tables.lines.columns.line_total: the view orders adds a column of this name: use another"),
    "the name of a column that every table has": ("sku =", "source_key =", 'contract.toml:17: tables.lines.columns.source_key: the table has a column of this name by itself (from = "source_key")'),
    "the name of the identity in another table": ("part =", "order_id =", "contract.toml:26: tables.notes.columns.order_id: the table has a column of this name by itself (the main table's identity or version)"),
    "a lineage column twice": (SKU, 'from = "month" }\nm2 = { from = "month"', "contract.toml:18: tables.lines.columns.m2.from: is 'month', which sku is already: leave one out"),
    "rows without brackets": ('rows = "lines[]"', 'rows = "lines"', "contract.toml:9: tables.lines.rows: is 'lines': it has to end with [], as lines[] does"),
    "rows that are no path": ('rows = "lines[]"', 'rows = ""', "contract.toml:9: tables.lines.rows: '' is no path: at character 1 the path ends"),
    "a column of another list": (SKU, 'path = "items[].sku", type = "text"', f"{AT_SKU}.path: 'items[].sku' steps through items[], and the rows of the table come from lines[]: take one element with [0] or [key=value], or make a table with rows = \"items[]\""),
    "a column below the rows": (SKU, 'path = "lines[].taxes[].rate", type = "text"', f"{AT_SKU}.path: 'lines[].taxes[].rate' steps through lines[].taxes[], and"),
    "a condition in a column": (SKU, 'path = "lines[kind=item][].sku", type = "text"', f"{AT_SKU}.path: 'lines[kind=item][].sku' has a condition before []: only rows have; write lines[].sku"),
    "one_or_many without rows": ('rows = "notes[].parts[]"', "one_or_many = true", "contract.toml:23: tables.notes.one_or_many: is for tables with rows: leave it out"),
    "a value that is an object elsewhere": ('"total", type = "decimal"', '"lines", type = "text"', "contract.toml:16: tables.lines.columns.total.path: 'lines' is a value here and holds others at 'lines[]': make it json, or leave one out"),
    "a list that is an object elsewhere": ('"total", type = "decimal"', '"notes.count", type = "decimal"', "'notes' is a list in 'notes[].parts[]' and an object in 'notes.count': one of the paths is wrong"),
    "no identity": ('identity = "order_id"\n', "", "contract.toml:3: document: identity is missing: write the name of a column in quotes"),
    "an identity that is no column": ('identity = "order_id"', 'identity = "orderid"', "contract.toml:5: document.identity: names 'orderid', no column of the main table lines (did you mean order_id?): declare it there"),
    "an identity of the rows": ('identity = "order_id"', 'identity = "sku"', "contract.toml:5: document.identity: names 'sku', which is read from a list, many times a document"),
    "an identity that is money": ('identity = "order_id"', 'identity = "total"', "contract.toml:5: document.identity: names 'total', which is decimal: declare it as one of identifier, text, integer"),
    "an identity that is a product": ('identity = "order_id"', 'identity = "amount"', "contract.toml:5: document.identity: names 'amount', which is no value of the document"),
    "an identity twice": ('identity = "order_id"', 'identity = ["order_id", "order_id"]', "contract.toml:5: document.identity: names a column twice: leave one out"),
    "an identity that may be missing": ('path = "id", type = "identifier"', 'path = "id", type = "identifier", required = false', "contract.toml:14: tables.lines.columns.order_id.required: is false, and identity and date are always required: leave it out"),
    "a date that is no column": ('date = "ordered_at"', 'date = "ordered"', "contract.toml:6: document.date: names 'ordered', no column of the main table lines (did you mean ordered_at?)"),
    "a date that is a text": ('date = "ordered_at"', 'date = "order_id"', "contract.toml:6: document.date: names 'order_id', which is identifier: declare it as one of date, timestamp"),
    "a date that is lineage": ('date = "ordered_at"', 'date = "record_number"', "contract.toml:6: document.date: names 'record_number', which comes from \"record_number\": name a column that is read at a path"),
    "a version that is a text": ('date = "ordered_at"', 'date = "ordered_at"\nversion = "order_id"', "contract.toml:7: document.version: names 'order_id', which is identifier: declare it as one of date, timestamp, decimal, integer, double"),
    "a fixed date of the file": ('date = "ordered_at"', "date_is_fixed = true", "contract.toml:6: document.date_is_fixed: is true, and the date is the file's"),
    "records through a list": ('"data.orders"', '"data[].orders"', "contract.toml:4: document.records: has 'data[].orders': the way to the array of records has keys, no brackets"),
    "at through a list": ('date = "ordered_at"', 'date = "ordered_at"\nat = "Records[].body"', "contract.toml:7: document.at: is 'Records[].body': a record has one document; name the list in records"),
    "outer without at": (SKU, 'outer = "MessageId", type = "text"', f"{AT_SKU}.outer: nothing is around the document, as at is empty: write path"),
    "an incoming folder": ('date = "ordered_at"', 'date = "ordered_at"\nincoming = "/shop"', "contract.toml:7: document.incoming: is the text '/shop': write folders such as shop/orders"),
    "an incoming folder that leads up": ('date = "ordered_at"', 'date = "ordered_at"\nincoming = "../x/"', "contract.toml:7: document.incoming: is the text '../x/'"),
    "earliest in quotes": ('date = "ordered_at"', 'date = "ordered_at"\nearliest = "2000-01-01"', "contract.toml:7: document.earliest: is the text '2000-01-01': write a date without quotes"),
    "earliest with a time": ('date = "ordered_at"', 'date = "ordered_at"\nearliest = 2000-01-01T00:00:00Z', "contract.toml:7: document.earliest: is the date or time 2000-01-01 00:00:00+00:00"),
    "a duplicate key": ("sku =", "price =", "contract.toml:18:"),
    "no TOML": ("[document]", "[document", "contract.toml:3:10: is not TOML: "),
    "a number with too many digits": ("scale = 6", f"scale = {'6' * 5000}", "contract.toml: has a number with too many digits"),
    "lists in lists": ("scale = 6", f"scale = {'[' * 5000}", "contract.toml: lists or tables are nested too deeply"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line_and_remedy(fault: str) -> None:
    old, new, expected = FAULTS[fault]
    problems_named = changed(old, new)
    assert any(expected in problem for problem in problems_named), problems_named


@pytest.mark.parametrize("name", ["document", "tables"])
def test_a_missing_section_is_a_fault(name: str) -> None:
    assert any(f"contract.toml: {name}: is missing: write [" in problem for problem in problems(""))
    assert any(f"contract.toml:1: {name}: is the number 1: write [" in problem for problem in problems(f"{name} = 1"))


def test_a_contract_without_tables_is_a_fault() -> None:
    text = '[document]\nidentity = "id"\n[tables]\n'
    assert problems(text) == [
        "contract.toml:3: tables: is empty: write [tables.NAME] for each table, the main one first"
    ]


def test_all_faults_are_named_at_once_in_the_order_of_their_lines() -> None:
    text = GOOD.replace("scale = 6", "scale = 60").replace('"notes[]"', '"note[]"').replace("records =", "recrods =")
    with pytest.raises(ContractError) as error:
        read_text(text, "shop", "shop/contract.toml")
    assert [problem.split(": ")[0] for problem in error.value.problems] == [
        "shop/contract.toml:4",
        "shop/contract.toml:18",
        "shop/contract.toml:27",
    ]
    assert str(error.value).startswith("shop/contract.toml has 3 faults:\n- shop/contract.toml:4: document.recrods: ")


def test_a_column_with_a_fault_is_not_reported_as_missing_too() -> None:
    assert len(changed('path = "id", type = "identifier"', 'path = "id", type = "uuid"')) == 1
    assert len(changed("scale = 6", "scale = 60")) == 1


def test_a_chain_of_products_is_as_long_as_it_is_and_a_circle_is_named_once_for_each_of_its_columns() -> None:
    chain = [
        f'p{i} = {{ product = ["{f"p{i - 1}" if i else "quantity"}", "{f"p{i - 1}" if i else "quantity"}"] }}'
        for i in range(2000)
    ]
    assert changed("[tables.notes]", "\n".join([*chain, "[tables.notes]"])) == []
    chain[0] = 'p0 = { product = ["quantity", "p2"] }'
    problems_named = changed("[tables.notes]", "\n".join([*chain[:3], "[tables.notes]"]))
    assert [problem.split(": ")[1] for problem in problems_named] == [
        f"tables.lines.columns.p{i}.product" for i in range(3)
    ]


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    missing = tmp_path / "contract.toml"
    with pytest.raises(ContractError, match=r"contract\.toml: cannot be read: No such file or directory"):
        read(missing)
    missing.write_bytes(b'description = "x"\ndocument = "\xff"')
    with pytest.raises(ContractError, match=r"contract\.toml:2: is not UTF-8: save it as UTF-8"):
        read(missing)
    missing.write_bytes(b"#" * 500_001)
    with pytest.raises(ContractError, match=r"has more than 500000 bytes"):
        read(missing)
    with pytest.raises(ContractError, match=r"cannot be read: Is a directory"):
        read(tmp_path)
