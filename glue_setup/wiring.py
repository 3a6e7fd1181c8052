"""What Lambda does with an event that a function failed on: Chalice has no setting for it, and leaves it alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from glue_setup.errors import SetupError
from glue_setup.resource import Plan, Resource, State
from glue_setup.settling import Settling

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

NOT_YET = ("does not have permissions", "destination ARN", "cannot be assumed")
"""What Lambda says of a role or a queue that was just made, with InvalidParameterValueException."""


class FailedEvents(Resource):
    """How often and how long Lambda tries an event again, and where it goes then.

    A destination for events that succeeded is somebody else's and stays.
    """

    def __init__(
        self,
        client: LambdaClient,
        function: str,
        configuration: dict[str, Any],
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"function {function}"
        self._lambda = client
        self._function = function
        self._configuration = configuration
        self._settling = Settling(("InvalidParameterValueException",), NOT_YET, sleep, monotonic)

    def desired(self, current: State | None) -> State:
        """Return what Lambda should do with an event that fails."""
        return _state(self._configuration)

    def current(self) -> State | None:
        """Read it. Raises SetupError when the function is not deployed."""
        if not self._deployed():
            raise SetupError(f"{self.name}: it is not there yet: run `chalice deploy`, then this again")
        found = self._found()
        return None if found is None else _state(found)

    def make(self, plan: Plan) -> None:
        """Put the whole configuration, as soon as Lambda knows that the function may write there."""
        found = self._found() or {}
        destinations = dict(self._configuration.get("DestinationConfig", {}))
        if (found.get("DestinationConfig") or {}).get("OnSuccess"):
            destinations["OnSuccess"] = found["DestinationConfig"]["OnSuccess"]
        request = self._configuration | {"DestinationConfig": destinations}
        self._settling.wait(
            lambda: self._lambda.put_function_event_invoke_config(FunctionName=self._function, **request),
            f"{self.name}: Lambda could not see that its role may write to the queue",
        )

    def remove(self, delete_data: bool) -> str:
        """Give the function back what Lambda does by itself."""
        if not self._deployed() or self._found() is None:
            return "absent"
        self._lambda.delete_function_event_invoke_config(FunctionName=self._function)
        return "its failed events go nowhere now"

    def _deployed(self) -> bool:
        try:
            self._lambda.get_function_configuration(FunctionName=self._function)
        except self._lambda.exceptions.ResourceNotFoundException:
            return False
        return True

    def _found(self) -> dict[str, Any] | None:
        try:
            found = self._lambda.get_function_event_invoke_config(FunctionName=self._function)
        except self._lambda.exceptions.ResourceNotFoundException:
            return None
        return cast("dict[str, Any]", found)


def _state(configuration: dict[str, Any]) -> State:
    failed = (configuration.get("DestinationConfig") or {}).get("OnFailure") or {}
    return {
        "tries a failed event again": f"{configuration.get('MaximumRetryAttempts', 2)} times",
        "within": f"{configuration.get('MaximumEventAgeInSeconds', 21_600)} seconds",
        "sends it then to": failed.get("Destination") or "nowhere",
    }
