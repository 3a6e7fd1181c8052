"""A state machine acts with the rights of its role, and Lambda's throttling has the name that retries know.

Gap: MiniStack runs every task, reads every listing and writes every result whatever the role of the state machine
allows, and a rule of EventBridge's starts one whatever its role allows, so that a policy without the right goes
unnoticed. It calls a throttled invocation Lambda.Unknown, which no Retry for Lambda.TooManyRequestsException matches.
Drop this file when a machine without rights fails, and a throttled one is retried.
https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
"""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import eventbridge, lambda_svc
from ministack.services import stepfunctions as states

from local.patches import states_maps

TOUCHES = {
    "ministack.services.stepfunctions._run_execution": "996dff84e0e0",
    "ministack.services.stepfunctions._invoke_resource": "a85d2be9a858",
    "ministack.services.stepfunctions._read_map_items": "b846851544b8",
    "ministack.services.eventbridge._invoke_target": "550e304af080",
    "ministack.services.lambda_svc._execute_function_with_config_scope": "26a9d5f64e17",
    "ministack.core.iam_evaluator._gather_role_policies": "d83d1661b865",
    "ministack.core.iam_evaluator.evaluate": "2a5dd6932d1a",
    "ministack.core.iam_evaluator.EvalContext": "f5769904b3fa",
}

logger = logging.getLogger("states.roles")

role: ContextVar[str] = ContextVar("role", default="")
"""The role of the state machine whose execution this is; threads inherit it."""


def apply() -> None:
    """Ask the role before each task, each listing, each child execution and each result."""
    _run_as_role()
    _ask_before_tasks()
    _ask_before_children()
    _ask_before_rules()


def _run_as_role() -> None:
    run, execute = states._run_execution, lambda_svc._execute_function_with_config_scope

    def run_as_role(arn: str) -> None:
        machine = states._state_machines.get(states._executions[arn]["stateMachineArn"]) or {}
        mark = role.set(str(machine.get("roleArn", "")).rsplit("/", 1)[-1])
        try:
            run(arn)
        finally:
            role.reset(mark)

    def execute_or_throttle(record: Any, event: Any) -> Any:
        result = execute(record, event)
        if role.get() and result.get("throttle"):
            raise states._ExecutionError("Lambda.TooManyRequestsException", str(result["body"]["message"]))
        return result

    states._run_execution = run_as_role
    lambda_svc._execute_function_with_config_scope = execute_or_throttle


def _ask_before_tasks() -> None:
    invoke, read = states._invoke_resource, states._read_map_items

    def invoke_if_allowed(resource: str, data: Any) -> Any:
        for action, target in needs(resource, data):
            demand(action, target)
        return invoke(resource, data)

    def read_if_allowed(reader: Any, effective: Any, ctx: Any) -> Any:
        parameters = states._resolve_params_obj(reader.get("Parameters") or {}, effective, ctx)
        bucket = f"arn:aws:s3:::{parameters['Bucket']}"
        if "Key" in parameters:
            demand("s3:GetObject", f"{bucket}/{parameters['Key']}")
        else:
            demand("s3:ListBucket", bucket, {"s3:prefix": parameters.get("Prefix", "")})
        return read(reader, effective, ctx)

    states._invoke_resource, states._read_map_items = invoke_if_allowed, read_if_allowed


def _ask_before_children() -> None:
    run_one, begin_anew, put = states_maps.run_one, states_maps.begin_anew, states_maps._put

    def run_one_if_allowed(run: states_maps.MapRun, child: states_maps.Child, iterator: Any, execution: Any) -> None:
        machine = run.record["_stateMachineArn"].rpartition("/")[0]
        demand("states:StartExecution", machine)
        for action in ("DescribeExecution", "StopExecution"):
            demand(f"states:{action}", f"{machine.replace(':stateMachine:', ':execution:')}:any")
        run_one(run, child, iterator, execution)

    def begin_anew_if_allowed(run: states_maps.MapRun, child: states_maps.Child) -> None:
        if child.record is not None:
            demand("states:RedriveExecution", child.record["executionArn"])
        begin_anew(run, child)

    def put_if_allowed(bucket: str, key: str, body: str) -> None:
        demand("s3:PutObject", f"arn:aws:s3:::{bucket}/{key}")
        put(bucket, key, body)

    states_maps.run_one, states_maps._put = run_one_if_allowed, put_if_allowed
    states_maps.begin_anew = begin_anew_if_allowed


def _ask_before_rules() -> None:
    invoke_target = eventbridge._invoke_target

    def invoke_if_allowed(target: Any, *rest: Any, **more: Any) -> None:
        arn, name = target.get("Arn", ""), target.get("RoleArn", "").rsplit("/", 1)[-1]
        if ":states:" in arn and app.AUTH and not may(name, "states:StartExecution", arn):
            logger.warning("EventBridge started nothing: the role %s may not start %s", name, arn)
            return
        invoke_target(target, *rest, **more)

    eventbridge._invoke_target = invoke_if_allowed


def needs(resource: str, data: Any) -> list[tuple[str, str]]:
    """Return the actions that a task takes, each with its resource."""
    here = f"{get_region()}:{get_account_id()}"
    if "states:::lambda:invoke" in resource:
        return [("lambda:InvokeFunction", str(data.get("FunctionName")))]
    if "aws-sdk:glue:" in resource:
        call = resource.split(":")[-1]
        return [(f"glue:{call[0].upper()}{call[1:]}", f"arn:aws:glue:{here}:crawler/{data.get('Name')}")]
    if "states:::states:startExecution" in resource:
        return [("states:StartExecution", str(data.get("StateMachineArn")))]
    if "states:::sns:publish" in resource:
        return [("sns:Publish", str(data.get("TopicArn")))]
    return []


def demand(action: str, resource: str, keys: dict[str, Any] | None = None) -> None:
    """Raise the error of Step Functions unless the role of the running machine allows an action."""
    name = role.get()
    if app.AUTH and name and not may(name, action, resource, keys):
        raise states._ExecutionError("States.Permissions", f"The role {name} is not allowed {action} on {resource}")


def may(name: str, action: str, resource: str, keys: dict[str, Any] | None = None) -> bool:
    """Tell whether a role allows an action on a resource; `keys` are what conditions ask for."""
    account = get_account_id()
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{name}/states",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context=keys or {},
    )
    policies = iam_evaluator._gather_role_policies(name, account)
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")
