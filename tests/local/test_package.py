"""What a deployment to AWS packages: our code and the wheels of requirements.txt, nothing that the layer brings."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from local.deploy import deploy
from local.emulator import PROJECT, Emulator

pytestmark = [pytest.mark.aws, pytest.mark.slow]


def test_the_package_holds_every_requirement_and_nothing_of_the_layer(aws: Emulator, tmp_path: Path) -> None:
    deployed = deploy(aws, tmp_path, with_requirements=True)
    assert deployed.functions
    (package,) = (tmp_path / ".chalice" / "deployments").glob("*.zip")
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        unzipped = sum(each.file_size for each in archive.infolist())
    packages = {name.split("/")[0].removesuffix(".py") for name in names}
    required = [line.split("==")[0] for line in (PROJECT / "requirements.txt").read_text().splitlines() if "==" in line]
    # Chalice drops, with a warning only, what has no wheel for Lambda.
    missing = [name for name in required if name.replace("-", "_").removeprefix("arro3_") not in _modules(names)]
    assert not missing
    assert {"app", "chalicelib"} <= packages
    assert not packages & {"pandas", "pyarrow", "numpy", "boto3", "botocore", "local", "glue_setup", "chalice_cli"}
    assert package.stat().st_size < 50_000_000, "the limit of a direct upload"
    assert unzipped < 262_144_000 - 204_000_000, "what the layer leaves of Lambda's 250 MiB"
    assert json.loads((tmp_path / ".chalice" / "deployed" / "local.json").read_text())["resources"]


def _modules(names: list[str]) -> set[str]:
    return {part for name in names for part in name.split("/")[:-1]}
