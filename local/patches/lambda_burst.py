"""A burst of events runs on a few Lambda workers, the rest wait their turn.

Gap: MiniStack starts a worker process for every event that finds none free, so 40 objects dropped at once start 40
Python processes. On AWS an asynchronous invocation waits in a queue; here it waits for a free slot. Calls that
somebody waits for (Invoke, API Gateway) take no slot, so a function that calls another one cannot lock itself out.

Gap: an event that meets the function's reserved concurrency uses up one of its tries, so that a burst ends in the
dead-letter queue. On AWS a throttled event waits for up to six hours and no try is counted; here it waits as long as
its slot does. A function with no concurrency at all (0) gets none and fails at once.

Drop this file when MiniStack bounds its own workers and lets throttled events wait.
"""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import Any

from ministack.services import lambda_svc

TOUCHES = {
    "ministack.services.lambda_svc.invoke_async_with_retry": "289fe4d3cbd4",
    "ministack.services.lambda_svc._execute_function": "3ceb16d6480a",
    "ministack.services.lambda_svc._throttle_response": "647221d5b077",
    "ministack.services.lambda_svc._reserved_concurrency": "ebec4b4bba77",
}

WORKERS = 3
"""Events that are worked on at the same time."""
PAUSE_SECONDS = 0.05

_from_queue: ContextVar[bool] = ContextVar("from_queue", default=False)


def apply() -> None:
    """Let every attempt at an asynchronous event wait for one of `WORKERS` slots."""
    slots = threading.BoundedSemaphore(WORKERS)
    execute = lambda_svc._execute_function
    invoke_async = lambda_svc.invoke_async_with_retry

    def execute_in_turn(func: dict[str, Any], event: Any) -> Any:
        if not _from_queue.get():
            return execute(func, event)
        mark = _from_queue.set(False)  # MiniStack may call itself again on the way
        try:
            while True:
                with slots:
                    result = execute(func, event)
                disabled = lambda_svc._reserved_concurrency(func, func.get("config") or func) == 0
                if disabled or not result.get("throttle"):
                    return result
                time.sleep(PAUSE_SECONDS)
        finally:
            _from_queue.reset(mark)

    def invoke_async_marked(func: dict[str, Any], event: Any) -> Any:
        mark = _from_queue.set(True)  # its thread inherits the mark with a copy of the context
        try:
            return invoke_async(func, event)
        finally:
            _from_queue.reset(mark)

    lambda_svc._execute_function = execute_in_turn
    lambda_svc.invoke_async_with_retry = invoke_async_marked
