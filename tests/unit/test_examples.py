"""Each example of examples/contracts loads its sample into the expected rows, and its views and queries answer."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from chalicelib import dataset as datasets
from chalicelib.aws import glue
from chalicelib.contracts import registry
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.sources import Origin
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.flatten.command import main as flatten_main
from chalicelib.flatten.flattener import Flattener, Lineage, records_of
from chalicelib.flatten.schema import file_schema
from chalicelib.queries import saved
from chalicelib.queries.views import view_statements
from local.athena.ddl import create_view
from local.athena.engine import select
from local.athena.memory import MemoryLake
from local.athena.sql import parse
from local.athena.tables import FileCache
from local.athena.values import read_rows as csv_rows
from tests.example_rows import EXAMPLES, MODIFIED, NAMES, plain, records
from tests.example_rows import rows as read_rows
from tests.goldens.golden import assert_golden
from tests.unit.third_reading import extra_fields

FROM_THE_FILE = (Origin.SOURCE_KEY, Origin.SOURCE_VERSION, Origin.SOURCE_MODIFIED_AT)
PREFIXES = Prefixes("in/", "quarantine/", "ledger/", "results/", "state/", "receipts/")
EMPTY = {
    "amazon_order_items.amazon_order_item_lines.next_token": "the answers of the sample are complete",
}
"""Columns that no document of a sample fills, and why."""


def contract_of(name: str) -> Contract:
    return registry.contract(str(EXAMPLES / name))


@cache
def all_datasets() -> tuple[Dataset, ...]:
    made = [Dataset(contract_of(name), "bucket", "etl_pipeline", PREFIXES) for name in NAMES]
    return datasets.check((*made, Dataset(registry.contract(), "bucket", "etl_pipeline", PREFIXES)))


@cache
def flattened(name: str, fast: bool) -> dict[str, tuple[pa.Table, list[int]]]:
    """Return the rows of each table that a sample becomes, with the month since 1970 of each."""
    contract, sample = contract_of(name), (EXAMPLES / name / "sample.json").read_bytes()
    flattener = Flattener(Lineage(f"in/{name}.json", "v1", MODIFIED), contract, fast=fast)
    tables: dict[str, tuple[pa.Table, list[int]]] = {}
    for batch in records_of(io.BytesIO(sample), 10**7, 10**8, contract):
        for part in flattener.flatten(batch):
            assert not part.rejected, part.rejected
            for each in part.tables:
                rows, months = tables.get(each.table.name, (None, []))
                whole = each.rows if rows is None else pa.concat_tables([rows, each.rows])
                tables[each.table.name] = (whole, [*months, *each.months.tolist()])
    return tables


def rows_of(name: str, fast: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the rows as the product has them, with their months where documents have a date."""
    contract = contract_of(name)
    dated = contract.date_column.source is not Origin.SOURCE_MODIFIED_AT
    result = {}
    for table in contract.tables:
        rows, months = flattened(name, fast)[table.name]
        left_out = [table.of(origin).name for origin in FROM_THE_FILE]
        result[table.name] = [
            row | ({"month": month_text(month)} if dated else {})
            for row, month in zip(rows.drop_columns(left_out).to_pylist(), months, strict=True)
        ]
    return result


def month_text(month: int) -> str:
    return f"{1970 + month // 12}-{month % 12 + 1:02}"


def test_there_are_examples() -> None:
    assert len(NAMES) == 9


def expected(name: str) -> dict[str, list[dict[str, Any]]]:
    loaded: dict[str, list[dict[str, Any]]] = json.loads((EXAMPLES / name / "expected.json").read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("name", NAMES)
def test_expected_rows_are_those_that_the_third_reading_gives(name: str) -> None:
    assert expected(name) == {table: [plain(row) for row in rows] for table, rows in read_rows(name).items()}


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_becomes_the_expected_rows_either_way(name: str, fast: bool) -> None:
    made = rows_of(name, fast)
    assert {table: [plain(row) for row in rows] for table, rows in made.items()} == expected(name)
    for table, rows in read_rows(name).items():
        assert [extra_fields(row["extra_fields"]) for row in made[table]] == [row["extra_fields"] for row in rows]


@pytest.mark.parametrize("name", NAMES)
def test_a_document_on_its_own_becomes_the_same_rows_as_in_its_page(name: str) -> None:
    contract, others = contract_of(name), ["record_number", "extra_fields"]
    for number, record in enumerate(records(name), 1):
        lineage = Lineage(f"in/{name}.json", "v1", MODIFIED)
        (batch,) = records_of(io.BytesIO(json.dumps(record).encode()), 10**7, 10**8, contract)
        (part,) = Flattener(lineage, contract).flatten(batch)
        for each in part.tables:
            rows, _ = flattened(name, True)[each.table.name]
            in_page = rows.filter(pc.equal(rows["record_number"], number))
            assert each.rows.drop_columns(others).equals(in_page.drop_columns(others))


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_give_the_same_cells(name: str) -> None:
    for table in contract_of(name).tables:
        assert flattened(name, True)[table.name][0].equals(flattened(name, False)[table.name][0])


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_fills_every_column(name: str) -> None:
    empty = [
        f"{name}.{table}.{column}"
        for table, (rows, _) in flattened(name, True).items()
        for column in rows.column_names
        if rows[column].null_count == len(rows) and column != "extra_fields"
    ]
    assert empty == [each for each in EMPTY if each.startswith(f"{name}.")]


def leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{i}]")
    elif value is not None:
        yield path


