"""Waiting for AWS to settle: what was just written is not known to every server at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from botocore.exceptions import ClientError

from glue_setup.errors import SetupError

T = TypeVar("T")

SETTLE_SECONDS = 60.0
"""How long AWS is given to settle."""
PAUSE_SECONDS = 3.0


@dataclass(frozen=True)
class Settling:
    """Repeats a call while AWS answers it with one of `codes` and a message that holds one of `told`, if any are."""

    codes: tuple[str, ...]
    told: tuple[str, ...] = ("",)
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic

    def wait(self, call: Callable[[], T], told: str) -> T:
        """Make the call until it is taken; return its answer.

        Raises SetupError, which begins with `told`, after `SETTLE_SECONDS`.
        """
        deadline = self.monotonic() + SETTLE_SECONDS
        while True:
            try:
                return call()
            except ClientError as error:
                answer = error.response.get("Error", {})
                message = answer.get("Message", "")
                if answer.get("Code") not in self.codes or not any(each in message for each in self.told):
                    raise
                if self.monotonic() >= deadline:
                    raise SetupError(
                        f"{told} within {SETTLE_SECONDS:g} s: {message}; run this again in a minute"
                    ) from None
                self.sleep(PAUSE_SECONDS)
