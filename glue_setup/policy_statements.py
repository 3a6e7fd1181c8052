"""The statements that several policies have, each with the call that needs it."""

from __future__ import annotations

from typing import Any

from chalicelib.aws.events import SOURCE
from glue_setup.backfill import BACKFILL
from glue_setup.target import Target

Statement = dict[str, Any]


def see_backfill(target: Target) -> list[Statement]:
    """Allow ListExecutions of backfills, and DescribeExecution for the prefix that one of them loads."""
    if not target.settings.backfill_concurrency:
        return []
    return [
        allow("FindBackfill", ["states:ListExecutions"], target.machine(BACKFILL)),
        allow("SeeBackfill", ["states:DescribeExecution"], target.executions(BACKFILL)),
    ]


def ask(target: Target, *calls: str) -> list[Statement]:
    """Allow Athena's `calls`, and what Athena does with the caller's rights: it reads tables and keeps results."""
    settings = target.settings
    return [
        # Only in our workgroup.
        allow("AskAthena", [f"athena:{call}" for call in calls], target.workgroup),
        # Athena resolves tables and views, and the partitions that are registered.
        allow(
            "ReadCatalog",
            ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions", "glue:BatchGetPartition"],
            target.glue("catalog"),
            target.glue(f"database/{settings.database}"),
            target.glue(f"table/{settings.database}/*"),
        ),
        # Athena looks up the default database before any query.
        # https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
        allow("FindDefaultDatabase", ["glue:GetDatabase"], target.glue("catalog"), target.glue("database/default")),
        # Athena reads the Parquet files.
        allow("ReadTable", ["s3:GetObject"], *target.objects(*target.tables)),
        # Athena writes results; GetQueryResults and the presigned download read them; PutObject of one for Excel.
        allow(
            "KeepResults",
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            *target.objects(settings.results_prefix),
        ),
        # Athena checks where the results' bucket is, and looks for uploads that it has not completed. AWS's own
        # policy for Athena allows both for the bucket as a whole.
        # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonAthenaFullAccess.html
        allow("LocateResults", ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], target.bucket),
    ]


def keep_ledger(target: Target) -> Statement:
    """Allow GetObject, PutObject with If-None-Match or If-Match, CopyObject of an entry that cannot be read."""
    return allow("KeepLedger", ["s3:GetObject", "s3:PutObject"], *target.objects(target.settings.ledger_prefix))


def tell(target: Target) -> list[Statement]:
    """Allow GetObject and PutObject of receipts, and PutEvents in our own name to the one bus."""
    receipts = allow("KeepReceipts", ["s3:GetObject", "s3:PutObject"], *target.objects(target.settings.receipts_prefix))
    if not target.settings.events:
        return [receipts]
    condition = {"StringEquals": {"events:source": SOURCE}}
    return [receipts, allow("SendEvents", ["events:PutEvents"], target.event_bus) | {"Condition": condition}]


def keep_state(target: Target) -> Statement:
    """Allow GetObject and PutObject of what is remembered between runs."""
    return allow("KeepState", ["s3:GetObject", "s3:PutObject"], *target.objects(target.settings.state_prefix))


def keep_months(target: Target, sid: str, *calls: str) -> list[Statement]:
    """Allow calls of Glue on the stage's tables, where loads register their months."""
    if target.settings.catalog_mode != "partitions":
        return []
    tables = (f"table/{each.database}/{table.name}" for each in target.datasets for table in each.tables)
    names = ("catalog", f"database/{target.settings.database}", *tables)
    return [allow(sid, [f"glue:{call}" for call in calls], *map(target.glue, names))]


def start_crawler(target: Target) -> list[Statement]:
    """Allow StartCrawler of the stage's one crawler, where there is one."""
    crawler = target.settings.crawler
    return [allow("StartCrawler", ["glue:StartCrawler"], target.glue(f"crawler/{crawler}"))] if crawler else []


def find_missing(target: Target, *prefixes: str) -> Statement:
    """Allow listing, without which S3 answers 403 rather than 404 for a key that is not there.

    S3 decides that with the missing key as `s3:prefix`, so the condition can stay as narrow as the prefixes; Ceph
    reproduces it: https://github.com/ceph/ceph/pull/68577
    """
    return list_below("FindMissing", target, *prefixes)


def write_logs(target: Target, function: str) -> Statement:
    """Allow Lambda to write the function's log.

    Not to make its log group: glue_setup has made that, and one that Lambda makes would keep its lines forever.
    """
    return allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], target.log_streams(function))


def list_below(sid: str, target: Target, *prefixes: str, action: str = "s3:ListBucket") -> Statement:
    """Allow a call that lists the bucket, below these prefixes only."""
    condition = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
    return allow(sid, [action], target.bucket) | {"Condition": condition}


def allow(sid: str, actions: list[str], *resources: str) -> Statement:
    """Return the statement that allows these actions on these resources."""
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}
