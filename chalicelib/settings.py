"""The settings of a stage, each with its variable, unit and default; read once from the environment, and checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import NODEFAULT, Struct, field

from chalicelib import setting_checks
from chalicelib import setting_values as values
from chalicelib.prices import US_EAST_1, Prices

MIB = 1024 * 1024
GIB = 1024 * MIB

LOCAL_STAGE = setting_checks.LOCAL_STAGE

T = TypeVar("T")


class Setting(Struct, frozen=True):
    """What there is to say of one setting. `parse` raises ValueError, which says what to give instead."""

    variable: str
    parse: Callable[[str], Any]
    effect: str
    unit: str
    default: Any

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is NODEFAULT


_described: list[Setting] = []


def _setting(
    variable: str, parse: Callable[[str], T], effect: str, unit: str = "", *, default: T | Any = NODEFAULT
) -> Any:
    _described.append(Setting(variable, parse, effect, unit, default))
    return field(default=default)


class Settings(Struct, frozen=True):
    """What a deployed stage knows. Sizes are in bytes, times in seconds; prefixes end with a slash."""

    bucket: str = _setting("ETL_BUCKET", values.bucket, "The one bucket that holds everything.")
    incoming_prefix: str = _setting(
        "ETL_INCOMING_PREFIX", values.prefix, "Where orders are dropped.", default="orders_json_incoming/"
    )
    quarantine_prefix: str = _setting(
        "ETL_QUARANTINE_PREFIX", values.prefix, "Rejected records, and why.", default="orders_quarantine/"
    )
    ledger_prefix: str = _setting(
        "ETL_LEDGER_PREFIX", values.prefix, "One JSON object a source key.", default="orders_ledger/"
    )
    results_prefix: str = _setting(
        "ETL_RESULTS_PREFIX", values.prefix, "Athena's results, expiring.", default="athena_results/"
    )
    state_prefix: str = _setting(
        "ETL_STATE_PREFIX",
        values.prefix,
        "What the sweep and the crawler's start remember, and which months are registered.",
        default="orders_state/",
    )
    receipts_prefix: str = _setting(
        "ETL_RECEIPTS_PREFIX",
        values.prefix,
        "One JSON object a source key: what became of it, for whoever sent it.",
        default="orders_receipts/",
    )
    database: str = _setting("GLUE_DATABASE", values.name, "The Glue database.", default="etl_pipeline")
    catalog_mode: str = _setting(
        "CATALOG_MODE",
        values.mode,
        "partitions: tables are declared, and a load registers the months that it wrote. projection: Athena computes "
        "them, and no other engine does. crawler: a crawler makes tables and months.",
        default="partitions",
    )
    crawler: str = _setting(
        "GLUE_CRAWLER", values.crawler, "The crawler that is started after a load; empty for none.", default=""
    )
    crawler_seconds: int = _setting(
        "GLUE_CRAWLER_SECONDS",
        values.number(60, 86_400),
        "The crawler is started at most once in this time, however many files land; the last of them is not forgotten.",
        "seconds",
        default=600,
    )
    workgroup: str = _setting("ATHENA_WORKGROUP", values.workgroup, "The Athena workgroup.", default="etl_pipeline")
    max_record_bytes: int = _setting(
        "ETL_MAX_RECORD_BYTES",
        values.number(1024, 256 * MIB),
        "A longer order is rejected alone.",
        "bytes",
        default=8 * MIB,
    )
    max_decompressed_bytes: int = _setting(
        "ETL_MAX_DECOMPRESSED_BYTES",
        values.number(MIB, 10**15),
        "A gzip file that expands to more is quarantined whole.",
        "bytes",
        default=20 * GIB,
    )
    roll_bytes: int = _setting(
        "ETL_ROLL_BYTES",
        values.number(MIB, 192 * MIB),
        "A Parquet file is closed, and the next begun, at about this size. Lambda's disk has room for no larger one.",
        "bytes",
        default=128 * MIB,
    )
    max_source_bytes: int = _setting(
        "ETL_MAX_SOURCE_BYTES",
        values.number(MIB, 5 * 1024 * GIB),
        "A larger object is quarantined whole before it is read: it would not end within the 15 minutes of a Lambda.",
        "bytes, as stored",
        default=16 * GIB,
    )
    max_rejected_percent: int = _setting(
        "ETL_MAX_REJECTED_PERCENT",
        values.number(1, 100),
        "A file of which a larger share of the orders is rejected is quarantined whole; 100: none is for that.",
        "percent of the orders read so far",
        default=80,
    )
    judged_from_orders: int = _setting(
        "ETL_REJECTED_PERCENT_FROM_ORDERS",
        values.number(1, 10**9),
        "That share counts once so many orders of the file were read: what a smaller file has is rejected one by one.",
        "orders",
        default=40_000,
    )
    delete_propagates: bool = _setting(
        "ETL_DELETE_PROPAGATES",
        values.switch,
        "true: deleting a dropped object removes its rows. false: they stay.",
        default=False,
    )
    sweep_minutes: int = _setting(
        "ETL_SWEEP_MINUTES",
        values.number(2, 1440),
        "How often the sweep looks for what no event announced and what died half-way.",
        "minutes",
        default=15,
    )
    sweep_grace_seconds: int = _setting(
        "ETL_SWEEP_GRACE_SECONDS",
        values.number(60, 604_800),
        "How long a load that says nothing, or a file in the table that nobody knows, is left alone.",
        "seconds",
        default=3600,
    )
    sweep_lookback_hours: int = _setting(
        "ETL_SWEEP_LOOKBACK_HOURS",
        values.number(1, 8760),
        "How far back before the last whole sweep the next one looks at every object again.",
        "hours",
        default=24,
    )
    sweep_most_removals: int = _setting(
        "ETL_SWEEP_MOST_REMOVALS",
        values.number(0, 1000),
        "The sweep removes no file of the table that is nobody's where it finds more of them than this, and than the "
        "share below, at once: the ledger may be lost.",
        default=100,
    )
    sweep_most_percent: int = _setting(
        "ETL_SWEEP_MOST_PERCENT",
        values.number(0, 100),
        "The share of the table's files, or of ledger entries that are gone, beyond which the sweep removes none.",
        "percent",
        default=10,
    )
    prices: Prices = _setting(
        "ETL_PRICES",
        Prices.parse,
        "What AWS asks, for the dollars of each load: those of us-east-1 unless given here, as in `put=0.0000054`.",
        "dollars",
        default=US_EAST_1,
    )
    backfill_concurrency: int = _setting(
        "ETL_BACKFILL_CONCURRENCY",
        values.number(0, 1000),
        "How many batches of a backfill are loaded at the same time; 0: the stage has no state machine for backfills.",
        "batches",
        default=5,
    )
    backfill_tolerated_percent: int = _setting(
        "ETL_BACKFILL_TOLERATED_PERCENT",
        values.number(0, 100),
        "A backfill ends early once a larger share of its objects was in batches that failed to the end.",
        "percent of the objects",
        default=5,
    )
    refresh_minutes: int = _setting(
        "ETL_REFRESH_MINUTES",
        values.number(0, 10_080),
        "How often the refresh runs: the crawler, where there is one, and the contracts' checks. 0: on no schedule.",
        "minutes",
        default=0,
    )
    refresh_after_loads: int = _setting(
        "ETL_REFRESH_AFTER_LOADS_SECONDS",
        values.refresh_seconds,
        "A refresh follows each load within so many seconds, one for all loads of that time. 0: loads start none.",
        "seconds",
        default=0,
    )
    events: bool = _setting(
        "ETL_EVENTS",
        values.switch,
        "true: an event tells of each version of a source that ended. false: only its receipt does.",
        default=True,
    )
    event_bus: str = _setting(
        "ETL_EVENT_BUS",
        values.bus,
        "The event bus of this account and region that the events go to.",
        default="default",
    )
    events_topic: str = _setting(
        "ETL_EVENTS_TOPIC",
        values.topic_name,
        "The SNS topic, made by glue_setup, that the stage's events are passed on to; empty for none.",
        default="",
    )
    alarm_topic: str = _setting(
        "ALARM_TOPIC_ARN",
        values.topic,
        "The SNS topic that alarms, and a refresh that fails, are sent to; empty for none.",
        default="",
    )
    budget_dollars: int = _setting(
        "ETL_BUDGET_DOLLARS",
        values.number(0, 10**9),
        "What the stage may cost: an AWS Budget tells when 80 % of it are spent, when all of it will be and when all "
        "of it is. 0: there is none.",
        "dollars a month",
        default=0,
    )
    budget_emails: tuple[str, ...] = _setting(
        "ETL_BUDGET_EMAILS",
        values.emails,
        "Whom the budget tells: e-mail addresses, with commas between. Without one it tells ALARM_TOPIC_ARN.",
        default=(),
    )

    stage: str = _setting("ETL_STAGE", values.stage, "The stage's name.", default="")
    api_auth: str = _setting(
        "API_AUTH",
        values.auth,
        "Who may call the REST API. iam: signed requests. api_key: a key of a usage plan. "
        "none: anybody, on the local stage only.",
        default="iam",
    )
    api_origins: tuple[str, ...] = _setting(
        "API_CORS_ORIGINS",
        values.origins,
        "Web origins that may call the REST API from a browser, with commas between.",
        default=(),
    )
    upload_max_bytes: int = _setting(
        "UPLOAD_MAX_BYTES",
        values.number(1, 5 * GIB),
        "The largest file that an upload link takes; unless given, no more than ETL_MAX_SOURCE_BYTES.",
        "bytes",
        default=GIB,
    )
    upload_seconds: int = _setting(
        "UPLOAD_SECONDS", values.number(60, 3600), "How long an upload link can be used.", "seconds", default=900
    )
    download_seconds: int = _setting(
        "DOWNLOAD_SECONDS", values.number(60, 3600), "How long a download link can be used.", "seconds", default=300
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check every setting.

        Raises SettingError for all at once that are missing, malformed, or contradict each other: each with its
        variable, its value and the remedy.
        """
        return cls(**setting_checks.read_values(cls, ALL_SETTINGS, environment))

    @property
    def prefixes(self) -> tuple[str, ...]:
        """Everything in the bucket that is the pipeline's."""
        return (
            self.incoming_prefix,
            self.quarantine_prefix,
            self.ledger_prefix,
            self.results_prefix,
            self.state_prefix,
            self.receipts_prefix,
        )

    @property
    def refreshes(self) -> bool:
        """Whether the stage has a refresh, on a schedule or after loads."""
        return bool(self.refresh_minutes or self.refresh_after_loads)

    @property
    def s3_events(self) -> list[str]:
        """The S3 events that the loading function is told of."""
        return ["s3:ObjectCreated:*", *(["s3:ObjectRemoved:*"] if self.delete_propagates else [])]

    @property
    def results_location(self) -> str:
        """Where Athena writes results, as an S3 URI, ending with a slash."""
        return f"s3://{self.bucket}/{self.results_prefix}"


ALL_SETTINGS: Mapping[str, Setting] = dict(zip(Settings.__struct_fields__, _described, strict=True))
"""Every setting, by its field."""
