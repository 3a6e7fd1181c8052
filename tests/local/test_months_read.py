"""How much of a table of 100 months each saved query reads: a month's question reads a month where dates are fixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.aws.glue import table_input
from chalicelib.dataset import Dataset
from chalicelib.queries import saved
from chalicelib.queries.views import view_statements
from local.athena.ddl import create_view
from local.athena.engine import Session, select
from local.athena.memory import MemoryLake
from local.athena.sql import parse
from local.athena.tables import FileCache
from local.athena.values import read_rows
from tests.local.athena_memory_lake import ORDERS, month_files, order

MONTHS = [f"{2010 + i // 12}-{i % 12 + 1:02}" for i in range(100)]
MONTH = MONTHS[50]
FIXED = replace(ORDERS, contract=replace(ORDERS.contract, date_is_fixed=True))
QUERIES = {name: query for name, query in saved.load([FIXED]).items() if query.contract}
OF_A_MONTH = sorted(name for name, query in QUERIES.items() if {"from", "to"} <= {p.name for p in query.parameters})
LINE = ("p1", "Pen", "Office", "10.00", 2)
OF_ALL_MONTHS: dict[str, dict[str, str]] = {
    "order_lines_of": {"order_id": "50"},
    "orders_in_two_months": {},
    "preview": {},
}
"""Questions that no month can be told for: what is known is an id, or nothing. `preview` ends at ten rows on Athena."""


def test_each_saved_query_is_for_a_month_or_known_to_be_for_all() -> None:
    assert sorted({*OF_A_MONTH, *OF_ALL_MONTHS}) == sorted(QUERIES)
    assert len(OF_A_MONTH) == 7


def lake_of(dataset: Dataset, months: Iterable[str], files: FileCache) -> MemoryLake:
    """Return a lake whose table has an order in each of these months, all registered, with the dataset's views."""
    lake, main = MemoryLake(), dataset.contract.main
    table: Any = table_input(dataset, main, "partitions")
    lake.save_table(dataset.database, table)
    rows = [row for month in months for row in order(month, f"{month}-05", "20.00", ("c1", "Ann"), [LINE] * 3)]
    for key, content in month_files(rows).items():
        lake.stored[dataset.bucket, key] = content
    lake.registered[dataset.database, main.name] = [
        {
            "Values": [month],
            "StorageDescriptor": table["StorageDescriptor"]
            | {"Location": f"{dataset.location(main)}order_month={month}/"},
        }
        for month in months
    ]
    for _, sql in view_statements(dataset):
        create_view(lake, files, parse(sql, ()), sql, dataset.database)
    return lake


Read = Callable[[str, dict[str, str]], int]
"""Returns the bytes that a saved query reads, given its parameters."""


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Read]]:
    """Bytes read of a hundred months, of a hundred where documents may have moved, of two months, of one."""
    files = FileCache(tmp_path_factory.mktemp("objects"))
    tables = {
        "hundred": (FIXED, MONTHS),
        "moving": (ORDERS, MONTHS),
        "two": (FIXED, [MONTHS[0], MONTH]),
        "one": (FIXED, [MONTH]),
    }
    with ExitStack() as stack:

        def read_of(dataset: Dataset, months: list[str], name: str) -> Read:
            session = Session(lake_of(dataset, months, files), files, tmp_path_factory.mktemp(name))
            stack.callback(session.connection.close)

            def read(query: str, given: dict[str, str]) -> int:
                statement = QUERIES[query].bind(given)
                return session.scanned(session.prepare(parse(statement.sql, statement.parameters), dataset.database))

            return read

        yield {name: read_of(*table, name) for name, table in tables.items()}


@pytest.mark.parametrize("name", OF_A_MONTH)
def test_a_months_question_reads_that_month_of_a_hundred_and_nothing_else_where_dates_are_fixed(
    reads: dict[str, Read], name: str
) -> None:
    given = {"from": f"{MONTH}-01", "to": f"{MONTH}-28"}
    hundred, moving, two, one = (reads[table](name, given) for table in ("hundred", "moving", "two", "one"))
    # Of a table of one month the engine knows without reading it that every day is in the range.
    assert hundred == two
    assert one <= two < 1.2 * one
    # Where a document may have moved, what tells its latest version is read of all months.
    assert moving > 20 * hundred


@pytest.mark.parametrize("name", OF_ALL_MONTHS)
def test_a_question_without_a_month_reads_its_columns_of_all_months(reads: dict[str, Read], name: str) -> None:
    hundred, two = reads["hundred"](name, OF_ALL_MONTHS[name]), reads["two"](name, OF_ALL_MONTHS[name])
    assert hundred == pytest.approx(50 * two, rel=0.1)


def test_the_saved_check_reads_the_identity_alone(reads: dict[str, Read]) -> None:
    assert reads["hundred"]("orders_in_two_months", {}) < reads["hundred"]("preview", {}) / 10


def test_the_saved_check_finds_documents_that_stand_in_two_months(tmp_path: Path) -> None:
    sent = order("7", "2024-07-05", "1", None, [])
    assert in_two_months(tmp_path / "moved", [*sent, *again("2024-09-01")]) == [["7", "2024-07", "2024-09", "2"]]
    assert in_two_months(tmp_path / "same", [*sent, *again("2024-07-09")]) == []


def again(date: str) -> list[dict[str, Any]]:
    """Return the order 7, sent again in another file."""
    return order("7", date, "1", None, [], source="orders_json_incoming/b.json", modified="2024-10-01T00:00:00")


def in_two_months(folder: Path, rows: list[dict[str, Any]]) -> list[list[str | None]]:
    """Return what the saved check says of these rows."""
    lake, files = MemoryLake(), FileCache(folder)
    lake.save_table(FIXED.database, dict(table_input(FIXED, FIXED.contract.main, "projection")))
    for key, content in month_files(rows).items():
        lake.stored[FIXED.bucket, key] = content
    result = select(lake, files, parse(QUERIES["orders_in_two_months"].bind({}).sql, ()), FIXED.database)
    return read_rows(bytes(result.file.content), 4)[1:]
