"""Settings of a stage, read once from the environment, validated, with units."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from chalicelib.errors import SettingError, SettingFault
from chalicelib.prices import US_EAST_1, Prices

MIB = 1024 * 1024
GIB = 1024 * MIB

RETIRED = dict.fromkeys(
    ("GLUE_TABLE", "ETL_TABLE_PREFIX"), "remove it: a table's name, which is its folder's too, is the contract's"
)
"""Settings that there are no more, and what to do instead."""

LEAST_REFRESH_SECONDS = 10
"""Refreshes that follow loads more often would only run side by side."""
MOST_EMAILS = 10
"""AWS Budgets tells no more addresses of one threshold."""

LOCAL_STAGE = "local"
"""The stage that lives in the embedded AWS on a laptop."""

T = TypeVar("T")


def _text(pattern: str, remedy: str) -> Callable[[str], str]:
    def parse(raw: str) -> str:
        if not re.fullmatch(pattern, raw):
            raise ValueError(remedy)
        return raw

    return parse


def _number(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not re.fullmatch(r"\d{1,18}", raw) or not low <= int(raw) <= high:
            raise ValueError(f"give a whole number from {low} to {high}")
        return int(raw)

    return parse


def _refresh_seconds(raw: str) -> int:
    if raw != "0" and not (re.fullmatch(r"[1-9]\d{1,4}", raw) and LEAST_REFRESH_SECONDS <= int(raw) <= 86_400):
        raise ValueError(f"give 0 for none, or a whole number from {LEAST_REFRESH_SECONDS} to 86400")
    return int(raw)


_bucket = _text(r"(?!xn--)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "give a bucket name (3 to 63 lower-case characters)")
_prefix = _text(r"[a-z0-9][a-z0-9_-]{0,62}/", "give one lower-case folder name that ends with a slash")
_name = _text(r"[a-z0-9][a-z0-9_]{0,127}", "give lower-case letters, digits and underscores")
_workgroup = _text(r"[a-zA-Z0-9._-]{1,128}", "give letters, digits, dots, dashes and underscores")
_crawler = _text(r"[a-zA-Z0-9._-]{0,255}", "give the crawler's name, or nothing for none")
_mode = _text(r"partitions|projection|crawler", "give partitions, projection or crawler")
_stage = _text(r"[a-zA-Z0-9_-]{1,64}", "give the stage's name")
_auth = _text(r"iam|api_key|none", "give iam, api_key or none")
_bus = _text(
    r"(?!aws\.)[A-Za-z0-9._-]{1,256}",
    "give the name of an event bus, such as default (events are switched by ETL_EVENTS)",
)
_topic_name = _text(r"[A-Za-z0-9_-]{1,256}", "give a topic's name, not its ARN, or nothing for none")
_topic = _text(
    r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]{1,256}",
    "give the ARN of an SNS topic, or nothing for none",
)
_email = re.compile(r"[^@\s,]+@[^@\s,.]+(\.[^@\s,.]+)+")
_origin = re.compile(r"https://[a-z0-9.-]+(:\d{1,5})?|http://(localhost|127\.0\.0\.1)(:\d{1,5})?")


def _origins(raw: str) -> tuple[str, ...]:
    origins = tuple(each.strip() for each in raw.split(","))
    if not all(_origin.fullmatch(each) for each in origins):
        raise ValueError("give origins such as https://shop.example, with commas between; * is not taken")
    return origins


def _emails(raw: str) -> tuple[str, ...]:
    addresses = tuple(each.strip() for each in raw.split(","))
    if len(addresses) > MOST_EMAILS or not all(_email.fullmatch(each) for each in addresses):
        raise ValueError(f"give up to {MOST_EMAILS} e-mail addresses such as data@shop.example, with commas between")
    return addresses


def _switch(raw: str) -> bool:
    if raw not in ("true", "false"):
        raise ValueError("give true or false")
    return raw == "true"


def _setting(variable: str, parse: Callable[[str], T], effect: str, unit: str = "", **default: Any) -> Any:
    return field(metadata={"variable": variable, "parse": parse, "effect": effect, "unit": unit}, **default)


@dataclass(frozen=True)
class Settings:
    """What a deployed stage knows. Sizes are in bytes, times in seconds; prefixes end with a slash."""

    bucket: str = _setting("ETL_BUCKET", _bucket, "The one bucket that holds everything.")
    incoming_prefix: str = _setting(
        "ETL_INCOMING_PREFIX", _prefix, "Where orders are dropped.", default="orders_json_incoming/"
    )
    quarantine_prefix: str = _setting(
        "ETL_QUARANTINE_PREFIX", _prefix, "Rejected records, and why.", default="orders_quarantine/"
    )
    ledger_prefix: str = _setting(
        "ETL_LEDGER_PREFIX", _prefix, "One JSON object a source key.", default="orders_ledger/"
    )
    results_prefix: str = _setting(
        "ETL_RESULTS_PREFIX", _prefix, "Athena's results, expiring.", default="athena_results/"
    )
    state_prefix: str = _setting(
        "ETL_STATE_PREFIX",
        _prefix,
        "What the sweep and the crawler's start remember, and which months are registered.",
        default="orders_state/",
    )
    receipts_prefix: str = _setting(
        "ETL_RECEIPTS_PREFIX",
        _prefix,
        "One JSON object a source key: what became of it, for whoever sent it.",
        default="orders_receipts/",
    )
    database: str = _setting("GLUE_DATABASE", _name, "The Glue database.", default="etl_pipeline")
    catalog_mode: str = _setting(
        "CATALOG_MODE",
        _mode,
        "partitions: tables are declared, and a load registers the months that it wrote. projection: Athena computes "
        "them, and no other engine does. crawler: a crawler makes tables and months.",
        default="partitions",
    )
    crawler: str = _setting(
        "GLUE_CRAWLER", _crawler, "The crawler that is started after a load; empty for none.", default=""
    )
    crawler_seconds: int = _setting(
        "GLUE_CRAWLER_SECONDS",
        _number(60, 86_400),
        "The crawler is started at most once in this time, however many files land; the last of them is not forgotten.",
        "seconds",
        default=600,
    )
    workgroup: str = _setting("ATHENA_WORKGROUP", _workgroup, "The Athena workgroup.", default="etl_pipeline")
    max_record_bytes: int = _setting(
        "ETL_MAX_RECORD_BYTES",
        _number(1024, 256 * MIB),
        "A longer order is rejected alone.",
        "bytes",
        default=8 * MIB,
    )
    max_decompressed_bytes: int = _setting(
        "ETL_MAX_DECOMPRESSED_BYTES",
        _number(MIB, 10**15),
        "A gzip file that expands to more is quarantined whole.",
        "bytes",
        default=20 * GIB,
    )
    roll_bytes: int = _setting(
        "ETL_ROLL_BYTES",
        _number(MIB, 192 * MIB),
        "A Parquet file is closed, and the next begun, at about this size. Lambda's disk has room for no larger one.",
        "bytes",
        default=128 * MIB,
    )
    max_source_bytes: int = _setting(
        "ETL_MAX_SOURCE_BYTES",
        _number(MIB, 5 * 1024 * GIB),
        "A larger object is quarantined whole before it is read: it would not end within the 15 minutes of a Lambda.",
        "bytes, as stored",
        default=16 * GIB,
    )
    max_rejected_percent: int = _setting(
        "ETL_MAX_REJECTED_PERCENT",
        _number(1, 100),
        "A file of which a larger share of the orders is rejected is quarantined whole; 100: none is for that.",
        "percent of the orders read so far",
        default=80,
    )
    judged_from_orders: int = _setting(
        "ETL_REJECTED_PERCENT_FROM_ORDERS",
        _number(1, 10**9),
        "That share counts once so many orders of the file were read: what a smaller file has is rejected one by one.",
        "orders",
        default=40_000,
    )
    delete_propagates: bool = _setting(
        "ETL_DELETE_PROPAGATES",
        _switch,
        "true: deleting a dropped object removes its rows. false: they stay.",
        default=False,
    )
    sweep_minutes: int = _setting(
        "ETL_SWEEP_MINUTES",
        _number(2, 1440),
        "How often the sweep looks for what no event announced and what died half-way.",
        "minutes",
        default=15,
    )
    sweep_grace_seconds: int = _setting(
        "ETL_SWEEP_GRACE_SECONDS",
        _number(60, 604_800),
        "How long a load that says nothing, or a file in the table that nobody knows, is left alone.",
        "seconds",
        default=3600,
    )
    sweep_lookback_hours: int = _setting(
        "ETL_SWEEP_LOOKBACK_HOURS",
        _number(1, 8760),
        "How far back before the last whole sweep the next one looks at every object again.",
        "hours",
        default=24,
    )
    sweep_most_removals: int = _setting(
        "ETL_SWEEP_MOST_REMOVALS",
        _number(0, 1000),
        "The sweep removes no file of the table that is nobody's where it finds more of them than this, and than the "
        "share below, at once: the ledger may be lost.",
        default=100,
    )
    sweep_most_percent: int = _setting(
        "ETL_SWEEP_MOST_PERCENT",
        _number(0, 100),
        "The share of the table's files, or of ledger entries that are gone, beyond which the sweep removes none.",
        "percent",
        default=10,
    )
    prices: Prices = _setting(  # noqa: RUF009 - it never changes
        "ETL_PRICES",
        Prices.parse,
        "What AWS asks, for the dollars of each load: those of us-east-1 unless given here, as in `put=0.0000054`.",
        "dollars",
        default=US_EAST_1,
    )
    backfill_concurrency: int = _setting(
        "ETL_BACKFILL_CONCURRENCY",
        _number(0, 1000),
        "How many batches of a backfill are loaded at the same time; 0: the stage has no state machine for backfills.",
        "batches",
        default=5,
    )
    backfill_tolerated_percent: int = _setting(
        "ETL_BACKFILL_TOLERATED_PERCENT",
        _number(0, 100),
        "A backfill ends early once a larger share of its objects was in batches that failed to the end.",
        "percent of the objects",
        default=5,
    )
    refresh_minutes: int = _setting(
        "ETL_REFRESH_MINUTES",
        _number(0, 10_080),
        "How often the refresh runs: the crawler, where there is one, and the contracts' checks. 0: on no schedule.",
        "minutes",
        default=0,
    )
    refresh_after_loads: int = _setting(
        "ETL_REFRESH_AFTER_LOADS_SECONDS",
        _refresh_seconds,
        "A refresh follows each load within so many seconds, one for all loads of that time. 0: loads start none.",
        "seconds",
        default=0,
    )
    events: bool = _setting(
        "ETL_EVENTS",
        _switch,
        "true: an event tells of each version of a source that ended. false: only its receipt does.",
        default=True,
    )
    event_bus: str = _setting(
        "ETL_EVENT_BUS", _bus, "The event bus of this account and region that the events go to.", default="default"
    )
    events_topic: str = _setting(
        "ETL_EVENTS_TOPIC",
        _topic_name,
        "The SNS topic, made by glue_setup, that the stage's events are passed on to; empty for none.",
        default="",
    )
    alarm_topic: str = _setting(
        "ALARM_TOPIC_ARN",
        _topic,
        "The SNS topic that alarms, and a refresh that fails, are sent to; empty for none.",
        default="",
    )
    budget_dollars: int = _setting(
        "ETL_BUDGET_DOLLARS",
        _number(0, 10**9),
        "What the stage may cost: an AWS Budget tells when 80 % of it are spent, when all of it will be and when all "
        "of it is. 0: there is none.",
        "dollars a month",
        default=0,
    )
    budget_emails: tuple[str, ...] = _setting(
        "ETL_BUDGET_EMAILS",
        _emails,
        "Whom the budget tells: e-mail addresses, with commas between. Without one it tells ALARM_TOPIC_ARN.",
        default=(),
    )

    stage: str = _setting("ETL_STAGE", _stage, "The stage's name.", default="")
    api_auth: str = _setting(
        "API_AUTH",
        _auth,
        "Who may call the REST API. iam: signed requests. api_key: a key of a usage plan. "
        "none: anybody, on the local stage only.",
        default="iam",
    )
    api_origins: tuple[str, ...] = _setting(
        "API_CORS_ORIGINS",
        _origins,
        "Web origins that may call the REST API from a browser, with commas between.",
        default=(),
    )
    upload_max_bytes: int = _setting(
        "UPLOAD_MAX_BYTES",
        _number(1, 5 * GIB),
        "The largest file that an upload link takes; unless given, no more than ETL_MAX_SOURCE_BYTES.",
        "bytes",
        default=GIB,
    )
    upload_seconds: int = _setting(
        "UPLOAD_SECONDS", _number(60, 3600), "How long an upload link can be used.", "seconds", default=900
    )
    download_seconds: int = _setting(
        "DOWNLOAD_SECONDS", _number(60, 3600), "How long a download link can be used.", "seconds", default=300
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read and check every setting.

        Raises SettingError for all at once that are missing, malformed, or contradict each other: each with its
        variable, its value and the remedy.
        """
        values: dict[str, Any] = {}
        faults = {name: SettingFault(name, environment[name], RETIRED[name]) for name in RETIRED if name in environment}
        for each in fields(cls):
            variable = each.metadata["variable"]
            raw = environment.get(variable)
            try:
                if raw:
                    values[each.name] = each.metadata["parse"](raw)
                elif each.default is MISSING:
                    raise ValueError("give the name of the stage's bucket in .chalice/config.json")
            except ValueError as problem:
                faults[each.name] = SettingFault(variable, raw, str(problem))
        # The default of the one gives way to a value of the other, where it would contradict it.
        most = values.get("max_source_bytes", cls.max_source_bytes)
        values.setdefault("upload_max_bytes", min(cls.upload_max_bytes, most))
        settings = cls(**{"bucket": "", **values})
        contradictions = [fault for names, fault in settings._contradictions() if not names & faults.keys()]
        if faults or contradictions:
            raise SettingError(*faults.values(), *contradictions)
        return settings

    def _contradictions(self) -> Iterator[tuple[set[str], SettingFault]]:
        """Yield what cannot hold together: the names of the settings, and what to do.

        A limit that another one keeps from ever being reached is none: nothing goes wrong by it.
        """
        for one in self.prefixes:
            if sum(other.startswith(one) for other in self.prefixes) > 1:
                remedy = f"give six prefixes of which none begins another; {one} begins another, or is given twice"
                names = {each.name for each in fields(self) if each.name.endswith("_prefix")}
                yield names, SettingFault("ETL_*_PREFIX", ", ".join(self.prefixes), remedy)
                break
        if self.api_auth == "none" and self.stage != LOCAL_STAGE:
            remedy = f"give iam or api_key: only the {LOCAL_STAGE} stage may do without"
            yield {"api_auth", "stage"}, SettingFault("API_AUTH", "none", remedy)
        if self.events_topic and not self.events:
            remedy = "leave it out, or set ETL_EVENTS=true: there are no events to pass on"
            yield {"events", "events_topic"}, SettingFault("ETL_EVENTS_TOPIC", self.events_topic, remedy)
        if self.refresh_after_loads and not self.events:
            remedy = "leave it out, or set ETL_EVENTS=true: a refresh is started by the event of a load"
            fault = SettingFault("ETL_REFRESH_AFTER_LOADS_SECONDS", str(self.refresh_after_loads), remedy)
            yield {"events", "refresh_after_loads"}, fault
        if self.budget_dollars and not self.budget_emails and not self.alarm_topic:
            remedy = "give ETL_BUDGET_EMAILS or ALARM_TOPIC_ARN too, or leave it out: it would tell nobody"
            names = {"budget_dollars", "budget_emails", "alarm_topic"}
            yield names, SettingFault("ETL_BUDGET_DOLLARS", str(self.budget_dollars), remedy)
        # The sweep looks at what was written since its last whole round, and the lookback before. A load that was too
        # young to be dead in that round was written at most the grace time before it.
        lookback = self.sweep_lookback_hours * 3600
        if self.sweep_grace_seconds > lookback:
            remedy = (
                f"give at most the {lookback} seconds of ETL_SWEEP_LOOKBACK_HOURS ({self.sweep_lookback_hours}), or "
                "raise that: the sweep would no longer look at a load when its grace is over"
            )
            fault = SettingFault("ETL_SWEEP_GRACE_SECONDS", str(self.sweep_grace_seconds), remedy)
            yield {"sweep_grace_seconds", "sweep_lookback_hours"}, fault
        if self.upload_max_bytes > self.max_source_bytes:
            remedy = (
                f"give at most ETL_MAX_SOURCE_BYTES ({self.max_source_bytes}), or raise that: a link would take files "
                "that the loader rejects"
            )
            fault = SettingFault("UPLOAD_MAX_BYTES", str(self.upload_max_bytes), remedy)
            yield {"upload_max_bytes", "max_source_bytes"}, fault

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
