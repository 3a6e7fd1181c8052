"""The thread that writes, where there is more than one core."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.cores import LEAST_FOR_THREADS, new_thread

if TYPE_CHECKING:
    from concurrent.futures import Future


class WritingThread:
    """Runs jobs one after the other: on several cores in a thread of its own, since encoding leaves the interpreter
    free to parse, else at once.

    All tables of a load share it, so that no more than the rows of one job are on their way to a file.
    """

    def __init__(self, cores: float = 1.0) -> None:
        self._thread = new_thread("parquet") if cores >= LEAST_FOR_THREADS else None
        self._job: Future[None] | None = None

    def run(self, job: Callable[[], None]) -> None:
        """Run `job` once the one before is done; what that raised is raised here."""
        if self._thread is None:
            job()
            return
        self.wait()
        self._job = self._thread.submit(job)

    def wait(self) -> None:
        """Wait for the last job, and raise what it raised."""
        if self._job is not None:
            job, self._job = self._job, None
            job.result()

    def settle(self) -> None:
        """Wait for the last job, whatever it raises."""
        if self._job is not None:
            self._job.exception()
            self._job = None

    def end(self) -> None:
        """End the thread when the job that it is at is done."""
        self.settle()
        if self._thread is not None:
            self._thread.shutdown()
