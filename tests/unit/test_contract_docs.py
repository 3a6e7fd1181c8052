"""docs/contracts.md is true: its contracts are read, its words are those of the code."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from chalicelib.contracts.__main__ import main
from chalicelib.contracts.column_types import DECLARABLE, TAKES
from chalicelib.contracts.columns import KINDS
from chalicelib.contracts.paths import parse
from chalicelib.contracts.reading import read_text
from chalicelib.contracts.sources import Origin
from chalicelib.contracts.values import Dates
from chalicelib.errors import ContractError
from chalicelib.queries import saved

DOCS = (Path(__file__).parents[2] / "docs/contracts.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
SECTIONS = {part.splitlines()[0]: part for part in DOCS.split("\n## ")[1:]}


@pytest.mark.parametrize("position", range(len(EXAMPLES)))
def test_every_contract_of_the_docs_is_read(position: int) -> None:
    assert read_text(EXAMPLES[position], "example").description == tomllib.loads(EXAMPLES[position])["description"]


def test_the_paths_of_the_first_contract_lead_to_values_of_its_document() -> None:
    document = json.loads(re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)[0])["orders"][0]
    for _, column in read_text(EXAMPLES[0], "webshop").columns():
        for path in column.paths:
            value = document
            for key in path.keys:
                value = value[key][0] if isinstance(value[key], list) else value[key]
            assert value not in (None, "")


def test_every_path_of_the_docs_is_one() -> None:
    paths = re.findall(r"^\| `([^`]+)` \|", SECTIONS["Paths"], re.MULTILINE)
    assert len(paths) == 6
    assert [str(parse(path)) for path in paths] == paths


def test_the_docs_have_every_type_with_what_it_takes_and_becomes() -> None:
    rows = dict(re.findall(r"^\| `([a-z]+)` \| (.*)$", SECTIONS["Columns"], re.MULTILINE))
    for declared in DECLARABLE:
        assert rows[declared.value], declared
    assert all(TAKES[each] in rows[each.value] for each in DECLARABLE[:3])


def test_the_docs_have_every_key() -> None:
    words = set(re.findall(r"`([a-z0-9_]+)`", DOCS)) | set(re.findall(r"^\| `([a-z_]+)`", DOCS, re.MULTILINE))
    wanted = {*KINDS, *(each.value for each in Dates), *(each.value for each in Origin), "row_number"}
    for text in ("[document]\nx = 1\n[tables.t]\nx = 1", '[document]\n[tables.t.columns]\na = { path = "a", x = 1 }'):
        with pytest.raises(ContractError) as error:
            read_text(text, "x")
        listed = [re.search(r"\bx: unknown key.*?: use (.*)", problem) for problem in error.value.problems]
        wanted |= {key for match in listed if match for key in match[1].split(", ")}
    assert {"earliest", "one_or_many", "divide_by", "zone"} <= wanted
    assert wanted - {"tables"} <= words | {"columns", "type", "of", "document"}


def test_the_faults_of_the_docs_are_those_that_are_printed() -> None:
    text = """\
# A shop of which the docs show
# three
# faults.
[document]
records = ["orders"]
idenity = "order_id"
identity = "order_id"
[tables.lines]
rows = "lines[]"
[tables.lines.columns]
order_id = { path = "id", type = "identifier" }
price = { path = "lines[].price", type = "decimal", scale = 12 }
sku = { path = "items[].sku", type = "text" }
"""
    with pytest.raises(ContractError) as error:
        read_text(text, "shop", "shop.toml")
    assert f"shop.toml\n{error.value}\n```" in DOCS


def test_the_saved_query_of_the_docs_is_one() -> None:
    (text,) = re.findall(r"```sql\n(.*?)```", SECTIONS["Saved queries"], re.DOTALL)
    query = saved.parse("refunds_by_reason", text.replace("${database}", '"etl_pipeline"'))
    assert query.bind({}).parameters == ("'2000-01'", "DATE '2000-01-01'")
    assert query.chart == saved.Chart("bar", "reason", "refunded")


def test_the_diff_of_the_docs_is_the_one_that_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = {
        'path = "line_items[].sku", type = "text"': 'path = "line_items[].sku", type = "integer"',
        'path = "total_price"': 'path = "current_total_price"',
        "line_number =": 'title = { path = "line_items[].title", type = "text" }\nline_number =',
    }
    new = EXAMPLES[0]
    for before, after in changed.items():
        assert before in new
        new = new.replace(before, after, 1)
    for name, text in (("webshop.toml", EXAMPLES[0]), ("new.toml", new)):
        (tmp_path / name).write_text(text, "utf-8")
    assert main(["diff", str(tmp_path / "webshop.toml"), str(tmp_path / "new.toml")]) == 1
    shown = SECTIONS["Changing a contract"].split("new.toml\n")[1].split("```")[0]
    assert capsys.readouterr().out == shown
