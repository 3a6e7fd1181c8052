"""Edge to Lambda: hand an event to a function, as S3 does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.aws.errors import raises_aws_error
from chalicelib.aws.session import make_client

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


def lambda_client() -> LambdaClient:
    """Return a client for `hand_over`."""
    made: LambdaClient = make_client("lambda")
    return made


@raises_aws_error
def hand_over(client: LambdaClient, function: str, event: Mapping[str, Any]) -> None:
    """Have Lambda run `function` on `event`, now or when there is room; return when it has taken the event.

    Raises AwsError when it has not.
    """
    client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())
