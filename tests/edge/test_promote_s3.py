"""python -m operate promote over a bucket of moto's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib import assembly
from chalicelib.contracts import registry
from chalicelib.flatten.command import flatten_file
from operate.__main__ import main

BUCKET = "orders-etl-test"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assembly.storage.cache_clear()
    with mock_aws():
        made = boto3.resource("s3").create_bucket(Bucket=BUCKET)
        yield made
    assembly.storage.cache_clear()


def test_promote_reads_the_table_of_a_stage_and_says_what_a_replay_would_read(
    bucket: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".chalice").mkdir()
    stages = {"test": {"environment_variables": {"ETL_BUCKET": BUCKET}}}
    config = {"version": "2.0", "app_name": "orders-etl", "stages": stages}
    (tmp_path / ".chalice" / "config.json").write_text(json.dumps(config), "utf-8")
    source = tmp_path / "orders.json"
    source.write_text(json.dumps([{"order_id": 1, "order_date": "2024-07-05", "gift_note": "For Ann"}]), "utf-8")
    bucket.upload_file(str(source), "orders_json_incoming/orders.json")
    flatten_file(str(source), tmp_path / "out", None, registry.contract("orders"))
    for file in (tmp_path / "out").rglob("*.parquet"):
        key = file.relative_to(tmp_path / "out").as_posix()
        bucket.upload_file(str(file), f"{registry.contract('orders').main.name}/{key}")
    capsys.readouterr()
    assert main(["promote", "--stage", "test", "--project", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("orders_parquet_datalake: read 1 of 1 files, the newest, ")
    assert lines[1:3] == [
        "  100.0%  1 of 1  gift_note: string",
        '    gift_note = { path = "gift_note", type = "text" }',
    ]
    assert lines[-1].startswith(f"reads 1 objects of {source.stat().st_size} bytes on this machine")
    assert not any("Ann" in line for line in lines)
