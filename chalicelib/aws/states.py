"""Edge to Step Functions: which prefixes of the bucket a backfill is at work on."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.aws.errors import raises_aws_error, unless_code
from chalicelib.aws.session import make_client

NO_MACHINE = frozenset({"StateMachineDoesNotExist"})


def states_client() -> Any:
    """Return a client for `backfilled_prefixes`."""
    return make_client("stepfunctions")


@raises_aws_error
def backfilled_prefixes(client: Any, machine: str) -> tuple[str, ...]:
    """Return the prefixes that running executions of a backfill's state machine load; none where there is no machine.

    Step Functions itself is asked, and no marker kept: an execution that ends, fails or is stopped holds nothing back
    from then on. Raises AwsError.
    """
    running = unless_code(
        NO_MACHINE, lambda: client.list_executions(stateMachineArn=machine, statusFilter="RUNNING", maxResults=100)
    )
    arns = [each["executionArn"] for each in (running or {}).get("executions", ())]
    return tuple(prefix for arn in arns if (prefix := _prefix(client.describe_execution(executionArn=arn))))


def _prefix(execution: Any) -> str:
    try:
        prefix = json.loads(execution.get("input") or "{}")["prefix"]
    except (KeyError, TypeError, ValueError):
        return ""
    return prefix if isinstance(prefix, str) else ""
