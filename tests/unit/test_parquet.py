"""The Parquet files of a source: their names, months, types and sizes, and what bounds memory and disk."""

from __future__ import annotations

import io
import json
import random
import threading
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from chalicelib.file_names import FileNames, in_generation, ledger_name, parse_name, version_digest
from chalicelib.flatten.columns import month_name, take
from chalicelib.flatten.flattener import Flattener, Lineage, TableRows, records_of
from chalicelib.flatten.schema import file_schema
from chalicelib.writing import hive, month_rows, parquet
from chalicelib.writing.folder import Folder
from chalicelib.writing.hive import HiveSink
from chalicelib.writing.month_rows import held_bytes
from chalicelib.writing.parquet import MonthFile, MonthFiles
from chalicelib.writing.thread import WritingThread
from tests.contracts import ORDERS
from tests.unit.growth import assert_linear

TABLE = ORDERS.main
MODIFIED = datetime(2024, 7, 5, 9, 8, 7, tzinfo=UTC)
LINEAGE = Lineage("orders_json_incoming/a b.json", "v1", MODIFIED)
NAMES = FileNames(LINEAGE.key, LINEAGE.version, MODIFIED)


def orders(count: int, months: int = 3, seed: int = 0) -> list[dict[str, Any]]:
    rng = random.Random(seed)
    return [
        {
            "order_id": i,
            "order_date": f"{2000 + (month := rng.randrange(months)) // 12}-{month % 12 + 1:02d}-15",
            "customer": {"customer_id": rng.randrange(50), "name": f"Customer {rng.randrange(10**9)}"},
            "products": [
                {"product_id": p, "name": f"Product {rng.randrange(10**9)}", "price": 1.25, "quantity": 2}
                for p in range(rng.randrange(4))
            ],
        }
        for i in range(count)
    ]


def flattened(records: list[dict[str, Any]]) -> list[TableRows]:
    flattener = Flattener(LINEAGE, ORDERS)
    text = io.BytesIO(b"\n".join(json.dumps(each).encode() for each in records))
    batches = records_of(text, 1 << 20, 1 << 30, ORDERS)
    return [part.tables[0] for batch in batches for part in flattener.flatten(batch)]


def write(directory: Path, parts: list[TableRows], cut: int = 200, **options: Any) -> list[MonthFile]:
    """Write rows a few at a time, as from many batches."""
    files: list[MonthFile] = []
    thread = WritingThread(2.0)
    options = {"roll_bytes": 1 << 30, "thread": thread, **options}
    with closing(MonthFiles(directory, NAMES, table=TABLE, closed=files.append, **options)) as month_files:
        for part in parts:
            for start in range(0, part.rows.num_rows, cut):
                month_files.add(part.rows.slice(start, cut), part.months[start : start + cut])
    thread.end()
    return files


