"""Events of S3 reach the function: every one, a few at a time, whatever the key."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from local.deploy import Deployment
from local.emulator import Emulator
from local.patches.lambda_burst import WORKERS
from local.pipeline import wait_for
from tests.local.calls import PROBE_BUCKET, receipts

pytestmark = pytest.mark.aws

AWKWARD = [
    "in/with space.json",
    "in/plus+sign.json",
    "in/ünïcode-注文-🧾.json",
    "in/percent%2Fsign%20.json",
    "in/deep/er/file.json",
    "in/quote'\"&<>.json",
    "in/equals=ampersand&.json",
]


def received(aws: Emulator, keys: list[str]) -> list[dict[str, float | str]]:
    """Wait until the probe has seen all `keys`, return its receipts for them."""
    expected = set(keys)

    def poll() -> list[dict[str, float | str]] | None:
        seen = [receipt for receipt in receipts(aws, PROBE_BUCKET) if receipt["key"] in expected]
        return seen if {receipt["key"] for receipt in seen} == expected else None

    return wait_for(poll, seconds=60)


def test_keys_with_spaces_plus_signs_and_unicode_arrive(aws: Emulator, probe: Deployment) -> None:
    s3 = aws.client("s3")
    for key in AWKWARD:
        s3.put_object(Bucket=PROBE_BUCKET, Key=key, Body=b"[]")
    assert len(received(aws, AWKWARD)) == len(AWKWARD)


def test_forty_puts_at_once_all_arrive_on_a_few_workers(aws: Emulator, probe: Deployment) -> None:
    s3 = aws.client("s3")
    keys = [f"in/burst-{number}.json" for number in range(40)]
    with ThreadPoolExecutor(40) as putting:
        list(putting.map(lambda key: s3.put_object(Bucket=PROBE_BUCKET, Key=key, Body=b"[]"), keys))
    seen = received(aws, keys)
    assert len(seen) == len(keys)
    assert len({receipt["process"] for receipt in seen}) <= WORKERS
