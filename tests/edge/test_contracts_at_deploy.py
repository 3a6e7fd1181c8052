"""Contracts and saved queries are checked before a deployment touches anything, every fault of all at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.assembly import check_contracts
from chalicelib.errors import ContractError
from chalicelib.settings import Settings
from local.deploy import NOT_COPIED, copy_project
from local.emulator import PROJECT
from tests.contracts import FOLDER, lay

SETTINGS = Settings(bucket="orders-etl-test")
QUERY = "-- title: T\n-- description: D\nSELECT 1\n"
WITHOUT_TITLE = "-- description: D\nSELECT 1 ? 2\n"


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    """A folder of contracts: the orders', another with a query, one that clashes with it, and one that is wrong."""
    folder = tmp_path / "contracts"
    for name, source in (("orders", "orders"), ("shop", "woocommerce"), ("shop_too", "woocommerce")):
        shutil.copytree(FOLDER / source, folder / name)
    for name in ("shop", "shop_too"):
        (folder / name / "queries").mkdir()
        (folder / name / "queries" / "refunds.sql").write_text(QUERY)
    (folder / "shop" / "queries" / "untitled.sql").write_text(WITHOUT_TITLE)
    (folder / "wrong").mkdir()
    (folder / "wrong" / "contract.toml").write_text('colour = "red"\n[document]\n[tables]\n')
    return folder


def test_every_fault_of_every_contract_their_clashes_and_their_queries_is_named_at_once(contracts: Path) -> None:
    with pytest.raises(ContractError) as caught:
        check_contracts(SETTINGS, contracts)
    problems = "\n".join(caught.value.problems)
    clashing = ("woo_lines", "woo_lines_latest", "woo_orders", "woo_refunds", "woo_refunds_latest", "woo_line_taxes")
    for name in clashing:
        assert f"table or view '{name}' is that of contract shop and of contract shop_too" in problems
    assert "incoming folder 'orders_json_incoming/woocommerce/' is that of contract shop and of" in problems
    assert "saved query 'refunds' is that of contract shop and of contract shop_too" in problems
    untitled = contracts / "shop" / "queries" / "untitled.sql"
    assert f"{untitled}: has no title or no description" in problems
    assert f"{untitled}: has '?' in its SQL" in problems
    wrong = contracts / "wrong" / "contract.toml"
    assert f"{wrong}:1: colour" in problems
    assert f"{wrong}:3: tables: is empty" in problems
    assert str(caught.value).startswith(f"the contracts have {len(caught.value.problems)} faults:\n- ")


def test_contracts_without_a_fault_pass() -> None:
    check_contracts(SETTINGS)


def test_a_folder_without_a_contract_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="there is no contract: put a folder with"):
        check_contracts(SETTINGS, tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a second contract whose name of a table is the first's, and which has a malformed query."""
    folder = tmp_path / "project"
    copy_project(PROJECT, folder)
    shutil.copytree(PROJECT / "release", folder / "release", ignore=NOT_COPIED)
    contracts = lay(folder / "chalicelib" / "contracts", "orders")
    beside = contracts / "beside"
    shutil.copytree(FOLDER / "orders", beside)
    shutil.rmtree(beside / "queries")
    (beside / "queries").mkdir()
    (beside / "queries" / "untitled.sql").write_text(WITHOUT_TITLE)
    return folder


@pytest.mark.thorough
@pytest.mark.parametrize(
    "command",
    [
        ("glue_setup", "plan"),
        ("glue_setup", "apply"),
        ("glue_setup", "policies"),
        ("release", "configure", "--bucket", "my-orders"),
        ("release", "deploy", "--bucket", "my-orders"),
        ("release", "terraform"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_command_that_deploys_refuses_such_contracts_before_anything_is_touched(
    project: Path, command: tuple[str, ...]
) -> None:
    stage = "dev" if "--bucket" in command else "local"
    before = {path: path.read_bytes() for path in (project / ".chalice").iterdir()}
    done = subprocess.run(
        [sys.executable, "-m", *command, "--stage", stage],
        cwd=project,
        # Whatever is asked of AWS ends the command with another message.
        env={"PATH": os.environ["PATH"], "HOME": str(project), "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "the contracts have" in done.stderr
    assert "table or view 'orders_parquet_datalake' is that of contract beside and of contract orders" in done.stderr
    assert "untitled.sql: has no title or no description" in done.stderr
    assert "Traceback" not in done.stderr
    assert {path: path.read_bytes() for path in (project / ".chalice").iterdir()} == before
