"""The sweep and its index over S3's own answers, on moto: quoted ETags, times, pages, conditions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.utils import parse_timestamp
from moto import mock_aws
from msgspec.structs import replace

from chalicelib.aws.s3 import Storage, s3_client
from chalicelib.aws.session import make_client
from chalicelib.loading.outbox_relay import Event
from chalicelib.loading.sweep import Sweep
from chalicelib.loading.sweep_cursor import SweepReport
from tests.builders import PREFIX, RULES, body, ingest, order
from tests.unit.memory_store import BUCKET

NO_GRACE = replace(RULES, grace=timedelta(0))
COUNT = 7


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    with mock_aws():
        made = s3_client("us-east-1")
        made.create_bucket(Bucket=BUCKET)
        yield made


def asked_by(client: Any) -> Counter[str]:
    """Return what counts the calls of a client from now on."""
    calls: Counter[str] = Counter()
    client.meta.events.register("before-call.s3.*", lambda model, **_: calls.update([model.name]))
    return calls


class Bucket(Storage):
    """The bucket, with a bus beside it that takes every event."""

    def send(self, events: Sequence[Event]) -> None:
        """Send events to nobody."""


def swept(client: Any, **more: Any) -> SweepReport:
    return Sweep(Storage(client, BUCKET), NO_GRACE, lambda event: None, at_once=4, **more).run(lambda: 1000.0)


def test_entries_are_read_in_the_first_round_and_not_in_the_second(client: Any) -> None:
    store: Any = Bucket(client, BUCKET)
    for number in range(COUNT):
        key = f"{PREFIX}a b+ü{number}.json"
        client.put_object(Bucket=BUCKET, Key=key, Body=body(order(number)))
        arrival = store.current(key)
        assert ingest(store).load(arrival)[0] == "loaded"
    for full in (3, 1000):
        client.delete_object(Bucket=BUCKET, Key="state/sweep.json")
        first = swept(client, full=full)
        assert (first.whole, first.looked, first.announced, first.notes) == (True, COUNT, 0, [])
        calls = asked_by(client)
        second = swept(client, full=full)
        assert (second.whole, second.looked) == (True, 0)
        assert calls["HeadObject"] == 0
        assert calls["GetObject"] <= 1 + 2 * COUNT // 3 + 2
    file = client.list_objects_v2(Bucket=BUCKET, Prefix="table/")["Contents"][0]["Key"]
    client.delete_object(Bucket=BUCKET, Key=file)
    assert swept(client).announced == 1


def test_times_are_read_as_botocore_reads_them(client: Any) -> None:
    client.put_object(Bucket=BUCKET, Key="a", Body=b"1")
    (ours,) = Storage(client, BUCKET).list("a").objects
    (theirs,) = boto3.client("s3", region_name="us-east-1").list_objects_v2(Bucket=BUCKET)["Contents"]
    assert ours.modified_at == theirs["LastModified"]


TIMES = [
    "2009-10-12T17:50:30.000Z",
    "2009-10-12T17:50:30+02:00",
    "2009-10-12T17:50:30",
    "20091012",
    "Wed, 12 Oct 2009 17:50:00 GMT",
    1255369830,
    1255369830.5,
    "1255369830",
]


@pytest.mark.parametrize("text", TIMES)
def test_every_spelling_of_a_time_that_services_use_is_read_as_botocore_reads_it(text: Any) -> None:
    parse = make_client("s3", region_name="us-east-1")._response_parser._timestamp_parser
    assert parse(text) == parse_timestamp(text)
    assert parse("2009-10-12T17:50:30.000Z") == datetime(2009, 10, 12, 17, 50, 30, tzinfo=UTC)
