"""A deployment as steps: each a plain command that can be run alone, told before it runs, with a remedy if it fails."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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


def run(steps: Sequence[Step], project: Path, again: str) -> None:
    """Run the steps in turn, their output as it comes.

    Raises SetupError at the first that fails: with its remedy, and with `again`, the command that goes on from there.
    """
    for number, step in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {step.title}: {step.shown}", flush=True)
        if step.before:
            step.before()
        status = subprocess.run(step.command, cwd=project, stdin=subprocess.DEVNULL, check=False).returncode  # noqa: S603 - our own commands
        if step.after:
            step.after(status == 0)
        if status:
            raise SetupError(
                f"step {number} of {len(steps)} failed: {step.shown} (exit status {status}).\n{step.remedy}\n"
                f"Then run it again, it goes on where it stopped: {again}"
            )
