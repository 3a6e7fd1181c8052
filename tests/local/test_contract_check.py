"""check-contracts names all that does not fit between contract, sample and saved queries, by file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from local.__main__ import main
from local.contract_check import check_contracts
from local.emulator import PROJECT
from tests.contracts import FOLDER


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """Return a copy of the orders' contract, to be broken."""
    return Path(shutil.copytree(FOLDER / "orders", tmp_path / "orders"))


@pytest.fixture
def orders(whole: Path) -> Path:
    """Return a copy of the orders' contract with the queries that are to be broken, and no others."""
    for query in (whole / "queries").iterdir():
        if query.stem not in ("order_lines_of", "preview", "top_products"):
            query.unlink()
    return whole


def faults(folder: Path) -> list[str]:
    return [fault.removeprefix(f"{folder}/") for report in check_contracts([str(folder)]) for fault in report.faults]


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def test_a_contract_fits_its_sample_and_its_queries(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-contracts", str(FOLDER / "orders"), str(FOLDER / "mongodb_relaxed" / "contract.toml")]) == 0
    assert capsys.readouterr().out == (
        "orders: 3 documents, 1 table, 2 views, 9 saved queries, 2 checks: all fit\n"
        "mongodb_relaxed: 1 document, 2 tables, 2 views, 0 saved queries: all fit\n"
    )


def test_every_unknown_column_of_a_query_is_named_with_its_line_and_the_nearest_one(orders: Path) -> None:
    query = orders / "queries" / "order_lines_of.sql"
    change(query, "  quantity,\n  line_amount,", "  quantitty,\n  line_amont,\n  UPPER(colour),")
    first, second, third = faults(orders)
    assert first == "queries/order_lines_of.sql:21: there is no column 'quantitty' (did you mean quantity?)"
    assert second == "queries/order_lines_of.sql:22: there is no column 'line_amont' (did you mean line_amount?)"
    assert third.startswith("queries/order_lines_of.sql:23: there is no column 'colour': order_lines has order_id,")


def test_an_unknown_table_is_named_with_the_tables_and_views_that_there_are(orders: Path) -> None:
    change(orders / "queries" / "order_lines_of.sql", "FROM order_lines", "FROM orders_lines")
    assert faults(orders) == [
        "queries/order_lines_of.sql:29: there is no table or view 'orders_lines' (did you mean order_lines?): it has "
        "orders_parquet_datalake, order_lines, orders"
    ]


def test_sql_that_cannot_be_read_is_named_with_its_line(orders: Path) -> None:
    change(orders / "queries" / "order_lines_of.sql", "ORDER BY line_number", "ORDER BY (line_number")
    (fault,) = faults(orders)
    assert fault.startswith("queries/order_lines_of.sql:31: ")


def test_what_athena_refuses_is_named_with_the_file(orders: Path) -> None:
    change(
        orders / "queries" / "order_lines_of.sql", "ORDER BY line_number", "AND quantity = 'two' ORDER BY sho(price)"
    )
    (fault,) = faults(orders)
    assert fault == "queries/order_lines_of.sql: TYPE_MISMATCH: Cannot apply operator: bigint = varchar"
    change(orders / "queries" / "order_lines_of.sql", "AND quantity = 'two' ", "")
    assert faults(orders) == ["queries/order_lines_of.sql:31: FUNCTION_NOT_FOUND: Function 'sho' not registered"]


def test_a_renamed_column_breaks_each_query_that_reads_it_and_all_are_named(whole: Path) -> None:
    change(whole / "contract.toml", "product_category =", "category =")
    named = faults(whole)
    assert {fault.split(":")[0] for fault in named} == {
        f"queries/{name}.sql" for name in ("order_lines_of", "preview", "sales_by_category")
    }
    assert all("there is no column 'product_category' (did you mean " in fault for fault in named)


def test_a_misspelt_path_is_named_with_the_key_that_the_sample_has(orders: Path) -> None:
    change(orders / "contract.toml", 'path = "customer.email"', 'path = "customer.Email"')
    assert faults(orders) == [
        "contract.toml:22: customer.Email, for orders_parquet_datalake.customer_email, is in no document of "
        "sample.json: correct the path, or give sample.json a document that has it; it has 'customer.email'"
    ]


def test_a_misspelt_list_of_rows_is_named_with_its_line(orders: Path) -> None:
    change(orders / "contract.toml", "products[]", "product[]")
    assert faults(orders) == [
        "contract.toml:12: product[], the rows of orders_parquet_datalake, is in no document of sample.json: correct "
        "the path, or give sample.json a document that has it"
    ]


def test_a_key_that_is_there_without_a_value_is_named_and_is_no_fault(
    orders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(orders / "sample.json", '"email": "ada@shop.example"', '"email": null')
    assert main(["check-contracts", str(orders)]) == 0
    assert "no document of sample.json has a value at customer.email, for " in capsys.readouterr().out


def test_a_rejected_document_of_the_sample_is_named_with_its_line(orders: Path) -> None:
    change(orders / "sample.json", '"order_date": "2024-04-01"', '"order_date": "tomorrow"')
    (fault,) = faults(orders)
    assert fault.startswith("sample.json:28: record 3 is rejected: order_date: ")


def test_a_sample_that_is_not_json_and_one_that_is_missing_are_named(orders: Path) -> None:
    change(orders / "sample.json", '"total_amount": "19.99",', '"total_amount" "19.99",')
    (fault,) = faults(orders)
    assert fault.startswith("sample.json:21: ")
    (orders / "sample.json").unlink()
    assert faults(orders) == ["sample.json: is not there: put a few documents into it that fill every column"]


def test_all_faults_are_named_at_once_and_the_exit_status_is_1(
    orders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change(orders / "queries" / "preview.sql", "  price,", "  prize,")
    change(orders / "queries" / "top_products.sql", "--   type: integer", "--   type: whole")
    change(orders / "contract.toml", 'path = "products[].price"', 'path = "products[].prize"')
    other = orders.parent / "other.toml"
    other.write_text("[document]\nidenity = 1\n", "utf-8")
    assert main(["check-contracts", str(orders), str(other), "no_such_contract"]) == 1
    named = capsys.readouterr().err
    for part in (
        "queries/preview.sql:15: there is no column 'prize' (did you mean price?)",
        "queries/top_products.sql: ",
        "contract.toml:28: products[].prize, for orders_parquet_datalake.price, is in no document",
        "other.toml",
        "there is no contract 'no_such_contract'",
    ):
        assert part in named


def test_two_contracts_of_a_folder_that_get_into_each_others_way_are_named_together(orders: Path) -> None:
    shutil.copytree(orders, orders.parent / "copies")
    named = [fault for report in check_contracts(folder=orders.parent) for fault in report.faults]
    assert any(
        "table or view 'orders_parquet_datalake' is that of contract copies and of contract orders" in each
        for each in named
    )
    assert any("saved query 'preview'" in each for each in named)


def test_the_example_of_the_docs_is_what_the_command_says(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    change(whole / "contract.toml", 'path = "customer.email"', 'path = "customer.Email"')
    change(whole / "queries" / "preview.sql", "  price,", "  prize,")
    change(whole / "queries" / "top_products.sql", "FROM order_lines", "FROM order_line")
    main(["check-contracts", str(whole)])
    said = "".join(capsys.readouterr()).replace(str(whole), "chalicelib/contracts/orders")
    docs = (PROJECT / "docs" / "contracts.md").read_text("utf-8")
    assert f"$ python -m local check-contracts orders\n{said}```" in docs
