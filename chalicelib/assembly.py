"""What the functions that load and sweep share: the bucket, the crawler's turn, failures in words. No columns here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta

import boto3
import botocore
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib import dataset
from chalicelib.aws.glue import start_crawler
from chalicelib.aws.runtime import check_botocore
from chalicelib.aws.s3 import Storage, s3_client
from chalicelib.contracts import registry
from chalicelib.dataset import Dataset, Prefixes
from chalicelib.errors import EtlError
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


def want_crawler(settings: Settings) -> None:
    """Tell the crawler of new files, where the stage has one. Never raises: the data are loaded."""
    _have_crawler(settings, CrawlerTurn.wanted)


def catch_up_crawler(settings: Settings) -> None:
    """Start the crawler if it is wanted and it is time, where the stage has one. Never raises."""
    _have_crawler(settings, CrawlerTurn.catch_up)


def kind_of(problem: Exception) -> str:
    """Return a failure's kind for logs and metrics: AWS's error code, else the name of its class."""
    if isinstance(problem, ClientError):
        return str(problem.response.get("Error", {}).get("Code", "unknown"))
    return type(problem).__name__


def redacted_message(problem: Exception) -> str:
    """Put a failure into words that hold nothing of an order: AWS's call and code, or our own message."""
    if isinstance(problem, ClientError):
        return f"{problem.operation_name}: {kind_of(problem)}"
    return str(problem) if isinstance(problem, EtlError) else kind_of(problem)


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
    except (ClientError, BotoCoreError) as problem:
        outcome = f"failed: {redacted_message(problem)}"
    failed = outcome.startswith("failed")
    log("crawler", level="ERROR" if failed else "INFO", crawler=settings.crawler, outcome=outcome)
    if failed:
        measure({"CrawlerFailures": 1}, stage=settings.stage)
