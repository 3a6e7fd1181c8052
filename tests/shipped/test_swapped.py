"""A user puts another contract in place of the shipped one: checks, tests and demo pass as they did before."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.contracts.reading import FILE_NAME
from local.emulator import PROJECT

NOT_COPIED = (".git", ".venv", ".local", ".*_cache", ".hypothesis", "__pycache__", "build", "deployed", "deployments")
SOME_TESTS = (
    *("app", "shipped/test_shipped_orders.py", "edge/test_contracts_at_deploy.py", "package/test_package.py"),
    *(
        f"unit/test_{name}.py"
        for name in (
            *(
                "contract_changes",
                "contract_command",
                "contract_export",
                "contract_toml",
                "examples",
                "flatten_command",
            ),
            *("flatten_command_places", "project", "samples", "saved_queries_docs", "sweeping", "table_input"),
        )
    ),
)
"""Those that broke when they stood on the contract that is shipped, and some beside them."""

pytestmark = [pytest.mark.slow, pytest.mark.aws]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, with WooCommerce's orders as the only contract."""
    copy = tmp_path_factory.mktemp("swapped") / "project"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(*NOT_COPIED))
    contracts = copy / "chalicelib" / "contracts"
    for file in list(contracts.glob(f"*/{FILE_NAME}")):
        shutil.rmtree(file.parent)
    shutil.copytree(copy / "examples" / "contracts" / "woocommerce", contracts / "woocommerce")
    return copy


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a module of the project."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )


def test_the_documents_are_stale_until_they_are_made_anew_by_the_command_that_is_named(project: Path) -> None:
    stale = run(project, "docs.generate", "--check")
    assert stale.returncode == 1
    assert {line.partition(": ")[2] for line in stale.stderr.splitlines()} == {
        "run `make docs` (python -m docs.generate)"
    }
    assert "docs/contract-orders.md " in stale.stderr
    assert run(project, "docs.generate").returncode == 0
    assert (project / "docs" / "contract-woocommerce.md").exists()
    assert not (project / "docs" / "contract-orders.md").exists()
    assert run(project, "docs.generate", "--check").returncode == 0


def test_the_contract_is_checked_and_is_the_one_that_a_command_takes(project: Path, tmp_path: Path) -> None:
    checked = run(project, "local", "check-contracts")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.startswith("woocommerce: ")
    sample = str(project / "chalicelib" / "contracts" / "woocommerce" / "sample.json")
    flattened = run(project, "chalicelib.flatten", sample, "-o", str(tmp_path / "out"))
    assert flattened.returncode == 0, flattened.stderr
    assert list((tmp_path / "out").rglob("*.parquet"))


def test_tests_pass_and_those_of_the_shipped_contract_say_why_they_are_skipped(project: Path) -> None:
    run(project, "docs.generate")
    files = [f"tests/{name}" for name in SOME_TESTS]
    done = run(project, "pytest", *files, "-m", "not slow and not thorough", "-n", "0", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert "the shipped contract was changed: its goldens do not apply" in done.stdout


def test_a_file_of_ones_own_is_tried_beside_it(project: Path) -> None:
    done = run(project, "local", "try", str(PROJECT / "tests" / "payloads" / "woocommerce.json"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "it is named woocommerce_2, since the project has a contract woocommerce" in done.stdout
    assert "2 documents read, 2 loaded, 0 rejected" in done.stdout


def test_the_demo_loads_its_sample_and_asks_its_queries(project: Path) -> None:
    done = run(project, "local", "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 orders read, 4 loaded" in done.stdout
    assert "Ask: woocommerce_sales_by_month" in done.stdout
