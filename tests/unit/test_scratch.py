"""A load's directory: alone in it, gone with it, and what a killed process left is gone with the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.loading import scratch
from tests.builders import KEY, body, ingest, order
from tests.unit.memory_store import MemoryStore

HOLDS_ONE = """
import sys
from chalicelib.loading import scratch
with scratch.directory() as path:
    (path / "half.parquet").write_bytes(b"x" * 1000)
    print(path, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A /tmp of the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def process() -> tuple[subprocess.Popen[str], Path]:
    """Start a process that holds a directory; return it and the directory."""
    started = subprocess.Popen([sys.executable, "-c", HOLDS_ONE], stdin=-1, stdout=-1, text=True)
    assert started.stdout is not None
    return started, Path(started.stdout.readline().strip())


def ended(started: subprocess.Popen[str]) -> None:
    started.communicate(timeout=20)


def test_a_directory_is_there_for_the_block_and_gone_after_it_however_it_ends(disk: Path) -> None:
    with scratch.directory() as path:
        (path / "a").mkdir()
        (path / "a" / "b").write_text("c")
    with pytest.raises(KeyboardInterrupt), scratch.directory():
        raise KeyboardInterrupt
    assert list(disk.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next_load(disk: Path) -> None:
    killed, left = process()
    killed.send_signal(signal.SIGKILL)
    ended(killed)
    assert (left / "half.parquet").exists()
    store = MemoryStore()
    assert ingest(store).load(store.drop(KEY, body(order(1))))[0] == "loaded"
    assert list(disk.iterdir()) == []


def test_what_a_living_process_uses_is_left_alone() -> None:
    living, its = process()
    with scratch.directory() as ours, scratch.directory() as another:
        assert (its / "half.parquet").exists()
        assert ours.exists()
        assert another.exists()
    ended(living)
    assert not its.exists()


def test_nothing_but_directories_of_ours_is_removed(disk: Path) -> None:
    theirs = disk / "somebody-elses"
    theirs.mkdir()
    (theirs / "file").write_text("x")
    (disk / f"{scratch.PREFIX}link").symlink_to(theirs)
    (disk / f"{scratch.PREFIX}file").write_text("x")
    with scratch.directory():
        pass
    assert (theirs / "file").exists()
    assert {path.name for path in disk.iterdir()} == {
        "somebody-elses",
        f"{scratch.PREFIX}link",
        f"{scratch.PREFIX}file",
    }


def test_loads_that_begin_at_once_never_remove_each_others_directories(disk: Path) -> None:
    def use(_: int) -> bool:
        with scratch.directory() as path:
            (path / "file").write_text("x")
            os.sched_yield()
            return (path / "file").read_text() == "x"

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(400)))
    assert list(disk.iterdir()) == []
