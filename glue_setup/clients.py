"""AWS clients for the foundations, and where they lead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import NoRegionError

from glue_setup.errors import SetupError
from glue_setup.place import Place

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

LOCAL = "local"
"""The stage that lives on the embedded AWS and must never reach a real account."""
LOCAL_ACCOUNT, LOCAL_REGION = "123456789012", "us-east-1"
"""Where the embedded AWS is, for what is written while it does not run."""

CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 6},
    connect_timeout=5,
    read_timeout=30,
    user_agent_extra="orders-etl-glue-setup",
)


@dataclass(frozen=True)
class Clients:
    """One client a service. `tls` tells whether the endpoint is reached over HTTPS."""

    s3: S3Client
    glue: GlueClient
    iam: IAMClient
    athena: AthenaClient
    sqs: SQSClient
    cloudwatch: CloudWatchClient
    functions: LambdaClient
    logs: CloudWatchLogsClient
    tls: bool = True


def connect(session: boto3.Session, stage: str) -> Clients:
    """Make the clients. Raises SetupError when the local stage would reach AWS itself."""
    s3 = session.client("s3", config=CONFIG)
    if stage == LOCAL and "amazonaws.com" in s3.meta.endpoint_url:
        raise SetupError("stage local lives on the embedded AWS: start `make local` and take AWS_ENDPOINT_URL from it")
    return Clients(
        s3=s3,
        glue=session.client("glue", config=CONFIG),
        iam=session.client("iam", config=CONFIG),
        athena=session.client("athena", config=CONFIG),
        sqs=session.client("sqs", config=CONFIG),
        cloudwatch=session.client("cloudwatch", config=CONFIG),
        functions=session.client("lambda", config=CONFIG),
        logs=session.client("logs", config=CONFIG),
        tls=not s3.meta.endpoint_url.startswith("http://"),
    )


def find_place(session: boto3.Session, stage: str, account: str | None = None, region: str | None = None) -> Place:
    """Return where the session leads; `account` and `region` are looked up where they are not given.

    Raises botocore's NoRegionError, NoCredentialsError and ClientError.
    """
    region = region or session.region_name or (LOCAL_REGION if stage == LOCAL else None)
    if not region:
        raise NoRegionError()
    if account is None:
        account = _account(session, stage)
    return Place(account=account, region=region, partition=session.get_partition_for_region(region))


def _account(session: boto3.Session, stage: str) -> str:
    sts = session.client("sts", config=CONFIG)
    if stage == LOCAL and "amazonaws.com" in sts.meta.endpoint_url:
        # No endpoint is set: what is written for the embedded AWS must not depend on who is logged in to AWS.
        return LOCAL_ACCOUNT
    return str(sts.get_caller_identity()["Account"])
