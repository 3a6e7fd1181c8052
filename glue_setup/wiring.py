"""What Lambda does with an event that a function failed on: Chalice has no setting for it, and leaves it alone."""

from __future__ import annotations

from typing import Any

from glue_setup.clients import Clients
from glue_setup.errors import SetupError
from glue_setup.resource import Blocks, Plan, Resource, State
from glue_setup.target import Target
from glue_setup.terraform_json import snake

NOT_YET = ("does not have permissions", "destination ARN", "cannot be assumed")
"""What Lambda says of a role or a queue that was just made, with InvalidParameterValueException."""


def failed_loads(queue_arn: str) -> dict[str, Any]:
    """Return what Lambda does with an event whose load fails: two more tries, then the queue.

    Both figures are Lambda's defaults, said here so that a change of theirs changes nothing. Throttled events are
    tried again for the whole age and do not count as tries.
    """
    return {
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 6 * 3600,
        "DestinationConfig": {"OnFailure": {"Destination": queue_arn}},
    }


FAILED_SWEEPS: dict[str, Any] = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 3600}
"""What Lambda does with a sweep that fails: nothing, since the next one goes on from there."""


class FailedEvents(Resource):
    """How often and how long Lambda tries an event of a function again, and where it goes then.

    `queue` says whether that is the queue. A destination for events that succeeded is somebody else's and stays.
    """

    def __init__(self, target: Target, clients: Clients, function: str, queue: bool) -> None:
        self._key = function
        self._function = target.stage.function(function)
        self._queue = queue
        super().__init__(target, clients, f"function {self._function}")
        self._lambda = clients.functions
        self._configuration = failed_loads(target.failed_queue) if queue else FAILED_SWEEPS

    def find(self) -> Any:
        """Read it."""
        try:
            return self._lambda.get_function_event_invoke_config(FunctionName=self._function)
        except self._lambda.exceptions.ResourceNotFoundException:
            return None

    def plan(self) -> Plan:
        """Compare what is with what should be. Raises SetupError when the function is not deployed."""
        try:
            self._lambda.get_function_configuration(FunctionName=self._function)
        except self._lambda.exceptions.ResourceNotFoundException:
            raise SetupError(f"{self.name}: it is not there yet: run `chalice deploy`, then this again") from None
        return super().plan()

    def state(self, existing: Any) -> State:
        """Return what Lambda does with an event that fails."""
        failed = (existing.get("DestinationConfig") or {}).get("OnFailure") or {}
        return {
            "tries a failed event again": f"{existing.get('MaximumRetryAttempts', 2)} times",
            "within": f"{existing.get('MaximumEventAgeInSeconds', 21_600)} seconds",
            "sends it then to": failed.get("Destination") or "nowhere",
        }

    def desired(self, current: State | None) -> State:
        """Return what Lambda should do with it."""
        return self.state(self._configuration)

    def make(self, plan: Plan) -> None:
        """Put the whole configuration, as soon as Lambda knows that the function may write there."""
        destinations = dict(self._configuration.get("DestinationConfig", {}))
        succeeded = ((plan.existing or {}).get("DestinationConfig") or {}).get("OnSuccess")
        if succeeded:
            destinations["OnSuccess"] = succeeded
        request: Any = self._configuration | {"DestinationConfig": destinations}
        self.clients.settled(
            lambda: self._lambda.put_function_event_invoke_config(FunctionName=self._function, **request),
            ["InvalidParameterValueException"],
            NOT_YET,
            f"{self.name}: Lambda could not see that its role may write to the queue",
        )

    def delete(self, existing: Any, delete_data: bool) -> str:
        """Give the function back what Lambda does by itself."""
        self._lambda.delete_function_event_invoke_config(FunctionName=self._function)
        return "its failed events go nowhere now"

    def terraform(self) -> Blocks:
        """Return it, under its function's name."""
        declared = failed_loads("${aws_sqs_queue.failed.arn}") if self._queue else FAILED_SWEEPS
        made = {"function_name": f"${{aws_lambda_function.{self._key}.function_name}}", **snake(declared)}
        if self._queue:
            # Lambda refuses a queue that the function's role may not write to.
            made["depends_on"] = [f"aws_iam_role_policy.{self._key}_role"]
        return {"aws_lambda_function_event_invoke_config": {self._key: made}}
