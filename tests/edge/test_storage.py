"""What S3 is asked of versions, on moto: names that are none are no error."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.config import Config
from moto import mock_aws
from msgspec.structs import replace

from chalicelib.aws.presigned import LinkBucket
from chalicelib.aws.s3 import PART_BYTES, RESUMES, Storage
from chalicelib.errors import AwsError, NotThereYet, ServiceUnavailable, redacted_message
from chalicelib.loading.models import Arrival

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


def test_a_version_that_was_just_announced_and_is_not_there_comes_again(s3: Any) -> None:
    now = datetime.now(UTC)
    for age, comes_again in ((timedelta(minutes=1), True), (timedelta(minutes=16), False)):
        missing = replace(arrival("00000000-0000-4000-8000-000000000000"), event_time=now - age)
        if comes_again:
            with pytest.raises(NotThereYet, match="the event has to come again"):
                Storage(s3, BUCKET).open(missing)
        else:
            assert Storage(s3, BUCKET).open(missing) is None
    # Without versions an object that was announced is gone when somebody has deleted it.
    assert Storage(s3, BUCKET).open(Arrival(BUCKET, KEY, "etag", None, "etag", event_time=now)) is None


class Breaking(io.BytesIO):
    """A body whose connection breaks after so many bytes."""

    def __init__(self, data: bytes, after: int) -> None:
        super().__init__(data[:after])

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        if not data:
            raise ConnectionError("broken")
        return data


class Broken:
    """An S3 whose every connection gives so many bytes and breaks."""

    def __init__(self, data: bytes, after: int) -> None:
        self.data, self.after, self.gets = data, after, 0

    def get_object(self, Range: str = "bytes=0-", **_: Any) -> Any:  # noqa: N803 - AWS's name
        self.gets += 1
        start = int(Range.removeprefix("bytes=").removesuffix("-"))
        return {
            "Body": Breaking(self.data[start:], self.after),
            "ETag": "e",
            "ContentLength": len(self.data),
            "LastModified": datetime.now(UTC),
        }


def test_a_connection_that_breaks_again_and_again_is_gone_on_from_as_long_as_each_gives_something() -> None:
    client: Any = Broken(b"x" * 100, 7)
    source = Storage(client, BUCKET).open(arrival("v"))
    assert source is not None
    read = b""
    while piece := source.stream.read(1000):
        read += piece
    assert read == b"x" * 100
    assert client.gets > RESUMES


def test_connections_that_break_before_they_give_anything_end_the_load() -> None:
    client: Any = Broken(b"x" * 100, 0)
    source = Storage(client, BUCKET).open(arrival("v"))
    assert source is not None
    with pytest.raises(ServiceUnavailable, match=r"^ConnectionError$"):
        source.stream.read(1000)
    assert client.gets == 1 + RESUMES


def test_parts_that_are_added_one_by_one_appear_together_when_the_object_is_complete(s3: Any) -> None:
    store, key = Storage(s3, BUCKET), "orders_quarantine/a.ndjson.gz"
    parts = [b"a" * (5 << 20), b"b" * (5 << 20), b"c"]
    upload = store.begin(key)
    for part in parts:
        store.add(upload, part)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    store.complete(upload)
    stored = s3.get_object(Bucket=BUCKET, Key=key)
    assert (stored["Body"].read(), stored["ContentType"]) == (b"".join(parts), "application/gzip")


def test_what_is_aborted_never_appears(s3: Any) -> None:
    store = Storage(s3, BUCKET)
    upload = store.begin("orders_quarantine/a.ndjson.gz")
    store.add(upload, b"a")
    store.abort(upload)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_a_copy_of_what_is_there_no_more_is_no_error(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="orders_ledger/a.json", Body=b"null")
    store = Storage(s3, BUCKET)
    store.copy("orders_ledger/a.json", "orders_ledger/unreadable/a.json")
    store.copy("orders_ledger/b.json", "orders_ledger/unreadable/b.json")
    kept = s3.list_objects_v2(Bucket=BUCKET, Prefix="orders_ledger/unreadable/")["Contents"]
    assert [each["Key"] for each in kept] == ["orders_ledger/unreadable/a.json"]


def test_a_staged_file_leaves_the_disk_and_appears_when_it_is_complete(s3: Any, tmp_path: Path) -> None:
    store, key, file = Storage(s3, BUCKET), "orders/order_month=2024-07/a.parquet", tmp_path / "a"
    content = b"a" * PART_BYTES + b"b"
    file.write_bytes(content)
    upload = store.stage(key, file)
    assert not file.exists()
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 0
    store.complete(upload)
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == content


@pytest.mark.parametrize(
    ("code", "is_temporary"),
    [("AccessDenied", False), ("SlowDown", True), ("Throttling", True), ("NoSuchBucket", False)],
)
def test_what_s3_refuses_is_raised_as_our_error_with_call_and_code_and_nothing_that_was_sent(
    s3: Any, code: str, is_temporary: bool
) -> None:
    def refuse(**_: Any) -> Any:
        raise s3.exceptions.ClientError({"Error": {"Code": code, "Message": "key Ann Smith.json"}}, "PutObject")

    s3.put_object = refuse
    with pytest.raises(AwsError) as caught:
        Storage(s3, BUCKET).put("Ann Smith.json", b"Ann Smith")
    assert (caught.value.kind, caught.value.call, caught.value.is_temporary) == (code, "PutObject", is_temporary)
    assert str(caught.value) == redacted_message(caught.value) == f"PutObject: {code}"
    assert isinstance(caught.value.__cause__, s3.exceptions.ClientError)


def test_a_network_that_is_down_is_raised_as_our_error() -> None:
    client: Any = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:9",
        config=Config(retries={"total_max_attempts": 1}),
        aws_access_key_id="nobody",
        aws_secret_access_key="nobody",
    )
    for call in (lambda: Storage(client, BUCKET).current(KEY), lambda: LinkBucket(client, BUCKET).head(KEY)):
        with pytest.raises(ServiceUnavailable, match=r"^EndpointConnectionError$"):
            call()


def test_many_objects_are_removed_by_one_request_and_one_that_is_not_is_an_error(s3: Any) -> None:
    store = Storage(s3, BUCKET)
    keys = [f"table/{i}.parquet" for i in range(3)]
    for key in keys:
        store.put(key, b"x")
    store.delete([*keys, "table/never.parquet"])
    assert store.list("table/").objects == ()

    def refuse(**_: Any) -> Any:
        refused = {"Key": keys[1], "Code": "AccessDenied", "Message": "no"}
        return AWSResponse("https://s3", 200, HTTPHeaders(), None), {"Errors": [refused], "ResponseMetadata": {}}

    s3.meta.events.register("before-call.s3.DeleteObjects", refuse)
    with pytest.raises(AwsError, match="AccessDenied"):
        store.delete(keys)
