"""What the functions that load and sweep share: the bucket, the crawler's turn. No columns here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta

import boto3
import botocore

from chalicelib import dataset
from chalicelib.aws.glue import start_crawler
from chalicelib.aws.runtime import check_botocore
from chalicelib.aws.s3 import Storage, s3_client
from chalicelib.contracts import registry
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.errors import AwsError
from chalicelib.loading.crawler_turn import CrawlerTurn
from chalicelib.settings import Settings
from chalicelib.telemetry.logs import log, measure

check_botocore(botocore.__version__)  # now and not at the first write, which would be in the middle of a load


@functools.cache
def datasets(settings: Settings) -> tuple[Dataset, ...]:
    """Return the datasets of a stage: one for each contract that is deployed.

    Raises ContractError where two of them, or a table and a prefix of the bucket, get into each other's way.
    """
    prefixes = Prefixes(
        settings.incoming_prefix,
        settings.quarantine_prefix,
        settings.ledger_prefix,
        settings.results_prefix,
        settings.state_prefix,
    )
    return dataset.check(
        Dataset(contract.check(), settings.bucket, settings.database, prefixes) for contract in registry.contracts()
    )


@functools.cache
def storage(bucket: str) -> Storage:
    """Return the bucket, over one client a process."""
    return Storage(s3_client(), bucket)


def request_crawl(settings: Settings) -> None:
    """Tell the crawler of new files, where the stage has one. Never raises: the data are loaded."""
    _have_crawler(settings, CrawlerTurn.request)


def catch_up_crawler(settings: Settings) -> None:
    """Start the crawler if a crawl was requested and it is time, where the stage has one. Never raises."""
    _have_crawler(settings, CrawlerTurn.catch_up)


def _have_crawler(settings: Settings, ask: Callable[[CrawlerTurn], str]) -> None:
    if not settings.crawler:
        return
    turn = CrawlerTurn(
        storage(settings.bucket),
        settings.state_prefix,
        timedelta(seconds=settings.crawler_seconds),
        lambda: start_crawler(boto3.client("glue"), settings.crawler),
    )
    try:
        outcome = ask(turn)
    except AwsError as error:
        outcome = f"failed: {error}"
    failed = outcome.startswith("failed")
    log("crawler", level="ERROR" if failed else "INFO", crawler=settings.crawler, outcome=outcome)
    if failed:
        measure({"CrawlerFailures": 1}, stage=settings.stage)
