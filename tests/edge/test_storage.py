"""What S3 is asked of versions, on moto: names that are none are no error."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.ledger import Arrival
from chalicelib.storage import Storage

BUCKET, KEY = "some-bucket", "orders_json_incoming/a b+ü.json"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nobody")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


def arrival(version: str | None) -> Arrival:
    return Arrival(BUCKET, KEY, version or "", version)


def test_a_version_tells_when_it_was_written(s3: Any) -> None:
    first = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")["VersionId"]
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"2")
    written = Storage(s3, BUCKET).modified_at(arrival(first))
    assert written is not None
    assert abs(written - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_names_no_version_was_never_written(s3: Any) -> None:
    etag = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"1")["ETag"].strip('"')
    marker = s3.delete_object(Bucket=BUCKET, Key=KEY)["VersionId"]
    store = Storage(s3, BUCKET)
    assert store.modified_at(arrival(etag)) is None
    assert store.modified_at(arrival(marker)) is None


@pytest.mark.parametrize("code", ["400", "InvalidArgument"])
def test_s3_says_of_some_names_that_they_cannot_be_versions(s3: Any, code: str) -> None:
    """As S3 does, and moto does not."""

    def refuse(**_: Any) -> Any:
        raise s3.exceptions.ClientError(
            {"Error": {"Code": code, "Message": "Invalid version id specified"}}, "HeadObject"
        )

    s3.head_object = refuse
    assert Storage(s3, BUCKET).modified_at(arrival("d41d8cd98f00b204e9800998ecf8427e")) is None


def test_parts_that_are_added_one_by_one_appear_together_when_the_object_is_complete(s3: Any) -> None:
    store, key = Storage(s3, BUCKET), "orders_quarantine/a.ndjson.gz"
    parts = [b"a" * (5 << 20), b"b" * (5 << 20), b"c"]
    upload = store.begin(key)
    for part in parts:
        store.add(upload, part)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    store.complete(upload)
    found = s3.get_object(Bucket=BUCKET, Key=key)
    assert (found["Body"].read(), found["ContentType"]) == (b"".join(parts), "application/gzip")


def test_what_is_aborted_never_appears(s3: Any) -> None:
    store = Storage(s3, BUCKET)
    upload = store.begin("orders_quarantine/a.ndjson.gz")
    store.add(upload, b"a")
    store.abort(upload)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")
