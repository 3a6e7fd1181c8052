"""What goes wrong while foundations are laid, and AWS's errors in words that name the remedy."""

from __future__ import annotations

import re

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)

from chalicelib.aws.errors import THROTTLES
from chalicelib.errors import AwsError, EtlError, shown


class SetupError(EtlError):
    """The foundations cannot be planned, made or removed. Nothing is half done that a second run does not finish."""


class Refused(SetupError):
    """A change that is possible, but would lose or hide data or take what belongs to somebody else."""

    def __init__(self, resource: str, reasons: list[str]) -> None:
        self.resource = resource
        self.reasons = reasons
        super().__init__(f"{resource}: refused: " + "; ".join(reasons))


DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedAccess", "403", "Forbidden"}
STALE = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "InvalidSignatureException",
    "RequestExpired",
}
BUSY = THROTTLES | {"SlowDown"}

REMEDIES = {
    "BucketAlreadyExists": "the name belongs to another account: choose another ETL_BUCKET",
    "OperationAborted": "S3 is still busy with this bucket (just deleted?): run this again in some minutes",
    "BucketNotEmpty": "something still writes into it: remove the functions (chalice delete), then run this again",
    "IllegalLocationConstraintException": "this endpoint serves another region: set AWS_DEFAULT_REGION to the stage's",
    "AuthorizationHeaderMalformed": "the bucket is in another region: set AWS_DEFAULT_REGION to the bucket's",
    "PermanentRedirect": "the bucket is in another region: set AWS_DEFAULT_REGION to the bucket's",
    "CrawlerRunningException": "the crawler is running: run this again when it has finished",
    "DeleteConflict": "something that glue_setup did not attach is attached to it: detach that, then run this again",
    "QueueDeletedRecently": "SQS keeps a deleted queue's name for a minute: run this again then",
    "AWS.SimpleQueueService.QueueDeletedRecently": "SQS keeps a deleted queue's name for a minute: run this again then",
    "ConcurrentModificationException": "something else changed it at the same moment: run this again",
    "LimitExceeded": "an account quota is reached: raise it, or remove what is unused",
    "TooManyBuckets": "the account's bucket quota is reached: raise it, or remove a bucket",
}

ACTIONS = {
    "HeadBucket": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "ListObjectsV2": "s3:ListBucket",
    "DeleteBucketTagging": "s3:PutBucketTagging",
    "GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "DeleteObjects": "s3:DeleteObject and s3:DeleteObjectVersion",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "StartQueryExecution": "athena:StartQueryExecution",
    "GetQueryExecution": "athena:GetQueryExecution",
    "Invoke": "lambda:InvokeFunction",
    "CreateBudget": "budgets:ModifyBudget and budgets:TagResource",
    "UpdateBudget": "budgets:ModifyBudget",
    "DeleteBudget": "budgets:ModifyBudget",
    "CreateNotification": "budgets:ModifyBudget",
    "DeleteNotification": "budgets:ModifyBudget",
    "DescribeBudget": "budgets:ViewBudget",
    "DescribeNotificationsForBudget": "budgets:ViewBudget",
    "DescribeSubscribersForNotification": "budgets:ViewBudget",
}
"""The permission a call needs, where it is not `service:Call`."""


def explained(error: ClientError | BotoCoreError | EtlError) -> str:
    """Return an error as text: ours as it is, AWS's as one sentence with the call, what offended, the remedy."""
    if isinstance(error, AwsError) and isinstance(error.__cause__, ClientError | BotoCoreError):
        return explained(error.__cause__)
    if isinstance(error, EtlError):
        return str(error)
    if isinstance(error, ClientError):
        return _answered(error)
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound):
        return f"{shown(error, 200)}: run `aws configure` or `aws sso login`, or set AWS_PROFILE"
    if isinstance(error, NoRegionError):
        return "no region is set: set AWS_DEFAULT_REGION, for example to eu-west-1"
    if isinstance(error, EndpointConnectionError):
        return f"{shown(error, 200)} Is AWS_ENDPOINT_URL right, and the network up?"
    return shown(error, 300)


def _answered(error: ClientError) -> str:
    code = str(error.response.get("Error", {}).get("Code", "unknown"))
    message = shown(error.response.get("Error", {}).get("Message", ""), 300)
    call = error.operation_name
    if code in DENIED:
        action = ACTIONS.get(call) or _named_in(message) or call
        return f"{call} was denied: allow {action} to the caller ({message})"
    if code in STALE:
        return f"{call}: the credentials were refused ({code}): renew them (`aws sso login`, `aws configure`)"
    if code in BUSY:
        return f"{call}: AWS is busy ({code}): run this again, it goes on where it stopped"
    remedy = REMEDIES.get(code)
    return f"{call}: {remedy} ({code})" if remedy else f"{call}: {code}: {message}"


def _named_in(message: str) -> str | None:
    named = re.search(r"perform: ([a-z0-9-]+:[A-Za-z]+)", message)
    return named.group(1) if named else None
