"""What contract.toml says is what the model has: the default contract, real shapes, each word of the format."""

from __future__ import annotations

import datetime
import json
from decimal import Decimal
from pathlib import Path

import pytest

from chalicelib.contracts.contract import Contract, Table
from chalicelib.contracts.paths import Each, Index, JsonPath, Key, Where, parse
from chalicelib.contracts.reading import read, read_text
from chalicelib.contracts.sources import FromRecord, Origin, Product, RowNumber
from chalicelib.contracts.values import CurrencyAt, Dates, DigitsAt, DivisorAt, FixedDigits, Nulls, Strptime
from chalicelib.flatten.schema import file_schema
from tests.contracts import ORDERS_FILE

ROOT = Path(__file__).parents[2]


FIXTURES = sorted((ROOT / "tests/contracts").glob("*/contract.toml"))


def one_table(columns: str, rows: str = "lines[]", document: str = "", table: str = "") -> Contract:
    """Return a contract with one table that has these columns beside an identity."""
    return read_text(
        f"""
        [document]
        identity = "id"
        {document}
        [tables.main]
        {f'rows = "{rows}"' if rows else ""}
        {table}
        [tables.main.columns]
        id = {{ path = "id", type = "identifier" }}
        {columns}
        """,
        "shop",
    )


def test_the_default_contract_says_what_the_table_of_orders_is() -> None:
    contract = read(ORDERS_FILE)
    assert (contract.name, contract.incoming, contract.folder) == ("orders", "", ORDERS_FILE.parent)
    assert contract.records == (parse("orders"),)
    assert (contract.identity, contract.date, contract.version) == (("order_id",), "order_date", None)
    assert contract.earliest == datetime.date(2000, 1, 1)
    (table,) = contract.tables
    assert (table.name, str(table.rows)) == ("orders_parquet_datalake", "products[]")
    assert (table.latest, table.documents) == ("order_lines", "orders")
    assert table["line_amount"].source == Product(("price", "quantity"))
    assert table.row_number is table["line_number"]
    assert [c.name for c in table.at_level(1)] == [
        *("line_number", "product_id", "product_name", "product_category", "price", "quantity", "line_amount"),
    ]


@pytest.mark.parametrize("table", [table for file in FIXTURES for table in read(file).tables], ids=lambda t: t.name)
def test_a_table_has_the_schema_of_its_files(table: Table) -> None:
    assert [(column.name, column.arrow_type) for column in table.file_columns] == [
        (field.name, str(field.type)) for field in file_schema(table)
    ]


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.parent.name)
def test_a_contract_of_a_real_shape_is_read_and_its_paths_lead_to_values_of_its_sample(file: Path) -> None:
    contract = read(file)
    assert contract.name == file.parent.name
    documents = [_at(record, contract.at) for record in _records(file, contract)]
    assert documents
    for table, column in contract.columns():
        for path in column.paths[:1]:
            if column.name in contract.identity:
                assert all(_values(document, path.steps) for document in documents), (table.name, str(path))
    for table in contract.tables:
        filled = {c.name for c in table.columns if any(_values(d, p.steps) for p in c.paths for d in documents)}
        assert len(filled) > 1 or file.parent.name == "shopify_rest", table.name


def _records(file: Path, contract: Contract) -> list[object]:
    text = (file.parent / "sample.json").read_text()
    try:
        top = [json.loads(text)]
    except json.JSONDecodeError:
        top = [json.loads(line) for line in text.splitlines()]
    for path in contract.records:
        top = [each for value in top for each in (_values(value, path.steps) or [value])]
    return [each for value in top for each in (value if isinstance(value, list) else [value])]


def _at(record: object, at: JsonPath | None) -> object:
    return _values(record, at.steps)[0] if at else record


def _values(value: object, steps: tuple[object, ...]) -> list[object]:
    """Return what is at a path, by a reading of its own."""
    if not steps:
        return [value]
    first, rest = steps[0], steps[1:]
    match first:
        case Key(name) if isinstance(value, dict) and value.get(name) is not None:
            return _values(value[name], rest)
        case Each() if isinstance(value, list):
            return [inner for each in value for inner in _values(each, rest)]
        case Index(position) if isinstance(value, list) and position < len(value):
            return _values(value[position], rest)
        case Where(keys, text) if isinstance(value, list):
            held = [each for each in value if _values(each, tuple(map(Key, keys))) == [text]]
            return _values(held[0], rest) if held else []
    return []


