"""A state machine that waits until a time waits until then, whatever waiting for seconds is cut down to.

Gap: MiniStack shortens the wait for a time by SFN_WAIT_SCALE too, so that what is to happen at a time happens before.
Drop this file when the scale leaves a Wait with a Timestamp alone.
https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html
"""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime

from ministack.services import stepfunctions as states

TOUCHES = {
    "ministack.services.stepfunctions._sleep_until": "2738e0a4030c",
}


def apply() -> None:
    """Sleep until the time itself."""
    states._sleep_until = sleep_until


def sleep_until(timestamp: str) -> None:
    """Sleep until a time in ISO 8601; one that is over, or none at all, is not waited for."""
    with contextlib.suppress(ValueError, TypeError):
        time.sleep(max(0.0, (datetime.fromisoformat(timestamp) - datetime.now(UTC)).total_seconds()))
