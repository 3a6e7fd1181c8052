"""Athena's queries run on local.athena.engine: its SQL, parameters, views, workgroups and errors.

Gap: MiniStack hands the text to DuckDB as it is, so that Trino's functions, execution parameters, views, the
workgroup's settings and client request tokens are wrong or missing. Drop this file, athena_results.py and
local/athena when its Athena does all that; tests/local/test_athena_*.py tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import athena

from local.athena.ddl import TextResult
from local.athena.executions import cancel, new_execution, reusable, reuse, submit
from local.athena.lake import MalformedQuery, QueryError
from local.athena.ministack import require_glue
from local.athena.statements import Statement, StatementContext, statement

TOUCHES = {
    "ministack.services.athena.handle_request": "2f5558612eba",
    "ministack.services.athena._start_query_execution": "405753f7beaf",
    "ministack.services.athena._get_query_execution": "85fd963c0103",
    "ministack.services.athena._stop_query_execution": "14461b69c107",
    "ministack.services.athena._parse_ddl": "28404b7ed0da",
    "ministack.services.athena._run_ddl": "ce7eebe470ed",
    "ministack.services.athena._execution_out": "2236e9cdc564",
    "ministack.services.glue._create_table": "6cd8e49bce8e",
    "ministack.services.glue._update_table": "34e01bfff387",
    "ministack.services.glue._delete_table": "085a4a88ed8b",
    "ministack.services.glue._create_database": "81fab686b0fd",
    "ministack.services.s3._get_object_data": "8735d1f5e331",
    "ministack.services.s3._put_object": "cf5861e4d999",
    "ministack.core.iam_evaluator.pin_request_origin": "de819c1bd9ac",
}

Answer = tuple[int, Any, bytes]


def apply() -> None:
    """Replace the calls that start, follow and stop queries."""
    athena._start_query_execution = start
    athena._get_query_execution = get
    athena._stop_query_execution = stop


def refused(message: str, code: str | None = None) -> Answer:
    """Return Athena's InvalidRequestException."""
    extra = {"AthenaErrorCode": code} if code else None
    answer: Answer = error_response_json("InvalidRequestException", message, 400, extra=extra)
    return answer


def reply(body: dict[str, Any]) -> Answer:
    """Return the answer to a call that succeeded."""
    answer: Answer = json_response(body)
    return answer


def of_execution(call: Callable[[dict[str, Any], dict[str, Any]], Answer]) -> Callable[[dict[str, Any]], Answer]:
    """Return a call that is given the execution that its request names, and refuses an unknown one."""

    def handle(data: dict[str, Any]) -> Answer:
        execution = athena._executions.get(data.get("QueryExecutionId"))
        if execution is None:
            return refused(f"QueryExecution {data.get('QueryExecutionId')} was not found")
        return call(execution, data)

    return handle


def start(data: dict[str, Any]) -> Answer:
    """StartQueryExecution."""
    workgroup = data.get("WorkGroup", "primary")
    group = athena._workgroups.get(workgroup)
    if group is None or group.get("State") == "DISABLED":
        return refused(f"WorkGroup {workgroup} is {'not found' if group is None else 'disabled'}.")
    configuration = group.get("Configuration", {})
    location = _output_location(data, configuration)
    if not location:
        return refused(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    if (again := _answer_to_token(data)) is not None:
        return again
    try:
        work: Statement | QueryError = _table_statement(data["QueryString"]) or statement(
            data["QueryString"], data.get("ExecutionParameters") or []
        )
    except MalformedQuery as problem:
        return refused(str(problem), "MALFORMED_QUERY")
    except QueryError as problem:
        work = problem
    execution = new_execution(data, workgroup, location, work)
    earlier = [each for each in list(athena._executions.values()) if reusable(execution, each)]
    athena._executions[execution["QueryExecutionId"]] = execution
    if earlier:
        reuse(execution, earlier[-1])
    else:
        submit(execution, work, configuration.get("BytesScannedCutoffPerQuery"))
    return reply({"QueryExecutionId": execution["QueryExecutionId"]})


@of_execution
def get(execution: dict[str, Any], data: dict[str, Any]) -> Answer:
    """GetQueryExecution."""
    return reply({"QueryExecution": athena._execution_out(execution)})


@of_execution
def stop(execution: dict[str, Any], data: dict[str, Any]) -> Answer:
    """StopQueryExecution."""
    cancel(execution)
    return reply({})


def _table_statement(sql: str) -> Statement | None:
    """Return a CREATE EXTERNAL TABLE, which MiniStack itself can do, or None."""
    ddl = athena._parse_ddl(sql)
    if not isinstance(ddl, athena._CreateTable):
        return None

    def create(at: StatementContext) -> TextResult:
        require_glue("CreateTable", ddl.database or at.database, ddl.table)
        try:
            athena._run_ddl(ddl, at.database)
        except ValueError as problem:
            raise QueryError("HIVE_METASTORE_ERROR", str(problem)) from None
        return TextResult("result", [])

    return Statement("DDL", "CREATE_TABLE", create)


def _output_location(data: dict[str, Any], configuration: dict[str, Any]) -> str | None:
    """Return where results go: the workgroup decides, unless it does not enforce and the caller says otherwise."""
    of_group: str | None = configuration.get("ResultConfiguration", {}).get("OutputLocation")
    of_caller: str | None = data.get("ResultConfiguration", {}).get("OutputLocation")
    if configuration.get("EnforceWorkGroupConfiguration", False):
        return of_group
    return of_caller or of_group


def _answer_to_token(data: dict[str, Any]) -> Answer | None:
    """Return the answer to a ClientRequestToken that was used before, or None."""
    token = data.get("ClientRequestToken")
    for execution in list(athena._executions.values()):
        request = execution["_request"]
        if token and request.get("ClientRequestToken") == token:
            if request != data:
                return refused("Idempotent parameters do not match")
            return reply({"QueryExecutionId": execution["QueryExecutionId"]})
    return None
