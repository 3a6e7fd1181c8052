"""The examples of docs/api.md run as they are, in the order in which they stand there."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.emulator import PROJECT
from local.pipeline import Pipeline
from tests.local.product import Product

pytestmark = pytest.mark.aws
PAGE = (PROJECT / "docs" / "api.md").read_text("utf-8")


def blocks(language: str, page: str = PAGE) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def readme_section() -> str:
    """Return the README's section on the REST API."""
    text = (PROJECT / "README.md").read_text("utf-8")
    return text.partition("## The REST API")[2].partition("\n## ")[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with the samples in it."""
    (tmp_path / "sample_data").symlink_to(PROJECT / "sample_data")
    return tmp_path


def run(product: Product, folder: Path, *command: str) -> str:
    """Run a command in the directory with what .local/env tells; return what it printed."""
    variables = Pipeline(product.aws, product.deployment).environment
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"} | variables
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_shell_examples(product: Product, folder: Path) -> None:
    printed = run(product, folder, "bash", "-euo", "pipefail", "-c", "\n".join(blocks("sh")))
    upload = json.loads((folder / "upload.json").read_text())
    assert upload["status"] == "loaded"
    assert upload["orders_loaded"] == 12
    assert '"name":"top_products"' in printed
    assert '"query":"sales_by_month"' in printed
    assert "Code" not in printed
    rows = list(csv.reader((folder / "sales_per_customer.csv").open()))
    assert rows[0][0] == "customer_id"
    assert len(rows) > 2


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_the_three_commands_of_the_readme(product: Product, folder: Path) -> None:
    commands = blocks("sh", readme_section())
    assert len(commands) == 1 + 3
    printed = run(product, folder, "bash", "-euo", "pipefail", "-c", "\n".join(commands))
    assert '"status":"loaded","orders_read":12,"orders_loaded":12,"orders_rejected":0,"rows":23' in printed
    assert '"query":"sales_by_month","state":"SUCCEEDED"' in printed


def test_the_python_example(product: Product, folder: Path) -> None:
    (program,) = blocks("python")
    printed = run(product, folder, sys.executable, "-c", program)
    assert printed.startswith("partly_loaded 7 loaded, 9 rejected\n")
    assert printed.count("\n") == 7
    assert re.search(r"^\d+ orders$", printed, re.MULTILINE)


def test_every_error_of_the_page_is_one_of_the_api() -> None:
    from chalicelib.api.errors import CODES

    documented = {int(status): code for status, code in re.findall(r"^\| (\d{3}) \| `(\w+)` \|", PAGE, re.MULTILINE)}
    assert documented == CODES
