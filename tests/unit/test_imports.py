"""Who may import whom: the core reads without infrastructure, and the REST side starts without its weight."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LIBRARY = PROJECT / "chalicelib"

EDGES = {"storage", "catalog", "athena", "uploads", "invoking"}
WIRING = {"loading", "sweeping", "wiring", "replay", "api", "flatten_command"}
"""What puts core and edges together: for the S3 event, for the routes, for the command line."""
HEAVY = ("pyarrow", "pandas", "numpy", "msgspec", "arro3", "aws_lambda_powertools")


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def modules() -> dict[str, set[str]]:
    return {path.stem: imported(path) for path in LIBRARY.glob("*.py")}


def of_ours(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in names if name.startswith("chalicelib.")}


def test_edges_do_not_know_each_other() -> None:
    found = modules()
    for edge in EDGES:
        assert not of_ours(found[edge]) & (EDGES - {edge}), edge


CORE = [
    *("contract", "errors", "records", "flatten", "parquet", "ledger", "saved_queries", "query_parameters", "ingest"),
    *("sources", "window", "json_scan", "refused", "values", "strict", "dates", "proof", "columns", "fast", "schema"),
    *(
        "convert",
        "side_by_side",
        "extra_fields",
        "events",
        "settings",
        "metrics",
        "arrow",
        "read_ahead",
        "file_names",
        "objects",
        "load",
        "crawling",
        "sweep",
    ),
    *("selection",),
]


@pytest.mark.parametrize("module", CORE)
def test_the_core_knows_no_aws_no_chalice_no_environment_and_no_clock(module: str) -> None:
    names = modules()[module]
    assert not {name for name in names if name.split(".")[0] in ("boto3", "botocore", "chalice", "os", "time")}
    assert not of_ours(names) & (EDGES | WIRING - {"flatten_command"})
    text = (LIBRARY / f"{module}.py").read_text("utf-8")
    # A notebook has a clock; nothing that the Lambda runs does.
    allowed = 1 if module == "flatten" else 0
    assert text.count("datetime.now(") <= allowed


def test_the_house_knows_neither_its_foundations_nor_the_laptop() -> None:
    for name, found in modules().items():
        assert not {
            each for each in found if each.split(".")[0] in ("glue_setup", "release", "local", "tests", "benchmarks")
        }, name


def loaded_by(program: str, *looked_for: str, **environment: str) -> list[str]:
    """Return which of these modules a program has imported."""
    look = f"{program}; import sys; print(*[name for name in {looked_for} if name in sys.modules])"
    environment |= {"ETL_BUCKET": "some-bucket", "PATH": "/usr/bin:/bin", "ETL_STAGE": "local"}
    done = subprocess.run(
        [sys.executable, "-c", look], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("handler", ["app.app", "app.sweep_orders"])
def test_the_rest_side_and_the_sweep_start_without_columns_and_parsers(handler: str) -> None:
    works_with = {"app.app": "chalicelib.handlers.rest", "app.sweep_orders": "chalicelib.handlers.sweep"}[handler]
    assert loaded_by("import app", works_with, *HEAVY, _HANDLER=handler) == [works_with]


def test_the_saved_queries_need_no_columns_and_parsers() -> None:
    assert loaded_by("import chalicelib.aws.athena, chalicelib.queries.saved", *HEAVY) == []


def test_the_loader_starts_with_all_that_it_works_with_and_without_the_rest_side() -> None:
    rest = ("chalicelib.api.service", "chalicelib.aws.athena", "chalicelib.api.uploads", "pandas")
    found = loaded_by("import app", "chalicelib.handlers.load", "pyarrow", "boto3", *rest, _HANDLER="app.load_orders")
    assert found == ["chalicelib.handlers.load", "pyarrow", "boto3"]


def test_where_no_function_starts_nothing_is_imported_ahead() -> None:
    assert loaded_by("import app", "boto3", "chalicelib.api.service", "chalicelib.handlers.load") == []


def test_every_function_has_what_it_works_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_BUCKET", "some-bucket")
    import app
    from glue_setup.policies import FUNCTIONS

    assert set(app.WORKS_WITH) == {f"app.{'app' if name == 'api_handler' else name}" for name in FUNCTIONS}
