"""The product on the embedded AWS: real deploy, real Lambda processes, IAM enforced."""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from local.expected import FOLDER, Samples
from local.pipeline import wait_for
from tests.local.product import Product, order

pytestmark = pytest.mark.aws

OF_SOURCE = ("source_key", "source_version", "contract", "source_modified_at")
"""What a line of the quarantine says of its source."""


@pytest.mark.parametrize(
    "name",
    [
        "plain.json",
        "with space.json",
        "a+b=c&d;e.json",
        "100%25 ünï 日本 🍵.json",
        "sub/folder/deep.ndjson",
        "UPPER.JSON",
        "quote'\"<>#?.jsonl",
    ],
)
def test_an_object_is_loaded_whatever_its_key(product: Product, name: str) -> None:
    key = product.drop(f"keys/{name}", [order(name)])
    entry = product.finished(key)
    assert (entry.state, entry.counts.orders_loaded, entry.counts.rows) == ("loaded", 1, 1)
    assert product.rows(key, "order_id", "order_month") == [[name, "2024-07"]]
    escaped = key.replace("'", "''")
    assert product.ask(f"SELECT COUNT(*) FROM orders_parquet_datalake WHERE source_key = '{escaped}'") == [(1,)]


def test_gzip_is_recognised_by_its_bytes(product: Product) -> None:
    body = gzip.compress(json.dumps(order("gz-1")).encode()) + gzip.compress(json.dumps(order("gz-2")).encode())
    key = product.drop("zipped/two-members.json", body)
    assert product.finished(key).counts.orders_loaded == 2


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("orders.csv", b"order_id\n1\n", "unsupported file type"),
        ("orders.json.zip", b"PK\x03\x04", "unsupported file type"),
        ("zip.json", b"PK\x03\x04....", "zip archive"),
        ("cut.json", b'[{"order_id": 1, "order_date": "2024-07-05"}, {"order_', "middle of a value"),
        ("cut.json.gz", gzip.compress(b'[{"order_id": 1}]')[:-9], "truncated"),
        ("empty.json", b"", "holds nothing"),
        ("latin1.json", '[{"order_id": "é"}]'.encode("latin-1"), "not UTF-8"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_cannot_be_read_loads_nothing_and_says_why(
    product: Product, name: str, body: bytes, reason: str
) -> None:
    key = product.drop(f"unreadable/{name}", body)
    entry = product.finished(key)
    assert (entry.state, entry.files, entry.counts.rows) == ("quarantined", (), 0)
    report = product.rejected(entry)[0]
    assert reason in report["reason"]
    assert report["source_key"] == key
    assert report["source_version"] == entry.version


def test_folder_markers_are_no_drops(product: Product) -> None:
    product.drop("marker/", b"")
    key = product.drop("marker/after.json", [order("after the marker")])
    product.finished(key)
    assert product.entry(f"{product.orders.incoming}marker/") is None


def test_a_test_event_is_answered(product: Product) -> None:
    function = product.deployment.functions["load"]
    event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": product.settings.bucket}
    answer = product.aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    assert "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == []


def test_all_records_of_one_event_are_loaded_and_a_second_delivery_changes_nothing(product: Product) -> None:
    keys = [product.drop(f"batch/{i}.json", [order(f"batch-{i}", lines=2)]) for i in range(3)]
    entries = [product.finished(key) for key in keys]
    records = [
        {
            "eventName": "ObjectCreated:Put",
            "s3": {
                "bucket": {"name": product.settings.bucket},
                "object": {"key": entry.key, "versionId": entry.version, "sequencer": entry.sequencer, "size": 9},
            },
        }
        for entry in entries
    ]
    before = [product.rows(key, "order_id", "line_number") for key in keys]
    function = product.deployment.functions["load"]
    answer = product.aws.client("lambda").invoke(
        FunctionName=function, Payload=json.dumps({"Records": records}).encode()
    )
    assert json.loads(answer["Payload"].read()) == ["duplicate"] * 3
    assert [product.rows(key, "order_id", "line_number") for key in keys] == before


def test_a_new_version_replaces_all_rows_of_the_old_one(product: Product) -> None:
    key = product.drop("replace/orders.json", [order("r-1", "2024-05-01", 3), order("r-2", "2024-06-01")])
    first = product.finished(key)
    assert len(product.rows(key, "order_id")) == 4
    product.drop("replace/orders.json", [order("r-2", "2024-07-01")])
    second = wait_for(lambda: e if (e := product.finished(key)).version != first.version else None)
    assert product.rows(key, "order_id", "order_month") == [["r-2", "2024-07"]]
    assert not set(first.files) & set(second.files)


def test_a_burst_of_drops_all_arrive(product: Product) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda i: product.drop(f"burst/{i}/same-name.json", [order(f"burst-{i}")]), range(20)))
    for key in keys:
        assert product.finished(key).counts.orders_loaded == 1
    count = "SELECT COUNT(DISTINCT order_id), COUNT(*) FROM orders_parquet_datalake WHERE order_id LIKE 'burst-%'"
    assert product.ask(count) == [(20, 20)]


def test_the_samples_become_their_expected_rows_by_sql_and_by_pyarrow(product: Product) -> None:
    samples = Samples.read(FOLDER)
    for sample in samples.files:
        columns = list(sample.rows[0])
        key = product.drop(f"samples/{sample.path.name}", sample.path.read_bytes())
        entry = product.finished(key)
        expected = sorted(([row[column] for column in columns] for row in sample.rows), key=str)
        assert product.rows(key, *columns) == expected
        counted = product.ask(
            f"SELECT COUNT(*), SUM(line_amount), COUNT(DISTINCT order_id) FROM orders_parquet_datalake "
            f"WHERE source_key = '{key}'"
        )
        amounts = [Decimal(row["line_amount"]) for row in sample.rows if row["line_amount"]]
        assert counted == [(len(expected), sum(amounts), len({row["order_id"] for row in sample.rows}))]
        if sample.rejected:
            rejected = [
                {name: line[name] for name in line if name not in OF_SOURCE} for line in product.rejected(entry)
            ]
            assert rejected == sample.rejected
