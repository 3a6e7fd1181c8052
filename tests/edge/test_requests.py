"""How many requests to AWS a small drop takes, each with the promise that needs it; on moto.

The promises are those of docs/operations.md. A request that none of them needs is to be taken out, and one that is
added has to say here which it serves.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest
from moto import mock_aws

from chalicelib.aws.s3 import Storage
from chalicelib.dataset import Dataset
from chalicelib.loading.ingest import SMALL_BYTES, Clock, Ingest
from chalicelib.loading.models import Arrival
from chalicelib.loading.outbox_relay import Address, OutboxRelay
from chalicelib.writing.hive import HiveSink
from tests.builders import DATASET, KEY, LIMITS, PREFIXES, UNREADABLE, body, order
from tests.contracts import contract_with
from tests.unit.memory_store import BUCKET

TWO_TABLES = Dataset(
    contract_with(
        'day = { path = "order_date", type = "date", required = true }\n'
        'order_id = { path = "order_id", type = "identifier", required = true }',
        document='identity = "order_id"\ndate = "day"',
        more='[tables.products]\nrows = "products[]"\n[tables.products.columns]\n'
        'price = { path = "products[].price", type = "decimal" }\n',
    ),
    BUCKET,
    "etl_pipeline",
    PREFIXES,
)

READ = "GET source"  # the version that was announced, with its size and time, none of which an event is believed
BEGIN = "PUT ledger"  # what will appear, before it does: after a crash an orphan is known (3, 10); and that it is new
FILE = "PUT table"
END = "PUT ledger"  # the last word: which files hold the rows (1, 2, 10), and the outbox (15)
RELAY = ["EVENT", "PUT receipt"]  # after the last word; the receipt also says that the event was sent (15)
LAST = "GET receipt"  # of a known key: what of its outbox was sent, and that no newer receipt is overwritten (2, 15)
NEW = [READ, BEGIN, FILE, END, *RELAY]
KNOWN = [READ, BEGIN, "GET ledger"]  # the key was not new after all: the ledger decides (1, 2)
REMOVED = ["DELETE table", "PUT ledger"]  # nothing is removed before the ledger says so, then it says that it is (14)


class Bucket:
    """A bucket that keeps versions, and the requests that were made of AWS since the last look."""

    def __init__(self) -> None:
        self.client: Any = boto3.client("s3", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        self.client.create_bucket(Bucket=BUCKET)
        self.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.requests: list[str] = []
        self.events = 0
        self.client.meta.events.register_first("before-send", self._record)

    def drop(self, content: bytes, key: str = KEY) -> Arrival:
        """Put a source object; return the event that tells of it."""
        answer = self.client.put_object(Bucket=BUCKET, Key=key, Body=content)
        self.events += 1
        version, etag = answer["VersionId"], answer["ETag"].strip('"')
        return Arrival(BUCKET, key, version, version, etag, f"{self.events:04X}", len(content))

    def load(self, arrival: Arrival, dataset: Dataset = DATASET) -> tuple[str, list[str]]:
        """Load what arrived; return the outcome and the requests that it took."""
        store = Storage(self.client, BUCKET)
        sink = HiveSink(store, dataset.folders, LIMITS.roll_bytes)
        clock = Clock(lambda: datetime.now(UTC), lambda: 0.0)
        self.requests.clear()
        address = Address(BUCKET, PREFIXES.receipts, PREFIXES.ledger, "test", lambda key: dataset.name)
        relay = OutboxRelay(store, address, lambda events: self.requests.append("EVENT"))
        outcome, _ = Ingest(store, dataset, LIMITS, sink=sink, clock=clock, relay=relay).load(arrival)
        return outcome, self.requests.copy()

    def _record(self, request: AWSPreparedRequest, **_: Any) -> None:
        prefix = urlsplit(request.url).path.removeprefix(f"/{BUCKET}").lstrip("/").partition("/")[0]
        prefixes = (PREFIXES.incoming, PREFIXES.ledger, PREFIXES.quarantine, PREFIXES.receipts)
        folders = [folder.rstrip("/") for folder in prefixes]
        names = dict(zip(folders, ("source", "ledger", "quarantine", "receipt"), strict=True))
        self.requests.append(f"{request.method} {names.get(prefix, 'table')}")


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with mock_aws():
        yield Bucket()


def test_a_drop_of_a_new_key_takes_four_requests_and_two_to_relay_how_it_ended(bucket: Bucket) -> None:
    assert bucket.load(bucket.drop(body(order(1), order(2)))) == ("loaded", NEW)


def test_each_further_month_and_table_takes_one_for_its_file(bucket: Bucket) -> None:
    months = bucket.drop(body(order(1, "2024-05-01"), order(2, "2024-06-01")))
    assert bucket.load(months) == ("loaded", [READ, BEGIN, FILE, FILE, END, *RELAY])
    tables = bucket.drop(body(order(1)), f"{PREFIXES.incoming}two.json")
    assert bucket.load(tables, TWO_TABLES) == ("loaded", [READ, BEGIN, FILE, FILE, END, *RELAY])


def test_rejected_documents_take_one_for_all_of_them(bucket: Bucket) -> None:
    arrival = bucket.drop(body(order(1), {"order_id": 2}, {"order_id": 3}))
    # What is rejected is never less safe than what is loaded (4): it is there first.
    assert bucket.load(arrival) == ("partly_loaded", [READ, BEGIN, "PUT quarantine", FILE, END, *RELAY])


def test_a_file_that_cannot_be_read_takes_its_report_in_the_place_of_a_table_file(bucket: Bucket) -> None:
    assert bucket.load(bucket.drop(UNREADABLE)) == ("quarantined", [READ, BEGIN, "PUT quarantine", END, *RELAY])


def test_a_file_without_documents_takes_two_and_two_to_relay_how_it_ended(bucket: Bucket) -> None:
    assert bucket.load(bucket.drop(b"[]")) == ("loaded", [READ, END, *RELAY])


def test_an_event_that_comes_again_is_known_after_three_and_one_shows_that_it_was_relayed(bucket: Bucket) -> None:
    arrival = bucket.drop(body(order(1)))
    bucket.load(arrival)
    assert bucket.load(arrival) == ("duplicate", [*KNOWN, LAST])


def test_an_event_of_a_version_that_was_overwritten_and_loaded_is_known_after_three(bucket: Bucket) -> None:
    old, new = bucket.drop(body(order(1))), bucket.drop(body(order(2)))
    bucket.load(new)
    assert bucket.load(old) == ("stale", KNOWN)


def test_a_new_version_of_a_key_also_removes_the_files_of_the_version_before_it(bucket: Bucket) -> None:
    bucket.load(bucket.drop(body(order(1))))
    assert bucket.load(bucket.drop(body(order(2)))) == ("loaded", [*KNOWN, BEGIN, FILE, LAST, END, *REMOVED, *RELAY])


def test_files_that_were_replaced_are_removed_by_one_request(bucket: Bucket) -> None:
    bucket.load(bucket.drop(body(*(order(i, f"2024-0{i}-01") for i in range(1, 6)))))
    outcome, requests = bucket.load(bucket.drop(body(order(2))))
    assert (outcome, requests[-5:]) == ("loaded", [END, "POST table", "PUT ledger", *RELAY])


def test_a_larger_drop_asks_the_ledger_first_and_says_there_that_it_has_begun(bucket: Bucket) -> None:
    # What ends its process must not be tried for ever (8): the ledger counts how often it was begun.
    arrival = bucket.drop(body(*(order(i) for i in range(12_000))))
    assert (arrival.size or 0) > SMALL_BYTES
    assert bucket.load(arrival) == ("loaded", ["GET ledger", "PUT ledger", *NEW])
    assert bucket.load(arrival) == ("duplicate", ["GET ledger", LAST])


def test_compressed_drops_take_no_more(bucket: Bucket) -> None:
    arrival = bucket.drop(gzip.compress(body(order(1))), f"{KEY}.gz")
    assert bucket.load(arrival) == ("loaded", NEW)
