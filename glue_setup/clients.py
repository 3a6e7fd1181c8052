"""AWS clients for the foundations."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.settings import LOCAL_STAGE
from glue_setup.errors import SetupError

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

T = TypeVar("T")

CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 6},
    connect_timeout=5,
    read_timeout=30,
    user_agent_extra="orders-etl-glue-setup",
)
SETTLE_SECONDS, PAUSE_SECONDS = 60.0, 3.0
"""How long AWS is given until what was just written is known to all of its servers, and how often it is asked."""


@dataclass(frozen=True)
class Clients:
    """One client a service, and a clock. `tls` tells whether the endpoint is reached over HTTPS."""

    s3: S3Client
    glue: GlueClient
    iam: IAMClient
    athena: AthenaClient
    sqs: SQSClient
    cloudwatch: CloudWatchClient
    functions: LambdaClient
    logs: CloudWatchLogsClient
    states: Any
    events: Any
    sns: Any
    budgets: Any
    tls: bool = True
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def settled(self, call: Callable[[], T], codes: Collection[str], texts: Collection[str], failure: str) -> T:
        """Repeat a call while AWS answers it with one of `codes` and one of `texts` in its message.

        Raises SetupError, which begins with `failure`, after `SETTLE_SECONDS`.
        """
        deadline = self.monotonic() + SETTLE_SECONDS
        while True:
            try:
                return call()
            except ClientError as error:
                details = error.response.get("Error", {})
                message = details.get("Message", "")
                if details.get("Code") not in codes or not any(text in message for text in texts):
                    raise
                if self.monotonic() >= deadline:
                    raise SetupError(
                        f"{failure} within {SETTLE_SECONDS:g} s: {message}; run this again in a minute"
                    ) from None
                self.sleep(PAUSE_SECONDS)


def connect(session: boto3.Session, stage: str) -> Clients:
    """Make the clients. Raises SetupError when the local stage would reach AWS itself."""
    s3 = session.client("s3", config=CONFIG)
    check_endpoint(s3, stage)
    return Clients(
        s3=s3,
        glue=session.client("glue", config=CONFIG),
        iam=session.client("iam", config=CONFIG),
        athena=session.client("athena", config=CONFIG),
        sqs=session.client("sqs", config=CONFIG),
        cloudwatch=session.client("cloudwatch", config=CONFIG),
        functions=session.client("lambda", config=CONFIG),
        logs=session.client("logs", config=CONFIG),
        states=session.client("stepfunctions", config=CONFIG),
        events=session.client("events", config=CONFIG),
        sns=session.client("sns", config=CONFIG),
        budgets=session.client("budgets", config=CONFIG),
        tls=not s3.meta.endpoint_url.startswith("http://"),
    )


def check_endpoint(s3: S3Client, stage: str) -> None:
    """Raise SetupError when the local stage would reach AWS itself."""
    if stage == LOCAL_STAGE and "amazonaws.com" in s3.meta.endpoint_url:
        raise SetupError("stage local lives on the embedded AWS: start `make local` and take AWS_ENDPOINT_URL from it")
