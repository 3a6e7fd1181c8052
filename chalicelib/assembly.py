"""What the functions that load and sweep share: the bucket, the crawler's turn. No columns here."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import botocore
from msgspec.structs import asdict

from chalicelib import dataset
from chalicelib.aws.events import EventBus, events_client
from chalicelib.aws.glue import GlueCatalog, glue_client, start_crawler
from chalicelib.aws.runtime import check_botocore
from chalicelib.aws.s3 import Storage, s3_client
from chalicelib.aws.session import make_client
from chalicelib.contracts import registry
from chalicelib.dataset import Dataset, Prefixes, loaded_by
from chalicelib.errors import AwsError, ContractError, kind_of, redacted_message
from chalicelib.loading.crawler_turn import CrawlerTurn
from chalicelib.loading.months import catalog_tables
from chalicelib.loading.outbox_relay import Address, Event, OutboxRelay
from chalicelib.loading.partition_sweep import PartitionSweep
from chalicelib.loading.partitions import Partitions
from chalicelib.settings import Settings
from chalicelib.telemetry.logs import log, measure

check_botocore(botocore.__version__)  # now and not at the first write, which would be in the middle of a load


@functools.cache
def datasets(settings: Settings) -> tuple[Dataset, ...]:
    """Return the datasets of a stage: one for each contract that is deployed.

    Raises ContractError with every fault of the contracts, and where two of them, or a table and a prefix of the
    bucket, get into each other's way.
    """
    made, faults = _datasets(settings, registry.FOLDER)
    if faults:
        raise ContractError(faults)
    return made


def check_contracts(settings: Settings, folder: Path | None = None) -> None:
    """Raise ContractError with all for which a stage must not be deployed: as `datasets`, saved queries and checks."""
    # Asked for at a deployment, never in a function that loads.
    from chalicelib.queries import checks, saved

    made, faults = _datasets(settings, folder or registry.FOLDER)
    faults += [*saved.faults(made), *checks.faults(made)]
    if faults:
        raise ContractError(faults)


def _datasets(settings: Settings, folder: Path) -> tuple[tuple[Dataset, ...], list[str]]:
    """Return the datasets of the contracts in `folder` that can be read, and all faults."""
    prefixes = Prefixes.of(settings)
    contracts, faults = registry.readable(folder)
    made = tuple(Dataset(contract, settings.bucket, settings.database, prefixes) for contract in contracts)
    return made, [*faults, *dataset.clashes(made)]


@functools.cache
def storage(bucket: str) -> Storage:
    """Return the bucket, over one client a process."""
    return Storage(s3_client(), bucket)


def outbox_relay(settings: Settings) -> OutboxRelay:
    """Return what relays outboxes. Where it cannot, that is logged and counted."""
    made = datasets(settings)

    def failed(key: str, error: Exception) -> None:
        log("outbox not relayed", level="WARNING", key=key, kind=kind_of(error), reason=redacted_message(error))
        measure({"OutboxFailures": 1}, stage=settings.stage)

    address = Address(
        settings.bucket,
        settings.receipts_prefix,
        settings.ledger_prefix,
        settings.stage,
        lambda key: loaded_by(key, made).name,
    )
    return OutboxRelay(
        storage(settings.bucket), address, bus(settings.event_bus).send if settings.events else _nobody, failed
    )


@functools.cache
def bus(name: str) -> EventBus:
    """Return the bus that events go to, over one client a process."""
    return EventBus(functools.cache(events_client), name)


def _nobody(events: Sequence[Event]) -> None:
    """Send nothing: the stage has no events."""


@functools.cache
def partitions(settings: Settings) -> Callable[[Sequence[str]], None]:
    """Return what registers the months of files that have appeared, one a process, in a stage that has it so."""
    if settings.catalog_mode != "partitions":
        return lambda files: None

    def failed(months: Sequence[str], reason: str) -> None:
        log("months not registered", level="ERROR", months=list(months), reason=reason)
        measure({"CatalogFailures": 1}, stage=settings.stage)

    return Partitions(
        storage(settings.bucket),
        _catalog(),
        state=settings.state_prefix,
        tables=catalog_tables(datasets(settings)),
        seconds=time.time,  # a process that Lambda froze has no other clock that went on
        failed=failed,
    ).register


def put_partitions_right(settings: Settings, time_left: Callable[[], float]) -> None:
    """Register what is written and unregister what is empty, in a stage that has it so. Never raises AwsError."""
    if settings.catalog_mode != "partitions":
        return

    def failed(table: str, reason: str) -> None:
        log("months not registered", level="ERROR", table=table, reason=reason)

    report = PartitionSweep(
        storage(settings.bucket),
        _catalog(),
        state=settings.state_prefix,
        tables=catalog_tables(datasets(settings)),
        failed=failed,
    ).run(time_left)
    log("partitions", level="ERROR" if report.failures else "INFO", **asdict(report))
    measure({"CatalogFailures": report.failures}, stage=settings.stage)


@functools.cache
def _catalog() -> GlueCatalog:
    # Made when it is first needed: most loads need none, and Glue's model is a large one.
    return GlueCatalog(functools.cache(glue_client))


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
        lambda: start_crawler(make_client("glue"), settings.crawler),
    )
    try:
        outcome = ask(turn)
    except AwsError as error:
        outcome = f"failed: {error}"
    failed = outcome.startswith("failed")
    log("crawler", level="ERROR" if failed else "INFO", crawler=settings.crawler, outcome=outcome)
    if failed:
        measure({"CrawlerFailures": 1}, stage=settings.stage)