def rows_in(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.ParquetFile(path).read().to_pylist()
    return rows


def rows_of(files: list[MonthFile]) -> list[dict[str, Any]]:
    return [row for file in files for row in rows_in(file.path)]


def held_by(files: MonthFiles) -> int:
    parts = [part for each in files._waiting.values() for part in each.parts]
    return sum(map(held_bytes, parts))


def keyed(rows: list[dict[str, Any]]) -> list[Any]:
    return sorted(rows, key=lambda row: (row["record_number"], row["line_number"] or 0))


def test_names_are_made_of_the_source_alone_and_stay_as_they_are() -> None:
    assert FileNames("k", "v", MODIFIED).of(1) == "orders_etl_20240705_090807_8254c329a92850f64c94485e0c210001.parquet"
    assert FileNames("k", "v", MODIFIED).of(255).endswith("00ff.parquet")


def test_a_files_name_leads_to_the_ledgers_entry_of_its_source() -> None:
    name = FileNames("orders_json_incoming/a b.json", "v", MODIFIED).of(3)
    for generation in (0, 1, 12):
        key = in_generation(f"orders_parquet_datalake/order_month=2024-07/{name}", generation)
        read = parse_name(key)
        assert read is not None
        assert ledger_name("orders_json_incoming/a b.json").startswith(read.key_digest)
        assert (read.version_digest, read.generation) == (version_digest("v"), generation)
    assert parse_name("orders_parquet_datalake/order_month=2024-07/part-0000.parquet") is None
    assert parse_name(f"{name}.gz") is None
    assert parse_name(name.replace(".parquet", "_g0.parquet")) is None


def test_key_and_version_cannot_be_confused_and_every_name_is_visible_to_athena() -> None:
    prefixes = {FileNames(key, version, MODIFIED).prefix for key, version in [("ab", "c"), ("a", "bc"), ("abc", "")]}
    assert len(prefixes) == 3
    assert all(each[0] not in "_." for each in prefixes)


def test_each_row_is_in_the_file_of_its_month_and_none_is_lost(tmp_path: Path) -> None:
    parts = flattened(orders(1000, months=30))
    files = write(tmp_path, parts)
    assert keyed(rows_of(files)) == keyed([row for part in parts for row in part.rows.to_pylist()])
    for file in files:
        month = file.relative_path.split("/")[0].removeprefix("order_month=")
        assert {row["order_date"].strftime("%Y-%m") for row in rows_of([file])} == {month}
        assert file.relative_path == f"order_month={month}/{NAMES.of(1)}"
        assert file.path.stat().st_size == file.size
        assert pq.ParquetFile(file.path).metadata.num_rows == file.rows
    assert len(files) == 30


def test_rows_of_a_month_keep_the_order_of_the_source(tmp_path: Path) -> None:
    for file in write(tmp_path, flattened(orders(2000)), row_group_bytes=20_000):
        positions = [(row["record_number"], row["line_number"] or 0) for row in rows_of([file])]
        assert positions == sorted(positions)


def test_rows_are_there_once_and_in_order_whether_they_come_by_month_or_mixed_and_are_written_early_or_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hive, "PENDING_BYTES", 150_000)
    parts = flattened(orders(2000, months=7))
    rows = pa.concat_tables([part.rows for part in parts])
    writer = HiveSink(Folder(tmp_path / "out"), {TABLE: ""}, 15_000).writer(tmp_path / "files", NAMES)
    draw = random.Random(5)
    start = 0
    months = np.concatenate([part.months for part in parts])
    # As a file may be: for a while day by day, then in any order, then day by day again.
    for run in range(0, len(rows), 700):
        if draw.random() < 0.5:
            months[run : run + 700] = months[run]
    while start < len(rows):
        count = draw.randrange(1, 90)
        writer.write(TABLE.name, rows.slice(start, count), months[start : start + count])
        start += count
    writer.close()
    writer.publish()
    found = {folder.name: sorted(folder.iterdir()) for folder in (tmp_path / "out").iterdir()}
    assert max(len(paths) for paths in found.values()) > 1
    for month in set(months.tolist()):
        of_month = [row for path in found.pop(f"order_month={month_name(month)}") for row in rows_in(path)]
        assert of_month == rows.filter(pa.array(months == month)).to_pylist()
    assert not found


def test_the_same_source_makes_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "b"):
        files = write(tmp_path / name, flattened(orders(2000, months=9)), roll_bytes=30_000, row_group_bytes=20_000)
        contents.append({file.relative_path: file.path.read_bytes() for file in files})
    assert contents[0] == contents[1]


PHYSICAL = {
    "order_date": "INT64",
    "source_modified_at": "INT64",
    "total_amount": "INT64",
    "price": "INT64",
    "line_amount": "INT64",
    "line_number": "INT32",
    "quantity": "INT64",
    "record_number": "INT64",
}


def test_every_file_has_the_one_schema_that_athena_reads_without_surprises(tmp_path: Path) -> None:
    all_orders = [*orders(500, months=40), {"order_id": "x", "order_date": "2010-01-01", "unknown": 1}]
    files = write(tmp_path, flattened(all_orders), row_group_bytes=5_000, roll_bytes=20_000)
    wanted = file_schema(ORDERS.main)
    for file in files:
        found_schema = pq.read_schema(file.path)
        # Arrow reads back as decimal128 what it wrote from 64 bits; Parquet knows one decimal of 18 digits.
        assert [str(field.type).replace("128", "64") for field in found_schema] == [str(field.type) for field in wanted]
        assert found_schema.names == wanted.names
        assert "order_month" not in found_schema.names
        described = pq.ParquetFile(file.path).schema
        for i, column in enumerate(wanted):
            physical = described.column(i).physical_type
            assert physical == PHYSICAL.get(column.name, "BYTE_ARRAY"), column.name
            if column.type == pa.timestamp("ms"):
                logical = json.loads(described.column(i).logical_type.to_json())
                assert (logical["timeUnit"], logical["isAdjustedToUTC"]) == ("milliseconds", False)
            if pa.types.is_decimal(column.type):
                assert str(described.column(i).logical_type) == "Decimal(precision=18, scale=4)"


