"""The contracts that are deployed: one folder each beside this file."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path

from chalicelib.contracts.contract import Contract
from chalicelib.contracts.reading import FILE_NAME, read
from chalicelib.errors import ContractError, shown

DEFAULT = "orders"
"""The contract that is meant where none is named and there are several."""

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


def default(names: Collection[str]) -> str | None:
    """Return which contract of these names is meant where none is named: the only one, else DEFAULT, else None."""
    if len(names) == 1:
        return next(iter(names))
    return DEFAULT if DEFAULT in names else None


@cache
def contract(name: str | None = None) -> Contract:
    """Return the contract that is deployed under a name, or that a file or a folder at a path declares.

    Without a name it is the one that `default` chooses. Raises ContractError where there is none, and for every fault
    in it.
    """
    names = [each.parent.name for each in sorted(FOLDER.glob(f"*/{FILE_NAME}"))]
    chosen = default(names) if name is None else name
    if chosen is not None:
        path = Path(chosen)
        for file in (FOLDER / chosen / FILE_NAME, path / FILE_NAME, path):
            if file.is_file():
                return read(file)
    problem = "no contract is named" if chosen is None else f"there is no contract {shown(chosen)!r}"
    listed = f", or one of {', '.join(names)}" if names else f": {FOLDER} has none"
    raise ContractError([f"{problem}: give the path of a {FILE_NAME}{listed}"])
