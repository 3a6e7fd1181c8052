"""AWS's errors become the product's here: code above the edges sees AwsError, and never one of botocore's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import ParamSpec, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from chalicelib.errors import AwsError, ServiceUnavailable, Throttled

NOT_FOUND = frozenset({"NoSuchKey", "NotFound", "404"})
"""What S3 says of an object that is not there; 404 and NotFound come of a HEAD, whose answer has no body."""
THROTTLES = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"})
BUSY = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "InternalServerException", "RequestTimeout"})
BROKEN = (BotoCoreError, HTTPError, ConnectionError)
"""No answer, or one that ended too early."""

P = ParamSpec("P")
T = TypeVar("T")
Edge = TypeVar("Edge", bound=type)


def error_code(error: ClientError) -> str:
    """Return AWS's code of an error; empty where the answer has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def unless_code(codes: frozenset[str], call: Callable[[], T]) -> T | None:
    """Return what `call` returns, or None where AWS answers it with one of these codes."""
    try:
        return call()
    except ClientError as error:
        if error_code(error) in codes:
            return None
        raise


def raises_aws_error(call: Callable[P, T]) -> Callable[P, T]:
    """Have a function raise AwsError for what AWS, or the connection to it, raises; that error is the cause."""

    @functools.wraps(call)
    def translating(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except (ClientError, *BROKEN) as error:
            raise _aws_error(error) from error

    return translating


def edge(cls: Edge) -> Edge:
    """Have every public method of a class raise AwsError, as `raises_aws_error` does."""
    for name, method in list(vars(cls).items()):
        if isinstance(method, FunctionType) and not name.startswith("_"):
            setattr(cls, name, raises_aws_error(method))
    return cls


def _aws_error(error: Exception) -> AwsError:
    if not isinstance(error, ClientError):
        return ServiceUnavailable(type(error).__name__)
    code = error_code(error) or "unknown"
    kind = Throttled if code in THROTTLES else ServiceUnavailable if code in BUSY else AwsError
    return kind(code, error.operation_name)
