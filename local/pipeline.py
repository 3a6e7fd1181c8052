"""The whole pipeline on the embedded AWS: started, its foundations laid, the app deployed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chalicelib.settings import Settings
from local.deploy import Deployment, deploy
from local.emulator import PROJECT, Emulator, running
from local.patches import MINISTACK_VERSION
from local.progress import Progress

KEPT = PROJECT / ".local"
LOG = KEPT / "aws.log"
"""What MiniStack prints, and the functions that events start; stays for reading until the next start."""
DEMO_LOG = KEPT / "demo.log"
"""The demo's own, so that it may run beside `make local`."""
ENV_FILE = KEPT / "env"


@dataclass(frozen=True)
class Pipeline:
    """The running pipeline."""

    aws: Emulator
    deployment: Deployment

    @property
    def settings(self) -> Settings:
        """The settings that the deployed functions run with."""
        return Settings.from_environment(self.deployment.variables)

    @property
    def environment(self) -> dict[str, str]:
        """What another program needs to use the pipeline; the content of `.local/env`."""
        aws = self.aws.environment
        return {
            "AWS_ENDPOINT_URL": aws["AWS_ENDPOINT_URL"],
            "API_URL": self.deployment.api_url or "",
            "ETL_BUCKET": self.settings.bucket,
            "AWS_ACCESS_KEY_ID": aws["AWS_ACCESS_KEY_ID"],
            "AWS_SECRET_ACCESS_KEY": aws["AWS_SECRET_ACCESS_KEY"],
            "AWS_DEFAULT_REGION": aws["AWS_DEFAULT_REGION"],
        }


@contextlib.contextmanager
def pipeline(
    progress: Progress, port: int | None = None, announced: Path | None = None, log: Path = LOG
) -> Iterator[Pipeline]:
    """Bring the pipeline up for the length of the `with` block, telling each step to `progress`.

    Nothing of it is left afterwards but the log. `announced` is where the caller writes an env file, if it does.

    Raises LocalError, PortInUse and EmulatorChanged among them.
    """
    with contextlib.ExitStack() as ends:
        with progress.step(f"Start the embedded AWS: MiniStack {MINISTACK_VERSION}"):
            aws = ends.enter_context(running(port, log, announced))
        yield Pipeline(aws, deploy(aws, aws.private / "app", step=progress.step))
