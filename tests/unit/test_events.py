"""S3's event notifications, as S3 sends them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.events import arrivals

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
    assert [found.key for found in arrivals(event(encoded), PREFIX)] == [key]


def test_every_record_of_an_event_counts() -> None:
    found = arrivals(event(*(f"orders_json_incoming/{i}.json" for i in range(5))), PREFIX)
    assert [arrival.key for arrival in found] == [f"orders_json_incoming/{i}.json" for i in range(5)]


def test_an_arrival_knows_version_sequencer_and_size() -> None:
    (found,) = arrivals(event("orders_json_incoming/a.json"), PREFIX)
    assert (found.bucket, found.version, found.version_id, found.etag) == ("b", "v1", "v1", "abc")
    assert (found.sequencer, found.size) == ("0A", 10)


@pytest.mark.parametrize("version_id", [None, "null"])
def test_without_a_version_id_the_etag_is_the_version(version_id: str | None) -> None:
    (found,) = arrivals(event("orders_json_incoming/a.json", versionId=version_id), PREFIX)
    assert found.version == "abc"


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
