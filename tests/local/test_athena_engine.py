"""The embedded engine answers as Athena does: partitions, types, files, parameters, errors, text of values."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from chalicelib.dataset import REJECTED_TABLE
from local.athena.ddl import create_view
from local.athena.engine import select
from local.athena.lake import MalformedQuery, QueryCancelled, QueryError
from local.athena.memory import MemoryLake
from local.athena.sql import parse
from local.athena.statements import StatementContext, statement
from local.athena.tables import FileCache
from local.athena.values import ResultColumn, ResultFile, read_rows, text
from tests.local.athena_memory_lake import (
    BUCKET,
    DATABASE,
    PREFIX,
    PROJECTION,
    SCHEMA,
    TABLE,
    lake_with,
    order,
    parquet,
    table_input,
)

Ask = Callable[..., list[list[str | None]]]
"""Runs a query with its parameters and returns its rows as text."""

ROWS = [
    *order("1", "2024-07-01T09:30:00", "30.00", ("c1", "Ann"), [("p1", "Pen", "Office", "10.00", 1)]),
    *order("2", "2024-08-01", "7.00", None, []),
]


@pytest.fixture
def cache(tmp_path: Any) -> FileCache:
    return FileCache(tmp_path / "objects")


@pytest.fixture
def lake(cache: FileCache) -> MemoryLake:
    return lake_with(ROWS, cache)


@pytest.fixture
def ask(lake: MemoryLake, cache: FileCache) -> Ask:
    def run(sql: str, *parameters: str) -> list[list[str | None]]:
        result = select(lake, cache, parse(sql, parameters), DATABASE)
        return read_rows(bytes(result.file.content), len(result.file.columns))[1:]

    return run


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    cache = FileCache(tmp_path_factory.mktemp("objects"))

    def evaluated(sql: str) -> list[list[str | None]]:
        result = select(MemoryLake(), cache, parse(sql, ()), DATABASE)
        return read_rows(bytes(result.file.content), len(result.file.columns))[1:]

    return evaluated


def fails(ask: Ask, sql: str, *parameters: str) -> str:
    with pytest.raises(QueryError) as caught:
        ask(sql, *parameters)
    return str(caught.value)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("7 % 3", "1"),
        ("7e0 / 2", "3.5"),
        ("DECIMAL '1.20'", "1.20"),
        ("DECIMAL '1.20' + 1", "2.20"),
        ("CAST(DECIMAL '2.5' AS bigint)", "3"),
        ("TIMESTAMP '2024-07-05 10:15:00.120'", "2024-07-05 10:15:00.120"),
        ("DATE '2024-07-05'", "2024-07-05"),
        ("date_trunc('month', TIMESTAMP '2024-07-05 10:15:00')", "2024-07-01 00:00:00.000"),
        ("date_format(TIMESTAMP '2024-07-05 10:15:00', '%Y-%m')", "2024-07"),
        ("TRUE", "true"),
        ("''", ""),
        ("NULL", None),
        ("1e10", "1.0E10"),
        ("1e0", "1.0"),
        ("12345.678e0", "12345.678"),
        ("0.0001e0", "1.0E-4"),
        ("ARRAY[1, NULL]", "[1, null]"),
        ("CAST('a' AS varbinary)", "61"),
        ("ROW(1, 'x') < ROW(1, 'y')", "true"),
        ("regexp_like('abc', '^a')", "true"),
        ("json_extract_scalar('{\"a\": 1}', '$.a')", "1"),
        ("'a' || 'b'", "ab"),
    ],
)
def test_an_expression_has_athenas_value_and_text(evaluate: Ask, expression: str, expected: str | None) -> None:
    assert evaluate(f"SELECT {expression} AS x") == [[expected]]


def test_max_by_gives_the_winners_null(evaluate: Ask) -> None:
    values = "(VALUES ('a', 1), (NULL, 2)) AS t(x, y)"
    assert evaluate(f"SELECT max_by(x, y), max_by(x, y) FILTER (WHERE x IS NOT NULL) FROM {values}") == [[None, "a"]]


def test_the_maximum_of_a_row_compares_field_by_field(evaluate: Ask) -> None:
    values = "(VALUES (1, 'z', 9), (2, 'a', 1), (2, 'b', 0)) AS t(x, y, z)"
    assert evaluate(f"SELECT MAX(ROW(x, y, z)) = ROW(2, 'b', 0) FROM {values}") == [["true"]]


def test_a_column_without_a_name_gets_athenas(lake: MemoryLake, cache: FileCache) -> None:
    result = select(lake, cache, parse("SELECT 1, COUNT(*), order_id FROM orders GROUP BY order_id", ()), DATABASE)
    assert [column.name for column in result.file.columns] == ["_col0", "_col1", "order_id"]


def test_parameters_replace_question_marks_in_order_and_not_inside_text(ask: Ask) -> None:
    assert ask(
        "SELECT 'a?b', order_id FROM orders WHERE order_id = ? AND order_month = ? -- ?", "'1'", "'2024-07'"
    ) == [["a?b", "1"]]
    assert ask("SELECT order_id FROM orders WHERE order_id = ?", "'1'' OR 1=1'") == []


@pytest.mark.parametrize("parameters", [[], ["'1'", "'2'"]])
def test_too_few_or_many_parameters_fail(ask: Ask, parameters: list[str]) -> None:
    message = fails(ask, "SELECT order_id FROM orders WHERE order_id = ?", *parameters)
    assert f"Incorrect number of parameters: expected 1 but found {len(parameters)}" in message


@pytest.mark.parametrize(
    "hostile", ["1 OR 1=1) --", "'1' LIMIT 1", "'1'; DROP VIEW orders", "order_id", "(SELECT 1)", "1, 2"]
)
def test_a_parameter_that_is_more_than_a_constant_fails(ask: Ask, hostile: str) -> None:
    assert "INVALID_PARAMETER_USAGE" in fails(ask, "SELECT order_id FROM orders WHERE order_id = ?", hostile)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT nope FROM orders", "COLUMN_NOT_FOUND: line 1:8: Column 'nope' cannot be resolved"),
        ("SELECT 1 FROM nope", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.etl_pipeline.nope' does not exist"),
        ("SELECT 1 FROM nope.orders", "SCHEMA_NOT_FOUND: line 1:15: Schema 'nope' does not exist"),
        ("SELECT 1 FROM nope.etl_pipeline.orders", "CATALOG_NOT_FOUND: line 1:15: Catalog 'nope' not found"),
        ("SELECT nope(1)", "FUNCTION_NOT_FOUND: line 1:8: Function 'nope' not registered"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("SELECT 1 FROM orders WHERE order_id = 1001", "TYPE_MISMATCH: line 1:1: Cannot apply operator: varchar = int"),
        ("SELECT 1 FROM orders WHERE order_date > '2024-07-01'", "TYPE_MISMATCH: "),
        ("SELECT 1 FROM orders o JOIN order_lines l ON o.order_id = l.line_number", "TYPE_MISMATCH: "),
        ("SELECT 1 FROM (SELECT line_count AS n FROM orders) WHERE n IN ('1')", "TYPE_MISMATCH: "),
        ("SELECT CAST('x' AS bigint)", "INVALID_CAST_ARGUMENT: "),
        ("SELECT order_id, COUNT(*) FROM orders", "EXPRESSION_NOT_AGGREGATE: "),
        ("SELECT * FROM read_csv('/etc/passwd')", "FUNCTION_NOT_FOUND: "),
        ("SELECT * FROM '/etc/passwd'", "TABLE_NOT_FOUND: "),
    ],
)
def test_a_query_that_cannot_run_fails_in_athenas_words(ask: Ask, sql: str, message: str) -> None:
    assert fails(ask, sql).startswith(message)


@pytest.mark.parametrize(
    "sql", ["SELEC 1", "SELECT FROM WHERE", "SELECT (1", "SELECT 1; SELECT 2", "", "'", "SELECT '"]
)
def test_text_that_is_not_one_statement_is_malformed(sql: str) -> None:
    with pytest.raises(MalformedQuery):
        parse(sql, ())


def test_names_may_carry_catalog_and_database_and_any_case(ask: Ask) -> None:
    for name in (
        "orders",
        "ETL_Pipeline.Orders",
        "awsdatacatalog.etl_pipeline.orders",
        '"AwsDataCatalog"."etl_pipeline"."orders"',
    ):
        assert ask(f"SELECT COUNT(*) FROM {name}") == [["2"]]
    assert ask("SELECT etl_pipeline.orders.order_id FROM etl_pipeline.orders ORDER BY 1") == [["1"], ["2"]]
    assert ask("WITH orders AS (SELECT 1 AS x) SELECT x FROM orders") == [["1"]]


def test_only_partitions_in_the_projected_range_and_format_are_seen(lake: MemoryLake, ask: Ask) -> None:
    content = lake.stored[BUCKET, f"{PREFIX}order_month=2024-07/part.parquet"]
    for folder in ("1999-12", "2999-01", "2024-7", "2024-13", "nonsense"):
        lake.stored[BUCKET, f"{PREFIX}order_month={folder}/part.parquet"] = content
    lake.stored[BUCKET, f"{PREFIX}part.parquet"] = content
    lake.stored[BUCKET, "orders_parquet_datalake2/order_month=2024-07/part.parquet"] = content
    assert ask(f"SELECT order_month, COUNT(*) FROM {TABLE} GROUP BY 1 ORDER BY 1") == [
        ["2024-07", "1"],
        ["2024-08", "1"],
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"projection.order_month.type": "dates"},
        {"projection.order_month.range": "2000-01"},
        {"projection.order_month.range": "2000-01,SOON"},
        {"storage.location.template": f"s3://{BUCKET}/{PREFIX}"},
    ],
)
def test_wrong_projection_fails_at_query_time(lake: MemoryLake, ask: Ask, change: dict[str, str]) -> None:
    lake.save_table(DATABASE, table_input(PROJECTION | change))
    assert "INVALID_TABLE_PROPERTY" in fails(ask, f"SELECT * FROM {TABLE}")


def test_without_projection_only_registered_partitions_are_seen(lake: MemoryLake, ask: Ask) -> None:
    lake.save_table(DATABASE, table_input({}))
    assert ask(f"SELECT * FROM {TABLE}") == []
    location = f"s3://{BUCKET}/{PREFIX}order_month=2024-08"
    lake.registered[DATABASE, TABLE] = [{"Values": ["2024-08"], "StorageDescriptor": {"Location": location}}]
    assert ask(f"SELECT order_id, order_month FROM {TABLE}") == [["2", "2024-08"]]


def test_hidden_files_and_folder_markers_are_passed_over(lake: MemoryLake, ask: Ask) -> None:
    for name in ("_SUCCESS", ".hidden", "_temporary/part.parquet", ""):
        lake.stored[BUCKET, f"{PREFIX}order_month=2024-07/{name}"] = b"not parquet"
    assert ask(f"SELECT COUNT(*) FROM {TABLE}") == [["2"]]


@pytest.mark.parametrize("content", [b"", b"{}", b"PAR1", b"PAR1 and no end ...", b"x" * 100])
def test_any_other_file_under_the_table_breaks_every_query(lake: MemoryLake, ask: Ask, content: bytes) -> None:
    lake.stored[BUCKET, f"{PREFIX}order_month=2024-07/notes.txt"] = content
    message = fails(ask, f"SELECT COUNT(*) FROM {TABLE}")
    assert message.startswith(
        f"HIVE_BAD_DATA: Not valid Parquet file: s3://{BUCKET}/{PREFIX}order_month=2024-07/notes.txt"
    )


def test_columns_are_matched_by_name_and_missing_ones_are_null(lake: MemoryLake, ask: Ask) -> None:
    fewer = pa.schema([SCHEMA.field("total_amount"), SCHEMA.field("order_id"), ("unknown", pa.int64())])
    row = {"order_id": "3", "total_amount": Decimal("5"), "unknown": 1}
    lake.stored[BUCKET, f"{PREFIX}order_month=2024-07/old.parquet"] = parquet([row], fewer)
    assert ask(f"SELECT order_id, total_amount, customer_id, order_month FROM {TABLE} WHERE order_id = '3'") == [
        ["3", "5.0000", None, "2024-07"]
    ]


def test_a_file_with_another_type_fails_where_the_column_is_read(lake: MemoryLake, ask: Ask) -> None:
    other = pa.schema([("order_id", pa.string()), ("quantity", pa.float64())])
    lake.stored[BUCKET, f"{PREFIX}order_month=2024-07/other.parquet"] = parquet(
        [{"order_id": "3", "quantity": 1.5}], other
    )
    assert ask(f"SELECT COUNT(order_id) FROM {TABLE}") == [["3"]]
    message = fails(ask, f"SELECT SUM(quantity) FROM {TABLE}")
    assert message.startswith("HIVE_BAD_DATA: Field quantity's type DOUBLE in parquet file s3://")
    assert message.endswith("is incompatible with type bigint defined in table schema")


def test_microseconds_in_a_file_are_shown_to_the_millisecond(lake: MemoryLake, ask: Ask) -> None:
    micro = pa.schema([("order_id", pa.string()), ("order_date", pa.timestamp("us"))])
    row = {"order_id": "3", "order_date": datetime(2024, 7, 5, 10, 15, 0, 123456)}
    lake.stored[BUCKET, f"{PREFIX}order_month=2024-07/micro.parquet"] = parquet([row], micro)
    assert ask(f"SELECT order_date FROM {TABLE} WHERE order_id = '3'") == [["2024-07-05 10:15:00.123"]]


def test_the_partition_key_among_the_columns_is_an_invalid_table(lake: MemoryLake, ask: Ask) -> None:
    wrong = table_input()
    wrong["StorageDescriptor"]["Columns"].append({"Name": "order_month", "Type": "string"})
    lake.save_table(DATABASE, wrong)
    assert "HIVE_INVALID_METADATA" in fails(ask, f"SELECT * FROM {TABLE}")


def test_scanned_bytes_are_those_of_the_columns_and_partitions_read(lake: MemoryLake, cache: FileCache) -> None:
    def scanned(sql: str) -> int:
        return select(lake, cache, parse(sql, ()), DATABASE).scanned_bytes

    everything = scanned(f"SELECT * FROM {TABLE}")
    one_column = scanned(f"SELECT order_id FROM {TABLE}")
    one_month = scanned(f"SELECT order_id FROM {TABLE} WHERE order_month = '2024-07'")
    assert 0 < one_month < one_column < everything
    assert scanned(f"SELECT order_month FROM {TABLE}") == 0
    assert scanned(f"SELECT * FROM {TABLE} WHERE order_month = '2030-01'") == 0


def test_a_query_over_the_limit_is_cancelled_before_it_runs(lake: MemoryLake, cache: FileCache) -> None:
    with pytest.raises(QueryCancelled, match="Bytes scanned limit was exceeded"):
        select(lake, cache, parse(f"SELECT * FROM {TABLE}", ()), DATABASE, cutoff=10)


def test_a_view_is_stale_when_its_table_has_changed(lake: MemoryLake, ask: Ask) -> None:
    changed = table_input()
    changed["StorageDescriptor"]["Columns"][2]["Type"] = "double"
    lake.save_table(DATABASE, changed)
    assert "VIEW_IS_STALE" in fails(ask, "SELECT order_id FROM orders")


def run_catalog(lake: MemoryLake, cache: FileCache, sql: str) -> list[str]:
    answer = statement(sql, ()).run(StatementContext(lake, cache, DATABASE, None, lambda connection: None))
    return answer.lines  # type: ignore[union-attr]


def test_views_are_made_replaced_and_dropped(lake: MemoryLake, cache: FileCache, ask: Ask) -> None:
    run_catalog(lake, cache, "CREATE VIEW v AS SELECT order_id AS id FROM orders")
    assert ask("SELECT id FROM v ORDER BY id") == [["1"], ["2"]]
    with pytest.raises(QueryError, match="TABLE_ALREADY_EXISTS"):
        run_catalog(lake, cache, "CREATE VIEW v AS SELECT 1 AS x")
    run_catalog(lake, cache, "CREATE OR REPLACE VIEW etl_pipeline.v AS SELECT 2 AS x;")
    assert ask("SELECT x FROM v") == [["2"]]
    run_catalog(lake, cache, "DROP VIEW v")
    with pytest.raises(QueryError, match="ENTITY_NOT_FOUND"):
        run_catalog(lake, cache, "DROP VIEW v")
    assert run_catalog(lake, cache, "DROP VIEW IF EXISTS v") == []


def test_a_view_with_a_query_that_cannot_run_is_not_made(lake: MemoryLake, cache: FileCache) -> None:
    for wrong in ("SELECT nope FROM orders", "SELECT 1", "SELECT order_id, order_id FROM orders"):
        sql = f"CREATE VIEW broken AS {wrong}"
        with pytest.raises(QueryError):
            create_view(lake, cache, parse(sql, ()), sql, DATABASE)
    assert lake.table(DATABASE, "broken") is None


def test_the_catalog_can_be_queried(lake: MemoryLake, cache: FileCache) -> None:
    assert run_catalog(lake, cache, "SHOW TABLES") == ["order_lines", "orders", TABLE, REJECTED_TABLE]
    assert run_catalog(lake, cache, "SHOW TABLES IN etl_pipeline 'order_*'") == ["order_lines"]
    assert run_catalog(lake, cache, "-- a comment\nSHOW VIEWS;") == ["order_lines", "orders"]
    assert run_catalog(lake, cache, "SHOW DATABASES") == ["etl_pipeline"]
    assert run_catalog(lake, cache, f"DESCRIBE {TABLE}")[0].split() == ["order_id", "string"]
    assert run_catalog(lake, cache, f"SHOW COLUMNS IN {TABLE}")[-1].strip() == "order_month"
    assert run_catalog(lake, cache, "SHOW CREATE VIEW orders")[0] == "CREATE VIEW etl_pipeline.orders AS"
    assert run_catalog(lake, cache, f"SHOW PARTITIONS {TABLE}") == []


def test_what_cannot_be_done_here_says_so(lake: MemoryLake, cache: FileCache) -> None:
    with pytest.raises(QueryError, match="NOT_SUPPORTED"):
        run_catalog(lake, cache, "CREATE TABLE t AS SELECT 1 AS x")


def test_a_result_file_reads_back_as_it_was_written() -> None:
    file = ResultFile([ResultColumn("a", "varchar"), ResultColumn("b", "varchar")])
    written: list[list[Any]] = [["x", None], ["", '"'], ["a,b\nc", "ü"], [None, None], ["''", "\\"]]
    for row in written:
        file.append(row)
    content = bytes(file.content)
    assert read_rows(content, 2) == written
    assert read_rows(content[file.starts[2] : file.starts[4]], 2) == written[2:4]
    assert content.splitlines()[0] == b'"x",'


def test_values_in_rows_and_maps_are_written_as_athena_does() -> None:
    assert text({"a": 1, "b": None}) == "{a=1, b=null}"
    assert text(float("nan")) == "NaN"
    assert text(float("-inf")) == "-Infinity"
    assert text(-1.5e-9) == "-1.5E-9"
    assert text(9999999.0) == "9999999.0"
    assert text(1e7) == "1.0E7"
