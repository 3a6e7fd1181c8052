"""`make local`: the pipeline stays up until it is stopped, and says how to use it."""

from __future__ import annotations

import os
import time

from local import env_file
from local.emulator import PROJECT
from local.errors import LocalError
from local.patches import MINISTACK_VERSION
from local.pipeline import ENV_FILE, LOG, Pipeline, pipeline
from local.progress import Progress

LOOK_SECONDS = 0.5


def up(port: int, progress: Progress) -> None:
    """Bring the pipeline up on `port`, write `.local/env`, stay until KeyboardInterrupt, or until make is gone.

    Raises LocalError when something fails, also when the embedded AWS ends by itself.
    """
    starter = os.getppid()
    env_file.remove_stale(ENV_FILE)
    with pipeline(progress, port, ENV_FILE) as running:
        env_file.write(ENV_FILE, running.environment)
        for line in _instructions(running):
            progress.say(line)
        while running.aws.process.poll() is None:
            # A signal to make alone ends make, or the shell between, and does not always reach us.
            if "MAKELEVEL" in os.environ and os.getppid() != starter:
                return
            time.sleep(LOOK_SECONDS)
        raise LocalError(
            "the embedded AWS ended by itself",
            f"read {LOG.relative_to(PROJECT)}, then run the command again",
            running.aws.tail(),
        )


def _instructions(running: Pipeline) -> list[str]:
    env, settings = ENV_FILE.relative_to(PROJECT), running.settings
    curl = 'curl --user "$caller" --aws-sigv4 aws:amz:us-east-1:'
    lines = [
        "",
        "Ready. Stop it with Ctrl-C.",
        "",
        f"  AWS       {running.aws.endpoint_url} (MiniStack {MINISTACK_VERSION}, IAM enforced)",
        f"  API       {running.deployment.api_url or 'no routes yet'}",
        f"  Bucket    {settings.bucket}",
        f"  Functions {', '.join(sorted(running.deployment.functions.values()))}",
        f"  Log       {LOG.relative_to(PROJECT)}",
        "",
        "In another shell:",
        "",
        f"  set -a; . {env}; set +a",
        '  caller="$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY"',
        "",
        "  # drop a file of orders",
        f"  {curl}s3 -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \\",
        f'    -T sample_data/orders_etl.json "$AWS_ENDPOINT_URL/$ETL_BUCKET/{settings.incoming_prefix}orders_etl.json"',
    ]
    if running.deployment.api_url:
        lines += [
            "",
            "  # ask",
            f'  {curl}execute-api "$API_URL/queries"',
        ]
    return [*lines, ""]
