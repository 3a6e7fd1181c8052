"""What the project says of the contract that it is shipped with: it holds for as long as it is that contract.

These tests are the only ones that read `chalicelib/contracts`, which anybody may change: then they are skipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.contracts.reading import FILE_NAME
from chalicelib.settings import Settings
from docs.generate import DOCS, pages_of
from local.emulator import PROJECT
from tests.contracts import ORDERS_FILE, datasets_of


def texts(folder: Path) -> dict[str, str]:
    """Return the text of each file of a contract."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in files}


SHIPPED = [file.parent for file in (PROJECT / "chalicelib" / "contracts").glob(f"*/{FILE_NAME}")]
UNCHANGED = [(each.name, texts(each)) for each in SHIPPED] == [("orders", texts(ORDERS_FILE.parent))]

pytestmark = pytest.mark.skipif(
    not UNCHANGED,
    reason="the shipped contract was changed: its goldens do not apply (of your own, make check-contracts tells)",
)


def run(folder: Path, *arguments: str) -> str:
    """Run a Python command that must succeed, with a folder as the current one; return what it printed."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_first_commands_of_the_readme_print_what_it_shows(tmp_path: Path) -> None:
    (block,) = re.findall(r"```console\n\$ python (.*?)```", (PROJECT / "README.md").read_text("utf-8"), re.DOTALL)
    command, summary, _, *rejected = block.splitlines()
    (tmp_path / "sample_data").symlink_to(PROJECT / "sample_data")
    assert json.loads(run(tmp_path, *command.split())) == json.loads(summary)
    lines = (tmp_path / "rejected.ndjson").read_text("utf-8").splitlines()
    assert [line[:110] for line in lines[: len(rejected)]] == rejected


def test_it_has_no_faults_and_fits_its_sample_and_queries(tmp_path: Path) -> None:
    checked = run(tmp_path, "-m", "chalicelib.contracts", "check", "orders")
    assert checked == "orders: 1 table, 20 columns, no faults\n"
    fitting = run(tmp_path, "-m", "local", "check-contracts")
    assert fitting == "orders: 3 documents, 1 table, 2 views, 9 saved queries, 2 checks: all fit\n"


@pytest.mark.parametrize("page", ["contract-orders.md", "queries.md"])
def test_its_pages_are_those_of_the_contract_that_the_tests_stand_on(page: str) -> None:
    assert (DOCS / page).read_text("utf-8") == pages_of(datasets_of(Settings(bucket="any")))[page]
