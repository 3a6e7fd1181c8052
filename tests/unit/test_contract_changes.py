"""What a change of a contract means for the rows that are there, and python -m chalicelib.contracts diff."""

# ruff: noqa: E501
from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from msgspec.structs import replace

from chalicelib.contracts import registry
from chalicelib.contracts.__main__ import main
from chalicelib.contracts.changes import Effect, catalog_changes, changes
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import read_text
from tests.drawn_contracts import completed, declared_contracts
from tests.examples import examples

OLD = """
[document]
identity = "order_id"
date = "ordered_at"
records = ["orders"]
incoming = "shop/"

[tables.lines]
rows = "lines[]"
latest = "order_lines"

[tables.lines.columns]
order_id = { path = "id", type = "identifier" }
ordered_at = { path = "at", type = "timestamp" }
paid_at = { path = "paid", type = "timestamp", format = "epoch_seconds" }
total = { path = "total", type = "decimal", divide_by = 100 }
note = { path = "note", type = "text" }
line_number = { from = "row_number" }
quantity = { path = "lines[].quantity", type = "integer" }
"""


def effects(old: str, new: str) -> list[str]:
    assert old != new
    return [f"{each.effect.value} {each.subject}: {each.message}" for each in changes(read(old), read(new))]


def read(text: str) -> Contract:
    return read_text(text, "shop", "shop.toml")


MADE_BY = ": the rows that are there were made by the old rule until they are loaded again"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "line_number =",
            'sku = { path = "lines[].sku", type = "text" }\nline_number =',
            "compatible lines.sku: column sku (string) is new: it is NULL in the rows that are there, whose values, where "
            "they were sent, stand in extra_fields: a replay fills it",
        ),
        ('note = { path = "note", type = "text" }\n', "", "refused lines.note: column note (string) is not in the contract"),
        ("note =", "remark =", "refused lines.note: column note (string) is not in the contract any more: it would be called"),
        ('"integer"', '"double"', "refused lines.quantity: column quantity would change from bigint to double: Athena cannot"),
        ("divide_by = 100", "scale = 2", "refused lines.total: column total would change from decimal(18,4) to decimal(18,2)"),
        ("divide_by = 100", "divide_by = 10", f"replay lines.total: another divide_by or digits{MADE_BY}"),
        ('path = "total"', 'path = "sum"', f"replay lines.total: another source from total to sum{MADE_BY}"),
        ('"epoch_seconds"', '"epoch_milliseconds"', f"replay lines.paid_at: another format{MADE_BY}"),
        ('path = "at"', 'zone = "Europe/Berlin", path = "at"', f"replay lines.ordered_at: another zone from UTC to Europe/Berlin{MADE_BY}"),
        ('path = "note"', 'path = "note", null = ["-"]', f"replay lines.note: another null{MADE_BY}"),
        ('"note", type = "text"', '"note", type = "json"', f"replay lines.note: another type from text to json{MADE_BY}"),
        ('path = "note"', 'path = "note", required = true', "compatible lines.note: is required: a document without it"),
        ('"order_id"\ndate', '["order_id", "note"]\ndate', f"replay document.identity: changes from 'order_id' to 'order_id, note'{MADE_BY}"),
        ('date = "ordered_at"', 'date = "paid_at"', f"replay document.date: changes from 'ordered_at' to 'paid_at'{MADE_BY}"),
        ('"orders"', '"data"', f"replay document.records: changes from 'orders' to 'data'{MADE_BY}"),
        ('"shop/"', '"web/"', "compatible document.incoming: changes from 'shop/' to 'web/': what lies in the old folder"),
        ("identity =", "earliest = 2020-05-01\nidentity =", "refused document.earliest: changes from 2000-01-01 to 2020-05-01"),
        ("identity =", "earliest = 1990-05-01\nidentity =", "replay document.earliest: changes from 2000-01-01 to 1990-05-01"),
        ("identity =", 'version = "paid_at"\nidentity =', "compatible document.version: changes from None to 'paid_at'"),
        ("identity =", "date_is_fixed = true\nidentity =", "compatible document.date_is_fixed: changes to true"),
        ('rows = "lines[]"', 'rows = "lines[kind=a][]"', f"replay lines: rows change from lines[] to lines[kind=a][]{MADE_BY}"),
        ('rows = "lines[]"', 'rows = "lines[]"\none_or_many = true', "compatible lines: an object where lines[] is due is a list"),
        ('"order_lines"', '"latest_lines"', "refused lines: the view order_lines (latest) would be called latest_lines"),
        ('latest = "order_lines"', "", "refused lines: the view order_lines (latest) is gone: queries of it would fail"),
        ('latest =', 'documents = "all_orders"\nlatest =', "compatible lines: the view all_orders (documents) is new"),
        ("line_number =", 'shop_month = { from = "month" }\nline_number =', "refused lines: the partition would change from month string"),
        ("tables.lines", "tables.items", "refused lines: is gone, and items has its columns: queries of lines would fail"),
    ],
)  # fmt: skip
def test_a_change_says_what_readers_see(before: str, after: str, expected: str) -> None:
    assert before in OLD
    listed = effects(OLD, OLD.replace(before, after))
    assert any(each.startswith(expected) for each in listed), listed


