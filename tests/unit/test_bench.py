"""The benchmarks compare the same work: files that are as they say, and peers that make the same rows of them."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

import duckdb
import pytest

from benchmarks import files, layout, orders
from benchmarks.duckdb_sql import UnsupportedContract, statements
from benchmarks.files import MADE, File, Written
from benchmarks.goals import GOALS, Case, Figures, Size
from benchmarks.measure import Run
from benchmarks.peers import DUCKDB, DUCKDB_JSON, OURS
from benchmarks.report import markdown
from benchmarks.session import Session
from benchmarks.store import CONTRACT, store
from benchmarks.totals import rows, totals
from chalicelib.contracts import registry
from chalicelib.contracts.reading import read
from chalicelib.flatten.command import flatten_file

EXAMPLES = Path(__file__).parents[2] / "examples" / "contracts"
SMALL = 0.15
READ_BY_DUCKDB = [file for file in MADE if DUCKDB in file.peers]


@pytest.mark.parametrize("file", READ_BY_DUCKDB, ids=lambda file: file.name)
def test_duckdb_makes_the_same_rows_by_the_sql_that_is_made_from_the_contract(file: File, tmp_path: Path) -> None:
    contract = registry.contract(file.contract)
    written = files.write(file, tmp_path, SMALL, seed=3)
    flatten_file(str(written.path), tmp_path / "ours", tmp_path / "ours.rejected", registry.contract(file.contract))
    expected = totals(tmp_path / "ours", contract)
    assert rows(expected) > written.documents
    for keeps_json in (False, True):
        out = tmp_path / f"duckdb-{keeps_json}"
        out.mkdir()
        duckdb.sql(statements(contract, written.path, out, 1, keeps_json=keeps_json))
        assert totals(out, contract) == expected


@pytest.mark.parametrize("file", [file for file in MADE if file.group == "rejected"], ids=lambda file: file.name)
def test_as_many_documents_are_rejected_as_were_broken(file: File, tmp_path: Path) -> None:
    written = files.write(file, tmp_path, SMALL, seed=3)
    flatten_file(str(written.path), tmp_path / "ours", tmp_path / "ours.rejected", registry.contract(file.contract))
    rejected = (tmp_path / "ours.rejected").read_bytes().splitlines()
    assert len(rejected) == written.rejected
    assert bool(rejected) == (file.breaks is not None)


def test_a_seed_draws_the_same_documents_again_and_another_one_others() -> None:
    for make in files.SHAPES.values():
        assert list(make(20, 1)) == list(make(20, 1)) != list(make(20, 2))


def test_wide_orders_have_about_fourteen_unnamed_fields_beside_the_named_ones_as_they_were() -> None:
    named, wide = list(orders.orders(500, seed=5)), list(orders.widened(orders.orders(500, seed=5), seed=5))
    extra = [_keys(after) - _keys(before) for before, after in zip(named, wide, strict=True)]
    assert 12 < sum(map(len, extra)) / len(extra) < 15
    for before, after in zip(named, wide, strict=True):
        assert {key: after[key] for key in before if key not in ("customer", "products")} == {
            key: value for key, value in before.items() if key not in ("customer", "products")
        }


def _keys(order: dict[str, object]) -> set[tuple[str, str]]:
    customer, products = order.get("customer") or {}, order["products"]
    assert isinstance(customer, dict)
    assert isinstance(products, list)
    levels = {"order": [order], "customer": [customer], "product": products}
    return {(level, key) for level, elements in levels.items() for element in elements for key in element}


def test_documents_of_the_store_have_about_sixty_fields_and_its_contract_names_twenty_two() -> None:
    assert all(50 < len(document) < 70 for document in store(50))
    assert len(registry.contract(str(CONTRACT)).tables) == 2
    assert CONTRACT.read_text("utf-8").count(" = { ") == 22


@pytest.mark.parametrize("example", ["amazon_orders", "magento", "shopify"])
def test_the_sql_of_any_contract_that_it_can_say_makes_the_same_rows(example: str, tmp_path: Path) -> None:
    contract = read(EXAMPLES / example / "contract.toml")
    documents = json.loads((EXAMPLES / example / "sample.json").read_text("utf-8"))
    for key in next(path.keys for path in contract.records if path.keys[0] in documents):
        documents = documents[key]
    source, out = tmp_path / "in.json", tmp_path / "out"
    source.write_text(json.dumps(documents), "utf-8")
    flatten_file(str(source), tmp_path / "ours", tmp_path / "ours.rejected", registry.contract(str(EXAMPLES / example)))
    out.mkdir()
    duckdb.sql(statements(contract, source, out, 1))
    assert totals(out, contract) == totals(tmp_path / "ours", contract)


def test_what_the_sql_cannot_say_is_named() -> None:
    contract = read(EXAMPLES / "stripe" / "contract.toml")
    with pytest.raises(UnsupportedContract, match="created: dates that are not ISO"):
        statements(contract, Path("in.json"), Path("out"), 1)


@pytest.mark.slow
def test_a_file_of_ones_own_is_measured_beside_duckdb_or_alone_where_that_reads_it_otherwise(tmp_path: Path) -> None:
    documents = list(store(40, seed=2))
    for name, text in {"array": json.dumps(documents), "envelope": json.dumps({"orders": documents})}.items():
        (tmp_path / f"{name}.json").write_text(text, "utf-8")
        (tmp_path / name).mkdir()
        session = Session(tmp_path / name, Figures(), Namespace(runs=1, ours=False, large=False))
        own = File(f"{name}.json", "yours", "", peers=(DUCKDB, OURS), contract=str(CONTRACT))
        session.measure_group({own: Written(tmp_path / f"{name}.json", 0, 0)})
        assert {case.peer for case in session.figures.runs} == ({DUCKDB, OURS} if name == "array" else {OURS})
        assert [note.split(":")[0] for note in session.figures.notes] == ["only orders-etl is shown"] * (
            name != "array"
        )
        assert session.figures.files[own.name].rows > 80
        assert all(peak > 10 for peak in session.figures.peak_mb.values())


def test_a_large_file_is_the_same_array_again_and_again(tmp_path: Path) -> None:
    written = files.write(MADE[0], tmp_path, 0.05, seed=1)
    large = files.repeated(written, 300_000)
    documents = json.loads(written.path.read_text("utf-8"))
    assert json.loads(large.path.read_text("utf-8")) == documents * (large.documents // len(documents))
    assert large.path.stat().st_size > 250_000


def test_a_goal_that_is_missed_says_by_how_much() -> None:
    figures = Figures()
    figures.files["wide"] = Size(10.0, 1_000)
    for peer, seconds in ((OURS, 2.0), (DUCKDB, 1.2), (DUCKDB_JSON, 3.0)):
        for cores in (1, 2):
            figures.runs[Case("wide", peer, cores)] = [Run(seconds, seconds)]
    text = markdown(figures, GOALS)
    assert "unnamed fields | ≥ 0.8× | 0.60× | ≥ 1× | 0.60× | **missed** by 25% on 1 core, 40% on 2 cores |" in text
    assert "JSON | ≥ 1.5× | 1.50× | ≥ 1.7× | 1.50× | **missed** by 12% on 2 cores |" in text


def test_each_question_reads_something_of_the_files_that_were_written(tmp_path: Path) -> None:
    (days,) = (file for file in MADE if file.name == "days")
    written = files.write(days, tmp_path, SMALL, seed=3)
    flatten_file(str(written.path), tmp_path / "ours", None, registry.contract(days.contract))
    layout.pandas_file(tmp_path / "ours", tmp_path / "pandas")
    ours, theirs = (layout.bytes_read(tmp_path / name, partitioned=name == "ours") for name in ("ours", "pandas"))
    assert ours.keys() == theirs.keys() == layout.QUESTIONS.keys()
    assert 0 < ours["sales_by_month"] < theirs["sales_by_month"]
