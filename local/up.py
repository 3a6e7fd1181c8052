"""`make local`: the pipeline stays up until it is stopped, and says how to use it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator

from local import env_file
from local.emulator import PROJECT, Emulator, running
from local.errors import LocalError
from local.expected import Samples
from local.patches import MINISTACK_VERSION
from local.pipeline import ENV_FILE, LOG, Pipeline, pipeline
from local.progress import Progress

LOOK_SECONDS = 0.5


def up(port: int, progress: Progress) -> None:
    """Bring the pipeline up on `port`, write `.local/env`, stay until KeyboardInterrupt, or until make is gone.

    Raises LocalError when something fails, also when the embedded AWS ends by itself.
    """
    starter = os.getppid()
    _refuse_second()
    with pipeline(progress, port, ENV_FILE) as whole:
        _refuse_second()  # One that was started in the meantime.
        env_file.write(ENV_FILE, whole.environment)
        for line in _instructions(whole):
            progress.say(line)
        _stay(whole.aws, starter)


def empty(port: int, progress: Progress) -> None:
    """Bring up the embedded AWS alone, with nothing in it, to deploy into: `make deploy STAGE=local`. As `up` else."""
    starter = os.getppid()
    _refuse_second()
    with contextlib.ExitStack() as ends:
        with progress.step(f"Start the embedded AWS: MiniStack {MINISTACK_VERSION}"):
            aws = ends.enter_context(running(port, LOG, ENV_FILE))
        _refuse_second()
        env_file.write(ENV_FILE, aws.environment)
        env = ENV_FILE.relative_to(PROJECT)
        progress.say(f"Ready, and empty. Stop it with Ctrl-C. In another shell:\n\n  set -a; . {env}; set +a")
        progress.say("  make deploy STAGE=local\n")
        _stay(aws, starter)


def _refuse_second() -> None:
    """Raise LocalError where an embedded AWS of this project is up: one file says where it is, and one log is its."""
    env_file.remove_stale(ENV_FILE)
    if ENV_FILE.exists():
        where = ENV_FILE.relative_to(PROJECT)
        raise LocalError(
            f"an embedded AWS of this project is up already: {where} says where",
            "use that one; or stop it first, or start another in another clone",
        )


def _stay(aws: Emulator, starter: int) -> None:
    while aws.process.poll() is None:
        # A signal to make alone ends make, or the shell between, and does not always reach us.
        if "MAKELEVEL" in os.environ and os.getppid() != starter:
            return
        time.sleep(LOOK_SECONDS)
    raise LocalError(
        "the embedded AWS ended by itself",
        f"read {LOG.relative_to(PROJECT)}, then run the command again",
        aws.tail(),
    )


def drops(whole: Pipeline, curl: str) -> Iterator[str]:
    """Yield how to drop a sample of each contract that has one."""
    for dataset in whole.datasets:
        samples = Samples.of(dataset, ())
        if samples is not None:
            file = samples.files[0].path
            yield f"  # drop a file of the contract {dataset.name}"
            yield f"  {curl}s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \\"
            yield f'    -T {file.relative_to(PROJECT)} "$AWS_ENDPOINT_URL/$ETL_BUCKET/{dataset.incoming}{file.name}"'


def _instructions(whole: Pipeline) -> list[str]:
    env = ENV_FILE.relative_to(PROJECT)
    curl = 'curl --user "$caller" --aws-sigv4 aws:amz:us-east-1:'
    lines = [
        "",
        "Ready. Stop it with Ctrl-C.",
        "",
        f"  AWS       {whole.aws.endpoint_url} (MiniStack {MINISTACK_VERSION}, IAM enforced)",
        f"  API       {whole.deployment.api_url or 'no routes yet'}",
        f"  Bucket    {whole.settings.bucket}",
        f"  Functions {', '.join(sorted(whole.deployment.functions.values()))}",
        f"  Log       {LOG.relative_to(PROJECT)}",
        "",
        "In another shell:",
        "",
        f"  set -a; . {env}; set +a",
        '  caller="$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
        "",
        *drops(whole, curl),
    ]
    if whole.deployment.api_url:
        lines += [
            "",
            "  # ask",
            f'  {curl}execute-api "$API_URL/queries"',
        ]
    return [*lines, ""]
