"""Error answers of the REST API: status and message of each kind of error, all in one shape. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field

from chalicelib.errors import (
    AwsError,
    DamagedRejections,
    DeadlinePassed,
    EtlError,
    ExecutionNotFound,
    ParameterError,
    QueryFailed,
    RequestError,
    RequestTooLarge,
    ResultTooLarge,
    RowTooLarge,
    ServiceUnavailable,
    Throttled,
    UnknownContract,
    UnknownQuery,
    UnknownSource,
    UnknownUpload,
    shown,
)

MAX_PROBLEMS = 20
"""How many wrong fields one answer names."""
MAX_PROBLEM = 400

ATHENA_CODE = re.compile(r"(?:^|[\s:(])([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)(?=$|[\s:,.)])")
UNREADABLE = (
    "a file of the table cannot be read: tell the API's operator, for whom docs/operations.md has what to do, under "
    "table-foreign-file"
)
REASONS = {
    "bytes scanned limit": "it would read more than one query may: ask for fewer months",
    "exhausted": "it needs more memory than one query gets: ask for fewer months",
    "timeout": "it took too long: ask for fewer months",
    "timed out": "it took too long: ask for fewer months",
    "not authorized": "the API lacks a permission: tell its operator",
    "access denied": "the API lacks a permission: tell its operator",
    "insufficient permissions": "the API lacks a permission: tell its operator",
    "cancelled": "it was cancelled: ask again",
    "canceled": "it was cancelled: ask again",
    "can no longer be read": "its results have expired: ask again",
    "hive_bad_data": UNREADABLE,
    "valid parquet file": UNREADABLE,
}
"""What a part of Athena's own reason, in lower case, means to a caller."""


class Answer(Struct, frozen=True):
    """An answer to a request. `body` is JSON values."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def error_answer(status: int, message: str, request_id: str, **more: Any) -> Answer:
    """Return an error answer: `Code` and `Message` as Chalice's own, and the request id to quote."""
    return Answer({"Code": CODES[status], "Message": message, "RequestId": request_id, **more}, status)


def answer_to(error: Exception, request_id: str) -> Answer | None:
    """Return the answer to an error, or None for one that no caller can mend: the API answers 500."""
    for kind, answer in ANSWERS.items():
        if isinstance(error, kind):
            return answer(error, request_id)
    return None


def failure_in_words(reason: str | None) -> str | None:
    """Return why an execution failed as a caller may read it: Athena's words may hold SQL, ARNs and places in S3.

    The answer is a sentence of REASONS and Athena's error code, never a part of Athena's text.
    """
    if reason is None:
        return None
    lower = reason.lower()
    words = next((words for part, words in REASONS.items() if part in lower), None)
    code = ATHENA_CODE.search(reason)
    if words is None:
        words = "Athena could not run it: quote the execution's id to the API's operator"
    return f"{words} ({code[1]})" if code else words


def _bad_request(error: ParameterError | RequestError, request_id: str) -> Answer:
    fields = {shown(name): shown(text, MAX_PROBLEM) for name, text in list(error.problems.items())[:MAX_PROBLEMS]}
    message = "; ".join(f"{name}: {text}" for name, text in fields.items())
    left = len(error.problems) - len(fields)
    if left > 0:
        message += f"; and {left} more"
    return error_answer(400, message, request_id, Fields=fields)


def _query_failed(error: QueryFailed, request_id: str) -> Answer:
    if error.state == "SUCCEEDED":
        return error_answer(410, f"execution {error.execution_id}: {failure_in_words(error.reason)}", request_id)
    reason = failure_in_words(error.reason)
    message = f"execution {error.execution_id} {error.state}: {reason}"
    return error_answer(409, message, request_id, ExecutionId=error.execution_id, State=error.state)


def _later(status: int, message: str) -> Callable[[AwsError, str], Answer]:
    def answer(error: AwsError, request_id: str) -> Answer:
        seconds = f"{error.retry_after:.0f}"
        body = error_answer(status, f"{message}: try again in {seconds} s", request_id).body
        return Answer(body, status, {"Retry-After": seconds})

    return answer


def _not_ended(error: DeadlinePassed, request_id: str) -> Answer:
    answer = error_answer(409, f"{error.what} has not ended: ask for its state until it has", request_id)
    return Answer(answer.body, 409, {"Retry-After": "1"})


def _with_status(status: int) -> Callable[[EtlError, str], Answer]:
    return lambda error, request_id: error_answer(status, str(error), request_id)


CODES = {
    400: "BadRequestError",
    404: "NotFoundError",
    409: "ConflictError",
    410: "GoneError",
    413: "PayloadTooLargeError",
    415: "UnsupportedMediaType",
    422: "UnprocessableEntityError",
    429: "TooManyRequestsError",
    500: "InternalServerError",
    503: "ServiceUnavailableError",
}
"""The `Code` of each status; Chalice's where it has one."""

ANSWERS: dict[type[Exception], Callable[[Any, str], Answer]] = {
    ParameterError: _bad_request,
    RequestError: _bad_request,
    RequestTooLarge: _with_status(413),
    UnknownContract: _with_status(404),
    UnknownQuery: _with_status(404),
    UnknownSource: _with_status(404),
    UnknownUpload: _with_status(404),
    ExecutionNotFound: _with_status(404),
    ResultTooLarge: _with_status(422),
    RowTooLarge: _with_status(422),
    DamagedRejections: _with_status(500),
    QueryFailed: _query_failed,
    DeadlinePassed: _not_ended,
    Throttled: _later(429, "Athena is busy"),
    ServiceUnavailable: _later(503, "a service this API stands on does not answer"),
}
"""The answer to each kind of error. Any other is answered 500, with its trace in the log only."""
