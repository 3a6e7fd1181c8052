"""A new or changed Lambda function is ready at once.

Gap: MiniStack leaves a function `Pending` for half a second, and boto3's waiters, which `chalice deploy` uses, look
again only after five: five seconds a function, at every deploy. Drop this file when that state ends sooner.
"""

from __future__ import annotations

import time

from ministack.services import lambda_svc

TOUCHES = {
    "ministack.services.lambda_svc._schedule_state_transition": "f072b21e2fd9",
    "ministack.services.lambda_svc._update_code": "0998d118b422",
    "ministack.services.lambda_svc._update_config": "6999cb0695da",
    "ministack.services.lambda_svc._create_function": "e307eecdf0d8",
}

LONGEST_WAIT_SECONDS = 2.0


def apply() -> None:
    """Have the transition happen before the call that caused it is answered."""
    schedule = lambda_svc._schedule_state_transition

    def transition_now(func_name: str, delay: float) -> None:
        schedule(func_name, 0)  # in a thread, which may come too late for a waiter's first look
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        config = lambda_svc._functions[func_name]["config"]
        while config["LastUpdateStatus"] == "InProgress" and time.monotonic() < deadline:
            time.sleep(0.001)

    lambda_svc._schedule_state_transition = transition_now
