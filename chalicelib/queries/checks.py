"""Checks: saved queries of a contract that are to return no row, asked by the refresh of a stage."""

from __future__ import annotations

from collections.abc import Iterable

from chalicelib.dataset import Dataset
from chalicelib.errors import ContractError, ParameterError
from chalicelib.queries.saved import SavedQuery, read


def load(datasets: Iterable[Dataset]) -> list[SavedQuery]:
    """Read the checks of all datasets. Nobody gives them parameters: each has a default for all that it takes.

    Raises ContractError with every fault of all files.
    """
    checks, problems = _read(datasets)
    if problems:
        raise ContractError(problems)
    return checks


def faults(datasets: Iterable[Dataset]) -> list[str]:
    """Return every fault of the datasets' checks, each with its file and the remedy."""
    return _read(datasets)[1]


def _read(datasets: Iterable[Dataset]) -> tuple[list[SavedQuery], list[str]]:
    checks, problems = [], []
    for dataset in datasets:
        for path in dataset.check_files:
            try:
                check = read(path, dataset)
                check.bind({})
                checks.append(check)
            except ContractError as error:
                problems += error.problems
            except ParameterError as error:
                needed = ", ".join(error.problems)
                problems.append(f"{path}: nobody gives a check its parameters: give a default to {needed}")
    return checks, problems
