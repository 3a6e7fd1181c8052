"""A state machine starts executions by name: once each, however many ask at once.

Gap: MiniStack refuses the name of an execution that runs, where AWS answers as if it had just been started, calls the
error by another name than a Catch knows it by, and of two that ask at the same moment may start both. Drop this file
when a machine that starts a thousand executions of one name starts one, and none of the thousand fails.
https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
"""

from __future__ import annotations

import threading
from typing import Any

from ministack.core.responses import get_account_id, get_region, json_response
from ministack.services import stepfunctions as states

TOUCHES = {
    "ministack.services.stepfunctions._start_execution": "9923282fc76c",
    "ministack.services.stepfunctions._invoke_nested_start_execution": "fc2b83eed27a",
}

TAKEN = "ExecutionAlreadyExists"
starting = threading.Lock()


def apply() -> None:
    """Start one at a time, answer of one that runs, and name the error of a nested start as Step Functions does."""
    start, start_nested = states._start_execution, states._invoke_nested_start_execution

    def start_once(data: dict[str, Any]) -> Any:
        with starting:
            running = _running(data)
            if running is not None:
                return json_response({"executionArn": running["executionArn"], "startDate": running["startDate"]})
            return start(data)

    def start_nested_once(resource: str, data: Any) -> Any:
        try:
            return start_nested(resource, data)
        except states._ExecutionError as error:
            if not error.error.endswith(TAKEN):
                raise
            raise states._ExecutionError(f"StepFunctions.{TAKEN}Exception", error.cause) from None

    states._start_execution, states._invoke_nested_start_execution = start_once, start_nested_once


def _running(data: dict[str, Any]) -> Any:
    """Return the execution that runs under the name that is asked for, with the same input."""
    machine = str(data.get("stateMachineArn", "")).rpartition(":")[2]
    name = data.get("name")
    arn = f"arn:aws:states:{get_region()}:{get_account_id()}:execution:{machine}:{name}"
    execution = states._executions.get(arn) if name else None
    if execution is None or execution["status"] != "RUNNING" or execution["input"] != data.get("input", "{}"):
        return None
    return execution
