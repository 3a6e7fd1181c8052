"""A real `chalice deploy --stage local` into the embedded AWS, from a copy of the project.

The copy keeps the working tree clean: Chalice writes its state and packages beside app.py. Its requirements.txt is
left empty, because MiniStack runs Lambda functions with this interpreter and its site-packages, which hold the same
pinned packages: nothing is downloaded, and it works where Lambda's own wheels would not load (macOS, ARM).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from chalicelib.settings import LOCAL_STAGE
from local.emulator import PROJECT, Emulator
from local.errors import LocalError
from local.output import tail
from release import record
from release.record import Deployed

COMMAND_SECONDS = 300.0
COPIED = ("app.py", "chalicelib", "glue_setup", "operate", "requirements.txt", ".chalice")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", "deployed", "deployments", "venv")
CHALICE = ("-c", "import sys; from chalice.cli import main; sys.exit(main())")


@dataclass(frozen=True)
class Deployment(Deployed):
    """What a deployment made from `workspace`; `variables` are the stage's environment variables."""

    workspace: Path
    variables: dict[str, str]


def lay_foundations(emulator: Emulator, workspace: Path) -> None:
    """Make what the pipeline stands on, and write the IAM policy files of the functions, by glue_setup.

    Raises LocalError.
    """
    for command in ("apply", "policies"):
        run_module(emulator, workspace, "glue_setup", command)


def _without_a_word(step: str) -> AbstractContextManager[None]:
    return nullcontext()


def deploy(
    emulator: Emulator,
    workspace: Path,
    project: Path = PROJECT,
    foundations: Callable[[Emulator, Path], None] = lay_foundations,
    step: Callable[[str], AbstractContextManager[None]] = _without_a_word,
) -> Deployment:
    """Copy `project` into `workspace`, lay the foundations, deploy, wire. Again into the same one: a redeployment.

    Other foundations than the product's have no queue to wire to. `step` surrounds each step that takes time, given
    its title.

    Raises LocalError with the tail of the tool's output when a step fails.
    """
    copy_project(project, workspace)
    (workspace / "requirements.txt").write_text("")
    with step("Lay the foundations: bucket, queue, table, workgroup, views, alarms, policies"):
        foundations(emulator, workspace)
    with step(f"Deploy the app: chalice deploy --stage {LOCAL_STAGE}"):
        chalice(emulator, workspace, "deploy")
    if foundations is lay_foundations:
        with step("Keep the events whose load fails in a queue: glue_setup wire"):
            run_module(emulator, workspace, "glue_setup", "wire")
    deployed = record.read(workspace, LOCAL_STAGE, emulator.endpoint_url)
    assert deployed is not None, workspace
    config = json.loads((workspace / ".chalice" / "config.json").read_text("utf-8"))
    variables = config["stages"][LOCAL_STAGE].get("environment_variables", {})
    return Deployment(**vars(deployed), workspace=workspace, variables=variables)


def chalice(emulator: Emulator, workspace: Path, command: str) -> str:
    """Run a command of Chalice for the local stage in `workspace`, and return its output. Raises LocalError."""
    return run(emulator, workspace, f"chalice {command}", *CHALICE, command, "--stage", LOCAL_STAGE)


def run_module(emulator: Emulator, workspace: Path, module: str, command: str, *arguments: str) -> str:
    """Run a command of one of our modules for the local stage in `workspace`, and return its output.

    Raises LocalError.
    """
    return run(emulator, workspace, f"{module} {command}", "-m", module, command, "--stage", LOCAL_STAGE, *arguments)


def copy_project(project: Path, workspace: Path) -> None:
    """Bring the copy up to date. Chalice's record of what it deployed stays, its packages go.

    A kept package would be stale after a file is renamed: Chalice compares content only.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        source, target = project / name, workspace / name
        if name != ".chalice":
            shutil.rmtree(target, ignore_errors=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=NOT_COPIED, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy2(source, target)
    shutil.rmtree(workspace / ".chalice" / "deployments", ignore_errors=True)


def run(emulator: Emulator, workspace: Path, what: str, *arguments: str) -> str:
    """Run a Python command in `workspace` with an environment that has the embedded AWS only; return its output.

    Raises LocalError with the tail of the output when it fails or takes longer than `COMMAND_SECONDS`.
    """
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=workspace,
        env=_environment(workspace) | emulator.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # so that what it starts ends with it
        text=True,
        errors="replace",
    ) as process:
        try:
            output, _ = process.communicate(timeout=COMMAND_SECONDS)
        except subprocess.TimeoutExpired:
            raise LocalError(
                f"{what} did not end within {COMMAND_SECONDS:g} s", "see the log of the embedded AWS", emulator.tail()
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        problem = f"{what} failed (exit status {process.returncode})"
        raise LocalError(problem, "correct what the lines above name, then run the command again", tail(output))
    return output


def _environment(workspace: Path) -> dict[str, str]:
    """Return an environment without the user's AWS profiles and configuration."""
    home = workspace / "home"
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in os.environ if name in ("PATH", "LANG", "LC_ALL") or name[:4] == "PIP_"}
    return kept | {
        "HOME": str(home),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
