"""python -m chalicelib.contracts export: other tools read what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlglot
from hypothesis import given
from open_data_contract_standard.model import OpenDataContractStandard
from sqlglot import exp

from chalicelib.contracts import registry
from chalicelib.contracts.__main__ import main
from chalicelib.contracts.contract import Contract
from chalicelib.contracts.json_schema import json_schema
from chalicelib.contracts.odcs import odcs, yaml
from tests.drawn_contracts import completed, declared_contracts
from tests.examples import examples

ROOT = Path(__file__).parents[2]
CONTRACTS = [
    "orders",
    *sorted(
        str(file.parent)
        for room in ("tests", "examples")
        for file in (ROOT / room / "contracts").glob("*/contract.toml")
    ),
]


def exported(capsys: pytest.CaptureFixture[str], contract: str, form: str, *options: str) -> str:
    assert main(["export", contract, "--format", form, *options]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda path: path.removeprefix(str(ROOT)))
def test_odcs_is_read_by_the_standards_own_model(contract: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = exported(capsys, contract, "odcs")
    read = OpenDataContractStandard.from_string(text)
    tables = registry.contract(contract).tables
    assert [each.name for each in read.schema_ or []] == [name for t in tables for name in (t.name, t.latest) if name]
    for each, columns in zip(
        (each for each in read.schema_ or [] if each.physicalType == "table"), (t.columns for t in tables), strict=True
    ):
        assert [(p.name, p.physicalType) for p in each.properties or []] == [(c.name, c.glue_type) for c in columns]


@pytest.mark.thorough
@examples(30, many=80)
@given(declared_contracts())
def test_odcs_of_a_drawn_contract_says_the_same_in_yaml(declared: Contract) -> None:
    value = odcs(completed(declared))
    read = OpenDataContractStandard.from_string(yaml(value))
    assert read.model_dump(by_alias=True, exclude_none=True) == value


@pytest.mark.thorough
@pytest.mark.parametrize("contract", ["orders", str(ROOT / "tests/contracts/stripe_invoice")])
def test_datacontract_lint_has_no_objection(contract: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "contract.odcs.yaml"
    file.write_text(exported(capsys, contract, "odcs"), "utf-8")
    command = [str(Path(sys.executable).with_name("datacontract")), "lint", str(file), "--all-errors"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False)
    assert (run.returncode, "Data contract is valid against ODCS" in run.stdout) == (0, True), run.stdout + run.stderr


def test_the_key_of_a_view_is_identity_and_row_number_and_a_table_has_none() -> None:
    table, view = odcs(registry.contract("orders"))["schema"]
    keys = {each["name"]: each.get("primaryKeyPosition") for each in view["properties"]}
    assert {name: position for name, position in keys.items() if position} == {"order_id": 1, "line_number": 2}
    assert not any("primaryKey" in each for each in table["properties"])
    assert [each["name"] for each in table["properties"] if each.get("partitioned")] == ["order_month"]


def test_jsonschema_prints_the_schema_that_the_api_serves(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(exported(capsys, "orders", "jsonschema")) == json_schema(registry.contract("orders"))


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda path: path.removeprefix(str(ROOT)))
def test_sql_declares_every_table_and_view(contract: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = exported(capsys, contract, "sql", "--database", "sales", "--bucket", "my-bucket")
    whole = registry.contract(contract)
    creations = [each for each in sqlglot.parse(text, read="athena") if each is not None]
    tables = [each for each in creations if each.args["kind"] == "TABLE"]
    assert [each.find(exp.Table).name for each in tables] == [table.name for table in whole.tables]
    views = [each for each in creations if each.args["kind"] == "VIEW"]
    assert [each.find(exp.Table).name for each in views] == list(whole.views)
    for table, creation in zip(whole.tables, tables, strict=True):
        declared = [each.name for each in creation.find(exp.Schema).expressions]
        assert declared == [column.name for column in table.file_columns]
        assert f"LOCATION 's3://my-bucket/{table.name}/'" in text


def test_quotes_in_a_description_stay_within_the_comment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "contract.toml"
    file.write_text(
        '[document]\nidentity = "id"\n[tables.t.columns]\n'
        "id = { path = 'id', type = 'text', description = \"The shop's \\\\ own'); DROP\" }\n"
    )
    text = exported(capsys, str(file), "sql")
    assert "`id` string COMMENT 'The shop\\'s \\\\ own\\'); DROP'," in text


@pytest.mark.parametrize("option", [["--bucket", "a'b"], ["--database", "x`y"], ["--format", "xml"], []])
def test_wrong_options_are_wrong_usage(option: list[str]) -> None:
    form = [] if not option or option[0] == "--format" else ["--format", "sql"]
    with pytest.raises(SystemExit, match="2"):
        main(["export", "orders", *form, *option])
