"""What a person sees while something runs: one line a step, its time, and on failure the reason and the remedy."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from io import TextIOWrapper
from typing import TextIO

from rich.console import Console
from rich.text import Text

from local.errors import LocalError


class Progress:
    """Writes steps to a stream: with a spinner and colours on a terminal, plain lines elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a log in ASCII takes the ticks as question marks
        self.console = Console(file=stream or sys.stdout, highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show `what` while the block runs, then how long it took. A failure leaves the line with a cross."""
        began = time.monotonic()
        spinner = self.console.status(Text(what)) if self.console.is_terminal else contextlib.nullcontext()
        try:
            with spinner:
                yield
        except BaseException:
            self.console.print(Text.assemble(("✗", "red"), f" {what}"))
            raise
        self.console.print(Text.assemble(("✓", "green"), f" {what} ", (f"{time.monotonic() - began:.1f} s", "dim")))

    def say(self, text: str = "") -> None:
        """Write a line of plain text."""
        self.console.print(Text(text))

    def failed(self, problem: LocalError) -> None:
        """Write what went wrong, the last lines of the tool that failed, and what to do."""
        if problem.tail:
            self.console.print(Text(problem.tail, "dim"))
        self.console.print(Text(problem.problem, "red"))
        self.console.print(Text(problem.remedy))
