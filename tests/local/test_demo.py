"""`make demo` itself: it passes, it fails on one wrong figure, and it leaves nothing behind when interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.emulator import PROJECT
from tests.local.product import clone
from tests.readme import not_printed

pytestmark = pytest.mark.aws

DEMO = (sys.executable, "-m", "local", "demo")


def alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def temporary_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("orders"))


@pytest.mark.slow
def test_one_wrong_figure_fails_the_demo_and_is_named(tmp_path: Path) -> None:
    project = clone(tmp_path / "project")
    answers = project / "sample_data" / "answers.json"
    answers.write_text(answers.read_text("utf-8").replace('"283.6100"', '"283.6101"'), "utf-8")
    environment = {**os.environ, "COLUMNS": "130"}
    done = subprocess.run(DEMO, cwd=project, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if "283.6101" in line]
    assert [line.split(",")[0].strip() for line in lines] == [
        "the answer of sales_per_customer",
        "the answer of repeat_customers",
    ]
    assert "Traceback" not in done.stdout + done.stderr
    assert "\x1b" not in done.stdout, "colours are for terminals"
    last = ["All 13 checks are as expected, in 0 s. Everything was stopped and removed."]
    assert not_printed("$ make demo", done.stdout) == last


@pytest.mark.slow
def test_an_interrupted_demo_leaves_no_process_and_no_files(tmp_path: Path) -> None:
    project, home = clone(tmp_path / "project"), tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "TMPDIR": str(home)}
    demo = subprocess.Popen(
        DEMO, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, env=environment
    )
    assert demo.stdout is not None
    try:
        for line in demo.stdout:
            if b"Deploy the app" in line:
                break
        time.sleep(0.3)
        os.killpg(demo.pid, signal.SIGINT)
        output = demo.stdout.read().decode()
        assert demo.wait(timeout=30) == 130
    finally:
        if demo.poll() is None:
            demo.kill()
    assert output.splitlines()[-1] == "Stopped."
    assert "Traceback" not in output
    deadline = time.monotonic() + 10
    while (alive(demo.pid) or temporary_files(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(demo.pid)
    assert temporary_files(home) == []


def test_ctrl_c_while_python_still_imports_shows_no_stack_trace(tmp_path: Path) -> None:
    (tmp_path / "botocore.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(DEMO, cwd=PROJECT, capture_output=True, text=True, timeout=60, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
