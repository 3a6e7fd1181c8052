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
