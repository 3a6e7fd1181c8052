"""A function's output reaches CloudWatch Logs only if its role may write there.

Gap: MiniStack writes every function's log itself, whatever the role allows, so that a policy without the right to log,
or for a log group of another name, goes unnoticed; on AWS such a function runs and leaves no line. Drop this file when
a function without rights to its log group logs nothing.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
"""

from __future__ import annotations

from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch_logs, lambda_svc

TOUCHES = {
    "ministack.services.lambda_svc._emit_lambda_logs": "111efbf06968",
    "ministack.core.iam_evaluator._gather_role_policies": "d83d1661b865",
    "ministack.core.iam_evaluator.evaluate": "2a5dd6932d1a",
    "ministack.core.iam_evaluator.EvalContext": "f5769904b3fa",
}


def apply() -> None:
    """Ask the function's role before its output is written."""
    emit = lambda_svc._emit_lambda_logs

    def emit_if_allowed(func: dict[str, Any], *facts: Any, **more: Any) -> None:
        if not app.AUTH or may_log(func.get("config") or func):
            emit(func, *facts, **more)

    lambda_svc._emit_lambda_logs = emit_if_allowed


def may_log(config: dict[str, Any]) -> bool:
    """Tell whether a function's role allows what Lambda does to log: make the group if it is missing, then write."""
    group = f"/aws/lambda/{config['FunctionName']}"
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    if group not in cloudwatch_logs._log_groups:
        actions.append("logs:CreateLogGroup")
    account, role = get_account_id(), config.get("Role", "").rsplit("/", 1)[-1]
    policies = iam_evaluator._gather_role_policies(role, account)
    for action in actions:
        context = iam_evaluator.EvalContext(
            principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/{config['FunctionName']}",
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=f"arn:aws:logs:{get_region()}:{account}:log-group:{group}:log-stream:any",
            region=get_region(),
        )
        if iam_evaluator.evaluate(context, policies).decision != "Allow":
            return False
    return True
