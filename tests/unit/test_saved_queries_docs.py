"""docs/queries.md tells each saved query as its file declares it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.assembly import datasets
from chalicelib.queries import saved
from chalicelib.queries.saved import SavedQuery
from chalicelib.settings import Settings

DOCS = Path(__file__).parents[2] / "docs" / "queries.md"
QUERIES = saved.load(datasets(Settings(bucket="orders-etl-test")))


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
    assert section(query) in DOCS.read_text("utf-8")


def test_the_python_of_the_documentation_binds_a_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_BUCKET", "orders-etl-test")
    (text,) = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    until_athena, _, _ = text.partition("execution_id =")
    names: dict[str, Any] = {"athena_client": lambda: None}
    exec(until_athena.replace("import Athena, athena_client", "import Athena"), names)
    assert names["statement"].parameters[-1] == "5"
