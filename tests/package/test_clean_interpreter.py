"""The package in a Python that has what Lambda has: the package, the layer, the runtime's boto3; nothing of ours."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from local.emulator import PROJECT
from release import layers
from tests.contracts import OF_ORDERS
from tests.package.built import NOBODY, build

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="Lambda's wheels load on Linux only"),
]
LAYER = ("pyarrow", "numpy", "numpy.libs")
"""The stand-in layer: what the hot path may take from it. Its pandas is for notebooks, so it is left out."""
RUNTIME = ("boto3", "botocore", "jmespath", "dateutil", "s3transfer", "urllib3", "six.py")
"""The stand-in of what Lambda's Python brings."""


@pytest.fixture(scope="module")
def lambda_paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The three places that Lambda imports from, in its order: package, layer, runtime."""
    folder = tmp_path_factory.mktemp("lambda")
    package = folder / "task"
    with zipfile.ZipFile(build(folder, with_requirements=True)) as archive:
        archive.extractall(package)
    for name, modules in (("layer", LAYER), ("runtime", RUNTIME)):
        (folder / name).mkdir()
        for module in modules:
            (folder / name / module).symlink_to(_site_packages() / module)
    return [package, folder / "layer", folder / "runtime"]


def _site_packages() -> Path:
    spec = importlib.util.find_spec("pyarrow")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]


def run(paths: list[Path], code: str, *arguments: str) -> Any:
    """Run code in an interpreter without site-packages, environment and current folder; return what it printed."""
    start = f"import json, sys; sys.path[:0] = {[str(path) for path in paths]!r}\n"
    done = subprocess.run(
        # -I: no PYTHON* variables, no user's site; -S: no site-packages.
        [sys.executable, "-I", "-S", "-c", start + code, *arguments],
        cwd=paths[0],
        env={"ETL_BUCKET": "a-bucket", "PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(paths[0]), **NOBODY},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def handlers() -> list[str]:
    """Return what Lambda calls of app.py: the app for the routes, and each event handler."""
    from glue_setup.policies import FUNCTIONS

    return ["app" if name == "api_handler" else name for name in FUNCTIONS]


def imported_when_called(handler: str) -> list[str]:
    """Return the modules that a handler imports in its body."""
    for node in ast.parse((PROJECT / "app.py").read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == handler:
            return [each.module or "" for each in ast.walk(node) if isinstance(each, ast.ImportFrom)]
    return []


def has_layer(handler: str) -> bool:
    """Tell whether the stages that go to AWS give a handler's function the layer."""
    stages = json.loads((PROJECT / ".chalice" / "config.json").read_text("utf-8"))["stages"]
    name = "api_handler" if handler == "app" else handler
    (layered,) = {"layers" in stages[stage]["lambda_functions"][name] for stage in ("dev", "prod")}
    return layered


@pytest.mark.parametrize("handler", handlers())
def test_every_handler_and_what_it_imports_when_called_is_there_with_its_functions_own_paths(
    lambda_paths: list[Path], handler: str
) -> None:
    paths = lambda_paths if has_layer(handler) else [lambda_paths[0], lambda_paths[2]]
    code = """
import app, importlib
modules = [importlib.import_module(name) for name in (app.INIT_IMPORTS["app." + sys.argv[1]], *sys.argv[2:])]
print(json.dumps([callable(getattr(app, sys.argv[1])), [each.__file__ for each in (app, *modules)]]))
"""
    passed, files = run(paths, code, handler, *imported_when_called(handler))
    assert passed
    assert all(lambda_paths[0] in Path(file).parents for file in files)


def test_the_loader_is_given_the_layer_and_the_rest_api_is_not() -> None:
    assert has_layer("load")
    assert not has_layer("app")
    assert imported_when_called("load")


def test_the_loader_takes_an_event_without_records(lambda_paths: list[Path]) -> None:
    code = """
import app
answer = app.load({"Event": "s3:TestEvent", "Records": []}, None)
print(json.dumps([answer, sys.modules["pyarrow"].__file__, "pandas" in sys.modules]))
"""
    answer, pyarrow, pandas = run(lambda_paths, code)
    assert answer == []
    assert lambda_paths[1] in Path(pyarrow).parents
    assert not pandas


def test_a_route_answers_and_does_not_pay_for_the_layer(lambda_paths: list[Path]) -> None:
    code = """
import app
event = {"httpMethod": "GET", "path": "/queries", "headers": {}, "multiValueQueryStringParameters": None,
         "pathParameters": {}, "body": None, "stageVariables": None, "isBase64Encoded": False,
         "requestContext": {"resourcePath": "/queries", "httpMethod": "GET", "path": "/api/queries"}}
answer = app.app(event, None)
print(json.dumps([answer["statusCode"], sorted({"pyarrow", "numpy", "pandas"} & set(sys.modules))]))
"""
    assert run(lambda_paths, code) == [200, []]


def test_orders_become_files_in_a_codec_of_the_layers(lambda_paths: list[Path], tmp_path: Path) -> None:
    code = """
import pathlib, pyarrow.parquet as pq
from chalicelib.flatten.command import main
assert main(sys.argv[1:]) == 0
files = sorted(pathlib.Path(sys.argv[3]).rglob("*.parquet"))
groups = [pq.ParquetFile(file).metadata.row_group(0) for file in files]
print(json.dumps([len(files), sorted({g.column(i).compression for g in groups for i in range(g.num_columns)})]))
"""
    source = str(PROJECT / "sample_data" / "orders_etl.json")
    files, codecs = run(lambda_paths, code, source, "-o", str(tmp_path / "out"), *OF_ORDERS)
    assert files == 3
    assert {codec.lower() for codec in codecs} <= layers.CODECS
