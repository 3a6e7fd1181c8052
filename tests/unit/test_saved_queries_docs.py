"""The documents that are made of contracts tell what a contract and its saved queries say."""

from __future__ import annotations

import re
from typing import Any

import pytest

from chalicelib.queries import saved
from chalicelib.queries.saved import SavedQuery
from chalicelib.settings import Settings
from docs.generate import documents, pages_of
from tests.contracts import NAMES, contract, datasets_of

DATASETS = datasets_of(Settings(bucket="orders-etl-test"))
QUERIES = saved.load(DATASETS)
PAGES = pages_of(DATASETS)


def section(query: SavedQuery) -> str:
    """Return the part of the documentation that tells of one query."""
    lines = [f"### `{query.name}`", "", f"**{query.title}.** {query.description}", ""]
    if query.parameters:
        lines += ["| parameter | type | default | from – to | |", "|---|---|---|---|---|"]
    for parameter in query.parameters:
        default = "required" if parameter.required else f"`{parameter.default}`"
        bounds = f"{parameter.minimum} – {parameter.maximum}" if parameter.minimum else ""
        lines.append(f"| `{parameter.name}` | {parameter.type} | {default} | {bounds} | {parameter.description} |")
    if query.parameters:
        lines.append("")
    given = "&".join(f"{parameter.name}={parameter.example}" for parameter in query.parameters)
    return "\n".join([*lines, "```", f"GET /queries/{query.name}" + (f"?{given}" if given else ""), "```", ""])


@pytest.mark.parametrize("query", QUERIES.values(), ids=lambda query: query.name)
def test_the_documentation_of_a_query_is_what_its_file_says(query: SavedQuery) -> None:
    assert section(query) in PAGES["queries.md"]


def test_the_python_of_the_documentation_binds_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_BUCKET", "orders-etl-test")
    texts = re.findall(r"```python\n(.*?)```", documents()["queries.md"], re.DOTALL)
    (text,) = (text for text in texts if "execution_id =" in text)
    until_athena, _, _ = text.partition("execution_id =")
    names: dict[str, Any] = {"athena_client": lambda: None}
    exec(until_athena.replace("import Athena, athena_client", "import Athena"), names)
    assert names["statement"].sql


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_a_contract_has_every_table_column_path_and_view(name: str) -> None:
    of = contract(name)
    page = pages_of(datasets_of(Settings(bucket="any"), of))[f"contract-{name}.md"]
    for table in of.tables:
        assert f"## The table `{table.name}` in database `etl_pipeline`" in page
        for column in table.columns:
            assert f"| `{column.name}` | `{column.glue_type}` | " in page
            assert all(f"`{path}`" in page for path in column.paths)
    assert all(f"- `{view}`: " in page for view in of.views)


def test_the_page_of_the_orders_says_what_a_column_takes_and_links_its_queries() -> None:
    page = PAGES["contract-orders.md"]
    assert (
        "| `order_date` | `timestamp` | `order_date` | **Required.** ISO 8601 date or date-time, `Z` or offset "
        "converted to UTC. From 2000 to one year after the file. When the order was placed, UTC. |"
    ) in page
    assert "- A document is identified by `order_id`: one that comes again replaces the earlier one." in page
    assert "- `orders`: one row a document, in its latest version, with `line_count` and `line_total`." in page
    assert "[`preview`](queries.md#preview)" in page


def test_each_contract_of_a_deployment_has_its_queries_under_its_name() -> None:
    made = pages_of(datasets_of(Settings(bucket="any"), contract("orders"), contract("odoo")))
    assert made.keys() == {"contract-orders.md", "contract-odoo.md", "queries.md"}
    orders, odoo = made["queries.md"].split("## Of the contract `")[1:]
    assert orders.startswith("orders`")
    assert "### `preview`" in orders
    assert odoo.startswith("odoo`")
    assert "No saved query." in odoo