def test_every_option_of_a_column_is_read() -> None:
    table = one_table(
        """
        money = { path = "a.b", type = "decimal", scale = 2, required = true, divide_by = 100, null = [0, "", false] }
        by_path = { path = "lines[].cents", type = "decimal", divide_by = "lines[].per_unit" }
        digits = { path = "lines[].cents", type = "decimal", digits = 3 }
        digits_at = { path = "lines[].cents", type = "decimal", digits = "fraction" }
        in_currency = { path = "lines[].cents", type = "decimal", digits = { currency = "lines[].currency" } }
        dated = { path = ["x", "lines[].x"], type = "date", format = ["%d.%m.%Y", "epoch_days"], zone = "Asia/Tokyo" }
        around = { outer = "Sns.MessageId", type = "text", description = "Le\u00a0message\u202f; 説明\u3000文。" }
        """,
        document='at = "Sns.Message"',
    ).main
    assert table["money"].minor_units == FixedDigits(2)
    assert table["money"].nulls == Nulls(frozenset([""]), frozenset([Decimal(0)]), frozenset([False]))
    assert (table["money"].required, table["money"].glue_type) == (True, "decimal(18,2)")
    assert table["by_path"].minor_units == DivisorAt(parse("lines[].per_unit"))
    assert table["digits"].minor_units == FixedDigits(3)
    assert table["digits_at"].minor_units == DigitsAt(parse("fraction"))
    assert table["in_currency"].minor_units == CurrencyAt(parse("lines[].currency"))
    assert table["dated"].formats == (Strptime("%d.%m.%Y"), Dates.EPOCH_DAYS)
    assert table["dated"].zone == "Asia/Tokyo"
    assert table.level(table["dated"]) == 1
    assert table["around"].source == FromRecord((parse("Sns.MessageId"),))
    assert table["around"].description == "Le\u00a0message\u202f; 説明\u3000文。"


@pytest.mark.parametrize(
    ("declared", "glue", "arrow"),
    [
        ("identifier", "string", "string"),
        ("text", "string", "string"),
        ("json", "string", "string"),
        ("decimal", "decimal(18,4)", "decimal64(18, 4)"),
        ("integer", "bigint", "int64"),
        ("double", "double", "double"),
        ("boolean", "boolean", "bool"),
        ("date", "date", "date32[day]"),
        ("timestamp", "timestamp", "timestamp[ms]"),
    ],
)
def test_a_type_has_a_type_of_glue_and_of_arrow(declared: str, glue: str, arrow: str) -> None:
    column = one_table(f'x = {{ path = "x", type = "{declared}" }}').main["x"]
    assert (column.glue_type, column.arrow_type) == (glue, arrow)


def test_a_product_has_the_scales_of_its_factors_at_most_nine_or_its_own() -> None:
    table = one_table(
        """
        deep = { product = ["line", "fine"] }
        line = { product = ["price", "quantity"] }
        own = { product = ["price", "quantity"], scale = 1 }
        price = { path = "lines[].price", type = "decimal" }
        quantity = { path = "lines[].quantity", type = "integer" }
        fine = { path = "rate", type = "decimal", scale = 9 }
        """
    ).main
    assert [table[name].scale for name in ("line", "own", "deep")] == [4, 1, 9]
    assert [column.name for column in table.products] == ["line", "own", "deep"]
    assert table.level(table["deep"]) == 1


def test_a_table_two_lists_deep_knows_the_way_to_its_rows() -> None:
    table = one_table(
        """
        check = { from = "row_number", of = "checks[]" }
        number = { from = "row_number" }
        tip = { path = "checks[].tip", type = "decimal" }
        price = { path = "checks[].sub.selections[].price", type = "decimal" }
        """,
        rows="checks[open=true][].sub.selections[]",
    ).main
    outer, inner = table.lists
    assert (str(outer.path), outer.steps, outer.where) == (
        "checks[]",
        (Key("checks"),),
        Where(("open",), "true", boolean=True),
    )
    assert (str(inner.path), inner.steps) == ("checks[].sub.selections[]", (Key("sub"), Key("selections")))
    assert inner.where is None
    assert table.row_number is table["number"]
    levels = {name: table.level(table[name]) for name in ("id", "check", "tip", "number", "price")}
    assert levels == {"id": 0, "check": 1, "tip": 1, "number": 2, "price": 2}
    assert table["price"].paths[0].relative == (Key("price"),)


