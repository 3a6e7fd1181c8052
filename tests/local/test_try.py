"""`make try` itself: a file becomes a contract, tables and answers, and nothing stays unless it is kept."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.emulator import PROJECT
from local.trial import fitting
from tests.local.product import clone
from tests.readme import not_printed

pytestmark = pytest.mark.aws

CONTRACTS = Path("chalicelib/contracts")


def order(number: int, **more: Any) -> dict[str, Any]:
    lines = [{"sku": f"S-{number}", "title": "Cup", "quantity": 2, "price": 2.5}]
    return {"order_id": number, "order_date": "2024-01-02T03:04:05Z", "total": 6, "items": lines, **more}


def attempt(project: Path, *arguments: object, home: Path | None = None) -> tuple[int, str]:
    """Run the command; return its exit status and what it printed."""
    environment = {**os.environ, **({"TMPDIR": str(home)} if home else {})}
    done = subprocess.run(
        [sys.executable, "-m", "local", "try", *map(str, arguments)],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert "Traceback" not in done.stdout + done.stderr
    return done.returncode, done.stdout


def files_of(project: Path) -> set[str]:
    return {path.relative_to(project).as_posix() for path in project.rglob("*") if "__pycache__" not in path.parts}


def test_a_file_becomes_tables_and_answers_and_nothing_of_it_stays(tmp_path: Path) -> None:
    project, home = clone(tmp_path / "project"), tmp_path / "home"
    home.mkdir()
    shutil.copy(PROJECT / "tests/payloads/woocommerce.json", tmp_path)
    before = files_of(project)
    status, said = attempt(project, tmp_path / "woocommerce.json", home=home)
    assert status == 0, said
    assert "identity: id (id: in every document, different in each)" in said
    assert "    2 documents read, 2 loaded, 0 rejected\n" in said
    assert "    woocommerce_raw: 4 rows\n    woocommerce_tax_lines_raw: 2 rows\n" in said
    assert "Ask: woocommerce_total_mismatches" in said
    assert "2017-03         USD                    2             68.35" in said
    assert "KEEP=1" in said.splitlines()[-1]
    printed = said.replace(str(tmp_path), "tests/payloads")
    assert not_printed("$ make try FILE=tests/payloads/woocommerce.json", printed) == []
    assert files_of(project) == before
    assert [path.name for path in home.iterdir() if path.name.startswith("orders-etl")] == []


@pytest.mark.slow
def test_what_is_rejected_is_shown_and_the_contract_is_kept_and_tried_again(tmp_path: Path) -> None:
    project = clone(tmp_path / "project")
    content = b"\n".join(json.dumps(each).encode() for each in (order(1), order(2, items=[None]), order(3)))
    file = tmp_path / "orders.txt"
    file.write_bytes(gzip.compress(content))
    status, said = attempt(project, file, "--keep")
    assert status == 0, said
    assert "    3 documents read, 2 loaded, 1 rejected" in said
    assert "\n1 of 3 documents was rejected, as shown above.\n" in said
    assert "items[0]  expected an object, found null" in said
    kept = project / CONTRACTS / "orders_txt"
    assert {path.name for path in kept.iterdir()} == {"contract.toml", "sample.json", "queries"}
    assert f"CONTRACT={kept.name}" in said
    text = (kept / "contract.toml").read_text("utf-8")
    (kept / "contract.toml").write_text(text.replace("description = ", "# mine\ndescription = ", 1), "utf-8")
    status, said = attempt(project, file, "--contract", kept.name, "--keep")
    assert status == 0, said
    assert "Propose" not in said
    assert "    orders_txt_raw: 2 rows\n" in said
    assert "# mine" in (kept / "contract.toml").read_text("utf-8")


@pytest.mark.slow
def test_a_contract_of_the_project_is_never_overwritten(tmp_path: Path) -> None:
    project = clone(tmp_path / "project")
    before = {path: path.read_bytes() for path in (project / CONTRACTS / "orders").rglob("*") if path.is_file()}
    (tmp_path / "orders.json").write_text(json.dumps({"orders": [order(1)], "next": None}))
    status, said = attempt(project, tmp_path / "orders.json", "--keep")
    assert status == 0, said
    assert "named orders_2" in said
    assert {path: path.read_bytes() for path in before} == before
    assert (project / CONTRACTS / "orders_2" / "contract.toml").is_file()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[1, 2", "no contract was proposed"),
        (b"[1, 2]", "no record is an object"),
        (b'{"orders": {"-Nx1a2": {"id": 1, "total": 2}, "-Nx1a3": {"id": 2, "total": 3}}}', "a map keyed by id"),
        (None, "there is no file"),
    ],
)
def test_a_file_that_no_contract_reads_is_said_to_be_one_and_starts_nothing(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / "mine.json").write_bytes(content)
    status, said = attempt(PROJECT, tmp_path / "mine.json")
    assert status == 1
    assert words in said
    assert "embedded AWS" not in said


def test_a_folder_is_said_to_be_one(tmp_path: Path) -> None:
    status, said = attempt(PROJECT, tmp_path)
    assert status == 1
    assert f"{tmp_path} is a folder, and a trial takes one file" in said


@pytest.mark.slow
def test_a_saved_query_that_does_not_fit_is_said_with_its_line_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps([order(1)]))
    project = clone(tmp_path / "project")
    query = CONTRACTS / "orders" / "queries" / "sales_per_customer.sql"
    text = (project / query).read_text("utf-8")
    (project / query).write_text(text.replace("customer_id", "customer"), "utf-8")
    shutil.copytree(project / CONTRACTS / "orders", tmp_path / "copy")
    for contract, file in (
        ("orders", query),
        (str(tmp_path / "copy"), tmp_path / "copy/queries/sales_per_customer.sql"),
    ):
        status, said = attempt(project, tmp_path / "mine.json", "--contract", contract)
        assert status == 1
        assert re.search(rf"{re.escape(str(file))}:\d+: there is no column 'customer'", said)
        assert "embedded AWS" not in said


def test_a_contract_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps([order(1)]))
    status, said = attempt(clone(tmp_path / "project"), tmp_path / "mine.json", "--contract", "nowhere")
    assert status == 1
    assert "there is no contract 'nowhere'" in said
    assert "orders" in said.splitlines()[-1]


def test_a_column_that_is_too_wide_takes_no_room_from_those_behind_it() -> None:
    assert fitting({"id": 10, "note": 90, "total": 12, "currency": 10}, 30) == ["id", "total"]
    assert fitting({"note": 90, "total": 12}, 30) == ["note"]
