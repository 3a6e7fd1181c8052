"""Several contracts behind one API: uploads to each, what each takes, the saved queries of all."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from chalicelib.api.upload_names import UploadId
from chalicelib.contracts.contract import Contract
from chalicelib.counts import Counts
from chalicelib.dataset import Dataset
from chalicelib.errors import UnknownUpload
from chalicelib.file_names import ledger_name
from chalicelib.loading.entry import Entry
from chalicelib.settings import Settings
from tests.app.front import NOW, VARIABLES, Front
from tests.contracts import FOLDER, ORDERS, contract, datasets_of

WOO = contract("woocommerce")
STRIPE = contract("stripe_invoice")
QUERY = """-- title: Refunds
-- description: What was given back.
-- chart: bar x=reason y=amount
SELECT reason, SUM(amount) AS amount FROM ${database}."woo_refunds_latest" GROUP BY reason
"""


def datasets(*contracts: Contract) -> Sequence[Dataset]:
    return datasets_of(Settings.from_environment(VARIABLES), *contracts)


@pytest.fixture
def front(tmp_path: Path) -> Front:
    """An API of the orders and of another contract with three tables and a query."""
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "woo_refund_reasons.sql").write_text(QUERY)
    return Front(datasets(ORDERS, replace(WOO, folder=tmp_path)))


@pytest.mark.parametrize(
    ("name", "folder"), [("orders", "orders_json_incoming/"), ("woocommerce", "orders_json_incoming/woocommerce/")]
)
def test_an_upload_lies_in_the_folder_of_its_contract_and_its_id_leads_back_to_it(
    front: Front, name: str, folder: str
) -> None:
    link = front.post("a.json", contract=name).body
    assert (link["contract"], link["key"]) == (name, f"{folder}{link['upload_id']}/a.json")
    policy = json.loads(base64.b64decode(link["fields"]["policy"]))
    assert {"key": link["key"]} in policy["conditions"]
    status = front.call("GET", "/uploads/{upload_id}", path={"upload_id": link["upload_id"]}).body
    assert (status["contract"], status["key"], status["status"]) == (name, link["key"], "waiting")


def test_an_upload_that_names_no_contract_is_of_the_only_one_else_of_the_orders(front: Front) -> None:
    for contract_ in ({}, {"contract": None}):
        assert front.post("a.json", **contract_).body["contract"] == "orders"
    assert Front(datasets(WOO)).post("a.json").body["contract"] == "woocommerce"


def test_where_neither_is_there_the_contracts_are_named() -> None:
    answer = Front(datasets(WOO, STRIPE)).post("a.json")
    assert (answer.status, answer.body["Fields"]) == (
        400,
        {"contract": "is missing: give one of woocommerce, stripe_invoice"},
    )


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("shop", "there is no contract 'shop': give one of orders, woocommerce"),
        ("../orders", "there is no contract '../orders': give one of orders, woocommerce"),
        ("", "there is no contract '': give one of orders, woocommerce"),
        (7, "7 is not text: give one of orders, woocommerce"),
        (["orders"], '["orders"] is not text: give one of orders, woocommerce'),
    ],
)
def test_an_unknown_contract_is_refused_with_those_there_are(front: Front, given: object, problem: str) -> None:
    answer = front.post("a.json", contract=given)
    assert (answer.status, answer.body["Fields"]) == (400, {"contract": problem})


def test_a_wrong_name_and_a_wrong_contract_are_named_at_once(front: Front) -> None:
    assert set(front.post("a/b.json", contract="shop").body["Fields"]) == {"filename", "contract"}


@pytest.mark.parametrize("name", ["shop", "..", "../../orders_ledger", "a/b", "Orders"])
def test_an_id_made_up_for_another_contract_or_a_path_is_unknown(front: Front, name: str) -> None:
    made_up = UploadId.new(name, "a.json", NOW, bytes(16)).text
    assert front.call("GET", "/uploads/{upload_id}", path={"upload_id": made_up}).status == 404


@pytest.mark.parametrize("name", ["..", "../../orders_ledger", "a/b", "Orders"])
def test_an_id_with_what_is_no_name_of_a_contract_is_never_read(name: str) -> None:
    with pytest.raises(UnknownUpload):
        UploadId.read(UploadId.new(name, "a.json", NOW, bytes(16)).text)


def test_an_id_from_before_there_were_several_contracts_leads_to_its_file_still(front: Front) -> None:
    earlier = UploadId.new("", "a.json", NOW, bytes(16)).text
    status = front.call("GET", "/uploads/{upload_id}", path={"upload_id": earlier}).body
    assert (status["contract"], status["key"]) == (None, f"orders_json_incoming/{earlier}/a.json")


def test_an_upload_says_what_became_of_it_whatever_its_contract(front: Front) -> None:
    link = front.post("a.json", contract="woocommerce").body
    front.s3.put(link["key"], b"[]")
    front.s3.put(*ledger_entry(link["key"]))
    status = front.call("GET", "/uploads/{upload_id}", path={"upload_id": link["upload_id"]}).body
    assert (status["status"], status["orders_loaded"], status["rows"]) == ("loaded", 2, 3)


def test_the_longest_names_of_contract_and_file_make_a_key_that_s3_takes_or_are_refused() -> None:
    longest = "c" * 255
    front = Front(datasets(replace(WOO, name=longest, incoming=f"{'w' * 50}/")))
    assert len(front.post("x" * 100 + ".json").body["key"].encode()) <= 1024
    answer = front.post("x" * 250 + ".json")
    assert answer.status == 400
    assert "give a shorter name" in answer.body["Fields"]["filename"]


def test_the_contracts_tell_what_is_taken(front: Front) -> None:
    contracts = front.call("GET", "/contracts").body["contracts"]
    assert [each["name"] for each in contracts] == ["orders", "woocommerce"]
    assert contracts[1]["url"].endswith("/api/contracts/woocommerce")
    assert contracts[1]["incoming"] == "orders_json_incoming/woocommerce/"
    assert contracts[1]["document"] == {
        "records": [],
        "at": None,
        "identity": ["order_id"],
        "date": "date_created",
        "version": "date_modified",
        "earliest": "2000-01-01",
    }
    assert [table["name"] for table in contracts[1]["tables"]] == ["woo_lines", "woo_refunds", "woo_line_taxes"]
    columns = {column["name"]: column for column in contracts[1]["tables"][0]["columns"]}
    assert columns["customer_id"] == {
        "name": "customer_id",
        "type": "string",
        "from": "customer_id",
        "takes": "text or integer",
        "required": False,
        "rules": ["NULL where 0"],
        "description": "The customer; NULL for a guest.",
    }
    assert columns["order_id"]["required"]
    assert columns["date_local"]["rules"] == ["in America/Sao_Paulo"]
    assert (columns["line_amount"]["from"], columns["line_amount"]["takes"]) == ("price × quantity", None)


def test_one_contract_is_told_by_its_name(front: Front) -> None:
    for each in front.call("GET", "/contracts").body["contracts"]:
        answer = front.call("GET", "/contracts/{name}", path={"name": each["name"]})
        assert answer.status == 200
        assert each.items() <= answer.body.items()


def test_a_sender_can_check_documents_against_the_schema_that_a_contract_has(front: Front) -> None:
    schema = front.call("GET", "/contracts/{name}", path={"name": "woocommerce"}).body["json_schema"]
    check = Draft202012Validator(schema)
    samples = json.loads((FOLDER / "woocommerce" / "sample.json").read_text("utf-8"))
    assert samples
    for document in samples:
        assert check.is_valid(document)
        assert not check.is_valid(document | {"total": ["1.00"]})


def test_a_contract_that_is_not_there_is_answered_with_those_there_are(front: Front) -> None:
    answer = front.call("GET", "/contracts/{name}", path={"name": "shop"})
    assert answer.status == 404
    assert answer.body["Message"] == "no contract is named 'shop': use one of orders, woocommerce"


@pytest.mark.parametrize("path", [None, {"name": "orders"}])
def test_the_contracts_take_no_parameters(front: Front, path: dict[str, str] | None) -> None:
    resource = "/contracts/{name}" if path else "/contracts"
    assert front.call("GET", resource, path=path, query={"all": ["1"]}).status == 400


def test_the_saved_queries_of_all_contracts_are_listed_with_their_contract_and_how_they_are_drawn(front: Front) -> None:
    queries = {query["name"]: query for query in front.call("GET", "/queries").body["queries"]}
    assert queries["woo_refund_reasons"]["contract"] == "woocommerce"
    assert queries["woo_refund_reasons"]["chart"] == {"type": "bar", "x": "reason", "y": "amount"}
    assert queries["preview"]["contract"] == "orders"
    assert queries["preview"]["chart"] is None


def test_the_document_of_the_api_names_the_contracts_and_the_queries_of_all(front: Front) -> None:
    described = front.call("GET", "/openapi.json").body
    body = described["paths"]["/uploads"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["contract"]["enum"] == ["orders", "woocommerce", None]
    assert {"/queries/woo_refund_reasons", "/queries/preview", "/contracts/{name}"} <= set(described["paths"])


def ledger_entry(key: str) -> tuple[str, bytes]:
    """Return the name and content of the entry of a file of two bytes that was loaded."""
    entry = Entry(key, "2", "1", "loaded", counts=Counts(2, 2, 0, 3))
    return f"orders_ledger/{ledger_name(key)}", json.dumps(entry.as_json()).encode()