def test_snappy_is_the_only_codec_since_the_lambda_layer_has_no_other(tmp_path: Path) -> None:
    for file in write(tmp_path, flattened(orders(300))):
        metadata = pq.ParquetFile(file.path).metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        assert {group.column(i).compression for group in groups for i in range(metadata.num_columns)} == {"SNAPPY"}


def test_what_repeats_is_in_dictionaries_and_what_grows_in_differences(tmp_path: Path) -> None:
    file = write(tmp_path, flattened(orders(300)))[0]
    group = pq.ParquetFile(file.path).metadata.row_group(0)
    encodings = {group.column(i).path_in_schema: group.column(i).encodings for i in range(group.num_columns)}
    assert "DELTA_BINARY_PACKED" in encodings["record_number"]
    assert "DELTA_BINARY_PACKED" in encodings["order_date"]
    assert "DELTA_BYTE_ARRAY" in encodings["order_id"]
    assert "RLE_DICTIONARY" in encodings["source_key"]
    assert group.column(0).is_stats_set


def test_a_file_is_rolled_at_a_size_and_its_parts_are_numbered(tmp_path: Path) -> None:
    parts = flattened(orders(4000, months=1))
    files = write(tmp_path, parts, row_group_bytes=30_000, roll_bytes=40_000)
    assert len(files) > 3
    names = [NAMES.of(i + 1) for i in range(len(files))]
    assert [file.relative_path for file in files] == [f"order_month=2000-01/{name}" for name in names]
    assert all(40_000 <= file.size < 100_000 for file in files[:-1])
    assert keyed(rows_of(files)) == keyed([row for part in parts for row in part.rows.to_pylist()])


@pytest.mark.thorough
def test_rows_that_wait_are_bounded_however_many_months_and_tables_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hive, "PENDING_BYTES", 300_000)
    parts = flattened(orders(1500, months=300))
    folders = {table: f"{table.name}/" for table in (TABLE, replace(TABLE, name="same"))}
    writer = HiveSink(Folder(tmp_path / "out"), folders, 1 << 30).writer(tmp_path / "files", NAMES)
    most = 0
    for part in parts:
        for start in range(0, part.rows.num_rows, 200):
            for table in folders:
                writer.write(table.name, part.rows.slice(start, 200), part.months[start : start + 200])
                most = max(most, sum(held_by(files) for files in writer._tables.values()))
    writer.close()
    writer.publish()
    assert 200_000 < most <= 300_000
    for table in folders:
        rows = [row for file in (tmp_path / "out" / table.name).rglob("*.parquet") for row in rows_in(file)]
        assert keyed(rows) == keyed([row for part in parts for row in part.rows.to_pylist()])
        assert len(list((tmp_path / "out" / table.name).iterdir())) > 280


def test_waiting_rows_hold_no_more_than_themselves(tmp_path: Path) -> None:
    """A slice would keep the whole batch alive until the rarest month is written."""
    writer = MonthFiles(tmp_path, NAMES, table=TABLE, roll_bytes=1 << 30, closed=lambda _: None)
    with closing(writer) as month_files:
        rows = flattened(orders(3000, months=100))[0]
        month_files.add(rows.rows, rows.months)
        waiting = [part for each in month_files._waiting.values() for part in each.parts]
        assert len(waiting) == 100
        assert not any(isinstance(part, pa.Table) for part in waiting)
        assert sum(held_bytes(part) for part in waiting) < 1.3 * rows.rows.nbytes


def test_months_that_are_over_are_written_before_the_end_and_rare_ones_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "PASSED_BYTES", 40_000)
    monkeypatch.setattr(parquet, "LEAST_PASSED_BYTES", 20_000)
    records = orders(3000, months=10)
    of_one = [each for each in records if each["order_date"][:7] == "2000-05"]
    rare = of_one[:10]
    others = sorted((each for each in records if each not in of_one), key=lambda each: str(each["order_date"]))
    every = len(others) // len(rare)
    for i, each in enumerate(rare):
        others.insert(i * (every + 1), each)
    files: list[MonthFile] = []
    with closing(MonthFiles(tmp_path, NAMES, table=TABLE, roll_bytes=1 << 30, closed=files.append)) as month_files:
        for part in flattened(others):
            for start in range(0, part.rows.num_rows, 50):
                month_files.add(part.rows.slice(start, 50), part.months[start : start + 50])
        assert len(month_files._waiting) < 5
    groups = [pq.ParquetFile(file.path).metadata.num_row_groups for file in files]
    assert (len(groups), max(groups)) == (10, 1)


