"""How Parquet columns are written: texts by how they repeat, and the cells the same whatever was chosen."""

from __future__ import annotations

import io
import json
import random
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chalicelib.contracts.contract import Contract
from chalicelib.file_names import FileNames
from chalicelib.flatten import columns
from chalicelib.flatten.flattener import Flattener, Lineage, TableRows, records_of
from chalicelib.flatten.schema import file_schema
from chalicelib.writing import encodings
from chalicelib.writing.parquet import MonthFile, MonthFiles
from tests.contracts import ORDERS, contract_with

TABLE = ORDERS.main
MODIFIED = datetime(2024, 7, 5, 9, 8, 7, tzinfo=UTC)
LINEAGE = Lineage("orders.json", "v1", MODIFIED)


def orders(count: int, lines: int, unnamed: dict[str, Any], of_line: dict[str, Any], months: int = 1) -> list[Any]:
    """Return orders of so many lines, which have these unnamed fields; a callable one gives another value each time."""

    def drawn(fields: dict[str, Any]) -> dict[str, Any]:
        return {name: value() if callable(value) else value for name, value in fields.items()}

    return [
        {"order_id": i, "order_date": f"2024-{i % months + 1:02d}-15", **drawn(unnamed)}
        | {"products": [{"product_id": f"P{p}", "quantity": 1, **drawn(of_line)} for p in range(lines)]}
        for i in range(count)
    ]


def parts_of(documents: list[Any], contract: Contract = ORDERS) -> list[TableRows]:
    text = io.BytesIO(b"\n".join(json.dumps(each, ensure_ascii=False).encode() for each in documents))
    flattener = Flattener(LINEAGE, contract)
    batches = records_of(text, 1 << 22, 1 << 30, contract)
    return [part.tables[0] for batch in batches for part in flattener.flatten(batch)]


def write(directory: Path, parts: list[TableRows], **options: Any) -> list[Path]:
    files: list[MonthFile] = []
    name = FileNames(LINEAGE.key, LINEAGE.version, MODIFIED)
    options = {"roll_bytes": 1 << 30, **options}
    with closing(MonthFiles(directory, name, table=parts[0].table, closed=files.append, **options)) as month_files:
        for part in parts:
            month_files.add(part.rows, part.months)
    return [file.path for file in files]


def chunks(path: Path, column: str) -> list[Any]:
    metadata = pq.ParquetFile(path).metadata
    index = pq.read_schema(path).names.index(column)
    return [metadata.row_group(i).column(index) for i in range(metadata.num_row_groups)]


def sizes(path: Path, column: str) -> int:
    return sum(chunk.total_compressed_size for chunk in chunks(path, column))


def size_as(encoding: str, parts: list[TableRows], column: str, path: Path) -> int:
    """Return how many bytes the column takes where it is written the other way."""
    rows = pa.concat_tables([part.rows for part in parts]).select([column])
    is_dictionary = encoding == "dictionary"
    pq.write_table(
        rows,
        path,
        compression="snappy",
        use_dictionary=[column] if is_dictionary else False,
        column_encoding=None if is_dictionary else {column: encoding},
    )
    return sizes(path, column)


def encoding_of(path: Path, column: str) -> str:
    used = {encoding for chunk in chunks(path, column) for encoding in chunk.encodings}
    return "dictionary" if "RLE_DICTIONARY" in used else "differences" if "DELTA_BYTE_ARRAY" in used else "plain"


def token(draw: random.Random) -> str:
    return f"{draw.getrandbits(256):064x}"


