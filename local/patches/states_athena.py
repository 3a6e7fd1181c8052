"""A state machine asks Athena, with the rights of its role.

Gap: MiniStack has no optimized integration of Athena: a state machine with `athena:startQueryExecution.sync` or
`athena:getQueryResults` fails as not implemented. Here both call Athena through the API under the machine's role, and
`.sync` waits for the end. Drop this file when MiniStack runs both.
https://docs.aws.amazon.com/step-functions/latest/dg/connect-athena.html
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import boto3
from botocore.exceptions import ClientError
from ministack import app
from ministack.services import stepfunctions as states

from local.emulator import HOST, REGION
from local.patches import states_roles
from local.patches.glue_crawler import credentials_of

TOUCHES = {
    "ministack.services.stepfunctions._invoke_resource": "a85d2be9a858",
    "ministack.services.stepfunctions._ExecutionError": "82f3c23a59f9",
}

PAUSE_SECONDS = 0.1
ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


def apply() -> None:
    """Know the two actions."""
    prefix = "arn:aws:states:::athena"
    states._SERVICE_DISPATCH |= {f"{prefix}:startQueryExecution": start, f"{prefix}:getQueryResults": results}


def start(resource: str, data: dict[str, Any]) -> Any:
    """Start a query; with `.sync` wait for its end. Raises what Step Functions raises of one that failed."""
    athena = _athena()
    started = _called(athena.start_query_execution, data)
    if not resource.endswith(".sync"):
        return started
    while True:
        answer = _called(athena.get_query_execution, {"QueryExecutionId": started["QueryExecutionId"]})
        status = answer["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            return answer
        if status["State"] in ENDED:
            raise states._ExecutionError("States.TaskFailed", json.dumps(answer))
        time.sleep(PAUSE_SECONDS)


def results(resource: str, data: dict[str, Any]) -> Any:
    """Return the first rows of a query that has succeeded."""
    return _called(_athena().get_query_results, data)


def _athena() -> Any:
    role = states_roles.role.get()
    credentials = credentials_of(role, "states") if app.AUTH and role else {}
    endpoint = f"http://{HOST}:{os.environ['GATEWAY_PORT']}"
    return boto3.client("athena", endpoint_url=endpoint, region_name=REGION, **credentials)


def _called(call: Any, request: dict[str, Any]) -> Any:
    try:
        answer = call(**request)
    except ClientError as error:
        details = error.response["Error"]
        raise states._ExecutionError(f"Athena.{details['Code']}", details["Message"]) from None
    answer.pop("ResponseMetadata", None)
    # Times become text, as in the JSON of a state's output.
    return json.loads(json.dumps(answer, default=str))