def test_unfinished_files_are_bounded_on_disk(tmp_path: Path) -> None:
    sizes: list[int] = []
    finished: list[Path] = []

    def closed(file: MonthFile) -> None:
        finished.append(file.path)
        sizes.append(sum(path.stat().st_size for path in tmp_path.rglob("*.parquet") if path not in finished))

    parts = flattened(orders(3000, months=20))
    with closing(
        MonthFiles(
            tmp_path,
            NAMES,
            table=TABLE,
            roll_bytes=1 << 30,
            closed=closed,
            row_group_bytes=10_000,
            open_bytes=100_000,
        )
    ) as month_files:
        for part in parts:
            for start in range(0, part.rows.num_rows, 200):
                month_files.add(part.rows.slice(start, 200), part.months[start : start + 200])
    assert max(sizes) <= 100_000 + 50_000
    assert len(finished) > 20


def test_row_groups_that_writers_remember_are_bounded(tmp_path: Path) -> None:
    parts = flattened(orders(1000, months=12))
    columns = len(TABLE.file_columns)
    files = write(tmp_path, parts, row_group_bytes=1000, open_chunks=40 * columns + 1)
    groups = [pq.ParquetFile(file.path).metadata.num_row_groups for file in files]
    assert max(groups) <= 40
    assert len(files) > 12
    assert keyed(rows_of(files)) == keyed([row for part in parts for row in part.rows.to_pylist()])
    assert max(Counter(file.relative_path for file in files).values()) == 1


def writing_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("parquet")]


