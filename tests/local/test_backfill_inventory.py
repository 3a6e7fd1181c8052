"""A backfill over an inventory on the embedded AWS: what is in it is loaded, as the bucket has it now."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from local.errors import LocalError
from tests.inventories import FIELDS, HOME, MANIFEST, VERSIONED, inventory
from tests.local.product import Product, order, product_with, without_events, without_schedule
from tests.local.test_backfill import backfill, denied, drop, execution_names, rows_by_key

pytestmark = [pytest.mark.aws, pytest.mark.slow]


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, where nothing happens by itself, and a bucket for inventories."""
    variables = {"ETL_BACKFILL_CONCURRENCY": "3", "ETL_BACKFILL_TOLERATED_PERCENT": "0"}
    with product_with(tmp_path_factory, variables) as product, without_events(product), without_schedule(product):
        product.s3.create_bucket(Bucket=HOME)
        yield product


def take_inventory(product: Product, kind: str, fields: tuple[str, ...] = VERSIONED) -> None:
    """Write an inventory of the bucket as it is, in two files."""
    bucket = product.settings.bucket
    rows: list[dict[str, Any]] = []
    for page in product.s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        versions: list[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        rows += [
            {
                "Bucket": bucket,
                "Key": each["Key"],
                "VersionId": each["VersionId"],
                "IsLatest": each["IsLatest"],
                "IsDeleteMarker": "ETag" not in each,
                "Size": each.get("Size"),
                "LastModifiedDate": each["LastModified"],
                "ETag": each["ETag"].strip('"') if "ETag" in each else None,
                "StorageClass": "STANDARD",
            }
            for each in versions
        ]
    if "IsLatest" not in fields:
        rows = [each for each in rows if each["IsLatest"] and not each["IsDeleteMarker"]]
    half = len(rows) // 2
    for key, body in inventory(bucket, rows[:half], rows[half:], kind=kind, fields=fields).items():
        product.s3.put_object(Bucket=HOME, Key=key, Body=body)


@pytest.mark.parametrize("kind", ["CSV", "Parquet"])
def test_what_an_inventory_has_is_loaded_as_the_bucket_has_it_now_and_every_count_adds_up(
    quiet: Product, kind: str
) -> None:
    folder = f"by-{kind}/"
    prefix = f"{quiet.orders.incoming}{folder}"
    before = drop(quiet, folder, 10)
    backfill(quiet, "--prefix", prefix)
    plain = drop(quiet, folder, 30, first=10)
    strange = [quiet.drop(f"{folder}{name}", [order(f"{kind}{name}")]) for name in ("a b+c.json", "ä%20.json")]
    twice = quiet.drop(f"{folder}twice.json", [order(f"{kind}first")])
    quiet.drop(f"{folder}twice.json", [order(f"{kind}second"), order(f"{kind}third")])
    deleted = quiet.drop(f"{folder}deleted.json", [order(f"{kind}deleted")])
    quiet.s3.delete_object(Bucket=quiet.settings.bucket, Key=deleted)
    gone, changed = (quiet.drop(f"{folder}{name}.json", [order(f"{kind}{name}")]) for name in ("gone", "changed"))
    take_inventory(quiet, kind)
    quiet.s3.delete_object(Bucket=quiet.settings.bucket, Key=gone)
    quiet.drop(f"{folder}changed.json", [order(f"{kind}changed"), order(f"{kind}more")])
    quiet.drop(f"{folder}later.json", [order(f"{kind}later")])

    arguments = ("--prefix", prefix, "--inventory", MANIFEST)
    lines = quiet.command("operate", "backfill", "--dry-run", *arguments)
    assert lines[0] == "The inventory is of 2026-11-25 01:00 UTC: what came since is not in it"
    assert "older versions" in lines[1]
    # The one that is gone is no more to be loaded.
    assert f"{prefix}: 45 objects of" in lines[2]
    assert " 34 of " in lines[2]

    lines, summary = backfill(quiet, *arguments)
    assert any("loads what the inventory has below" in line for line in lines)
    loaded = [*plain, *strange, twice, changed]
    assert (summary["listed"], summary["loaded"], summary["skipped"]) == (45, len(loaded), len(before) + 1)
    assert (summary["rejected"], summary["failed"]) == (0, 0)
    expected = Counter([*before, *loaded]) + Counter({twice: 1, changed: 1})
    assert rows_by_key(quiet, folder) == expected

    lines, summary = backfill(quiet, *arguments)
    assert (summary["listed"], summary["loaded"], summary["skipped"]) == (45, 0, 45)
    assert lines[-1] == "Everything was loaded before: nothing was to be done."
    assert rows_by_key(quiet, folder) == expected


def test_an_inventory_without_versions_is_enough_and_a_redrive_goes_on_with_what_failed(quiet: Product) -> None:
    keys = drop(quiet, "redriven/", 110)
    take_inventory(quiet, "CSV", FIELDS)
    arguments = ("--prefix", f"{quiet.orders.incoming}redriven/", "--inventory", MANIFEST)
    with denied(quiet, keys[105]), pytest.raises(LocalError) as ended:
        backfill(quiet, *arguments)
    assert "110 listed = 109 loaded + 0 skipped + 0 rejected + 1 failed" in ended.value.tail
    lines, summary = backfill(quiet, "--redrive", execution_names(quiet)[0])
    assert (summary["listed"], summary["loaded"], summary["failed"]) == (110, 110, 0), lines
    assert rows_by_key(quiet, "redriven/") == Counter(keys)


def test_without_the_right_to_read_what_it_is_given_a_run_fails_and_says_so(quiet: Product) -> None:
    drop(quiet, "unread/", 1)
    take_inventory(quiet, "CSV")
    iam, role = quiet.aws.client("iam"), "orders-etl-local-backfill"
    given = f"arn:aws:s3:::{quiet.settings.bucket}/orders_state/backfill/given/*"
    statement = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": given}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="denied", PolicyDocument=document)
    try:
        with pytest.raises(LocalError) as ended:
            backfill(quiet, "--prefix", f"{quiet.orders.incoming}unread/", "--inventory", MANIFEST)
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denied")
    assert "is not allowed s3:GetObject" in ended.value.tail


def test_an_inventory_that_is_not_there_or_another_buckets_is_refused(quiet: Product) -> None:
    for key, body in inventory("another-bucket", []).items():
        quiet.s3.put_object(Bucket=HOME, Key=key, Body=body)
    for manifest, says in (
        (MANIFEST, "is the inventory of bucket another-bucket, and the stage's is orders-etl-local"),
        (f"s3://{HOME}/none/manifest.json", "is not there"),
    ):
        with pytest.raises(LocalError) as refused:
            backfill(quiet, "--inventory", manifest)
        assert says in refused.value.tail
