"""Executions as Athena keeps them: made, run on a few threads, ended, their results written and reused."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
from ministack.core import iam_evaluator

from local.athena.ddl import TextResult
from local.athena.engine import Interruptible, SelectResult
from local.athena.lake import QueryCancelled, QueryError
from local.athena.ministack import MiniStackLake, require_glue, write_result
from local.athena.partitions import split_location
from local.athena.statements import Statement, StatementContext
from local.athena.tables import FileCache

Execution = dict[str, Any]
"""What GetQueryExecution returns; keys that begin with an underscore are kept back."""

INTERRUPTS = 1200
AT_ONCE = 2
"""Queries that run at the same time; the others are QUEUED."""
ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
UNFINISHED = ("QUEUED", "RUNNING")

_pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="athena")
_cache = FileCache(Path(tempfile.gettempdir()) / f"athena-objects-{uuid4().hex}")
_running: dict[str, Interruptible] = {}


def new_execution(request: dict[str, Any], workgroup: str, location: str, work: Statement | QueryError) -> Execution:
    """Return a QUEUED execution of a StartQueryExecution request; `work` is an error if it must fail."""
    execution_id = str(uuid4())
    kind, substatement = ("DML", "SELECT") if isinstance(work, QueryError) else (work.kind, work.substatement)
    ending = "csv" if kind == "DML" else "txt"
    context = request.get("QueryExecutionContext") or {}
    execution = {
        "QueryExecutionId": execution_id,
        "Query": request["QueryString"],
        "StatementType": kind,
        "SubstatementType": substatement,
        "ResultConfiguration": {"OutputLocation": f"{location.rstrip('/')}/{execution_id}.{ending}"},
        "ResultReuseConfiguration": request.get("ResultReuseConfiguration")
        or {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": {
            "Database": context.get("Database", "default"),
            "Catalog": context.get("Catalog", "AwsDataCatalog"),
        },
        "Status": {"State": "QUEUED", "SubmissionDateTime": time.time()},
        "Statistics": _statistics(0, 0.0),
        "WorkGroup": workgroup,
        "EngineVersion": ENGINE,
        "_request": request,
    }
    if request.get("ExecutionParameters"):
        execution["ExecutionParameters"] = request["ExecutionParameters"]
    return execution


def submit(execution: Execution, work: Statement | QueryError, cutoff: int | None) -> None:
    """Let the execution run as soon as a thread is free, with the caller's account, region and rights."""
    _pool.submit(contextvars.copy_context().run, _run, execution, work, cutoff)


def cancel(execution: Execution) -> None:
    """Stop an execution; one that has ended stays as it is."""
    if execution["Status"]["State"] in UNFINISHED:
        _end(execution, "CANCELLED", "Query was cancelled by user")
        threading.Thread(target=_interrupt, args=(execution["QueryExecutionId"],), daemon=True).start()


def _interrupt(execution_id: str) -> None:
    """Interrupt a query until it ends: DuckDB forgets an interrupt that comes before its query has begun."""
    for _ in range(INTERRUPTS):
        running = _running.get(execution_id)
        if running is None:
            return
        with contextlib.suppress(duckdb.Error):
            running.interrupt()
        time.sleep(0.05)


def reuse(execution: Execution, earlier: Execution) -> None:
    """End the execution with the results of an earlier one, scanning nothing."""
    for key in ("ResultConfiguration", "_columns", "_starts", "_file"):
        execution[key] = earlier[key]
    execution["Statistics"] = {**_statistics(0, 0.0), "ResultReuseInformation": {"ReusedPreviousResult": True}}
    _end(execution, "SUCCEEDED")


