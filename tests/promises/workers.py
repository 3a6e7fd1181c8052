"""Loads that take turns call by call, each in a thread of its own: any interleaving can be played, any load killed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.unit.memory_store import Crash, MemoryStore

_here = threading.local()
PATIENCE = 30.0
"""Seconds after which a worker that neither calls nor ends is a fault of the test."""


class Worker:
    """One process: it stands still before each call to S3 until it is told to go on."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._go = threading.Semaphore(0)
        self._stands = threading.Semaphore(0)
        self._killed = False
        self._error: tuple[Exception, bool] | None = None
        self.ended = False
        self.problem: BaseException | None = None
        self.outcome: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._wait()

    def step(self, calls: int = 1) -> None:
        """Let the next calls happen."""
        for _ in range(calls):
            if not self.ended:
                self._go.release()
                self._wait()

    def finish(self) -> None:
        """Let it go on to its end."""
        while not self.ended:
            self.step()

    def kill(self) -> None:
        """End the process before its next call. Nothing that it would have called any more happens."""
        self._killed = True
        self.finish()

    def fail(self, after: bool) -> None:
        """Answer its next call with an error that may pass, before or after the call took effect."""
        self._error = TimeoutError("no answer"), after
        self.step()

    def _run(self) -> None:
        _here.worker = self
        try:
            self.outcome = self._work()
        except BaseException as problem:
            self.problem = problem
        self.ended = True
        self._stands.release()

    def _wait(self) -> None:
        assert self._stands.acquire(timeout=PATIENCE), "the worker neither calls nor ends"

    def called(self, begins: bool) -> None:
        """Stand still at the begin of a call; raise where an error was asked for."""
        if begins and not self._killed:
            self._stands.release()
            self._go.acquire()
        if self._killed:
            raise Crash
        if self._error is not None and self._error[1] is not begins:
            error, self._error = self._error, None
            raise error[0]


def taking_turns(call: str) -> None:
    """Be the fault of a MemoryStore: calls of workers wait for their turn, those of others go through."""
    worker = getattr(_here, "worker", None)
    if worker is not None:
        worker.called(begins=not call.endswith(" done"))


def stopped_before(call: str, work: Callable[[], Any], store: MemoryStore) -> Worker:
    """Return a process that stands before a call that begins so."""
    store.fault = taking_turns
    worker = Worker(work)
    for _ in range(200):
        if worker.ended or store.calls[-1].startswith(call):
            break
        worker.step()
    assert not worker.ended, f"it never came to {call!r}"
    return worker
