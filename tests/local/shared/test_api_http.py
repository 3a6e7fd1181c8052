"""Every route of the REST API over HTTP: deployed by Chalice, behind the embedded API Gateway, with IAM enforced."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import requests

from chalicelib.api.headers import SECURITY
from local.emulator import PROJECT
from tests.local.api_client import QUERIES, Client, send
from tests.local.product import Product

pytestmark = pytest.mark.aws
SAMPLE = (PROJECT / "sample_data" / "orders_etl.json").read_bytes()


@pytest.fixture(scope="module")
def api(product: Product) -> Client:
    return Client(product, (product.aws.access_key_id, product.aws.secret_access_key))


@pytest.fixture(scope="module")
def uploaded(api: Client, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The sample, uploaded and loaded."""
    return api.upload("orders_etl.json", SAMPLE, tmp_path_factory.mktemp("upload"))


def test_from_upload_to_answer(api: Client, uploaded: Any) -> None:
    assert uploaded["status"] == "loaded"
    assert (uploaded["orders_read"], uploaded["orders_loaded"], uploaded["orders_rejected"]) == (12, 12, 0)
    assert (uploaded["rows"], uploaded["files"]) == (23, 3)
    answer = api.get("/queries/order_lines_of", order_id="1001")
    assert answer.status_code == 200
    body = answer.json()
    at = [column["name"] for column in body["columns"]].index("source_key")
    assert uploaded["key"] in {row[at] for row in body["rows"]}


def test_names_survive_the_whole_way(api: Client, product: Product, tmp_path: Path) -> None:
    name = "Bestellungen Größe+100% ☕ #1 'x'.json.gz"
    order = {"order_id": "n-1", "order_date": "2024-07-01"}
    body = api.upload(name, gzip.compress(json.dumps([order]).encode()), tmp_path)
    assert body["status"] == "loaded"
    assert body["key"].endswith(f"/{name}")
    assert product.rows(body["key"], "order_id") == [["n-1"]]
    stored = product.s3.head_object(Bucket=product.settings.bucket, Key=body["key"])
    assert stored["ContentType"] == "application/gzip"
    assert stored["ServerSideEncryption"] == "AES256"


def test_a_link_takes_one_key_one_type_one_encryption_and_no_empty_file(api: Client, tmp_path: Path) -> None:
    link = api.offer("orders.json")
    assert send(link, b"[]", tmp_path, key="orders_json_incoming/other.json") == 403
    assert send(link, b"[]", tmp_path, **{"Content-Type": "text/html"}) == 403
    assert send(link, b"[]", tmp_path, **{"x-amz-server-side-encryption": "aws:kms"}) == 403
    assert send(link, b"", tmp_path) == 400
    assert api.get(f"/uploads/{link['upload_id']}").json()["status"] == "waiting"


def test_rejected_orders_have_their_reasons(api: Client, tmp_path: Path) -> None:
    orders = [{"order_id": "r-1", "order_date": "2024-07-01"}, {"order_id": "r-2"}, 7]
    body = api.upload("some.json", json.dumps(orders).encode(), tmp_path)
    assert (body["status"], body["orders_read"], body["orders_loaded"], body["orders_rejected"]) == (
        "partly_loaded", 3, 1, 2,
    )  # fmt: skip
    assert [each["record_number"] for each in body["rejected"]] == [2, 3]
    assert all(each["reason"] for each in body["rejected"])
    kept = requests.get(body["quarantine_url"], timeout=10)
    assert [json.loads(line)["record_number"] for line in gzip.decompress(kept.content).splitlines()] == [2, 3]


def test_what_was_dropped_is_listed_with_its_versions_and_what_was_rejected_of_it(api: Client, tmp_path: Path) -> None:
    raw = '{"order_id": "s-2",\n "total_amount": 1.10}'
    body = api.upload(
        "some sources.json", f'[{{"order_id": "s-1", "order_date": "2024-07-01"}}, {raw}]'.encode(), tmp_path
    )
    (source,) = api.get("/sources", contains=body["key"]).json()["sources"]
    # S3's list tells more of a second than its HEAD.
    assert {name: body[name] for name in source} == source | {"received_at": body["received_at"]}
    assert source["seconds"] > 0
    one = api.get("/source", key=body["key"]).json()
    (version,) = one["versions"]
    assert (version["newest"], version["in_tables"], version["deletion"]) == (True, True, False)
    assert one["quarantine_url"]
    page = api.get("/rejected", key=body["key"]).json()
    assert [(each["record_number"], each["raw"], each["exact"]) for each in page["records"]] == [(2, raw, True)]
    assert api.get("/source", key="orders_ledger/x.json").status_code == 400
    assert api.get("/rejected", key=f"{body['key']}x").status_code == 404


