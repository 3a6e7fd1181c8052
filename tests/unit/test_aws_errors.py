"""Errors of AWS above the edges: ours, with nothing of an order, and the operator still reads what AWS said."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from chalicelib.aws.athena import Athena
from chalicelib.aws.functions import hand_over
from chalicelib.aws.presigned import LinkBucket
from chalicelib.aws.s3 import ResumingStream, Storage
from chalicelib.errors import AwsError, LostRace, ServiceUnavailable, kind_of, redacted_message
from glue_setup.errors import explained

MESSAGE = "not authorized to perform: lambda:Invoke"
DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": MESSAGE}}, "Invoke")


class Failing:
    """A client whose every call fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def invoke(self, **_: Any) -> None:
        raise self._error


def failure(error: Exception) -> AwsError:
    client: Any = Failing(error)
    with pytest.raises(AwsError) as caught:
        hand_over(client, "load", {})
    return caught.value


def test_the_message_has_the_call_and_the_code_and_nothing_else() -> None:
    error = failure(DENIED)
    assert (str(error), kind_of(error), error.is_temporary) == ("Invoke: AccessDenied", "AccessDenied", False)
    unreachable = failure(NoCredentialsError())
    assert isinstance(unreachable, ServiceUnavailable)
    assert str(unreachable) == kind_of(unreachable) == "NoCredentialsError"


def test_an_operator_reads_of_an_edges_error_what_aws_answered() -> None:
    assert explained(failure(DENIED)) == explained(DENIED)
    assert "lambda:InvokeFunction" in explained(failure(DENIED))


def test_an_error_that_may_quote_an_order_is_named_by_its_class_alone() -> None:
    assert redacted_message(ValueError("Ann Smith")) == kind_of(ValueError("Ann Smith")) == "ValueError"
    assert redacted_message(LostRace("a.json")) == str(LostRace("a.json"))


@pytest.mark.parametrize("edge", [Athena, LinkBucket, ResumingStream, Storage])
def test_every_public_method_of_an_edge_raises_our_errors(edge: type) -> None:
    methods = [method for name, method in vars(edge).items() if callable(method) and not name.startswith("_")]
    assert methods
    assert all(hasattr(method, "__wrapped__") for method in methods)