def test_a_table_that_is_added_waits_for_a_replay_and_one_that_goes_is_refused() -> None:
    new = (
        OLD
        + '\n[tables.notes]\nrows = "notes[]"\n[tables.notes.columns]\ntext = { path = "notes[].text", type = "text" }\n'
    )
    [added] = effects(OLD, new)
    assert added.startswith("replay notes: is new")
    [gone] = effects(new, OLD)
    assert gone.startswith("refused notes: is gone: queries of it would fail")


@pytest.mark.thorough
@examples(20, many=50)
@given(declared_contracts())
def test_nothing_changes_from_a_drawn_contract_to_itself(declared: Contract) -> None:
    contract = completed(declared)
    assert changes(contract, replace(contract, description="Another.")) == []


@pytest.mark.thorough
@examples(20, many=50)
@given(declared_contracts(), declared_contracts())
def test_whatever_queries_could_name_is_there_after_a_change_that_is_not_refused(
    one: Contract, other: Contract
) -> None:
    old, new = completed(one), completed(other)
    if any(each.effect is Effect.REFUSED for each in changes(old, new)):
        return
    for table in old.tables:
        assert table.by_name.keys() <= new[table.name].by_name.keys()
    assert set(old.views) <= set(new.views)


@pytest.mark.parametrize(
    ("before", "after", "is_read"),
    [
        ("int", "bigint", True),
        ("smallint", "int", True),
        ("bigint", "int", False),
        ("bigint", "double", False),
        ("string", "bigint", False),
        ("decimal(18, 2)", "decimal(18,2)", True),
        ("decimal(18,2)", "decimal(18,4)", False),
        ("date", "timestamp", False),
    ],
)
def test_a_type_is_widened_only_where_athena_reads_older_files(before: str, after: str, is_read: bool) -> None:
    types = {"integer": "bigint", "double": "double", "decimal": "decimal(18,2)", "timestamp": "timestamp"}
    main_table = registry.contract("orders").main
    kind = next((name for name, glue_type in types.items() if glue_type == after), None)
    if kind is None:  # An int is a row number's.
        column = main_table["line_number"] if after == "int" else replace(main_table["price"], scale=4)
    else:
        text = OLD.replace('"integer"', f'"{kind}"' + (", scale = 2" if kind == "decimal" else ""))
        column = read(text).main["quantity"]
    table = replace(main_table, columns=(column, main_table.partition))
    partition = {main_table.partition.name: "string"}
    listed = catalog_changes({column.name: before}, partition, table)
    assert [each.effect is Effect.REFUSED for each in listed] in ([[False], []] if is_read else [[True]])


def run(tmp_path: Path, new: str) -> int:
    for name, text in (("old.toml", OLD), ("new.toml", new)):
        (tmp_path / name).write_text(text, "utf-8")
    registry.contract.cache_clear()
    return main(["diff", str(tmp_path / "old.toml"), str(tmp_path / "new.toml")])


def test_diff_exits_with_0_for_what_old_files_follow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, OLD) == 0
    assert capsys.readouterr().out == "no change for readers, senders or operators\n"
    assert run(tmp_path, OLD.replace('path = "total"', 'path = "sum"')) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"replay      lines.total: another source from total to sum{MADE_BY}",
        "To make the rows that are there anew: python -m operate replay --stage STAGE "
        "--prefix orders_json_incoming/shop/",
    ]


def test_diff_exits_with_1_for_what_is_refused_and_names_it_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = OLD.replace('"integer"', '"double"').replace('path = "total"', 'path = "sum"')
    assert run(tmp_path, new) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["refused", "replay", "To"]


def test_diff_exits_with_2_for_a_contract_with_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, OLD.replace('"integer"', '"number"')) == 2
    assert "new.toml:19: tables.lines.columns.quantity.type" in capsys.readouterr().err
