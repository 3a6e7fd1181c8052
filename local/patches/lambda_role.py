"""What Lambda does on a function's behalf it does with the rights of the function's role.

Gap: MiniStack writes every function's log, and puts events that failed to the end into their queue, whatever the role
allows, so that a policy without the right, or for a log group of another name, goes unnoticed; on AWS such a function
runs and leaves no line, and its failed events are gone. Drop this file when a function without rights to its log group
logs nothing, and one without rights to its queue sends nothing.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, lambda_svc

TOUCHES = {
    "ministack.services.lambda_svc._emit_lambda_logs": "111efbf06968",
    "ministack.services.lambda_svc._route_async_failure": "c023331e333f",
    "ministack.core.iam_evaluator._gather_role_policies": "d83d1661b865",
    "ministack.core.iam_evaluator.evaluate": "2a5dd6932d1a",
    "ministack.core.iam_evaluator.EvalContext": "f5769904b3fa",
}


def apply() -> None:
    """Ask the function's role before its output is written, and before its failed event is sent."""
    emit, route = lambda_svc._emit_lambda_logs, lambda_svc._route_async_failure

    def emit_if_allowed(func: dict[str, Any], *facts: Any, **more: Any) -> None:
        if not app.AUTH or may_log(func.get("config") or func):
            emit(func, *facts, **more)

    def route_if_allowed(target_arn: str, func_name: str, *facts: Any) -> None:
        config = lambda_svc._functions.get(func_name, {}).get("config", {})
        if not app.AUTH or ":sqs:" not in target_arn or may(config, "sqs:SendMessage", target_arn):
            route(target_arn, func_name, *facts)

    lambda_svc._emit_lambda_logs = emit_if_allowed
    lambda_svc._route_async_failure = route_if_allowed


def may_log(config: dict[str, Any]) -> bool:
    """Tell whether a function's role allows what Lambda does to log: make the group if it is missing, then write."""
    group = f"/aws/lambda/{config['FunctionName']}"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    if group not in cloudwatch_logs._log_groups:
        actions.append("logs:CreateLogGroup")
    stream = f"arn:aws:logs:{get_region()}:{get_account_id()}:log-group:{group}:log-stream:any"
    return all(may(config, action, stream) for action in actions)


def may(config: dict[str, Any], action: str, resource: str) -> bool:
    """Tell whether the role of the function with this configuration allows an action on a resource."""
    account, role = get_account_id(), config.get("Role", "").rsplit("/", 1)[-1]
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/{config.get('FunctionName')}",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
    )
    policies = iam_evaluator._gather_role_policies(role, account)
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")
