"""Runs one command on so many cores; measures seconds, CPU seconds, and the peak memory of all its processes."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from benchmarks import cost

PROJECT = Path(__file__).resolve().parent.parent
SAMPLED_EVERY = 0.01
"""Seconds between two looks at memory."""

_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Run:
    """What one run took: seconds on the clock and of all cores together; `peak_mb` is 0 where it was not measured."""

    seconds: float
    cpu_seconds: float
    peak_mb: float = 0.0


def run(
    command: list[str],
    *,
    cores: int,
    memory: bool = False,
    timeout: float = 900,
    statuses: tuple[int, ...] = (0,),
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Run:
    """Run a command on the first `cores` cores, whole process from start to end, with `settings` in its environment.

    With `memory`, the memory of its processes is sampled, which costs time: such a run's seconds do not count. Raises
    RuntimeError where it ends with none of `statuses`.
    """
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "POLARS_MAX_THREADS": str(cores)} | dict(settings)
    # Compiled once, as packages are.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=functools.partial(_pin, cores),
    ) as process:
        began = time.monotonic()
        killer = threading.Timer(timeout, process.kill)
        # An interrupted run does not wait for it.
        killer.daemon = True
        killer.start()
        watch = _Memory(process.pid) if memory else None
        assert process.stderr is not None
        errors = process.stderr.read().decode()
        if watch:
            watch.stop()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in statuses:
        raise RuntimeError(f"{' '.join(command[2:4])} ended with {process.returncode}: {errors.strip()[-600:]}")
    return Run(seconds, used.ru_utime + used.ru_stime, watch.peak / cost.MB if watch else 0.0)


def python(*arguments: str) -> list[str]:
    """Return a command that runs a module with this interpreter."""
    return [sys.executable, *arguments]


def busy_cores(seconds: float = 3.0) -> float:
    """Return how many cores are busy while we do nothing, 0 where the system does not say."""
    try:
        before = _idle_seconds()
        time.sleep(seconds)
        idle = (_idle_seconds() - before) / seconds
    except OSError:
        return 0.0
    return max(0.0, (os.cpu_count() or 1) - idle)


def _idle_seconds() -> float:
    return float(Path("/proc/uptime").read_text().split()[1])


def _pin(cores: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])


class _Memory:
    """Looks at a process and its children until it is stopped; `peak` is the most they had together, in bytes.

    Pages that processes share count once, as they do for a Lambda.
    """

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._pid = pid
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(SAMPLED_EVERY):
            self.peak = max(self.peak, sum(_memory_of(pid) for pid in _family(self._pid)))


def _family(pid: int) -> list[int]:
    pids = [pid]
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                pids += _family(int(child))
    except OSError:
        pass
    return pids


def _memory_of(pid: int) -> int:
    try:
        match = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(match[1]) * 1024 if match else 0