def test_every_table_has_the_columns_that_need_no_declaration() -> None:
    contract = read_text(
        """
        [document]
        identity = ["shop", "id"]
        date = "made"
        version = "version"
        [tables.orders.columns]
        shop = { path = "shop", type = "text" }
        id = { path = "id", type = "identifier", description = "Ours." }
        made = { path = "made", type = "date" }
        version = { path = "version", type = "integer" }
        order_month = { from = "month" }
        [tables.lines]
        rows = "lines[]"
        documents = "totals"
        [tables.lines.columns]
        order_id = { path = "id", type = "identifier" }
        id = { path = "lines[].id", type = "identifier" }
        position = { from = "record_number" }
        """,
        "shop",
    )
    orders, lines_table = contract.tables
    own = ["extra_fields", "source_key", "source_version", "source_modified_at", "record_number"]
    assert [column.name for column in orders.columns] == ["shop", "id", "made", "version", "order_month", *own]
    assert all(orders[name].required for name in ("shop", "id", "made"))
    assert (lines_table.identity, lines_table.version) == (("shop", "order_id"), "version")
    assert [column.name for column in lines_table.columns] == [
        *("shop", "order_id", "version", "id", "position", "row_number"),
        *own[:-1],
        "order_month",
    ]
    assert lines_table.partition.source is Origin.MONTH
    assert lines_table.row_number == lines_table["row_number"]
    assert contract.views == ("totals",)


def test_documents_without_a_date_have_the_month_of_their_file() -> None:
    contract = one_table("")
    assert contract.date == "source_modified_at"
    assert contract.main.partition.name == "month"
    assert contract.date_column.source is Origin.SOURCE_MODIFIED_AT


def test_documents_without_an_identity_may_have_that_of_their_place_in_the_file() -> None:
    columns = '[tables.logs.columns]\nx = { path = "x", type = "json" }'
    contract = read_text(f'[document]\nidentity = ["source_key", "record_number"]\n{columns}', "logs")
    assert contract.identity == contract.main.identity == ("source_key", "record_number")
    assert [contract.main[name].paths for name in contract.identity] == [(), ()]


def test_the_document_is_read() -> None:
    contract = one_table(
        'made = { path = "made", type = "timestamp" }',
        document="""
        records = ["orders", 'data."all orders"']
        at = "Records[0].body"
        date = "made"
        incoming = "shop/eu"
        earliest = 1999-12-31
        date_is_fixed = true
        """,
    )
    assert [path.keys for path in contract.records] == [("orders",), ("data", "all orders")]
    assert contract.at == JsonPath((Key("Records"), Index(0), Key("body")))
    assert contract.incoming == "shop/eu/"
    assert contract.earliest == datetime.date(1999, 12, 31)
    assert contract.date_is_fixed
    assert contract.main["id"].paths == (parse("id"),)


def test_a_json_column_and_alternatives_contradict_nothing() -> None:
    table = one_table(
        """
        customer = { path = "customer", type = "json" }
        customer_name = { path = "customer.name", type = "text" }
        same_name = { path = "customer.name", type = "text" }
        first_sku = { path = "lines[0].sku", type = "text" }
        all_lines = { path = "lines", type = "json" }
        price = { path = ["lines[].price.amount", "lines[].price"], type = "decimal" }
        """
    ).main
    assert len(table["price"].paths) == 2


def test_json_made_of_xml_may_have_an_object_where_the_list_is() -> None:
    table = one_table('kind = { path = "lines.kind", type = "text" }', table="one_or_many = true").main
    assert table.one_or_many


def test_rows_number_the_elements_that_the_table_of_their_list_has() -> None:
    contract = read_text(
        """
        [document]
        identity = "id"
        [tables.items]
        rows = "Line[DetailType=Sale][]"
        [tables.items.columns]
        id = { path = "id", type = "identifier" }
        amount = { path = "Line[].Amount", type = "decimal" }
        [tables.taxes]
        rows = "Line[].taxes[]"
        [tables.taxes.columns]
        line_number = { from = "row_number", of = "Line[]" }
        """,
        "qb",
    )
    assert contract.counts(RowNumber(parse("Line[]"))) is contract["items"]
    assert contract.counts(RowNumber(parse("Line[].taxes[]"))) is contract["taxes"]
    assert contract.counts(RowNumber(parse("other[]"))) is None
    assert contract.main.lists[0].where == Where(("DetailType",), "Sale")
