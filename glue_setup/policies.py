"""What each Lambda function may do: one IAM policy a function, made by a pure function. Nothing else is granted.

Every statement says which call needs it. Chalice's own generated policies are not used: they read only app.py, miss
Glue and presigned posts, and grant every resource.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.aws.events import SOURCE
from glue_setup.backfill import BACKFILL, GIVEN_MAP, MAP, results_prefix
from glue_setup.command_line import say
from glue_setup.errors import SetupError
from glue_setup.statements import policy_of
from glue_setup.target import Target

Statement = dict[str, Any]
Policy = dict[str, Any]


def load(target: Target) -> Policy:
    """Return the policy of the S3 handler."""
    settings = target.settings
    has_state = settings.crawler or settings.catalog_mode == "partitions"
    state = [settings.state_prefix] if has_state else []
    return policy_of(
        # GetObject of the version that the event names; HeadObject needs nothing more.
        _allow("ReadIncoming", ["s3:GetObject", "s3:GetObjectVersion"], *target.objects(settings.incoming_prefix)),
        # PutObject and every call of a multipart upload but its abort; DeleteObject of superseded files.
        _allow(
            "WriteTable",
            ["s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"],
            *target.objects(*target.tables),
        ),
        # PutObject of rejected records, and every call of a multipart upload but its abort; DeleteObject of those of a
        # version that was replaced; GetObject of the first of them, where a receipt was left unwritten.
        _allow(
            "WriteQuarantine",
            ["s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject"],
            *target.objects(settings.quarantine_prefix),
        ),
        _keep_ledger(target),
        *_tell(target),
        _find_missing(target, settings.incoming_prefix, settings.ledger_prefix, settings.receipts_prefix, *state),
        # Lambda itself, with the function's rights: SendMessage of an event whose load failed to the end.
        _allow("KeepFailedEvents", ["sqs:SendMessage"], target.failed_queue),
        # The objects that tell which months are registered, and when the crawler was started.
        *([_keep_state(target)] if has_state else []),
        # GetTable, which a month is described by, and BatchCreatePartition.
        *_keep_months(target, "RegisterMonths", "GetTable", "BatchCreatePartition"),
        *_start_crawler(target),
        _write_logs(target, "load"),
    )


def sweep(target: Target) -> Policy:
    """Return the policy of the sweep. It reads no order, only that an object is there, and hands on what it finds.

    Of rejected records it reads the reasons, where their receipt was left unwritten.
    """
    settings = target.settings
    incoming, ledger, state = settings.incoming_prefix, settings.ledger_prefix, settings.state_prefix
    files = (*target.tables, *target.rejected)
    return policy_of(
        # ListObjectsV2 of what was dropped, of the ledger and of the tables; a receipt may be missing.
        _list("LookThrough", target, incoming, ledger, *files, state, settings.receipts_prefix),
        # HeadObject of a dropped object tells its version; of a version, whether what is missing can be read again.
        _allow("SeeIncoming", ["s3:GetObject", "s3:GetObjectVersion"], *target.objects(incoming)),
        _keep_ledger(target),
        # Where the sweep is, which months are registered, and when the crawler was started.
        _keep_state(target),
        # DeleteObject of files that are superseded or nobody's; HeadObject of those that an entry says are there.
        _allow("RemoveFiles", ["s3:DeleteObject", "s3:GetObject"], *target.objects(*files)),
        *_tell(target),
        # Invoke, to announce an object to the function that loads.
        _allow("Announce", ["lambda:InvokeFunction"], target.function("load")),
        # What is registered is compared with the bucket, and put right.
        *_keep_months(
            target,
            "KeepMonths",
            *("GetTable", "GetPartitions", "BatchCreatePartition", "BatchUpdatePartition", "BatchDeletePartition"),
        ),
        *_start_crawler(target),
        *_see_backfill(target),
        _write_logs(target, "sweep"),
    )


def api_handler(target: Target) -> Policy:
    """Return the policy of the REST API's function. Athena reads tables and results with this function's rights."""
    settings = target.settings
    return policy_of(
        *_ask(target, "StartQueryExecution", "GetQueryExecution", "GetQueryResults", "StopQueryExecution"),
        # A presigned POST is allowed what its signer is: PutObject. HeadObject shows whether it has arrived.
        _allow("TakeUploads", ["s3:PutObject", "s3:GetObject"], *target.objects(settings.incoming_prefix)),
        # GetObject of the entry that tells an upload's status.
        _allow("ReadLedger", ["s3:GetObject"], *target.objects(settings.ledger_prefix)),
        # ListObjectVersions of one dropped object, for its history.
        _list("SeeVersions", target, settings.incoming_prefix, action="s3:ListBucketVersions"),
        # GetObject of what its sender is told of it.
        _allow("ReadReceipts", ["s3:GetObject"], *target.objects(settings.receipts_prefix)),
        # Athena reads the table of rejected records; GetObject of one file's, by the presigned link and by page.
        _allow("ReadQuarantine", ["s3:GetObject"], *target.objects(settings.quarantine_prefix)),
        # ListObjectsV2 of what was dropped; Athena lists the files of the tables.
        _find_missing(
            target,
            settings.incoming_prefix,
            settings.ledger_prefix,
            settings.quarantine_prefix,
            settings.receipts_prefix,
            *target.tables,
            settings.results_prefix,
        ),
        _write_logs(target, "api_handler"),
    )


FUNCTIONS: dict[str, Callable[[Target], Policy]] = {"load": load, "sweep": sweep, "api_handler": api_handler}
"""The policy of each function, by the name it has in .chalice/config.json."""


def write(target: Target, project: Path) -> None:
    """Write the policy of each function to where .chalice/config.json looks for it. Raises SetupError."""
    for function, policy in FUNCTIONS.items():
        path = project / ".chalice" / f"policy-{target.stage.name}-{function}.json"
        text = json.dumps(policy(target), indent=2) + "\n"
        try:
            same = path.exists() and path.read_text(encoding="utf-8") == text
            if not same:
                path.write_text(text, encoding="utf-8")
        except OSError as problem:
            raise SetupError(f"{path} cannot be written: {problem}") from None
        say(f"{path}: {'unchanged' if same else 'written'}")


def crawler(target: Target) -> Policy:
    """Return what the crawler's role may read, beside AWS's managed policy for Glue: the tables' files."""
    return policy_of(
        # The crawler reads the footers of the files ...
        _allow("ReadTable", ["s3:GetObject"], *target.objects(*target.tables)),
        # ... that it finds under the tables' prefixes.
        _list("ListTable", target, *target.tables),
    )


