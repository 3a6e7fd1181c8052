"""What import-linter does not see: the clock, the environment, and what each function has imported when it starts."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LIBRARY = PROJECT / "chalicelib"

HEAVY = ("pyarrow", "pandas", "numpy", "aws_lambda_powertools")


KNOW_THE_TIME = {"assembly", "handlers", "aws"}
"""Rooms that read the environment or the clock, beside the command line and the notebook: edges and what wires them."""


def room(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def reads_environment_or_clock(source: str) -> set[str]:
    """Return which names of the environment or of a clock a module uses; a sleep or a duration is none."""
    used = {ast.unparse(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute)}
    clocks = {"os.environ", "os.getenv", "time.time", "time.monotonic", "datetime.now", "datetime.utcnow", "date.today"}
    return used & clocks


CORE = [
    path
    for path in sorted(LIBRARY.rglob("*.py"))
    if room(path) not in KNOW_THE_TIME and path.name not in ("__main__.py", "command.py", "notebook.py")
]


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(LIBRARY))) for path in CORE])
def test_the_core_reads_no_environment_and_no_clock(path: Path) -> None:
    assert reads_environment_or_clock(path.read_text("utf-8")) == set()


def test_a_module_that_reads_the_clock_is_seen() -> None:
    assert reads_environment_or_clock("from datetime import datetime\nx = datetime.now(UTC)") == {"datetime.now"}


def test_a_package_imports_nothing_of_its_own() -> None:
    but_for_notebooks = LIBRARY / "flatten" / "__init__.py"
    assert {path for path in LIBRARY.rglob("__init__.py") if path.read_text("utf-8").strip()} == {but_for_notebooks}
    assert loaded_by("import chalicelib.flatten", *HEAVY) == []


def loaded_by(program: str, *looked_for: str, **environment: str) -> list[str]:
    """Return which of these modules a program has imported."""
    look = f"{program}; import sys; print(*[name for name in {looked_for} if name in sys.modules])"
    environment |= {"ETL_BUCKET": "some-bucket", "PATH": "/usr/bin:/bin", "ETL_STAGE": "local"}
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("handler", ["app.app", "app.sweep"])
def test_the_rest_side_and_the_sweep_start_without_columns_and_parsers(handler: str) -> None:
    works_with = {"app.app": "chalicelib.handlers.rest", "app.sweep": "chalicelib.handlers.sweep"}[handler]
    assert loaded_by("import app", works_with, *HEAVY, _HANDLER=handler) == [works_with]


def test_the_saved_queries_need_no_columns_and_parsers() -> None:
    assert loaded_by("import chalicelib.aws.athena, chalicelib.queries.saved", *HEAVY) == []


def test_the_loader_starts_with_all_that_it_works_with_and_without_the_rest_side() -> None:
    rest = ("boto3", "chalicelib.api.service", "chalicelib.aws.athena", "chalicelib.api.uploads", "pandas")
    works_with = ["chalicelib.handlers.load", "pyarrow", "botocore.session"]
    assert loaded_by("import app", *works_with, *rest, _HANDLER="app.load") == works_with


COMMAND = """
import runpy, sys
sys.argv = ["flatten", "--help"]
try:
    runpy.run_module("chalicelib.flatten", run_name="__main__")
except SystemExit:
    pass
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="the threads of a process are not listed here")
@pytest.mark.parametrize("program", ["import app", COMMAND], ids=["the function", "the command"])
def test_what_loads_starts_without_threads_for_matrices_and_has_arrow_take_its_memory_from_libc(program: str) -> None:
    # Arrow's own allocator, which Parquet's writer would take, keeps ten times what that ever needs. One of the threads
    # that it has, or had, sleeps under a name of its own.
    names = "[each.read_text() for each in pathlib.Path('/proc/self/task').glob('*/comm')]"
    look = f"import pathlib, pyarrow; names = {names}"
    look += "; print(names.count(names[0]), pyarrow.default_memory_pool().backend_name)"
    environment = {"ETL_BUCKET": "some-bucket", "PATH": "/usr/bin:/bin", "_HANDLER": "app.load"}
    command = [sys.executable, "-c", f"{program}\n{look}"]
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "1 system"


def test_where_no_function_starts_nothing_is_imported_ahead() -> None:
    assert loaded_by("import app", "botocore.session", "chalicelib.api.service", "chalicelib.handlers.load") == []


def test_every_function_has_what_it_works_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_BUCKET", "some-bucket")
    import app
    from glue_setup.policies import FUNCTIONS

    assert set(app.INIT_IMPORTS) == {f"app.{'app' if name == 'api_handler' else name}" for name in FUNCTIONS}


def test_values_are_structs_since_a_dataclass_is_compiled_anew_at_each_start() -> None:
    assert [path for path in LIBRARY.rglob("*.py") if "dataclass" in path.read_text("utf-8")] == []
