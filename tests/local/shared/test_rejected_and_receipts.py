"""What was rejected is in its table, and how each file ended is told, by the functions deployed on the embedded AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.loading.entry import Entry
from chalicelib.queries import saved
from local.pipeline import wait_for
from tests.local.product import Product, order

pytestmark = pytest.mark.aws

BAD = {"order_id": "no date"}


@pytest.fixture(scope="module")
def queue(product: Product) -> Iterator[str]:
    """A queue that gets the events of the default bus whose source is the pipeline."""
    sqs, events = product.aws.client("sqs"), product.aws.client("events")
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="told", EventPattern=json.dumps({"source": ["orders-etl"]}))
    events.put_targets(Rule="told", Targets=[{"Id": "queue", "Arn": arn}])
    yield url
    events.remove_targets(Rule="told", Ids=["queue"])
    events.delete_rule(Name="told")
    sqs.delete_queue(QueueUrl=url)


def receipt(product: Product, entry: Entry) -> dict[str, Any]:
    """Wait until the receipt tells of the entry's version; return it."""
    name = f"{product.settings.receipts_prefix}{entry.key}.json"

    def poll() -> dict[str, Any] | None:
        try:
            stored = product.s3.get_object(Bucket=product.settings.bucket, Key=name)["Body"].read()
        except product.s3.exceptions.NoSuchKey:
            return None
        read: dict[str, Any] = json.loads(stored)
        return read if read["source_version"] == entry.version else None

    return wait_for(poll)


def events_of(product: Product, queue: str, *keys: str, count: int) -> list[dict[str, Any]]:
    """Wait for so many events of these keys in the queue; return what they are."""
    sqs, found = product.aws.client("sqs"), list[dict[str, Any]]()

    def poll() -> bool:
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(message["Body"])
            if event["detail"]["source_key"] in keys:
                found.append(event)
        return len(found) >= count

    wait_for(poll)
    return found


def put(product: Product, name: str, body: bytes | list[Any]) -> Entry:
    """Drop a file and wait until that version of it has ended."""
    key = f"{product.orders.incoming}{name}"
    content = json.dumps(body).encode() if isinstance(body, list) else body
    version = product.s3.put_object(Bucket=product.settings.bucket, Key=key, Body=content)["VersionId"]
    return product.finished(key, version)


def test_what_is_in_the_ledgers_counts_is_in_the_table_of_rejected_records(product: Product) -> None:
    drops: list[tuple[str, list[bytes | list[Any]]]] = [
        ("rejected/some.json", [[order("j-1"), BAD, BAD]]),
        ('rejected/it\'s "é".json', [[order("j-2"), {**order("j-3"), "total_amount": "12,50"}]]),
        ("rejected/whole.json", [b'[{"order_id": 1']),
        ("rejected/mended.json", [[order("j-4"), BAD], [order("j-4")]]),
        ("rejected/worse.json", [[order("j-5")], [BAD, BAD, BAD]]),
        ("rejected/then whole.json", [[order("j-6"), BAD], b"{"]),
    ]
    entries = {name: [put(product, name, version) for version in versions][-1] for name, versions in drops}

    def agrees() -> None:
        rows = product.ask(
            "SELECT source_key, source_version, COUNT(record_number), COUNT(*) FROM orders_rejected "
            "WHERE source_key LIKE '%/rejected/%' GROUP BY source_key, source_version"
        )
        counted = {key: (version, records, lines) for key, version, records, lines in rows}
        assert len(counted) == len(rows), "of one version of each source"
        for entry in entries.values():
            whole = entry.state == "quarantined"
            expected = (entry.version, entry.counts.orders_rejected, entry.counts.orders_rejected + whole)
            assert counted.pop(entry.key, (entry.version, 0, 0)) == expected, entry.key
        assert counted == {}

    agrees()
    lines = product.command("operate", "replay", "--prefix", f"{product.orders.incoming}rejected/", "--quarantine")
    assert json.loads(lines[-1])["failed"] == []
    agrees()
    key = entries['rejected/it\'s "é".json'].key
    statement = saved.load(product.datasets)["rejected_of"].bind({"source_key": key})
    started = product.athena.start(statement.sql, statement.parameters, name=statement.name)
    ((number, path, reason, raw, *_),) = product.athena.rows(product.athena.wait(started, 30))
    assert (number, path) == (2, "total_amount")
    assert str(reason).startswith("'12,50' is not a finite number")
    assert json.loads(str(raw)) == {**order("j-3"), "total_amount": "12,50"}


def test_each_version_leaves_a_receipt_and_sends_an_event_that_a_queue_gets(product: Product, queue: str) -> None:
    entry = put(product, "told/a b+ü.json", [order("t-1"), BAD])
    read = receipt(product, entry)
    assert (read["status"], read["orders_read"], read["orders_rejected"]) == ("partly_loaded", 2, 1)
    assert [each["record_number"] for each in read["rejected"]] == [2]
    newer = put(product, "told/a b+ü.json", b"{")
    assert receipt(product, newer)["reason"] == newer.reason
    events = events_of(product, queue, entry.key, count=2)
    assert {(each["source"], each["detail-type"]) for each in events} == {
        ("orders-etl", "Source Partly Loaded"),
        ("orders-etl", "Source Quarantined"),
    }
    details = {each["detail"]["status"]: each["detail"] for each in events}
    assert details["partly_loaded"]["source_version"] == entry.version
    assert details["quarantined"]["source_version"] == newer.version
    assert details["partly_loaded"]["id"] != details["quarantined"]["id"]
    assert details["partly_loaded"]["id"] in read["event_ids"]
    assert details["partly_loaded"]["contract"] == "orders"
