"""Chalice's record and its copy in the bucket: the newer one counts, and what is gone is forgotten."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from release import record

BUCKET = "orders-etl-record"
API = {
    "name": "rest_api",
    "resource_type": "rest_api",
    "rest_api_id": "abc123",
    "rest_api_url": "https://abc123.execute-api.eu-west-1.amazonaws.com/api/",
}
FUNCTION = {
    "name": "load",
    "resource_type": "lambda_function",
    "lambda_arn": "arn:aws:lambda:eu-west-1:123456789012:function:orders-etl-dev-load",
}


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        made = boto3.Session(region_name="us-east-1")
        made.client("s3").create_bucket(Bucket=BUCKET)
        yield made


def write(project: Path, *resources: dict[str, Any]) -> Path:
    path = record.path_of(project, "dev")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"resources": list(resources), "schema_version": "2.0"}))
    return path


def test_the_record_has_functions_and_address(tmp_path: Path) -> None:
    assert record.read(tmp_path, "dev") is None
    write(tmp_path, FUNCTION, API)
    url = "https://abc123.execute-api.eu-west-1.amazonaws.com/api"
    assert record.read(tmp_path, "dev") == record.Deployed({"load": "orders-etl-dev-load"}, "abc123", url)
    embedded = record.read(tmp_path, "dev", "http://127.0.0.1:1")
    assert embedded is not None
    assert embedded.api_url == "http://127.0.0.1:1/_aws/execute-api/abc123/api"


def test_a_machine_without_a_record_gets_the_copy_and_one_with_a_newer_record_keeps_it(
    session: boto3.Session, tmp_path: Path
) -> None:
    s3 = session.client("s3")
    assert not record.fetch(s3, BUCKET, tmp_path, "dev")
    written = write(tmp_path / "one", API).read_bytes()
    record.keep(s3, BUCKET, tmp_path / "one", "dev")
    assert record.fetch(s3, BUCKET, tmp_path / "two", "dev")
    assert record.path_of(tmp_path / "two", "dev").read_bytes() == written
    assert not record.fetch(s3, BUCKET, tmp_path / "two", "dev")

    newer = write(tmp_path / "two", API, FUNCTION)
    os.utime(newer, (2e9, 2e9))
    assert not record.fetch(s3, BUCKET, tmp_path / "two", "dev")
    assert record.read(tmp_path / "two", "dev").functions  # type: ignore[union-attr]

    stale = write(tmp_path / "three", FUNCTION)
    os.utime(stale, (1e9, 1e9))
    assert record.fetch(s3, BUCKET, tmp_path / "three", "dev")
    assert stale.read_bytes() == written


def test_a_bucket_that_is_not_there_yet_has_no_copy(session: boto3.Session, tmp_path: Path) -> None:
    assert not record.fetch(session.client("s3"), "no-such-bucket-yet", tmp_path, "dev")
    record.forget(session.client("s3"), "no-such-bucket-yet", tmp_path, "dev")