def test_the_reason_of_a_file_that_cannot_be_read_has_the_position(api: Client, tmp_path: Path) -> None:
    body = api.upload("broken.json", b'[{"order_id": 1', tmp_path)
    assert (body["status"], body["rows"], body["files"]) == ("quarantined", 0, 0)
    assert "byte" in body["reason"]
    kept = requests.get(body["quarantine_url"], timeout=10).content
    assert json.loads(gzip.decompress(kept))["reason"] == body["reason"]
    assert body["receipt"] == f"orders_receipts/{body['key']}.json"


def test_the_list_of_queries_leads_to_each(api: Client, uploaded: Any) -> None:
    body = api.get("/queries").json()["queries"]
    assert [each["name"] for each in body] == list(QUERIES)
    for each in body:
        query = {parameter["name"]: parameter["example"] for parameter in each["parameters"]}
        answer = api.get(each["url"], **query)
        assert answer.status_code == 200, answer.text
        assert answer.json()["query"] == each["name"]


def test_an_execution_is_followed_paged_downloaded_and_cancelled(api: Client, uploaded: Any) -> None:
    begun = api.get("/queries/preview", wait=0)
    assert begun.status_code in (200, 202)
    status_url = begun.json()["status_url"]
    body = api.get("/queries/preview", page_size=3).json()
    rows, token = body["rows"], body["next_page_token"]
    assert len(rows) == 3
    while token:
        page = api.get(body["results_url"], page_size=3, page_token=token).json()
        rows, token = rows + page["rows"], page["next_page_token"]
    assert len(rows) == 10
    assert api.get(body["results_url"]).json()["rows"] == rows

    link = api.get(f"/executions/{body['execution_id']}/download")
    assert link.status_code == 303
    csv = requests.get(link.headers["Location"], timeout=10)
    assert csv.status_code == 200
    assert csv.text.splitlines()[0].startswith('"order_id"')
    assert "preview.csv" in csv.headers["Content-Disposition"]

    link = api.get(f"/executions/{body['execution_id']}/download", format="excel")
    excel = requests.get(link.headers["Location"], timeout=10)
    assert excel.content.startswith(b'\xef\xbb\xbf"order_id"')
    assert "preview.csv" in excel.headers["Content-Disposition"]
    assert len(excel.content.splitlines()) == len(csv.content.splitlines())

    execution = api.get(status_url).json()
    assert execution["query"] == "preview"
    assert api.call("DELETE", status_url).status_code == 202
    assert api.get(status_url).json()["state"] in ("SUCCEEDED", "CANCELLED", "RUNNING", "QUEUED")


def test_a_retry_with_the_same_key_is_the_same_execution(api: Client, uploaded: Any) -> None:
    def execution(key: str | None) -> str:
        headers = {"Idempotency-Key": key} if key else {}
        answer = api.call("GET", "/queries/sales_by_month", headers=headers)
        assert answer.status_code == 200, answer.text
        body: str = answer.json()["execution_id"]
        return body

    assert execution("retry-1") == execution("retry-1")
    assert execution("retry-2") != execution("retry-1")
    assert execution(None) != execution(None)


def test_earlier_results_are_reused_only_when_asked_for(api: Client, uploaded: Any) -> None:
    assert api.get("/queries/total_mismatches").json()["reused"] is False
    again = api.get("/queries/total_mismatches", max_age=60).json()
    assert (again["reused"], again["cost_usd"]) == (True, 0)


def test_executions_that_are_not_ours_are_not_there(api: Client, product: Product, uploaded: Any) -> None:
    athena = product.aws.client("athena")
    context = {"Database": product.settings.database}
    other = athena.start_query_execution(
        QueryString="SELECT 1", QueryExecutionContext=context, WorkGroup=product.settings.workgroup
    )["QueryExecutionId"]
    for unknown in (other, "00000000-0000-4000-8000-000000000000", "x"):
        for method, path in (("GET", ""), ("GET", "/results"), ("GET", "/download"), ("DELETE", "")):
            assert api.call(method, f"/executions/{unknown}{path}").status_code == 404


def test_injections_are_values_and_bad_parameters_are_named_at_once(api: Client, uploaded: Any) -> None:
    answer = api.get("/queries/order_lines_of", order_id="1001' OR '1'='1")
    assert (answer.status_code, answer.json()["rows"]) == (200, [])
    wrong = api.get("/queries/top_products", **{"limit": "1; DROP", "from": "x", "to": ["2024-01-01", "2024-01-02"]})
    assert wrong.status_code == 400
    assert set(wrong.json()["Fields"]) == {"limit", "from", "to"}
    assert set(wrong.json()) == {"Code", "Message", "RequestId", "Fields"}


def test_every_answer_of_ours_has_the_security_headers(api: Client) -> None:
    for answer in (api.get("/queries"), api.get("/queries/nope"), api.call("POST", "/uploads", data=b"x")):
        assert SECURITY.items() <= answer.headers.items()
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_unknown_routes_and_methods_are_as_the_gateway_has_them(api: Client) -> None:
    for method, path in (("GET", "/nothing"), ("PUT", "/queries"), ("GET", "/uploads"), ("OPTIONS", "/queries")):
        answer = api.call(method, path)
        assert (answer.status_code, list(answer.json())) == (403, ["message"])
