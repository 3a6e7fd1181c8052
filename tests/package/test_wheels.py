"""Every requirement has a wheel for every Python and processor that Lambda offers, and they fit beside the layer."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from local.emulator import PROJECT
from release import layers

pytestmark = pytest.mark.slow
GLIBC = {"3.11": 26, "3.12": 34, "3.13": 34}
"""The minor version of the C library under each of Lambda's Pythons; a wheel for a newer one is refused."""
MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}


@pytest.mark.parametrize("architecture", MACHINES)
@pytest.mark.parametrize("python", GLIBC)
def test_every_requirement_has_a_wheel_that_lambda_loads(tmp_path: Path, python: str, architecture: str) -> None:
    machine = MACHINES[architecture]
    tags = [f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC[python], 4, -1)] + [f"manylinux2014_{machine}"]
    platforms = [part for tag in tags for part in ("--platform", tag)]
    download = ["download", "--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms]
    done = subprocess.run(
        [sys.executable, "-m", "pip", *download, "-r", str(PROJECT / "requirements.txt"), "-d", str(tmp_path), "-q"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wheels = list(tmp_path.glob("*.whl"))
    names = {wheel.name.split("-")[0].replace("_", "-") for wheel in wheels}
    required = (PROJECT / "requirements.txt").read_text("utf-8").splitlines()
    assert names >= {line.split("==")[0] for line in required if "==" in line}
    unzipped = sum(each.file_size for wheel in wheels for each in zipfile.ZipFile(wheel).infolist())
    assert unzipped + layers.UNZIPPED_BYTES < layers.LAMBDA_BYTES
    assert sum(wheel.stat().st_size for wheel in wheels) < layers.UPLOAD_BYTES