def reusable(execution: Execution, earlier: Execution) -> bool:
    """Tell whether the results of `earlier` answer the execution, young enough."""
    wish = execution["ResultReuseConfiguration"].get("ResultReuseByAgeConfiguration", {})
    same = ("Query", "ExecutionParameters", "QueryExecutionContext", "WorkGroup")
    return (
        wish.get("Enabled") is True
        and earlier["Status"]["State"] == "SUCCEEDED"
        and earlier["StatementType"] == "DML"
        and all(execution.get(key) == earlier.get(key) for key in same)
        and time.time() - earlier["Status"]["CompletionDateTime"] <= 60 * wish.get("MaxAgeInMinutes", 60)
    )


def _run(execution: Execution, work: Statement | QueryError, cutoff: int | None) -> None:
    begun = time.monotonic()
    # On AWS, Athena calls the other services over TLS.
    iam_evaluator.pin_request_origin("127.0.0.1", True)
    if execution["Status"]["State"] == "QUEUED":
        execution["Status"]["State"] = "RUNNING"
    scanned = 0
    try:
        if isinstance(work, QueryError):
            raise work
        database = execution["QueryExecutionContext"]["Database"].lower()
        require_glue("GetDatabase", database)
        context = StatementContext(MiniStackLake(), _cache, database, cutoff, lambda each: _started(execution, each))
        result = work.run(context)
        scanned = result.scanned_bytes if isinstance(result, SelectResult) else 0
        _keep(execution, result)
        state, reason = "SUCCEEDED", None
    except QueryCancelled as problem:
        state, reason = "CANCELLED", str(problem)
    except QueryError as problem:
        state, reason = "FAILED", str(problem)
    except Exception as problem:
        logging.getLogger("athena").exception("the embedded Athena itself failed")
        state, reason = "FAILED", f"GENERIC_INTERNAL_ERROR: {type(problem).__name__}"
    finally:
        _running.pop(execution["QueryExecutionId"], None)
    execution["Statistics"] = _statistics(scanned, time.monotonic() - begun)
    if execution["Status"]["State"] in UNFINISHED:
        _end(execution, state, reason)


def _started(execution: Execution, connection: Interruptible) -> None:
    _running[execution["QueryExecutionId"]] = connection
    if execution["Status"]["State"] == "CANCELLED":
        raise QueryCancelled("Query was cancelled by user")


def _keep(execution: Execution, result: SelectResult | TextResult) -> None:
    """Write the result file and its metadata, and remember where its rows begin."""
    bucket, key = split_location(execution["ResultConfiguration"]["OutputLocation"])
    key = key.rstrip("/")
    if isinstance(result, SelectResult):
        content, metadata, kind = bytes(result.file.content), result.file.metadata(), "text/csv"
        execution["_columns"] = [column.info() for column in result.file.columns]
        execution["_starts"] = result.file.starts
    else:
        content, metadata, kind = "".join(line + "\n" for line in result.lines).encode(), b"[]", "text/plain"
        execution["_columns"] = [column.info() for column in result.columns()] if result.lines else []
        execution["_lines"] = result.lines
    execution["_file"] = (bucket, key)
    write_result(bucket, key, content, kind)
    write_result(bucket, f"{key}.metadata", metadata, "application/octet-stream")


def _end(execution: Execution, state: str, reason: str | None = None) -> None:
    status = execution["Status"]
    if reason:
        status["StateChangeReason"] = reason
        if state == "FAILED":
            status["AthenaError"] = {"ErrorCategory": 2, "ErrorType": 1006, "Retryable": False, "ErrorMessage": reason}
    status["CompletionDateTime"] = time.time()
    status["State"] = state


def _statistics(scanned: int, seconds: float) -> dict[str, Any]:
    milliseconds = int(seconds * 1000)
    return {
        "EngineExecutionTimeInMillis": milliseconds,
        "DataScannedInBytes": scanned,
        "TotalExecutionTimeInMillis": milliseconds,
        "QueryQueueTimeInMillis": 0,
        "ServiceProcessingTimeInMillis": 0,
        "ResultReuseInformation": {"ReusedPreviousResult": False},
    }
