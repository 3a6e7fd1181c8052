"""python -m operate promote: which unnamed fields there are, and the column that takes each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import read_text
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.flatten.command import flatten_file
from operate.__main__ import main
from operate.promote import promote
from operate.unnamed import UnnamedField, UnnamedFields
from tests.unit.memory_store import BUCKET, MemoryStore

MIB = 1024 * 1024
PREFIXES = Prefixes("orders_json_incoming/", "quarantine/", "ledger/", "results/", "state/", "receipts/")
TEXT = """
[document]
identity = "order_id"
incoming = "shop/"

[tables.lines]
rows = "lines[]"

[tables.lines.columns]
order_id = { path = "id", type = "identifier" }
customer_id = { path = "customer.id", type = "identifier" }
sku = { path = "lines[].sku", type = "text" }
note = { path = "note", type = "text" }
"""


def contract(text: str = TEXT) -> Contract:
    return read_text(text, "shop", "shop.toml")


def order(number: int, **more: Any) -> dict[str, Any]:
    lines = [{"sku": "a", "price": "1.50", "gift": {"wrap paper": True}}, {"sku": "b", "price": "2.00"}]
    return {"id": number, "customer": {"id": number, "vip": True}, "lines": lines, **more}


def loaded(tmp_path: Path, *files: list[dict[str, Any]], of: Contract | None = None) -> MemoryStore:
    """Return a bucket with these documents, each list of them dropped and loaded an hour after the one before."""
    store = MemoryStore()
    for number, documents in enumerate(files):
        source = tmp_path / f"{number}.json"
        source.write_text(json.dumps(documents), "utf-8")
        store.drop(f"orders_json_incoming/shop/{number}.json", source.read_bytes())
        flatten_file(str(source), tmp_path / f"out{number}", None, of or contract())
        for file in (tmp_path / f"out{number}").rglob("*.parquet"):
            store.drop(f"lines/{file.relative_to(tmp_path / f'out{number}').as_posix()}", file.read_bytes())
        store.pass_time(hours=1)
    return store


def lines_of(store: MemoryStore, max_bytes: int = MIB, of: Contract | None = None) -> list[str]:
    lines: list[str] = []
    promote(store, Dataset(of or contract(), BUCKET, "db", PREFIXES), max_bytes, "dev", lines.append)
    return lines


def test_each_unnamed_field_is_named_with_its_share_its_types_and_a_column(tmp_path: Path) -> None:
    store = loaded(tmp_path, [order(1, placed="2024-07-05T10:00:00Z"), order(2, refunds=[{"amount": 5}]), order(3)])
    size = sum(len(body) for (key, _), (body, _) in store.versions.items() if key.startswith("lines/"))
    source = sum(len(body) for (key, _), (body, _) in store.versions.items() if key.startswith("orders_json"))
    assert lines_of(store) == [
        f"lines: read 1 of 1 files, the newest, {size} bytes: 3 documents in 6 rows",
        "  100.0%  3 of 3  customer.vip: boolean",
        '    vip = { path = "customer.vip", type = "boolean" }',
        "  100.0%  6 of 6  lines[].price: string",
        '    price = { path = "lines[].price", type = "decimal" }',
        '   50.0%  3 of 6  lines[].gift."wrap paper": boolean',
        '    wrap_paper = { path = \'lines[].gift."wrap paper"\', type = "boolean" }',
        "   33.3%  1 of 3  placed: string",
        '    placed = { path = "placed", type = "timestamp" }',
        "   33.3%  1 of 3  refunds: array",
        '    refunds = { path = "refunds", type = "json" }',
        '    # look: a list of objects: its elements make rows of a table with rows = "refunds[]"',
        "",
        "A line that is put into contract.toml and deployed fills its column from then on. For what is loaded already:",
        "  python -m operate replay --stage dev --prefix orders_json_incoming/shop/",
        f"reads 1 objects of {source} bytes on this machine and writes their rows anew; --dry-run names them, --since "
        "takes fewer.",
    ]


def test_every_proposed_line_is_a_column_that_takes_what_was_sent(tmp_path: Path) -> None:
    documents = [
        order(n, total=12.5 * n, placed="2024-07-05", tags=["a"], **{"Ship-To": {"zip": "01234"}}) for n in (1, 2)
    ]
    lines = [
        line.strip() for line in lines_of(loaded(tmp_path, documents)) if line.startswith("    ") and " = {" in line
    ]
    assert len(lines) == 7
    grown = contract(TEXT.replace("note =", "\n".join([*lines, "note ="])))
    (tmp_path / "again").mkdir()
    again = lines_of(loaded(tmp_path / "again", documents, of=grown), of=grown)
    assert again[0].endswith("2 documents in 4 rows")
    assert again[1] == "  no unnamed fields"


def test_only_the_newest_files_are_read_as_far_as_they_fit_and_one_at_least(tmp_path: Path) -> None:
    store = loaded(tmp_path, [order(1, old=1)], [order(2, new=1)])
    lines = lines_of(store, max_bytes=1)
    assert lines[0].startswith("lines: read 1 of 2 files, the newest, ")
    assert not any("old" in line for line in lines)
    assert any("new" in line for line in lines)
    assert lines_of(store)[0].startswith("lines: read 2 of 2 files, the newest, ")


def test_an_empty_table_is_no_error() -> None:
    lines = lines_of(MemoryStore())
    assert lines[:2] == ["lines: read 0 of 0 files, the newest, 0 bytes: 0 documents in 0 rows", "  no unnamed fields"]


def test_nothing_is_written_and_no_value_is_shown(tmp_path: Path) -> None:
    store = loaded(tmp_path, [order(1, secret="Ann Example")])
    store.calls.clear()
    text = "\n".join(lines_of(store))
    assert "Ann" not in text
    assert {call.split()[0] for call in store.calls} <= {"list", "current", "open"}


def fields(*rows: tuple[object, dict[str, Any] | None]) -> list[UnnamedField]:
    unnamed = UnnamedFields()
    for document, extra in rows:
        unnamed.add(document, None if extra is None else json.dumps(extra))
    return unnamed.of(contract().main)


def test_a_field_of_the_document_counts_once_though_it_stands_on_each_row() -> None:
    [each] = fields((1, {"channel": "web"}), (1, {"channel": "web"}), (2, {"channel": "shop"}), (3, None))
    assert (each.path, each.count, each.total) == ("channel", 2, 3)


def test_a_column_never_has_a_name_of_the_table() -> None:
    [each] = fields((1, {"billing.note": "x"}))
    assert each.line == 'billing_note = { path = "billing.note", type = "text" }'


@pytest.mark.parametrize(
    ("key", "path"), [('["ship to"]', '"ship to"'), ('a["b.c"].d', 'a."b.c".d'), ('["a\\"b"]', '"a\\"b"')]
)
def test_keys_of_any_kind_become_paths(key: str, path: str) -> None:
    [each] = fields((1, {key: 5}))
    assert each.path == path


def test_what_is_no_object_or_under_no_path_is_counted_as_left_out() -> None:
    unnamed = UnnamedFields()
    for text in ("[", '{"a b": 1}', '{"": 1}', '{"a": ' + "9" * 5000 + "}"):
        unnamed.add(1, text)
    assert (unnamed.rows, unnamed.documents, unnamed.left_out) == (4, 1, 4)


def test_a_contract_that_is_not_deployed_is_named_with_those_that_are(capsys: pytest.CaptureFixture[str]) -> None:
    project = Path(__file__).parents[2]
    assert main(["promote", "--stage", "local", "--project", str(project), "--contract", "shop"]) == 1
    assert "no contract 'shop' is deployed: use one of orders" in capsys.readouterr().err


@pytest.mark.parametrize("size", ["0", "-1", "many", "10001"])
def test_a_wrong_size_is_wrong_usage(size: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["promote", "--stage", "local", "--mib", size])


def test_a_file_of_somebody_else_in_the_tables_folder_is_named_and_left_out(tmp_path: Path) -> None:
    store = loaded(tmp_path, [order(1, extra="x")])
    store.drop("lines/theirs.parquet", b"not Parquet")
    store.drop("lines/empty.parquet", b"")
    said: list[str] = []
    promote(store, Dataset(contract(), BUCKET, "db", PREFIXES), 64 * MIB, "dev", said.append)
    assert [line for line in said if "left out" in line] == [
        "  left out: lines/empty.parquet is no Parquet file that can be read",
        "  left out: lines/theirs.parquet is no Parquet file that can be read",
    ]
    assert any(line.strip().startswith("extra = ") for line in said)
