"""What each Lambda function may do: one IAM policy a function, made by a pure function. Nothing else is granted.

Every statement says which call needs it. Chalice's own generated policies are not used: they read only app.py, miss
Glue and presigned posts, and grant every resource.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glue_setup.backfill import BACKFILL, GIVEN_MAP, MAP, results_prefix
from glue_setup.command_line import say
from glue_setup.errors import SetupError
from glue_setup.policy_statements import (
    allow,
    ask,
    find_missing,
    keep_ledger,
    keep_months,
    keep_state,
    list_below,
    see_backfill,
    start_crawler,
    tell,
    write_logs,
)
from glue_setup.statements import policy_of
from glue_setup.target import Target

Policy = dict[str, Any]


def load(target: Target) -> Policy:
    """Return the policy of the S3 handler."""
    settings = target.settings
    has_state = settings.crawler or settings.catalog_mode == "partitions"
    state = [settings.state_prefix] if has_state else []
    return policy_of(
        # GetObject of the version that the event names; HeadObject needs nothing more.
        allow("ReadIncoming", ["s3:GetObject", "s3:GetObjectVersion"], *target.objects(settings.incoming_prefix)),
        # PutObject and every call of a multipart upload but its abort; DeleteObject of superseded files.
        allow(
            "WriteTable",
            ["s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"],
            *target.objects(*target.tables),
        ),
        # PutObject of rejected records, and every call of a multipart upload but its abort; DeleteObject of those of a
        # version that was replaced; GetObject of the first of them, where a receipt was left unwritten.
        allow(
            "WriteQuarantine",
            ["s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject"],
            *target.objects(settings.quarantine_prefix),
        ),
        keep_ledger(target),
        *tell(target),
        find_missing(target, settings.incoming_prefix, settings.ledger_prefix, settings.receipts_prefix, *state),
        # Lambda itself, with the function's rights: SendMessage of an event whose load failed to the end.
        allow("KeepFailedEvents", ["sqs:SendMessage"], target.failed_queue),
        # The objects that tell which months are registered, and when the crawler was started.
        *([keep_state(target)] if has_state else []),
        # GetTable, which a month is described by, and BatchCreatePartition.
        *keep_months(target, "RegisterMonths", "GetTable", "BatchCreatePartition"),
        *start_crawler(target),
        write_logs(target, "load"),
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
        list_below("LookThrough", target, incoming, ledger, *files, state, settings.receipts_prefix),
        # HeadObject of a dropped object tells its version; of a version, whether what is missing can be read again.
        allow("SeeIncoming", ["s3:GetObject", "s3:GetObjectVersion"], *target.objects(incoming)),
        keep_ledger(target),
        # Where the sweep is, which months are registered, and when the crawler was started.
        keep_state(target),
        # DeleteObject of files that are superseded or nobody's; HeadObject of those that an entry says are there.
        allow("RemoveFiles", ["s3:DeleteObject", "s3:GetObject"], *target.objects(*files)),
        *tell(target),
        # Invoke, to announce an object to the function that loads.
        allow("Announce", ["lambda:InvokeFunction"], target.function("load")),
        # What is registered is compared with the bucket, and put right.
        *keep_months(
            target,
            "KeepMonths",
            *("GetTable", "GetPartitions", "BatchCreatePartition", "BatchUpdatePartition", "BatchDeletePartition"),
        ),
        *start_crawler(target),
        *see_backfill(target),
        write_logs(target, "sweep"),
    )


def api_handler(target: Target) -> Policy:
    """Return the policy of the REST API's function. Athena reads tables and results with this function's rights."""
    settings = target.settings
    return policy_of(
        *ask(target, "StartQueryExecution", "GetQueryExecution", "GetQueryResults", "StopQueryExecution"),
        # A presigned POST is allowed what its signer is: PutObject. HeadObject shows whether it has arrived.
        allow("TakeUploads", ["s3:PutObject", "s3:GetObject"], *target.objects(settings.incoming_prefix)),
        # GetObject of the entry that tells an upload's status.
        allow("ReadLedger", ["s3:GetObject"], *target.objects(settings.ledger_prefix)),
        # ListObjectVersions of one dropped object, for its history.
        list_below("SeeVersions", target, settings.incoming_prefix, action="s3:ListBucketVersions"),
        # GetObject of what its sender is told of it.
        allow("ReadReceipts", ["s3:GetObject"], *target.objects(settings.receipts_prefix)),
        # Athena reads the table of rejected records; GetObject of one file's, by the presigned link and by page.
        allow("ReadQuarantine", ["s3:GetObject"], *target.objects(settings.quarantine_prefix)),
        # ListObjectsV2 of what was dropped; Athena lists the files of the tables.
        find_missing(
            target,
            settings.incoming_prefix,
            settings.ledger_prefix,
            settings.quarantine_prefix,
            settings.receipts_prefix,
            *target.tables,
            settings.results_prefix,
        ),
        write_logs(target, "api_handler"),
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
        allow("ReadTable", ["s3:GetObject"], *target.objects(*target.tables)),
        # ... that it finds under the tables' prefixes.
        list_below("ListTable", target, *target.tables),
    )


def backfill(target: Target) -> Policy:
    """Return what the role of the backfill's state machine may do.

    https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
    """
    results = target.objects(f"{results_prefix(target)}/")
    return policy_of(
        # The map lists what was dropped ...
        list_below("ListIncoming", target, target.settings.incoming_prefix),
        # ... and starts a child execution of the machine for each batch,
        allow("StartBatches", ["states:StartExecution"], target.machine(BACKFILL)),
        # sees how it goes, ends it where too many have failed,
        allow("FollowBatches", ["states:DescribeExecution", "states:StopExecution"], target.executions(BACKFILL)),
        # and starts those that failed again in a redrive.
        allow(
            "RedriveBatches",
            ["states:RedriveExecution"],
            *(target.executions(f"{BACKFILL}/{label}") for label in (MAP, GIVEN_MAP)),
        ),
        # Each batch has the loader load it.
        allow("LoadBatch", ["lambda:InvokeFunction"], target.function("load")),
        # What became of the batches is written in parts, and read to be completed in a redrive. A listing that the run
        # is given is read there too.
        allow(
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
        *ask(target, "StartQueryExecution", "GetQueryExecution", "GetQueryResults", "StopQueryExecution"),
        # Athena lists the files of the tables, and finds its results.
        list_below("ListTables", target, *target.tables, settings.results_prefix),
        # StartCrawler, and GetCrawler until it has ended.
        *(
            [allow("Crawl", ["glue:StartCrawler", "glue:GetCrawler"], target.glue(f"crawler/{crawler}"))]
            if crawler
            else []
        ),
        # Publish what failed.
        *([allow("Notify", ["sns:Publish"], topic)] if topic else []),
    )


def starting(target: Target, machine: str) -> Policy:
    """Return what whoever starts a state machine may do: just that. `machine` is its name within the stage."""
    return policy_of(allow("StartRefresh", ["states:StartExecution"], target.machine(machine)))
