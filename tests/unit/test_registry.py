"""Which contract is meant: by a name, and without one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chalicelib.contracts import registry
from chalicelib.errors import ContractError
from chalicelib.flatten.command import main
from tests.contracts import FOLDER, lay


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the contracts are read from."""
    monkeypatch.setattr(registry, "FOLDER", tmp_path)
    registry.contract.cache_clear()
    return tmp_path


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    registry.contract.cache_clear()


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (["orders"], "orders"),
        (["woocommerce"], "woocommerce"),
        (["baskets", "orders"], "orders"),
        (["baskets", "woocommerce"], None),
        ([], None),
    ],
)
def test_without_a_name_it_is_the_only_contract_else_the_orders(there: list[str], chosen: str | None) -> None:
    assert registry.default(there) == chosen


def test_a_command_takes_the_only_contract_there_is(contracts: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    lay(contracts, "woocommerce")
    assert registry.contract().name == "woocommerce"
    sample = FOLDER / "woocommerce" / "sample.json"
    assert main([str(sample), "-o", str(tmp_path_factory.mktemp("out") / "rows")]) == 0


def test_where_it_is_not_clear_which_is_meant_they_are_listed(
    contracts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lay(contracts, "baskets", "woocommerce")
    with pytest.raises(ContractError) as caught:
        registry.contract()
    said = "no contract is named: give the path of a contract.toml, or one of baskets, woocommerce"
    assert caught.value.problems == [said]
    assert main(["-", "-o", str(contracts / "out")]) == 2
    assert capsys.readouterr().err == f"{said}\n"
    assert registry.contract("baskets").name == "baskets"


def test_without_any_contract_that_is_said(contracts: Path) -> None:
    with pytest.raises(ContractError) as caught:
        registry.contract()
    assert caught.value.problems == [f"no contract is named: give the path of a contract.toml: {contracts} has none"]
