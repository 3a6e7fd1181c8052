"""What expires in the bucket, and what never does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib.loading.ledger_index import FOLDER as SWEEP_INDEX
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import LifecycleRuleUnionTypeDef

OURS = "orders-etl-"
"""How the ids of our lifecycle rules begin: a rule with another id is never touched."""

RESULTS_DAYS = 7
"""Query results are deleted after this many days; a query can be asked again."""
OLD_VERSIONS_DAYS = 30
"""Overwritten and deleted objects can be brought back for this many days."""
OPEN_UPLOADS_DAYS = 2
"""Parts of uploads that were never completed are deleted after this many days: a load takes minutes."""


def lifecycle_rules(settings: Settings) -> list[LifecycleRuleUnionTypeDef]:
    """Return our lifecycle rules. Incoming, tables, quarantine and ledger never expire."""
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
            # A megabyte for each 20,000 objects, written again in every round that finds anything new.
            "ID": f"{OURS}sweep-index",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{settings.state_prefix}{SWEEP_INDEX}"},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
        },
        {
            "ID": f"{OURS}open-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": OPEN_UPLOADS_DAYS},
        },
    ]


def comparable(rule: Any) -> dict[str, Any]:
    """Return a lifecycle rule in one spelling: S3 may answer an empty filter where an empty prefix was put."""
    others = {key: value for key, value in rule.items() if key not in {"Filter", "Prefix"}}
    filtered = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    return others | {"Filter": filtered if filtered.get("Prefix") != "" else {}}