def backfill(target: Target) -> Policy:
    """Return what the role of the backfill's state machine may do.

    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    """
    results = target.objects(f"{results_prefix(target)}/")
    return policy_of(
        # The map lists what was dropped ...
        _list("ListIncoming", target, target.settings.incoming_prefix),
        # ... and starts a child execution of the machine for each batch,
        _allow("StartBatches", ["states:StartExecution"], target.machine(BACKFILL)),
        # sees how it goes, ends it where too many have failed,
        _allow("FollowBatches", ["states:DescribeExecution", "states:StopExecution"], target.executions(BACKFILL)),
        # and starts those that failed again in a redrive.
        _allow(
            "RedriveBatches",
            ["states:RedriveExecution"],
            *(target.executions(f"{BACKFILL}/{label}") for label in (MAP, GIVEN_MAP)),
        ),
        # Each batch has the loader load it.
        _allow("LoadBatch", ["lambda:InvokeFunction"], target.function("load")),
        # What became of the batches is written in parts, and read to be completed in a redrive. A listing that the run
        # is given is read there too.
        _allow(
            "WriteResults",
            ["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
            *results,
        ),
    )


def refresh(target: Target, crawler: str) -> Policy:
    """Return what the role of the refresh's state machine may do; `crawler` is the one that it starts, if any.

    https://docs.aws.amazon.com/step-functions/latest/dg/athena-iam.html
    """
    settings, topic = target.settings, target.settings.alarm_topic
    return policy_of(
        # The queries of the checks. StopQueryExecution ends one whose execution is stopped.
        *_ask(target, "StartQueryExecution", "GetQueryExecution", "GetQueryResults", "StopQueryExecution"),
        # Athena lists the files of the tables, and finds its results.
        _list("ListTables", target, *target.tables, settings.results_prefix),
        # StartCrawler, and GetCrawler until it has ended.
        *(
            [_allow("Crawl", ["glue:StartCrawler", "glue:GetCrawler"], target.glue(f"crawler/{crawler}"))]
            if crawler
            else []
        ),
        # Publish what failed.
        *([_allow("Notify", ["sns:Publish"], topic)] if topic else []),
    )


def starting(target: Target, machine: str) -> Policy:
    """Return what whoever starts a state machine may do: just that. `machine` is its name within the stage."""
    return policy_of(_allow("StartRefresh", ["states:StartExecution"], target.machine(machine)))


def _see_backfill(target: Target) -> list[Statement]:
    # ListExecutions, and DescribeExecution for the prefix that one of them loads.
    if not target.settings.backfill_concurrency:
        return []
    return [
        _allow("FindBackfill", ["states:ListExecutions"], target.machine(BACKFILL)),
        _allow("SeeBackfill", ["states:DescribeExecution"], target.executions(BACKFILL)),
    ]


def _ask(target: Target, *calls: str) -> list[Statement]:
    """Allow Athena's `calls`, and what Athena does with the caller's rights: it reads tables and keeps results."""
    settings = target.settings
    return [
        # Only in our workgroup.
        _allow("AskAthena", [f"athena:{call}" for call in calls], target.workgroup),
        # Athena resolves tables and views, and the partitions that are registered.
        _allow(
            "ReadCatalog",
            ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions", "glue:BatchGetPartition"],
            target.glue("catalog"),
            target.glue(f"database/{settings.database}"),
            target.glue(f"table/{settings.database}/*"),
        ),
        # Athena looks up the default database before any query.
        # https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
        _allow("FindDefaultDatabase", ["glue:GetDatabase"], target.glue("catalog"), target.glue("database/default")),
        # Athena reads the Parquet files.
        _allow("ReadTable", ["s3:GetObject"], *target.objects(*target.tables)),
        # Athena writes results; GetQueryResults and the presigned download read them; PutObject of one for Excel.
        _allow(
            "KeepResults",
            ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
            *target.objects(settings.results_prefix),
        ),
        # Athena checks where the results' bucket is, and looks for uploads that it has not completed. AWS's own
        # policy for Athena allows both for the bucket as a whole.
        # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonAthenaFullAccess.html
        _allow("LocateResults", ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], target.bucket),
    ]


