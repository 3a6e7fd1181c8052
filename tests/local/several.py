"""A deployment of two contracts: the orders, and baskets that become three tables."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts.contract import Table
from chalicelib.dataset import Dataset
from local.deploy import deploy
from local.emulator import running
from local.expected import table_rows
from tests.contracts import FOLDER
from tests.local.product import Product, project_with

NAME = "baskets"
SOURCE = FOLDER / NAME


def basket(basket_id: object, version: int = 1, sold: str = "2024-07-05T10:00:00Z", items: int = 2) -> dict[str, Any]:
    """Return a document: each of its items has two taxes."""
    taxes = [{"name": "city", "cents": 10}, {"name": "state", "cents": 25}]
    lines = [{"sku": f"sku-{i}", "price": "1.50", "quantity": i + 1, "taxes": taxes} for i in range(items)]
    return {"id": basket_id, "version": version, "sold": sold, "total": {"cents": 1999}, "items": lines}


class Several(Product):
    """A product with two contracts."""

    @property
    def baskets(self) -> Dataset:
        """The dataset of the baskets."""
        return next(each for each in self.datasets if each.name == NAME)

    def drop_baskets(self, name: str, body: list[Any] | bytes) -> str:
        """Put a file into the folder of the baskets; return its key."""
        return self.put(f"{self.baskets.incoming}{name}", json.dumps(body) if isinstance(body, list) else body)

    def identities(self, key: str) -> dict[str, list[tuple[str, str]]]:
        """Return identity and month of each row that came from a key, by table of both contracts, read by pyarrow."""
        return {
            table.name: sorted((row[1], row[2]) for row in self._rows_of(dataset, table) if row[0] == key)
            for dataset in self.datasets
            for table in dataset.tables
        }

    def _rows_of(self, dataset: Dataset, table: Table) -> list[list[Any]]:
        return table_rows(self.s3, dataset, (*table.identity, table.partition.name), table)


@contextlib.contextmanager
def several(folders: pytest.TempPathFactory, **variables: str) -> Iterator[Several]:
    """Deploy the orders and the baskets on an embedded AWS of their own."""
    project = with_baskets(project_with(folders.mktemp("project"), variables))
    with running() as aws:
        yield Several(aws, deploy(aws, folders.mktemp("workspace"), project))


def with_baskets(project: Path) -> Path:
    """Add the contract of the baskets to a copy of the project, as a person does: by its folder."""
    target = project / "chalicelib" / "contracts" / NAME
    for source in (path for path in SOURCE.rglob("*") if path.is_file()):
        copy = target / source.relative_to(SOURCE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    return project
