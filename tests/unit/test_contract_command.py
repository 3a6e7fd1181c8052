"""python -m chalicelib.contracts check and show."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.contracts.__main__ import main
from tests.contracts import NAMES

ROOT = Path(__file__).parents[2]


def test_check_says_that_a_deployed_contract_has_no_faults(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "orders"]) == 0
    assert capsys.readouterr() == ("orders: 1 table, 20 columns, no faults\n", "")


@pytest.mark.parametrize("given", ["tests/contracts/woocommerce", "tests/contracts/woocommerce/contract.toml"])
def test_check_takes_a_file_or_its_folder(
    given: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["check", given]) == 0
    assert capsys.readouterr().out.startswith("woocommerce: 3 tables, ")


def test_check_prints_every_fault_and_exits_with_2(tmp_path: Path) -> None:
    file = tmp_path / "contract.toml"
    file.write_text('[document]\nidentity = "id"\n[tables.t]\nrow = "x[]"\n[tables.t.columns]\nid = { path = "id" }\n')
    command = [sys.executable, "-m", "chalicelib.contracts", "check", str(file)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.splitlines() == [
        f"{file} has 2 faults:",
        f"- {file}:4: tables.t.row: unknown key (did you mean rows?): use description, rows, one_or_many, latest, "
        "documents, columns",
        f"- {file}:6: tables.t.columns.id: has no type: give it one of identifier, text, json, decimal, integer, "
        "double, boolean, date, timestamp",
    ]


def test_a_contract_that_is_nowhere_is_named_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "shop"]) == 2
    assert capsys.readouterr().err == (
        "there is no contract 'shop': give the path of a contract.toml, or one of orders\n"
    )


def test_wrong_usage_exits_with_2() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["prove", "orders"])


def test_show_prints_tables_columns_types_and_paths(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["show", "tests/contracts/stripe_invoice"]) == 0
    shown = re.sub(" {2,}", "  ", capsys.readouterr().out)
    for line in [
        "stripe_invoice: Invoices of Stripe: amounts in the currency's minor units, dates in epoch seconds.",
        " identity invoice_id; month of created",
        " records at data",
        " one row for each lines.data[]",
        " view stripe_invoices: one row a document",
        " invoice_id  string  id  required",
        " created  timestamp  created  required; epoch_seconds",
        " line_number  int  number of lines.data[]",
        " amount  decimal(18,4)  lines.data[].amount  minor units of lines.data[].currency",
        " month  string  (month)",
    ]:
        assert line in shown, shown


@pytest.mark.parametrize("contract", NAMES)
def test_every_contract_can_be_shown(contract: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(ROOT / "tests/contracts" / contract)]) == 0
    assert not any(line.endswith(" ") for line in capsys.readouterr().out.splitlines())
