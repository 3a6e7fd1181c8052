"""Athena acts with its caller's rights, and an execution belongs to its workgroup.

Gap: MiniStack checks GetQueryExecution, GetQueryResults and StopQueryExecution against the resource `*`, so a policy
for one workgroup is refused; and it reads tables and writes results without asking whether the caller may. Drop this
file when a policy for one workgroup suffices, and a query over a bucket that its caller may not read fails.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonathena.html
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.core.responses import get_account_id, get_region
from ministack.services import athena

from local.athena.ministack import access_key

TOUCHES = {
    "ministack.core.iam_actions.extract_resource_arn": "82f51700695c",
    "ministack.core.router.extract_access_key_id": "4f0df6b2b1cd",
    "ministack.core.iam_evaluator.enforce": "cf64b1ee5b09",
    "ministack.core.iam_evaluator.caller_arn": "8dc478d34f46",
    "ministack.services.athena.handle_request": "2f5558612eba",
}


def apply() -> None:
    """Name the workgroup of an execution to IAM, and note who calls Athena."""
    resource_arn = iam_actions.extract_resource_arn
    handle: Callable[..., Awaitable[Any]] = athena.handle_request

    def with_workgroup(service: str, method: str, path: str, headers: Any, body: Any, *rest: Any) -> Any:
        if service == "athena" and (workgroup := _workgroup_of(body)):
            return f"arn:aws:athena:{get_region()}:{get_account_id()}:workgroup/{workgroup}"
        return resource_arn(service, method, path, headers, body, *rest)

    async def as_caller(method: str, path: str, headers: Any, body: Any, query_params: Any) -> Any:
        mark = access_key.set(router.extract_access_key_id(headers, query_params) if app.AUTH else None)
        try:
            return await handle(method, path, headers, body, query_params)
        finally:
            access_key.reset(mark)

    iam_actions.extract_resource_arn = with_workgroup
    athena.handle_request = as_caller


def _workgroup_of(body: bytes | str | None) -> str | None:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return None
    if not isinstance(data, dict) or "QueryExecutionId" not in data:
        return None
    execution = athena._executions.get(data["QueryExecutionId"])
    return None if execution is None else str(execution["WorkGroup"])
