"""S3's event notifications, as S3 sends them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.handlers.load import load_event
from chalicelib.loading.notifications import announcement, arrivals, other_shapes
from chalicelib.settings import Settings

PREFIX = "orders_json_incoming/"


def event(*keys: str, **more: Any) -> dict[str, Any]:
    objects = [{"key": key, "size": 10, "eTag": "abc", "versionId": "v1", "sequencer": "0A", **more} for key in keys]
    return {
        "Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": o}} for o in objects]
    }


@pytest.mark.parametrize(
    ("encoded", "key"),
    [
        ("orders_json_incoming/plain.json", "orders_json_incoming/plain.json"),
        ("orders_json_incoming/with+space.json", "orders_json_incoming/with space.json"),
        ("orders_json_incoming/a%2Bb.json", "orders_json_incoming/a+b.json"),
        ("orders_json_incoming/100%25.json", "orders_json_incoming/100%.json"),
        ("orders_json_incoming/%C3%BCn%C3%AF+%F0%9F%8D%B5.json", "orders_json_incoming/ünï 🍵.json"),
    ],
)
def test_keys_are_decoded(encoded: str, key: str) -> None:
    assert [read.key for read in arrivals(event(encoded), PREFIX)] == [key]


def test_every_record_of_an_event_counts() -> None:
    read = arrivals(event(*(f"orders_json_incoming/{i}.json" for i in range(5))), PREFIX)
    assert [arrival.key for arrival in read] == [f"orders_json_incoming/{i}.json" for i in range(5)]


def test_an_arrival_knows_version_sequencer_and_size() -> None:
    (read,) = arrivals(event("orders_json_incoming/a.json"), PREFIX)
    assert (read.bucket, read.version, read.version_id, read.etag) == ("b", "v1", "v1", "abc")
    assert (read.sequencer, read.size) == ("0A", 10)


@pytest.mark.parametrize("version_id", [None, "null"])
def test_without_a_version_id_the_etag_is_the_version(version_id: str | None) -> None:
    (read,) = arrivals(event("orders_json_incoming/a.json", versionId=version_id), PREFIX)
    assert read.version == "abc"


@pytest.mark.parametrize("key", ["orders_json_incoming/", "orders_json_incoming/folder/"])
def test_folder_markers_are_passed_over(key: str) -> None:
    assert arrivals(event(key, size=0), PREFIX) == []


def test_an_object_with_content_is_a_drop_even_if_its_name_ends_with_a_slash() -> None:
    assert len(arrivals(event("orders_json_incoming/odd/", size=5), PREFIX)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"Records": []},
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
        event("somewhere_else/a.json"),
    ],
)
def test_what_is_no_drop_gives_nothing(other: dict[str, Any]) -> None:
    assert arrivals(other, PREFIX) == []


def test_removals_are_no_drops() -> None:
    removed = event("orders_json_incoming/a.json")
    removed["Records"][0]["eventName"] = "ObjectRemoved:Delete"
    assert arrivals(removed, PREFIX) == []


def by_sqs(body: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [{"messageId": "m", "body": json.dumps(body), "eventSource": "aws:sqs", "awsRegion": "r"}]}


def by_sns(body: dict[str, Any]) -> dict[str, Any]:
    return {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {"Message": json.dumps(body)}}]}


BY_EVENTBRIDGE = {
    "version": "0",
    "detail-type": "Object Created",
    "source": "aws.s3",
    "detail": {"bucket": {"name": "b"}, "object": {"key": "orders_json_incoming/a.json", "size": 5}},
}
A_DROP = event("orders_json_incoming/a.json")
NOT_BY_S3 = [
    (by_sqs(A_DROP), ["SQS"]),
    (by_sns(A_DROP), ["SNS"]),
    (BY_EVENTBRIDGE, ["EventBridge"]),
    ({"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": ""}}]}, ["aws:kinesis"]),
    ({"Records": [{"s3": {"object": {"key": "a"}}}, {"s3": None}, "x", None]}, ["unknown"]),
    ({"Records": {"s3": {}}}, ["unknown"]),
    *(
        ({"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": f"{PREFIX}a.json", name: 5}}}]}, ["unknown"])
        for name in ("eTag", "versionId", "sequencer")
    ),
    ({}, ["unknown"]),
    ([A_DROP], ["unknown"]),
    ("x", ["unknown"]),
    (None, ["unknown"]),
]


@pytest.mark.parametrize(("other", "shapes"), NOT_BY_S3, ids=lambda value: str(value)[:50])
def test_an_event_that_s3_did_not_send_is_named_and_breaks_nothing(other: Any, shapes: list[str]) -> None:
    assert other_shapes(other) == shapes
    assert arrivals(other, PREFIX) == []


@pytest.mark.parametrize(
    "good",
    [
        A_DROP,
        event("somewhere_else/a.json"),
        {"Records": []},
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
        announcement(arrivals(A_DROP, PREFIX)[0]),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_s3_and_the_sweep_send_is_understood(good: dict[str, Any]) -> None:
    assert other_shapes(good) == []


def test_among_records_of_others_those_of_s3_are_loaded() -> None:
    mixed = {"Records": [*by_sqs(A_DROP)["Records"], *A_DROP["Records"]]}
    assert other_shapes(mixed) == ["SQS"]
    assert len(arrivals(mixed, PREFIX)) == 1


def test_an_event_by_a_queue_is_a_warning_with_the_remedy_and_a_metric_and_shows_no_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POWERTOOLS_METRICS_DISABLED", raising=False)
    assert load_event(by_sqs(A_DROP), Settings(bucket="b", stage="dev")) == []
    out = capsys.readouterr().out
    warning, measured = (json.loads(line) for line in out.splitlines())
    assert (warning["level"], warning["kind"]) == ("WARNING", "SQS")
    assert "have the bucket notify this function directly" in warning["reason"]
    assert (measured["stage"], measured["EventsNotUnderstood"]) == ("dev", [1.0])
    assert "a.json" not in out


def test_the_test_event_of_s3_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    assert load_event({"Service": "Amazon S3", "Event": "s3:TestEvent"}, Settings(bucket="b")) == []
    assert capsys.readouterr().out == ""
