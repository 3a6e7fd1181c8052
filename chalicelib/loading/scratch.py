"""Directories on disk for one load each, removed with it, or by the next load where the process was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "orders-etl-load-"
"""What the names of our directories begin with, among all that share the disk."""


@contextmanager
def directory() -> Iterator[Path]:
    """Give a new directory for as long as the block runs. First remove those of processes that are no more.

    Lambda's /tmp outlives a process that is killed, and what that leaves there counts against the next load. On a
    laptop other processes may be at work beside this one: each locks its directory. The kernel lets go of the lock when
    the process ends, however it ends.
    """
    _remove_leftovers()
    path, lock = _locked()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _locked() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = _lock(path)
        if lock is not None:
            return path, lock
        # Another process took it for a leftover before it was locked.


def _remove_leftovers() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        lock = _lock(path)
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _lock(path: Path) -> int | None:
    """Lock a directory; return the descriptor that holds the lock, or None where that is not possible."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whoever held the lock before may have removed the directory meanwhile.
        if os.path.samestat(path.stat(follow_symlinks=False), os.fstat(lock)):
            return lock
    except OSError:
        pass
    os.close(lock)
    return None
