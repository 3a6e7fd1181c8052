"""Checks: saved queries that nobody gives a parameter, read from beside the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from chalicelib.errors import ContractError
from chalicelib.queries import checks
from chalicelib.settings import Settings
from tests.contracts import ORDERS, datasets_of

SETTINGS = Settings(bucket="b")
HEADER = "-- title: None is negative\n-- description: A row for each that is.\n"
PARAMETER = "-- parameter: least\n--   type: integer\n--   description: The least.\n--   example: 1\n"


def in_folder(folder: Path, text: str) -> list[str]:
    (folder / "checks").mkdir()
    (folder / "checks" / "negative.sql").write_text(text)
    return checks.faults(datasets_of(SETTINGS, replace(ORDERS, folder=folder)))


def test_the_orders_have_their_checks() -> None:
    found = {each.name: each for each in checks.load(datasets_of(SETTINGS))}
    assert set(found) == {"freshness", "total_mismatches"}
    assert {each.contract for each in found.values()} == {"orders"}


def test_a_check_with_a_default_for_what_it_takes_is_one(tmp_path: Path) -> None:
    sql = "SELECT 1 FROM ${table} WHERE price < :least"
    assert in_folder(tmp_path, f"{HEADER}{PARAMETER}--   default: 0\n{sql}") == []


def test_a_check_that_has_to_be_given_a_parameter_is_a_fault_with_the_remedy(tmp_path: Path) -> None:
    text = f"{HEADER}{PARAMETER}--   required: yes\nSELECT 1 FROM ${{table}} WHERE price < :least"
    (fault,) = in_folder(tmp_path, text)
    assert fault.endswith("negative.sql: nobody gives a check its parameters: give a default to least")
    with pytest.raises(ContractError, match="give a default to least"):
        checks.load(datasets_of(SETTINGS, replace(ORDERS, folder=tmp_path)))


def test_a_check_is_held_to_what_a_saved_query_is(tmp_path: Path) -> None:
    (fault,) = in_folder(tmp_path, f"{HEADER}SELECT 1;")
    assert "has ';' in its SQL: leave it out" in fault


def test_a_contract_without_checks_has_none() -> None:
    assert checks.load(datasets_of(SETTINGS, replace(ORDERS, folder=None))) == []
