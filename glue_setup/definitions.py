"""What the foundations are made of, as pure functions of the settings: rules, policies, the crawler, the workgroup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.assembly import datasets
from chalicelib.settings import Settings
from glue_setup.place import Place

if TYPE_CHECKING:
    from mypy_boto3_athena.type_defs import WorkGroupConfigurationTypeDef
    from mypy_boto3_s3.type_defs import LifecycleRuleUnionTypeDef

OURS = "orders-etl-"
"""How the ids of our lifecycle rules begin: a rule with another id is never touched."""
TLS_SID = "OrdersEtlTlsOnly"
"""Which statement of the bucket's and the queue's policy is ours; others are never touched."""

RELEASE_PREFIX = "orders_release/"
"""Where the bucket keeps what was deployed, beside the prefixes of the settings; see release.record."""

RESULTS_DAYS = 7
"""Query results are deleted after this many days; a query can be asked again."""
OLD_VERSIONS_DAYS = 30
"""Overwritten and deleted objects can be brought back for this many days."""
OPEN_UPLOADS_DAYS = 2
"""Parts of uploads that were never completed are deleted after this many days: a load takes minutes."""
FAILED_DAYS = 14
"""How long the queue keeps an event whose load failed; SQS keeps none longer."""
LOG_DAYS = 30
"""What the functions log is deleted after this many days; Lambda's own log groups keep it forever."""
BYTES_SCANNED_CUTOFF = 10 * 10**9
"""A query that scans more bytes is cancelled: at $5 per TB it would have cost more than 5 cents. At least 10**7."""


def lifecycle_rules(settings: Settings) -> list[LifecycleRuleUnionTypeDef]:
    """Return our lifecycle rules. Incoming, table, quarantine and ledger never expire."""
    return [
        {
            "ID": f"{OURS}results",
            "Status": "Enabled",
            "Filter": {"Prefix": settings.results_prefix},
            "Expiration": {"Days": RESULTS_DAYS},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {
            "ID": f"{OURS}old-versions",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            # A delete marker with nothing behind it only slows the listing that every query makes.
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSIONS_DAYS},
        },
        {
            "ID": f"{OURS}open-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": OPEN_UPLOADS_DAYS},
        },
    ]


def tls_only(settings: Settings, place: Place) -> dict[str, Any]:
    """Return the statement of the bucket policy that denies every request without TLS."""
    bucket = place.bucket(settings.bucket)
    return {
        "Sid": TLS_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [bucket, f"{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def tls_only_queue(arn: str) -> dict[str, Any]:
    """Return the statement of a queue's policy that denies every request without TLS."""
    return {
        "Sid": TLS_SID,
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def failed_events(queue_arn: str) -> dict[str, Any]:
    """Return what Lambda does with an event whose load fails: two more tries, then the queue.

    Both figures are Lambda's defaults, said here so that a change of theirs changes nothing. Throttled events are
    tried again for the whole age and do not count as tries.
    """
    return {
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 6 * 3600,
        "DestinationConfig": {"OnFailure": {"Destination": queue_arn}},
    }


def sweep_events() -> dict[str, Any]:
    """Return what Lambda does with a sweep that fails: nothing, since the next one goes on from there."""
    return {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 3600}


def workgroup(settings: Settings, place: Place) -> WorkGroupConfigurationTypeDef:
    """Return the workgroup's configuration. It is enforced: no caller chooses where results go or what they cost."""
    return {
        "EnforceWorkGroupConfiguration": True,
        "PublishCloudWatchMetricsEnabled": True,
        "RequesterPaysEnabled": False,
        "BytesScannedCutoffPerQuery": BYTES_SCANNED_CUTOFF,
        "ResultConfiguration": {
            "OutputLocation": settings.results_location,
            "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
            "ExpectedBucketOwner": place.account,
        },
    }


def crawler_name(settings: Settings) -> str:
    """Return the crawler's name: GLUE_CRAWLER, or one of its own in a stage whose loads do not start it."""
    return settings.crawler or f"{settings.bucket}-crawler"


def crawler(settings: Settings) -> dict[str, Any]:
    """Return the crawler, but for its role.

    It may make the table and register partitions, and nothing else: its defaults remove columns and wipe metadata
    that it did not set. `TableLevelConfiguration` counts from the bucket: 2 is the table's folder, so that no month
    becomes a table of its own.
    """
    return {
        "DatabaseName": settings.database,
        "Targets": {"S3Targets": [{"Path": datasets(settings)[0].table_location}]},
        "SchemaChangePolicy": {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"},
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "Configuration": {
            "Version": 1.0,
            "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
            "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 2},
        },
    }


def crawler_trust() -> dict[str, Any]:
    """Return who may take the crawler's role: Glue.

    Without a condition on `aws:SourceAccount`: no documentation says that Glue sends one when it runs a crawler, and
    where it does not the role can never be taken. Only who may pass the role, in this account, can have Glue take it.
    """
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
