"""`make test` has one shared embedded AWS: pytest-xdist gives all tests that use it to one worker."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.emulator import PROJECT

NOTE_WORKER = (
    "import os, pathlib\n\n\n"
    "def test_worker():\n"
    "    pathlib.Path(__file__).with_suffix('.worker').write_text(os.environ['PYTEST_XDIST_WORKER'])\n"
)


@pytest.mark.slow
@pytest.mark.thorough
def test_all_files_of_the_shared_embedded_aws_run_on_one_worker(tmp_path: Path) -> None:
    shared = tmp_path / "tests" / "local" / "shared"
    shared.mkdir(parents=True)
    shutil.copy(PROJECT / "tests" / "conftest.py", tmp_path / "tests")
    files = [shared / "test_a.py", shared / "test_b.py", shared.parent / "test_c.py", shared.parent / "test_d.py"]
    for file in files:
        file.write_text(NOTE_WORKER)
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", "tests"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
    workers = [file.with_suffix(".worker").read_text() for file in files]
    assert workers[0] == workers[1]
    assert len(set(workers)) == 2
