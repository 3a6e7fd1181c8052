"""What each Lambda function may do: one IAM policy a function, made by pure functions. Nothing else is granted.

Every statement says which call needs it. Chalice's own generated policies are not used: they read only app.py, miss
Glue and presigned posts, and grant every resource.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.assembly import datasets
from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup.place import Place

Statement = dict[str, Any]
Policy = dict[str, Any]


def load_orders(stage: Stage, place: Place) -> Policy:
    """Return the policy of the S3 handler."""
    settings = stage.settings
    bucket = settings.bucket
    statements = [
        # GetObject of the version that the event names; HeadObject needs nothing more.
        _allow(
            "ReadIncoming", ["s3:GetObject", "s3:GetObjectVersion"], place.objects(bucket, settings.incoming_prefix)
        ),
        # PutObject and every call of a multipart upload but its abort; DeleteObject of superseded files.
        _allow(
            "WriteTable",
            ["s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"],
            place.objects(bucket, datasets(settings)[0].table_prefix),
        ),
        # PutObject of rejected records and reports, and every call of a multipart upload but its abort.
        _allow(
            "WriteQuarantine",
            ["s3:PutObject", "s3:AbortMultipartUpload"],
            place.objects(bucket, settings.quarantine_prefix),
        ),
        # GetObject, PutObject with If-None-Match or If-Match, CopyObject of an entry that cannot be read.
        _allow("KeepLedger", ["s3:GetObject", "s3:PutObject"], place.objects(bucket, settings.ledger_prefix)),
        _told_what_is_missing(
            settings,
            place,
            [settings.incoming_prefix, settings.ledger_prefix, *([settings.state_prefix] if settings.crawler else [])],
        ),
        # Lambda itself, with the function's rights: SendMessage of an event whose load failed to the end.
        _allow("KeepFailedEvents", ["sqs:SendMessage"], place.queue(stage.failed_queue)),
    ]
    if settings.crawler:
        # The object that tells when the crawler was started.
        statements.append(_keep_state(settings, place))
    return _policy([*statements, *_start_crawler(settings, place), _write_logs(place, stage.function("load_orders"))])


def sweep_orders(stage: Stage, place: Place) -> Policy:
    """Return the policy of the sweep. It reads no order, only that an object is there, and hands on what it finds."""
    settings = stage.settings
    bucket = settings.bucket
    return _policy(
        [
            # ListObjectsV2 of what was dropped, of the ledger and of the table.
            _list(
                "LookThrough",
                place.bucket(bucket),
                [
                    settings.incoming_prefix,
                    settings.ledger_prefix,
                    datasets(settings)[0].table_prefix,
                    settings.state_prefix,
                ],
            ),
            # HeadObject of a dropped object tells its version; of a version, whether what is missing can be read again.
            _allow(
                "SeeIncoming", ["s3:GetObject", "s3:GetObjectVersion"], place.objects(bucket, settings.incoming_prefix)
            ),
            # GetObject, PutObject with If-None-Match or If-Match, CopyObject of an entry that cannot be read.
            _allow("KeepLedger", ["s3:GetObject", "s3:PutObject"], place.objects(bucket, settings.ledger_prefix)),
            # The same of the object that tells where the sweep is, and when the crawler was started.
            _keep_state(settings, place),
            # DeleteObject of files that are superseded or nobody's; HeadObject of those that an entry says are there.
            _allow(
                "RemoveFiles",
                ["s3:DeleteObject", "s3:GetObject"],
                place.objects(bucket, datasets(settings)[0].table_prefix),
            ),
            # Invoke, to announce an object to the function that loads.
            _allow("Announce", ["lambda:InvokeFunction"], place.function(stage.function("load_orders"))),
            *_start_crawler(settings, place),
            _write_logs(place, stage.function("sweep_orders")),
        ]
    )


def api_handler(stage: Stage, place: Place) -> Policy:
    """Return the policy of the REST API's function. Athena reads table and results with this function's rights."""
    settings = stage.settings
    bucket = settings.bucket
    return _policy(
        [
            # StartQueryExecution, GetQueryExecution, GetQueryResults, StopQueryExecution: only in our workgroup.
            _allow(
                "AskAthena",
                [
                    "athena:StartQueryExecution",
                    "athena:GetQueryExecution",
                    "athena:GetQueryResults",
                    "athena:StopQueryExecution",
                ],
                place.workgroup(settings.workgroup),
            ),
            # Athena resolves the table and the views; a table filled by the crawler has registered partitions.
            _allow(
                "ReadCatalog",
                ["glue:GetDatabase", "glue:GetTable", "glue:GetPartitions", "glue:BatchGetPartition"],
                place.glue("catalog"),
                place.glue(f"database/{settings.database}"),
                place.glue(f"table/{settings.database}/*"),
            ),
            # Athena looks up the default database before any query.
            # https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html
            _allow("FindDefaultDatabase", ["glue:GetDatabase"], place.glue("catalog"), place.glue("database/default")),
            # Athena reads the Parquet files.
            _allow("ReadTable", ["s3:GetObject"], place.objects(bucket, datasets(settings)[0].table_prefix)),
            # Athena writes results; GetQueryResults and the presigned download read them.
            _allow(
                "KeepResults",
                ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
                place.objects(bucket, settings.results_prefix),
            ),
            # Athena checks where the results' bucket is, and looks for uploads that it has not completed. AWS's own
            # policy for Athena allows both for the bucket as a whole.
            # https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonAthenaFullAccess.html
            _allow("LocateResults", ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], place.bucket(bucket)),
            # A presigned POST is allowed what its signer is: PutObject. HeadObject shows whether it has arrived.
            _allow("TakeUploads", ["s3:PutObject", "s3:GetObject"], place.objects(bucket, settings.incoming_prefix)),
            # GetObject of the entry that tells an upload's status.
            _allow("ReadLedger", ["s3:GetObject"], place.objects(bucket, settings.ledger_prefix)),
            # GetObject of the report that tells why a file was refused.
            _allow("ReadQuarantine", ["s3:GetObject"], place.objects(bucket, settings.quarantine_prefix)),
            # Athena lists the files of the table.
            _told_what_is_missing(
                settings,
                place,
                [
                    settings.incoming_prefix,
                    settings.ledger_prefix,
                    settings.quarantine_prefix,
                    datasets(settings)[0].table_prefix,
                    settings.results_prefix,
                ],
            ),
            _write_logs(place, stage.function("api_handler")),
        ]
    )


def _keep_state(settings: Settings, place: Place) -> Statement:
    return _allow("KeepState", ["s3:GetObject", "s3:PutObject"], place.objects(settings.bucket, settings.state_prefix))


def _start_crawler(settings: Settings, place: Place) -> list[Statement]:
    # StartCrawler when it is its turn, of this one crawler.
    crawler = place.glue(f"crawler/{settings.crawler}")
    return [_allow("StartCrawler", ["glue:StartCrawler"], crawler)] if settings.crawler else []


FUNCTIONS: dict[str, Callable[[Stage, Place], Policy]] = {
    "load_orders": load_orders,
    "sweep_orders": sweep_orders,
    "api_handler": api_handler,
}
"""The policy of each function, by the name it has in .chalice/config.json."""


def crawler(settings: Settings, place: Place) -> Policy:
    """Return what the crawler's role may read, beside AWS's managed policy for Glue: the table's files."""
    return _policy(
        [
            # The crawler reads the footers of the files ...
            _allow("ReadTable", ["s3:GetObject"], place.objects(settings.bucket, datasets(settings)[0].table_prefix)),
            # ... that it finds under the table's prefix.
            _list("ListTable", place.bucket(settings.bucket), [datasets(settings)[0].table_prefix]),
        ]
    )


def _told_what_is_missing(settings: Settings, place: Place, prefixes: list[str]) -> Statement:
    """Allow listing, without which S3 answers 403 rather than 404 for a key that is not there.

    S3 decides that with the missing key as `s3:prefix`, so the condition can stay as narrow as the prefixes; Ceph
    reproduces it: https://github.com/ceph/ceph/pull/68577
    """
    return _list("FindMissing", place.bucket(settings.bucket), prefixes)


def _write_logs(place: Place, function: str) -> Statement:
    """Allow Lambda to write the function's log.

    Not to make its log group: glue_setup has made that, and one that Lambda makes would keep its lines forever.
    """
    return _allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], place.log_group(function))


def _list(sid: str, bucket: str, prefixes: list[str]) -> Statement:
    condition = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
    return _allow(sid, ["s3:ListBucket"], bucket) | {"Condition": condition}


def _allow(sid: str, actions: list[str], *resources: str) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}


def _policy(statements: list[Statement]) -> Policy:
    return {"Version": "2012-10-17", "Statement": statements}