def _keep_ledger(target: Target) -> Statement:
    # GetObject, PutObject with If-None-Match or If-Match, CopyObject of an entry that cannot be read.
    return _allow("KeepLedger", ["s3:GetObject", "s3:PutObject"], *target.objects(target.settings.ledger_prefix))


def _tell(target: Target) -> list[Statement]:
    """Allow GetObject and PutObject of receipts, and PutEvents in our own name to the one bus."""
    receipts = _allow(
        "KeepReceipts", ["s3:GetObject", "s3:PutObject"], *target.objects(target.settings.receipts_prefix)
    )
    if not target.settings.events:
        return [receipts]
    condition = {"StringEquals": {"events:source": SOURCE}}
    return [receipts, _allow("SendEvents", ["events:PutEvents"], target.event_bus) | {"Condition": condition}]


def _keep_state(target: Target) -> Statement:
    return _allow("KeepState", ["s3:GetObject", "s3:PutObject"], *target.objects(target.settings.state_prefix))


def _keep_months(target: Target, sid: str, *calls: str) -> list[Statement]:
    """Allow calls of Glue on the stage's tables, where loads register their months."""
    if target.settings.catalog_mode != "partitions":
        return []
    tables = (f"table/{each.database}/{table.name}" for each in target.datasets for table in each.tables)
    names = ("catalog", f"database/{target.settings.database}", *tables)
    return [_allow(sid, [f"glue:{call}" for call in calls], *map(target.glue, names))]


def _start_crawler(target: Target) -> list[Statement]:
    # StartCrawler when it is its turn, of this one crawler.
    crawler = target.settings.crawler
    return [_allow("StartCrawler", ["glue:StartCrawler"], target.glue(f"crawler/{crawler}"))] if crawler else []


def _find_missing(target: Target, *prefixes: str) -> Statement:
    """Allow listing, without which S3 answers 403 rather than 404 for a key that is not there.

    S3 decides that with the missing key as `s3:prefix`, so the condition can stay as narrow as the prefixes; Ceph
    reproduces it: https://github.com/ceph/ceph/pull/68577
    """
    return _list("FindMissing", target, *prefixes)


def _write_logs(target: Target, function: str) -> Statement:
    """Allow Lambda to write the function's log.

    Not to make its log group: glue_setup has made that, and one that Lambda makes would keep its lines forever.
    """
    return _allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], target.log_streams(function))


def _list(sid: str, target: Target, *prefixes: str, action: str = "s3:ListBucket") -> Statement:
    condition = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
    return _allow(sid, [action], target.bucket) | {"Condition": condition}


def _allow(sid: str, actions: list[str], *resources: str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}
