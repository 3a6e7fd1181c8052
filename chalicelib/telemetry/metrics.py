"""The metrics of the pipeline: names, units, meanings. What writes them and what watches them read this one table."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

NAMESPACE = "OrdersEtl"
"""The namespace in CloudWatch; every stage writes into it, distinguished by the dimension `stage`."""

STAGE = "stage"
"""The dimension that every metric has."""

CONTRACT = "contract"
"""The dimension that metrics of data have as well: the name of the contract that the data are loaded by."""

UNNAMED_STAGE = "unnamed"
"""Its value where ETL_STAGE is empty: CloudWatch takes no empty one."""


class Metric(Struct, frozen=True):
    """What one metric counts, in a unit of CloudWatch's.

    With the dimension `contract`, values are written by stage and contract. With another `dimension` they are written
    by stage, and again by stage and that dimension: an alarm can watch the one, a graph can tell the other apart.
    """

    unit: str
    description: str
    dimension: str | None = None


METRICS: dict[str, Metric] = {
    "OrdersLoaded": Metric("Count", "Orders that were loaded into the table.", CONTRACT),
    "OrdersRejected": Metric("Count", "Orders that were rejected into the quarantine.", CONTRACT),
    "RowsLoaded": Metric("Count", "Rows that were loaded: one an order and product.", CONTRACT),
    "ObjectsLoaded": Metric("Count", "Source objects that were loaded, wholly or partly.", CONTRACT),
    "ObjectsQuarantined": Metric("Count", "Source objects that were quarantined whole.", CONTRACT),
    "SourceBytes": Metric("Bytes", "Bytes of source objects, as stored.", CONTRACT),
    "LoadSeconds": Metric("Seconds", "How long the load of one source object took.", CONTRACT),
    "LoadDollars": Metric(
        "None", "What loads cost, in dollars by the prices of ETL_PRICES; its daily sum is on the dashboard.", CONTRACT
    ),
    "MemoryPeakMegabytes": Metric(
        "Megabytes", "The most memory that the function's process has had, in 2^20 bytes as Lambda counts them."
    ),
    "FreshnessSeconds": Metric(
        "Seconds", "From a source object's last modification to its rows being in the table.", CONTRACT
    ),
    "LoadFailures": Metric("Count", "Loads that failed and will be tried again, by kind of error.", "kind"),
    "OutboxFailures": Metric(
        "Count", "Receipts and events of a source that could not be written or sent; the sweep makes it good."
    ),
    "EventsNotUnderstood": Metric(
        "Count", "Events that S3 did not send: what they announce is loaded when the sweep finds it."
    ),
    "CrawlerFailures": Metric("Count", "Starts of the crawler that failed; the data are in the table's files."),
    "CatalogFailures": Metric(
        "Count", "Loads and sweeps that could not register months in the catalog; the data are in the table's files."
    ),
    "SweepAnnounced": Metric("Count", "Source objects that the sweep announced: no event had, or their load had died."),
    "SweepGaveUp": Metric("Count", "Source objects that the sweep stopped announcing because they fail every time."),
    "SweepRemoved": Metric("Count", "Files that the ledger proves to be nobody's and the sweep removed."),
    "SweepRefusedToRemove": Metric(
        "Count",
        "Files of the table, and entries that the ledger lost, for which nothing proves that a file may be removed: "
        "the ledger may be lost.",
    ),
    "ForeignFilesInTable": Metric("Count", "Files in the table's prefix that the pipeline did not write."),
    "LedgerEntriesUnreadable": Metric("Count", "Ledger entries that could not be read and were set aside."),
    "SweepSeconds": Metric("Seconds", "How long one run of the sweep took; written when it ends."),
    "OldestWaitingSeconds": Metric("Seconds", "The age of the oldest source object that is not loaded yet.", CONTRACT),
}


def stage_value(stage: str) -> str:
    """Return the value of the dimension `stage` for a stage's name, which may be empty."""
    return stage or UNNAMED_STAGE


def check(names: Iterable[str], dimensions: Iterable[str]) -> None:
    """Raise ValueError for a metric that is not in the table, and for a dimension that it does not have."""
    actual = set(dimensions)
    for name in names:
        if name not in METRICS:
            raise ValueError(f"{name!r} is no metric: add it to chalicelib/telemetry/metrics.py")
        metric = METRICS[name]
        declared = {metric.dimension} - {None}
        if actual != declared:
            raise ValueError(f"{name} is given dimensions {sorted(actual)}, and has {sorted(map(str, declared))}")