@pytest.mark.parametrize("cores", [1.0, 2.0])
def test_a_failure_to_write_is_raised_and_stops_the_writing_thread_and_so_does_an_abort(
    tmp_path: Path, cores: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = flattened(orders(100, months=1))[0]

    class Full(Folder):
        def stage(self, key: str, path: Path) -> Any:
            raise OSError("no space left")

    monkeypatch.setattr(hive, "KEPT_BYTES", 0)
    sink = HiveSink(Full(tmp_path / "out"), {TABLE: ""}, 1, cores=cores)
    fails = sink.writer(tmp_path / "a", NAMES)
    fails.write(TABLE.name, part.rows, part.months)
    with pytest.raises(OSError, match="no space left"):
        fails.close()
    assert writing_threads() == []
    fails.abort()
    stopped = HiveSink(Folder(tmp_path / "out"), {TABLE: ""}, 1 << 30, cores=cores).writer(tmp_path / "b", NAMES)
    stopped.write(TABLE.name, part.rows, part.months)
    stopped._tables[TABLE.name].write_largest(1)
    stopped.abort()
    assert stopped.files == ()
    assert writing_threads() == []


def test_an_abort_drops_what_was_staged_though_no_file_can_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged: set[str] = set()

    class Store(Folder):
        def stage(self, key: str, path: Path) -> Any:
            staged.add(key)
            return key

        def abort(self, upload: Any) -> None:
            staged.remove(upload)

    monkeypatch.setattr(hive, "KEPT_BYTES", 0)
    writer = HiveSink(Store(tmp_path / "out"), {TABLE: ""}, 1 << 30).writer(tmp_path / "files", NAMES)
    for part in flattened(orders(500, months=6)):
        writer.write(TABLE.name, part.rows, part.months)
    files = writer._tables[TABLE.name]
    files.write_largest(files.waiting_bytes)
    files._close(next(iter(files._open)))
    assert len(staged) == 1
    close = parquet._Writer.close

    def fails(file: parquet._Writer) -> None:
        close(file)
        raise OSError("no space left")

    monkeypatch.setattr(parquet._Writer, "close", fails)
    with pytest.raises(OSError, match="no space left"):
        writer.close()
    writer.abort()
    assert not staged


def test_the_cost_of_rows_grows_with_their_months_and_not_with_the_square(tmp_path: Path) -> None:
    rows = flattened(orders(1))[0].rows.slice(0, 1)

    def add(months: int) -> None:
        files = MonthFiles(tmp_path, NAMES, table=TABLE, roll_bytes=1 << 30, closed=lambda _: None)
        files.add(take(rows, np.zeros(months, dtype=np.int64)).combine_chunks(), np.arange(months))
        files.abort()

    assert_linear(add, 3000)


def test_rows_of_all_tables_are_written_in_one_thread_where_there_are_cores_for_it_and_are_the_same_files(
    tmp_path: Path,
) -> None:
    """Each table's rows on their way to a file would take as much memory again."""
    parts = flattened(orders(500, months=12))
    folders = {table: f"{table.name}/" for table in (TABLE, replace(TABLE, name="second"), replace(TABLE, name="last"))}
    threads: dict[float, int] = {}
    made = {}
    for cores in (1.0, 2.0):
        folder = tmp_path / str(cores)
        writer = HiveSink(Folder(folder), folders, 1 << 30, cores=cores).writer(tmp_path / "files", NAMES)
        for part in parts:
            for table in folders:
                writer.write(table.name, part.rows, part.months)
        for files in writer._tables.values():
            files.write_largest(1)
        threads[cores] = len(writing_threads())
        writer.close()
        writer.publish()
        made[cores] = [path.read_bytes() for path in sorted(folder.rglob("*.parquet"))]
    assert threads == {1.0: 0, 2.0: 1}
    assert len(made[1.0]) == 36
    assert made[1.0] == made[2.0]


def test_the_last_rows_are_written_by_the_caller_too_each_once_and_a_failure_of_either_is_raised(
    tmp_path: Path,
) -> None:
    parts = flattened(orders(500, months=12))
    both = threading.Barrier(2, timeout=20)
    by: Counter[bool] = Counter()

    def closed(file: MonthFile) -> None:
        is_caller = threading.current_thread() is threading.main_thread()
        by[is_caller] += 1
        if by[is_caller] == 1:
            both.wait()  # neither goes on before the other has finished a file as well

    files = write(tmp_path / "a", parts)
    thread = WritingThread(2.0)
    with closing(
        MonthFiles(tmp_path / "b", NAMES, table=TABLE, thread=thread, roll_bytes=1 << 30, closed=closed)
    ) as month_files:
        for part in parts:
            month_files.add(part.rows, part.months)
    assert (len(by), by.total()) == (2, 12)
    written = [(tmp_path / "b" / file.path.name).read_bytes() for file in files]
    assert written == [file.path.read_bytes() for file in files]

    for fails_here in (True, False):
        done: list[str] = []

        def fails(file: MonthFile, fails_here: bool = fails_here, done: list[str] = done) -> None:
            done.append(file.relative_path)
            if (threading.current_thread() is threading.main_thread()) is fails_here:
                raise OSError("no space left")
            time.sleep(0.05)

        failing = MonthFiles(
            tmp_path / f"c{fails_here}", NAMES, table=TABLE, thread=thread, roll_bytes=1 << 30, closed=fails
        )
        with pytest.raises(OSError, match="no space left"), closing(failing):
            failing.add(parts[0].rows, parts[0].months)
        count = len(done)
        if fails_here:
            assert count < 12, "the other went on for nothing"
        thread.end()
        assert len(done) == count
        assert writing_threads() == []
        thread = WritingThread(2.0)


def test_no_rows_make_no_files(tmp_path: Path) -> None:
    assert write(tmp_path / "none", []) == []
    with closing(
        MonthFiles(tmp_path / "empty", NAMES, table=TABLE, roll_bytes=1, closed=lambda _: pytest.fail("a file"))
    ) as files:
        files.add(file_schema(ORDERS.main).empty_table(), np.empty(0, dtype=np.int64))
    assert not (tmp_path / "empty").exists()


def test_months_are_named_by_year_and_month() -> None:
    assert [month_name(each) for each in (0, 11, 12, 360, 671)] == [
        "1970-01",
        "1970-12",
        "1971-01",
        "2000-01",
        "2025-12",
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("months", [1, 40])
def test_tables_of_a_row_count_for_what_they_take(tmp_path: Path, months: int) -> None:
    """Arrow calls a row a hundred bytes, and holds many kilobytes for a table of it."""
    part = flattened([each | {"products": []} for each in orders(3000, months)])[0]
    most = 0
    with closing(
        MonthFiles(tmp_path, NAMES, table=TABLE, roll_bytes=1 << 30, closed=lambda _: None, row_group_bytes=2 << 20)
    ) as files:
        for i in range(part.rows.num_rows):
            files.add(part.rows.slice(i, 1), part.months[i : i + 1] if months == 1 else np.array([i % 2]))
            waiting = [part for each in files._waiting.values() for part in each.parts]
            most = max(most, len(waiting))
    assert most <= 2 * (2 << 20) // month_rows.TABLE_BYTES
