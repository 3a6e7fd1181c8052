"""Failed events go to the queue: what is set on a function, and what others set there left."""
# ruff: noqa: N803 - arguments are named as boto3 names them

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.settings import Settings
from chalicelib.stage import Stage
from glue_setup import foundations
from glue_setup.clients import Clients
from glue_setup.errors import SetupError
from glue_setup.wiring import FailedEvents
from tests.edge.glue_setup_world import target_with

STAGE = Stage("test", "orders-etl", Settings(bucket="orders-etl-test", stage="test"))
FUNCTION = "orders-etl-test-load"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders-etl-test-load-failed"


class Lambda:
    """Lambda's side: one function, which may not be there, and whose role may take some calls to settle."""

    class exceptions:  # noqa: N801 - as boto3 has it
        class ResourceNotFoundException(Exception):
            pass

    def __init__(
        self,
        deployed: Any = True,
        unsettled: Any = 0,
        message: str = f"does not have permissions to call SendMessage on {QUEUE}",
    ) -> None:
        self.deployed = deployed
        self.unsettled = unsettled
        self.message = message
        self.config: Any = None
        self.puts = 0

    def get_function_configuration(self, FunctionName: Any) -> Any:
        if not self.deployed or FunctionName != FUNCTION:
            raise self.exceptions.ResourceNotFoundException
        return {}

    def get_function_event_invoke_config(self, FunctionName: Any) -> Any:
        if self.config is None:
            raise self.exceptions.ResourceNotFoundException
        return {"FunctionArn": f"arn:...:{FunctionName}", "LastModified": 1} | self.config

    def put_function_event_invoke_config(self, FunctionName: Any, **config: Any) -> Any:
        self.puts += 1
        if self.unsettled:
            self.unsettled -= 1
            error: Any = {"Code": "InvalidParameterValueException", "Message": self.message}
            raise ClientError({"Error": error}, "PutFunctionEventInvokeConfig")
        self.config = config

    def delete_function_event_invoke_config(self, FunctionName: Any) -> Any:
        self.config = None


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: Any) -> Any:
        self.now += seconds

    def monotonic(self) -> Any:
        return self.now


def wired(client: Any, time: Any = None) -> Any:
    time = time or Time()
    unused: list[Any] = [SimpleNamespace()] * 12
    clients = replace(Clients(*unused), functions=client, sleep=time.sleep, monotonic=time.monotonic)
    return FailedEvents(target_with(STAGE), clients, "load", queue=True)


def lines_of(run: Any, *arguments: Any) -> Any:
    lines: list[str] = []
    run(*arguments, lines.append)
    return lines


def test_a_failed_event_is_tried_twice_again_and_then_sent_to_the_queue() -> None:
    client = Lambda()
    assert lines_of(foundations.apply, [wired(client)])[0] == f"function {FUNCTION}: created"
    assert client.config == {
        "MaximumRetryAttempts": 2,
        "MaximumEventAgeInSeconds": 21_600,
        "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
    }


def test_a_second_wire_changes_nothing() -> None:
    client = Lambda()
    lines_of(foundations.apply, [wired(client)])
    assert lines_of(foundations.apply, [wired(client)]) == [
        f"function {FUNCTION}: unchanged",
        "Everything was in place: unchanged.",
    ]
    assert client.puts == 1


def test_what_somebody_changed_is_set_back_and_what_they_do_with_successes_stays() -> None:
    client = Lambda()
    client.config = {
        "MaximumRetryAttempts": 0,
        "DestinationConfig": {"OnSuccess": {"Destination": "arn:theirs"}, "OnFailure": {}},
    }
    (line, _) = lines_of(foundations.apply, [wired(client)])
    assert line == f"function {FUNCTION}: changed (tries a failed event again, sends it then to)"
    assert client.config["DestinationConfig"] == {
        "OnSuccess": {"Destination": "arn:theirs"},
        "OnFailure": {"Destination": QUEUE},
    }


def test_a_function_that_is_not_deployed_is_reported_with_the_remedy() -> None:
    with pytest.raises(SetupError, match=r"it is not there yet: run `chalice deploy`"):
        foundations.apply([wired(Lambda(deployed=False))], lambda _: None)


@pytest.mark.parametrize(
    "message",
    [
        "The function's execution role does not have permissions to call SendMessage on arn:aws:sqs:",
        f"The destination ARN {QUEUE} is invalid.",
        "The role defined for the function cannot be assumed by Lambda.",
    ],
)
def test_a_role_or_a_queue_that_was_just_made_is_waited_for(message: str) -> None:
    client, time = Lambda(unsettled=3, message=message), Time()
    wired(client, time).apply()
    assert (client.puts, time.now) == (4, 9.0)


def test_a_role_that_never_gets_its_policy_ends_the_wait_with_what_lambda_said() -> None:
    client, time = Lambda(unsettled=1000), Time()
    with pytest.raises(SetupError, match=r"within 60 s: .*permissions to call SendMessage"):
        wired(client, time).apply()
    assert 60 <= time.now < 70


def test_another_refusal_is_not_waited_for() -> None:
    client, time = Lambda(unsettled=1, message="MaximumRetryAttempts is out of range"), Time()
    with pytest.raises(ClientError, match="out of range"):
        wired(client, time).apply()
    assert time.now == 0


def test_destroy_takes_it_away_from_a_function_that_is_still_deployed() -> None:
    client = Lambda()
    wired(client).apply()
    assert wired(client).remove(False) == "its failed events go nowhere now"
    assert client.config is None
    assert wired(client).remove(False) == "absent"
    assert wired(Lambda(deployed=False)).remove(False) == "absent"


class CloudWatch:
    """CloudWatch, whose calls that write are noted in their order."""

    def __init__(self) -> None:
        self.alarms: list[dict[str, Any]] = []
        self.calls: list[Any] = []

    def describe_alarms(self, AlarmNames: Any, AlarmTypes: Any) -> Any:
        return {"MetricAlarms": [each for each in self.alarms if each["AlarmName"] in AlarmNames]}

    def put_metric_alarm(self, **request: Any) -> Any:
        self.calls.append(("alarm", request["AlarmName"]))
        self.alarms = [request]

    def put_metric_data(self, Namespace: Any, MetricData: Any) -> Any:
        self.calls.append(("data", Namespace, MetricData))


def test_the_alarm_that_rings_without_data_is_made_after_the_schedule_and_with_a_first_sample() -> None:
    silent = "orders-etl-test-sweep-silent"
    cloudwatch: Any = CloudWatch()
    unused: list[Any] = [SimpleNamespace()] * 12
    clients = replace(Clients(*unused), cloudwatch=cloudwatch)
    target = target_with(STAGE)
    applied = foundations.foundations(target, clients)
    assert f"alarm {silent}" not in [each.name for each in applied]
    (alarm,) = [each for each in foundations.wiring(target, clients) if each.name == f"alarm {silent}"]
    alarm.apply()
    sample = {"MetricName": "SweepSeconds", "Dimensions": [{"Name": "stage", "Value": "test"}], "Value": 0.0}
    assert cloudwatch.calls == [("data", "OrdersEtl", [sample]), ("alarm", silent)]
    # One that is there is set back, and nothing is written.
    cloudwatch.alarms[0] = cloudwatch.alarms[0] | {"Threshold": 5.0}
    alarm.apply()
    assert cloudwatch.calls[2:] == [("alarm", silent)]
    assert not alarm.apply().changes
