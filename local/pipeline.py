"""The whole pipeline on the embedded AWS: started, its foundations laid, the app deployed; dropping and asking."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from chalicelib import assembly
from chalicelib.aws.athena import Athena
from chalicelib.aws.s3 import Storage
from chalicelib.dataset import Dataset
from chalicelib.loading.entry import Entry, read_entry
from chalicelib.loading.models import FINISHED
from chalicelib.queries import saved
from chalicelib.settings import Settings
from local.deploy import Deployment, deploy
from local.emulator import PROJECT, Emulator, running
from local.patches import MINISTACK_VERSION
from local.progress import Progress

T = TypeVar("T")

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

    @cached_property
    def settings(self) -> Settings:
        """The settings that the deployed functions run with."""
        return Settings.from_environment(self.deployment.variables)

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """The datasets that are deployed."""
        return assembly.datasets(self.settings)

    @cached_property
    def s3(self) -> Any:
        """An S3 client of the root user."""
        return self.aws.client("s3")

    @cached_property
    def athena(self) -> Athena:
        """Athena in the pipeline's workgroup, as the root user."""
        return Athena(self.aws.client("athena"), self.settings, saved.load(self.datasets))

    def put(self, key: str, body: Any) -> str:
        """Put an object (bytes, text or a file) into the bucket, and return its key."""
        self.s3.put_object(Bucket=self.settings.bucket, Key=key, Body=body)
        return key

    def entry(self, key: str) -> Entry | None:
        """Return the ledger entry of a source key, None where there is none."""
        store = Storage(self.s3, self.settings.bucket)
        return read_entry(store.read_json, self.settings.ledger_prefix, key)

    def finished_entry(self, key: str) -> Entry | None:
        """Return the ledger entry of a source key whose load has ended, None while it has not."""
        entry = self.entry(key)
        return entry if entry and entry.state in FINISHED and not entry.superseded else None

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


def wait_for(poll: Callable[[], T | None], seconds: float = 60.0, pause: float = 0.05) -> T:
    """Return the first true value of `poll`, which is called every `pause` seconds. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := poll():
            return value
        time.sleep(pause)
    raise TimeoutError(f"not within {seconds:g} s")


@contextlib.contextmanager
def pipeline(
    progress: Progress,
    port: int | None = None,
    announced: Path | None = None,
    log: Path | None = LOG,
    project: Path = PROJECT,
) -> Iterator[Pipeline]:
    """Bring the pipeline up for the length of the `with` block, telling each step to `progress`.

    Nothing of it is left afterwards but the log, if it has one. `announced` is where the caller writes an env file, if
    it does; `project` is what is deployed.

    Raises LocalError, PortInUse and EmulatorChanged among them.
    """
    with contextlib.ExitStack() as ends:
        with progress.step(f"Start the embedded AWS: MiniStack {MINISTACK_VERSION}"):
            aws = ends.enter_context(running(port, log, announced))
        yield Pipeline(aws, deploy(aws, aws.private / "app", project, step=progress.step))
