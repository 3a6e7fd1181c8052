"""Events on their way to EventBridge."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.aws.events import EventBus
from chalicelib.errors import AwsError, Throttled


class Bridge:
    """Takes events, or answers of each what it is told to."""

    def __init__(self, *answers: dict[str, str], error: Exception | None = None) -> None:
        self.answers = answers
        self.error = error
        self.requests: list[list[dict[str, Any]]] = []

    def put_events(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        if self.error is not None:
            raise self.error
        self.requests.append(Entries)
        return {"Entries": list(self.answers), "FailedEntryCount": sum("ErrorCode" in each for each in self.answers)}


def test_ten_events_go_by_one_request_and_what_is_more_by_the_next() -> None:
    bridge = Bridge()
    EventBus(lambda: bridge, "shop").send([("Source Loaded", {"id": f"é{i}"}) for i in range(23)])
    assert [len(each) for each in bridge.requests] == [10, 10, 3]
    first = bridge.requests[0][0]
    assert (first["Source"], first["DetailType"], first["EventBusName"]) == ("orders-etl", "Source Loaded", "shop")
    assert json.loads(first["Detail"]) == {"id": "é0"}


def test_an_event_that_was_not_taken_is_an_error_though_the_answer_is_a_good_one() -> None:
    bridge = Bridge({"EventId": "1"}, {"ErrorCode": "ThrottlingException", "ErrorMessage": "slower"})
    with pytest.raises(Throttled):
        EventBus(lambda: bridge, "default").send([("Source Loaded", {}), ("Source Loaded", {})])


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events"),
    ],
)
def test_an_error_of_aws_is_ours(error: Exception) -> None:
    with pytest.raises(AwsError):
        EventBus(lambda: Bridge(error=error), "default").send([("Source Loaded", {})])


def test_the_client_is_made_when_there_is_something_to_send() -> None:
    def fail() -> Any:
        raise AssertionError("made")

    EventBus(fail, "default").send([])
