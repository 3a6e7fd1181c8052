"""A Distributed Map batches its items, writes its results to S3, ends early, and is redriven.

Gap: MiniStack runs every item by itself whatever ItemBatcher says, writes nothing for a ResultWriter, goes on when the
execution was stopped or more have failed than are tolerated, and knows no RedriveExecution. A redrive is played for
executions that failed in their first state, a Distributed Map: it runs the children that failed or never ran. Drop this
file when MiniStack's map does all four.
https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from __future__ import annotations

import contextvars
import copy
import json
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import error_response_json, json_response, new_uuid, now_iso
from ministack.services import s3
from ministack.services import stepfunctions as states

TOUCHES = {
    "ministack.services.stepfunctions._run_distributed_map": "2b77d3ec0e04",
    "ministack.services.stepfunctions._read_map_items": "b846851544b8",
    "ministack.services.stepfunctions._run_sub_machine": "f8d844168b14",
    "ministack.services.stepfunctions._run_execution": "996dff84e0e0",
    "ministack.services.stepfunctions._map_run_view": "b1ea8fa2df55",
    "ministack.services.stepfunctions.handle_request": "efa6e8c4532a",
}

Json = dict[str, Any]
COUNTS = ("pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten")
STOPPED = "States.ExceedToleratedFailureThreshold"


@dataclass
class Child:
    """One child execution: what it is given, how many items that holds, and its record once it has begun."""

    input: Any
    items: int
    context: Json
    record: Json | None = None

    @property
    def status(self) -> str:
        return "PENDING" if self.record is None else str(self.record["status"])


@dataclass
class MapRun:
    """A run of the map of one execution; `record` is what DescribeMapRun answers."""

    record: Json
    children: list[Child]
    tolerated: Callable[[int, int], bool]
    lock: threading.Lock = field(default_factory=threading.Lock)

    def items(self, *statuses: str) -> int:
        return sum(child.items for child in self.children if child.status in statuses)

    @property
    def is_beyond(self) -> bool:
        """Whether more items have failed than are tolerated."""
        return not self.tolerated(self.items("FAILED"), self.items("PENDING", "RUNNING", "SUCCEEDED", "FAILED"))

    def count(self) -> None:
        """Bring the counts up to date."""
        for name, size in (("itemCounts", lambda child: child.items), ("executionCounts", lambda child: 1)):
            counts = dict.fromkeys(COUNTS, 0)
            for child in self.children:
                counts[child.status.lower()] += size(child)
                counts["total"] += size(child)
            self.record[name] = counts


def apply() -> None:
    """Replace the map, and know RedriveExecution."""
    handle: Callable[..., Awaitable[Any]] = states.handle_request

    async def with_redrive(method: str, path: str, headers: Any, body: Any, query_params: Any) -> Any:
        if str(headers.get("x-amz-target", "")).endswith(".RedriveExecution"):
            return states._finalize_response(redrive(json.loads(body or b"{}")))
        return await handle(method, path, headers, body, query_params)

    states.handle_request = with_redrive
    states._run_distributed_map = run_map


def run_map(definition: Json, raw_input: Any, effective: Any, iterator: Json, execution: Json, ctx: Json) -> Any:
    """Run the map of an execution, or what failed of its run before."""
    record = next((run for run in states._map_runs.values() if run["executionArn"] == execution["executionArn"]), None)
    run = begun(definition, effective, execution, ctx) if record is None else record["_run"]
    begin_again = [child for child in run.children if child.status != "SUCCEEDED"]
    for child in begin_again:
        begin_anew(run, child)
    run.record |= {"status": "RUNNING", "stopDate": None}
    run.count()
    most = int(definition.get("MaxConcurrency") or 0) or 64

    def run_child(child: Child) -> None:
        if execution["status"] == "RUNNING" and not run.is_beyond:
            run_one(run, child, iterator, execution)

    with ThreadPoolExecutor(most) as pool:
        futures = [pool.submit(contextvars.copy_context().run, run_child, child) for child in begin_again]
    for future in futures:
        future.result()  # raises what kept a child from being started
    return ended(run, definition, raw_input, effective, execution, ctx)


def begin_anew(run: MapRun, child: Child) -> None:
    """Have a child begin, or in a redrive begin again."""
    child.record = None


def begun(definition: Json, effective: Any, execution: Json, ctx: Json) -> MapRun:
    """Read the items, cut them into batches and return the run that has them before it."""
    if definition.get("ItemReader"):
        items = states._read_map_items(definition["ItemReader"], effective, ctx)
    else:
        items = states._resolve_path_or_ctx(definition.get("ItemsPath", "$"), effective, ctx)
    selector = definition.get("ItemSelector") or definition.get("Parameters")
    contexts = [copy.deepcopy(ctx) | {"Map": {"Item": {"Index": i, "Value": item}}} for i, item in enumerate(items)]
    if selector:
        items = [states._resolve_params_obj(selector, effective, context) for context in contexts]
    children = [
        Child(*batch, copy.deepcopy(ctx)) for batch in batches(items, definition.get("ItemBatcher"), effective, ctx)
    ]
    _, _, _, region, account, _, machine = execution["stateMachineArn"].split(":")
    name = f"{machine}/{definition.get('Label') or new_uuid()}"
    arn = f"arn:aws:states:{region}:{account}:mapRun:{name}:{new_uuid()}"
    record = {
        "mapRunArn": arn,
        "executionArn": execution["executionArn"],
        "startDate": now_iso(),
        "maxConcurrency": int(definition.get("MaxConcurrency") or 0),
        "toleratedFailurePercentage": float(definition.get("ToleratedFailurePercentage") or 0),
        "toleratedFailureCount": int(definition.get("ToleratedFailureCount") or 0),
        "redriveCount": 0,
        "_stateMachineArn": f"arn:aws:states:{region}:{account}:stateMachine:{name}",
    }
    run = MapRun(record, children, tolerance(definition))
    record["_run"] = run
    states._map_runs[arn] = record
    return run


def batches(items: list[Any], batcher: Json | None, effective: Any, ctx: Json) -> list[tuple[Any, int]]:
    """Return the input of each child and how many items it has: a batch is full by items or by bytes of JSON."""
    if not batcher:
        return [(item, 1) for item in items]
    shared = {}
    if "BatchInput" in batcher:
        shared["BatchInput"] = states._resolve_params_obj(batcher["BatchInput"], effective, ctx)
    most, most_bytes = int(batcher.get("MaxItemsPerBatch") or 0), int(batcher.get("MaxInputBytesPerBatch") or 262_144)
    base = len(json.dumps({**shared, "Items": []}).encode())
    made: list[list[Any]] = []
    size = 0
    for item in items:
        length = len(json.dumps(item).encode()) + 2
        if not made or (most and len(made[-1]) == most) or size + length > most_bytes:
            made.append([])
            size = base
        made[-1].append(item)
        size += length
    return [({**shared, "Items": batch}, len(batch)) for batch in made]


def tolerance(definition: Json) -> Callable[[int, int], bool]:
    """Return what tells whether so many failed items of so many are tolerated; without a threshold none is."""
    percent, most = definition.get("ToleratedFailurePercentage"), definition.get("ToleratedFailureCount")

    def tolerated(failed: int, total: int) -> bool:
        if percent is None and most is None:
            return failed == 0
        within = most is None or failed <= int(most)
        return within and (percent is None or failed * 100 <= float(percent) * total)

    return tolerated


def run_one(run: MapRun, child: Child, iterator: Json, execution: Json) -> None:
    """Run one child execution to its end."""
    machine, name = run.record["_stateMachineArn"], new_uuid()
    record = {
        "executionArn": f"{machine.replace(':stateMachine:', ':execution:')}:{name}",
        "stateMachineArn": machine,
        "name": name,
        "status": "RUNNING",
        "startDate": now_iso(),
        "stopDate": None,
        "input": json.dumps(child.input),
        "output": None,
        "mapRunArn": run.record["mapRunArn"],
        "events": [],
        "testCase": execution.get("testCase"),
        "mockAttempts": {},
    }
    with run.lock:
        child.record = record
        states._executions[record["executionArn"]] = record
        run.count()
    try:
        context = child.context | {"Execution": {"Id": record["executionArn"], "Name": name}}
        output = states._run_sub_machine(iterator["States"], iterator["StartAt"], child.input, record, context)
        end = {"status": "SUCCEEDED", "output": json.dumps(output)}
    except states._ExecutionError as error:
        end = {"status": "FAILED", "error": error.error, "cause": error.cause}
    except Exception as error:  # whatever it is, the child has failed
        end = {"status": "FAILED", "error": "States.Runtime", "cause": str(error)}
    with run.lock:
        record |= end | {"stopDate": now_iso()}
        run.count()


def ended(run: MapRun, definition: Json, raw_input: Any, effective: Any, execution: Json, ctx: Json) -> Any:
    """Write the results, and return the output of the map and the next state, or raise what it failed with."""
    is_stopped = execution["status"] != "RUNNING"
    status = "ABORTED" if is_stopped else "FAILED" if run.is_beyond else "SUCCEEDED"
    result: Any = [
        json.loads(child.record["output"]) for child in run.children if child.record and child.record["output"]
    ]
    if definition.get("ResultWriter"):
        result = written(run, definition["ResultWriter"], effective, ctx)
    run.record |= {"status": status, "stopDate": now_iso()}
    if status == "FAILED":
        raise states._ExecutionError(STOPPED, "The specified tolerated failure threshold was exceeded")
    result = states._apply_result_selector(definition, result)
    output = states._apply_output_path(definition, states._apply_result_path(definition, raw_input, result), ctx)
    return output, states._next_or_end(definition)


def written(run: MapRun, writer: Json, effective: Any, ctx: Json) -> Json:
    """Write what became of the children: a file for each status and a manifest; return the details of it."""
    location = states._resolve_params_obj(writer["Parameters"], effective, ctx)
    config = writer.get("WriterConfig") or {}
    folder = f"{location['Prefix'].rstrip('/')}/{run.record['mapRunArn'].rsplit(':', 1)[1]}"
    files: Json = {}
    for status in ("SUCCEEDED", "FAILED", "PENDING"):
        lines = [_result(child, config) for child in run.children if child.status == status]
        files[status] = []
        if lines:
            is_lines = config.get("OutputType") == "JSONL"
            body = "\n".join(map(json.dumps, lines)) if is_lines else json.dumps(lines)
            key = f"{folder}/{status}_0.{'jsonl' if is_lines else 'json'}"
            _put(location["Bucket"], key, body)
            files[status].append({"Key": key, "Size": len(body.encode())})
    manifest = {"DestinationBucket": location["Bucket"], "MapRunArn": run.record["mapRunArn"], "ResultFiles": files}
    _put(location["Bucket"], f"{folder}/manifest.json", json.dumps(manifest))
    details = {"Bucket": location["Bucket"], "Key": f"{folder}/manifest.json"}
    return {"MapRunArn": run.record["mapRunArn"], "ResultWriterDetails": details}


def _result(child: Child, config: Json) -> Any:
    """Return a child as the results have it: compact, the output alone; those without one always whole."""
    record = child.record or {"status": "PENDING", "input": json.dumps(child.input), "executionArn": ""}
    if config.get("Transformation", "NONE") != "NONE" and record["status"] == "SUCCEEDED":
        return json.loads(record["output"])
    names = ("executionArn", "name", "status", "input", "output", "error", "cause", "startDate", "stopDate")
    return {name[0].upper() + name[1:]: record[name] for name in names if record.get(name) is not None}


def _put(bucket: str, key: str, body: str) -> None:
    status, *_ = s3._put_object(bucket, key, body.encode(), {})
    if status != 200:
        raise states._ExecutionError("States.ResultWriterFailed", f"{key} could not be written: {status}")


def redrive(data: Json) -> Any:
    """Go on with an execution that failed in its first state."""
    execution = states._executions.get(data.get("executionArn"))
    if execution is None:
        return error_response_json("ExecutionDoesNotExist", f"Execution {data.get('executionArn')} not found", 400)
    if execution["status"] in ("RUNNING", "SUCCEEDED"):
        return error_response_json("ExecutionNotRedrivable", f"Execution is {execution['status']}", 400)
    now = now_iso()
    execution |= {"status": "RUNNING", "stopDate": None, "output": None, "error": None, "cause": None}
    execution |= {"redriveCount": execution.get("redriveCount", 0) + 1, "redriveDate": now}
    states._add_event(execution, "ExecutionRedriven", {})
    for run in states._map_runs.values():
        if run["executionArn"] == execution["executionArn"]:
            run["redriveCount"] += 1
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(states._run_execution, execution["executionArn"]), daemon=True).start()
    return json_response({"redriveDate": now})
