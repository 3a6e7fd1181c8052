"""The contracts that are deployed: one folder each beside this file."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import FILE_NAME, read
from chalicelib.errors import ContractError, shown

DEFAULT = "orders"
"""The contract that a command works with where none is named."""

FOLDER = Path(__file__).parent
"""Where the contracts lie, one folder each."""


@cache
def contracts() -> tuple[Contract, ...]:
    """Return every contract, in the order of their names. Raises ContractError with every fault of all."""
    read_contracts, faults = readable(FOLDER)
    if faults:
        raise ContractError(faults)
    return read_contracts


def readable(folder: Path) -> tuple[tuple[Contract, ...], list[str]]:
    """Return the contracts in the folders of `folder` that have no fault, and the faults of the others."""
    contracts, faults = [], []
    for file in sorted(folder.glob(f"*/{FILE_NAME}")):
        try:
            contracts.append(read(file))
        except ContractError as problem:
            faults += problem.problems
    if not contracts and not faults:
        faults.append(f"there is no contract: put a folder with a {FILE_NAME} into {folder}")
    return tuple(contracts), faults


@cache
def contract(name: str = DEFAULT) -> Contract:
    """Return the contract that is deployed under a name, or that a file or a folder at a path declares.

    Raises ContractError where there is none, and for every fault in it.
    """
    path = Path(name)
    for file in (FOLDER / name / FILE_NAME, path / FILE_NAME, path):
        if file.is_file():
            return read(file)
    names = ", ".join(each.parent.name for each in sorted(FOLDER.glob(f"*/{FILE_NAME}"))) or "none"
    raise ContractError([f"there is no contract {shown(name)!r}: give the path of a contract.toml, or one of {names}"])
