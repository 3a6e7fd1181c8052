"""Waiting for IAM: what was just written there is not known to every server of AWS at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import ClientError

from glue_setup.errors import SetupError

SETTLE_SECONDS = 60.0
"""How long IAM is given to settle."""
PAUSE_SECONDS = 3.0


@dataclass(frozen=True)
class Settling:
    """Repeats a call while AWS answers it with `code` and a message that holds one of `told`."""

    code: str
    told: tuple[str, ...]
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def wait(self, call: Callable[[], object], told: str) -> None:
        """Make the call until it is taken. Raises SetupError, which begins with `told`, after `SETTLE_SECONDS`."""
        deadline = self.monotonic() + SETTLE_SECONDS
        while True:
            try:
                call()
            except ClientError as error:
                answer = error.response.get("Error", {})
                message = answer.get("Message", "")
                if answer.get("Code") != self.code or not any(each in message for each in self.told):
                    raise
                if self.monotonic() >= deadline:
                    raise SetupError(
                        f"{told} within {SETTLE_SECONDS:g} s: {message}; run this again in a minute"
                    ) from None
                self.sleep(PAUSE_SECONDS)
            else:
                return
