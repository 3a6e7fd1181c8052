"""The saved queries of what was rejected, on the embedded engine, over files that loads left."""

from __future__ import annotations

import base64
import json
import re

import pytest
from msgspec.structs import replace

from chalicelib.aws.athena_results import Typed, typed
from local.athena.engine import SelectResult, select
from local.athena.lake import QueryError
from local.athena.memory import MemoryLake
from local.athena.sql import parse
from local.athena.tables import FileCache
from local.athena.values import read_rows
from tests import builders
from tests.builders import DATASET, ingest
from tests.local.athena_memory_lake import BUCKET, DATABASE, ORDERS, QUERIES, lake_with
from tests.unit.memory_store import MemoryStore


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FileCache:
    return FileCache(tmp_path_factory.mktemp("objects"))


def rows(selected: SelectResult) -> list[tuple[Typed, ...]]:
    types = [column.type for column in selected.file.columns]
    _, *texts = read_rows(bytes(selected.file.content), len(types))
    return [tuple(typed(text, type_) for text, type_ in zip(row, types, strict=True)) for row in texts]


REJECTED_KEYS = {"a": "orders_json_incoming/a.json", "b": 'orders_json_incoming/b\'s "é".json'}


@pytest.fixture(scope="module")
def rejecting(cache: FileCache) -> MemoryLake:
    """A lake whose table of rejected records has what loads put there."""
    lake = lake_with([], cache)
    store = MemoryStore()
    prefixes = ORDERS.prefixes
    dataset = replace(DATASET, prefixes=prefixes)
    bad = [
        {"order_id": 1},
        {"order_id": 2},
        {**builders.order(3), "total_amount": "12,50"},
        {**builders.order(4), "total_amount": 'it\'s "7"'},
        {**builders.order(5), "products": [{"price": 1}, {"price": "x\u0000y"}]},
        {**builders.order(6), "products": [{"price": "z"}]},
    ]
    lines = b"\n".join([*(json.dumps(each).encode() for each in bad), b'{"order_id": "M\xfcller"}'])
    for key, content in (
        (REJECTED_KEYS["a"].replace(".json", ".ndjson"), lines),
        (REJECTED_KEYS["b"], builders.body(builders.order(1))[:-1]),
    ):
        ingest(store, dataset=dataset).load(store.drop(key, content))
    for key, content in store.objects.items():
        if key.startswith(prefixes.rejected):
            lake.stored[BUCKET, key] = content
    return lake


def answers(lake: MemoryLake, cache: FileCache, name: str, **given: str) -> list[tuple[Typed, ...]]:
    statement = QUERIES[name].bind(given)
    return rows(select(lake, cache, parse(statement.sql, statement.parameters), DATABASE))


def test_rejected_records_are_counted_by_reason_with_values_left_out(rejecting: MemoryLake, cache: FileCache) -> None:
    counted = answers(rejecting, cache, "rejected_by_reason")
    assert [(row[0], row[1], row[3], row[4]) for row in counted] == [
        ("orders", "order_date", 2, 1),
        ("orders", "products[#].price", 2, 1),
        ("orders", "total_amount", 2, 1),
        ("orders", "", 1, 1),
        ("orders", "", 1, 1),
    ]
    assert all("'" not in str(row[2]) and not re.search("[0-9]", str(row[2])) for row in counted)
    first, last, example = counted[0][5:]
    assert (str(first), str(last)) == ("2024-08-01 12:00:01", "2024-08-01 12:00:01")
    assert example == "orders_json_incoming/a.ndjson"


def test_what_was_rejected_of_one_source_is_as_it_was_sent(rejecting: MemoryLake, cache: FileCache) -> None:
    listed = answers(rejecting, cache, "rejected_of", source_key="orders_json_incoming/a.ndjson")
    assert [row[0] for row in listed] == [1, 2, 3, 4, 5, 6, 7]
    assert listed[0][3] == '{"order_id": 1}'
    assert "x\\u0000y" in str(listed[4][3])
    assert base64.b64decode(str(listed[6][4])) == b'{"order_id": "M\xfcller"}'
    assert [row[4] for row in listed[:6]] == [None] * 6
    (whole,) = answers(rejecting, cache, "rejected_of", source_key=REJECTED_KEYS["b"])
    assert (whole[0], whole[1], whole[3]) == (None, "", None)
    assert whole[6] == len(builders.body(builders.order(1))) - 1
    assert answers(rejecting, cache, "rejected_of", source_key="elsewhere") == []


def test_a_question_of_what_was_rejected_reads_all_of_it(rejecting: MemoryLake, cache: FileCache) -> None:
    statement = QUERIES["rejected_of"].bind({"source_key": "elsewhere"})
    scanned = select(rejecting, cache, parse(statement.sql, statement.parameters), DATABASE).scanned_bytes
    stored = sum(len(body) for (_, key), body in rejecting.stored.items() if "/rejected/" in key)
    assert scanned == stored


@pytest.mark.parametrize("content", [b"{", b"[]", b'{\n "reason": "x"\n}', b'{"record_number": "many"}'])
def test_a_file_that_is_no_lines_of_json_fails_every_question(cache: FileCache, content: bytes) -> None:
    lake = lake_with([], cache)
    lake.stored[BUCKET, f"{ORDERS.prefixes.rejected}a.json"] = content
    with pytest.raises(QueryError, match=r"HIVE_CURSOR_ERROR|HIVE_BAD_DATA"):
        answers(lake, cache, "rejected_by_reason")
