"""Errors of AWS: which codes mean that nothing is there, and which errors are temporary."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import EtlError, ServiceUnavailable, Throttled

NOT_FOUND = frozenset({"NoSuchKey", "NotFound", "404"})
"""What S3 says of an object that is not there; 404 and NotFound come of a HEAD, whose answer has no body."""
THROTTLES = frozenset({"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"})
BUSY = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "InternalServerException", "RequestTimeout"})
RETRY_AFTER = 5.0
"""Seconds after which a caller may try again, once the client's own retries are used up."""


def error_code(error: ClientError) -> str:
    """Return AWS's code of an error; empty where the answer has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def temporary(error: Exception) -> EtlError | None:
    """Return a temporary error of AWS as an EtlError with nothing of the call in it; None for any other error."""
    if isinstance(error, ClientError) and error_code(error) in THROTTLES:
        return Throttled("AWS", RETRY_AFTER)
    if isinstance(error, BotoCoreError) or (isinstance(error, ClientError) and error_code(error) in BUSY):
        return ServiceUnavailable(RETRY_AFTER)
    return None