@pytest.mark.parametrize("lines", [3, 40])
def test_an_orders_unnamed_fields_are_in_the_file_about_once_however_many_rows_it_has(
    tmp_path: Path, lines: int
) -> None:
    draw = random.Random(1)
    documents = orders(9000 // lines, lines, {"token": lambda: token(draw)}, {"weight": lambda: draw.randrange(9999)})
    parts = parts_of(documents)
    (path,) = write(tmp_path, parts)
    assert encoding_of(path, "extra_fields") == "differences"
    assert {chunk.compression for chunk in chunks(path, "extra_fields")} == {"SNAPPY"}
    once = sum(len(json.dumps({"token": each["token"]})) for each in documents)
    assert sizes(path, "extra_fields") < once + 16 * 9000
    assert sizes(path, "extra_fields") < 0.8 * size_as("dictionary", parts, "extra_fields", tmp_path / "other")


@pytest.mark.parametrize(("lines", "distinct"), [(1, 20), (1, 900), (3, 300)])
def test_unnamed_fields_that_take_few_values_are_in_a_dictionary(tmp_path: Path, lines: int, distinct: int) -> None:
    draw = random.Random(2)
    values = [{"channel": token(draw), "terms": "payable within thirty days"} for _ in range(distinct)]
    parts = parts_of(orders(30_000 // lines, lines, {"sale": lambda: draw.choice(values)}, {}))
    (path,) = write(tmp_path, parts)
    assert encoding_of(path, "extra_fields") == "dictionary"
    assert sizes(path, "extra_fields") < 0.5 * size_as("DELTA_BYTE_ARRAY", parts, "extra_fields", tmp_path / "other")


def test_the_month_of_most_rows_tells_how_texts_repeat_and_not_the_first_one(tmp_path: Path) -> None:
    draw = random.Random(4)
    values = [{"terms": token(draw)} for _ in range(20)]
    documents = orders(3000, 2, {"sale": lambda: draw.choice(values)}, {})
    documents.append({**documents[0], "order_date": "2023-05-01"})
    first, path = sorted(write(tmp_path, parts_of(documents)))
    assert pq.ParquetFile(first).metadata.num_rows == 2
    assert encoding_of(first, "extra_fields") == encoding_of(path, "extra_fields") == "dictionary"


def test_long_texts_of_other_columns_are_told_apart_in_the_same_way(tmp_path: Path) -> None:
    contract = contract_with(
        'note = { path = "note", type = "text" }\nterms = { path = "terms", type = "json" }\n'
        'short = { path = "short", type = "text" }\nrare = { path = "rare", type = "text" }',
        table='rows = "lines[]"',
    )
    draw = random.Random(3)
    documents = [
        {"id": i, "at": "2024-03-01", "lines": [{}, {}, {}], "note": f"{token(draw)} {i}", "short": token(draw)[:12]}
        | {"terms": {"days": i % 5, "text": "to be paid in advance, in full, without deductions of any kind"}}
        | {"rare": token(draw) * 4 if i % 400 == 0 else None}
        for i in range(3000)
    ]
    (path,) = write(tmp_path, parts_of(documents, contract))
    found = {name: encoding_of(path, name) for name in ("note", "terms", "short", "rare", "extra_fields")}
    assert found == {
        "note": "differences",
        "terms": "dictionary",
        "short": "dictionary",
        "rare": "dictionary",
        "extra_fields": "dictionary",
    }


def ugly(draw: random.Random) -> Any:
    return draw.choice(
        [None, "", " ", "é", "食品" * 40, token(draw), [token(draw)] * 3, {"a": {"b": token(draw)}}, "x" * 3000, 1.5]
    )


@pytest.mark.parametrize("seed", range(3))
def test_every_cell_is_what_was_written_in_every_group_and_page_of_every_month(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    unnamed = {f"field{i}": (lambda: ugly(draw)) for i in range(3)}
    documents = orders(3000, draw.choice([1, 3, 7]), unnamed, {"of_line": lambda: ugly(draw)}, months=5)
    for order in documents[:: draw.choice([2, 9])]:
        for name in unnamed:
            del order[name]
    parts = parts_of(documents)
    paths = write(tmp_path, parts, row_group_bytes=200_000)
    assert len(paths) == 5
    assert sum(len(chunks(path, "extra_fields")) for path in paths) > 5
    sent = [row for part in parts for row in part.rows.to_pylist()]
    key = lambda row: (row["record_number"], row["line_number"] or 0)  # noqa: E731
    assert sorted((row for path in paths for row in pq.ParquetFile(path).read().to_pylist()), key=key) == sent
    query = "SELECT extra_fields FROM read_parquet(?) ORDER BY record_number, line_number"
    with duckdb.connect() as connection:
        read = connection.execute(query, [[str(path) for path in paths]]).fetchall()
    assert [text for (text,) in read] == [row["extra_fields"] for row in sent]


def test_no_more_than_some_rows_are_looked_at_however_long_texts_are(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    take = columns.take

    def counted(values: Any, positions: Any) -> Any:
        looked_at.append(len(positions))
        return take(values, positions)

    monkeypatch.setattr(columns, "take", counted)
    texts = pa.chunked_array([[f"{i} " + "x" * 500 for i in range(n)] for n in (1, 700, 4000)])
    rows = pa.table(
        [texts if field.name == "extra_fields" else pa.nulls(len(texts), field.type) for field in file_schema(TABLE)],
        schema=file_schema(TABLE),
    )
    assert encodings.writer_options(TABLE, rows)["column_encoding"]["extra_fields"] == "DELTA_BYTE_ARRAY"
    assert sum(looked_at) <= 1.3 * encodings.SAMPLE + 3


def test_a_page_of_long_texts_is_not_encoded_a_thousand_rows_at_a_time() -> None:
    """What a page takes, it takes several times over while it is encoded and compressed."""
    texts = {length: pa.table({"a": [i % 7 for i in range(2000)], "b": ["x" * length] * 2000}) for length in (8, 10**4)}
    rows = {length: encodings._batch_rows(table) for length, table in texts.items()}
    assert rows[8] == encodings.MOST_BATCH_ROWS
    assert rows[10**4] * 10**4 <= encodings.BATCH_BYTES < (rows[10**4] + 1) * (10**4 + 8)
    assert encodings._batch_rows(pa.table({"b": ["x" * encodings.BATCH_BYTES * 2]})) == 1
    assert encodings._batch_rows(pa.table({"b": pa.nulls(5)})) == encodings.MOST_BATCH_ROWS
