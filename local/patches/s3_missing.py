"""Whoever may not list a bucket gets 403, not 404, for a key that is missing.

Gap: MiniStack answers 404 for a missing key to everybody who may read it, so that a policy without s3:ListBucket works
here and fails on AWS, where its function takes every new key for a denied one. Drop this file when reading a missing
key without s3:ListBucket is denied.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core import iam_evaluator, router
from ministack.core.responses import get_region
from ministack.services import s3

TOUCHES = {
    "ministack.services.s3.handle_request": "0856144f19e7",
    "ministack.services.s3._parse_bucket_key": "06e19cc5df12",
    "ministack.services.s3._error": "7a708a97c4bd",
    "ministack.core.router.extract_access_key_id": "4f0df6b2b1cd",
    "ministack.core.iam_evaluator.enforce": "cf64b1ee5b09",
}


def apply() -> None:
    """Look at every answer that says a key is missing."""
    handle: Callable[..., Awaitable[Any]] = s3.handle_request

    async def handle_hiding(
        method: str, path: str, headers: Any, body: Any, query: Any, *more: Any, **named: Any
    ) -> Any:
        answer = await handle(method, path, headers, body, query, *more, **named)
        if not app.AUTH or method not in ("GET", "HEAD") or answer[0] != 404:
            return answer
        bucket, key = s3._parse_bucket_key(path, headers)
        caller = router.extract_access_key_id(headers, query)
        if not key or not caller or bucket not in s3._buckets:
            return answer
        denied = iam_evaluator.enforce(
            caller,
            "s3:ListBucket",
            "s3",
            get_region(),
            resource_arn=f"arn:aws:s3:::{bucket}",
            service_context={"s3:prefix": key},
        )
        return s3._error("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}") if denied else answer

    s3.handle_request = handle_hiding
