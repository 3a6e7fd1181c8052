"""What a deployment to AWS packages: our code and the wheels of requirements.txt, nothing that the layer brings."""

from __future__ import annotations

import importlib.metadata
import zipfile
from pathlib import Path

import pytest

from local.emulator import PROJECT
from release import layers
from tests.contracts import ORDERS_FILE
from tests.package.built import build, imports

RUNTIME = {"boto3", "botocore", "urllib3"}
"""What Lambda's Python brings and we import."""
COMMAND_LINE = {"rich": {"command.py"}}
"""What is only imported on a laptop, and by which file."""


def pinned(name: str) -> dict[str, str]:
    """Return the pins of a requirements file by name."""
    lines = (PROJECT / name).read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def files_in(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return [path.relative_to(folder) for path in files]


def ours() -> set[str]:
    """Return the files of ours that belong into the package, with the tests' orders as the only contract."""
    contracts, orders = Path("contracts"), ORDERS_FILE.parent
    library = [path for path in files_in(PROJECT / "chalicelib") if contracts not in path.parents[1:]]
    library += [contracts / orders.name / path for path in files_in(orders)]
    return {"app.py", *(str("chalicelib" / path) for path in library)}


def test_of_our_code_the_package_holds_the_app_and_its_library_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(build(tmp_path, with_requirements=False)) as package:
        names = {name for name in package.namelist() if not name.endswith("/")}
    assert names - {"chalice/__init__.py", "chalice/app.py"} == ours()


def test_everything_that_the_handlers_import_is_in_the_package_the_layer_or_the_runtime() -> None:
    modules = importlib.metadata.packages_distributions()
    required = set(pinned("requirements.txt"))
    packaged = {
        module for module, makers in modules.items() if {each.lower().replace("_", "-") for each in makers} & required
    }
    brought = packaged | layers.MODULES | RUNTIME | {"chalicelib", "chalice"}
    unknown = {module: files for module, files in imports().items() if module not in brought}
    assert unknown == COMMAND_LINE


def test_the_package_is_asked_for_nothing_that_the_layer_or_the_runtime_brings() -> None:
    assert not set(pinned("requirements.txt")) & (layers.MODULES | RUNTIME)


def test_what_the_layer_brings_is_pinned_for_the_laptop_too() -> None:
    assert set(pinned("requirements-runtime.txt")) >= layers.MODULES


@pytest.mark.slow
def test_the_package_holds_every_requirement_and_fits_beside_the_layer(tmp_path: Path) -> None:
    package = build(tmp_path, with_requirements=True)
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        unzipped = sum(each.file_size for each in archive.infolist())
    # Chalice drops, with a warning only, what has no wheel for Lambda.
    installed = {name.split("/")[0] for name in names if name.split("/")[0].endswith(".dist-info")}
    for name, version in pinned("requirements.txt").items():
        assert f"{name.replace('-', '_')}-{version}.dist-info" in installed
    top = {name.split("/")[0].removesuffix(".py") for name in names}
    assert not top & (layers.MODULES | RUNTIME | {"local", "tests", "benchmarks", "glue_setup", "release", "docs"})
    assert package.stat().st_size < layers.UPLOAD_BYTES
    assert unzipped + layers.UNZIPPED_BYTES < layers.LAMBDA_BYTES
