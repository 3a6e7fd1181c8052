"""All examples in one deployment with the orders: copied beside them, deployed, dropped, asked."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.contracts import registry
from chalicelib.queries import saved
from local.deploy import deploy
from local.emulator import running
from tests.example_rows import EXAMPLES, NAMES
from tests.local.api_client import Client
from tests.local.product import Product, order, project_with

pytestmark = [pytest.mark.aws, pytest.mark.slow]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    project = project_with(tmp_path_factory.mktemp("project"), {})
    for name in NAMES:
        shutil.copytree(EXAMPLES / name, project / "chalicelib" / "contracts" / name)
    with running() as aws:
        yield Product(aws, deploy(aws, tmp_path_factory.mktemp("workspace"), project))


@pytest.fixture(scope="module")
def loaded(product: Product) -> Product:
    """The product with each sample in the folder of its contract, and an order in the orders'."""
    keys = [product.drop("one.json", [order("o-1")])]
    for name in NAMES:
        folder = product.settings.incoming_prefix + registry.contract(str(EXAMPLES / name)).incoming
        keys.append(product.put(f"{folder}sample.json", (EXAMPLES / name / "sample.json").read_bytes()))
    for key in keys:
        counts = product.finished(key).counts
        assert (counts.orders_loaded, counts.orders_rejected) == (counts.orders_read, 0), key
    return product


@pytest.mark.parametrize("name", NAMES)
def test_every_table_of_an_example_has_its_expected_rows(loaded: Product, name: str) -> None:
    expected = json.loads((EXAMPLES / name / "expected.json").read_text("utf-8"))
    for table, rows in expected.items():
        assert loaded.ask(f"SELECT COUNT(*) FROM {table}") == [(len(rows),)], table


@pytest.mark.parametrize("name", NAMES)
def test_the_saved_queries_of_an_example_answer_over_http_as_in_memory(loaded: Product, name: str) -> None:
    client = Client(loaded, (loaded.aws.access_key_id, loaded.aws.secret_access_key))
    golden = EXAMPLES.parents[1] / "tests" / "goldens" / f"example_{name}.json"
    answers: dict[str, list[list[Any]]] = json.loads(golden.read_text("utf-8"))
    listed = {each["name"] for each in client.get("/queries").json()["queries"]}
    assert listed >= answers.keys() | {"preview"}
    for query, (columns, *rows) in answers.items():
        answer = client.get(f"/queries/{query}").json()
        assert [column["name"] for column in answer["columns"]] == columns
        assert [[None if value is None else as_text(value) for value in row] for row in answer["rows"]] == rows


def test_the_orders_are_loaded_beside_the_examples(loaded: Product) -> None:
    assert loaded.ask("SELECT order_id FROM orders") == [("o-1",)]
    assert "preview" in saved.load(loaded.datasets)


def as_text(value: Any) -> str:
    """Return a value as Athena's results write it."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T([\d:.]+)Z?$", r"\1 \2", str(value))
