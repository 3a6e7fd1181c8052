"""A deployment as steps: each a plain command that can be run alone, printed before it runs, with a remedy."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glue_setup.errors import SetupError

CHALICE = ("-B", "-c", "import sys; from chalice.cli import main; sys.exit(main())")
"""Chalice packs what lies in chalicelib, bytecode too, which tells where it was made: so none is written, with `-B`."""


def forget_packages(project: Path) -> None:
    """Remove Chalice's packages, and what must not get into the next one."""
    for made in (project / ".chalice" / "deployments", *(project / "chalicelib").rglob("__pycache__")):
        shutil.rmtree(made, ignore_errors=True)


@dataclass(frozen=True)
class Step:
    """One command. `module` is run by this Python; `remedy` says what to look at when it fails."""

    title: str
    module: str
    arguments: tuple[str, ...]
    remedy: str
    before: Callable[[], None] | None = field(default=None, compare=False)
    after: Callable[[bool], None] | None = field(default=None, compare=False)
    """Called when the command has ended, with whether it succeeded."""
    passing: tuple[str, ...] = ()
    """What is in the output of a failure that passes by itself: the command is run again then."""

    @property
    def shown(self) -> str:
        """The command as a person types it."""
        start = [self.module] if self.module == "chalice" else ["python", "-m", self.module]
        return shlex.join([*start, *self.arguments])

    @property
    def command(self) -> list[str]:
        """The command as it is run."""
        start = CHALICE if self.module == "chalice" else ("-m", self.module)
        return [sys.executable, *start, *self.arguments]


@dataclass(frozen=True)
class Patience:
    """How often a command that fails for a passing reason is run again, and after how many seconds."""

    runs: int = 6
    pause: float = 10.0
    sleep: Callable[[float], None] = time.sleep


def run(steps: Sequence[Step], project: Path, again: str, patience: Patience = Patience()) -> None:
    """Run the steps in turn, their output as it comes.

    Raises SetupError at the first that fails: with its remedy, and with `again`, the command that goes on from there.
    """
    for number, step in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {step.title}: {step.shown}", flush=True)
        if step.before:
            step.before()
        status = _run(step, project, patience)
        if status:
            raise SetupError(
                f"step {number} of {len(steps)} failed: {step.shown} (exit status {status}).\n{step.remedy}\n"
                f"Then run it again, it goes on where it stopped: {again}"
            )


def _run(step: Step, project: Path, patience: Patience) -> int:
    """Run one step, again while it fails for a passing reason; return its last exit status."""
    for runs_to_come in reversed(range(patience.runs)):
        status, output = _watched(step, project)
        if step.after:
            step.after(status == 0)
        reason = next((each for each in step.passing if each in output), None)
        if not status or reason is None or not runs_to_come:
            break
        print(
            f"AWS said {reason!r}, which passes: run again in {patience.pause:g} s, {runs_to_come} times more.",
            flush=True,
        )
        patience.sleep(patience.pause)
    return status


def _watched(step: Step, project: Path) -> tuple[int, str]:
    """Run a step's command; return its exit status and, where a reason may pass, what it printed, on one line."""
    piped: dict[str, Any] = {}
    if step.passing:
        piped["env"] = {**os.environ, "PYTHONUNBUFFERED": "1"}
        piped |= {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    words: list[str] = []
    with subprocess.Popen(step.command, cwd=project, stdin=subprocess.DEVNULL, **piped) as process:  # noqa: S603 - ours
        for line in process.stdout or ():
            print(line, end="", flush=True)
            words += line.split()
    return process.returncode, " ".join(words)
