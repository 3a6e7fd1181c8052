"""One app for the tests of this folder; its fakes are new for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from unittest import mock

import pytest

from chalicelib import assembly
from chalicelib.contracts import registry
from tests.app.front import Front
from tests.contracts import FOLDER


@pytest.fixture(autouse=True, scope="module")
def _contracts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have the app stand on the tests' orders alone: app.py reads the contracts that it is shipped with."""
    folder = tmp_path_factory.mktemp("contracts")
    shutil.copytree(FOLDER / "orders", folder / "orders")
    with mock.patch.object(registry, "FOLDER", folder):
        _forget()
        yield
    _forget()


def _forget() -> None:
    for read in (registry.contracts, registry.contract, assembly.datasets):
        read.cache_clear()


@pytest.fixture
def front() -> Front:
    """The app with its default settings."""
    return Front()