@pytest.mark.parametrize("name", NAMES)
def test_what_no_column_takes_is_in_extra_fields(name: str) -> None:
    contract = contract_of(name)
    named = {re.sub(r"\[[^]]*\]", "", str(path)) for _, column in contract.columns() for path in column.paths}
    kept: set[str] = set()
    for rows, _ in flattened(name, True).values():
        kept.update(key for text in rows["extra_fields"].to_pylist() if text for key in json.loads(text))
    for record in records(name):
        for leaf in leaves(record[contract.at.keys[0]] if contract.at else record):
            path = re.sub(r"\[\d+\]", "[]", leaf)
            paths = [path, *(path[: match.start()] for match in re.finditer(r"[.\[]", path))]
            is_named = any(each.replace("[]", "") in named for each in paths)
            assert is_named or kept.intersection(paths), f"{leaf} is in no column and in no extra_fields"


@cache
def lake() -> MemoryLake:
    """Return every example's tables and views, with its sample in them."""
    made = MemoryLake()
    for dataset in all_datasets():
        for table in dataset.tables:
            made.save_table(dataset.database, dict(glue.table_input(dataset, table, "projection")))
            rows, months = (
                flattened(dataset.name, True).get(table.name, (None, [])) if dataset.name in NAMES else (None, [])
            )
            for month in sorted(set(months)):
                assert rows is not None
                of_month = rows.filter(pa.array([each == month for each in months]))
                sink = io.BytesIO()
                pq.write_table(of_month.cast(file_schema(table)), sink)
                key = f"{dataset.folders[table]}{table.partition.name}={month_text(month)}/a.parquet"
                made.stored[dataset.bucket, key] = sink.getvalue()
    return made


@pytest.fixture(scope="module")
def cache_of_files(tmp_path_factory: pytest.TempPathFactory) -> FileCache:
    files = FileCache(tmp_path_factory.mktemp("objects"))
    for dataset in all_datasets():
        for _, sql in view_statements(dataset):
            create_view(lake(), files, parse(sql, ()), sql, dataset.database)
    return files


def answer(files: FileCache, sql: str, parameters: tuple[str, ...] = ()) -> list[list[str | None]]:
    """Return the names of the columns, and the rows."""
    selected = select(lake(), files, parse(sql, parameters), "etl_pipeline")
    return [list(row) for row in csv_rows(bytes(selected.file.content), len(selected.file.columns))]


VIEWS = [(dataset.name, view) for dataset in all_datasets() if dataset.name in NAMES for view in dataset.views]


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "view"), VIEWS)
def test_a_view_has_the_latest_version_of_each_document(name: str, view: str, cache_of_files: FileCache) -> None:
    contract = contract_of(name)
    table = next(each for each in contract.tables if view in (each.latest, each.documents))
    header, *rows = answer(cache_of_files, f'SELECT * FROM "{view}"')
    sent = read_rows(name)[table.name]
    latest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for row in sent:
        key = tuple(row[each] for each in table.identity)
        rank = (*([row.get(table.version)] if table.version else []), row["record_number"])
        latest[key] = max(latest.get(key, rank), rank)
    if view == table.documents:
        assert len(rows) == len(latest)
    else:
        winners = {(key, rank[-1]) for key, rank in latest.items()}
        kept = [row for row in sent if (tuple(row[each] for each in table.identity), row["record_number"]) in winners]
        assert len(rows) == len(kept)
        assert header == [column.name for column in table.columns]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_three_queries_or_more(name: str) -> None:
    assert 3 <= len(list((EXAMPLES / name / "queries").glob(f"{name}_*.sql"))) <= 5


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_saved_queries_answer_from_the_sample(name: str, cache_of_files: FileCache) -> None:
    answers = {}
    for query in saved.load(all_datasets()).values():
        if query.contract == name:
            statement = query.bind({each.name: each.example for each in query.parameters if each.required})
            rows = answer(cache_of_files, statement.sql, statement.parameters)
            if query.name == f"{name}_in_two_months":
                # It finds what should not be.
                assert len(rows) == 1
                continue
            answers[query.name] = rows
            assert len(answers[query.name]) > 1, query.name
            assert query.chart is None or {query.chart.x, query.chart.y} <= {*answers[query.name][0]}, query.name
    assert_golden(f"example_{name}", answers)


@pytest.mark.parametrize("name", NAMES)
def test_the_docs_show_a_query_of_each_example_with_its_answer(name: str) -> None:
    docs = (EXAMPLES.parents[1] / "docs" / "examples.md").read_text("utf-8")
    sections = [each for each in docs.split("\n## ") if f"contracts/{name}/contract.toml" in each]
    (section,) = sections
    query = re.findall(r"^`(\w+)`:$", section, re.MULTILINE)[0]
    sql = (EXAMPLES / name / "queries" / f"{query}.sql").read_text("utf-8").splitlines()
    assert "\n".join(line for line in sql if not line.startswith("--")) in section
    golden = EXAMPLES.parents[1] / "tests" / "goldens" / f"example_{name}.json"
    columns, *rows = json.loads(golden.read_text("utf-8"))[query]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    assert shown == [columns, ["---"] * len(columns), *([value or "" for value in row] for row in rows)]


def test_the_docs_show_what_flatten_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    docs = (EXAMPLES.parents[1] / "docs" / "examples.md").read_text("utf-8")
    (printed,) = re.findall(r"^\$ python -m chalicelib\.flatten .*\n(.*)$", docs, re.MULTILINE)
    sample = EXAMPLES / "shopify" / "sample.json"
    assert flatten_main([str(sample), "-o", str(tmp_path / "out"), "--contract", str(EXAMPLES / "shopify")]) == 0
    assert capsys.readouterr().out.strip() == printed
